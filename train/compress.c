/* SPDX-License-Identifier: Apache-2.0 */
#include "train/compress.h"

#include "core/base/clock.h"
#include "core/io/model.h"
#include "core/io/quantize.h"
#include "core/nn/loss.h"
#include "train/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3 }; /* of which the quickest counts */

/* A teacher, and the cases of one run. */
struct lesson {
	struct tr_study *s;
	const struct tr_compress_how *how;
	struct tr_compressed *out;
	const struct tr_split *split;
	size_t run;
	size_t epochs;
	const struct tr_net *net; /* the teacher's */
	const struct tr_inputs *in;
	const struct as_buf *statistics;
};

/* The statistics with what was pruned. */
static void put_statistics(struct tr_trained *to, const struct as_buf *statistics,
			   const struct tr_prune *p)
{
	const size_t n = (size_t)(strrchr(statistics->data, '}') - statistics->data);
	struct io_jw w = { .b = &to->statistics };

	as_buf_put(&to->statistics, statistics->data, n);
	as_buf_puts(&to->statistics, n > 1 ? ",\"pruned\":" : "\"pruned\":");
	tr_prune_write(p, &w);
	as_buf_puts(&to->statistics, "}");
}

/* The student as it is before it learns. */
static int open_student(struct tr_trained *to, const struct lesson *l, const struct tr_prune *p,
			struct as_err *e)
{
	const struct tr_data *d = l->s->d;
	int rc;

	tr_target_scale(d, l->split->train, l->split->trains, &to->mean, &to->sd);
	put_statistics(to, l->statistics, p);
	TRY(io_json_parse(to->statistics.data, to->statistics.len, "statistics", &to->doc, e));
	TRY(tr_net_open(&to->net, d->task, d->frozen.source, to->doc, l->how->seed, e));
	tr_prune_copy(p, &to->net);
	TRY(tr_inputs_init(&to->in, d, &to->net.enc, e));
out:
	return rc;
}

/* The teacher's logits of every case under all patterns. */
static int ask(struct tr_scores *scores, const struct lesson *l, struct as_err *e)
{
	const size_t n = l->s->d->n;
	size_t *all = as_malloc((n + 1) * sizeof *all);
	uint32_t mask[FU_PATTERNS];
	const size_t masks = tr_patterns(l->s->d->task->parts, mask);
	int rc;

	for (size_t i = 0; i < n; i++) {
		all[i] = i;
	}
	rc = tr_score(scores, l->net, l->in, &(struct tr_question){ all, n, mask, masks },
		      l->s->o->pool, e);
	free(all);
	return rc;
}

/* The teacher's loss of every case with all its parts. */
static double *weigh_cases(const struct lesson *l, const struct tr_scores *scores,
			   const struct tr_trained *student)
{
	const struct tr_data *d = l->s->d;
	double *hardness = as_malloc((d->n + 1) * sizeof *hardness);

	for (size_t i = 0; i < d->n; i++) {
		const float *x = scores->logits + i * scores->c;
		const struct tr_case *c = &d->v[i];

		hardness[i] =
		    d->task->kind == IO_CLASS ? nn_loss_class(x, c->label, NULL, scores->c, 1)
		    : d->task->kind == IO_MULTI
			? nn_loss_multi(x, c->label, NULL, scores->c, 1)
			: nn_loss_value(x, (float)((c->value - student->mean) / student->sd), NULL,
					1);
	}
	return hardness;
}

