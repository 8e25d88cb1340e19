/* SPDX-License-Identifier: Apache-2.0
 * q8_quantize.c - rows, columns, softmax and GELU to 8-bit integers, and sums of them back: in
 * plain C. q8_quantize.h has the polynomials. */
#include "core/tensor/q8.h"

#include "core/tensor/clones.h"
#include "core/tensor/lanes.h"
#include "core/tensor/q8_quantize.h"
#include "core/tensor/q8_rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { COLUMNS_MAX = 1024 };

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
	const float up = peak > TN_TINY ? 127.0F / peak : 0.0F;

	for (size_t i = 0; by == NULL && i < n; i++) {
		q[i] = (uint8_t)(nearest(x[i] * up) + zero);
	}
	for (size_t i = 0; by != NULL && i < n; i++) {
		q[i] = (uint8_t)(nearest(x[i] * by[i] * up) + zero);
	}
	return peak > TN_TINY ? peak / 127.0F : 0.0F;
}

CLONES void tn_quantize_portable(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
				 float *restrict scale, size_t rows, size_t cols, int32_t zero)
{
	for (size_t r = 0; r < rows; r++) {
		scale[r] = quantize(x->x + r * x->ld, x->by, q + r * ldq, cols, zero);
	}
}

static void quantize_rows(const struct tn_float_rows *x, uint8_t *q, size_t ldq, float *scale,
			  size_t rows, size_t cols, int32_t zero)
{
	if (tn_has_vnni()) {
		tn_quantize_avx512(x, q, ldq, scale, rows, cols, zero);
	} else {
		tn_quantize_portable(x, q, ldq, scale, rows, cols, zero);
	}
}

void tn_quantize_rows(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
		      float *restrict scale, size_t rows, size_t cols)
{
	quantize_rows(x, q, ldq, scale, rows, cols, TN_ZERO);
}

void tn_quantize_keys(const struct tn_float_rows *x, int8_t *restrict q, size_t ldq,
		      float *restrict scale, size_t rows, size_t cols)
{
	quantize_rows(x, (uint8_t *)q, ldq, scale, rows, cols, 0);
}

float tn_quantize_row(const float *restrict x, uint8_t *restrict q, size_t n)
{
	float scale;

	quantize_rows(&(struct tn_float_rows){ x, n, NULL }, q, n, &scale, 1, n, TN_ZERO);
	return scale;
}

float tn_quantize_weights(const float *restrict w, int8_t *restrict q, size_t n)
{
	float scale;

	quantize_rows(&(struct tn_float_rows){ w, n, NULL }, (uint8_t *)q, n, &scale, 1, n, 0);
	return scale;
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
		up[c] = scale[c] > TN_TINY ? 127.0F / scale[c] : 0.0F;
		scale[c] = scale[c] > TN_TINY ? scale[c] / 127.0F : 0.0F;
	}
	for (size_t r = 0; r < rows; r++) {
		const float *restrict row = x->x + r * x->ld;
		int8_t *restrict to = q + r * ldq;

		for (size_t c = 0; c < cols; c++) {
			to[c] = (int8_t)nearest(row[c] * up[c]);
		}
	}
}

/* 255 e^x as a power of two: 255 2^f, f within a half of zero, times 2^n. */
INTO int32_t steps_of(float x)
{
	const uint32_t least =
	    float_bits(TN_SOFT_LEAST); /* bits of negative numbers grow downwards */
	const uint32_t bits = float_bits(x);
	const float in = bits_float(bits < least ? bits : least);
	const float t = in + 0x1.8p23F;
	const float f = in - (t - 0x1.8p23F);
	const float p = ((TN_SOFT_3 * f + TN_SOFT_2) * f + TN_SOFT_1) * f + 255.0F;

	return nearest(bits_float(float_bits(p) + (float_bits(t) << 23)));
}

CLONES void tn_softmax_q8_portable(const struct tn_float_rows *x, uint8_t *restrict p,
				   float *restrict part, size_t rows, size_t cols, float scale)
{
	const float by = scale * TN_LOG2_E;

	for (size_t r = 0; r < rows; r++) {
		const float *restrict row = x->x + r * x->ld;
		uint8_t *restrict to = p + r * x->ld;
		const float max = row_max(row, cols);
		int32_t sum = 0;

		for (size_t j = 0; j < cols; j++) {
			const int32_t v = steps_of((row[j] - max) * by);

			sum += v;
			to[j] = (uint8_t)v;
		}
		memset(to + cols, 0, tn_round_up(cols, LANES) - cols);
		part[r] = 1.0F / (float)sum;
	}
}

INTO float gelu_one(float x)
{
	const float a = fabsf(x);
	const float z = a < TN_GELU_ONE ? a : TN_GELU_ONE;
	const float u = z * z;
	float p = TN_GELU_6;

	p = p * u + TN_GELU_5;
	p = p * u + TN_GELU_4;
	p = p * u + TN_GELU_3;
	p = p * u + TN_GELU_2;
	p = p * u + TN_GELU_1;
	p = (p * u + TN_GELU_0) * z;
	return 0.5F * x + 0.5F * a * (p < 1.0F ? p : 1.0F);
}

CLONES void tn_gelu_q8_portable(float *restrict x, uint8_t *restrict q, float *restrict scale,
				size_t rows, size_t cols)
{
	for (size_t r = 0; r < rows; r++) {
		float *restrict row = x + r * cols;

		for (size_t j = 0; j < cols; j++) {
			row[j] = gelu_one(row[j]);
		}
		scale[r] = quantize(row, NULL, q + r * cols, cols, TN_ZERO);
	}
}

void tn_softmax_q8(const struct tn_float_rows *x, uint8_t *restrict p, float *restrict part,
		   size_t rows, size_t cols, float scale)
{
	if (tn_has_vnni()) {
		tn_softmax_q8_avx512(x, p, part, rows, cols, scale);
	} else {
		tn_softmax_q8_portable(x, p, part, rows, cols, scale);
	}
}

void tn_gelu_q8(float *restrict x, uint8_t *restrict q, float *restrict scale, size_t rows,
		size_t cols)
{
	if (tn_has_vnni()) {
		tn_gelu_q8_avx512(x, q, scale, rows, cols);
	} else {
		tn_gelu_q8_portable(x, q, scale, rows, cols);
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
