/* SPDX-License-Identifier: Apache-2.0
 * tests/core/nn/golden_test.c holds five steps to PyTorch's AdamW; here the numbers are by hand. */
#include "core/nn/adam.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

static void adam_start(struct nn_params *ps, struct nn_adam *o)
{
	struct as_rng r;

	*ps = (struct nn_params){ 0 };
	as_rng_seed(&r, 1, 1);
	(void)nn_param_add(ps, "", "w", 1, 2, NN_DECAY, NN_CONST, 2.0F);
	(void)nn_param_add(ps, "", "b", 1, 1, 0, NN_CONST, 2.0F);
	nn_params_start(ps, &r);
	nn_adam_init(o, ps);
}

/* The first step is rate * sign(g), whatever g; decay takes rate * decay * w from matrices only. */
Test(nn_adam, the_first_step_is_the_rate_and_only_matrices_decay)
{
	float g[3] = { 0.5F, -0.001F, 300.0F };
	struct nn_params ps;
	struct nn_adam o;

	adam_start(&ps, &o);
	cr_assert(epsilon_eq(dbl, nn_adam_step(&o, &ps, g, 0.1F, 0.25F, 0.0F),
			     sqrt(0.25 + 1e-6 + 9e4), 1e-4));
	cr_assert(epsilon_eq(flt, ps.v[0], 2.0F - 0.1F - 0.1F * 0.25F * 2.0F, 1e-5F));
	cr_assert(epsilon_eq(flt, ps.v[1], 2.0F + 0.1F - 0.1F * 0.25F * 2.0F, 1e-5F));
	cr_assert(epsilon_eq(flt, ps.v[2], 2.0F - 0.1F, 1e-5F));
	nn_adam_free(&o);
	nn_params_free(&ps);
}

Test(nn_adam, a_weight_that_is_still_or_fixed_stays)
{
	static const unsigned flag[] = { NN_STILL, NN_FIXED };

	for (size_t i = 0; i < 2; i++) {
		float g[3] = { 1.0F, 1.0F, 1.0F };
		struct nn_params ps;
		struct nn_adam o;

		adam_start(&ps, &o);
		ps.p[0].flags |= flag[i];
		(void)nn_adam_step(&o, &ps, g, 0.1F, 0.25F, 0.0F);
		cr_assert(eq(flt, ps.v[0], 2.0F));
		cr_assert(eq(flt, ps.v[1], 2.0F));
		cr_assert(lt(flt, ps.v[2], 2.0F));
		nn_adam_free(&o);
		nn_params_free(&ps);
	}
}

/* g = (3, 0, 4): norm 5, clipped to 1 = (0.6, 0, 0.8), which m after one step shows. */
Test(nn_adam, a_long_gradient_is_shortened_to_clip)
{
	float g[3] = { 3.0F, 0.0F, 4.0F };
	float small[3] = { 0.3F, 0.0F, 0.4F };
	struct nn_params ps;
	struct nn_adam o;

	adam_start(&ps, &o);
	cr_assert(epsilon_eq(dbl, nn_adam_step(&o, &ps, g, 0.1F, 0.0F, 1.0F), 5.0, 1e-6));
	cr_assert(epsilon_eq(flt, o.m[0], (1.0F - o.beta1) * 0.6F, 1e-6F));
	cr_assert(epsilon_eq(flt, o.m[2], (1.0F - o.beta1) * 0.8F, 1e-6F));
	cr_assert(eq(flt, ps.v[1], 2.0F), "no gradient, no step");
	nn_adam_free(&o);
	nn_params_free(&ps);
	adam_start(&ps, &o);
	cr_assert(epsilon_eq(dbl, nn_adam_step(&o, &ps, small, 0.1F, 0.0F, 1.0F), 0.5, 1e-6));
	cr_assert(epsilon_eq(flt, o.m[0], (1.0F - o.beta1) * 0.3F, 1e-6F));
	nn_adam_free(&o);
	nn_params_free(&ps);
}

Test(nn_adam, the_norm_of_a_long_vector_is_exact_enough)
{
	struct nn_params ps = { 0 };
	struct nn_adam o;
	struct as_rng r;
	float *g;

	as_rng_seed(&r, 1, 1);
	(void)nn_param_add(&ps, "", "w", 1000, 100, 0, NN_ZERO, 0.0F);
	nn_params_start(&ps, &r);
	nn_adam_init(&o, &ps);
	g = malloc(ps.size * sizeof *g);
	cr_assert(ne(ptr, g, NULL));
	for (size_t i = 0; i < ps.size; i++) {
		g[i] = 0.01F;
	}
	cr_assert(epsilon_eq(dbl, nn_adam_step(&o, &ps, g, 0.0F, 0.0F, 0.0F),
			     (double)0.01F * sqrt(1e5), 1e-5));
	free(g);
	nn_adam_free(&o);
	nn_params_free(&ps);
}

Test(nn_adam, rate_warms_up_and_falls_to_zero)
{
	cr_assert(epsilon_eq(flt, nn_rate(2.0F, 0, 100), 0.2F, 1e-6F));
	cr_assert(epsilon_eq(flt, nn_rate(2.0F, 9, 100), 2.0F, 1e-6F));
	cr_assert(epsilon_eq(flt, nn_rate(2.0F, 10, 100), 2.0F, 1e-6F));
	cr_assert(epsilon_eq(flt, nn_rate(2.0F, 55, 100), 1.0F, 1e-6F));
	cr_assert(lt(flt, nn_rate(2.0F, 99, 100), 0.01F));
	cr_assert(eq(flt, nn_rate(2.0F, 100, 100), 0.0F));
	cr_assert(eq(flt, nn_rate(2.0F, 0, 1), 2.0F));
}
