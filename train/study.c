/* SPDX-License-Identifier: Apache-2.0 */
#include "train/study.h"

#include "train/compare.h"
#include "train/derived.h"
#include "train/shuffle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tr_plan tr_study_plan(const struct tr_study *s, const struct tr_split *p, uint32_t parts)
{
	return (struct tr_plan){ .train = p->train,
				 .trains = p->trains,
				 .stop = p->stop,
				 .stops = p->stops,
				 .parts = parts,
				 .epochs = s->d->task->hyper.epochs,
				 .schedule = s->d->task->hyper.epochs,
				 .seed = s->o->seed,
				 .pool = s->o->pool,
				 .watch = s->o->watch,
				 .checkpoint = s->o->checkpoint,
				 .from = s->from };
}

/* What a training of these cases starts with. */
static int prepare_start(struct tr_study *s, const size_t *cases, size_t n, size_t k,
			 struct as_err *e)
{
	const struct tr_options *o = s->o;
	const struct tr_pretrain_how how = { .seed = o->seed,
					     .epochs = o->pretrain_epochs,
					     .pool = o->pool,
					     .watch = o->watch,
					     .checkpoint = o->checkpoint };
	struct tr_some *of;
	int rc;

	s->from = o->from;
	if (!o->pretrain) {
		return AS_OK;
	}
	tr_from_close(&s->made);
	tr_pretrained_free(&s->base);
	of = as_calloc(1 + o->mores, sizeof *of);
	of[0] = (struct tr_some){ s->d, cases, n };
	for (size_t i = 0; i < o->mores; i++) {
		of[1 + i] = (struct tr_some){ &o->more[i], NULL, 0 };
	}
	o->watch->begin(o->watch->ctx, "base", k, s->runs);
	TRY(tr_pretrain(&s->base, of, 1 + o->mores, &how, e));
	TRY(tr_from_read(&s->made, s->base.file.data, s->base.file.len, "base", e));
	s->from = &s->made;
out:
	free(of);
	return rc;
}

/* The cases that a run's scores are of: those that test, or without folds those that calibrate. */
static const size_t *scored_cases(const struct tr_study *s, size_t k, size_t *n)
{
	const struct tr_split *p = &s->run[k].split;

	*n = s->o->folds > 0 ? p->tests : p->calibrates;
	return s->o->folds > 0 ? p->test : p->calibrate;
}

/* Puts the answers of network t for line i into the report. */
static void put_line(struct tr_study *s, const struct tr_trained *t, size_t i, size_t k,
		     const struct tr_scores *scores)
{
	size_t n;
	const size_t *cases = scored_cases(s, k, &n);
	float *p = as_malloc((n * scores->c + 1) * sizeof *p);

	tr_answers(&t->calibration, s->d->task, scores, s->report.line[i].pattern, p);
	tr_report_put(&s->report, i, k, cases, n, p, t->calibration.threshold);
	free(p);
}

/* A network of its own for the parts of line i. */
static int retrain_line(struct tr_study *s, size_t i, size_t k, struct as_err *e)
{
	const struct tr_split *split = &s->run[k].split;
	const uint32_t parts = tr_pattern(s->d->task->parts, s->report.line[i].pattern);
	struct tr_plan plan = tr_study_plan(s, split, parts);
	struct tr_trained t = { 0 };
	struct tr_scores scores = { 0 };
	size_t n;
	const size_t *cases = scored_cases(s, k, &n);
	int rc;

	s->o->watch->begin(s->o->watch->ctx, s->report.line[i].name, k, s->runs);
	TRY(tr_trained_fit(&t, s->d, &plan, e));
	s->interrupted = s->interrupted || t.outcome.interrupted;
	TRY(tr_trained_calibrate(&t, split->calibrate, split->calibrates, s->o->pool, e));
	TRY(tr_trained_score(&t, cases, n, s->o->pool, &scores, e));
	put_line(s, &t, i, k, &scores);
out:
	tr_scores_free(&scores);
	tr_trained_free(&t);
	return rc;
}

