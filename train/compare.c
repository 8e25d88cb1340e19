/* SPDX-License-Identifier: Apache-2.0 */
#include "train/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The cases of one run and how often each resample draws them. */
struct drawn {
	size_t n, groups;
	size_t *at;      /* [n] cases of the data */
	size_t *group;   /* [n] from 0 */
	float *y;        /* [n, c] */
	uint16_t *times; /* [TR_RESAMPLES, groups] */
};

/* One line's answers on them. */
struct answers {
	const struct io_task *task;
	const struct drawn *of;
	size_t c;
	float *p;        /* [n, c] */
	uint32_t *label; /* [n] */
	size_t *order;   /* [c, n] highest score first */
};

struct ranked {
	float score;
	size_t at;
};

struct named {
	const char *group;
	size_t at;
};

static int by_score_down(const void *a, const void *b)
{
	const struct ranked *x = a;
	const struct ranked *y = b;

	if (x->score < y->score || x->score > y->score) {
		return x->score < y->score ? 1 : -1;
	}
	return (x->at > y->at) - (x->at < y->at);
}

static int by_group(const void *a, const void *b)
{
	const struct named *x = a;
	const struct named *y = b;
	const int order = strcmp(x->group, y->group);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

enum tr_metric tr_main_metric(const struct io_task *task)
{
	switch (task->kind) {
	case IO_VALUE:
		return TR_R2;
	case IO_CLASS:
		return task->labels > 2 ? TR_ACCURACY : TR_AUC;
	case IO_MULTI:
		break;
	}
	return TR_AUC;
}

/* Numbers the groups of the cases. */
static void number_groups(const struct tr_report *r, struct drawn *d)
{
	struct named *v = as_malloc((d->n + 1) * sizeof *v);

	for (size_t i = 0; i < d->n; i++) {
		v[i] = (struct named){ r->d->v[d->at[i]].group, i };
	}
	qsort(v, d->n, sizeof *v, by_group);
	for (size_t i = 0; i < d->n; i++) {
		d->groups += i == 0 || strcmp(v[i].group, v[i - 1].group) != 0;
		d->group[v[i].at] = d->groups - 1;
	}
	free(v);
}

static void draw(const struct tr_report *r, size_t run, uint64_t seed, struct drawn *d)
{
	const size_t all = r->d->n + 1;
	struct as_rng rng;

	*d = (struct drawn){ .at = as_malloc(all * sizeof *d->at),
			     .group = as_malloc(all * sizeof *d->group),
			     .y = as_malloc(all * r->c * sizeof *d->y) };
	for (size_t i = 0; i < r->d->n; i++) {
		if (r->fold[i] == run + 1) {
			d->at[d->n++] = i;
		}
	}
	number_groups(r, d);
	tr_truth(r->d, d->at, d->n, d->y);
	d->times = as_calloc(TR_RESAMPLES * d->groups + 1, sizeof *d->times);
	as_rng_seed(&rng, seed, run);
	for (size_t b = 0; b < TR_RESAMPLES; b++) {
		for (size_t i = 0; i < d->groups; i++) {
			d->times[b * d->groups + as_rng_below(&rng, d->groups)]++;
		}
	}
}

static void drawn_free(struct drawn *d)
{
	free(d->at);
	free(d->group);
	free(d->y);
	free(d->times);
}

static void answers_init(struct answers *a, const struct tr_report *r, const struct tr_line *l,
			 const struct drawn *d)
{
	struct ranked *v = as_malloc((d->n + 1) * sizeof *v);

	*a = (struct answers){ .task = r->d->task, .of = d, .c = r->c };
	a->p = as_malloc((d->n * r->c + 1) * sizeof *a->p);
	a->label = as_malloc((d->n + 1) * sizeof *a->label);
	a->order = as_malloc((d->n * r->c + 1) * sizeof *a->order);
	for (size_t i = 0; i < d->n; i++) {
		memcpy(a->p + i * r->c, l->p + d->at[i] * r->c, r->c * sizeof *a->p);
		a->label[i] = l->label[d->at[i]];
	}
	for (size_t k = 0; k < r->c; k++) {
		for (size_t i = 0; i < d->n; i++) {
			v[i] = (struct ranked){ a->p[i * r->c + k], i };
		}
		qsort(v, d->n, sizeof *v, by_score_down);
		for (size_t i = 0; i < d->n; i++) {
			a->order[k * d->n + i] = v[i].at;
		}
	}
	free(v);
}

static void answers_free(struct answers *a)
{
	free(a->p);
	free(a->label);
	free(a->order);
}

/* AUC of label k where case i is there times[group of i] times; ties count half. */
static double auc(const struct answers *a, size_t k, const uint16_t *times)
{
	const struct drawn *d = a->of;
	const size_t *order = a->order + k * d->n;
	double side[2] = { 0, 0 }; /* negatives and positives so far */
	double tied[2] = { 0, 0 }; /* those of the present score */
	double sum = 0;

	for (size_t i = 0; i < d->n; i++) {
		const size_t at = order[i];

		tied[d->y[at * a->c + k] > 0.5F] += times[d->group[at]];
		if (i + 1 == d->n || a->p[order[i + 1] * a->c + k] < a->p[at * a->c + k]) {
			sum += tied[0] * (side[1] + 0.5 * tied[1]);
			side[0] += tied[0];
			side[1] += tied[1];
			tied[0] = tied[1] = 0;
		}
	}
	return side[0] > 0 && side[1] > 0 ? sum / (side[0] * side[1]) : (double)NAN;
}

/* Two labels: of the positive one; else the mean over the labels that have both sides. */
static double mean_auc(const struct answers *a, const uint16_t *times)
{
	double sum = 0;
	size_t n = 0;

	if (a->task->kind == IO_CLASS) {
		return auc(a, 1, times);
	}
	for (size_t k = 0; k < a->c; k++) {
		const double v = auc(a, k, times);

		sum += isnan(v) ? 0 : v;
		n += !isnan(v);
	}
	return n > 0 ? sum / (double)n : (double)NAN;
}

static double accuracy(const struct answers *a, const uint16_t *times)
{
	double right = 0;
	double all = 0;

	for (size_t i = 0; i < a->of->n; i++) {
		const double w = times[a->of->group[i]];

		right += a->of->y[i * a->c + a->label[i]] > 0.5F ? w : 0;
		all += w;
	}
	return right / all;
}

static double r2(const struct answers *a, const uint16_t *times)
{
	const struct drawn *d = a->of;
	double all = 0;
	double mean = 0;
	double missed = 0;
	double spread = 0;

	for (size_t i = 0; i < d->n; i++) {
		all += times[d->group[i]];
		mean += times[d->group[i]] * (double)d->y[i];
	}
	mean /= all;
	for (size_t i = 0; i < d->n; i++) {
		const double w = times[d->group[i]];
		const double y = (double)d->y[i];

		missed += w * (y - (double)a->p[i]) * (y - (double)a->p[i]);
		spread += w * (y - mean) * (y - mean);
	}
	return spread > 0 ? 1 - missed / spread : (double)NAN;
}

static double score(const struct answers *a, const uint16_t *times)
{
	switch (tr_main_metric(a->task)) {
	case TR_R2:
		return r2(a, times);
	case TR_ACCURACY:
		return accuracy(a, times);
	default:
		return mean_auc(a, times);
	}
}

/* Adds the scores of the resamples of one run to sum [lines, TR_RESAMPLES]. */
static void add_run(const struct tr_report *r, size_t run, uint64_t seed, double *sum)
{
	struct drawn d;

	draw(r, run, seed, &d);
	for (size_t i = 0; d.n > 0 && i < r->lines; i++) {
		struct answers a;

		answers_init(&a, r, &r->line[i], &d);
		for (size_t b = 0; b < TR_RESAMPLES; b++) {
			sum[i * TR_RESAMPLES + b] += score(&a, d.times + b * d.groups);
		}
		answers_free(&a);
	}
	drawn_free(&d);
}

/* Sample standard deviation of (a - b) / runs where it is a number. */
static double spread_of(const double *a, const double *b, double runs)
{
	double mean = 0;
	double square = 0;
	double n = 0;

	for (size_t i = 0; i < TR_RESAMPLES; i++) {
		const double v = (a[i] - b[i]) / runs;

		if (!isnan(v)) {
			n += 1;
			square += (v - mean) * (v - mean) * (n - 1) / n;
			mean += (v - mean) / n;
		}
	}
	return n > 1 ? sqrt(square / (n - 1)) : (double)NAN;
}

/* Mean over the runs that scored; NAN where one of them has no score of this line. */
static double difference(const struct tr_report *r, size_t i, double runs)
{
	const enum tr_metric m = tr_main_metric(r->d->task);
	double sum = 0;

	for (size_t k = 0; k < r->runs; k++) {
		if (!isnan(r->line[0].m[k].v[m])) {
			sum += r->line[i].m[k].v[m] - r->line[0].m[k].v[m];
		}
	}
	return sum / runs;
}

void tr_compare(struct tr_report *r, uint64_t seed)
{
	const enum tr_metric m = tr_main_metric(r->d->task);
	double *sum = as_calloc(r->lines * TR_RESAMPLES, sizeof *sum);
	double runs = 0;

	for (size_t k = 0; k < r->runs; k++) {
		if (!isnan(r->line[0].m[k].v[m])) {
			runs += 1;
			add_run(r, k, seed, sum);
		}
	}
	for (size_t i = 1; runs > 0 && i < r->lines; i++) {
		struct tr_line *l = &r->line[i];

		l->difference = difference(r, i, runs);
		l->difference_se = isnan(l->difference)
				       ? (double)NAN
				       : spread_of(sum + i * TR_RESAMPLES, sum, runs);
	}
	free(sum);
}
