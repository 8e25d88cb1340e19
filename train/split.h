/* SPDX-License-Identifier: Apache-2.0
 * split.h - which cases train, stop, calibrate and test: by group, stratified, seeded. */
#ifndef TR_SPLIT_H
#define TR_SPLIT_H

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { TR_BINS_MAX = 100 };

/* Cases to share out. */
struct tr_units {
	size_t n;
	const char *const *group; /* [n] cases of one group stay together */
	const uint32_t *stratum;  /* [n] what should come in the same share everywhere */
	const size_t *only;       /* [n_only] the cases that count, NULL: all */
	size_t n_only;
};

/* bin[i] of every counted case i in 0 .. bins-1, so that bin b gets about weight[b] (they sum to 1)
 * of each stratum. The order in which groups are placed depends on the seed. Others are left alone.
 * Returns the number of groups. */
size_t tr_assign(const struct tr_units *u, const double *weight, size_t bins, uint64_t seed,
		 uint32_t *bin);

/* The places of the cases with bin[i] == b among those that count, ascending; returns how many.
 * out has room for all. */
size_t tr_of_bin(const struct tr_units *u, const uint32_t *bin, uint32_t b, size_t *out);

/* Who does what in one training. Indices into the data, ascending, owned. */
struct tr_split {
	size_t *train, *stop, *calibrate, *test;
	size_t trains, stops, calibrates, tests;
};

/* Fold k of folds: fold k tests, half of fold k + 1 stops, the other half calibrates, the rest
 * trains. */
void tr_split_fold(struct tr_split *s, const struct tr_units *u, const uint32_t *fold, size_t folds,
		   size_t k, uint64_t seed);
/* 70 / 15 / 15 percent, from 2,000 cases 80 / 10 / 10; nobody tests. */
void tr_split_once(struct tr_split *s, const struct tr_units *u, uint64_t seed);
/* Leaves so many of the cases that train, stop and calibrate, each share cut alike, by stratum. */
void tr_split_limit(struct tr_split *s, const struct tr_units *u, size_t cases, uint64_t seed);
void tr_split_free(struct tr_split *s);

#endif
