/* SPDX-License-Identifier: Apache-2.0 */
#include "train/baseline.h"

#include "train/calibrate.h"
#include "train/columns.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Penalties, from the strongest on: each fit starts where the last one ended. */
static const double penalty[] = { 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001 };

const char *tr_base_name(enum tr_base b)
{
	static const char *const name[TR_BASES] = { "majority", "record", "words", "record+words" };

	return name[b];
}

bool tr_base_fits(const struct tr_data *d, enum tr_base b)
{
	return (b == TR_MAJORITY) || (b == TR_RECORD && tr_has_record(d)) ||
	       (b == TR_WORDS && tr_has_words(d)) ||
	       (b == TR_BOTH && tr_has_record(d) && tr_has_words(d));
}

static size_t width(const struct tr_data *d)
{
	return d->task->kind == IO_VALUE ? 1 : d->task->labels;
}

/* Shares of the labels, or the mean, of the training cases. */
static void majority(const struct tr_data *d, const struct tr_split *s, size_t n, float *p)
{
	const size_t c = width(d);
	float *y = as_malloc((s->trains * c + 1) * sizeof *y);

	tr_truth(d, s->train, s->trains, y);
	for (size_t k = 0; k < c; k++) {
		double sum = 0;

		for (size_t i = 0; i < s->trains; i++) {
			sum += (double)y[i * c + k];
		}
		for (size_t i = 0; i < n; i++) {
			p[i * c + k] = (float)(sum / (double)s->trains);
		}
	}
	free(y);
}

/* Targets of all cases, a value's standardised. */
static float *targets(const struct tr_data *d, double mean, double sd)
{
	const size_t c = width(d);
	size_t *all = as_malloc((d->n + 1) * sizeof *all);
	float *y = as_malloc((d->n * c + 1) * sizeof *y);

	for (size_t i = 0; i < d->n; i++) {
		all[i] = i;
	}
	tr_truth(d, all, d->n, y);
	for (size_t i = 0; d->task->kind == IO_VALUE && i < d->n; i++) {
		y[i] = (float)(((double)y[i] - mean) / sd);
	}
	free(all);
	return y;
}

static void fit_best(struct tr_linear *l, const struct tr_sparse *x, const float *y,
		     const struct tr_split *s)
{
	const size_t size = l->out * (l->in + 1);
	double *best = as_calloc(size, sizeof *best);
	double low = HUGE_VAL;

	for (size_t i = 0; i < sizeof penalty / sizeof *penalty; i++) {
		double loss;

		tr_linear_fit(l, x, y, s->train, s->trains, penalty[i]);
		loss = tr_linear_loss(l, x, y, s->stop, s->stops);
		if (loss < low) {
			low = loss;
			memcpy(best, l->w, size * sizeof *best);
		}
	}
	memcpy(l->w, best, size * sizeof *best);
	free(best);
}

static void fit_thresholds(const struct tr_data *d, const struct tr_linear *l,
			   const struct tr_sparse *x, const struct tr_split *s, float *thresholds)
{
	const struct io_task *t = d->task;
	float *p = as_malloc((s->calibrates * l->out + 1) * sizeof *p);
	float *y = as_malloc((s->calibrates * l->out + 1) * sizeof *y);

	tr_linear_predict(l, x, s->calibrate, s->calibrates, p);
	tr_truth(d, s->calibrate, s->calibrates, y);
	for (size_t k = 0; k < l->out && t->kind != IO_VALUE; k++) {
		if (t->kind == IO_MULTI || (t->labels == 2 && k == 1)) {
			thresholds[k] = tr_fit_threshold(t, p + k, y + k, s->calibrates, l->out);
		}
	}
	free(p);
	free(y);
}

int tr_base_predict(const struct tr_data *d, enum tr_base b, const struct tr_split *s,
		    const size_t *cases, size_t n, float *p, float *thresholds, struct as_err *e)
{
	struct tr_sparse x = { 0 };
	struct tr_linear l = { .kind = d->task->kind, .out = width(d) };
	float *y = NULL;
	double mean;
	double sd;
	int rc = AS_OK;

	for (size_t k = 0; k < IO_LABELS_MAX; k++) {
		thresholds[k] = 0.5F;
	}
	if (b == TR_MAJORITY) {
		majority(d, s, n, p);
		return AS_OK;
	}
	TRY(tr_columns(&x, d, b != TR_WORDS, b != TR_RECORD, s->train, s->trains, e));
	tr_target_scale(d, s->train, s->trains, &mean, &sd);
	y = targets(d, mean, sd);
	l.in = x.cols;
	l.w = as_calloc(l.out * (l.in + 1), sizeof *l.w);
	fit_best(&l, &x, y, s);
	fit_thresholds(d, &l, &x, s, thresholds);
	tr_linear_predict(&l, &x, cases, n, p);
	for (size_t i = 0; d->task->kind == IO_VALUE && i < n; i++) {
		p[i] = (float)(mean + sd * (double)p[i]);
	}
out:
	free(y);
	tr_linear_free(&l);
	tr_sparse_free(&x);
	return rc;
}
