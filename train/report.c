/* SPDX-License-Identifier: Apache-2.0 */
#include "train/report.h"

#include "train/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unknown(struct tr_metrics *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < TR_METRICS; k++) {
			m[i].v[k] = (double)NAN;
		}
	}
}

static struct tr_line *add_line(struct tr_report *r)
{
	struct tr_line *l = &r->line[r->lines++];

	l->m = as_calloc(r->runs, sizeof *l->m);
	l->p = as_calloc(r->d->n * r->c + 1, sizeof *l->p);
	l->label = as_calloc(r->d->n + 1, sizeof *l->label);
	l->difference = l->difference_se = (double)NAN;
	unknown(l->m, r->runs);
	return l;
}

static void add_view(struct tr_report *r, uint32_t parts)
{
	const struct io_task *t = r->d->task;
	struct tr_line *l = add_line(r);

	l->pattern = tr_pattern(t->parts, parts);
	for (size_t m = 0; m < t->parts; m++) {
		const size_t n = strlen(l->name);

		if ((parts >> m & 1U) != 0) {
			(void)snprintf(l->name + n, sizeof l->name - n, "%s%s", n > 0 ? "+" : "",
				       t->part[m].name);
		}
	}
}

static void begin(struct tr_report *r, const struct tr_data *d, size_t runs)
{
	*r = (struct tr_report){ .d = d,
				 .c = d->task->kind == IO_VALUE ? 1 : d->task->labels,
				 .runs = runs,
				 .fold = as_calloc(d->n + 1, sizeof *r->fold),
				 .threshold = as_calloc(runs * IO_LABELS_MAX, sizeof(float)) };
}

void tr_report_init_models(struct tr_report *r, const struct tr_data *d, size_t runs,
			   const char *const *name, size_t n)
{
	begin(r, d, runs);
	for (size_t i = 0; i < n; i++) {
		add_view(r, tr_pattern(d->task->parts, 0));
		(void)snprintf(r->line[i].name, TR_LINE_NAME, "%s", name[i]);
	}
}

void tr_report_init(struct tr_report *r, const struct tr_data *d, size_t runs, uint32_t parts,
		    bool baselines)
{
	const uint32_t all = parts & tr_pattern(d->task->parts, 0);
	const int n = __builtin_popcount(all);

	begin(r, d, runs);
	tr_trust_init(&r->trust, d->task, d->n);
	add_view(r, all);
	(void)snprintf(r->line[0].name, TR_LINE_NAME, "all");
	for (uint32_t m = 1; n > 1 && m <= all; m <<= 1) {
		if ((all & m) != 0) {
			add_view(r, m);
		}
	}
	for (uint32_t m = 1; n > 2 && m <= all; m++) {
		if ((m & all) == m && __builtin_popcount(m) == 2) {
			add_view(r, m);
		}
	}
	for (uint32_t m = 1; n > 3 && m <= all; m <<= 1) {
		if ((all & m) != 0) {
			add_view(r, all & ~m);
		}
	}
	r->views = r->lines;
	for (enum tr_base b = 0; baselines && b < TR_BASES; b++) {
		if (tr_base_fits(d, b) && (tr_base_parts(d, b) & ~all) == 0) {
			struct tr_line *l = add_line(r);

			(void)snprintf(l->name, sizeof l->name, "%s", tr_base_name(b));
			l->baseline = true;
			l->base = b;
		}
	}
	if (baselines && n > 1) {
		struct tr_line *l = add_line(r);

		(void)snprintf(l->name, sizeof l->name, "average");
		l->baseline = true;
		l->derived = TR_AVERAGE;
	}
}

const struct tr_line *tr_report_view(const struct tr_report *r, uint32_t parts)
{
	const size_t pattern = tr_pattern(r->d->task->parts, parts);

	for (size_t i = 0; i < r->views; i++) {
		if (r->line[i].pattern == pattern) {
			return &r->line[i];
		}
	}
	return NULL;
}

void tr_report_missing(struct tr_report *r, const struct tr_shares *s)
{
	const uint32_t all = tr_pattern(r->d->task->parts, r->line[0].pattern);

	for (size_t m = 0; m < r->d->task->parts; m++) {
		for (size_t i = 0; tr_report_view(r, all & ~(1U << m)) != NULL && i < s->n; i++) {
			struct tr_line *l = add_line(r);

			l->derived = TR_MISSING;
			l->part = m;
			l->missing = s->v[i];
			(void)snprintf(l->name, sizeof l->name, "%s missing in %g %%",
				       r->d->task->part[m].name, 100 * (double)s->v[i]);
		}
	}
}

