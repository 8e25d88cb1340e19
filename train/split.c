/* SPDX-License-Identifier: Apache-2.0
 * split.c - groups are placed from the largest to the smallest, each into the bin where the strata
 * of its cases are scarcest against what the bin should get. */
#include "train/split.h"

#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/base/rng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 2000 }; /* cases from which 80 / 10 / 10 is used */

struct group {
	size_t rank; /* place in the shuffled order */
	size_t size;
	size_t first; /* of its cases in the list by group */
};

static size_t counted(const struct tr_units *u)
{
	return u->only != NULL ? u->n_only : u->n;
}

static size_t case_of(const struct tr_units *u, size_t i)
{
	return u->only != NULL ? u->only[i] : i;
}

static int larger_first(const void *a, const void *b)
{
	const struct group *x = a;
	const struct group *y = b;

	if (x->size != y->size) {
		return x->size < y->size ? 1 : -1;
	}
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Groups in order of first case; at[i] is the group of counted case i. */
static size_t find_groups(const struct tr_units *u, size_t *at, struct group *g)
{
	struct as_map index = { 0 };
	size_t groups = 0;

	for (size_t i = 0; i < counted(u); i++) {
		const char *name = u->group[case_of(u, i)];

		struct group *of = as_map_find(&index, name);

		if (of == NULL) {
			of = &g[groups++];
			as_map_put(&index, name, of);
		}
		at[i] = (size_t)(of - g);
		of->size++;
	}
	as_map_free(&index);
	return groups;
}

/* Lists the cases group by group and sets each group's first. */
static void list_cases(const struct tr_units *u, const size_t *at, struct group *g, size_t groups,
		       size_t *list)
{
	size_t sum = 0;

	for (size_t k = 0; k < groups; k++) {
		g[k].first = sum;
		sum += g[k].size;
		g[k].size = 0;
	}
	for (size_t i = 0; i < counted(u); i++) {
		list[g[at[i]].first + g[at[i]].size++] = case_of(u, i);
	}
}

struct fill {
	size_t strata, bins;
	const double *weight;
	double *count; /* [bins, strata] */
	double *total; /* [strata] */
	double *size;  /* [bins] */
};

/* How full bin b would be with these cases, for the strata they have. */
static double cost(const struct fill *f, const struct tr_units *u, const size_t *cases, size_t n,
		   size_t b)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		const uint32_t s = u->stratum[cases[i]];

		sum += (f->count[b * f->strata + s] + (double)n) / (f->weight[b] * f->total[s]);
	}
	return sum;
}

static void place(struct fill *f, const struct tr_units *u, const size_t *cases, size_t n,
		  uint32_t *bin)
{
	size_t best = 0;
	double low = 0;

	for (size_t b = 0; b < f->bins; b++) {
		const double c = cost(f, u, cases, n, b);
		const bool nearer = c < low - 1e-12;
		const bool tie =
		    c < low + 1e-12 && f->size[b] / f->weight[b] < f->size[best] / f->weight[best];

		if (b == 0 || nearer || tie) {
			best = b;
			low = c;
		}
	}
	for (size_t i = 0; i < n; i++) {
		bin[cases[i]] = (uint32_t)best;
		f->count[best * f->strata + u->stratum[cases[i]]] += 1;
	}
	f->size[best] += (double)n;
}

size_t tr_assign(const struct tr_units *u, const double *weight, size_t bins, uint64_t seed,
		 uint32_t *bin)
{
	const size_t n = counted(u);
	size_t *at = as_malloc((3 * n + 1) * sizeof *at);
	size_t *list = at + n;
	size_t *order = list + n;
	struct group *g = as_calloc(n + 1, sizeof *g);
	struct fill f = { .strata = 1, .bins = bins, .weight = weight };
	struct as_rng rng;
	size_t groups;

	for (size_t i = 0; i < n; i++) {
		const size_t s = u->stratum[case_of(u, i)];

		f.strata = s >= f.strata ? s + 1 : f.strata;
	}
	f.count = as_calloc(f.strata * (bins + 1) + bins, sizeof *f.count);
	f.total = f.count + f.strata * bins;
	f.size = f.total + f.strata;
	for (size_t i = 0; i < n; i++) {
		f.total[u->stratum[case_of(u, i)]] += 1;
	}
	groups = find_groups(u, at, g);
	list_cases(u, at, g, groups, list);
	for (size_t k = 0; k < groups; k++) {
		order[k] = k;
	}
	as_rng_seed(&rng, seed, bins);
	as_rng_shuffle(&rng, order, groups);
	for (size_t k = 0; k < groups; k++) {
		g[k].rank = order[k];
	}
	qsort(g, groups, sizeof *g, larger_first);
	for (size_t k = 0; k < groups; k++) {
		place(&f, u, list + g[k].first, g[k].size, bin);
	}
	free(f.count);
	free(g);
	free(at);
	return groups;
}

