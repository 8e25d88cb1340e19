/* SPDX-License-Identifier: Apache-2.0
 * position.c - x_i,2j += scale sin(i / 10000^(2j/d))    x_i,2j+1 += scale cos(i / 10000^(2j/d)) */
#include "core/nn/position.h"

#include <math.h>

static void add(float *row, size_t i, size_t d, float scale)
{
	for (size_t j = 0; j + 1 < d; j += 2) {
		const double angle = (double)i * pow(10000.0, -(double)j / (double)d);

		row[j] += scale * (float)sin(angle);
		row[j + 1] += scale * (float)cos(angle);
	}
}

void nn_position(float *x, size_t n, size_t d, float scale)
{
	for (size_t i = 0; i < n; i++) {
		add(x + i * d, i, d, scale);
	}
}

void nn_position_grid(float *x, size_t h, size_t w, size_t d, float scale)
{
	for (size_t i = 0; i < h; i++) {
		for (size_t j = 0; j < w; j++) {
			float *row = x + (i * w + j) * d;

			add(row, i, d / 2, scale);
			add(row + d / 2, j, d - d / 2, scale);
		}
	}
}
