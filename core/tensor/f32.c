/* SPDX-License-Identifier: Apache-2.0
 * f32.c - products in float32: the plain ones, which of them is taken, and weights in panels. */
#include "core/tensor/f32.h"

#include "core/base/buf.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

/* One link of a chain: rounded once where the processor for which this is compiled does that. */
static inline float link(float x, float y, float sum)
{
#ifdef FP_FAST_FMAF
	return fmaf(x, y, sum);
#else
	return x * y + sum;
#endif
}

/* One row by one panel, of which there are `wide` columns. */
static void row_by_panel(const float *a, size_t step, const struct tn_f32_right *b, size_t p,
			 size_t wide, float sum[TN_PANEL])
{
	const float *panel = b->v + p * b->panel;

	for (size_t k = 0; k < b->in; k++) {
		const float *w = panel + k * b->step;

		if (wide == TN_PANEL) {
			for (size_t l = 0; l < TN_PANEL; l++) {
				sum[l] = link(a[k * step], w[l], sum[l]);
			}
			continue;
		}
		for (size_t l = 0; l < wide; l++) {
			sum[l] = link(a[k * step], w[l], sum[l]);
		}
	}
}

void tn_f32_portable(const struct tn_f32_left *a, const struct tn_f32_right *b,
		     const struct tn_out *y, size_t n)
{
	for (size_t o = 0; o < b->out; o += TN_PANEL) {
		const size_t wide = b->out - o < TN_PANEL ? b->out - o : TN_PANEL;

		for (size_t r = 0; r < n; r++) {
			float *to = y->y + r * y->ld + o;
			float sum[TN_PANEL] = { 0.0F };

			if (y->add) {
				memcpy(sum, to, wide * sizeof *to);
			} else if (b->bias != NULL) {
				memcpy(sum, b->bias + o, wide * sizeof *to);
			}
			row_by_panel(a->v + r * a->row, a->step, b, o / TN_PANEL, wide, sum);
			memcpy(to, sum, wide * sizeof *to);
		}
	}
}

void tn_f32_product(const struct tn_f32_left *a, const struct tn_f32_right *b,
		    const struct tn_out *y, size_t n)
{
	if (tn_has_avx512()) {
		tn_f32_avx512(a, b, y, n);
	} else if (tn_has_avx2()) {
		tn_f32_avx2(a, b, y, n);
	} else {
		tn_f32_portable(a, b, y, n);
	}
}

void tn_f32_pack(const float *w, size_t ld, size_t out, size_t in, float *panel)
{
	for (size_t o = 0; o < out; o += TN_PANEL) {
		const size_t wide = out - o < TN_PANEL ? out - o : TN_PANEL;
		float *restrict to = panel + o * in;

		for (size_t l = 0; l < TN_PANEL; l++) {
			const float *restrict from = w + (o + l) * ld;

			for (size_t k = 0; k < in; k++) {
				to[k * TN_PANEL + l] = l < wide ? from[k] : 0.0F;
			}
		}
	}
}

struct tn_f32 *tn_f32_open(const float *w, size_t out, size_t in)
{
	struct tn_f32 *t = as_calloc(1, sizeof *t);
	const size_t bytes = tn_round_up(out, TN_PANEL) * in * sizeof *w;

	*t = (struct tn_f32){ .out = out,
			      .in = in,
			      .panel = aligned_alloc(ALIGN, tn_round_up(bytes, ALIGN)) };
	if (t->panel == NULL) {
		as_no_memory(bytes);
	}
	tn_f32_pack(w, in, out, in, t->panel);
	return t;
}

void tn_f32_close(struct tn_f32 *w)
{
	if (w != NULL) {
		free(w->panel);
		free(w);
	}
}

struct tn_f32_right tn_f32_part(const struct tn_f32 *w, size_t o0, size_t o1, size_t k0, size_t k1)
{
	assert(o0 % TN_PANEL == 0);
	return (struct tn_f32_right){ .v = w->panel + o0 * w->in + k0 * TN_PANEL,
				      .panel = w->in * TN_PANEL,
				      .step = TN_PANEL,
				      .out = o1 - o0,
				      .in = k1 - k0 };
}
