/* SPDX-License-Identifier: Apache-2.0
 * linear.c - affine map of every row.
 *
 *   forward    y   = x W' + b
 *
 *   backward   dx += dy W
 *              dW += dy' x
 *              db += sum over rows of dy
 *
 * A model quantised by `assay quantize` serves with x and W in int8 (core/tensor/q8.h); any other
 * gives the same bits from W as it is and as it is served.
 *
 * Goodfellow, Bengio, Courville, "Deep Learning" (2016), section 6.5. */
#include "core/nn/linear.h"

#include "core/tensor/f32.h"
#include "core/tensor/gemm.h"
#include "core/tensor/q8.h"
#include "core/tensor/rows.h"

#include <math.h>

void nn_linear_init(struct nn_linear *l, struct nn_params *ps, const char *prefix, size_t in,
		    size_t out, bool bias, float gain)
{
	l->in = in;
	l->out = out;
	l->w = nn_param_add(ps, prefix, "w", out, in, NN_DECAY, NN_NORMAL, gain / sqrtf((float)in));
	l->laid = (struct nn_laid){ 0 };
	nn_param_serve(ps, l->w, &l->laid, true);
	l->b = bias ? nn_param_add(ps, prefix, "b", 1, out, 0, NN_ZERO, 0.0F) : NN_NONE;
}

void nn_linear_fwd(const struct nn_linear *l, const float *p, const float *restrict x,
		   float *restrict y, size_t n)
{
	const float *bias = l->b != NN_NONE ? p + l->b : NULL;

	if (l->laid.q8 != NULL) {
		tn_q8_mul(l->laid.q8, x, bias, y, n);
		return;
	}
	if (l->laid.f32 != NULL) {
		struct tn_f32_right w = tn_f32_part(l->laid.f32, 0, l->out, 0, l->in);

		w.bias = bias;
		tn_f32_product(&(struct tn_f32_left){ x, l->in, 1 }, &w,
			       &(struct tn_out){ y, l->out, false }, n);
		return;
	}
	tn_set_rows(y, bias, n, l->out);
	tn_gemm_nt((struct tn_mat){ y, l->out }, (struct tn_cmat){ x, l->in },
		   (struct tn_cmat){ p + l->w, l->in }, n, l->out, l->in); /* y += x W' */
}

void nn_linear_bwd(const struct nn_linear *l, const float *p, float *g, const float *restrict x,
		   const float *restrict dy, float *restrict dx, size_t n)
{
	if (dx != NULL) {
		tn_gemm_nn((struct tn_mat){ dx, l->in }, (struct tn_cmat){ dy, l->out },
			   (struct tn_cmat){ p + l->w, l->in }, n, l->in, l->out); /* dx += dy W */
	}
	tn_gemm_tn((struct tn_mat){ g + l->w, l->in }, (struct tn_cmat){ dy, l->out },
		   (struct tn_cmat){ x, l->in }, l->out, l->in, n); /* dW += dy' x */
	if (l->b != NN_NONE) {
		tn_sum_rows(g + l->b, dy, n, l->out); /* db += sum of dy */
	}
}
