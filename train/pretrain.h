/* SPDX-License-Identifier: Apache-2.0
 * pretrain.h - a base: encoders that learned from cases without labels, to start a training with.
 *
 * A share of every part's words, cells and patches is hidden, and the network says what they were
 * from what it sees of the rest; the vectors of the parts of one case, each fused by itself, are
 * drawn together and those of other cases apart (fusion/match.h). */
#ifndef TR_PRETRAIN_H
#define TR_PRETRAIN_H

#include "train/run.h"

struct tr_pretrain_how {
	uint64_t seed;
	size_t epochs; /* 0: the task's */
	struct tr_pool *pool;
	const struct tr_watch *watch;
	struct tr_checkpoint *checkpoint; /* or NULL */
};

struct tr_pretrained {
	struct as_buf file; /* "assay-base-1": weights, task, statistics, record */
	struct tr_outcome outcome;
	size_t train, stop; /* cases that trained; held out, to stop */
};

/* Trains on nine tenths of the cases, by group, and stops by the loss on the others. The tables are
 * of one task. AS_EFORMAT: no case. Free whatever the result. */
int tr_pretrain(struct tr_pretrained *b, const struct tr_some *of, size_t tables,
		const struct tr_pretrain_how *how, struct as_err *e) AS_CHECKED;
void tr_pretrained_free(struct tr_pretrained *b);

#endif
