/* SPDX-License-Identifier: Apache-2.0
 * f32_avx512.c - products in float32 with AVX-512: a vector is one register of 32. Two
 * multiply-adds may start at a time and each takes four, so at least eight sums are under way. */
#include "core/tensor/f32.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define ISA  __attribute__((target("avx512f")))
#define INTO static inline __attribute__((always_inline)) ISA

enum { SUMS = 24 };

typedef __m512 vec;
typedef __mmask16 vec_mask;

INTO vec vec_zero(void)
{
	return _mm512_setzero_ps();
}

INTO vec vec_all(float x)
{
	return _mm512_set1_ps(x);
}

INTO vec vec_load(const float *from)
{
	return _mm512_loadu_ps(from);
}

INTO vec vec_fma(vec x, vec y, vec sum)
{
	return _mm512_fmadd_ps(x, y, sum);
}

/* The first n of 16. */
INTO vec_mask vec_first(size_t n)
{
	return (vec_mask)((1U << n) - 1U);
}

INTO vec vec_load_some(const float *from, const vec_mask *is)
{
	return _mm512_maskz_loadu_ps(*is, from);
}

INTO void vec_store_some(float *to, vec x, const vec_mask *is)
{
	_mm512_mask_storeu_ps(to, *is, x);
}

#include "core/tensor/f32_block.h"

bool tn_has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

ISA void tn_f32_avx512(const struct tn_f32_left *a, const struct tn_f32_right *b,
		       const struct tn_out *y, size_t n)
{
	const size_t whole = b->out / TN_PANEL;
	const size_t most = rows_at_once(b->in);

	for (size_t r = 0; r < n; r += most) {
		const struct rows rows = { r, n - r < most ? n : r + most };
		size_t p = 0;

		for (; p + 4 <= whole; p += 4) {
			strip(6, 4, true, a, b, y, &rows, p);
		}
		switch (whole - p) {
		case 3:
			strip(8, 3, true, a, b, y, &rows, p);
			break;
		case 2:
			strip(12, 2, true, a, b, y, &rows, p);
			break;
		case 1:
			strip(12, 1, true, a, b, y, &rows, p);
			break;
		default:
			break;
		}
		if (b->out % TN_PANEL != 0) {
			strip(12, 1, false, a, b, y, &rows, whole);
		}
	}
}

#else

bool tn_has_avx512(void)
{
	return false;
}

void tn_f32_avx512(const struct tn_f32_left *a, const struct tn_f32_right *b,
		   const struct tn_out *y, size_t n)
{
	tn_f32_portable(a, b, y, n);
}

#endif
