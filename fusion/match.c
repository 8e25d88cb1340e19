/* SPDX-License-Identifier: Apache-2.0
 * match.c - the sigmoid loss that draws the parts of one case together.
 *
 *   forward    â = a / |a|      b̂ = b / |b|      |a| = √(Σ a² + ε)
 *              l_ij = t â_i · b̂_j + β             y_ij = +1 for i = j, else -1
 *              L = -1/n Σ_ij log σ(y_ij l_ij)
 *   backward   dl_ij = -y_ij σ(-y_ij l_ij) / n
 *              dâ_i = t Σ_j dl_ij b̂_j             db̂_j = t Σ_i dl_ij â_i
 *              da = (dâ - â (â · dâ)) / |a|        db likewise
 *
 *   Zhai, Mustafa, Kolesnikov, Beyer, "Sigmoid loss for language image pre-training" (2023),
 *   arXiv:2303.15343, section 3.2. There t and β are learned over batches of thousands; here t is
 *   their starting value and β = -log(n - 1), so that vectors that know nothing of each other
 *   (â · b̂ = 0) start at the share of matching pairs. ε = 1e-12 keeps a zero vector finite. */
#include "fusion/match.h"

#include "core/base/buf.h"
#include "core/nn/loss.h"
#include "core/tensor/gemm.h"
#include "core/tensor/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float T = 10.0F;

/* Rows of unit length; the lengths go to len [n]. */
static void unit_rows(const float *const *z, float *unit, float *len, size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++) {
		len[i] = sqrtf(tn_dot(z[i], z[i], d) + 1e-12F);
		for (size_t k = 0; k < d; k++) {
			unit[i * d + k] = z[i][k] / len[i];
		}
	}
}

static void unit_rows_bwd(const float *unit, const float *len, const float *dunit, float *const *dz,
			  size_t n, size_t d)
{
	for (size_t i = 0; i < n; i++) {
		const float *u = unit + i * d;
		const float *du = dunit + i * d;

		tn_axpy(dz[i], 1.0F / len[i], du, d);
		tn_axpy(dz[i], -tn_dot(u, du, d) / len[i], u, d);
	}
}

/* log(1 + e^x) */
static double softplus(double x)
{
	return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* Products â_i · b̂_j [n, n] become t weight dL/dl; returns the loss. */
static double pairs(float *l, size_t n, float weight)
{
	const float beta = -logf((float)(n - 1));
	double sum = 0.0;

	for (size_t i = 0; i < n * n; i++) {
		const float y = i / n == i % n ? 1.0F : -1.0F;
		const float at = y * (T * l[i] + beta);

		sum += softplus(-(double)at);
		l[i] = -weight * T * y * nn_sigmoid(-at) / (float)n;
	}
	return (double)weight * sum / (double)n;
}

double fu_match_loss(const float *const *za, const float *const *zb, size_t n, size_t d,
		     float weight, float *const *dza, float *const *dzb)
{
	float *a;
	float *b;
	float *da;
	float *db;
	float *l;
	float *len;
	double loss;

	if (n < 2) {
		return 0.0;
	}
	a = as_calloc(4 * n * d + n * n + 2 * n, sizeof *a);
	b = a + n * d;
	da = b + n * d;
	db = da + n * d;
	l = db + n * d;
	len = l + n * n;
	unit_rows(za, a, len, n, d);
	unit_rows(zb, b, len + n, n, d);
	tn_gemm_nt((struct tn_mat){ l, n }, (struct tn_cmat){ a, d }, (struct tn_cmat){ b, d }, n,
		   n, d);
	loss = pairs(l, n, weight);
	if (dza != NULL) {
		tn_gemm_nn((struct tn_mat){ da, d }, (struct tn_cmat){ l, n },
			   (struct tn_cmat){ b, d }, n, d, n);
		unit_rows_bwd(a, len, da, dza, n, d);
	}
	if (dzb != NULL) {
		tn_gemm_tn((struct tn_mat){ db, d }, (struct tn_cmat){ l, n },
			   (struct tn_cmat){ a, d }, n, d, n);
		unit_rows_bwd(b, len + n, db, dzb, n, d);
	}
	free(a);
	return loss;
}
