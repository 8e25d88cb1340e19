/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/train/fixture.h"

#include "core/tensor/gemm.h"
#include "train/compare.h"

#include <math.h>

/* The sd of 1,000 resamples is itself known to 1 / sqrt(2,000) = 2.2 %; three times that. */
static const double OF_RESAMPLING = 0.07;

static const char three_labels[] = "[task]\nname = n\ntarget = y\nlabels = p, q, r\n"
				   "group = g\n[part.record]\nmodality = table\ncolumns = a\n"
				   "[part.other]\nmodality = table\ncolumns = b\n";
static const char two_labels[] = "[task]\nname = n\ntarget = y\nlabels = p, q\n"
				 "group = g\n[part.record]\nmodality = table\ncolumns = a\n"
				 "[part.other]\nmodality = table\ncolumns = b\n";
static const char a_value[] = "[task]\nname = n\ntarget = y\nkind = value\n"
			      "group = g\n[part.record]\nmodality = table\ncolumns = a\n"
			      "[part.other]\nmodality = table\ncolumns = b\n";

/* n cases of the label p, or every other one q; `each` of them to a group. */
static void load(struct fix *f, const char *ini, size_t n, size_t each, const char *odd)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };

	as_buf_puts(&csv, "case,g,a,b,y\n");
	for (size_t i = 0; i < n; i++) {
		as_buf_printf(&csv, "c%zu,g%zu,%zu,%zu,%s\n", i, i / each, i, i % 7,
			      i % 2 ? odd : "p");
	}
	fix_open(f, ini, csv.data, 1);
	as_buf_free(&csv);
	ok(tr_data_load(&f->d, &f->task, &f->how, f->pool, &e));
}

/* Line 0 is always right, line 1 wrong for the first `wrong` cases of each of the runs. */
static void put_accuracy(struct tr_report *r, size_t n, size_t runs, size_t wrong)
{
	const float thresholds[IO_LABELS_MAX] = { 0 };
	const size_t each = n / runs;

	for (size_t k = 0; k < runs; k++) {
		float *p = as_calloc(each * 3, sizeof *p);
		size_t *cases = as_malloc(each * sizeof *cases);

		for (size_t i = 0; i < each; i++) {
			cases[i] = k * each + i;
			p[3 * i] = 1;
		}
		tr_report_put(r, 0, k, cases, each, p, thresholds);
		for (size_t i = 0; i < wrong; i++) {
			p[3 * i + 1] = 2;
		}
		tr_report_put(r, 1, k, cases, each, p, thresholds);
		free(cases);
		free(p);
	}
}

static void check_accuracy(size_t each, size_t runs, size_t wrong, double difference, double se)
{
	struct fix f;
	struct tr_report r;

	load(&f, three_labels, 100, each, "p");
	tr_report_init(&r, &f.d, runs, UINT32_MAX, false);
	put_accuracy(&r, 100, runs, wrong);
	tr_compare(&r, 1);
	cr_assert(epsilon_eq(dbl, r.line[1].difference, difference, 1e-9), "%g",
		  r.line[1].difference);
	cr_assert(epsilon_eq(dbl, r.line[1].difference_se, se, OF_RESAMPLING * se), "%g is not %g",
		  r.line[1].difference_se, se);
	tr_report_free(&r);
	fix_close(&f);
}

/* 20 of 100 wrong: a share of 0.2 has the error sqrt(0.2 * 0.8 / 100). */
Test(train_compare, accuracy_has_the_error_of_a_share, .init = tn_init)
{
	check_accuracy(1, 1, 20, -0.2, 0.04);
}

/* The same in 50 groups of two: sqrt(0.2 * 0.8 / 50). */
Test(train_compare, whole_groups_are_drawn, .init = tn_init)
{
	check_accuracy(2, 1, 20, -0.2, 0.0565685);
}

/* Two runs of 50, 10 wrong in each: half of sqrt(2 * 0.2 * 0.8 / 50). */
Test(train_compare, runs_are_drawn_apart_and_averaged, .init = tn_init)
{
	check_accuracy(1, 2, 10, -0.2, 0.04);
}

/* Scores in [0, 1): positives are those of odd number. */
static void two_scores(float *p, size_t n, double right)
{
	struct as_rng rng;

	as_rng_seed(&rng, 3, 0);
	for (size_t i = 0; i < n; i++) {
		p[2 * i + 1] = 0.5F * as_rng_float(&rng) + (i % 2 ? (float)right : 0.0F);
		p[2 * i] = 1 - p[2 * i + 1];
	}
}