size_t tr_of_bin(const struct tr_units *u, const uint32_t *bin, uint32_t b, size_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < counted(u); i++) {
		if (bin[case_of(u, i)] == b) {
			out[n++] = case_of(u, i);
		}
	}
	return n;
}

static void split_init(struct tr_split *s, size_t n)
{
	*s = (struct tr_split){ .train = as_malloc((n + 1) * sizeof *s->train),
				.stop = as_malloc((n + 1) * sizeof *s->train),
				.calibrate = as_malloc((n + 1) * sizeof *s->train),
				.test = as_malloc((n + 1) * sizeof *s->train) };
}

void tr_split_free(struct tr_split *s)
{
	free(s->train);
	free(s->stop);
	free(s->calibrate);
	free(s->test);
	*s = (struct tr_split){ 0 };
}

void tr_split_fold(struct tr_split *s, const struct tr_units *u, const uint32_t *fold, size_t folds,
		   size_t k, uint64_t seed)
{
	const size_t n = counted(u);
	const double half[2] = { 0.5, 0.5 };
	uint32_t *bin = as_calloc(u->n + 1, sizeof *bin);
	size_t *inner = as_malloc((n + 1) * sizeof *inner);
	struct tr_units next = *u;

	split_init(s, n);
	s->tests = tr_of_bin(u, fold, (uint32_t)k, s->test);
	for (size_t i = 0; i < n; i++) {
		const size_t c = case_of(u, i);

		if (fold[c] != k && fold[c] != (k + 1) % folds) {
			s->train[s->trains++] = c;
		}
	}
	next.only = inner;
	next.n_only = tr_of_bin(u, fold, (uint32_t)((k + 1) % folds), inner);
	(void)tr_assign(&next, half, 2, seed, bin);
	s->stops = tr_of_bin(&next, bin, 0, s->stop);
	s->calibrates = tr_of_bin(&next, bin, 1, s->calibrate);
	free(inner);
	free(bin);
}

/* A share of the cases, one at least. */
static void limit(size_t *cases, size_t *n, const struct tr_units *u, double share, uint64_t seed)
{
	const double weight[2] = { share, 1 - share };
	uint32_t *bin = as_calloc(u->n + 1, sizeof *bin);
	const struct tr_units some = { u->n, u->group, u->stratum, cases, *n };
	size_t *kept = as_malloc((*n + 1) * sizeof *kept);
	size_t k;

	(void)tr_assign(&some, weight, 2, seed, bin);
	k = tr_of_bin(&some, bin, 0, kept);
	if (k > 0) {
		memcpy(cases, kept, k * sizeof *kept);
		*n = k;
	}
	free(kept);
	free(bin);
}

void tr_split_limit(struct tr_split *s, const struct tr_units *u, size_t cases, uint64_t seed)
{
	const size_t all = s->trains + s->stops + s->calibrates;
	const double share = (double)cases / (double)all;

	if (cases < all) {
		limit(s->train, &s->trains, u, share, seed);
		limit(s->stop, &s->stops, u, share, seed);
		limit(s->calibrate, &s->calibrates, u, share, seed);
	}
}

void tr_split_once(struct tr_split *s, const struct tr_units *u, uint64_t seed)
{
	const size_t n = counted(u);
	const double inner = n < MANY ? 0.15 : 0.1;
	const double weight[3] = { 1 - 2 * inner, inner, inner };
	uint32_t *bin = as_calloc(u->n + 1, sizeof *bin);

	split_init(s, n);
	(void)tr_assign(u, weight, 3, seed, bin);
	s->trains = tr_of_bin(u, bin, 0, s->train);
	s->stops = tr_of_bin(u, bin, 1, s->stop);
	s->calibrates = tr_of_bin(u, bin, 2, s->calibrate);
	free(bin);
}