static int put_baseline(struct tr_study *s, size_t i, size_t k, struct as_err *e)
{
	float thresholds[IO_LABELS_MAX];
	size_t n;
	const size_t *cases = scored_cases(s, k, &n);
	float *p = as_malloc((n * s->report.c + 1) * sizeof *p);
	int rc;

	TRY(tr_base_predict(s->d, s->report.line[i].base, &s->run[k].split, cases, n, p, thresholds,
			    e));
	tr_report_put(&s->report, i, k, cases, n, p, thresholds);
out:
	free(p);
	return rc;
}

void tr_study_pool(struct tr_study *s, const size_t *cases, const struct tr_scores *from)
{
	struct tr_scores *to = &s->pooled;
	const size_t bytes = from->c * sizeof(float);

	if (to->logits == NULL) {
		*to = (struct tr_scores){
			.n = s->d->n, .c = from->c, .masks = from->masks, .parts = from->parts
		};
		to->logits = as_calloc(to->masks * to->n * to->c, sizeof(float));
		to->late = as_calloc(to->parts * to->n * to->c, sizeof(float));
		to->there = as_calloc(to->n, sizeof *to->there);
	}
	for (size_t i = 0; i < from->n; i++) {
		for (size_t k = 0; k < from->masks; k++) {
			memcpy(to->logits + (k * to->n + cases[i]) * to->c,
			       from->logits + (k * from->n + i) * from->c, bytes);
		}
		for (size_t m = 0; m < from->parts; m++) {
			memcpy(to->late + (m * to->n + cases[i]) * to->c,
			       from->late + (m * from->n + i) * from->c, bytes);
		}
		to->there[cases[i]] = from->there[i];
	}
}

/* Cases that only tested say how far the calibration can be believed. */
static void trust(struct tr_study *s, const struct tr_trained *t, const size_t *cases,
		  const struct tr_scores *scores)
{
	float *y;

	if (s->o->folds == 0) {
		return;
	}
	y = as_malloc((scores->n * scores->c + 1) * sizeof *y);
	tr_truth(s->d, cases, scores->n, y);
	tr_trust_add(&s->report.trust, &t->calibration, scores, y);
	free(y);
}

/* The same network with heads of a low share closed, calibrated as it is. */
static int score_closed(struct tr_study *s, struct tr_trained *t, size_t i, size_t k,
			struct as_err *e)
{
	struct tr_line *l = &s->report.line[i];
	struct tr_scores scores = { 0 };
	size_t n;
	const size_t *cases = scored_cases(s, k, &n);
	int rc;

	t->net.closed_below = l->closed_below;
	TRY(tr_trained_score(t, cases, n, s->o->pool, &scores, e));
	put_line(s, t, i, k, &scores);
	tr_heads_add(&l->heads, &scores.heads);
out:
	t->net.closed_below = 0;
	tr_scores_free(&scores);
	return rc;
}

/* Line i of the report in run k, from scores under all patterns. */
static int score_line(struct tr_study *s, struct tr_trained *t, size_t i, size_t k,
		      const struct tr_scores *scores, struct as_err *e)
{
	if (s->report.line[i].derived != TR_ITSELF) {
		return AS_OK; /* after the others */
	}
	if (s->report.line[i].baseline) {
		return put_baseline(s, i, k, e);
	}
	if (s->report.line[i].closed_below > 0) {
		return score_closed(s, t, i, k, e);
	}
	if (i > 0 && s->o->retrain) {
		return s->interrupted ? AS_OK : retrain_line(s, i, k, e);
	}
	put_line(s, t, i, k, scores);
	if (i == 0) {
		tr_heads_add(&s->report.heads, &scores->heads);
	}
	return AS_OK;
}

/* Every part exchanged between the test cases of fold k. */
static int shuffle_run(struct tr_study *s, const struct tr_trained *t, size_t k, struct as_err *e)
{
	const struct tr_split *p = &s->run[k].split;
	struct tr_metrics m[IO_PARTS_MAX];
	struct tr_toward toward[IO_PARTS_MAX];
	int rc;

	TRY(tr_shuffle(t,
		       &(struct tr_shuffle){ .cases = p->test,
					     .n = p->tests,
					     .permutations = s->o->shuffles,
					     .seed = s->o->seed,
					     .stream = k,
					     .pool = s->o->pool },
		       m, toward, e));
	for (size_t i = 0; i < s->d->task->parts; i++) {
		s->report.toward[i][k] = toward[i];
		s->report.shuffled[i][k] = m[i];
	}
out:
	return rc;
}

