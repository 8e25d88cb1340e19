/* SPDX-License-Identifier: Apache-2.0
 * q8_product.c - products of quantised rows in plain C, and what lays their right side out. */
#include "core/tensor/q8_rows.h"

#include "core/tensor/clones.h"

#include <string.h>

/* One row of a by one panel. */
static inline __attribute__((always_inline)) void panel_sums(const uint8_t *a, const int8_t *panel,
							     size_t steps, int32_t sum[TN_PANEL])
{
	memset(sum, 0, TN_PANEL * sizeof *sum);
	for (size_t k = 0; k < steps; k++) {
		const int8_t *b = panel + k * TN_PANEL * TN_STEP;

		for (size_t l = 0; l < TN_PANEL; l++) {
			for (size_t i = 0; i < TN_STEP; i++) {
				sum[l] += (int32_t)a[k * TN_STEP + i] * (int32_t)b[l * TN_STEP + i];
			}
		}
	}
}

CLONES void tn_q8_portable(const struct tn_q8_left *a, const struct tn_q8_right *b,
			   const struct tn_out *y, size_t n)
{
	const size_t steps = (b->in + TN_STEP - 1) / TN_STEP;

	for (size_t o = 0; o < b->out; o += TN_PANEL) {
		const size_t wide = b->out - o < TN_PANEL ? b->out - o : TN_PANEL;

		for (size_t r = 0; r < n; r++) {
			float *to = y->y + r * y->ld + o;
			int32_t sum[TN_PANEL];

			panel_sums(a->q + r * a->ld, b->panel + o / TN_PANEL * b->stride, steps,
				   sum);
			for (size_t l = 0; l < wide; l++) {
				const int32_t t = sum[l] - (b->shift ? b->shift[o + l] : 0);
				const float bias = b->bias ? b->bias[o + l] : 0.0F;
				const float v = (float)t * (a->scale[r] * b->scale[o + l]) + bias;

				to[l] = y->add ? to[l] + v : v;
			}
		}
	}
}

void tn_q8_product(const struct tn_q8_left *a, const struct tn_q8_right *b, const struct tn_out *y,
		   size_t n)
{
	if (tn_has_vnni()) {
		tn_q8_vnni(a, b, y, n);
	} else {
		tn_q8_portable(a, b, y, n);
	}
}

void tn_q8_pack(const int8_t *w, size_t ld, size_t out, size_t in, int8_t *panel, int32_t *sum)
{
	const size_t size = tn_panel_size(in);
	const size_t whole = in / TN_STEP;

	for (size_t o = 0; o < tn_round_up(out, TN_PANEL); o++) {
		int8_t *to = panel + o / TN_PANEL * size + o % TN_PANEL * TN_STEP;
		const int8_t *from = w + o * ld;
		int32_t all = 0;

		if (o >= out) {
			for (size_t k = 0; k < size / TN_PANEL; k += TN_STEP) {
				memset(to + k * TN_PANEL, 0, TN_STEP);
			}
			continue;
		}
		for (size_t k = 0; k < whole; k++) {
			memcpy(to + k * TN_PANEL * TN_STEP, from + k * TN_STEP, TN_STEP);
		}
		if (in % TN_STEP != 0) {
			memset(to + whole * TN_PANEL * TN_STEP, 0, TN_STEP);
			memcpy(to + whole * TN_PANEL * TN_STEP, from + whole * TN_STEP,
			       in % TN_STEP);
		}
		for (size_t k = 0; k < in; k++) {
			all += from[k];
		}
		sum[o] = 128 * all;
	}
}

/* Four rows of w, 16 of their columns. */
static inline __attribute__((always_inline)) void weave(const int8_t *const from[TN_STEP],
							int8_t *restrict to)
{
	uint32_t both[TN_PANEL];

	for (size_t l = 0; l < TN_PANEL; l++) {
		both[l] = (uint32_t)(uint8_t)from[0][l] | (uint32_t)(uint8_t)from[1][l] << 8 |
			  (uint32_t)(uint8_t)from[2][l] << 16 | (uint32_t)(uint8_t)from[3][l] << 24;
	}
	memcpy(to, both, sizeof both);
}

/* Where the next rows of w have 16 numbers: in w, or in pad what there is of them. */
static inline void four_rows(const int8_t *w, size_t ld, size_t rows, size_t cols,
			     int8_t pad[TN_STEP][TN_PANEL], const int8_t *from[TN_STEP])
{
	memset(pad, 0, (size_t)TN_STEP * TN_PANEL);
	for (size_t i = 0; i < TN_STEP; i++) {
		from[i] = i < rows && cols >= TN_PANEL ? w + i * ld : pad[i];
		if (i < rows && cols < TN_PANEL) {
			memcpy(pad[i], w + i * ld, cols);
		}
	}
}

CLONES void tn_q8_pack_columns(const int8_t *w, size_t ld, size_t out, size_t in, int8_t *panel)
{
	const size_t size = tn_panel_size(in);

	for (size_t o = 0; o < out; o += TN_PANEL) {
		for (size_t k = 0; k < in; k += TN_STEP) {
			int8_t pad[TN_STEP][TN_PANEL];
			const int8_t *from[TN_STEP];

			four_rows(w + k * ld + o, ld, in - k, out - o, pad, from);
			weave(from, panel + o / TN_PANEL * size + k * TN_PANEL);
		}
	}
}
