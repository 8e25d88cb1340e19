/* SPDX-License-Identifier: Apache-2.0 */
#include "train/metric.h"

#include "tests/support/check.h"

#include <math.h>

static const double TOLERANCE = 1e-9; /* sums of a few ratios in double */
static const double SINGLE = 1e-6;    /* inputs are float */

#define near(got, want)                                                                      \
	cr_assert(epsilon_eq(dbl, (got), (want), SINGLE), "%.9g is not %.9g", (double)(got), \
		  (double)(want))

/* Positives at 0.9 and 0.6, negatives at 0.7 and 0.1: of the four pairs three are right. */
Test(train_metric, auc_is_the_share_of_pairs_ranked_right)
{
	const float s[] = { 0.9F, 0.7F, 0.6F, 0.1F };
	const float y[] = { 1, 0, 1, 0 };

	cr_assert(epsilon_eq(dbl, tr_auc(s, y, 4, 1), 0.75, TOLERANCE));
}

/* Pairs: (0.5, 0.5) half, (0.5, 0.2) right, (0.8, both) right: 3.5 of 4. */
Test(train_metric, auc_counts_a_tie_half)
{
	const float s[] = { 0.5F, 0.5F, 0.8F, 0.2F };
	const float y[] = { 1, 0, 1, 0 };

	cr_assert(epsilon_eq(dbl, tr_auc(s, y, 4, 1), 0.875, TOLERANCE));
}

Test(train_metric, auc_of_equal_scores_is_one_half)
{
	const float s[] = { 0.3F, 0.3F, 0.3F };
	const float y[] = { 1, 0, 0 };

	cr_assert(epsilon_eq(dbl, tr_auc(s, y, 3, 1), 0.5, TOLERANCE));
}

Test(train_metric, auc_of_one_side_is_no_number)
{
	const float s[] = { 0.3F, 0.4F };
	const float y[] = { 1, 1 };

	cr_assert(isnan(tr_auc(s, y, 2, 1)));
}

/* From the top: hit (precision 1), miss, hit (2 / 3): (1 + 2 / 3) / 2. */
Test(train_metric, average_precision_by_hand)
{
	const float s[] = { 0.9F, 0.7F, 0.6F, 0.1F };
	const float y[] = { 1, 0, 1, 0 };

	cr_assert(epsilon_eq(dbl, tr_average_precision(s, y, 4, 1), 5.0 / 6, TOLERANCE));
}

/* One threshold takes all three: precision 1 / 3, whatever the order of the cases. */
Test(train_metric, average_precision_takes_ties_together)
{
	const float s[] = { 0.5F, 0.5F, 0.5F };
	const float first[] = { 1, 0, 0 };
	const float last[] = { 0, 0, 1 };

	cr_assert(epsilon_eq(dbl, tr_average_precision(s, first, 3, 1), 1.0 / 3, TOLERANCE));
	cr_assert(epsilon_eq(dbl, tr_average_precision(s, last, 3, 1), 1.0 / 3, TOLERANCE));
}

/* Two raters on three grades: counts (0,0) 1, (0,1) 1, (1,1) 1, (2,0) 1.
 * observed = 1 + 4 = 5; rows 2 1 1, columns 2 2 0; expected = sum w r c / 4
 * = (1 * 2 * 2 + 1 * 1 * 2 + 4 * 1 * 2 + 1 * 1 * 2) / 4 = 16 / 4 = 4; 1 - 5 / 4 */
Test(train_metric, quadratic_kappa_by_hand)
{
	const size_t a[] = { 0, 0, 1, 2 };
	const size_t b[] = { 0, 1, 1, 0 };

	cr_assert(epsilon_eq(dbl, tr_kappa(a, b, 4, 3), -0.25, TOLERANCE));
	cr_assert(epsilon_eq(dbl, tr_kappa(a, a, 4, 3), 1.0, TOLERANCE));
}

/* p(positive) 0.9 0.6 0.4 0.2 against 1 0 1 0 at threshold 0.5: tp 1, fp 1, fn 1, tn 1. */
Test(train_metric, two_labels_at_a_threshold)
{
	const struct io_task task = { .kind = IO_CLASS, .labels = 2 };
	const float p[] = { 0.1F, 0.9F, 0.4F, 0.6F, 0.6F, 0.4F, 0.8F, 0.2F };
	const float y[] = { 0, 1, 1, 0, 0, 1, 1, 0 };
	const float t[] = { 0.5F, 0.5F };
	struct tr_metrics m;

	tr_metrics_of(&task, &(struct tr_predictions){ 4, 2, p, y, t }, &m);
	near(m.v[TR_AUC], 0.75);
	near(m.v[TR_ACCURACY], 0.5);
	near(m.v[TR_F1], 0.5);
	near(m.v[TR_SENSITIVITY], 0.5);
	near(m.v[TR_SPECIFICITY], 0.5);
	near(m.v[TR_LOSS], -(log(0.9) + log(0.4) + log(0.4) + log(0.8)) / 4);
	cr_assert(isnan(m.v[TR_KAPPA]) && isnan(m.v[TR_MAE]));
}

