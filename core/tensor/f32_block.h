/* SPDX-License-Identifier: Apache-2.0
 * f32_block.h - R rows by P panels of a product, summed in R P vectors of 16: the body of
 * f32_avx2.c and f32_avx512.c, which say before what INTO and SUMS are and what `vec`, `vec_mask`
 * and their verbs do. Every vector but a loop's counters stays in a register. */
#ifndef TN_F32_BLOCK_H
#define TN_F32_BLOCK_H

#include "core/tensor/f32.h"

enum { PANELS_AT_ONCE = 4 };

/* What the sums of a row start with. */
INTO vec start(const struct tn_f32_right *b, const struct tn_out *y, const float *at, size_t o,
	       const vec_mask *is)
{
	if (y->add) {
		return vec_load_some(at, is);
	}
	return b->bias != NULL ? vec_load_some(b->bias + o, is) : vec_zero();
}

/* Rows [r, r + R) by panels [p, p + P); whole: none of these has fewer columns than 16. */
INTO void block(const size_t R, const size_t P, const bool whole, const struct tn_f32_left *a,
		const struct tn_f32_right *b, const struct tn_out *y, size_t r, size_t p)
{
	const vec_mask is = vec_first(whole ? TN_PANEL : b->out - p * TN_PANEL);
	const float *row = a->v + r * a->row;
	const float *panel = b->v + p * b->panel;
	float *to = y->y + r * y->ld + p * TN_PANEL;
	vec sum[SUMS];

#pragma GCC unroll 24
	for (size_t i = 0; i < R * P; i++) {
		sum[i] =
		    start(b, y, to + i / P * y->ld + i % P * TN_PANEL, (p + i % P) * TN_PANEL, &is);
	}
	for (size_t k = 0; k < b->in; k++) {
		vec w[PANELS_AT_ONCE];

#pragma GCC unroll 4
		for (size_t j = 0; j < P; j++) {
			const float *from = panel + j * b->panel + k * b->step;

			w[j] = whole ? vec_load(from) : vec_load_some(from, &is);
		}
#pragma GCC unroll 12
		for (size_t i = 0; i < R; i++) {
			const vec x = vec_all(row[i * a->row + k * a->step]);

#pragma GCC unroll 4
			for (size_t j = 0; j < P; j++) {
				sum[i * P + j] = vec_fma(x, w[j], sum[i * P + j]);
			}
		}
	}
#pragma GCC unroll 24
	for (size_t i = 0; i < R * P; i++) {
		vec_store_some(to + i / P * y->ld + i % P * TN_PANEL, sum[i], &is);
	}
}

struct rows {
	size_t from, end;
};

/* Rows by P panels: R at a time, then a third of that, then one. */
INTO void strip(const size_t R, const size_t P, const bool whole, const struct tn_f32_left *a,
		const struct tn_f32_right *b, const struct tn_out *y, const struct rows *rows,
		size_t p)
{
	size_t r = rows->from;

	for (; r + R <= rows->end; r += R) {
		block(R, P, whole, a, b, y, r, p);
	}
	for (; r + R / 3 <= rows->end; r += R / 3) {
		block(R / 3, P, whole, a, b, y, r, p);
	}
	for (; r < rows->end; r++) {
		block(1, P, whole, a, b, y, r, p);
	}
}

/* Rows of a that stay in the second-level cache beside the panels in hand. */
INTO size_t rows_at_once(size_t in)
{
	const size_t fit = (1 << 17) / (in + 1);

	return fit < 24 ? 24 : fit / 12 * 12;
}

#endif
