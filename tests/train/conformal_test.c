/* SPDX-License-Identifier: Apache-2.0 */
#include "train/conformal.h"

#include "tests/support/check.h"
#include "train/calibrate.h"

#include <math.h>

Test(train_conformal, the_quantile_counts_one_case_more_than_there_are)
{
	float v[] = { 0.5F, 0.1F, 0.9F, 0.3F, 0.7F, 0.2F, 0.8F, 0.4F, 0.6F };

	/* ceil(10 * 0.9) = 9: the largest; ceil(10 * 0.75) = 8 */
	cr_assert(eq(flt, tr_quantile(v, 9, 0.9), 0.9F));
	cr_assert(eq(flt, tr_quantile(v, 9, 0.75), 0.8F));
	cr_assert(isinf(tr_quantile(v, 8, 0.9)));
	cr_assert(isinf(tr_quantile(v, 0, 0.9)));
}

Test(train_conformal, a_case_fits_as_badly_as_its_worst_label)
{
	const struct io_task class = { .kind = IO_CLASS, .labels = 3 };
	const struct io_task multi = { .kind = IO_MULTI, .labels = 3 };
	const struct io_task value = { .kind = IO_VALUE };
	const float p[] = { 0.25F, 0.5F, 0.75F };
	const float y[] = { 0, 1, 0 };
	const float both[] = { 1, 0, 1 };
	const float none[] = { 0, 0, 0 };
	const float at[] = { 2 };
	const float is[] = { 5 };

	cr_assert(eq(flt, tr_nonconformity(&class, p, y), 0.5F));
	cr_assert(eq(flt, tr_nonconformity(&multi, p, both), 0.75F));
	cr_assert(eq(flt, tr_nonconformity(&multi, p, none), 0.0F));
	cr_assert(eq(flt, tr_nonconformity(&value, at, is), 3.0F));
}

/* 10,000 draws of 19 calibration scores and 40 new ones, all uniform: the mean and the variance of
 * how many are covered are those that the Beta-binomial says. */
Test(train_conformal, coverage_and_its_spread_are_those_of_theory)
{
	enum { DRAWS = 10000, CASES = 19, NEW = 40 };
	struct as_rng rng;
	double sum = 0;
	double square = 0;
	double mean;
	double variance;

	as_rng_seed(&rng, 3, 0);
	for (size_t d = 0; d < DRAWS; d++) {
		float v[CASES];
		double covered = 0;
		float q;

		for (size_t i = 0; i < CASES; i++) {
			v[i] = as_rng_float(&rng);
		}
		q = tr_quantile(v, CASES, 0.9);
		for (size_t i = 0; i < NEW; i++) {
			covered += as_rng_float(&rng) <= q;
		}
		sum += covered;
		square += covered * covered;
	}
	sum /= DRAWS;
	tr_expect_covered(0.9, CASES, NEW, &mean, &variance);
	cr_assert(epsilon_eq(dbl, mean, 40 * 18.0 / 20, 1e-9));
	cr_assert(epsilon_eq(dbl, sum, mean, 4 * sqrt(variance / DRAWS)), "%g", sum);
	cr_assert(epsilon_eq(dbl, square / DRAWS - sum * sum, variance, 0.08 * variance), "%g %g",
		  square / DRAWS - sum * sum, variance);
	tr_expect_covered(0.9, 5, 40, &mean, &variance);
	cr_assert(eq(dbl, mean, 40.0)); /* the full set */
	cr_assert(eq(dbl, variance, 0.0));
}

/* One part that half of the cases have: its pattern has their quantile, without it all have one. */
Test(train_conformal, every_pattern_is_fitted_on_the_cases_that_have_its_parts)
{
	enum { CASES = 40 };
	const struct io_task task = { .kind = IO_VALUE, .parts = 1, .coverage = 0.9 };
	struct tr_scores s = { .n = CASES, .c = 1, .masks = 2, .parts = 1 };
	float logits[2 * CASES] = { 0 };
	float y[CASES];
	uint32_t there[CASES];
	struct fu_calibration c;

	for (size_t i = 0; i < CASES; i++) {
		there[i] = i < CASES / 2;
		y[i] = (float)(i + 1); /* and 0 is what is answered */
	}
	s.logits = logits;
	s.there = there;
	tr_calibrate(&c, &task, &s, y, 0, 1);
	cr_assert(eq(dbl, c.coverage, 0.9));
	cr_assert(eq(u32, c.cases[1], 20));
	cr_assert(eq(u32, c.cases[0], 40));
	cr_assert(eq(flt, c.quantile[1], 19.0F)); /* ceil(21 * .9) */
	cr_assert(eq(flt, c.quantile[0], 37.0F)); /* ceil(41 * .9) */
}
