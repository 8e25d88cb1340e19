/* SPDX-License-Identifier: Apache-2.0
 * reference.h - the reference network, of the size of bench/peers/network.py: 128 words, 196
 * patches of 16 x 16 and 32 cells of 64 numbers, 4 blocks of width 256 with 8 heads and a gate from
 * the mean, norm, mean, 3 labels. All heads are open: nothing is skipped that the peers compute. */
#ifndef BENCH_REFERENCE_H
#define BENCH_REFERENCE_H

#include "core/base/err.h"
#include "core/nn/embed.h"
#include "core/nn/linear.h"
#include "core/nn/stack.h"

enum {
	WIDTH = 256,
	WORDS = 128,
	PATCHES = 196,
	CELLS = 32,
	TOKENS = WORDS + PATCHES + CELLS,
	CELL = 64,
	BUCKETS = 8192,
	LABELS = 3,
	MEMORY = 256 << 20, /* bytes that a case's pass takes at most */
};

struct network {
	struct nn_params ps;
	struct nn_embed word;
	struct nn_linear patch, cell, head;
	struct nn_stack stack;
	struct nn_team *team; /* of a lone case; NULL: the caller alone */
	size_t position;      /* [TOKENS, WIDTH] */
};

/* A case on its way. */
struct kase_act {
	struct nn_bags words, mean;
	uint32_t all[TOKENS], ends[2];
	struct nn_stack_act stack;
	float *x, *y; /* [TOKENS, WIDTH], [WIDTH] */
};

struct kase {
	uint32_t ids[WORDS], start[WORDS + 1];
	float patch[PATCHES * WIDTH], cell[CELLS * CELL], logits[LABELS];
};

/* Ends the program where rc is a failure. */
void bench_must(int rc, const struct as_err *e);

/* int8: every weight of a layer that knows it. serves: the weights are laid out and stay. */
void network_open(struct network *n, bool int8, bool serves);
void network_close(struct network *n);
/* Logits of the case; in training what a bwd needs is in a and in the step's memory. */
void network_fwd(const struct network *n, const struct nn_step *s, struct kase_act *a,
		 struct kase *c);
/* Adds to s->g the gradients of the slopes dlogits [LABELS]. */
void network_bwd(const struct network *n, const struct nn_step *s, const struct kase_act *a,
		 const struct kase *c, const float *dlogits);
void draw_cases(struct kase *c, size_t n);

#endif