Test(train_compare, answers_of_the_same_order_do_not_differ, .init = tn_init)
{
	const float thresholds[IO_LABELS_MAX] = { 0.5F, 0.5F };
	struct fix f;
	struct tr_report r;
	float p[2 * 60];
	size_t cases[60];

	load(&f, two_labels, 60, 1, "q");
	tr_report_init(&r, &f.d, 1, UINT32_MAX, false);
	two_scores(p, 60, 0.2);
	for (size_t i = 0; i < 60; i++) {
		cases[i] = i;
	}
	tr_report_put(&r, 0, 0, cases, 60, p, thresholds);
	for (size_t i = 0; i < 60; i++) {
		p[2 * i + 1] *= 0.5F;
	}
	tr_report_put(&r, 1, 0, cases, 60, p, thresholds);
	tr_compare(&r, 1);
	cr_assert(eq(dbl, r.line[1].difference, 0.0));
	cr_assert(eq(dbl, r.line[1].difference_se, 0.0));
	/* Line 2 was never answered. */
	cr_assert(isnan(r.line[2].difference) && isnan(r.line[2].difference_se));
	tr_report_free(&r);
	fix_close(&f);
}

/* All scores equal against a perfect order: in every resample one half less, whatever it draws. */
Test(train_compare, ties_count_half_in_every_resample, .init = tn_init)
{
	const float thresholds[IO_LABELS_MAX] = { 0.5F, 0.5F };
	struct fix f;
	struct tr_report r;
	float p[2 * 60];
	size_t cases[60];

	load(&f, two_labels, 60, 1, "q");
	tr_report_init(&r, &f.d, 1, UINT32_MAX, false);
	for (size_t i = 0; i < 60; i++) {
		cases[i] = i;
		p[2 * i + 1] = i % 2 ? 0.9F : 0.1F;
	}
	tr_report_put(&r, 0, 0, cases, 60, p, thresholds);
	for (size_t i = 0; i < 60; i++) {
		p[2 * i + 1] = 0.3F;
	}
	tr_report_put(&r, 1, 0, cases, 60, p, thresholds);
	tr_compare(&r, 1);
	cr_assert(eq(dbl, r.line[1].difference, -0.5));
	cr_assert(epsilon_eq(dbl, r.line[1].difference_se, 0.0, 1e-12));
	tr_report_free(&r);
	fix_close(&f);
}

/* Right to the last against the mean of the cases: 1 and 0, whose resamples differ by what the mean
 * of a resample is off: E[(m - mean)^2] / var = 1 / n. */
Test(train_compare, values_are_compared_by_r2, .init = tn_init)
{
	const float thresholds[IO_LABELS_MAX] = { 0 };
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };
	struct fix f;
	struct tr_report r;
	float p[100];
	size_t cases[100];

	as_buf_puts(&csv, "case,g,a,b,y\n");
	for (size_t i = 0; i < 100; i++) {
		as_buf_printf(&csv, "c%zu,g%zu,1,2,%zu\n", i, i, i);
	}
	fix_open(&f, a_value, csv.data, 1);
	as_buf_free(&csv);
	ok(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e));
	tr_report_init(&r, &f.d, 1, UINT32_MAX, false);
	for (size_t i = 0; i < 100; i++) {
		cases[i] = i;
		p[i] = (float)i;
	}
	tr_report_put(&r, 0, 0, cases, 100, p, thresholds);
	for (size_t i = 0; i < 100; i++) {
		p[i] = 49.5F;
	}
	tr_report_put(&r, 1, 0, cases, 100, p, thresholds);
	tr_compare(&r, 1);
	cr_assert(epsilon_eq(dbl, r.line[1].difference, -1.0, 1e-6));
	/* chi-squared of one degree over n: sd sqrt(2) / 100, to a tenth or so in the tails */
	cr_assert(epsilon_eq(dbl, r.line[1].difference_se, 0.0141, 0.004), "%g",
		  r.line[1].difference_se);
	tr_report_free(&r);
	fix_close(&f);
}

Test(train_compare, the_same_seed_gives_the_same_error, .init = tn_init)
{
	const float thresholds[IO_LABELS_MAX] = { 0.5F, 0.5F };
	double se[3];

	for (size_t k = 0; k < 3; k++) {
		struct fix f;
		struct tr_report r;
		float p[2 * 60];
		size_t cases[60];

		load(&f, two_labels, 60, 1, "q");
		tr_report_init(&r, &f.d, 1, UINT32_MAX, false);
		for (size_t i = 0; i < 60; i++) {
			cases[i] = i;
		}
		two_scores(p, 60, 0.2);
		tr_report_put(&r, 0, 0, cases, 60, p, thresholds);
		two_scores(p, 60, 0.05);
		tr_report_put(&r, 1, 0, cases, 60, p, thresholds);
		tr_compare(&r, k < 2 ? 1 : 2);
		se[k] = r.line[1].difference_se;
		tr_report_free(&r);
		fix_close(&f);
	}
	cr_assert(eq(dbl, se[0], se[1]));
	cr_assert(ne(dbl, se[0], se[2]));
	cr_assert(epsilon_eq(dbl, se[0], se[2], 3 * OF_RESAMPLING * se[0]));
}
