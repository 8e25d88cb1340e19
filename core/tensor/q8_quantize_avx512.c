/* SPDX-License-Identifier: Apache-2.0
 * q8_quantize_avx512.c - the rows of q8_quantize.c with AVX-512: gcc 12 makes of those loops
 * neither bytes out of registers nor several rows at a time, and takes twice as long. */
#include "core/tensor/q8_quantize.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define INTO   static inline __attribute__((always_inline)) AVX512

enum { WIDE = 16, ROWS_AT_ONCE = 4 };

/* 1.5 * 2^23: adding it leaves a whole number in the low bits. */
#define WHOLE 0x1.8p23F

INTO __mmask16 first(size_t n)
{
	return (__mmask16)((1U << n) - 1U);
}

/* The low byte of each. */
INTO void put(uint8_t *to, __m512i v)
{
	_mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(v));
}

/* x by[j], where there is a by. */
INTO __m512 times(__m512 x, const float *by, __mmask16 is)
{
	return by != NULL ? _mm512_mul_ps(x, _mm512_maskz_loadu_ps(is, by)) : x;
}

/* The greater of the peak and |x|, as bits. */
INTO __m512i higher(__m512i peak, __m512 x)
{
	return _mm512_max_epi32(peak, _mm512_castps_si512(_mm512_abs_ps(x)));
}

/* How many steps a row with this peak has to one; *scale gets how large they are. */
INTO __m512 steps_to_one(__m512i peak, float *scale)
{
	const int32_t bits = _mm512_reduce_max_epi32(peak);
	const float max = _mm512_cvtss_f32(_mm512_castsi512_ps(_mm512_set1_epi32(bits)));

	*scale = max > TN_TINY ? max / 127.0F : 0.0F;
	return _mm512_set1_ps(max > TN_TINY ? 127.0F / max : 0.0F);
}

INTO void quantize(const float *x, const float *by, uint8_t *q, float *scale, size_t n, float zero)
{
	const size_t whole = n / WIDE * WIDE;
	const __mmask16 rest = first(n - whole);
	const __m512 last =
	    times(_mm512_maskz_loadu_ps(rest, x + whole), by ? by + whole : NULL, rest);
	const __m512 add = _mm512_set1_ps(WHOLE + zero);
	__m512i peak = higher(_mm512_setzero_si512(), last);
	__m512 up;

	for (size_t j = 0; j < whole; j += WIDE) {
		peak = higher(peak, times(_mm512_loadu_ps(x + j), by ? by + j : NULL, 0xffff));
	}
	up = steps_to_one(peak, scale);
	for (size_t j = 0; j < whole; j += WIDE) {
		const __m512 v = times(_mm512_loadu_ps(x + j), by ? by + j : NULL, 0xffff);

		put(q + j, _mm512_castps_si512(_mm512_add_ps(_mm512_mul_ps(v, up), add)));
	}
	if (rest != 0) {
		const __m512 v = _mm512_add_ps(_mm512_mul_ps(last, up), add);

		_mm_mask_storeu_epi8(q + whole, rest, _mm512_cvtepi32_epi8(_mm512_castps_si512(v)));
	}
}

AVX512 void tn_quantize_avx512(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
			       float *restrict scale, size_t rows, size_t cols, int32_t zero)
{
	for (size_t r = 0; r < rows; r++) {
		quantize(x->x + r * x->ld, x->by, q + r * ldq, scale + r, cols, (float)zero);
	}
}

/* 255 e^(x - max), by in log2 e, to the nearest; WHOLE's bits are in it. */
INTO __m512i steps_of(__m512 x, __m512 max, __m512 by)
{
	const __m512 whole = _mm512_set1_ps(WHOLE);
	const __m512i least = _mm512_castps_si512(_mm512_set1_ps(TN_SOFT_LEAST));
	const __m512 to = _mm512_mul_ps(_mm512_sub_ps(x, max), by);
	const __m512 in = _mm512_castsi512_ps(_mm512_min_epu32(_mm512_castps_si512(to), least));
	const __m512 t = _mm512_add_ps(in, whole);
	const __m512 f = _mm512_sub_ps(in, _mm512_sub_ps(t, whole));
	__m512 p = _mm512_mul_ps(_mm512_set1_ps(TN_SOFT_3), f);
	__m512i e;

	p = _mm512_mul_ps(_mm512_add_ps(p, _mm512_set1_ps(TN_SOFT_2)), f);
	p = _mm512_mul_ps(_mm512_add_ps(p, _mm512_set1_ps(TN_SOFT_1)), f);
	p = _mm512_add_ps(p, _mm512_set1_ps(255.0F));
	e = _mm512_slli_epi32(_mm512_castps_si512(t), 23);
	e = _mm512_add_epi32(_mm512_castps_si512(p), e);
	return _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(e), whole));
}

