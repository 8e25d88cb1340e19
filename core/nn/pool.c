/* SPDX-License-Identifier: Apache-2.0
 * pool.c - attention pooling with a learned query.
 *
 *   forward    a = softmax(x u / sqrt(d))      y = sum over i of a_i x_i
 *
 *   backward   da_i = x_i . dy                 ds = a (da - sum(a da)) / sqrt(d)
 *              dx_i += a_i dy + ds_i u
 *              du   += sum over i of ds_i x_i
 *
 * Lin et al., "A Structured Self-attentive Sentence Embedding" (2017), arXiv:1703.03130, section
 * 2.1, with one hop and no hidden layer. */
#include "core/nn/pool.h"

#include "core/tensor/rows.h"

#include <math.h>
#include <string.h>

void nn_pool_init(struct nn_pool *l, struct nn_params *ps, const char *prefix, size_t d)
{
	l->d = d;
	l->u = nn_param_add(ps, prefix, "u", 1, d, 0, NN_ZERO, 0.0F);
}

void nn_pool_fwd(const struct nn_pool *l, const float *p, struct nn_pool_act *a,
		 struct as_arena *mem, const float *restrict x, float *restrict y, size_t n)
{
	const size_t d = l->d;

	a->n = n;
	a->x = x;
	a->a = as_alloc(mem, n, sizeof *a->a);
	for (size_t i = 0; i < n; i++) {
		a->a[i] = tn_dot(x + i * d, p + l->u, d);
	}
	tn_softmax_rows(a->a, 1, n, n, 1.0F / sqrtf((float)d));
	memset(y, 0, d * sizeof *y);
	for (size_t i = 0; i < n; i++) {
		tn_axpy(y, a->a[i], x + i * d, d); /* y += a_i x_i */
	}
}

void nn_pool_bwd(const struct nn_pool *l, const float *p, float *g, const struct nn_pool_act *a,
		 const float *restrict dy, float *restrict dx)
{
	const size_t d = l->d;
	const float scale = 1.0F / sqrtf((float)d);
	float mean = 0.0F;

	for (size_t i = 0; i < a->n; i++) {
		mean += a->a[i] * tn_dot(a->x + i * d, dy, d); /* sum(a da) */
	}
	for (size_t i = 0; i < a->n; i++) {
		const float da = tn_dot(a->x + i * d, dy, d);
		const float ds = scale * a->a[i] * (da - mean);

		tn_axpy(dx + i * d, a->a[i], dy, d);
		tn_axpy(dx + i * d, ds, p + l->u, d);
		tn_axpy(g + l->u, ds, a->x + i * d, d);
	}
}
