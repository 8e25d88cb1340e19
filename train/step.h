/* SPDX-License-Identifier: Apache-2.0
 * step.h - the gradient of one batch, its cases shared out over threads. */
#ifndef TR_STEP_H
#define TR_STEP_H

#include "train/run.h"

/* Cases that are in memory together: those that the alignment loss compares. */
enum { TR_ROUND = 16 };

struct tr_slot; /* one case of a round */

struct tr_step {
	struct tr_net *net;
	const struct tr_plan *plan;
	struct tr_slot *slot; /* [TR_ROUND] */
	struct as_arena *mem; /* [threads] */
	float **g;            /* [threads][net->ps.size]; g[0] has the sum after a batch */
	size_t threads;
	size_t epoch; /* of the batch in hand, from 0 */
	size_t batch; /* its cases */
	bool asks;    /* forward only */
};

int tr_step_init(struct tr_step *s, struct tr_net *net, const struct tr_plan *plan,
		 struct as_err *e) AS_CHECKED;
void tr_step_free(struct tr_step *s);

/* The mean loss of these cases where the plan says to guess; with the same rows hidden every time,
 * nothing dropped, and no gradient. */
double tr_step_guesses(struct tr_step *s, const size_t *cases, size_t n);

/* Returns the mean loss of the batch; its gradient is in s->g[0], which the caller zeroes. */
double tr_step_batch(struct tr_step *s, size_t epoch, const size_t *cases, size_t n);

/* The parts of a case that one step shows: a present part is hidden with the given chance, but not
 * all of them; and in 1 % of the steps all are, so that the net learns what it says without any. */
uint32_t tr_hide_parts(struct as_rng *rng, uint32_t present, float chance);

#endif
