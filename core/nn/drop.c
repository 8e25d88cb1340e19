/* SPDX-License-Identifier: Apache-2.0
 * drop.c - inverted dropout.
 *
 *   forward    y  = m x      m = 0 with chance r, else 1 / (1 - r)
 *   backward   dx = m dy
 *
 * Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout" (2014), JMLR 15, section 4,
 * with the scaling moved to training. */
#include "core/nn/drop.h"

#include "core/tensor/rows.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>

enum { CHANCES = 1 << 16 }; /* one draw of 64 bits decides four numbers */

float *nn_drop_fwd(const struct nn_step *s, float *x, size_t n)
{
	const uint64_t drop = (uint64_t)lroundf(s->dropout * (float)CHANCES);
	float *mask;
	float keep;

	if (s->rng == NULL || drop == 0) {
		return NULL;
	}
	assert(drop < CHANCES);
	keep = (float)CHANCES / (float)(CHANCES - drop); /* exact for the chance that is drawn */
	mask = as_alloc(s->mem, n, sizeof *mask);
	for (size_t i = 0; i < n; i += 4) {
		uint64_t draw = as_rng_u64(s->rng);

		for (size_t j = i; j < n && j < i + 4; j++, draw >>= 16) {
			mask[j] = draw % CHANCES < drop ? 0.0F : keep;
		}
	}
	tn_mul(x, mask, n);
	return mask;
}

void nn_drop_bwd(const float *mask, float *dx, size_t n)
{
	if (mask != NULL) {
		tn_mul(dx, mask, n);
	}
}
