/* SPDX-License-Identifier: Apache-2.0
 * tests/core/nn/golden_test.c holds five steps behind a standardised matrix to PyTorch. */
#include "core/nn/adam.h"
#include "core/nn/standard.h"
#include "tests/support/check.h"
#include "tests/support/gradcheck.h"

#include <math.h>
#include <string.h>

enum { ROWS = 3, COLS = 9, N = ROWS * COLS };

static void put_randoms(float *v, uint64_t seed)
{
	struct as_rng r;

	as_rng_seed(&r, seed, 0);
	for (size_t i = 0; i < N; i++) {
		v[i] = 0.5F + as_rng_normal(&r);
	}
}

Test(nn_standard, rows_have_mean_0_and_length_1_and_one_without_contrast_is_0)
{
	float r[N];
	float w[N];

	put_randoms(r, 1);
	for (size_t j = 0; j < COLS; j++) {
		r[COLS + j] = 0.75F;
	}
	nn_standard_fwd(r, w, ROWS, COLS);
	for (size_t i = 0; i < ROWS; i++) {
		double sum = 0;
		double square = 0;

		for (size_t j = i * COLS; j < (i + 1) * COLS; j++) {
			sum += (double)w[j];
			square += (double)w[j] * (double)w[j];
		}
		cr_assert(epsilon_eq(dbl, sum, 0.0, 1e-6));
		cr_assert(epsilon_eq(dbl, square, i == 1 ? 0.0 : 1.0, 1e-6));
	}
	nn_standard_fwd(r, r, ROWS, COLS);
	cr_assert(zero(int, memcmp(r, w, sizeof w)), "in place");
}

struct loss {
	float r[N], dw[N];
};

static double loss_of(void *ctx)
{
	const struct loss *l = ctx;
	float w[N];
	double sum = 0;

	nn_standard_fwd(l->r, w, ROWS, COLS);
	for (size_t i = 0; i < N; i++) {
		sum += (double)l->dw[i] * (double)w[i];
	}
	return sum;
}

Test(nn_standard, gradient_matches_central_differences)
{
	struct loss l;
	float w[N];
	float g[N];

	put_randoms(l.r, 2);
	put_randoms(l.dw, 3);
	memcpy(g, l.dw, sizeof g);
	nn_standard_fwd(l.r, w, ROWS, COLS);
	nn_standard_bwd(l.r, w, g, ROWS, COLS);
	cr_assert(lt(dbl, gradcheck(loss_of, &l, l.r, g, N, 1, 1e-2F), 1e-3));
}

Test(nn_standard, a_row_without_contrast_gets_no_gradient)
{
	float r[N];
	float w[N];
	float g[N];

	put_randoms(r, 1);
	put_randoms(g, 2);
	for (size_t j = 0; j < COLS; j++) {
		r[COLS + j] = 0.75F;
	}
	nn_standard_fwd(r, w, ROWS, COLS);
	nn_standard_bwd(r, w, g, ROWS, COLS);
	for (size_t i = 0; i < N; i++) {
		cr_assert(eq(int, g[i] == 0.0F, i / COLS == 1));
	}
}

/* Weights of a set start standardised, and a step leaves them so; others are not touched by it. */
Test(nn_standard, weights_start_and_stay_so)
{
	struct nn_params ps = { 0 };
	float g[N + 2];
	float w[N];
	struct nn_adam o;
	struct as_rng r;

	as_rng_seed(&r, 1, 1);
	(void)nn_param_add(&ps, "", "w", ROWS, COLS, NN_DECAY | NN_STANDARD, NN_NORMAL, 7.0F);
	(void)nn_param_add(&ps, "", "b", 1, 2, 0, NN_CONST, 3.0F);
	nn_params_start(&ps, &r);
	nn_standard_fwd(ps.v, w, ROWS, COLS);
	for (size_t i = 0; i < N; i++) {
		cr_assert(epsilon_eq(flt, ps.v[i], w[i], 1e-6F));
	}
	nn_adam_init(&o, &ps);
	put_randoms(g, 4);
	g[N] = g[N + 1] = 0.0F;
	(void)nn_adam_step(&o, &ps, g, 0.1F, 0.0F, 1.0F);
	cr_assert(lt(flt, 1e-3F, fabsf(ps.v[0] - w[0])));
	nn_standard_fwd(ps.v, w, ROWS, COLS);
	for (size_t i = 0; i < N; i++) {
		cr_assert(epsilon_eq(flt, ps.v[i], w[i], 1e-6F));
	}
	cr_assert(eq(flt, ps.v[N], 3.0F));
	nn_adam_free(&o);
	nn_params_free(&ps);
}

Test(nn_standard, what_is_still_stays)
{
	struct nn_params ps = { 0 };
	float before[N];
	float g[N];
	struct nn_adam o;
	struct as_rng r;

	as_rng_seed(&r, 1, 1);
	(void)nn_param_add(&ps, "", "w", ROWS, COLS, NN_STANDARD | NN_STILL, NN_NORMAL, 1.0F);
	nn_params_start(&ps, &r);
	memcpy(before, ps.v, sizeof before);
	nn_adam_init(&o, &ps);
	put_randoms(g, 4);
	(void)nn_adam_step(&o, &ps, g, 0.1F, 0.1F, 1.0F);
	cr_assert(zero(int, memcmp(before, ps.v, sizeof before)));
	nn_adam_free(&o);
	nn_params_free(&ps);
}
