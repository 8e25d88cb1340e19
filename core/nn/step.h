/* SPDX-License-Identifier: Apache-2.0
 * step.h - what one pass over one case needs beside the weights' shapes. */
#ifndef NN_STEP_H
#define NN_STEP_H

#include "core/base/arena.h"
#include "core/base/rng.h"

#include <stdbool.h>

struct nn_team;

/* Attention heads that inferences passed, and multiply-adds of their sub-layers: projections,
 * scores, mixes. What is closed is not computed. */
struct nn_heads {
	uint64_t all, computed;
	double work, done;
	/* Seconds of the sub-layers (norm to W_o) by this clock; NULL: they are not timed. */
	double (*clock)(void);
	double seconds;
};

/* One thread's pass. rng NULL and keep false: inference, i.e. closed heads are really skipped and
 * nothing is kept for a bwd that will not come. rng set: training, with dropout and augmentation;
 * keep alone: the same without anything drawn. */
struct nn_step {
	const float *p;       /* weights, as in nn_params.v */
	float *g;             /* gradients, added to by bwd; NULL where there is no bwd */
	struct as_arena *mem; /* activations; the caller resets it after the pass */
	struct as_rng *rng;
	float dropout;          /* chance of zeroing an activation, training only */
	float gate_loss;        /* lambda of the heads' shares, training only */
	struct nn_team *team;   /* who shares an inference's work; NULL: nobody */
	struct nn_heads *heads; /* added to in an inference; NULL: nobody asks */
	float closed_below;     /* an inference closes heads of a lower share, too */
	bool keep;              /* a bwd comes, although there is no rng */
	bool hide;              /* with rng: encoders hide some of their rows, to be guessed */
};

static inline bool nn_step_keeps(const struct nn_step *s)
{
	return s->keep || s->rng != NULL;
}

#endif
