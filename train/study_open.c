/* SPDX-License-Identifier: Apache-2.0
 * study_open.c - the cases of a study and who does what in each of its trainings. */
#include "train/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRATA = 5 }; /* of a value's target */

struct ranked {
	double value;
	size_t at;
};

static int by_value(const void *a, const void *b)
{
	const struct ranked *x = a;
	const struct ranked *y = b;

	if (x->value < y->value || x->value > y->value) {
		return x->value < y->value ? -1 : 1;
	}
	return x->at < y->at ? -1 : x->at > y->at;
}

/* A value's target in fifths of the cases. */
static void stratify_value(struct tr_study *s)
{
	const size_t n = s->d->n;
	struct ranked *v = as_malloc((n + 1) * sizeof *v);

	for (size_t i = 0; i < n; i++) {
		v[i] = (struct ranked){ s->d->v[i].value, i };
	}
	qsort(v, n, sizeof *v, by_value);
	for (size_t i = 0; i < n; i++) {
		s->stratum[v[i].at] = (uint32_t)(i * STRATA / n);
	}
	free(v);
}

/* class: the label. multi: the rarest label of the case; none is a stratum of its own. */
static void stratify_labels(struct tr_study *s, const size_t *count)
{
	const size_t c = s->d->task->labels;

	for (size_t i = 0; i < s->d->n; i++) {
		uint32_t best = (uint32_t)c;

		for (uint32_t k = 0; k < c; k++) {
			if (s->d->v[i].label[k] > 0.5F && (best == c || count[k] < count[best])) {
				best = k;
			}
		}
		s->stratum[i] = best;
	}
}

/* Whether there is something to learn. */
static int check_target(const struct tr_study *s, const size_t *count, struct as_err *e)
{
	const struct io_task *t = s->d->task;
	size_t labels = 0;
	size_t last = 0;
	double low = s->d->v[0].value;
	double high = low;

	for (size_t k = 0; k < t->labels; k++) {
		labels += count[k] > 0;
		last = count[k] > 0 ? k : last;
	}
	for (size_t i = 0; i < s->d->n; i++) {
		low = fmin(low, s->d->v[i].value);
		high = fmax(high, s->d->v[i].value);
	}
	if (t->kind == IO_CLASS && labels < 2) {
		return as_fail(e, AS_EFORMAT,
			       "%s: column %s: all %zu cases are %s: want two labels at least",
			       s->d->path, t->target, s->d->n, t->label[last]);
	}
	if (t->kind == IO_MULTI && labels == 0) {
		return as_fail(e, AS_EFORMAT, "%s: column %s: none of %zu cases has a label",
			       s->d->path, t->target, s->d->n);
	}
	if (t->kind == IO_VALUE && !(high > low)) {
		return as_fail(e, AS_EFORMAT, "%s: column %s: all %zu cases have the value %g",
			       s->d->path, t->target, s->d->n, low);
	}
	return AS_OK;
}

static int prepare(struct tr_study *s, struct as_err *e)
{
	const struct tr_data *d = s->d;
	size_t count[IO_LABELS_MAX] = { 0 };

	if (d->n == 0) {
		return as_fail(e, AS_EFORMAT,
			       "%s: no case to train on: of %zu rows %zu have no target, %zu are "
			       "of another split, %zu cannot be read",
			       d->path, d->rows, d->targetless, d->elsewhere, d->bad);
	}
	s->group = as_malloc(d->n * sizeof *s->group);
	s->stratum = as_malloc(d->n * sizeof *s->stratum);
	s->fold = as_calloc(d->n, sizeof *s->fold);
	for (size_t i = 0; i < d->n; i++) {
		s->group[i] = d->v[i].group;
		for (size_t k = 0; k < d->task->labels; k++) {
			count[k] += d->v[i].label[k] > 0.5F;
		}
	}
	if (d->task->kind == IO_VALUE) {
		stratify_value(s);
	} else {
		stratify_labels(s, count);
	}
	s->units = (struct tr_units){ .n = d->n, .group = s->group, .stratum = s->stratum };
	return check_target(s, count, e);
}

static int limit_labels(const struct tr_study *s, struct tr_split *p, struct as_err *e)
{
	const size_t all = p->trains + p->stops + p->calibrates;

	if (s->o->labelled > all) {
		return as_fail(e, AS_EUSAGE,
			       "--labelled %zu: a run has %zu cases that train, stop and calibrate",
			       s->o->labelled, all);
	}
	tr_split_limit(p, &s->units, s->o->labelled, s->o->seed);
	return AS_OK;
}

static int split(struct tr_study *s, struct as_err *e)
{
	const size_t folds = s->o->folds;
	double weight[TR_FOLDS_MAX];
	int rc = AS_OK;

	s->runs = folds > 0 ? folds : 1;
	s->run = as_calloc(s->runs + 1, sizeof *s->run);
	for (size_t k = 0; k < folds; k++) {
		weight[k] = 1.0 / (double)folds;
	}
	if (folds > 0) {
		s->groups = tr_assign(&s->units, weight, folds, s->o->seed, s->fold);
		if (s->groups < folds) {
			return as_fail(e, AS_EFORMAT,
				       "%s: %zu cases in %zu groups are fewer than %zu folds",
				       s->d->path, s->d->n, s->groups, folds);
		}
	}
	for (size_t k = 0; k < s->runs; k++) {
		struct tr_split *p = &s->run[k].split;

		if (folds > 0) {
			tr_split_fold(p, &s->units, s->fold, folds, k, s->o->seed);
		} else {
			tr_split_once(p, &s->units, s->o->seed);
		}
		s->run[k].seen = as_malloc((p->trains + 1) * sizeof(size_t));
		s->run[k].seens = p->trains;
		memcpy(s->run[k].seen, p->train, p->trains * sizeof(size_t));
		TRY(s->o->labelled > 0 ? limit_labels(s, p, e) : AS_OK);
		if (p->trains == 0 || p->stops == 0 || p->calibrates == 0) {
			return as_fail(e, AS_EFORMAT,
				       "%s: %zu cases are too few: %zu would train, %zu stop, %zu "
				       "calibrate",
				       s->d->path, s->d->n, p->trains, p->stops, p->calibrates);
		}
	}
out:
	return rc;
}

int tr_study_open(struct tr_study *s, const struct tr_data *d, const struct tr_options *o,
		  struct as_err *e)
{
	int rc;

	*s = (struct tr_study){ .d = d, .o = o };
	TRY(prepare(s, e));
	TRY(split(s, e));
out:
	return rc;
}
