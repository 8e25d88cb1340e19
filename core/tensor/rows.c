/* SPDX-License-Identifier: Apache-2.0
 * rows.c - row kernels.
 *
 *   exp        n = round(x log2 e)   r = x - n ln 2   e^x = 2^n (1 + r + r^2 P(r))
 *              |r| <= ln 2 / 2; P of degree 5 and the split of ln 2: Moshier, Cephes, expf.c
 *   softmax    a_j  = e^(s (x_j - max x)) / sum_i e^(s (x_i - max x))
 *              dx_j = s a_j (da_j - sum_i a_i da_i)
 *   gelu       y    = x Phi(x)
 *              dx  += dy (Phi(x) + x phi(x))       phi(x) = e^(-x^2 / 2) / sqrt(2 pi)
 *              Phi by erf: Abramowitz, Stegun, "Handbook of Mathematical Functions" (1964), 7.1.26,
 *              |error of erf| <= 1.5e-7
 *   norm, adam core/nn/norm.c, core/nn/adam.c
 *
 * The order of the sums is in core/tensor/clones.h. */
#include "core/tensor/rows.h"

#include "core/tensor/clones.h"
#include "core/tensor/lanes.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

void tn_set_rows(float *restrict y, const float *restrict b, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		if (b != NULL) {
			memcpy(y + r * cols, b, cols * sizeof *y);
		} else {
			memset(y + r * cols, 0, cols * sizeof *y);
		}
	}
}

CLONES void tn_sum_rows(float *restrict b, const float *restrict y, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		const float *restrict row = y + r * cols;

		for (size_t j = 0; j < cols; j++) {
			b[j] += row[j];
		}
	}
}

CLONES void tn_sum_squares(float *restrict s, const float *restrict x, const float *restrict m,
			   size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		const float *restrict row = x + r * cols;

		for (size_t j = 0; j < cols; j++) {
			s[j] += (row[j] - m[j]) * (row[j] - m[j]);
		}
	}
}

CLONES void tn_scale_rows(float *restrict y, const float *restrict x, const float *restrict a,
			  const float *restrict b, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		for (size_t j = 0; j < cols; j++) {
			y[r * cols + j] = a[j] * x[r * cols + j] + b[j];
		}
	}
}

CLONES void tn_axpy(float *restrict y, float a, const float *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		y[i] += a * x[i];
	}
}

CLONES void tn_mul(float *restrict y, const float *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		y[i] *= x[i];
	}
}

CLONES void tn_mul_add(float *restrict y, const float *restrict x, const float *restrict z,
		       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		y[i] += x[i] * z[i];
	}
}

INTO float row_sum(const float *x, size_t n)
{
	float lane[LANES] = { 0.0F };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (size_t l = 0; l < LANES; l++) {
			lane[l] += x[i + l];
		}
	}
	for (size_t l = 0; i + l < n; l++) {
		lane[l] += x[i + l];
	}
	return lanes_sum(lane);
}

INTO float row_dot(const float *x, const float *y, size_t n)
{
	float lane[LANES] = { 0.0F };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (size_t l = 0; l < LANES; l++) {
			lane[l] += x[i + l] * y[i + l];
		}
	}
	for (size_t l = 0; i + l < n; l++) {
		lane[l] += x[i + l] * y[i + l];
	}
	return lanes_sum(lane);
}

CLONES float tn_dot(const float *x, const float *y, size_t n)
{
	return row_dot(x, y, n);
}

/* Sixteen at a time through a local array: x and y may be one array. */
CLONES void tn_exp(const float *x, float *y, size_t n)
{
	float t[LANES] = { 0.0F };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		memcpy(t, x + i, sizeof t);
		for (size_t l = 0; l < LANES; l++) {
			t[l] = exp_one(t[l]);
		}
		memcpy(y + i, t, sizeof t);
	}
	for (; i < n; i++) {
		y[i] = exp_one(x[i]);
	}
}

CLONES void tn_softmax_rows(float *x, size_t rows, size_t cols, size_t ld, float scale)
{
	for (size_t r = 0; r < rows; r++) {
		float *row = x + r * ld;
		const float max = row_max(row, cols);
		float over;

		for (size_t j = 0; j < cols; j++) {
			row[j] = exp_one(scale * (row[j] - max));
		}
		over = 1.0F / row_sum(row, cols);
		for (size_t j = 0; j < cols; j++) {
			row[j] *= over;
		}
	}
}

