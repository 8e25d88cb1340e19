/* SPDX-License-Identifier: Apache-2.0
 * Values come from the definitions; tests/core/nn/golden_test.c holds the gradients to PyTorch. */
#include "core/nn/loss.h"
#include "tests/support/check.h"
#include "tests/support/gradcheck.h"

#include <math.h>

struct loss_probe {
	float x[4], t[4];
	int kind;
};

static double loss_of(void *ctx)
{
	const struct loss_probe *l = ctx;

	switch (l->kind) {
	case 0:
		return nn_loss_class(l->x, l->t, NULL, 4, 0.7);
	case 1:
		return nn_loss_multi(l->x, l->t, NULL, 4, 0.7);
	case 5:
		return nn_loss_bag(l->x, 4, (const uint32_t[]){ 3, 0, 3 }, 3, NULL, 0.7);
	case 3:
		return nn_loss_soft_class(l->x, l->t, NULL, 4, 4.0F, 0.7);
	case 4:
		return nn_loss_soft_multi(l->x, l->t, NULL, 4, 4.0F, 0.7);
	default:
		return nn_loss_value(l->x, l->t[0], NULL, 0.7);
	}
}

Test(nn_loss, gradients_match_central_differences_and_are_added)
{
	for (int kind = 0; kind < 6; kind++) {
		struct loss_probe l = { { 1.0F, -2.0F, 0.5F, 3.0F },
					{ 0.25F, 0.0F, 0.25F, 0.5F },
					kind };
		float d[4] = { 10.0F, 10.0F, 10.0F, 10.0F };

		switch (kind) {
		case 0:
			(void)nn_loss_class(l.x, l.t, d, 4, 0.7);
			break;
		case 1:
			(void)nn_loss_multi(l.x, l.t, d, 4, 0.7);
			break;
		case 5:
			(void)nn_loss_bag(l.x, 4, (const uint32_t[]){ 3, 0, 3 }, 3, d, 0.7);
			break;
		case 3:
			(void)nn_loss_soft_class(l.x, l.t, d, 4, 4.0F, 0.7);
			break;
		case 4:
			(void)nn_loss_soft_multi(l.x, l.t, d, 4, 4.0F, 0.7);
			break;
		default:
			(void)nn_loss_value(l.x, l.t[0], d, 0.7);
			break;
		}
		for (size_t k = 0; k < 4; k++) {
			d[k] -= 10.0F;
		}
		cr_assert(
		    lt(dbl, gradcheck(loss_of, &l, l.x, d, kind == 2 ? 1 : 4, 1, 1e-3F), 1e-4));
	}
}

Test(nn_loss, of_even_logits_is_the_logarithm_of_their_number)
{
	const float x[3] = { 5.0F, 5.0F, 5.0F };
	const float t[3] = { 0.0F, 1.0F, 0.0F };

	cr_assert(epsilon_eq(dbl, nn_loss_class(x, t, NULL, 3, 1.0), log(3.0), 1e-9));
	cr_assert(epsilon_eq(dbl, nn_loss_multi((float[]){ 0.0F, 0.0F }, t, NULL, 2, 1.0), log(2.0),
			     1e-9));
	cr_assert(epsilon_eq(dbl, nn_loss_value(x, 2.0F, NULL, 0.5), 2.25, 1e-9));
}

Test(nn_loss, extreme_logits_stay_finite)
{
	const float x[2] = { 20000.0F, -20000.0F };
	const float wrong[2] = { 0.0F, 1.0F };
	float d[2] = { 0 };

	cr_assert(epsilon_eq(dbl, nn_loss_class(x, wrong, d, 2, 1.0), 40000.0, 1e-3));
	cr_assert(epsilon_eq(flt, d[0], 1.0F, 1e-6F));
	cr_assert(epsilon_eq(dbl, nn_loss_multi(x, wrong, d, 2, 1.0), 20000.0, 1e-3));
	cr_assert(isfinite(d[0]) && isfinite(d[1]));
	cr_assert(eq(flt, nn_sigmoid(-1000.0F), 0.0F));
	cr_assert(eq(flt, nn_sigmoid(1000.0F), 1.0F));
	cr_assert(epsilon_eq(flt, nn_sigmoid(2.0F), 0.880797F, 1e-6F));
}

Test(nn_loss, softmax_divides_by_the_temperature)
{
	const float x[3] = { 1.0F, 3.0F, 500.0F };
	float p[3];

	nn_softmax(x, p, 2, 2.0F);
	cr_assert(epsilon_eq(flt, p[1] / p[0], expf(1.0F), 1e-5F));
	cr_assert(epsilon_eq(flt, p[0] + p[1], 1.0F, 1e-6F));
	nn_softmax(x, p, 3, 0.01F);
	cr_assert(eq(flt, p[2], 1.0F));
	cr_assert(eq(flt, p[0], 0.0F));
}

/* T^2 KL by the definition: of (2/3, 1/3) against (1/2, 1/2) it is log 2 - H(1/3). */
Test(nn_loss, a_student_that_says_what_the_teacher_says_loses_nothing)
{
	const float teacher[2] = { 4.0F * 0.69314718F, 0.0F };
	const float even[2] = { 3.0F, 3.0F };
	const double kl = log(2.0) - (log(3.0) - 2.0 / 3.0 * log(2.0));

	cr_assert(
	    epsilon_eq(dbl, nn_loss_soft_class(teacher, teacher, NULL, 2, 4.0F, 1.0), 0.0, 1e-12));
	cr_assert(
	    epsilon_eq(dbl, nn_loss_soft_class(even, teacher, NULL, 2, 4.0F, 1.0), 16 * kl, 1e-6));
	cr_assert(epsilon_eq(
	    dbl, nn_loss_soft_multi((float[]){ 0.0F, 0.0F }, teacher, NULL, 2, 4.0F, 1.0), 8 * kl,
	    1e-6));
}

Test(nn_loss, a_bag_of_ids_is_the_class_loss_of_their_shares)
{
	const float x[] = { 0.3F, -1.0F, 2.0F };
	const float t[] = { 0.25F, 0.0F, 0.75F };
	const uint32_t ids[] = { 2, 0, 2, 2 };

	cr_assert(epsilon_eq(dbl, nn_loss_bag(x, 3, ids, 4, NULL, 2.0),
			     nn_loss_class(x, t, NULL, 3, 2.0), 1e-12));
}
