/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nn/position.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

/* Feature j of a position: the formula of the paper. */
static double position(size_t i, size_t j, size_t d)
{
	const double angle = (double)i / pow(10000.0, (double)(j - j % 2) / (double)d);

	return j % 2 == 0 ? sin(angle) : cos(angle);
}

Test(nn_position, is_added_by_the_formula_even_far_along)
{
	enum { N = 5000, D = 12 };
	float *x = malloc(N * D * sizeof *x);

	cr_assert(ne(ptr, x, NULL));
	for (size_t i = 0; i < N * D; i++) {
		x[i] = 1.0F;
	}
	nn_position(x, N, D, 0.5F);
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < D; j++) {
			cr_assert(epsilon_eq(dbl, (double)x[i * D + j],
					     1.0 + 0.5 * position(i, j, D), 1e-6));
		}
	}
	free(x);
}

Test(nn_position, of_a_grid_says_row_and_column)
{
	enum { H = 3, W = 5, D = 8 };
	float x[H * W * D] = { 0 };

	nn_position_grid(x, H, W, D, 1.0F);
	for (size_t i = 0; i < H * W; i++) {
		for (size_t j = 0; j < D / 2; j++) {
			cr_assert(
			    epsilon_eq(dbl, (double)x[i * D + j], position(i / W, j, D / 2), 1e-6));
			cr_assert(epsilon_eq(dbl, (double)x[i * D + D / 2 + j],
					     position(i % W, j, D / 2), 1e-6));
		}
	}
}
