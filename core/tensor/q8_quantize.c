/* SPDX-License-Identifier: Apache-2.0
 * q8_quantize.c - rows, columns and softmax to 8-bit integers, and sums of them back. */
#include "core/tensor/q8.h"

#include "core/tensor/clones.h"
#include "core/tensor/lanes.h"
#include "core/tensor/q8_rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { ZERO = 128, COLUMNS_MAX = 1024 };

/* Rows smaller than this are zero: 127 / max stays finite. */
static const float TINY = 1e-30F;

INTO float row_peak(const float *x, const float *by, size_t n)
{
	int32_t max = 0;

	for (size_t i = 0; i < n; i++) {
		const float v = by != NULL ? x[i] * by[i] : x[i];
		const int32_t bits = (int32_t)(float_bits(v) & 0x7fffffffU);

		max = bits > max ? bits : max;
	}
	return bits_float((uint32_t)max);
}

/* To the nearest whole number, ties to even: 1.5 * 2^23 leaves it in the low bits. */
INTO int32_t nearest(float x)
{
	const float t = x + 0x1.8p23F;
	int32_t bits;

	memcpy(&bits, &t, sizeof bits);
	return bits - 0x4b400000;
}

/* One row, with `zero` added; returns its scale. */
INTO float quantize(const float *restrict x, const float *restrict by, uint8_t *restrict q,
		    size_t n, int32_t zero)
{
	const float peak = row_peak(x, by, n);
	const float up = peak > TINY ? 127.0F / peak : 0.0F;

	for (size_t i = 0; by == NULL && i < n; i++) {
		q[i] = (uint8_t)(nearest(x[i] * up) + zero);
	}
	for (size_t i = 0; by != NULL && i < n; i++) {
		q[i] = (uint8_t)(nearest(x[i] * by[i] * up) + zero);
	}
	return peak > TINY ? peak / 127.0F : 0.0F;
}

CLONES float tn_quantize_row(const float *restrict x, uint8_t *restrict q, size_t n)
{
	return quantize(x, NULL, q, n, ZERO);
}

CLONES float tn_quantize_weights(const float *restrict w, int8_t *restrict q, size_t n)
{
	return quantize(w, NULL, (uint8_t *)q, n, 0);
}

CLONES void tn_quantize_rows(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
			     float *restrict scale, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		scale[r] = quantize(x->x + r * x->ld, x->by, q + r * ldq, cols, ZERO);
	}
}

CLONES void tn_quantize_keys(const struct tn_float_rows *x, int8_t *restrict q, size_t ldq,
			     float *restrict scale, size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		scale[r] = quantize(x->x + r * x->ld, x->by, (uint8_t *)q + r * ldq, cols, 0);
	}
}

CLONES void tn_quantize_columns(const struct tn_float_rows *x, int8_t *restrict q, size_t ldq,
				float *restrict scale, size_t rows, size_t cols)
{
	float up[COLUMNS_MAX];

	assert(cols <= COLUMNS_MAX && x->by == NULL);
	memset(scale, 0, cols * sizeof *scale);
	for (size_t r = 0; r < rows; r++) {
		const float *restrict row = x->x + r * x->ld;

		for (size_t c = 0; c < cols; c++) {
			const float v = fabsf(row[c]);

			scale[c] = v > scale[c] ? v : scale[c];
		}
	}
	for (size_t c = 0; c < cols; c++) {
		up[c] = scale[c] > TINY ? 127.0F / scale[c] : 0.0F;
		scale[c] = scale[c] > TINY ? scale[c] / 127.0F : 0.0F;
	}
	for (size_t r = 0; r < rows; r++) {
		const float *restrict row = x->x + r * x->ld;
		int8_t *restrict to = q + r * ldq;

		for (size_t c = 0; c < cols; c++) {
			to[c] = (int8_t)nearest(row[c] * up[c]);
		}
	}
}

/* q_j = round(x_j up) + zero; returns the sum without the zeros. */
INTO int32_t step_all(const float *restrict x, float up, int32_t zero, uint8_t *restrict q,
		      size_t n)
{
	int32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		const int32_t v = nearest(x[i] * up);

		sum += v;
		q[i] = (uint8_t)(v + zero);
	}
	return sum;
}

CLONES void tn_softmax_q8(float *restrict x, size_t ld, uint8_t *restrict p, float *restrict part,
			  size_t rows, size_t cols, float scale)
{
	const size_t wide = (cols + LANES - 1) / LANES * LANES;

	for (size_t r = 0; r < rows; r++) {
		float *restrict row = x + r * ld;
		float max;

		for (size_t j = cols; j < wide; j++) {
			row[j] = -INFINITY;
		}
		max = row_max(row, wide);
		for (size_t j = 0; j < wide; j++) {
			row[j] = exp_below(scale * (row[j] - max));
		}
		part[r] = 1.0F / (float)step_all(row, 255.0F, 0, p + r * ld, wide);
	}
}

/* Phi as in rows.c, with what eight bits need of the exponential. */
INTO float gelu_one(float x)
{
	const float z = fabsf(x) * 0.70710678118654752F;
	const float t = 1.0F / (1.0F + 0.3275911F * z);
	float p = 1.061405429F;

	p = p * t - 1.453152027F;
	p = p * t + 1.421413741F;
	p = p * t - 0.284496736F;
	p = p * t + 0.254829592F;
	p = 0.5F * (p * t) * exp_below(-z * z);
	return 0.5F * x + fabsf(x) * (0.5F - p);
}

CLONES void tn_gelu_q8(float *restrict x, uint8_t *restrict q, float *restrict scale, size_t rows,
		       size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		float *restrict row = x + r * cols;

		for (size_t j = 0; j < cols; j++) {
			row[j] = gelu_one(row[j]);
		}
		scale[r] = quantize(row, NULL, q + r * cols, cols, ZERO);
	}
}

/* One 32-bit number after the other: y may lie where acc does. */
CLONES void tn_q8_scale(const int32_t *acc, const float *row, const struct tn_q8_right *b, float *y,
			size_t rows)
{
	const size_t out = b->out;

	for (size_t r = 0; r < rows; r++) {
		size_t o = 0;

		for (; o + LANES <= out; o += LANES) {
			int32_t t[LANES];
			float f[LANES];

			memcpy(t, acc + r * out + o, sizeof t);
			for (size_t l = 0; l < LANES; l++) {
				f[l] =
				    (float)(t[l] - b->shift[o + l]) * (row[r] * b->scale[o + l]) +
				    b->bias[o + l];
			}
			memcpy(y + r * out + o, f, sizeof f);
		}
		for (; o < out; o++) {
			int32_t t;
			float f;

			memcpy(&t, acc + r * out + o, sizeof t);
			f = (float)(t - b->shift[o]) * (row[r] * b->scale[o]) + b->bias[o];
			memcpy(y + r * out + o, &f, sizeof f);
		}
	}
}
