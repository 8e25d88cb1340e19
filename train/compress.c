/* SPDX-License-Identifier: Apache-2.0 */
#include "train/compress.h"

#include "core/base/clock.h"
#include "core/io/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3 }; /* of which the quickest counts */

static int read_record(struct tr_teacher *t, const struct json_t *record, struct as_err *e)
{
	const struct json_t *data = io_json_find(record, "data");
	const char *digest = io_json_find_str(data, "sha256", "");

	if (t->reader.judge.task.hyper.spans == 1) {
		return as_fail(e, AS_EUSAGE,
			       "it has learned spans, which are not cut: train with spans = 0");
	}
	if (io_json_find(t->reader.statistics, "pruned") != NULL) {
		return as_fail(e, AS_EUSAGE, "it is a student already: compress its teacher");
	}
	if (io_json_find_u64(record, "folds", 0) > 0) {
		return as_fail(e, AS_EUSAGE,
			       "trained with --folds, on all cases: none is left to tell how good "
			       "a student is; train it without");
	}
	if (strlen(digest) != sizeof t->digest - 1) {
		return as_fail(e, AS_EUSAGE,
			       "its record does not say on which table it was "
			       "trained");
	}
	memcpy(t->digest, digest, sizeof t->digest);
	t->skipped = io_json_find_u64(data, "skipped", 0) > 0;
	t->seed = io_json_find_u64(record, "seed", 0);
	t->cases = io_json_find_u64(data, "cases", 0);
	return AS_OK;
}

int tr_teacher_open(struct tr_teacher *t, const char *path, struct as_err *e)
{
	struct io_model m = { 0 };
	struct json_t *record = NULL;
	int rc;

	*t = (struct tr_teacher){ 0 };
	TRY(tr_reader_open(&t->reader, path, NULL, e));
	TRY(io_model_open(&m, path, e));
	TRY(io_model_meta(&m, "training", &record, e));
	as_buf_puts(&t->statistics, io_json_find_str(m.meta, "statistics", "{}"));
	rc = read_record(t, record, e);
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s", path);
	}
out:
	io_json_free(record);
	io_model_close(&m);
	return rc;
}

void tr_teacher_close(struct tr_teacher *t)
{
	tr_reader_close(&t->reader);
	as_buf_free(&t->statistics);
	*t = (struct tr_teacher){ 0 };
}

int tr_teacher_check(const struct tr_teacher *t, const struct tr_data *d, struct as_err *e)
{
	if (strcmp(t->digest, d->digest) != 0 || t->cases != d->n) {
		return as_fail(e, AS_EUSAGE,
			       "--data %s: not the table that the teacher was trained on: sha256 "
			       "%.12s, %zu cases; it had %.12s, %zu",
			       d->path, d->digest, d->n, t->digest, (size_t)t->cases);
	}
	return AS_OK;
}

/* The statistics with what was pruned. */
static void put_statistics(struct tr_trained *to, const struct tr_teacher *t,
			   const struct tr_prune *p)
{
	const char *end = strrchr(t->statistics.data, '}');
	const size_t n = (size_t)(end - t->statistics.data);
	struct io_jw w = { .b = &to->statistics };

	as_buf_put(&to->statistics, t->statistics.data, n);
	as_buf_puts(&to->statistics, io_json_len(t->reader.statistics) > 0 ? "," : "");
	as_buf_puts(&to->statistics, "\"pruned\":");
	tr_prune_write(p, &w);
	as_buf_puts(&to->statistics, "}");
}

/* The student as it is before it learns. */
static int open_student(struct tr_trained *to, const struct tr_study *s, const struct tr_teacher *t,
			const struct tr_prune *p, struct as_err *e)
{
	const struct tr_split *split = &s->run[0].split;
	const struct tr_data *d = s->d;
	int rc;

	tr_target_scale(d, split->train, split->trains, &to->mean, &to->sd);
	put_statistics(to, t, p);
	TRY(io_json_parse(to->statistics.data, to->statistics.len, "statistics", &to->doc, e));
	TRY(tr_net_open(&to->net, d->task, d->frozen.source, to->doc, s->o->seed, e));
	tr_prune_copy(p, &to->net);
	TRY(tr_inputs_init(&to->in, d, &to->net.enc, e));
out:
	return rc;
}

/* The teacher's logits of every case under all patterns. */
static int ask(struct tr_scores *scores, const struct tr_study *s, const struct tr_net *net,
	       const struct tr_inputs *in, struct as_err *e)
{
	const size_t n = s->d->n;
	size_t *all = as_malloc((n + 1) * sizeof *all);
	uint32_t mask[FU_PATTERNS];
	const size_t masks = tr_patterns(s->d->task->parts, mask);
	int rc;

	for (size_t i = 0; i < n; i++) {
		all[i] = i;
	}
	rc = tr_score(scores, net, in, &(struct tr_question){ all, n, mask, masks }, s->o->pool, e);
	free(all);
	return rc;
}

