/* SPDX-License-Identifier: Apache-2.0
 * f32_avx2.c - products in float32 with AVX2 and FMA: a vector is two registers of 16, so six rows
 * by one panel leave three for the panel and a row's number. */
#include "core/tensor/f32.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define ISA  __attribute__((target("avx2,fma")))
#define INTO static inline __attribute__((always_inline)) ISA

enum { SUMS = 6, HALF = TN_PANEL / 2 };

typedef struct {
	__m256 low, high;
} vec;

typedef struct {
	__m256i low, high;
} vec_mask;

INTO vec vec_zero(void)
{
	return (vec){ _mm256_setzero_ps(), _mm256_setzero_ps() };
}

INTO vec vec_all(float x)
{
	return (vec){ _mm256_set1_ps(x), _mm256_set1_ps(x) };
}

INTO vec vec_load(const float *from)
{
	return (vec){ _mm256_loadu_ps(from), _mm256_loadu_ps(from + HALF) };
}

INTO vec vec_fma(vec x, vec y, vec sum)
{
	return (vec){ _mm256_fmadd_ps(x.low, y.low, sum.low),
		      _mm256_fmadd_ps(x.high, y.high, sum.high) };
}

/* The first n of 16. */
INTO vec_mask vec_first(size_t n)
{
	const __m256i count = _mm256_set1_epi32((int)n);
	const __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

	return (
	    vec_mask){ _mm256_cmpgt_epi32(count, at),
		       _mm256_cmpgt_epi32(count, _mm256_add_epi32(at, _mm256_set1_epi32(HALF))) };
}

INTO vec vec_load_some(const float *from, const vec_mask *is)
{
	return (vec){ _mm256_maskload_ps(from, is->low),
		      _mm256_maskload_ps(from + HALF, is->high) };
}

INTO void vec_store_some(float *to, vec x, const vec_mask *is)
{
	_mm256_maskstore_ps(to, is->low, x.low);
	_mm256_maskstore_ps(to + HALF, is->high, x.high);
}

#include "core/tensor/f32_block.h"

bool tn_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

ISA void tn_f32_avx2(const struct tn_f32_left *a, const struct tn_f32_right *b,
		     const struct tn_out *y, size_t n)
{
	const size_t whole = b->out / TN_PANEL;
	const size_t most = rows_at_once(b->in);

	for (size_t r = 0; r < n; r += most) {
		const struct rows rows = { r, n - r < most ? n : r + most };

		for (size_t p = 0; p < whole; p++) {
			strip(6, 1, true, a, b, y, &rows, p);
		}
		if (b->out % TN_PANEL != 0) {
			strip(6, 1, false, a, b, y, &rows, whole);
		}
	}
}

#else

bool tn_has_avx2(void)
{
	return false;
}

void tn_f32_avx2(const struct tn_f32_left *a, const struct tn_f32_right *b, const struct tn_out *y,
		 size_t n)
{
	tn_f32_portable(a, b, y, n);
}

#endif
