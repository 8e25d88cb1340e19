/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/verdict.h"

#include "tests/fusion/fixture.h"

#include <math.h>

/* One part, the scan, that says the same as all. */
static void judge(const struct io_task *task, const struct fu_calibration *c, const float *logits,
		  struct fu_judgment *out)
{
	*out = (struct fu_judgment){ 0 };
	fu_verdict(task, c,
		   &(struct fu_answer){ .present = 1, .logits = logits, .late = { logits } }, out);
}

static void start(struct io_task *task, struct fu_calibration *c, enum io_kind kind, size_t labels)
{
	fix_task(task, kind, labels);
	fu_calibration_defaults(c);
	c->coverage = 0.9;
}

/* p = .2, .3, .5 */
static const float three[] = { -1.6094379F, -1.2039728F, -0.6931472F };

Test(fusion_verdict, a_label_is_in_the_set_from_one_less_the_quantile_up)
{
	struct fu_judgment v;
	struct fu_calibration c;
	struct io_task task;

	start(&task, &c, IO_CLASS, 3);
	c.quantile[1] = 0.71F;
	judge(&task, &c, three, &v);
	cr_assert(zero(int, v.set[0]));
	cr_assert(v.set[1] && v.set[2]);
	c.quantile[1] = 0.4F; /* even the likeliest label fits worse than nine of ten cases */
	judge(&task, &c, three, &v);
	cr_assert(zero(int, v.set[0] + v.set[1] + v.set[2]));
	cr_assert(eq(u32, v.label, 2));
}

Test(fusion_verdict, without_a_quantile_the_set_leaves_nothing_out)
{
	struct fu_judgment v;
	struct fu_calibration c;
	struct io_task task;
	static const float sure[] = { -50, -50, 50 };

	start(&task, &c, IO_CLASS, 3);
	c.quantile[2] = 0.1F; /* of other parts */
	judge(&task, &c, sure, &v);
	cr_assert(v.set[0] && v.set[1] && v.set[2]);
}

Test(fusion_verdict, an_interval_is_as_wide_as_the_quantile_either_way)
{
	struct fu_judgment v;
	struct fu_calibration c;
	struct io_task task;
	static const float one[] = { 1 };

	start(&task, &c, IO_VALUE, 0);
	c.mean = 10;
	c.sd = 2;
	c.quantile[1] = 3;
	judge(&task, &c, one, &v);
	cr_assert(epsilon_eq(dbl, v.low, 9.0, 1e-9));
	cr_assert(epsilon_eq(dbl, v.high, 15.0, 1e-9));
	c.quantile[1] = INFINITY;
	judge(&task, &c, one, &v);
	cr_assert(isinf(v.low) && v.low < 0 && isinf(v.high));
}

Test(fusion_verdict, nothing_abstains_that_has_no_limit)
{
	struct fu_judgment v;
	struct fu_calibration c;
	struct io_task task;

	start(&task, &c, IO_CLASS, 3);
	judge(&task, &c, three, &v);
	cr_assert(not(v.abstention.abstains));
}

Test(fusion_verdict, more_labels_in_the_set_than_the_limit_abstain)
{
	struct fu_judgment v;
	struct fu_calibration c;
	struct io_task task;

	start(&task, &c, IO_CLASS, 3);
	task.abstain[IO_ABSTAIN_SET] = 1;
	c.quantile[1] = 0.71F;
	judge(&task, &c, three, &v);
	cr_assert(v.abstention.abstains);
	cr_assert(eq(int, (int)v.abstention.why, IO_ABSTAIN_SET));
	cr_assert(eq(dbl, v.abstention.is, 2.0));
	task.abstain[IO_ABSTAIN_SET] = 2;
	judge(&task, &c, three, &v);
	cr_assert(not(v.abstention.abstains));
	c.quantile[1] = 0.4F; /* the label named is not in the set */
	judge(&task, &c, three, &v);
	cr_assert(v.abstention.abstains);
	cr_assert(eq(dbl, v.abstention.is, 0.0));
	c.coverage = 0; /* a model without sets cannot be asked for them */
	judge(&task, &c, three, &v);
	cr_assert(not(v.abstention.abstains));
}

Test(fusion_verdict, a_near_decision_abstains_below_the_margin)
{
	struct fu_judgment v;
	struct fu_calibration c;
	struct io_task task;
	static const float two[] = { 0, 0.4054651F }; /* p = .4, .6 */

	start(&task, &c, IO_CLASS, 3);
	task.abstain[IO_ABSTAIN_MARGIN] = 0.25; /* .5 - .3 */
	judge(&task, &c, three, &v);
	cr_assert(v.abstention.abstains);
	cr_assert(epsilon_eq(dbl, v.abstention.is, 0.2, 1e-6));
	task.abstain[IO_ABSTAIN_MARGIN] = 0.15;
	judge(&task, &c, three, &v);
	cr_assert(not(v.abstention.abstains));
	start(&task, &c, IO_CLASS, 2);
	c.threshold[1] = 0.55F;
	judge(&task, &c, two, &v);
	cr_assert(epsilon_eq(dbl, v.margin, 0.05, 1e-6));
	start(&task, &c, IO_MULTI, 3);
	judge(&task, &c, three, &v); /* sigmoid(-.693) = 1/3: nearest to its threshold of .5 */
	cr_assert(epsilon_eq(dbl, v.margin, 0.5 - 1.0 / 3, 1e-6));
}

Test(fusion_verdict, conflict_and_a_wide_interval_abstain)
{
	struct fu_judgment v;
	struct fu_calibration c;
	struct io_task task;
	static const float yes[] = { -4, 4 };
	static const float no[] = { 4, -4 };
	static const float one[] = { 1 };
	const struct fu_answer answer = { .present = 3, .logits = yes, .late = { yes, no } };

	start(&task, &c, IO_CLASS, 2);
	task.abstain[IO_ABSTAIN_CONFLICT] = 0.8;
	v = (struct fu_judgment){ 0 };
	fu_verdict(&task, &c, &answer, &v);
	cr_assert(v.abstention.abstains);
	cr_assert(eq(int, (int)v.abstention.why, IO_ABSTAIN_CONFLICT));
	cr_assert(eq(dbl, v.abstention.is, v.conflict));
	start(&task, &c, IO_VALUE, 0);
	task.abstain[IO_ABSTAIN_INTERVAL] = 5;
	c.quantile[1] = 2.6F;
	judge(&task, &c, one, &v);
	cr_assert(v.abstention.abstains);
	c.quantile[1] = 2.4F;
	judge(&task, &c, one, &v);
	cr_assert(not(v.abstention.abstains));
}
