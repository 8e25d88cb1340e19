/* SPDX-License-Identifier: Apache-2.0 */
#include "train/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double FIRST = 1.0 / 3; /* share of the cases in the first epoch of a curriculum */
static const double RAMP = 0.5;      /* of the schedule, after which it has them all */

struct hard {
	double hardness;
	size_t at;
};

static int easiest_first(const void *a, const void *b)
{
	const struct hard *x = a;
	const struct hard *y = b;

	if (x->hardness < y->hardness || x->hardness > y->hardness) {
		return x->hardness < y->hardness ? -1 : 1;
	}
	return (x->at > y->at) - (x->at < y->at);
}

/* The cases of the plan, the easiest first. */
static void sort(const struct tr_plan *plan, size_t *order)
{
	struct hard *v = as_malloc((plan->trains + 1) * sizeof *v);

	for (size_t i = 0; i < plan->trains; i++) {
		v[i] = (struct hard){ plan->hardness[plan->train[i]], plan->train[i] };
	}
	qsort(v, plan->trains, sizeof *v, easiest_first);
	for (size_t i = 0; i < plan->trains; i++) {
		order[i] = v[i].at;
	}
	free(v);
}

/* How many cases the curriculum has come to. */
static size_t reached(const struct tr_plan *plan, size_t epoch)
{
	const double share = FIRST + (1 - FIRST) * (double)epoch / (RAMP * (double)plan->schedule);
	const size_t n = (size_t)ceil(fmin(share, 1) * (double)plan->trains);

	return n < plan->trains ? n : plan->trains;
}

void tr_order(const struct tr_plan *plan, size_t epoch, size_t *order)
{
	size_t easy = plan->trains;
	struct as_rng rng;

	as_rng_seed(&rng, plan->seed ^ 0x6f72646572U, epoch); /* "order": a stream of its own */
	if (plan->hardness != NULL) {
		sort(plan, order);
		easy = reached(plan, epoch);
	}
	as_rng_shuffle(&rng, order, easy);
	for (size_t at = easy; at < plan->trains; at += easy) {
		const size_t n = plan->trains - at < easy ? plan->trains - at : easy;

		memcpy(order + at, order + at - easy, n * sizeof *order);
		as_rng_shuffle(&rng, order + at, n);
	}
}
