/* SPDX-License-Identifier: Apache-2.0 */
#include "train/trust.h"

#include "tests/support/check.h"
#include "train/conformal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4 };

/* One part, two labels; the positive label's log-odds of four cases, and their truth. */
static struct io_task two = { .kind = IO_CLASS, .labels = 2, .parts = 1, .coverage = 0.9 };

static void add(struct tr_trust *t, struct fu_calibration *c)
{
	/* p of the positive label: 0.95, 0.95, 0.25, 0.35 */
	const float odds[N] = { 19, 19, 1.0F / 3, 0.35F / 0.65F };
	const float y[2 * N] = { 0, 1, 1, 0, 1, 0, 0, 1 };
	float logits[2 * 2 * N] = { 0 };
	uint32_t there[N] = { 1, 1, 1, 1 };
	struct tr_scores s = { .n = N, .c = 2, .masks = 2, .parts = 1, .logits = logits };

	s.there = there;
	s.weight = (float[N]){ 1, 1, 1, 1 };
	for (size_t i = 0; i < N; i++) {
		logits[2 * i + 1] = logf(odds[i]);
	}
	c->coverage = 0.9;
	c->quantile[1] = 0.66F;
	c->cases[1] = 19;
	c->quantile[0] = INFINITY;
	tr_trust_add(t, c, &s, y);
}

static struct tr_trust *four(struct fu_calibration *c)
{
	static struct tr_trust t;

	strcpy(two.part[0].name, "scan");
	tr_trust_init(&t, &two, N);
	fu_calibration_defaults(c);
	add(&t, c);
	return &t;
}

Test(train_trust, the_calibration_error_and_the_brier_score_are_those_counted_by_hand)
{
	struct fu_calibration c;
	struct tr_trust *t = four(&c);

	/* The likeliest label: 0.95 right and wrong, 0.75 right, 0.65 wrong. */
	cr_assert(epsilon_eq(dbl, tr_ece(&t->after), (0.9 + 0.25 + 0.65) / 4, 1e-6));
	cr_assert(epsilon_eq(dbl, t->after.brier, 2 * (0.0025 + 0.9025 + 0.0625 + 0.4225), 1e-6));
	tr_trust_free(t);
}

Test(train_trust, before_is_without_the_temperature)
{
	struct fu_calibration c;
	struct tr_trust t;

	strcpy(two.part[0].name, "scan");
	tr_trust_init(&t, &two, N);
	fu_calibration_defaults(&c);
	c.temperature[1] = 1e6F; /* everything is a coin's toss */
	add(&t, &c);
	cr_assert(epsilon_eq(dbl, tr_ece(&t.before), 0.45, 1e-6));
	cr_assert(epsilon_eq(dbl, t.after.brier, 4 * 0.5, 1e-5));
	tr_trust_free(&t);
}

Test(train_trust, the_surest_cases_are_counted_first)
{
	struct fu_calibration c;
	struct tr_trust *t = four(&c);

	cr_assert(epsilon_eq(dbl, tr_risk(t, 1), 0.5, 1e-9));
	cr_assert(epsilon_eq(dbl, tr_risk(t, 0.75), 1.0 / 3, 1e-9));
	cr_assert(epsilon_eq(dbl, tr_risk(t, 0.25), 0.0, 1e-9));
	tr_trust_free(t);
}

/* Labels with p >= 0.34: of 0.95 and 0.25 one, of 0.35 both. */
Test(train_trust, sets_are_counted_by_the_parts_shown)
{
	struct fu_calibration c;
	struct tr_trust *t = four(&c);
	struct as_buf text = { 0 };
	struct as_buf json = { 0 };
	struct io_jw w = { .b = &json };
	double mean;
	double variance;

	cr_assert(eq(sz, t->pattern[1].n, N));
	cr_assert(eq(sz, t->pattern[1].covered, 3));
	cr_assert(epsilon_eq(dbl, t->pattern[1].size, 5, 1e-9));
	cr_assert(eq(sz, t->pattern[0].covered, N));
	cr_assert(eq(sz, t->pattern[0].unbounded, N));
	tr_expect_covered(0.9, 19, N, &mean, &variance);
	cr_assert(eq(dbl, t->pattern[1].expected, mean));
	cr_assert(eq(dbl, t->pattern[1].variance, variance));
	tr_trust_text(t, &text);
	cr_assert(ne(ptr, strstr(text.data, "scan                          0.750"), NULL), "%s",
		  text.data);
	io_jw_obj(&w, NULL);
	tr_trust_write(t, &w);
	io_jw_end_obj(&w);
	cr_assert(ne(ptr, strstr(json.data, "\"scan\":{\"n\":4,\"covered\":0.75"), NULL), "%s",
		  json.data);
	cr_assert(ne(ptr, strstr(json.data, "\"weights\":{\"scan\":1}"), NULL), "%s", json.data);
	as_buf_free(&text);
	as_buf_free(&json);
	tr_trust_free(t);
}
