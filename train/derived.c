/* SPDX-License-Identifier: Apache-2.0 */
#include "train/derived.h"

#include <stdlib.h>
#include <string.h>

/* The cases of a run. */
struct of_run {
	struct tr_report *r;
	size_t *at; /* [n] */
	size_t n;
};

static void average(const struct tr_report *r, size_t at, float *p)
{
	const uint32_t all = tr_pattern(r->d->task->parts, r->line[0].pattern);
	const uint32_t there = all & r->d->v[at].parts;
	const int n = __builtin_popcount(there);

	for (size_t k = 0; k < r->c; k++) {
		double sum = 0;

		for (size_t m = 0; m < r->d->task->parts; m++) {
			sum += (there >> m & 1U) != 0
				   ? (double)tr_report_view(r, 1U << m)->p[at * r->c + k]
				   : 0;
		}
		p[k] = n > 0 ? (float)(sum / n) : r->line[0].p[at * r->c + k];
	}
}

static void with_missing(const struct of_run *of, const struct tr_line *l, size_t run,
			 uint64_t seed, float *p)
{
	const struct tr_report *r = of->r;
	const uint32_t all = tr_pattern(r->d->task->parts, r->line[0].pattern);
	const struct tr_line *others = tr_report_view(r, all & ~(1U << l->part));
	struct as_rng rng;

	as_rng_seed(&rng, seed, run * IO_PARTS_MAX + l->part);
	for (size_t i = 0; i < of->n; i++) {
		const struct tr_line *from = as_rng_float(&rng) < l->missing ? others : &r->line[0];

		memcpy(p + i * r->c, from->p + of->at[i] * r->c, r->c * sizeof *p);
	}
}

void tr_report_derive(struct tr_report *r, size_t run, uint64_t seed)
{
	struct of_run of = { .r = r, .at = as_malloc((r->d->n + 1) * sizeof *of.at) };
	float *p = as_malloc((r->d->n * r->c + 1) * sizeof *p);

	for (size_t i = 0; i < r->d->n; i++) {
		if (r->fold[i] == run + 1) {
			of.at[of.n++] = i;
		}
	}
	for (size_t i = 0; i < r->lines; i++) {
		const struct tr_line *l = &r->line[i];

		if (l->derived == TR_ITSELF) {
			continue;
		}
		if (l->derived == TR_MISSING) {
			with_missing(&of, l, run, seed, p);
		}
		for (size_t k = 0; l->derived == TR_AVERAGE && k < of.n; k++) {
			average(r, of.at[k], p + k * r->c);
		}
		tr_report_put(r, i, run, of.at, of.n, p, r->threshold + run * IO_LABELS_MAX);
	}
	free(p);
	free(of.at);
}