/* R rows: what one waits for is made of the others. */
INTO void softmax(const size_t R, const struct tn_float_rows *x, uint8_t *p, float *part, size_t r,
		  size_t cols, __m512 by)
{
	const float *row = x->x + r * x->ld;
	const size_t whole = cols / WIDE * WIDE;
	const __mmask16 rest = first(cols - whole);
	const uint32_t added =
	    (uint32_t)((cols + WIDE - 1) / WIDE) * 0x4b400000U; /* by WHOLE, to each sum */
	const __m512 none = _mm512_set1_ps(-INFINITY);
	__m512 max[ROWS_AT_ONCE];
	__m512i sum[ROWS_AT_ONCE];

	for (size_t i = 0; i < R; i++) {
		max[i] = _mm512_mask_loadu_ps(none, rest, row + i * x->ld + whole);
	}
	for (size_t j = 0; j < whole; j += WIDE) {
		for (size_t i = 0; i < R; i++) {
			max[i] = _mm512_max_ps(max[i], _mm512_loadu_ps(row + i * x->ld + j));
		}
	}
	for (size_t i = 0; i < R; i++) {
		max[i] = _mm512_set1_ps(_mm512_reduce_max_ps(max[i]));
		sum[i] = _mm512_setzero_si512();
	}
	for (size_t j = 0; j < cols; j += WIDE) {
		const __mmask16 is = j < whole ? 0xffff : rest;

		for (size_t i = 0; i < R; i++) {
			const __m512 v = _mm512_mask_loadu_ps(none, is, row + i * x->ld + j);
			const __m512i q = steps_of(v, max[i], by);

			sum[i] = _mm512_add_epi32(sum[i], q);
			put(p + (r + i) * x->ld + j, q);
		}
	}
	for (size_t i = 0; i < R; i++) {
		const __m512i all = _mm512_sub_epi32(sum[i], _mm512_set1_epi32((int32_t)added));

		part[r + i] = 1.0F / (float)_mm512_reduce_add_epi32(all);
	}
}

AVX512 void tn_softmax_q8_avx512(const struct tn_float_rows *x, uint8_t *restrict p,
				 float *restrict part, size_t rows, size_t cols, float scale)
{
	const __m512 by = _mm512_set1_ps(scale * TN_LOG2_E);
	size_t r = 0;

	for (; r + ROWS_AT_ONCE <= rows; r += ROWS_AT_ONCE) {
		softmax(ROWS_AT_ONCE, x, p, part, r, cols, by);
	}
	for (; r < rows; r++) {
		softmax(1, x, p, part, r, cols, by);
	}
}

INTO __m512 gelu(__m512 x)
{
	static const float with[] = { TN_GELU_5, TN_GELU_4, TN_GELU_3,
				      TN_GELU_2, TN_GELU_1, TN_GELU_0 };
	const __m512 a = _mm512_abs_ps(x);
	const __m512 z = _mm512_min_ps(a, _mm512_set1_ps(TN_GELU_ONE));
	const __m512 u = _mm512_mul_ps(z, z);
	const __m512 half = _mm512_set1_ps(0.5F);
	__m512 p = _mm512_set1_ps(TN_GELU_6);

#pragma GCC unroll 6
	for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
		p = _mm512_add_ps(_mm512_mul_ps(p, u), _mm512_set1_ps(with[i]));
	}
	p = _mm512_min_ps(_mm512_mul_ps(p, z), _mm512_set1_ps(1.0F));
	return _mm512_add_ps(_mm512_mul_ps(half, x), _mm512_mul_ps(_mm512_mul_ps(half, a), p));
}

AVX512 void tn_gelu_q8_avx512(float *restrict x, uint8_t *restrict q, float *restrict scale,
			      size_t rows, size_t cols)
{
	const size_t whole = cols / WIDE * WIDE;
	const __mmask16 rest = first(cols - whole);

	for (size_t r = 0; r < rows; r++) {
		float *row = x + r * cols;

		for (size_t j = 0; j < whole; j += WIDE) {
			_mm512_storeu_ps(row + j, gelu(_mm512_loadu_ps(row + j)));
		}
		_mm512_mask_storeu_ps(row + whole, rest,
				      gelu(_mm512_maskz_loadu_ps(rest, row + whole)));
		quantize(row, NULL, q + r * cols, scale + r, cols, (float)TN_ZERO);
	}
}

#else

void tn_quantize_avx512(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
			float *restrict scale, size_t rows, size_t cols, int32_t zero)
{
	tn_quantize_portable(x, q, ldq, scale, rows, cols, zero);
}

void tn_softmax_q8_avx512(const struct tn_float_rows *x, uint8_t *restrict p, float *restrict part,
			  size_t rows, size_t cols, float scale)
{
	tn_softmax_q8_portable(x, p, part, rows, cols, scale);
}

void tn_gelu_q8_avx512(float *restrict x, uint8_t *restrict q, float *restrict scale, size_t rows,
		       size_t cols)
{
	tn_gelu_q8_portable(x, q, scale, rows, cols);
}

#endif