static int score_run(struct tr_study *s, struct tr_trained *t, size_t k, struct as_err *e)
{
	struct tr_scores scores = { 0 };
	size_t n;
	const size_t *cases = scored_cases(s, k, &n);
	int rc;

	TRY(tr_trained_score(t, cases, n, s->o->pool, &scores, e));
	tr_study_pool(s, cases, &scores);
	trust(s, t, cases, &scores);
	for (size_t i = 0; i < s->report.lines; i++) {
		TRY(score_line(s, t, i, k, &scores, e));
	}
	if (!s->interrupted) {
		tr_report_derive(&s->report, k, s->o->seed);
	}
	if (s->o->folds > 0 && s->o->shuffles > 0) {
		TRY(shuffle_run(s, t, k, e));
	}
out:
	tr_scores_free(&scores);
	return rc;
}

void tr_study_take(struct tr_study *s, struct tr_trained *t, size_t k)
{
	s->run[k].outcome = t->outcome;
	t->outcome = (struct tr_outcome){ 0 };
	memcpy(s->run[k].temperature, t->temperature, sizeof t->temperature);
	tr_trained_free(&s->kept);
	s->kept = *t;
	/* The inputs and the net know each other by address. */
	s->kept.in.enc = &s->kept.net.enc;
	*t = (struct tr_trained){ 0 };
}

static int run_one(struct tr_study *s, size_t k, struct as_err *e)
{
	const struct tr_split *split = &s->run[k].split;
	struct tr_plan plan;
	struct tr_trained t = { 0 };
	struct tr_scores teacher = { 0 };
	int rc;

	TRY(prepare_start(s, s->run[k].seen, s->run[k].seens, k, e));
	plan = tr_study_plan(s, split, UINT32_MAX);
	if (s->o->teachers > 0) {
		TRY(tr_study_teach(s, &plan, k, &teacher, e));
		plan.teacher = &teacher;
	}
	s->o->watch->begin(s->o->watch->ctx, s->o->folds > 0 ? "fold" : "training", k, s->runs);
	TRY(tr_trained_fit(&t, s->d, &plan, e));
	s->interrupted = t.outcome.interrupted;
	TRY(tr_trained_calibrate(&t, split->calibrate, split->calibrates, s->o->pool, e));
	if (!s->interrupted) {
		TRY(score_run(s, &t, k, e));
		s->done++;
	}
	tr_study_take(s, &t, k);
out:
	tr_scores_free(&teacher);
	tr_trained_free(&t);
	return rc;
}

static int ascending(const void *a, const void *b)
{
	const size_t x = *(const size_t *)a;
	const size_t y = *(const size_t *)b;

	return (x > y) - (x < y);
}

static size_t median_best(const struct tr_study *s)
{
	size_t best[TR_FOLDS_MAX];

	for (size_t k = 0; k < s->runs; k++) {
		best[k] = s->run[k].outcome.best;
	}
	qsort(best, s->runs, sizeof *best, ascending);
	return (best[(s->runs - 1) / 2] + best[s->runs / 2]) / 2;
}

/* The parts' temperatures: geometric means of the folds'. */
static void scale_whole(const struct tr_study *s, struct tr_trained *t)
{
	for (size_t m = 0; m < s->d->task->parts; m++) {
		double sum = 0;

		for (size_t k = 0; k < s->runs; k++) {
			sum += log((double)s->run[k].temperature[m]);
		}
		t->temperature[m] = (float)exp(sum / (double)s->runs);
	}
	tr_set_scale(&t->net, t->temperature);
}

