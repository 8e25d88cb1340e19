/* SPDX-License-Identifier: Apache-2.0
 * norm.c - layer normalisation.
 *
 *   forward    mu = mean(x)   s2 = mean((x - mu)^2)   r = 1 / sqrt(s2 + eps)
 *              xhat = (x - mu) r
 *              y = gamma xhat + beta
 *
 *   backward   q = gamma dy
 *              dx += r (q - mean(q) - xhat mean(q xhat))
 *              dgamma += sum over rows of dy xhat
 *              dbeta  += sum over rows of dy
 *
 * Means are over the d features of one row.
 * Ba, Kiros, Hinton, "Layer Normalization" (2016), arXiv:1607.06450, section 3. */
#include "core/nn/norm.h"

#include "core/tensor/rows.h"

static const float eps = 1e-5F;

void nn_norm_init(struct nn_norm *l, struct nn_params *ps, const char *prefix, size_t d)
{
	l->d = d;
	l->gamma = nn_param_add(ps, prefix, "gamma", 1, d, 0, NN_ONE, 0.0F);
	l->beta = nn_param_add(ps, prefix, "beta", 1, d, 0, NN_ZERO, 0.0F);
}

static struct tn_norm kernel(const struct nn_norm *l, const float *p)
{
	return (
	    struct tn_norm){ .gamma = p + l->gamma, .beta = p + l->beta, .d = l->d, .eps = eps };
}

void nn_norm_fwd(const struct nn_norm *l, const float *p, struct nn_norm_act *a,
		 struct as_arena *mem, const float *restrict x, float *restrict y, size_t n)
{
	const struct tn_norm norm = kernel(l, p);

	if (a == NULL) {
		tn_norm_rows(&norm, x, NULL, NULL, y, n);
		return;
	}
	a->xhat = as_alloc(mem, n * l->d, sizeof *a->xhat);
	a->rstd = as_alloc(mem, n, sizeof *a->rstd);
	tn_norm_rows(&norm, x, a->xhat, a->rstd, y, n);
}

void nn_norm_bwd(const struct nn_norm *l, const float *p, float *g, const struct nn_norm_act *a,
		 const float *restrict dy, float *restrict dx, size_t n)
{
	const struct tn_norm norm = kernel(l, p);

	tn_norm_rows_bwd(&norm, a->xhat, a->rstd, dy, dx, n); /* dx */
	for (size_t i = 0; i < n; i++) {
		tn_mul_add(g + l->gamma, dy + i * l->d, a->xhat + i * l->d, l->d); /* dgamma */
	}
	tn_sum_rows(g + l->beta, dy, n, l->d); /* dbeta */
}
