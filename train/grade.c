/* SPDX-License-Identifier: Apache-2.0 */
#include "train/grade.h"

#include "train/study.h"

#include <stdlib.h>

/* Everything that one evaluation's lines share. */
struct grade {
	const struct tr_reader *r;
	struct tr_report *report;
	const struct tr_inputs *in;
	struct tr_question q; /* all cases under all patterns */
	struct tr_pool *pool;
};

static void put_line(const struct grade *g, size_t i, const struct tr_scores *s)
{
	const struct fu_calibration *c = &g->r->judge.calibration;
	float *p = as_malloc((s->n * s->c + 1) * sizeof *p);

	tr_answers(c, g->report->d->task, s, g->report->line[i].pattern, p);
	tr_report_put(g->report, i, 0, g->q.cases, s->n, p, c->threshold);
	free(p);
}

/* A line of the network with heads of a low share closed. */
static int put_closed(const struct grade *g, size_t i, struct as_err *e)
{
	struct tr_line *l = &g->report->line[i];
	struct tr_net net = g->r->net; /* its members stay the reader's */
	struct tr_scores s = { 0 };
	int rc;

	net.closed_below = l->closed_below;
	TRY(tr_score(&s, &net, g->in, &g->q, g->pool, e));
	put_line(g, i, &s);
	tr_heads_add(&l->heads, &s.heads);
out:
	tr_scores_free(&s);
	return rc;
}

static int put_lines(const struct grade *g, size_t first, size_t lines, const struct tr_scores *s,
		     struct as_err *e)
{
	int rc = AS_OK;

	for (size_t i = first; rc == AS_OK && i < first + lines; i++) {
		if (g->report->line[i].closed_below > 0) {
			rc = put_closed(g, i, e);
		} else if (!g->report->line[i].baseline &&
			   g->report->line[i].derived == TR_ITSELF) {
			put_line(g, i, s);
		}
	}
	return rc;
}

int tr_grade(const struct tr_reader *r, struct tr_report *report, size_t first, size_t lines,
	     struct tr_pool *pool, struct as_err *e)
{
	const struct tr_data *d = report->d;
	size_t *cases = as_malloc((d->n + 1) * sizeof *cases);
	struct tr_inputs in = { 0 };
	struct tr_scores s = { 0 };
	uint32_t mask[FU_PATTERNS];
	const size_t masks = tr_patterns(d->task->parts, mask);
	const struct grade g = { r, report, &in, { cases, d->n, mask, masks }, pool };
	float *y = as_malloc((d->n * report->c + 1) * sizeof *y);
	int rc;

	for (size_t i = 0; i < d->n; i++) {
		cases[i] = i;
	}
	TRY(tr_inputs_init(&in, d, &r->net.enc, e));
	TRY(tr_score(&s, &r->net, &in, &g.q, pool, e));
	TRY(put_lines(&g, first, lines, &s, e));
	if (report->trust.pattern != NULL) {
		tr_heads_add(&report->heads, &s.heads);
		tr_truth(d, cases, d->n, y);
		tr_trust_add(&report->trust, &r->judge.calibration, &s, y);
	}
out:
	free(y);
	tr_scores_free(&s);
	tr_inputs_free(&in);
	free(cases);
	return rc;
}

static void shift(size_t *cases, size_t n, size_t by)
{
	for (size_t i = 0; i < n; i++) {
		cases[i] += by;
	}
}

static int put_baselines(struct tr_report *report, const struct tr_data *both,
			 const struct tr_split *split, const size_t *cases, struct as_err *e)
{
	const size_t n = report->d->n;
	float *p = as_malloc((n * report->c + 1) * sizeof *p);
	float thresholds[IO_LABELS_MAX];
	int rc = AS_OK;

	for (size_t i = 0; i < report->lines; i++) {
		const struct tr_line *l = &report->line[i];

		if (!l->baseline || l->derived != TR_ITSELF) {
			continue;
		}
		TRY(tr_base_predict(both, l->base, split, cases, n, p, thresholds, e));
		tr_report_put(report, i, 0, cases, n, p, thresholds);
	}
out:
	free(p);
	return rc;
}

int tr_grade_baselines(struct tr_report *report, const struct tr_data *train, uint64_t seed,
		       struct as_err *e)
{
	const size_t n = report->d->n;
	const struct tr_options how = { .seed = seed };
	const struct tr_some of[] = { { .d = report->d }, { .d = train } };
	size_t *cases = as_malloc((n + 1) * sizeof *cases);
	struct tr_data both = { 0 };
	struct tr_study s = { 0 };
	struct tr_split *split;
	int rc;

	TRY(tr_study_open(&s, train, &how, e));
	split = &s.run[0].split;
	shift(split->train, split->trains, n);
	shift(split->stop, split->stops, n);
	shift(split->calibrate, split->calibrates, n);
	for (size_t i = 0; i < n; i++) {
		cases[i] = i;
	}
	tr_data_view(&both, of, sizeof of / sizeof *of);
	TRY(put_baselines(report, &both, split, cases, e));
out:
	tr_data_view_free(&both);
	tr_study_free(&s);
	free(cases);
	return rc;
}
