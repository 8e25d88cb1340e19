/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/rng.h"
#include "tests/support/check.h"

#include <math.h>

/* First numbers of the authors' xoshiro256starstar.c from the state {1, 2, 3, 4}. */
Test(base_rng, gives_the_published_sequence)
{
	struct as_rng r = { { 1, 2, 3, 4 } };

	cr_assert(eq(u64, as_rng_u64(&r), 11520));
	cr_assert(eq(u64, as_rng_u64(&r), 0));
	cr_assert(eq(u64, as_rng_u64(&r), 1509978240));
	cr_assert(eq(u64, as_rng_u64(&r), 1215971899390074240U));
}

Test(base_rng, streams_of_one_seed_differ_and_repeat)
{
	struct as_rng a;
	struct as_rng b;
	struct as_rng c;

	as_rng_seed(&a, 7, 0);
	as_rng_seed(&b, 7, 1);
	as_rng_seed(&c, 7, 0);
	cr_assert(ne(u64, as_rng_u64(&a), as_rng_u64(&b)));
	(void)as_rng_u64(&c);
	cr_assert(eq(u64, as_rng_u64(&a), as_rng_u64(&c)));
}

Test(base_rng, normal_numbers_have_mean_0_and_variance_1)
{
	struct as_rng r;
	double sum = 0;
	double square = 0;

	as_rng_seed(&r, 3, 0);
	for (int i = 0; i < 100000; i++) {
		const double x = (double)as_rng_normal(&r);

		sum += x;
		square += x * x;
	}
	cr_assert(lt(dbl, fabs(sum / 1e5), 0.02)); /* 6 standard errors */
	cr_assert(lt(dbl, fabs(square / 1e5 - 1), 0.03));
}

Test(base_rng, floats_stay_below_one_and_below_is_fair)
{
	struct as_rng r;
	int hits[3] = { 0 };

	as_rng_seed(&r, 5, 0);
	for (int i = 0; i < 30000; i++) {
		const float f = as_rng_float(&r);

		cr_assert(f >= 0.0F && f < 1.0F);
		hits[as_rng_below(&r, 3)]++;
	}
	for (int i = 0; i < 3; i++) {
		cr_assert(hits[i] > 9500 && hits[i] < 10500, "%d", hits[i]); /* 6 sd */
	}
}

Test(base_rng, shuffle_keeps_every_index_once)
{
	size_t v[50];
	bool seen[50] = { false };
	struct as_rng r;

	as_rng_seed(&r, 9, 0);
	for (size_t i = 0; i < 50; i++) {
		v[i] = i;
	}
	as_rng_shuffle(&r, v, 50);
	for (size_t i = 0; i < 50; i++) {
		cr_assert(eq(int, seen[v[i]], false));
		seen[v[i]] = true;
	}
}