/* Cuts the teacher; what is left learns from it and from the cases. */
static int teach(struct tr_trained *to, const struct lesson *l, struct as_err *e)
{
	struct tr_scores scores = { 0 };
	struct tr_prune p = { 0 };
	struct tr_plan plan = tr_study_plan(l->s, l->split, UINT32_MAX);
	double *hardness = NULL;
	int rc;

	*to = (struct tr_trained){ 0 };
	plan.seed = l->how->seed;
	plan.epochs = l->epochs;
	plan.in = l->in;
	tr_target_scale(l->s->d, plan.train, plan.trains, &plan.mean, &plan.sd);
	tr_prune_init(&p, l->net);
	TRY(tr_prune_score(&p, l->how->importance, &plan, e));
	TRY(tr_prune_cut(&p, l->how->size, e));
	l->out->share = p.share;
	TRY(ask(&scores, l, e));
	TRY(open_student(to, l, &p, e));
	if (l->how->curriculum) {
		plan.hardness = hardness = weigh_cases(l, &scores, to);
	}
	plan.in = &to->in;
	plan.teacher = &scores;
	l->s->o->watch->begin(l->s->o->watch->ctx, "student", l->run, l->s->runs);
	TRY(tr_run(&to->net, &plan, &to->outcome, e));
out:
	free(hardness);
	tr_prune_free(&p);
	tr_scores_free(&scores);
	return rc;
}

/* Scores a network on the run's cases that nobody saw: a line of the report, and what it costs. */
static int grade(const struct lesson *l, enum tr_rival r, const struct tr_net *net,
		 const struct tr_inputs *in, const struct fu_calibration *c, struct as_err *e)
{
	const bool tests = l->s->o->folds > 0;
	const size_t *cases = tests ? l->split->test : l->split->calibrate;
	const size_t n = tests ? l->split->tests : l->split->calibrates;
	const uint32_t whole = UINT32_MAX;
	float *p = as_malloc((n * net->fuse.c + 1) * sizeof *p);
	struct tr_cost *cost = &l->out->cost[r];
	struct tr_scores scores = { 0 };
	struct tr_pool *one = NULL;
	int rc;

	TRY(tr_pool_open(&one, 1, e));
	cost->weights = nn_params_learned(&net->ps);
	cost->ms = HUGE_VAL;
	for (int i = 0; i < ROUNDS; i++) {
		const int64_t began = as_mono_ns();

		tr_scores_free(&scores);
		TRY(tr_score(&scores, net, in, &(struct tr_question){ cases, n, &whole, 1 }, one,
			     e));
		cost->ms = fmin(cost->ms, (double)(as_mono_ns() - began) * 1e-6 / (double)n);
	}
	tr_answers(c, l->s->d->task, &scores, 0, p);
	tr_report_put(&l->out->report, r, l->run, cases, n, p, c->threshold);
out:
	tr_scores_free(&scores);
	tr_pool_close(one);
	free(p);
	return rc;
}

static int grade_trained(const struct lesson *l, enum tr_rival r, const struct tr_trained *t,
			 struct as_err *e)
{
	struct as_buf file = { 0 };
	int rc;

	TRY(grade(l, r, &t->net, &t->in, &t->calibration, e));
	TRY(tr_trained_put(t, "{}", &file, e));
	l->out->cost[r].bytes = file.len;
out:
	as_buf_free(&file);
	return rc;
}

/* Whether it has a matrix that can be in int8. */
static bool is_quantizable(const struct nn_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		if (ps->p[i].rows >= IO_QUANTIZE_SIDE && ps->p[i].cols >= IO_QUANTIZE_SIDE) {
			return true;
		}
	}
	return false;
}

/* The student as `assay quantize` would make it. */
static int grade_int8(const struct lesson *l, const struct tr_trained *t, struct as_err *e)
{
	struct as_buf file = { 0 };
	struct io_model whole = { 0 };
	struct io_model small = { 0 };
	struct io_quantized q = { 0 };
	struct tr_reader r = { 0 };
	struct tr_inputs in = { 0 };
	int rc;

	TRY(tr_trained_put(t, "{}", &file, e));
	TRY(io_model_open_mem(&whole, file.data, file.len, "the student", e));
	TRY(io_quantize(&whole, &q, e));
	TRY(io_model_open_mem(&small, q.file.data, q.file.len, "the student in int8", e));
	TRY(tr_reader_read(&r, &small, NULL, e));
	TRY(tr_inputs_init(&in, l->s->d, &r.net.enc, e));
	TRY(grade(l, TR_STUDENT_INT8, &r.net, &in, &r.judge.calibration, e));
	l->out->cost[TR_STUDENT_INT8].bytes = q.file.len;
out:
	tr_inputs_free(&in);
	tr_reader_close(&r);
	io_model_close(&small);
	io_quantized_free(&q);
	io_model_close(&whole);
	as_buf_free(&file);
	return rc;
}

