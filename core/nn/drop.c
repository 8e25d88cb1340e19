/* SPDX-License-Identifier: Apache-2.0
 * drop.c - inverted dropout.
 *
 *   forward    y  = m x      m = 0 with chance r, else 1 / (1 - r)
 *   backward   dx = m dy
 *
 * Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout" (2014), JMLR 15, section 4,
 * with the scaling moved to training. */
#include "core/nn/drop.h"

float *nn_drop_fwd(const struct nn_step *s, float *x, size_t n)
{
	const float keep = 1.0F / (1.0F - s->dropout);
	float *mask;

	if (s->rng == NULL || s->dropout <= 0.0F) {
		return NULL;
	}
	mask = as_alloc(s->mem, n, sizeof *mask);
	for (size_t i = 0; i < n; i++) {
		mask[i] = as_rng_float(s->rng) < s->dropout ? 0.0F : keep;
		x[i] *= mask[i];
	}
	return mask;
}

void nn_drop_bwd(const float *mask, float *dx, size_t n)
{
	for (size_t i = 0; mask != NULL && i < n; i++) {
		dx[i] *= mask[i];
	}
}
