/* SPDX-License-Identifier: Apache-2.0
 * q8_vnni.c - products of quantised rows with AVX-512 VNNI: 64 products and their sums into 32 bits
 * in one instruction.
 *
 * R rows by P panels are summed in R P registers: at least ten sums must be under way at a time,
 * and at most 32 registers hold them, the panels and a row's four numbers. Rows are taken as many
 * as fit the first cache beside the panels. No code is made at run time, so that a worker may do
 * this where no memory may become code. */
#include "core/tensor/q8_rows.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define INTO static inline __attribute__((always_inline)) VNNI

enum { ROWS = 60, ROWS_AT_ONCE = TN_Q8_ROWS, PANELS_AT_ONCE = 4 };

bool tn_has_vnni(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512vnni");
}

/* sum += q w, four products into each of 16 sums. In assembly, because gcc 12 moves every sum of a
 * loop through a register more than it has when it is told by the intrinsic. */
INTO void multiply(__m512i *sum, __m512i q, __m512i w)
{
	__asm__("vpdpbusd %2, %1, %0" : "+v"(*sum) : "v"(q), "v"(w));
}

/* The columns of panel p that there are. */
INTO __mmask16 columns(const struct tn_q8_right *b, size_t p)
{
	const size_t left = b->out - p * TN_PANEL;

	return left < TN_PANEL ? (__mmask16)((1U << left) - 1U) : (__mmask16)0xffff;
}

/* What the sums of panel p begin with. */
INTO __m512i begin(const struct tn_q8_right *b, size_t p)
{
	if (b->shift == NULL) {
		return _mm512_setzero_si512();
	}
	return _mm512_sub_epi32(_mm512_setzero_si512(),
				_mm512_maskz_loadu_epi32(columns(b, p), b->shift + p * TN_PANEL));
}

/* What the sums of panel p become, for rows from r. */
INTO void finish(const __m512i *sum, size_t step, size_t rows, const struct tn_q8_left *a,
		 const struct tn_q8_right *b, size_t p, const struct tn_out *y, size_t r)
{
	const size_t o = p * TN_PANEL;
	const __mmask16 is = columns(b, p);
	const __m512 t = _mm512_maskz_loadu_ps(is, b->scale + o);
	const __m512 bias = b->bias ? _mm512_maskz_loadu_ps(is, b->bias + o) : _mm512_setzero_ps();
	float *to = y->y + r * y->ld + o;

#pragma GCC unroll 12
	for (size_t i = 0; i < rows; i++, to += y->ld) {
		const __m512 by = _mm512_mul_ps(_mm512_set1_ps(a->scale[r + i]), t);
		__m512 v = _mm512_cvtepi32_ps(sum[i * step]);

		v = _mm512_add_ps(_mm512_mul_ps(v, by), bias);
		if (y->add) {
			v = _mm512_add_ps(_mm512_maskz_loadu_ps(is, to), v);
		}
		_mm512_mask_storeu_ps(to, is, v);
	}
}

/* Rows [r, r + R) by panels [p, p + P). */
INTO void block(const size_t R, const size_t P, const struct tn_q8_left *a,
		const struct tn_q8_right *b, const struct tn_out *y, size_t r, size_t p)
{
	const size_t bytes = tn_round_up(b->in, TN_STEP);
	const uint8_t *row = a->q + r * a->ld;
	const int8_t *panel = b->panel + p * b->stride;
	__m512i sum[ROWS_AT_ONCE * PANELS_AT_ONCE];

#pragma GCC unroll 4
	for (size_t j = 0; j < P; j++) {
		const __m512i from = begin(b, p + j);

#pragma GCC unroll 12
		for (size_t i = 0; i < R; i++) {
			sum[i * P + j] = from;
		}
	}
	for (size_t k = 0; k < bytes; k += TN_STEP) {
		__m512i w[PANELS_AT_ONCE];

#pragma GCC unroll 4
		for (size_t j = 0; j < P; j++) {
			w[j] = _mm512_loadu_si512(panel + j * b->stride + k * TN_PANEL);
		}
#pragma GCC unroll 12
		for (size_t i = 0; i < R; i++) {
			int32_t four;
			__m512i q;

			memcpy(&four, row + i * a->ld + k, sizeof four);
			q = _mm512_set1_epi32(four);
#pragma GCC unroll 4
			for (size_t j = 0; j < P; j++) {
				multiply(&sum[i * P + j], q, w[j]);
			}
		}
	}
#pragma GCC unroll 4
	for (size_t j = 0; j < P; j++) {
		finish(sum + j, P, R, a, b, p + j, y, r);
	}
}

/* Rows [r, end) by P panels, R at a time, then fewer. */
INTO void strip(const size_t R, const size_t P, const struct tn_q8_left *a,
		const struct tn_q8_right *b, const struct tn_out *y, size_t r, size_t end, size_t p)
{
	for (; r + R <= end; r += R) {
		block(R, P, a, b, y, r, p);
	}
	for (; r + 3 <= end; r += 3) {
		block(3, P, a, b, y, r, p);
	}
	for (; r < end; r++) {
		block(1, P, a, b, y, r, p);
	}
}

/* y [n, out] = a b', from copies of what describes them. */
INTO void product(const struct tn_q8_left *a, const struct tn_q8_right *b, const struct tn_out *y,
		  size_t n)
{
	const size_t panels = (b->out + TN_PANEL - 1) / TN_PANEL;

	for (size_t r = 0; r < n; r += ROWS) {
		const size_t end = n - r < ROWS ? n : r + ROWS;
		size_t p = 0;

		for (; p + 4 <= panels; p += 4) {
			strip(6, 4, a, b, y, r, end, p);
		}
		switch (panels - p) {
		case 3:
			strip(6, 3, a, b, y, r, end, p);
			break;
		case 2:
			strip(12, 2, a, b, y, r, end, p);
			break;
		case 1:
			strip(12, 1, a, b, y, r, end, p);
			break;
		default:
			break;
		}
	}
}

/* What is stored through a vector could be any member of the caller's: they would be read again
 * after each. */
VNNI void tn_q8_vnni(const struct tn_q8_left *a, const struct tn_q8_right *b,
		     const struct tn_out *y, size_t n)
{
	const struct tn_q8_left left = *a;
	const struct tn_q8_right right = *b;
	const struct tn_out to = *y;

	product(&left, &right, &to, n);
}

#else

bool tn_has_vnni(void)
{
	return false;
}

void tn_q8_vnni(const struct tn_q8_left *a, const struct tn_q8_right *b, const struct tn_out *y,
		size_t n)
{
	tn_q8_portable(a, b, y, n);
}

#endif