CLONES void tn_softmax_rows_bwd(const float *restrict a, float *restrict da, size_t rows,
				size_t cols, size_t ld, float scale)
{
	for (size_t r = 0; r < rows; r++) {
		const float *restrict ar = a + r * ld;
		float *restrict dr = da + r * ld;
		const float sum = row_dot(ar, dr, cols);

		for (size_t j = 0; j < cols; j++) {
			dr[j] = scale * ar[j] * (dr[j] - sum);
		}
	}
}

/* Phi(x) and e^(-x^2 / 2), which Phi needs and phi is a multiple of. */
INTO float gauss_below(float x, float *e)
{
	const float z = fabsf(x) * 0.70710678118654752F;
	const float t = 1.0F / (1.0F + 0.3275911F * z);
	float p = 1.061405429F;

	*e = exp_one(-z * z);
	p = p * t - 1.453152027F;
	p = p * t + 1.421413741F;
	p = p * t - 0.284496736F;
	p = p * t + 0.254829592F;
	p = 0.5F * (p * t) * *e; /* Phi(-|x|) */
	return x < 0.0F ? p : 1.0F - p;
}

CLONES void tn_gelu(const float *restrict x, float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float e;

		y[i] = x[i] * gauss_below(x[i], &e);
	}
}

CLONES void tn_gelu_bwd(const float *restrict x, const float *restrict dy, float *restrict dx,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float e;
		const float below = gauss_below(x[i], &e);

		dx[i] += dy[i] * (below + x[i] * (0.39894228040143268F * e));
	}
}

/* to = x - mean; returns 1 / sqrt(variance + eps). */
INTO float centre(const float *restrict x, float *restrict to, size_t d, float eps)
{
	const float mean = row_sum(x, d) / (float)d;

	for (size_t j = 0; j < d; j++) {
		to[j] = x[j] - mean;
	}
	return 1.0F / sqrtf(row_dot(to, to, d) / (float)d + eps);
}

CLONES void tn_norm_rows(const struct tn_norm *l, const float *restrict x, float *restrict xhat,
			 float *restrict rstd, float *restrict y, size_t rows)
{
	const float *restrict gamma = l->gamma;
	const float *restrict beta = l->beta;
	const size_t d = l->d;

	for (size_t r = 0; xhat != NULL && r < rows; r++) {
		float *restrict hr = xhat + r * d;
		float *restrict yr = y + r * d;
		const float scale = centre(x + r * d, hr, d, l->eps);

		for (size_t j = 0; j < d; j++) {
			hr[j] *= scale;
			yr[j] = gamma[j] * hr[j] + beta[j];
		}
		rstd[r] = scale;
	}
	for (size_t r = 0; xhat == NULL && r < rows; r++) {
		float *restrict yr = y + r * d;
		const float scale = centre(x + r * d, yr, d, l->eps);

		for (size_t j = 0; j < d; j++) {
			yr[j] = gamma[j] * (yr[j] * scale) + beta[j];
		}
	}
}

CLONES void tn_norm_rows_bwd(const struct tn_norm *l, const float *restrict xhat,
			     const float *restrict rstd, const float *restrict dy,
			     float *restrict dx, size_t rows)
{
	const float *restrict gamma = l->gamma;
	const size_t d = l->d;

	for (size_t r = 0; r < rows; r++) {
		const float *restrict hr = xhat + r * d;
		const float *restrict gr = dy + r * d;
		float *restrict xr = dx + r * d;
		const float mean = row_dot(gamma, gr, d) / (float)d; /* mean(g), g = gamma dy */
		float lane[LANES] = { 0.0F };
		float along; /* mean(g xhat) */
		size_t i = 0;

		for (; i + LANES <= d; i += LANES) {
			for (size_t k = 0; k < LANES; k++) {
				lane[k] += gamma[i + k] * gr[i + k] * hr[i + k];
			}
		}
		for (size_t k = 0; i + k < d; k++) {
			lane[k] += gamma[i + k] * gr[i + k] * hr[i + k];
		}
		along = lanes_sum(lane) / (float)d;
		for (size_t j = 0; j < d; j++) {
			xr[j] += rstd[r] * (gamma[j] * gr[j] - mean - hr[j] * along);
		}
	}
}

CLONES void tn_adam(const struct tn_adam *o, float *restrict x, const float *restrict g,
		    float *restrict m, float *restrict v, size_t n)
{
	const struct tn_adam c = *o;

	for (size_t i = 0; i < n; i++) {
		const float gi = g[i] * c.scale;

		m[i] = c.beta1 * m[i] + (1.0F - c.beta1) * gi;
		v[i] = c.beta2 * v[i] + (1.0F - c.beta2) * gi * gi;
		x[i] -= c.rate * (m[i] * c.fix1 / (sqrtf(v[i] * c.fix2) + c.eps) + c.decay * x[i]);
	}
}
