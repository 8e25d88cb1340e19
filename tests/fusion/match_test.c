/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/match.h"

#include "tests/fusion/fixture.h"
#include "tests/support/gradcheck.h"

#include <math.h>

enum { N = 4, D = 6 };

struct batch {
	float a[N][D], b[N][D], da[N][D], db[N][D];
};

static double loss(void *ctx)
{
	struct batch *t = ctx;
	const float *a[N] = { t->a[0], t->a[1], t->a[2], t->a[3] };
	const float *b[N] = { t->b[0], t->b[1], t->b[2], t->b[3] };

	return fu_match_loss(a, b, N, D, 0.3F, NULL, NULL);
}

static double loss_and_gradient(struct batch *t)
{
	const float *a[N] = { t->a[0], t->a[1], t->a[2], t->a[3] };
	const float *b[N] = { t->b[0], t->b[1], t->b[2], t->b[3] };
	float *da[N] = { t->da[0], t->da[1], t->da[2], t->da[3] };
	float *db[N] = { t->db[0], t->db[1], t->db[2], t->db[3] };

	return fu_match_loss(a, b, N, D, 0.3F, da, db);
}

static void fill(struct batch *t)
{
	struct as_rng r;

	*t = (struct batch){ 0 };
	as_rng_seed(&r, 8, 0);
	fix_random(&r, t->a[0], (size_t)N * D, 1.0F);
	fix_random(&r, t->b[0], (size_t)N * D, 1.0F);
}

Test(fusion_match, gradients_are_those_of_the_loss)
{
	struct batch t;
	double got;

	fill(&t);
	got = loss_and_gradient(&t);
	cr_assert(eq(dbl, got, loss(&t)));
	cr_assert(lt(dbl, gradcheck(loss, &t, t.a[0], t.da[0], (size_t)N * D, 1, 3e-3F), 1e-3));
	cr_assert(lt(dbl, gradcheck(loss, &t, t.b[0], t.db[0], (size_t)N * D, 1, 3e-3F), 1e-3));
}

Test(fusion_match, two_orthogonal_cases_give_the_value_worked_out_by_hand)
{
	/* n = 2: β = -log 1 = 0; l = 10 on the diagonal, 0 beside it:
	 * L = (2 log(1 + e^-10) + 2 log 2) / 2 */
	static const float x[2][2] = { { 3.0F, 0.0F }, { 0.0F, 0.5F } };
	const float *z[2] = { x[0], x[1] };
	const double want = log1p(exp(-10.0)) + log(2.0);

	cr_assert(epsilon_eq(dbl, fu_match_loss(z, z, 2, 2, 1.0F, NULL, NULL), want, 1e-6));
	cr_assert(epsilon_eq(dbl, fu_match_loss(z, z, 2, 2, 0.5F, NULL, NULL), want / 2, 1e-6));
}

Test(fusion_match, cases_that_match_cost_less_than_cases_in_the_wrong_order)
{
	struct batch t;
	const float *a[N] = { t.a[0], t.a[1], t.a[2], t.a[3] };
	const float *turned[N] = { t.a[1], t.a[2], t.a[3], t.a[0] };

	fill(&t);
	cr_assert(lt(dbl, fu_match_loss(a, a, N, D, 1.0F, NULL, NULL),
		     fu_match_loss(a, turned, N, D, 1.0F, NULL, NULL)));
}

Test(fusion_match, one_case_has_nothing_to_be_told_apart_from)
{
	struct batch t;
	const float *a[1] = { t.a[0] };

	fill(&t);
	cr_assert(zero(dbl, fu_match_loss(a, a, 1, D, 1.0F, NULL, NULL)));
}

Test(fusion_match, a_zero_vector_gives_finite_gradients)
{
	struct batch t;

	fill(&t);
	memset(t.a[1], 0, sizeof t.a[1]);
	cr_assert(ne(int, isfinite(loss_and_gradient(&t)), 0));
	for (size_t i = 0; i < D; i++) {
		cr_assert(ne(int, isfinite(t.da[1][i]), 0));
	}
}
