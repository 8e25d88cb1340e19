/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/layers.h"

static void linear_start(struct probe *p, struct nn_linear *l, size_t n, bool bias)
{
	*p = (struct probe){
		.layer = l, .n = n, .nx = n * 5, .ny = n * 3, .fwd = linear_fwd, .bwd = linear_bwd
	};
	nn_linear_init(l, &p->ps, "l", 5, 3, bias, 1.0F);
	probe_start(p, n);
}

Test(nn_linear, gradients_match_central_differences)
{
	for (size_t n = 1; n < 9; n += 3) {
		for (int bias = 0; bias < 2; bias++) {
			struct nn_linear l;
			struct probe p;

			linear_start(&p, &l, n, bias == 1);
			probe_check(&p, 1e-3);
			probe_adds(&p);
			probe_free(&p);
		}
	}
}

Test(nn_linear, a_gradient_of_x_that_nobody_wants_is_not_made)
{
	struct nn_linear l;
	struct probe p;

	linear_start(&p, &l, 4, true);
	nn_linear_bwd(&l, p.s.p, p.s.g, p.x, p.dy, NULL, 4);
	cr_assert(lt(flt, 0.0F, fabsf(p.s.g[0])));
	probe_free(&p);
}

Test(nn_linear, starts_with_the_spread_of_its_inputs)
{
	struct nn_params ps = { 0 };
	struct nn_linear l;

	nn_linear_init(&l, &ps, "l", 400, 300, true, 0.5F);
	cr_assert(epsilon_eq(flt, ps.p[0].scale, 0.025F, 1e-6F));
	cr_assert(eq(uint, ps.p[0].flags, NN_DECAY));
	cr_assert(eq(int, (int)ps.p[1].start, NN_ZERO));
	cr_assert(zero(uint, ps.p[1].flags), "biases do not decay");
	nn_params_free(&ps);
}

Test(nn_linear, weights_laid_out_give_the_bits_of_those_that_are_not)
{
	enum { N = 7, IN = 300, OUT = 37 };
	struct nn_params ps = { 0 };
	struct nn_linear l;
	struct as_rng rng;
	float x[N * IN];
	float want[N * OUT];
	float y[N * OUT];

	nn_linear_init(&l, &ps, "l", IN, OUT, true, 1.0F);
	as_rng_seed(&rng, 3, 1);
	nn_params_start(&ps, &rng);
	for (size_t i = 0; i < N * IN; i++) {
		x[i] = as_rng_normal(&rng);
	}
	for (size_t i = 0; i < OUT; i++) {
		ps.v[l.b + i] = as_rng_normal(&rng);
	}
	nn_linear_fwd(&l, ps.v, x, want, N);
	nn_params_serve(&ps);
	cr_assert(ne(ptr, l.laid.f32, NULL));
	nn_linear_fwd(&l, ps.v, x, y, N);
	cr_assert(zero(int, memcmp(y, want, sizeof y)));
	for (size_t i = 0; i < N; i++) { /* a row alone */
		nn_linear_fwd(&l, ps.v, x + i * IN, y, 1);
		cr_assert(zero(int, memcmp(y, want + i * OUT, OUT * sizeof *y)), "row %zu", i);
	}
	nn_params_free(&ps);
}

Test(nn_linear, int8_weights_are_served_and_read_back)
{
	const int8_t w[] = { 127, -127, 0, 64, 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, 127 };
	const float scale[] = { 0.01F, 0.5F, 2.0F };
	const float x[] = { 127.0F, 1.0F, -2.0F, 3.0F, -4.0F };
	struct nn_params ps = { 0 };
	struct nn_linear l;
	struct as_err e = { 0 };
	struct as_rng rng;
	float y[3];

	nn_linear_init(&l, &ps, "l", 5, 3, true, 1.0F);
	as_rng_seed(&rng, 1, 1);
	nn_params_start(&ps, &rng);
	cr_assert(eq(int, nn_param_q8(&ps, 0, w, scale, &e), AS_OK), "%s", e.msg);
	cr_assert(ne(ptr, l.laid.q8, NULL));
	cr_assert(eq(flt, ps.v[l.w + 3], 0.64F));
	cr_assert(eq(flt, ps.v[l.w + 14], 254.0F));
	ps.v[l.b + 1] = 10.0F;
	nn_linear_fwd(&l, ps.v, x, y, 1); /* x is whole numbers up to 127: nothing is rounded */
	cr_assert(epsilon_eq(flt, y[0], 161.90F, 1e-3F));
	cr_assert(epsilon_eq(flt, y[1], 130.0F, 1e-3F));
	cr_assert(epsilon_eq(flt, y[2], -1286.0F, 1e-2F));
	nn_params_free(&ps);
}