void tr_report_gates(struct tr_report *r, const struct tr_shares *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct tr_line *l = add_line(r);

		l->pattern = r->line[0].pattern;
		l->closed_below = g->v[i];
		(void)snprintf(l->name, sizeof l->name, "heads below %g", (double)g->v[i]);
	}
}

void tr_report_shuffles(struct tr_report *r, size_t permutations)
{
	r->shuffles = permutations;
	for (size_t m = 0; m < r->d->task->parts; m++) {
		r->shuffled[m] = as_malloc(r->runs * sizeof *r->shuffled[m]);
		r->toward[m] = as_calloc(r->runs, sizeof *r->toward[m]);
		unknown(r->shuffled[m], r->runs);
	}
}

void tr_report_drop(const struct tr_report *r, size_t part, double *drop, double *se)
{
	const enum tr_metric k = tr_main_metric(r->d->task);
	struct tr_metrics *m = as_malloc(r->runs * sizeof *m);
	struct tr_metrics mean;
	struct tr_metrics sd;
	size_t n = 0;

	unknown(m, r->runs);
	for (size_t f = 0; f < r->runs; f++) {
		m[f].v[k] = r->line[0].m[f].v[k] - r->shuffled[part][f].v[k];
		n += !isnan(m[f].v[k]);
	}
	tr_metrics_mean(m, r->runs, &mean, &sd);
	*drop = mean.v[k];
	*se = sd.v[k] / sqrt((double)n);
	free(m);
}

void tr_report_free(struct tr_report *r)
{
	for (size_t m = 0; m < IO_PARTS_MAX; m++) {
		free(r->shuffled[m]);
		free(r->toward[m]);
	}
	for (size_t i = 0; i < r->lines; i++) {
		free(r->line[i].m);
		free(r->line[i].p);
		free(r->line[i].label);
	}
	free(r->fold);
	free(r->threshold);
	tr_trust_free(&r->trust);
	*r = (struct tr_report){ 0 };
}

void tr_report_put(struct tr_report *r, size_t i, size_t run, const size_t *cases, size_t n,
		   const float *p, const float *thresholds)
{
	struct tr_line *l = &r->line[i];
	struct fu_calibration c; /* holds the thresholds for fu_choose */
	float *y = as_malloc((n * r->c + 1) * sizeof *y);

	fu_calibration_defaults(&c);
	memcpy(c.threshold, thresholds, sizeof c.threshold);
	if (i == 0) {
		memcpy(r->threshold + run * IO_LABELS_MAX, thresholds, sizeof c.threshold);
	}
	tr_truth(r->d, cases, n, y);
	tr_metrics_of(
	    r->d->task,
	    &(struct tr_predictions){ .n = n, .c = r->c, .p = p, .y = y, .thresholds = thresholds },
	    &l->m[run]);
	for (size_t k = 0; k < n; k++) {
		memcpy(l->p + cases[k] * r->c, p + k * r->c, r->c * sizeof *p);
		if (r->d->task->kind == IO_CLASS) {
			l->label[cases[k]] = fu_choose(r->d->task, &c, p + k * r->c);
		}
		r->scored += i == 0 && r->fold[cases[k]] == 0;
		r->fold[cases[k]] = (uint32_t)run + 1;
	}
	free(y);
}

static void write_metrics(const struct tr_metrics *m, struct io_jw *w)
{
	for (enum tr_metric k = 0; k < TR_METRICS; k++) {
		if (!isnan(m->v[k])) {
			io_jw_num(w, tr_metric_name(k), m->v[k]);
		}
	}
}

static void write_number(struct io_jw *w, const char *key, double v)
{
	if (!isnan(v)) {
		io_jw_num(w, key, v);
	}
}

/* Members of the scores of all runs. */
static void write_runs(const struct tr_report *r, const struct tr_metrics *m, struct io_jw *w)
{
	struct tr_metrics mean;
	struct tr_metrics sd;

	tr_metrics_mean(m, r->runs, &mean, &sd);
	write_metrics(&mean, w);
	if (r->runs > 1) {
		io_jw_obj(w, "sd");
		write_metrics(&sd, w);
		io_jw_end_obj(w);
		io_jw_arr(w, "folds");
		for (size_t k = 0; k < r->runs; k++) {
			io_jw_obj(w, NULL);
			write_metrics(&m[k], w);
			io_jw_end_obj(w);
		}
		io_jw_end_arr(w);
	}
}

