/* SPDX-License-Identifier: Apache-2.0
 * hidden.h - the rows that an encoder hides in pretraining, and their features side by side. */
#ifndef ENC_HIDDEN_H
#define ENC_HIDDEN_H

#include "core/base/arena.h"
#include "core/nn/step.h"

#include <string.h>

/* Which rows are hidden, each with this chance and one at least; NULL where none is to be. */
static inline bool *enc_hide_rows(const struct nn_step *s, size_t rows, float chance)
{
	bool *hidden;
	size_t n = 0;

	if (s->rng == NULL || !s->hide) {
		return NULL;
	}
	hidden = as_alloc(s->mem, rows, sizeof *hidden);
	for (size_t r = 0; r < rows; r++) {
		hidden[r] = as_rng_float(s->rng) < chance;
		n += hidden[r];
	}
	if (n == 0) {
		hidden[as_rng_below(s->rng, rows)] = true;
	}
	return hidden;
}

/* x [n, d]: row of[i] of rows [.., d];  and its adjoint, which adds. */
static inline float *enc_rows_of(struct as_arena *mem, const float *rows, const uint32_t *of,
				 size_t n, size_t d)
{
	float *x = as_alloc(mem, n * d, sizeof *x);

	for (size_t i = 0; i < n; i++) {
		memcpy(x + i * d, rows + of[i] * d, d * sizeof *x);
	}
	return x;
}
static inline void enc_rows_of_bwd(float *drows, const float *dx, const uint32_t *of, size_t n,
				   size_t d)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < d; k++) {
			drows[of[i] * d + k] += dx[i * d + k];
		}
	}
}

#endif
