/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nn/param.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

Test(nn_param, weights_lie_in_the_order_they_were_registered)
{
	struct nn_params ps = { 0 };
	struct as_rng r;

	as_rng_seed(&r, 1, 1);
	cr_assert(eq(sz, nn_param_add(&ps, "a.b", "w", 3, 5, NN_DECAY, NN_ZERO, 0.0F), 0));
	cr_assert(eq(sz, nn_param_add(&ps, "", "lone", 1, 7, 0, NN_ONE, 0.0F), 15));
	cr_assert(eq(sz, nn_param_add(&ps, "a", "c", 2, 2, 0, NN_CONST, 2.5F), 22));
	cr_assert(eq(sz, ps.size, 26));
	nn_params_start(&ps, &r);
	cr_assert(zero(sz, (size_t)((uintptr_t)ps.v % 64)));
	for (size_t i = 0; i < 26; i++) {
		cr_assert(eq(flt, ps.v[i], i < 15 ? 0.0F : (i < 22 ? 1.0F : 2.5F)));
	}
	cr_assert(eq(sz, nn_param_find(&ps, "lone")->at, 15));
	cr_assert(eq(sz, nn_param_find(&ps, "a.b.w")->rows, 3));
	cr_assert(eq(uint, nn_param_find(&ps, "a.b.w")->flags, NN_DECAY));
	cr_assert(eq(ptr, (void *)nn_param_find(&ps, "a.b"), NULL));
	nn_params_free(&ps);
	cr_assert(eq(ptr, ps.v, NULL));
	nn_params_free(&ps);
}

Test(nn_param, more_weights_than_the_first_allocation_holds)
{
	struct nn_params ps = { 0 };
	char name[16];

	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof name, "w%u", (unsigned)i);
		cr_assert(eq(sz, nn_param_add(&ps, "p", name, 1, 2, 0, NN_ZERO, 0.0F), 2 * i));
	}
	cr_assert(eq(sz, nn_param_find(&ps, "p.w999")->at, 1998));
	nn_params_free(&ps);
}

Test(nn_param, the_same_seed_starts_the_same_weights_with_the_named_spread)
{
	struct nn_params ps[2] = { { 0 }, { 0 } };
	double square = 0.0;
	struct as_rng r;

	for (size_t i = 0; i < 2; i++) {
		as_rng_seed(&r, 7, 0);
		(void)nn_param_add(&ps[i], "a", "w", 100, 200, NN_DECAY, NN_NORMAL, 0.25F);
		nn_params_start(&ps[i], &r);
	}
	for (size_t i = 0; i < ps[0].size; i++) {
		square += (double)ps[0].v[i] * (double)ps[0].v[i] / (double)ps[0].size;
	}
	cr_assert(zero(int, memcmp(ps[0].v, ps[1].v, ps[0].size * sizeof(float))));
	cr_assert(epsilon_eq(dbl, sqrt(square), 0.25, 0.005));
	nn_params_free(&ps[0]);
	nn_params_free(&ps[1]);
}