/* A network of the student's shape that learns as `train` would teach it: from the cases, and with
 * linear_loss from linear models, which a student does not ask. */
static int grade_direct(const struct lesson *l, const struct tr_trained *student, struct as_err *e)
{
	const struct tr_split *split = l->split;
	struct tr_plan plan = tr_study_plan(l->s, split, UINT32_MAX);
	struct tr_trained t = { 0 };
	int rc;

	as_buf_put(&t.statistics, student->statistics.data, student->statistics.len);
	plan.seed = l->how->seed;
	l->s->o->watch->begin(l->s->o->watch->ctx, "same size", l->run, l->s->runs);
	TRY(tr_trained_fit_to(&t, l->s->d, &plan, e));
	l->s->interrupted = l->s->interrupted || t.outcome.interrupted;
	TRY(tr_trained_calibrate(&t, split->calibrate, split->calibrates, l->s->o->pool, e));
	TRY(grade_trained(l, TR_DIRECT, &t, e));
out:
	tr_trained_free(&t);
	return rc;
}

/* One run's student, and the report of it and its rivals but for the teacher. */
static int run_student(const struct lesson *l, struct tr_trained *student, struct as_err *e)
{
	const struct tr_split *split = l->split;
	int rc;

	TRY(teach(student, l, e));
	l->s->interrupted = student->outcome.interrupted;
	TRY(tr_trained_calibrate(student, split->calibrate, split->calibrates, l->s->o->pool, e));
	TRY(grade_trained(l, TR_STUDENT, student, e));
	TRY(is_quantizable(&student->net.ps) ? grade_int8(l, student, e) : AS_OK);
	if (l->how->direct && !l->s->interrupted) {
		TRY(grade_direct(l, student, e));
	}
out:
	return rc;
}

/* The student of the teacher itself, on the cases of a split. */
static struct lesson lesson_of(struct tr_study *s, const struct tr_teacher *t,
			       const struct tr_compress_how *how, const struct tr_inputs *in,
			       struct tr_compressed *out)
{
	return (struct lesson){ .s = s,
				.how = how,
				.out = out,
				.split = &s->run[0].split,
				.epochs = s->d->task->hyper.epochs,
				.net = &t->reader.net,
				.in = in,
				.statistics = &t->statistics };
}

static int run_held_out(const struct lesson *l, const struct tr_teacher *t, struct as_err *e)
{
	struct tr_trained student = { 0 };
	int rc;

	TRY(grade(l, TR_TEACHER, l->net, l->in, &t->reader.judge.calibration, e));
	l->out->cost[TR_TEACHER].bytes = t->bytes;
	TRY(run_student(l, &student, e));
	tr_study_take(l->s, &student, 0);
out:
	tr_trained_free(&student);
	return rc;
}

/* A teacher of fold k, its student, and what that says of the cases that test. */
static int run_fold(struct lesson l, size_t k, struct as_err *e)
{
	struct tr_study *s = l.s;
	const struct tr_split *split = &s->run[k].split;
	struct tr_plan plan = tr_study_plan(s, split, UINT32_MAX);
	struct tr_trained teacher = { 0 };
	struct tr_trained student = { 0 };
	struct tr_scores scores = { 0 };
	int rc;

	s->o->watch->begin(s->o->watch->ctx, "teacher", k, s->runs);
	TRY(tr_trained_fit(&teacher, s->d, &plan, e));
	if (teacher.outcome.interrupted) {
		rc = as_fail(e, AS_ECLOSED, "interrupted; --resume goes on from here");
		goto out;
	}
	TRY(tr_trained_calibrate(&teacher, split->calibrate, split->calibrates, s->o->pool, e));
	l.run = k;
	l.split = split;
	l.net = &teacher.net;
	l.in = &teacher.in;
	l.statistics = &teacher.statistics;
	TRY(grade_trained(&l, TR_TEACHER, &teacher, e));
	TRY(run_student(&l, &student, e));
	if (s->interrupted) {
		rc = as_fail(e, AS_ECLOSED, "interrupted; --resume goes on from here");
		goto out;
	}
	TRY(tr_trained_score(&student, split->test, split->tests, s->o->pool, &scores, e));
	tr_study_pool(s, split->test, &scores);
	tr_study_take(s, &student, k);
out:
	tr_scores_free(&scores);
	tr_trained_free(&student);
	tr_trained_free(&teacher);
	return rc;
}

