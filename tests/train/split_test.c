/* SPDX-License-Identifier: Apache-2.0 */
#include "train/split.h"

#include "tests/support/check.h"

#include <math.h>
#include <stdio.h>

enum { N = 200, FOLDS = 5 };

/* 200 cases in groups of one to four, every third of stratum 1. */
struct cases {
	char name[N][8];
	const char *group[N];
	uint32_t stratum[N];
	uint32_t fold[N];
	struct tr_units u;
};

static void fill(struct cases *c)
{
	size_t group = 0;

	for (size_t i = 0; i < N; i++) {
		group += i % 4 != 1; /* two of each four share one */
		(void)snprintf(c->name[i], sizeof c->name[i], "g%zu", group);
		c->group[i] = c->name[i];
		c->stratum[i] = i % 3 == 0;
	}
	c->u = (struct tr_units){ .n = N, .group = c->group, .stratum = c->stratum };
}

static void fold(struct cases *c, uint64_t seed)
{
	const double weight[FOLDS] = { 0.2, 0.2, 0.2, 0.2, 0.2 };

	(void)tr_assign(&c->u, weight, FOLDS, seed, c->fold);
}

Test(train_split, a_group_never_straddles_folds)
{
	struct cases c;

	fill(&c);
	fold(&c, 1);
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < i; j++) {
			if (strcmp(c.group[i], c.group[j]) == 0) {
				cr_assert(eq(u32, c.fold[i], c.fold[j]), "case %zu", i);
			}
		}
	}
}

Test(train_split, folds_have_equal_shares_of_each_stratum)
{
	struct cases c;
	size_t count[FOLDS][2] = { { 0 } };

	fill(&c);
	fold(&c, 1);
	for (size_t i = 0; i < N; i++) {
		count[c.fold[i]][c.stratum[i]]++;
	}
	for (size_t k = 0; k < FOLDS; k++) { /* 133 and 67 cases in fifths, a group has two */
		cr_assert(le(dbl, fabs((double)count[k][0] - 26.6), 2.0), "%zu", count[k][0]);
		cr_assert(le(dbl, fabs((double)count[k][1] - 13.4), 2.0), "%zu", count[k][1]);
	}
}

Test(train_split, every_case_is_tested_once_and_does_one_thing_in_a_fold)
{
	struct cases c;
	size_t tested[N] = { 0 };

	fill(&c);
	fold(&c, 1);
	for (size_t k = 0; k < FOLDS; k++) {
		size_t used[N] = { 0 };
		struct tr_split s;

		tr_split_fold(&s, &c.u, c.fold, FOLDS, k, 1);
		for (size_t i = 0; i < s.tests; i++) {
			tested[s.test[i]]++;
			used[s.test[i]]++;
		}
		for (size_t i = 0; i < s.trains; i++) {
			used[s.train[i]]++;
		}
		for (size_t i = 0; i < s.stops; i++) {
			used[s.stop[i]]++;
			cr_assert(eq(sz, c.fold[s.stop[i]], (k + 1) % FOLDS));
		}
		for (size_t i = 0; i < s.calibrates; i++) {
			used[s.calibrate[i]]++;
			cr_assert(eq(sz, c.fold[s.calibrate[i]], (k + 1) % FOLDS));
		}
		for (size_t i = 0; i < N; i++) {
			cr_assert(eq(sz, used[i], 1), "fold %zu, case %zu", k, i);
		}
		cr_assert(le(dbl, fabs((double)s.stops - (double)s.calibrates), 3.0));
		tr_split_free(&s);
	}
	for (size_t i = 0; i < N; i++) {
		cr_assert(eq(sz, tested[i], 1), "case %zu", i);
	}
}

Test(train_split, the_halves_of_a_fold_share_no_group)
{
	struct cases c;
	struct tr_split s;

	fill(&c);
	fold(&c, 1);
	tr_split_fold(&s, &c.u, c.fold, FOLDS, 0, 1);
	for (size_t i = 0; i < s.stops; i++) {
		for (size_t j = 0; j < s.calibrates; j++) {
			cr_assert(ne(int, strcmp(c.group[s.stop[i]], c.group[s.calibrate[j]]), 0));
		}
	}
	tr_split_free(&s);
}

Test(train_split, the_seed_decides)
{
	struct cases a;
	struct cases b;

	fill(&a);
	fill(&b);
	fold(&a, 7);
	fold(&b, 7);
	cr_assert(zero(int, memcmp(a.fold, b.fold, sizeof a.fold)));
	fold(&b, 8);
	cr_assert(ne(int, memcmp(a.fold, b.fold, sizeof a.fold), 0));
}

Test(train_split, without_folds_70_15_15)
{
	struct cases c;
	struct tr_split s;

	fill(&c);
	tr_split_once(&s, &c.u, 1);
	cr_assert(le(dbl, fabs((double)s.trains - 140), 3.0), "%zu", s.trains);
	cr_assert(le(dbl, fabs((double)s.stops - 30), 3.0), "%zu", s.stops);
	cr_assert(le(dbl, fabs((double)s.calibrates - 30), 3.0), "%zu", s.calibrates);
	cr_assert(eq(sz, s.trains + s.stops + s.calibrates, N));
	cr_assert(eq(sz, s.tests, 0));
	tr_split_free(&s);
}

/* Groups of very different sizes: the largest is half of all. */
Test(train_split, a_group_larger_than_a_fold_fills_one_alone)
{
	const char *group[20];
	uint32_t stratum[20];
	uint32_t bin[20];
	const double weight[2] = { 0.5, 0.5 };
	const char *const own[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };

	for (size_t i = 0; i < 20; i++) {
		group[i] = i < 10 ? "large" : own[i - 10];
		stratum[i] = i % 2;
	}
	cr_assert(eq(sz,
		     tr_assign(&(struct tr_units){ .n = 20, .group = group, .stratum = stratum },
			       weight, 2, 3, bin),
		     11));
	for (size_t i = 0; i < 20; i++) {
		cr_assert(eq(u32, bin[i], i < 10 ? bin[0] : 1 - bin[0]), "case %zu", i);
	}
}
