/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"
#include "train/order.h"

enum { CASES = 12, SCHEDULE = 8 };

static const size_t train[CASES] = { 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };

/* How often each case comes. */
static void count(const size_t *order, size_t n[CASES])
{
	memset(n, 0, CASES * sizeof *n);
	for (size_t i = 0; i < CASES; i++) {
		cr_assert(ge(sz, order[i], 20));
		cr_assert(lt(sz, order[i], 20 + CASES));
		n[order[i] - 20]++;
	}
}

Test(train_order, at_random_every_case_comes_once_and_each_epoch_is_another)
{
	const struct tr_plan plan = {
		.train = train, .trains = CASES, .schedule = SCHEDULE, .seed = 3
	};
	size_t order[2][CASES];
	size_t n[CASES];

	memcpy(order[0], train, sizeof train);
	tr_order(&plan, 0, order[0]);
	memcpy(order[1], order[0], sizeof train);
	tr_order(&plan, 1, order[1]);
	cr_assert(ne(int, memcmp(order[0], order[1], sizeof train), 0));
	for (size_t e = 0; e < 2; e++) {
		count(order[e], n);
		for (size_t i = 0; i < CASES; i++) {
			cr_assert(eq(sz, n[i], 1));
		}
	}
}

/* Of 12 cases 4, 6, 8, 10 and then all; case 20 + i is the harder the smaller i is. */
Test(train_order, a_curriculum_goes_from_the_easiest_third_to_all)
{
	static double hardness[20 + CASES];
	const struct tr_plan plan = { .train = train,
				      .trains = CASES,
				      .schedule = SCHEDULE,
				      .seed = 3,
				      .hardness = hardness };
	size_t order[CASES];
	size_t again[CASES];
	size_t n[CASES];

	for (size_t i = 0; i < CASES; i++) {
		hardness[20 + i] = (double)(CASES - i);
	}
	memcpy(order, train, sizeof train);
	for (size_t e = 0; e < SCHEDULE; e++) {
		const size_t want = e < 4 ? 4 + 2 * e : CASES;
		size_t most = 0;
		size_t least = CASES;

		tr_order(&plan, e, order);
		count(order, n);
		for (size_t i = 0; i < CASES; i++) {
			cr_assert(eq(int, n[i] > 0, i >= CASES - want), "epoch %zu, case %zu", e,
				  i);
			if (n[i] > 0) {
				most = n[i] > most ? n[i] : most;
				least = n[i] < least ? n[i] : least;
			}
		}
		cr_assert(le(sz, most - least, 1));
	}
	memcpy(again, train, sizeof train); /* whatever came before */
	tr_order(&plan, SCHEDULE - 1, again);
	cr_assert(zero(int, memcmp(order, again, sizeof order)));
}