/* The student of a teacher that saw all cases. */
static int run_whole(struct lesson l, struct as_err *e)
{
	struct tr_study *s = l.s;
	struct tr_trained student = { 0 };
	struct tr_split all;
	int rc;

	l.run = s->runs;
	l.epochs = tr_study_whole(s, &all);
	l.split = &all;
	TRY(teach(&student, &l, e));
	s->interrupted = student.outcome.interrupted;
	tr_study_calibrate(s, &student);
	tr_study_take(s, &student, s->runs);
	s->whole = true;
out:
	tr_trained_free(&student);
	tr_split_free(&all);
	return rc;
}

static void write_rival(const struct tr_compressed *c, enum tr_rival r, struct io_jw *w)
{
	static const char *const key[TR_RIVALS] = { "teacher", "student", "student_int8",
						    "same_size" };
	const struct tr_line *line = &c->report.line[r];
	struct tr_metrics mean;
	struct tr_metrics sd;

	tr_metrics_mean(line->m, c->report.runs, &mean, &sd);
	io_jw_obj(w, key[r]);
	io_jw_u64(w, "weights", c->cost[r].weights);
	io_jw_u64(w, "bytes", c->cost[r].bytes);
	for (enum tr_metric m = 0; m < TR_METRICS; m++) {
		if (!isnan(mean.v[m])) {
			io_jw_num(w, tr_metric_name(m), mean.v[m]);
		}
	}
	if (!isnan(line->difference)) {
		io_jw_num(w, "difference", line->difference);
		io_jw_num(w, "difference_se", line->difference_se);
	}
	io_jw_end_obj(w);
}

static void put_record(struct tr_study *s, const struct tr_teacher *t,
		       const struct tr_compress_how *how, const struct tr_compressed *c)
{
	struct io_jw w = { .b = &s->compressed };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "teacher_sha256", t->reader.judge.sha256);
	io_jw_str(&w, "importance", tr_importance_name(how->importance));
	io_jw_str(&w, "order", how->curriculum ? "curriculum" : "random");
	io_jw_num(&w, "size", how->size);
	io_jw_num(&w, "kept", c->share);
	io_jw_u64(&w, "seed", how->seed);
	io_jw_u64(&w, "cases", c->report.scored);
	io_jw_str(&w, "compared", tr_metric_name(tr_main_metric(s->d->task)));
	for (enum tr_rival r = 0; r < c->report.lines; r++) {
		write_rival(c, r, &w);
	}
	io_jw_end_obj(&w);
}

int tr_compress(struct tr_study *s, const struct tr_teacher *t, const struct tr_compress_how *how,
		struct tr_compressed *out, struct as_err *e)
{
	static const char *const name[TR_RIVALS] = { "teacher", "student", "student int8",
						     "same size" };
	struct tr_inputs in = { 0 };
	const struct lesson l = lesson_of(s, t, how, &in, out);
	int rc;

	*out = (struct tr_compressed){ 0 };
	tr_report_init_models(&out->report, s->d, s->runs, name, TR_DIRECT + how->direct);
	TRY(tr_inputs_init(&in, s->d, &l.net->enc, e));
	if (s->o->folds == 0) {
		TRY(run_held_out(&l, t, e));
	}
	for (size_t k = 0; k < s->o->folds; k++) {
		TRY(run_fold(l, k, e));
	}
	tr_compare(&out->report, how->seed);
	if (s->o->folds > 0) {
		TRY(run_whole(l, e));
	}
	put_record(s, t, how, out);
out:
	tr_inputs_free(&in);
	return rc;
}

void tr_compressed_free(struct tr_compressed *c)
{
	tr_report_free(&c->report);
	*c = (struct tr_compressed){ 0 };
}