/* Penalties of the linear teachers: geometric means of the folds'. */
static void choose_penalties(const struct tr_study *s, double penalty[TR_BASES])
{
	for (enum tr_base b = 0; b < TR_BASES; b++) {
		double sum = 0;

		for (size_t k = 0; k < s->runs; k++) {
			sum += log(s->run[k].outcome.penalty[b]);
		}
		penalty[b] = exp(sum / (double)s->runs); /* 0 where there was none */
	}
}

size_t tr_study_whole(const struct tr_study *s, struct tr_split *all)
{
	const size_t epochs = median_best(s) + 1;
	const size_t most = s->d->task->hyper.epochs;

	*all = (struct tr_split){ .train = as_malloc(s->d->n * sizeof(size_t)), .trains = s->d->n };
	for (size_t i = 0; i < s->d->n; i++) {
		all->train[i] = i;
	}
	return epochs < most ? epochs : most;
}

void tr_study_calibrate(const struct tr_study *s, struct tr_trained *t)
{
	const size_t n = s->d->n;
	float *y = as_malloc(n * s->pooled.c * sizeof *y);
	size_t *all = as_malloc(n * sizeof *all);

	for (size_t i = 0; i < n; i++) {
		all[i] = i;
	}
	tr_truth(s->d, all, n, y);
	tr_calibrate(&t->calibration, s->d->task, &s->pooled, y, t->mean, t->sd);
	free(all);
	free(y);
}

/* The model of all cases. */
static int run_whole(struct tr_study *s, struct as_err *e)
{
	struct tr_split all;
	struct tr_trained t = { 0 };
	struct tr_scores teacher = { 0 };
	struct tr_plan plan;
	const size_t epochs = tr_study_whole(s, &all);
	int rc;

	TRY(prepare_start(s, all.train, all.trains, s->runs, e));
	plan = tr_study_plan(s, &all, UINT32_MAX);
	plan.epochs = epochs;
	choose_penalties(s, plan.penalty);
	if (s->o->teachers > 0) {
		TRY(tr_study_teach(s, &plan, s->runs, &teacher, e));
		plan.teacher = &teacher;
	}
	s->o->watch->begin(s->o->watch->ctx, "all cases", s->runs, s->runs);
	TRY(tr_trained_fit(&t, s->d, &plan, e));
	s->interrupted = t.outcome.interrupted;
	scale_whole(s, &t);
	tr_study_calibrate(s, &t);
	tr_study_take(s, &t, s->runs);
	s->whole = true;
out:
	tr_scores_free(&teacher);
	tr_trained_free(&t);
	tr_split_free(&all);
	return rc;
}

int tr_study_run(struct tr_study *s, const struct tr_data *d, const struct tr_options *o,
		 struct as_err *e)
{
	int rc;

	TRY(tr_study_open(s, d, o, e));
	tr_report_init(&s->report, d, s->runs, UINT32_MAX, true);
	tr_report_gates(&s->report, &o->gates);
	tr_report_missing(&s->report, &o->missing);
	if (o->folds > 0 && o->shuffles > 0) {
		tr_report_shuffles(&s->report, o->shuffles);
	}
	for (size_t k = 0; rc == AS_OK && k < s->runs && !s->interrupted; k++) {
		rc = run_one(s, k, e);
	}
	tr_compare(&s->report, o->seed);
	if (rc == AS_OK && !s->interrupted && o->folds > 0) {
		rc = run_whole(s, e);
	}
	/* Interrupted early in a later run: the last model there is stands. */
	if (rc == AS_ECLOSED && s->kept.net.ps.v != NULL) {
		s->interrupted = true;
		rc = AS_OK;
	}
out:
	return rc;
}

void tr_study_free(struct tr_study *s)
{
	for (size_t k = 0; s->run != NULL && k <= s->runs; k++) {
		tr_split_free(&s->run[k].split);
		free(s->run[k].seen);
		tr_outcome_free(&s->run[k].outcome);
	}
	free(s->run);
	free(s->fold);
	free(s->stratum);
	free(s->group);
	tr_scores_free(&s->pooled);
	tr_report_free(&s->report);
	tr_trained_free(&s->kept);
	tr_from_close(&s->made);
	tr_pretrained_free(&s->base);
	as_buf_free(&s->compressed);
	*s = (struct tr_study){ 0 };
}
