/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/contribution.h"

#include "tests/fusion/court.h"

#include <math.h>

/* What the whole network says of a subset of the parts is what fu_subsets says of it. Sums are
 * taken in another order: a tolerance of 1e-4 on logits of about 10. */
static void same_as_masked(enum io_kind kind, unsigned present)
{
	struct fix_net n;
	struct fu_act a;
	float logits[FU_SUBSETS * FIX_LABELS];

	fix_net_init(&n, kind, present);
	n.s.rng = NULL;
	for (unsigned subset = 0; subset < 8; subset++) {
		struct fu_rows rows[IO_PARTS_MAX] = { 0 };
		struct fu_act masked;

		if ((subset & ~present) != 0) {
			continue;
		}
		fix_net_fwd(&n, &a);
		fu_subsets(&n.model, &n.s, &a, logits);
		for (size_t m = 0; m < FIX_PARTS; m++) {
			rows[m] = (subset >> m & 1) != 0 ? n.rows[m] : (struct fu_rows){ 0 };
		}
		fu_model_fwd(&n.model, &n.s, rows, &masked);
		for (size_t k = 0; k < n.model.c; k++) {
			cr_assert(epsilon_eq(flt, logits[subset * n.model.c + k], masked.logits[k],
					     1e-4F),
				  "parts %u of %u, label %zu", subset, present, k);
		}
	}
	fix_net_free(&n);
}

Test(fusion_contribution, a_subset_is_the_network_with_the_other_parts_masked)
{
	for (unsigned present = 0; present < 8; present++) {
		same_as_masked(IO_CLASS, present);
		same_as_masked(IO_VALUE, present);
	}
}

Test(fusion_contribution, subsets_leave_the_arena_as_it_was)
{
	struct fix_net n;
	struct fu_act a;
	float logits[FU_SUBSETS * FIX_LABELS];
	size_t used;

	fix_net_init(&n, IO_CLASS, 7);
	n.s.rng = NULL;
	fix_net_fwd(&n, &a);
	used = n.mem.used;
	fu_subsets(&n.model, &n.s, &a, logits);
	cr_assert(eq(sz, n.mem.used, used));
	fix_net_free(&n);
}

/* The glove game: part 0 is a left glove, 1 and 2 are right ones; a pair is worth 1. Shapley's
 * values are 2/3, 1/6, 1/6. */
Test(fusion_contribution, the_glove_game_has_its_known_values)
{
	static const double v[] = { 0, 0, 0, 1, 0, 1, 0, 1 };
	double phi[3];

	fu_shapley(v, 3, 7, phi);
	cr_assert(epsilon_eq(dbl, phi[0], 2.0 / 3, 1e-12));
	cr_assert(epsilon_eq(dbl, phi[1], 1.0 / 6, 1e-12));
	cr_assert(epsilon_eq(dbl, phi[2], 1.0 / 6, 1e-12));
}

Test(fusion_contribution, what_adds_up_is_taken_apart_again_and_who_is_absent_has_nothing)
{
	double v[16];
	double phi[4];

	for (size_t s = 0; s < 16; s++) {
		v[s] = -1 + 2.5 * (double)(s & 1) - 4.0 * (double)(s >> 3 & 1);
		v[s] = (s & 6) != 0 ? (double)NAN : v[s]; /* parts 1 and 2 are not there */
	}
	fu_shapley(v, 4, 9, phi);
	cr_assert(epsilon_eq(dbl, phi[0], 2.5, 1e-12));
	cr_assert(eq(dbl, phi[1], 0.0));
	cr_assert(eq(dbl, phi[2], 0.0));
	cr_assert(epsilon_eq(dbl, phi[3], -4.0, 1e-12));
}

Test(fusion_contribution, evidence_is_the_log_odds_of_the_label)
{
	static const float logits[] = { 1.0F, -0.5F, 2.0F };
	struct io_task task;
	double p;

	fix_task(&task, IO_CLASS, 3);
	p = exp(2.0) / (exp(1.0) + exp(-0.5) + exp(2.0));
	cr_assert(epsilon_eq(dbl, fu_evidence(&task, logits, 2), log(p / (1 - p)), 1e-9));
	task.kind = IO_MULTI;
	cr_assert(eq(dbl, fu_evidence(&task, logits, 1), -0.5));
}

/* The parts' contributions to a label (a value) and their sum with the base. */
static double sum_of(const struct court *c, size_t label)
{
	double sum = c->out.base[label];

	for (size_t m = 0; m < FIX_PARTS; m++) {
		sum += c->out.contribution[label][m];
	}
	return sum;
}

Test(fusion_contribution, contributions_of_a_judgment_sum_to_the_fused_logit_less_the_base)
{
	struct draft d;
	struct court c;

	for (size_t pages = 0; pages <= 4; pages++) {
		court_draft(&d, IO_CLASS, 2);
		court_open(&c, &d);
		court_judge(&c, pages);
		/* Every temperature is 1: log p / (1 - p) is the fused logit. p is a float. */
		cr_assert(
		    epsilon_eq(dbl, sum_of(&c, c.out.label),
			       log((double)c.out.p[c.out.label] / (double)c.out.p[1 - c.out.label]),
			       1e-3),
		    "%zu pages", pages);
		for (size_t m = 0; m < FIX_PARTS; m++) {
			cr_assert(eq(int, c.out.contribution[c.out.label][m] != 0, m < pages),
				  "part %zu of %zu pages", m, pages);
		}
		fu_judge_close(&c.j);
	}
}

Test(fusion_contribution, contributions_of_a_value_are_in_its_unit)
{
	struct draft d;
	struct court c;

	court_draft(&d, IO_VALUE, 0);
	d.calibration.mean = 100;
	d.calibration.sd = 7;
	court_open(&c, &d);
	court_judge(&c, 4);
	cr_assert(epsilon_eq(dbl, sum_of(&c, 0), c.out.value, 1e-3));
	fu_judge_close(&c.j);
}

Test(fusion_contribution, a_temperature_changes_no_contribution)
{
	struct draft d;
	struct court c;
	double before;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	court_judge(&c, 4);
	before = c.out.contribution[c.out.label][1];
	c.j.calibration.temperature[7] = 3.0F;
	court_judge(&c, 4);
	cr_assert(eq(dbl, c.out.contribution[c.out.label][1], before));
	fu_judge_close(&c.j);
}
