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

#include <math.h>

static const float eps = 1e-5F;

void nn_norm_init(struct nn_norm *l, struct nn_params *ps, const char *prefix, size_t d)
{
	l->d = d;
	l->gamma = nn_param_add(ps, prefix, "gamma", 1, d, 0, NN_ONE, 0.0F);
	l->beta = nn_param_add(ps, prefix, "beta", 1, d, 0, NN_ZERO, 0.0F);
}

static void mean_rstd(const float *x, size_t d, float *mean, float *rstd)
{
	float m = 0.0F;
	float var = 0.0F;

	for (size_t j = 0; j < d; j++) {
		m += x[j];
	}
	m /= (float)d;
	for (size_t j = 0; j < d; j++) {
		var += (x[j] - m) * (x[j] - m);
	}
	*mean = m;
	*rstd = 1.0F / sqrtf(var / (float)d + eps);
}

void nn_norm_fwd(const struct nn_norm *l, const float *p, struct nn_norm_act *a,
		 struct as_arena *mem, const float *restrict x, float *restrict y, size_t n)
{
	const size_t d = l->d;
	const float *gamma = p + l->gamma;
	const float *beta = p + l->beta;

	a->xhat = as_alloc(mem, n * d, sizeof *a->xhat);
	a->rstd = as_alloc(mem, n, sizeof *a->rstd);
	for (size_t i = 0; i < n; i++) {
		float mean;

		mean_rstd(x + i * d, d, &mean, &a->rstd[i]);
		for (size_t j = 0; j < d; j++) {
			const float xhat = (x[i * d + j] - mean) * a->rstd[i];

			a->xhat[i * d + j] = xhat;
			y[i * d + j] = gamma[j] * xhat + beta[j];
		}
	}
}

void nn_norm_bwd(const struct nn_norm *l, const float *p, float *g, const struct nn_norm_act *a,
		 const float *restrict dy, float *restrict dx, size_t n)
{
	const size_t d = l->d;
	const float *gamma = p + l->gamma;

	for (size_t i = 0; i < n; i++) {
		const float *dyi = dy + i * d;
		const float *xhat = a->xhat + i * d;
		float mean_q = 0.0F;
		float mean_qx = 0.0F;

		for (size_t j = 0; j < d; j++) {
			mean_q += gamma[j] * dyi[j];
			mean_qx += gamma[j] * dyi[j] * xhat[j];
			g[l->gamma + j] += dyi[j] * xhat[j]; /* dgamma */
			g[l->beta + j] += dyi[j];            /* dbeta */
		}
		mean_q /= (float)d;
		mean_qx /= (float)d;
		for (size_t j = 0; j < d; j++) { /* dx */
			dx[i * d + j] +=
			    a->rstd[i] * (gamma[j] * dyi[j] - mean_q - xhat[j] * mean_qx);
		}
	}
}
