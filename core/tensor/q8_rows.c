/* SPDX-License-Identifier: Apache-2.0
 * q8_rows.c - quantising rows, and the product of quantised rows without oneDNN. */
#include "core/tensor/q8_rows.h"

#include "core/tensor/clones.h"
#include "core/tensor/q8.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, ZERO = 128 };

/* Rows smaller than this are zero: 127 / max stays finite. */
static const float TINY = 1e-30F;

static inline __attribute__((always_inline)) float row_peak(const float *x, size_t n)
{
	float lane[LANES] = { 0.0F };
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		for (size_t l = 0; l < LANES; l++) {
			const float v = fabsf(x[i + l]);

			lane[l] = v > lane[l] ? v : lane[l];
		}
	}
	for (; i < n; i++) {
		lane[0] = fabsf(x[i]) > lane[0] ? fabsf(x[i]) : lane[0];
	}
	for (size_t l = 1; l < LANES; l++) {
		lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
	}
	return lane[0];
}

/* To the nearest whole number, ties to even: 1.5 * 2^23 leaves it in the low bits. */
static inline __attribute__((always_inline)) int32_t nearest(float x)
{
	const float t = x + 0x1.8p23F;
	int32_t bits;

	memcpy(&bits, &t, sizeof bits);
	return bits - 0x4b400000;
}

CLONES float tn_quantize_row(const float *restrict x, uint8_t *restrict q, size_t n)
{
	const float peak = row_peak(x, n);
	const float by = peak > TINY ? 127.0F / peak : 0.0F;

	for (size_t i = 0; i < n; i++) {
		q[i] = (uint8_t)(nearest(x[i] * by) + ZERO);
	}
	return peak > TINY ? peak / 127.0F : 0.0F;
}

CLONES float tn_quantize_weights(const float *restrict w, int8_t *restrict q, size_t n)
{
	const float peak = row_peak(w, n);
	const float by = peak > TINY ? 127.0F / peak : 0.0F;

	for (size_t i = 0; i < n; i++) {
		q[i] = (int8_t)nearest(w[i] * by);
	}
	return peak > TINY ? peak / 127.0F : 0.0F;
}

CLONES void tn_q8_portable(const uint8_t *restrict q, const int8_t *restrict w,
			   int32_t *restrict acc, size_t rows, size_t out, size_t in)
{
	for (size_t r = 0; r < rows; r++) {
		for (size_t o = 0; o < out; o++) {
			const uint8_t *restrict qr = q + r * in;
			const int8_t *restrict wo = w + o * in;
			int32_t sum = 0;

			for (size_t k = 0; k < in; k++) {
				sum += (int32_t)qr[k] * (int32_t)wo[k];
			}
			acc[r * out + o] = sum;
		}
	}
}

/* One 32-bit number after the other: y may lie where acc does. */
CLONES void tn_q8_scale(const int32_t *acc, const struct tn_q8_scales *s, float *y, size_t rows,
			size_t out)
{
	for (size_t r = 0; r < rows; r++) {
		const float by = s->row[r];
		size_t o = 0;

		for (; o + LANES <= out; o += LANES) {
			int32_t t[LANES];
			float f[LANES];

			memcpy(t, acc + r * out + o, sizeof t);
			for (size_t l = 0; l < LANES; l++) {
				f[l] = (float)(t[l] - s->shift[o + l]) * (by * s->col[o + l]) +
				       s->bias[o + l];
			}
			memcpy(y + r * out + o, f, sizeof f);
		}
		for (; o < out; o++) {
			int32_t t;
			float f;

			memcpy(&t, acc + r * out + o, sizeof t);
			f = (float)(t - s->shift[o]) * (by * s->col[o]) + s->bias[o];
			memcpy(y + r * out + o, &f, sizeof f);
		}
	}
}
