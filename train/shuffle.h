/* SPDX-License-Identifier: Apache-2.0
 * shuffle.h - what a trained network makes of one part: its scores when the part is exchanged
 * between cases (Breiman, "Random Forests" (2001), 10; the network stays as it is). */
#ifndef TR_SHUFFLE_H
#define TR_SHUFFLE_H

#include "train/report.h"
#include "train/trained.h"

enum { TR_SHUFFLES_MAX = 1000 };

struct tr_shuffle {
	const size_t *cases; /* [n] */
	size_t n;
	size_t permutations;
	uint64_t seed, stream; /* other streams of a seed draw other permutations */
	struct tr_pool *pool;
};

/* For each part of the task, exchanged at random between the cases that have it while everything
 * else stays: the mean of the metrics over the permutations, into m[part], and the part's mean
 * contribution towards the true labels of the cases that have it, into toward[part]. */
int tr_shuffle(const struct tr_trained *t, const struct tr_shuffle *how,
	       struct tr_metrics m[IO_PARTS_MAX], struct tr_toward toward[IO_PARTS_MAX],
	       struct as_err *e) AS_CHECKED;

#endif
