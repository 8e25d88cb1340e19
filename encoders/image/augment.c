/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/image/augment.h"

#include <stdbool.h>
#include <string.h>

static const float SHIFT = 0.08F;   /* of the side, at most */
static const float CONTRAST = 0.2F; /* factor 0.8 .. 1.2 */
static const float BRIGHTER = 0.2F; /* of the picture's sd, at most */
static const float SPECKLE = 0.1F;  /* sd of the noise, relative to the pixel */

/* Uniform in [-most, most). */
static float draw(struct as_rng *rng, float most)
{
	return (2.0F * as_rng_float(rng) - 1.0F) * most;
}

static long draw_shift(struct as_rng *rng, size_t size)
{
	const long most = (long)(SHIFT * (float)size);

	return (long)as_rng_below(rng, (uint64_t)(2 * most + 1)) - most;
}

void enc_augment(struct as_rng *rng, const float *x, float *y, size_t size, size_t channels)
{
	const bool mirror = as_rng_below(rng, 2) == 1;
	const long right = draw_shift(rng, size);
	const long down = draw_shift(rng, size);
	const float gain = 1.0F + draw(rng, CONTRAST);
	const float offset = draw(rng, BRIGHTER);
	const long side = (long)size;

	memset(y, 0, size * size * channels * sizeof *y);
	for (long row = 0; row < side; row++) {
		for (long col = 0; col < side; col++) {
			const long r = row - down;
			const long c = (mirror ? side - 1 - col : col) - right;
			const float *from = x + (r * side + c) * (long)channels;
			float *to = y + (row * side + col) * (long)channels;

			if (r < 0 || r >= side || c < 0 || c >= side) {
				continue;
			}
			for (size_t k = 0; k < channels; k++) {
				to[k] = (gain * from[k] + offset) *
					(1.0F + SPECKLE * as_rng_normal(rng));
			}
		}
	}
}
