/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/image/augment.h"

#include "tests/support/check.h"

#include <string.h>

Test(image_augment, views_differ_and_keep_the_picture_s_scale)
{
	enum { SIDE = 50, N = SIDE * SIDE };
	float x[N];
	float y[N];
	float before[N] = { 0 };
	struct as_rng rng;

	as_rng_seed(&rng, 1, 0);
	for (size_t i = 0; i < N; i++) {
		x[i] = i % SIDE < SIDE / 2 ? 1.0F : -1.0F;
	}
	for (int view = 0; view < 20; view++) {
		double squares = 0.0;

		enc_augment(&rng, x, y, SIDE, 1, view % 2 == 0 ? 0.0F : 0.5F);
		cr_assert(ne(int, memcmp(y, before, sizeof y), 0));
		memcpy(before, y, sizeof y);
		for (size_t i = 0; i < N; i++) {
			squares += (double)y[i] * (double)y[i];
		}
		cr_assert(lt(dbl, 0.4, squares / N));
		cr_assert(lt(dbl, squares / N, 2.0));
	}
}

Test(image_augment, the_views_of_a_judged_picture_are_itself_mirrored_and_moved)
{
	enum { SIDE = 50, BY = 2, N = SIDE * SIDE }; /* 4 % of 50 */
	static const int move[ENC_VIEWS_MAX][3] = {  /* mirrored, right, down */
						    { 0, 0, 0 },     { 1, 0, 0 },    { 0, BY, BY },
						    { 0, -BY, -BY }, { 1, BY, -BY }, { 1, -BY, BY },
						    { 0, BY, -BY },  { 0, -BY, BY }
	};
	float x[N * 2];
	float y[N * 2];

	for (size_t i = 0; i < (size_t)N * 2; i++) {
		x[i] = (float)(i + 1);
	}
	for (size_t k = 0; k < ENC_VIEWS_MAX; k++) {
		cr_assert(eq(int, enc_view_mirrored(k), move[k][0]));
		enc_view(k, x, y, SIDE, 2);
		for (int i = 0; i < N; i++) {
			const int u = move[k][0] == 1 ? SIDE - 1 - i % SIDE : i % SIDE;
			const int row = i / SIDE - move[k][2];
			const int col = u - move[k][1];
			const bool in = row >= 0 && row < SIDE && col >= 0 && col < SIDE;

			for (int c = 0; c < 2; c++) {
				const int at = (row * SIDE + col) * 2 + c;

				cr_assert(eq(flt, y[i * 2 + c], in ? x[at] : 0.0F));
			}
		}
	}
}

Test(image_augment, a_moved_picture_brings_zeros_in_and_channels_stay_apart)
{
	enum { SIDE = 50 };
	float x[SIDE * SIDE * 3];
	float y[SIDE * SIDE * 3];
	struct as_rng rng;
	bool moved = false;

	as_rng_seed(&rng, 2, 0);
	for (size_t i = 0; i < SIDE * SIDE; i++) {
		x[3 * i] = 10.0F;
		x[3 * i + 1] = 20.0F;
		x[3 * i + 2] = 30.0F;
	}
	for (int view = 0; view < 20; view++) {
		enc_augment(&rng, x, y, SIDE, 3, 0.0F);
		for (size_t i = 0; i < SIDE * SIDE; i++) {
			const size_t row = i / SIDE;
			const size_t col = i % SIDE;

			if (y[3 * i] == 0.0F) {
				moved = true;
				cr_assert(row < 4 || row >= SIDE - 4 || col < 4 || col >= SIDE - 4);
				cr_assert(eq(flt, y[3 * i + 2], 0.0F));
			}
		}
	}
	cr_assert(moved);
	cr_assert(lt(flt, y[3 * 1275], y[3 * 1275 + 2]));
}

/* Two halves, one above the other: their border is level until the picture is turned. */
Test(image_augment, a_warped_picture_is_turned_resized_and_partly_hidden)
{
	enum { SIDE = 50, VIEWS = 60 };
	float x[SIDE * SIDE];
	float y[SIDE * SIDE];
	struct as_rng rng;
	size_t slanted = 0;
	size_t hidden = 0;

	as_rng_seed(&rng, 3, 0);
	for (size_t i = 0; i < SIDE * SIDE; i++) {
		x[i] = i / SIDE < SIDE / 2 ? 10.0F : 20.0F;
	}
	for (int view = 0; view < VIEWS; view++) {
		size_t inside = 0;
		size_t left = 0;
		size_t right = 0;

		enc_augment(&rng, x, y, SIDE, 1, 1.0F);
		for (size_t row = 15; row < 35; row++) { /* rows of 20 start lower on one side */
			left += y[row * SIDE + 10] > 15.0F;
			right += y[row * SIDE + 40] > 15.0F;
			for (size_t col = 15; col < 35; col++) {
				inside += y[row * SIDE + col] == 0.0F;
			}
		}
		slanted += left > right + 3 || right > left + 3;
		hidden += inside > 0;
	}
	cr_assert(slanted > VIEWS / 3, "%zu of %d", slanted, VIEWS);
	cr_assert(hidden > VIEWS / 12 && hidden < VIEWS / 2, "%zu of %d", hidden, VIEWS);
}