Test(train_metric, a_lower_threshold_finds_more)
{
	const struct io_task task = { .kind = IO_CLASS, .labels = 2 };
	const float p[] = { 0.1F, 0.9F, 0.4F, 0.6F, 0.6F, 0.4F, 0.8F, 0.2F };
	const float y[] = { 0, 1, 1, 0, 0, 1, 1, 0 };
	const float t[] = { 0.5F, 0.3F };
	struct tr_metrics m;

	tr_metrics_of(&task, &(struct tr_predictions){ 4, 2, p, y, t }, &m);
	near(m.v[TR_SENSITIVITY], 1.0);
	near(m.v[TR_SPECIFICITY], 0.5);
	near(m.v[TR_ACCURACY], 0.75);
}

/* Named 0 1 1 against 0 1 2: F1 of the labels 1, 2 / 3, 0. */
Test(train_metric, macro_f1_of_three_labels)
{
	const struct io_task task = { .kind = IO_CLASS, .labels = 3 };
	const float p[] = { 0.8F, 0.1F, 0.1F, 0.2F, 0.7F, 0.1F, 0.1F, 0.5F, 0.4F };
	const float y[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
	const float t[] = { 0.5F, 0.5F, 0.5F };
	struct tr_metrics m;

	tr_metrics_of(&task, &(struct tr_predictions){ 3, 3, p, y, t }, &m);
	near(m.v[TR_F1], 5.0 / 9);
	near(m.v[TR_ACCURACY], 2.0 / 3);
	cr_assert(isnan(m.v[TR_SENSITIVITY]));
}

/* One label right in both cases, the other wrong in one. */
Test(train_metric, labels_of_multi_are_told_one_by_one)
{
	const struct io_task task = { .kind = IO_MULTI, .labels = 2 };
	const float p[] = { 0.9F, 0.2F, 0.1F, 0.7F };
	const float y[] = { 1, 1, 0, 1 };
	const float t[] = { 0.5F, 0.5F };
	struct tr_metrics m;

	tr_metrics_of(&task, &(struct tr_predictions){ 2, 2, p, y, t }, &m);
	near(m.v[TR_ACCURACY], 0.75);
	near(m.v[TR_SENSITIVITY], 0.75);
	near(m.v[TR_SPECIFICITY], 1.0);
	near(m.v[TR_AUC], 1.0);
}

/* Errors 1, -1, 0 around targets 1 2 3: MAE 2 / 3, RMSE sqrt(2 / 3), R2 1 - 2 / 2. */
Test(train_metric, values_by_hand)
{
	const struct io_task task = { .kind = IO_VALUE };
	const float p[] = { 2, 1, 3 };
	const float y[] = { 1, 2, 3 };
	const float t[] = { 0.5F };
	struct tr_metrics m;

	tr_metrics_of(&task, &(struct tr_predictions){ 3, 1, p, y, t }, &m);
	near(m.v[TR_MAE], 2.0 / 3);
	near(m.v[TR_RMSE], sqrt(2.0 / 3));
	near(m.v[TR_R2], 0.0);
	cr_assert(isnan(m.v[TR_AUC]));
}

Test(train_metric, folds_without_a_score_are_left_out_of_the_mean)
{
	struct tr_metrics m[3];
	struct tr_metrics mean;
	struct tr_metrics sd;

	for (size_t f = 0; f < 3; f++) {
		for (size_t k = 0; k < TR_METRICS; k++) {
			m[f].v[k] = (double)NAN;
		}
	}
	m[0].v[TR_AUC] = 0.8;
	m[2].v[TR_AUC] = 0.6;
	tr_metrics_mean(m, 3, &mean, &sd);
	near(mean.v[TR_AUC], 0.7);
	near(sd.v[TR_AUC], sqrt(0.02));
	cr_assert(isnan(mean.v[TR_AP]) && isnan(sd.v[TR_AP]));
}

Test(train_metric, points_are_those_of_the_distinct_scores)
{
	const float s[] = { 0.9F, 0.5F, 0.5F, 0.1F };
	const float y[] = { 1, 0, 1, 0 };
	struct tr_point p[5];

	cr_assert(eq(sz, tr_points(s, y, 4, 1, p), 4));
	cr_assert(eq(dbl, p[0].precision, 1));
	cr_assert(eq(dbl, p[1].false_share, 0));
	cr_assert(eq(dbl, p[1].true_share, 0.5));
	cr_assert(eq(dbl, p[2].false_share, 0.5));
	cr_assert(eq(dbl, p[2].true_share, 1));
	cr_assert(epsilon_eq(dbl, p[2].precision, 2.0 / 3, 1e-12));
	cr_assert(eq(dbl, p[3].false_share, 1));
	cr_assert(eq(sz, tr_points(s, y, 1, 1, p), 1));
}
