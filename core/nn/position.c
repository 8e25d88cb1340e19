/* SPDX-License-Identifier: Apache-2.0
 * position.c - sinusoidal positions.
 *
 *   x_i,2j   += scale sin(i w_j)        w_j = 10000^(-2j/d)
 *   x_i,2j+1 += scale cos(i w_j)
 *
 * Row i + 1 is row i turned by w_j, in double: a sine a pair instead of one a number.
 * Vaswani et al., "Attention Is All You Need" (2017), arXiv:1706.03762, section 3.5. */
#include "core/nn/position.h"

#include <math.h>

/* Positions 0..n along one side, width features each; row i is x + i * ld, and each position is
 * given to `times` rows, `apart` floats from one to the next. */
struct side {
	size_t n, width, ld, times, apart;
};

static void add_side(float *x, const struct side *a, float scale)
{
	for (size_t j = 0; j + 1 < a->width; j += 2) {
		const double w = pow(10000.0, -(double)j / (double)a->width);
		const double turn_sin = sin(w);
		const double turn_cos = cos(w);
		double s = 0.0;
		double c = 1.0;

		for (size_t i = 0; i < a->n; i++) {
			const double last = s;

			for (size_t t = 0; t < a->times; t++) {
				float *to = x + i * a->ld + t * a->apart + j;

				to[0] += scale * (float)s;
				to[1] += scale * (float)c;
			}
			s = s * turn_cos + c * turn_sin;
			c = c * turn_cos - last * turn_sin;
		}
	}
}

void nn_position(float *x, size_t n, size_t d, float scale)
{
	add_side(x, &(struct side){ .n = n, .width = d, .ld = d, .times = 1 }, scale);
}

void nn_position_grid(float *x, size_t h, size_t w, size_t d, float scale)
{
	const size_t half = d / 2;

	add_side(x, &(struct side){ h, half, w * d, w, d }, scale);
	add_side(x + half, &(struct side){ w, d - half, d, h, w * d }, scale);
}
