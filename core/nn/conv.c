/* SPDX-License-Identifier: Apache-2.0
 * conv.c - 2-d convolution, 3 x 3, padding 1, stride s, channels last.
 *
 *   forward    c_ij = the 9 in values of x around (s i, s j), zero outside        [9 in]
 *              y_ij = c_ij W' + b
 *
 *   backward   dW += dy' c      db += sum over places of dy      dc = dy W
 *              dx around (s i, s j) += dc_ij
 *
 * The rows of W are standardised (core/nn/standard.h).
 *
 * Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document
 * Processing" (2006), section 3: unfold, then one product. */
#include "core/nn/conv.h"

#include "core/nn/linear.h"
#include "core/tensor/rows.h"

#include <stdbool.h>
#include <string.h>

enum { SIDE = 3, TAPS = SIDE * SIDE };

void nn_conv_init(struct nn_conv *l, struct nn_params *ps, const char *prefix, size_t in,
		  size_t out, size_t stride)
{
	l->in = in;
	l->out = out;
	l->stride = stride;
	l->w =
	    nn_param_add(ps, prefix, "w", out, TAPS * in, NN_DECAY | NN_STANDARD, NN_NORMAL, 1.0F);
	l->laid = (struct nn_laid){ 0 };
	nn_param_serve(ps, l->w, &l->laid, true);
	l->b = nn_param_add(ps, prefix, "b", 1, out, 0, NN_ZERO, 0.0F);
}

/* The product is that of a linear layer over the patches. */
static struct nn_linear as_linear(const struct nn_conv *l)
{
	return (struct nn_linear){
		.in = TAPS * l->in, .out = l->out, .w = l->w, .b = l->b, .laid = l->laid
	};
}

static size_t halved(size_t n, size_t stride)
{
	return (n + stride - 1) / stride;
}

/* The part of a row of x that the three taps of one kernel row cover: columns [c0, c1) of the
 * input, which are taps from `skip` on. Channels last: they are one run of floats. */
struct run {
	size_t c0, c1, skip;
};

static struct run taps(size_t j, size_t stride, size_t w)
{
	const size_t at = j * stride; /* tap 0 is column at - 1 */

	return (struct run){ .c0 = at > 0 ? at - 1 : 0,
			     .c1 = at + 2 < w ? at + 2 : w,
			     .skip = at > 0 ? 0 : 1 };
}

/* Kernel row t of output row i reads row i stride + t - 1 of x; false where that is padding. */
static bool row_of(size_t i, size_t t, const struct nn_conv *l, size_t h, size_t *r)
{
	*r = i * l->stride + t - 1;
	return i * l->stride + t >= 1 && i * l->stride + t <= h;
}

static void unfold(const struct nn_conv *l, const struct nn_conv_act *a, const float *x)
{
	const size_t in = l->in;
	const size_t oh = halved(a->h, l->stride);
	const size_t ow = halved(a->w, l->stride);

	memset(a->cols, 0, oh * ow * TAPS * in * sizeof *x);
	for (size_t i = 0; i < oh * SIDE; i++) { /* each output row, each row of the kernel */
		float *c = a->cols + (i / SIDE * ow * TAPS + i % SIDE * SIDE) * in;
		size_t r;

		if (!row_of(i / SIDE, i % SIDE, l, a->h, &r)) {
			continue;
		}
		for (size_t j = 0; j < ow; j++, c += TAPS * in) {
			const struct run u = taps(j, l->stride, a->w);

			memcpy(c + u.skip * in, x + (r * a->w + u.c0) * in,
			       (u.c1 - u.c0) * in * sizeof *c);
		}
	}
}

/* The adjoint of unfold: adds. */
static void fold(const struct nn_conv *l, const struct nn_conv_act *a, const float *dcols,
		 float *dx)
{
	const size_t in = l->in;
	const size_t oh = halved(a->h, l->stride);
	const size_t ow = halved(a->w, l->stride);

	for (size_t i = 0; i < oh * SIDE; i++) {
		const float *dc = dcols + (i / SIDE * ow * TAPS + i % SIDE * SIDE) * in;
		size_t r;

		if (!row_of(i / SIDE, i % SIDE, l, a->h, &r)) {
			continue;
		}
		for (size_t j = 0; j < ow; j++, dc += TAPS * in) {
			const struct run u = taps(j, l->stride, a->w);

			tn_axpy(dx + (r * a->w + u.c0) * in, 1.0F, dc + u.skip * in,
				(u.c1 - u.c0) * in);
		}
	}
}

void nn_conv_fwd(const struct nn_conv *l, const float *p, struct nn_conv_act *a,
		 struct as_arena *mem, const float *restrict x, size_t h, size_t w,
		 float *restrict y)
{
	const struct nn_linear map = as_linear(l);
	const size_t places = halved(h, l->stride) * halved(w, l->stride);

	a->h = h;
	a->w = w;
	a->cols = as_alloc(mem, places * TAPS * l->in, sizeof *a->cols);
	unfold(l, a, x);
	nn_linear_fwd(&map, p, a->cols, y, places);
}

void nn_conv_bwd(const struct nn_conv *l, const float *p, float *g, const struct nn_conv_act *a,
		 struct as_arena *mem, const float *restrict dy, float *restrict dx)
{
	const struct nn_linear map = as_linear(l);
	const size_t places = halved(a->h, l->stride) * halved(a->w, l->stride);
	const size_t mark = mem->used;
	float *dc = NULL;

	if (dx != NULL) {
		dc = as_zalloc(mem, places * TAPS * l->in, sizeof *dc);
	}
	nn_linear_bwd(&map, p, g, a->cols, dy, dc, places);
	if (dx != NULL) {
		fold(l, a, dc, dx);
	}
	as_arena_reset(mem, mark);
}
