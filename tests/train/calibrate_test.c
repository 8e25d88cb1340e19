/* SPDX-License-Identifier: Apache-2.0 */
#include "train/calibrate.h"

#include "core/nn/loss.h"
#include "tests/support/check.h"

#include <math.h>

enum { N = 4000 };

/* Labels drawn from softmax(logits / want): the fit must find want again. */
static float fitted(enum io_kind kind, float want, size_t n, double spread)
{
	const struct io_task task = { .kind = kind, .labels = 3 };
	float *logits = as_malloc(3 * n * sizeof *logits);
	float *y = as_calloc(3 * n, sizeof *y);
	struct as_rng rng;
	float t;

	as_rng_seed(&rng, 5, 0);
	for (size_t i = 0; i < n; i++) {
		float p[3];
		float u = as_rng_float(&rng);

		for (size_t k = 0; k < 3; k++) {
			logits[3 * i + k] = 3 * as_rng_normal(&rng);
		}
		nn_softmax(logits + 3 * i, p, 3, want);
		for (size_t k = 0; k < 3; k++) {
			if (kind == IO_MULTI) {
				y[3 * i + k] =
				    as_rng_float(&rng) < nn_sigmoid(logits[3 * i + k] / want);
			} else if (u >= 0 && (u < p[k] || k == 2)) {
				y[3 * i + k] = 1;
				u = -1;
			} else {
				u -= p[k];
			}
		}
	}
	t = tr_fit_temperature(&task, logits, y, n, spread);
	free(logits);
	free(y);
	return t;
}

Test(train_calibrate, the_temperature_that_made_the_labels_is_found)
{
	/* Standard error of log T on 4,000 cases: about 0.02. */
	cr_assert(epsilon_eq(flt, fitted(IO_CLASS, 2.5F, N, 1), 2.5F, 0.2F));
	cr_assert(epsilon_eq(flt, fitted(IO_CLASS, 0.5F, N, 1), 0.5F, 0.05F));
	cr_assert(epsilon_eq(flt, fitted(IO_MULTI, 2.0F, N, 1), 2.0F, 0.15F));
}

Test(train_calibrate, a_temperature_is_bounded_and_few_cases_are_not_certain)
{
	const struct io_task task = { .kind = IO_CLASS, .labels = 2 };
	const float logits[] = { 3, -3, -3, 3, 3, -3 };
	const float right[] = { 1, 0, 0, 1, 1, 0 };
	const float wrong[] = { 0, 1, 1, 0, 0, 1 };

	cr_assert(le(flt, 0.05F, tr_fit_temperature(&task, logits, right, 3, 100)));
	cr_assert(ge(flt, 20.01F, tr_fit_temperature(&task, logits, wrong, 3, 100)));
	cr_assert(le(flt, 0.8F, tr_fit_temperature(&task, logits, right, 3, 1)));
	cr_assert(eq(flt, tr_fit_temperature(&task, logits, right, 0, 1), 1.0F));
}

/* Positives 0.9 0.8 0.4, negatives 0.7 0.3 0.2: between 0.3 and 0.4 sensitivity is 1 and
 * specificity 2 / 3; between 0.7 and 0.8 it is the other way round: the nearer to one half. */
Test(train_calibrate, youden_takes_the_best_cut_nearest_to_one_half)
{
	const struct io_task task = { .kind = IO_CLASS, .labels = 2, .operate = IO_YOUDEN };
	const float p[] = { 0.9F, 0.8F, 0.4F, 0.7F, 0.3F, 0.2F };
	const float y[] = { 1, 1, 1, 0, 0, 0 };

	cr_assert(epsilon_eq(flt, tr_fit_threshold(&task, p, y, 6, 1), 0.35F, 1e-6F));
}

Test(train_calibrate, operate_asks_for_a_sensitivity)
{
	struct io_task task = { .kind = IO_CLASS, .labels = 2, .operate = IO_SENSITIVITY };
	const float p[] = { 0.9F, 0.8F, 0.4F, 0.7F, 0.3F, 0.2F };
	const float y[] = { 1, 1, 1, 0, 0, 0 };

	task.operate_at = 0.6; /* two of three positives: cut between 0.7 and 0.8 */
	cr_assert(epsilon_eq(flt, tr_fit_threshold(&task, p, y, 6, 1), 0.75F, 1e-6F));
	task.operate_at = 0.9; /* all positives: cut between 0.3 and 0.4 */
	cr_assert(epsilon_eq(flt, tr_fit_threshold(&task, p, y, 6, 1), 0.35F, 1e-6F));
	task.operate = IO_SPECIFICITY; /* all negatives below: between 0.7 and 0.8 */
	cr_assert(epsilon_eq(flt, tr_fit_threshold(&task, p, y, 6, 1), 0.75F, 1e-6F));
}

Test(train_calibrate, one_side_alone_has_no_threshold)
{
	const struct io_task task = { .kind = IO_CLASS, .labels = 2 };
	const float p[] = { 0.9F, 0.8F };
	const float y[] = { 1, 1 };

	cr_assert(eq(flt, tr_fit_threshold(&task, p, y, 2, 1), 0.5F));
}

/* Over-confident logits of one pattern get a temperature of their own. */
Test(train_calibrate, every_pattern_has_its_own_temperature)
{
	enum { CASES = 40 };
	struct io_task task = { .kind = IO_CLASS, .labels = 2, .parts = 1 };
	struct tr_scores s = { .n = CASES, .c = 2, .masks = 2, .parts = 1 };
	float logits[2 * CASES * 2];
	float late[CASES * 2];
	float y[CASES * 2];
	uint32_t there[CASES];
	struct fu_calibration c;

	for (size_t i = 0; i < CASES; i++) {
		const float sure = i % 4 == 0 ? -1.0F : 1.0F; /* one of four is wrong */

		there[i] = 1;
		y[2 * i] = i % 2 == 0;
		y[2 * i + 1] = 1 - y[2 * i];
		for (size_t k = 0; k < 2; k++) {
			logits[2 * i + k] = 8 * sure * y[2 * i + k];
			logits[2 * CASES + 2 * i + k] = 0;
			late[2 * i + k] = 8 * sure * y[2 * i + k];
		}
	}
	s.logits = logits;
	s.late = late;
	s.there = there;
	tr_calibrate(&c, &task, &s, y, 0, 1);
	cr_assert(lt(flt, 3.0F, c.temperature[1]), "%g", (double)c.temperature[1]);
	cr_assert(epsilon_eq(flt, c.temperature[0], 1.0F, 0.01F));
	cr_assert(epsilon_eq(flt, c.part_temperature[0], c.temperature[1], 1e-3F));
}
