/* SPDX-License-Identifier: Apache-2.0
 * rows.c - row kernels. Sums run over 16 lanes that are added in a fixed tree at the end, so the
 * result does not depend on the width of the vectors; with -ffp-contract=off no product is fused
 * into a sum, so every clone gives the same bits. */
#include "core/tensor/rows.h"

#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
/* One body for each instruction set, chosen at load time. clang 14 has no target_clones in C, and
 * the resolver runs before a sanitizer is ready. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(SANITIZED)
#define CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE float sum_lanes(float s[LANES])
{
	for (size_t half = LANES / 2; half > 0; half /= 2) {
		for (size_t l = 0; l < half; l++) {
			s[l] += s[l + half];
		}
	}
	return s[0];
}

/* e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2; e^r by its series to r^7 / 7!. The two parts
 * of ln 2 keep n ln 2 exact: Cody, Waite, "Software Manual for the Elementary Functions" (1980), 6. */
INLINE float exp_one(float x)
{
	const float lo = -87.0F;
	const float hi = 88.0F;
	const float clamped = x < lo ? lo : (x > hi ? hi : x);
	const float shift = 12582912.0F; /* 1.5 * 2^23: adding it rounds to a whole number */
	const float n = (clamped * 1.44269504F + shift) - shift;
	const float r = (clamped - n * 0.693359375F) + n * 2.12194440e-4F;
	float p = 1.0F / 5040.0F;
	int32_t bits;
	float scale;

	p = p * r + 1.0F / 720.0F;
	p = p * r + 1.0F / 120.0F;
	p = p * r + 1.0F / 24.0F;
	p = p * r + 1.0F / 6.0F;
	p = p * r + 0.5F;
	p = p * r + 1.0F;
	p = p * r + 1.0F;
	bits = ((int32_t)n + 127) * (1 << 23);
	memcpy(&scale, &bits, sizeof scale);
	return x < lo ? 0.0F : p * scale;
}

CLONES void tn_add_rows(float *restrict y, const float *restrict b, size_t rows, size_t cols)
{
	for (size_t i = 0; i < rows; i++) {
		for (size_t j = 0; j < cols; j++) {
			y[i * cols + j] += b[j];
		}
	}
}

CLONES void tn_sum_rows(float *restrict b, const float *restrict y, size_t rows, size_t cols)
{
	for (size_t i = 0; i < rows; i++) {
		for (size_t j = 0; j < cols; j++) {
			b[j] += y[i * cols + j];
		}
	}
}

CLONES void tn_axpy(float *restrict y, float a, const float *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		y[i] += a * x[i];
	}
}

INLINE float dot(const float *restrict x, const float *restrict y, size_t n)
{
	float s[LANES] = { 0 };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (size_t l = 0; l < LANES; l++) {
			s[l] += x[i + l] * y[i + l];
		}
	}
	for (size_t l = 0; i < n; i++, l++) {
		s[l] += x[i] * y[i];
	}
	return sum_lanes(s);
}

CLONES float tn_dot(const float *restrict x, const float *restrict y, size_t n)
{
	return dot(x, y, n);
}

CLONES void tn_exp(const float *x, float *y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		y[i] = exp_one(x[i]);
	}
}

INLINE float max_row(const float *x, size_t n)
{
	float m[LANES];
	size_t i = 0;

	for (size_t l = 0; l < LANES; l++) {
		m[l] = x[0];
	}
	for (; i + LANES <= n; i += LANES) {
		for (size_t l = 0; l < LANES; l++) {
			m[l] = x[i + l] > m[l] ? x[i + l] : m[l];
		}
	}
	for (; i < n; i++) {
		m[0] = x[i] > m[0] ? x[i] : m[0];
	}
	for (size_t l = 1; l < LANES; l++) {
		m[0] = m[l] > m[0] ? m[l] : m[0];
	}
	return m[0];
}

INLINE float sum_row(const float *x, size_t n)
{
	float s[LANES] = { 0 };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (size_t l = 0; l < LANES; l++) {
			s[l] += x[i + l];
		}
	}
	for (size_t l = 0; i < n; i++, l++) {
		s[l] += x[i];
	}
	return sum_lanes(s);
}

CLONES void tn_softmax_rows(float *x, size_t rows, size_t cols, size_t ld, float scale)
{
	for (size_t i = 0; i < rows; i++) {
		float *row = x + i * ld;
		const float top = max_row(row, cols) * scale; /* scale > 0 */
		float inv;

		for (size_t j = 0; j < cols; j++) {
			row[j] = exp_one(row[j] * scale - top);
		}
		inv = 1.0F / sum_row(row, cols);
		for (size_t j = 0; j < cols; j++) {
			row[j] *= inv;
		}
	}
}

CLONES void tn_softmax_rows_bwd(const float *restrict a, float *restrict da, size_t rows,
				size_t cols, size_t ld, float scale)
{
	for (size_t i = 0; i < rows; i++) {
		const float *ai = a + i * ld;
		float *di = da + i * ld;
		const float mean = dot(ai, di, cols);

		for (size_t j = 0; j < cols; j++) {
			di[j] = scale * ai[j] * (di[j] - mean);
		}
	}
}

/* erf by Abramowitz, Stegun, "Handbook of Mathematical Functions" (1964), 7.1.26: within 1.5e-7. */
INLINE void gauss(float x, float *cdf, float *pdf)
{
	const float z = (x < 0.0F ? -x : x) * 0.70710678F;
	const float e = exp_one(-z * z);
	const float t = 1.0F / (1.0F + 0.3275911F * z);
	float p = 1.061405429F;
	float tail;

	p = p * t - 1.453152027F;
	p = p * t + 1.421413741F;
	p = p * t - 0.284496736F;
	p = p * t + 0.254829592F;
	tail = 0.5F * p * t * e; /* 1 - Phi(|x|) */
	*cdf = x < 0.0F ? tail : 1.0F - tail;
	*pdf = 0.39894228F * e;
}

CLONES void tn_gelu(const float *restrict x, float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float cdf;
		float pdf;

		gauss(x[i], &cdf, &pdf);
		y[i] = x[i] * cdf;
	}
}

CLONES void tn_gelu_bwd(const float *restrict x, const float *restrict dy, float *restrict dx,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float cdf;
		float pdf;

		gauss(x[i], &cdf, &pdf);
		dx[i] += dy[i] * (cdf + x[i] * pdf);
	}
}
