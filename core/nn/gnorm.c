/* SPDX-License-Identifier: Apache-2.0
 * gnorm.c - group normalisation.
 *
 *   forward    mu = mean(x)   s2 = mean((x - mu)^2)   r = 1 / sqrt(s2 + eps)      of each group
 *              xhat = (x - mu) r
 *              y = gamma xhat + beta
 *
 *   backward   q = gamma dy
 *              dx += r (q - mean(q) - xhat mean(q xhat))
 *              dgamma += sum over places of dy xhat
 *              dbeta  += sum over places of dy
 *
 * Means are over the channels of a group and all places: no statistics of other pictures, so a
 * picture's answer is its own. They are sums over the places first, one a channel; of those of dy
 * and dy xhat both the gradients and the means are made.
 * Wu, He, "Group Normalization" (2018), arXiv:1803.08494, section 3. */
#include "core/nn/gnorm.h"

#include "core/tensor/rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const float EPS = 1e-5F;

void nn_gnorm_init(struct nn_gnorm *l, struct nn_params *ps, const char *prefix, size_t d)
{
	assert(d % NN_GROUPS == 0);
	l->d = d;
	l->gamma = nn_param_add(ps, prefix, "gamma", 1, d, 0, NN_ONE, 0.0F);
	l->beta = nn_param_add(ps, prefix, "beta", 1, d, 0, NN_ZERO, 0.0F);
}

/* Each channel's sum [d] becomes the mean of its group's n * d / NN_GROUPS numbers. */
static void group_means(float *sum, size_t n, size_t d)
{
	const size_t each = d / NN_GROUPS;

	for (size_t c = 0; c < d; c += each) {
		float all = 0.0F;

		for (size_t k = 0; k < each; k++) {
			all += sum[c + k];
		}
		all /= (float)(n * each);
		for (size_t k = 0; k < each; k++) {
			sum[c + k] = all;
		}
	}
}

void nn_gnorm_fwd(const struct nn_gnorm *l, const float *p, struct nn_gnorm_act *a, bool keep,
		  struct as_arena *mem, const float *restrict x, float *restrict y, size_t n)
{
	const size_t d = l->d;
	float *xhat = keep ? as_alloc(mem, n * d, sizeof *xhat) : NULL;
	float *rstd = keep ? as_alloc(mem, d, sizeof *rstd) : NULL;
	const size_t mark = mem->used;
	float *mean = as_zalloc(mem, d, sizeof *mean);
	float *r = as_zalloc(mem, d, sizeof *r);
	float *shift = as_alloc(mem, d, sizeof *shift);

	tn_sum_rows(mean, x, n, d);
	group_means(mean, n, d);
	tn_sum_squares(r, x, mean, n, d);
	group_means(r, n, d);
	for (size_t c = 0; c < d; c++) {
		r[c] = 1.0F / sqrtf(r[c] + EPS);
		shift[c] = -mean[c] * r[c];
	}
	if (keep) {
		tn_scale_rows(xhat, x, r, shift, n, d);
		memcpy(rstd, r, d * sizeof *r);
		*a = (struct nn_gnorm_act){ .xhat = xhat, .rstd = rstd };
	}
	for (size_t c = 0; c < d; c++) {
		r[c] *= p[l->gamma + c];
		shift[c] = shift[c] * p[l->gamma + c] + p[l->beta + c];
	}
	tn_scale_rows(y, x, r, shift, n, d);
	as_arena_reset(mem, mark);
}

void nn_gnorm_bwd(const struct nn_gnorm *l, const float *p, float *g, const struct nn_gnorm_act *a,
		  struct as_arena *mem, const float *restrict dy, float *restrict dx, size_t n)
{
	const float *gamma = p + l->gamma;
	const size_t d = l->d;
	const size_t mark = mem->used;
	float *q = as_zalloc(mem, d, sizeof *q);        /* sums of dy, then -r mean(q) */
	float *qx = as_zalloc(mem, d, sizeof *qx);      /* of dy xhat, then -r mean(q xhat) */
	float *slope = as_alloc(mem, d, sizeof *slope); /* gamma r */

	tn_sum_rows(q, dy, n, d);
	for (size_t i = 0; i < n; i++) {
		tn_mul_add(qx, dy + i * d, a->xhat + i * d, d);
	}
	tn_axpy(g + l->gamma, 1.0F, qx, d); /* dgamma */
	tn_axpy(g + l->beta, 1.0F, q, d);   /* dbeta */
	tn_mul(q, gamma, d);
	tn_mul(qx, gamma, d);
	group_means(q, n, d);
	group_means(qx, n, d);
	for (size_t c = 0; c < d; c++) {
		slope[c] = gamma[c] * a->rstd[c];
		q[c] *= -a->rstd[c];
		qx[c] *= -a->rstd[c];
	}
	for (size_t i = 0; i < n; i++) { /* dx */
		tn_mul_add(dx + i * d, slope, dy + i * d, d);
		tn_mul_add(dx + i * d, qx, a->xhat + i * d, d);
		tn_axpy(dx + i * d, 1.0F, q, d);
	}
	as_arena_reset(mem, mark);
}
