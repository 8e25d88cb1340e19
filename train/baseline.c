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
	static const char *const name[TR_BASES] = { "majority", "record",
						    "words",    "record+words",
						    "texture",  "record+words+texture" };

	return name[b];
}

/* What its columns are of. */
static unsigned reads(enum tr_base b)
{
	static const unsigned of[TR_BASES] = { [TR_RECORD] = TR_OF_RECORD,
					       [TR_WORDS] = TR_OF_WORDS,
					       [TR_BOTH] = TR_OF_RECORD | TR_OF_WORDS,
					       [TR_TEXTURE] = TR_OF_TEXTURE,
					       [TR_EACH] =
						   TR_OF_RECORD | TR_OF_WORDS | TR_OF_TEXTURE };

	return of[b];
}

uint32_t tr_base_parts(const struct tr_data *d, enum tr_base b)
{
	return tr_parts_of(d, reads(b));
}

bool tr_base_fits(const struct tr_data *d, enum tr_base b)
{
	for (unsigned bit = TR_OF_RECORD; bit <= TR_OF_TEXTURE; bit *= 2) {
		if ((reads(b) & bit) != 0 && tr_parts_of(d, bit) == 0) {
			return false;
		}
	}
	return true;
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

/* With the penalty that does best on the stop set. */
static double fit_best(struct tr_linear *l, const struct tr_sparse *x, const float *y,
		       const struct tr_cases *on)
{
	const size_t size = l->out * (l->in + 1);
	double *best = as_calloc(size, sizeof *best);
	double low = HUGE_VAL;
	double chosen = penalty[0];

	for (size_t i = 0; i < sizeof penalty / sizeof *penalty; i++) {
		double loss;

		tr_linear_fit(l, x, y, on->train, on->trains, penalty[i]);
		loss = tr_linear_loss(l, x, y, on->stop, on->stops);
		if (loss < low) {
			low = loss;
			chosen = penalty[i];
			memcpy(best, l->w, size * sizeof *best);
		}
	}
	memcpy(l->w, best, size * sizeof *best);
	free(best);
	return chosen;
}

/* A baseline that was fitted, and what it reads. */
struct fitted {
	struct tr_sparse x; /* a row for every case */
	struct tr_linear l;
	double mean, sd; /* of a value's target */
};

static void fitted_free(struct fitted *f)
{
	tr_linear_free(&f->l);
	tr_sparse_free(&f->x);
}

/* Fits; free whatever the result. */
static int fit(struct fitted *f, const struct tr_data *d, enum tr_base b, const struct tr_cases *on,
	       double *l2, struct as_err *e)
{
	float *y = NULL;
	int rc;

	*f = (struct fitted){ .l = { .kind = d->task->kind, .out = width(d) } };
	TRY(tr_columns(&f->x, d, reads(b), on->train, on->trains, e));
	tr_target_scale(d, on->train, on->trains, &f->mean, &f->sd);
	y = targets(d, f->mean, f->sd);
	f->l.in = f->x.cols;
	f->l.w = as_calloc(f->l.out * (f->l.in + 1), sizeof *f->l.w);
	if (*l2 > 0) {
		tr_linear_fit(&f->l, &f->x, y, on->train, on->trains, *l2);
	} else {
		*l2 = fit_best(&f->l, &f->x, y, on);
	}
out:
	free(y);
	return rc;
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
	const struct tr_cases on = { s->train, s->trains, s->stop, s->stops };
	struct fitted f = { 0 };
	double l2 = 0;
	int rc = AS_OK;

	for (size_t k = 0; k < IO_LABELS_MAX; k++) {
		thresholds[k] = 0.5F;
	}
	if (b == TR_MAJORITY) {
		majority(d, s, n, p);
		return AS_OK;
	}
	TRY(fit(&f, d, b, &on, &l2, e));
	fit_thresholds(d, &f.l, &f.x, s, thresholds);
	tr_linear_predict(&f.l, &f.x, cases, n, p);
	for (size_t i = 0; d->task->kind == IO_VALUE && i < n; i++) {
		p[i] = (float)(f.mean + f.sd * (double)p[i]);
	}
out:
	fitted_free(&f);
	return rc;
}

int tr_base_outputs(const struct tr_data *d, enum tr_base b, const struct tr_cases *on, double *l2,
		    float *z, struct as_err *e)
{
	size_t *all = as_malloc((d->n + 1) * sizeof *all);
	struct fitted f = { 0 };
	int rc;

	for (size_t i = 0; i < d->n; i++) {
		all[i] = i;
	}
	TRY(fit(&f, d, b, on, l2, e));
	tr_linear_outputs(&f.l, &f.x, all, d->n, z);
out:
	fitted_free(&f);
	free(all);
	return rc;
}