static int hold_out(struct tr_held_out *h, const struct tr_study *s, const struct tr_net *net,
		    const struct tr_inputs *in, const struct fu_calibration *c, struct as_err *e)
{
	const struct tr_split *split = &s->run[0].split;
	const size_t n = split->calibrates;
	const uint32_t whole = UINT32_MAX;
	float *p = as_malloc(2 * n * net->fuse.c * sizeof *p);
	float *y = p + n * net->fuse.c;
	struct tr_scores scores = { 0 };
	struct tr_pool *one = NULL;
	int rc;

	*h = (struct tr_held_out){ .weights = net->ps.size, .ms = HUGE_VAL };
	TRY(tr_pool_open(&one, 1, e));
	for (int i = 0; i < ROUNDS; i++) {
		const int64_t began = as_mono_ns();

		tr_scores_free(&scores);
		TRY(tr_score(&scores, net, in,
			     &(struct tr_question){ split->calibrate, n, &whole, 1 }, one, e));
		h->ms = fmin(h->ms, (double)(as_mono_ns() - began) * 1e-6 / (double)n);
	}
	tr_truth(s->d, split->calibrate, n, y);
	tr_answers(c, s->d->task, &scores, 0, p);
	tr_metrics_of(s->d->task, &(struct tr_predictions){ n, scores.c, p, y, c->threshold },
		      &h->metrics);
out:
	tr_scores_free(&scores);
	tr_pool_close(one);
	free(p);
	return rc;
}

static void write_held_out(const struct tr_held_out *h, struct io_jw *w, const char *key)
{
	io_jw_obj(w, key);
	io_jw_u64(w, "weights", h->weights);
	for (int m = 0; m < TR_METRICS; m++) {
		if (!isnan(h->metrics.v[m])) {
			io_jw_num(w, tr_metric_name((enum tr_metric)m), h->metrics.v[m]);
		}
	}
	io_jw_end_obj(w);
}

static void put_record(struct tr_study *s, const struct tr_teacher *t,
		       const struct tr_compress_how *how, const struct tr_prune *p,
		       const struct tr_held_out *teacher, const struct tr_held_out *student)
{
	struct io_jw w = { .b = &s->compressed };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "teacher_sha256", t->reader.judge.sha256);
	io_jw_str(&w, "importance", tr_importance_name(how->importance));
	io_jw_num(&w, "size", how->size);
	io_jw_num(&w, "kept", p->share);
	io_jw_u64(&w, "seed", how->seed);
	write_held_out(teacher, &w, "teacher");
	write_held_out(student, &w, "student");
	io_jw_end_obj(&w);
}

int tr_compress(struct tr_study *s, const struct tr_teacher *t, const struct tr_compress_how *how,
		struct tr_held_out *teacher, struct tr_held_out *student, struct as_err *e)
{
	const struct tr_split *split = &s->run[0].split;
	const struct tr_net *net = &t->reader.net;
	struct tr_trained *kept = &s->kept;
	struct tr_inputs in = { 0 };
	struct tr_scores scores = { 0 };
	struct tr_prune p = { 0 };
	struct tr_plan plan = tr_study_plan(s, split, UINT32_MAX);
	int rc;

	plan.seed = how->seed;
	plan.in = &in;
	tr_target_scale(s->d, split->train, split->trains, &plan.mean, &plan.sd);
	TRY(tr_inputs_init(&in, s->d, &net->enc, e));
	tr_prune_init(&p, net);
	TRY(tr_prune_score(&p, how->importance, &plan, e));
	TRY(tr_prune_cut(&p, how->size, e));
	TRY(ask(&scores, s, net, &in, e));
	TRY(hold_out(teacher, s, net, &in, &t->reader.judge.calibration, e));
	TRY(open_student(kept, s, t, &p, e));
	plan.in = &kept->in;
	plan.teacher = &scores;
	s->o->watch->begin(s->o->watch->ctx, "student", 0, 1);
	TRY(tr_run(&kept->net, &plan, &s->run[0].outcome, e));
	s->interrupted = s->run[0].outcome.interrupted;
	TRY(tr_trained_calibrate(kept, split->calibrate, split->calibrates, s->o->pool, e));
	TRY(hold_out(student, s, &kept->net, &kept->in, &kept->calibration, e));
	put_record(s, t, how, &p, teacher, student);
out:
	tr_prune_free(&p);
	tr_scores_free(&scores);
	tr_inputs_free(&in);
	return rc;
}