/* Members of a line. */
static void write_scores(const struct tr_report *r, const struct tr_line *l, struct io_jw *w)
{
	write_runs(r, l->m, w);
	write_number(w, "difference", l->difference);
	write_number(w, "difference_se", l->difference_se);
}

static void write_line(const struct tr_report *r, size_t i, const char *key, struct io_jw *w)
{
	io_jw_obj(w, key);
	write_scores(r, &r->line[i], w);
	io_jw_end_obj(w);
}

/* What it costs and saves to close heads. */
static void write_gates(const struct tr_report *r, struct io_jw *w)
{
	size_t n = 0;

	for (size_t i = 0; i < r->lines; i++) {
		const struct tr_line *l = &r->line[i];
		char key[TR_LINE_NAME];

		if (!(l->closed_below > 0)) {
			continue;
		}
		if (n++ == 0) {
			io_jw_obj(w, "closed_below");
		}
		(void)snprintf(key, sizeof key, "%g", (double)l->closed_below);
		io_jw_obj(w, key);
		write_scores(r, l, w);
		tr_heads_write(&l->heads, w);
		io_jw_end_obj(w);
	}
	if (n > 0) {
		io_jw_end_obj(w);
	}
}

/* Lines of a part lie beside each other. */
static void write_missing(const struct tr_report *r, struct io_jw *w)
{
	const struct tr_line *last = NULL;

	for (size_t i = 0; i < r->lines; i++) {
		const struct tr_line *l = &r->line[i];
		char key[TR_LINE_NAME];

		if (l->derived != TR_MISSING) {
			continue;
		}
		if (last == NULL) {
			io_jw_obj(w, "missing");
		} else if (l->part != last->part) {
			io_jw_end_obj(w);
		}
		if (last == NULL || l->part != last->part) {
			io_jw_obj(w, r->d->task->part[l->part].name);
		}
		(void)snprintf(key, sizeof key, "%g", (double)l->missing);
		write_line(r, i, key, w);
		last = l;
	}
	if (last != NULL) {
		io_jw_end_obj(w);
		io_jw_end_obj(w);
	}
}

struct tr_toward tr_report_toward(const struct tr_report *r, size_t part)
{
	struct tr_toward sum = { 0 };

	for (size_t f = 0; f < r->runs; f++) {
		sum.own += r->toward[part][f].own / (double)r->runs;
		sum.exchanged += r->toward[part][f].exchanged / (double)r->runs;
	}
	return sum;
}

static void write_shuffled(const struct tr_report *r, struct io_jw *w)
{
	io_jw_obj(w, "shuffled");
	for (size_t m = 0; m < r->d->task->parts; m++) {
		double drop;
		double se;

		tr_report_drop(r, m, &drop, &se);
		io_jw_obj(w, r->d->task->part[m].name);
		write_runs(r, r->shuffled[m], w);
		write_number(w, "drop", drop);
		write_number(w, "se", se);
		write_number(w, "contribution", tr_report_toward(r, m).own);
		write_number(w, "contribution_shuffled", tr_report_toward(r, m).exchanged);
		io_jw_end_obj(w);
	}
	io_jw_end_obj(w);
}

void tr_report_write(const struct tr_report *r, struct io_jw *w)
{
	io_jw_str(w, "task", r->d->task->name);
	io_jw_u64(w, "cases", r->scored);
	io_jw_str(w, "compared", tr_metric_name(tr_main_metric(r->d->task)));
	write_line(r, 0, "metrics", w);
	for (int baseline = 0; baseline < 2; baseline++) {
		io_jw_obj(w, baseline ? "baselines" : "parts");
		for (size_t i = 1; i < r->lines; i++) {
			if (r->line[i].baseline == baseline && r->line[i].derived != TR_MISSING &&
			    !(r->line[i].closed_below > 0)) {
				write_line(r, i, r->line[i].name, w);
			}
		}
		io_jw_end_obj(w);
	}
	if (r->shuffles > 0) {
		io_jw_u64(w, "shuffles", r->shuffles);
		write_shuffled(r, w);
	}
	tr_heads_write(&r->heads, w);
	write_gates(r, w);
	write_missing(r, w);
	tr_trust_write(&r->trust, w);
}
