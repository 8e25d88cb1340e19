/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/file.h"
#include "core/io/model.h"
#include "core/tensor/gemm.h"
#include "tests/train/fixture.h"
#include "train/compress.h"
#include "train/step.h"

#include <math.h>
#include <string.h>

enum { CASES = 60 };

/* A small teacher, trained and read back. */
struct school {
	struct fix f;
	struct tr_study s; /* the teacher's */
	struct tr_teacher t;
	struct tr_data d; /* as the teacher's task reads it */
	struct tr_study open;
};

static void open_school(struct school *x, size_t threads)
{
	struct as_err e = { 0 };
	const char *path = tmpdir_path("teacher");

	*x = (struct school){ 0 };
	fix_load(&x->f, CASES, threads);
	ok(tr_study_run(&x->s, &x->f.d, &x->f.o, &e));
	ok(tr_study_save(&x->s, path, &e));
	ok(tr_teacher_open(&x->t, path, &e));
	ok(tr_data_load(&x->d, &x->t.reader.judge.task, &x->f.how, x->f.pool, &e));
	ok(tr_teacher_check(&x->t, &x->d, &e));
	ok(tr_study_open(&x->open, &x->d, &x->f.o, &e));
}

static void close_school(struct school *x)
{
	tr_study_free(&x->open);
	tr_data_free(&x->d);
	tr_teacher_close(&x->t);
	tr_study_free(&x->s);
	fix_close(&x->f);
}

static double loss_of(struct tr_step *step, const struct tr_plan *plan)
{
	const double loss = tr_step_batch(step, 0, plan->train, 8);

	memset(step->g[0], 0, step->net->ps.size * sizeof **step->g);
	return loss;
}

/* Multiplies what reads structure k of a layer by a mask: columns k * per of [rows, cols]. */
static void mask_columns(struct tr_net *net, const char *name, size_t k, size_t per, float by)
{
	const struct nn_param *p = nn_param_find(&net->ps, name);

	for (size_t i = 0; i < p->rows * p->cols; i++) {
		if (i % p->cols / per == k) {
			net->ps.v[p->at + i] *= by;
		}
	}
}

Test(train_compress, taylor_importance_is_the_slope_of_a_mask, .init = tn_init)
{
	static struct school x;
	const float h = 2e-2F;
	struct as_err e = { 0 };
	struct tr_inputs in = { 0 };
	struct tr_step step = { 0 };
	struct tr_prune p = { 0 };
	struct tr_plan plan;
	size_t seen = 0;

	open_school(&x, 1);
	plan = tr_study_plan(&x.open, &x.open.run[0].split, UINT32_MAX);
	ok(tr_inputs_init(&in, &x.d, &x.t.reader.net.enc, &e));
	plan.in = &in;
	plan.sd = 1;
	plan.trains = 8; /* one batch */
	plan.still = true;
	tr_prune_init(&p, &x.t.reader.net);
	ok(tr_prune_score(&p, TR_TAYLOR, &plan, &e));
	ok(tr_step_init(&step, &x.t.reader.net, &plan, &e));
	for (size_t i = 0; i < p.layers; i++) {
		const struct tr_layer *l = &p.layer[i];
		char name[2 * NN_NAME_SIZE];

		if (l->kind == TR_ROW) {
			continue;
		}
		(void)snprintf(name, sizeof name, "%s.%s", l->prefix,
			       l->kind == TR_HEAD ? "attn.o.w" : "down.w");
		for (size_t k = 0; k < l->n && k < 4; k++) {
			const size_t per = l->kind == TR_HEAD ? 8 : 1;
			double up;
			double down;

			mask_columns(&x.t.reader.net, name, k, per, 1 + h);
			up = loss_of(&step, &plan);
			mask_columns(&x.t.reader.net, name, k, per, (1 - h) / (1 + h));
			down = loss_of(&step, &plan);
			mask_columns(&x.t.reader.net, name, k, per, 1 / (1 - h));
			/* Errors of float losses, about 1e-6, over a step of 2e-2. */
			cr_assert(
			    epsilon_eq(dbl, l->score[k], fabs(up - down) / (2 * (double)h), 3e-4),
			    "%s %zu: %g, %g", name, k, l->score[k],
			    fabs(up - down) / (2 * (double)h));
			seen += l->score[k] > 1e-3;
		}
	}
	cr_assert(lt(sz, 2, seen), "slopes that are no zeros were compared");
	tr_prune_free(&p);
	tr_step_free(&step);
	tr_inputs_free(&in);
	close_school(&x);
}

/* Zeroes in the teacher what the pruned structures hand on. */
static void mask_pruned(const struct tr_prune *p, struct tr_net *net)
{
	for (size_t i = 0; i < p->layers; i++) {
		const struct tr_layer *l = &p->layer[i];
		char name[2 * NN_NAME_SIZE];

		(void)snprintf(name, sizeof name, "%s%s", l->prefix,
			       l->kind == TR_HEAD   ? ".attn.o.w"
			       : l->kind == TR_UNIT ? ".down.w"
						    : ".e");
		for (size_t k = 0; k < l->n; k++) {
			const struct nn_param *row = nn_param_find(&net->ps, name);

			if (l->keep[k]) {
				continue;
			}
			if (l->kind == TR_ROW) {
				memset(net->ps.v + row->at + k * row->cols, 0,
				       row->cols * sizeof(float));
			} else {
				mask_columns(net, name, k, l->kind == TR_HEAD ? 8 : 1, 0);
			}
		}
	}
}

/* Prunes to this size, copies, and returns the largest difference of logits of all cases between
 * the student and the teacher with zeroed structures. */
static float cut_and_compare(struct school *x, double size, size_t *weights)
{
	struct as_err e = { 0 };
	struct tr_net *net = &x->t.reader.net;
	struct tr_inputs in = { 0 };
	struct tr_inputs mine = { 0 };
	struct tr_prune p = { 0 };
	struct tr_net student = { 0 };
	struct as_buf text = { 0 };
	struct io_jw w = { .b = &text };
	struct json_t *doc;
	struct tr_plan plan = tr_study_plan(&x->open, &x->open.run[0].split, UINT32_MAX);
	struct tr_scores a = { 0 };
	struct tr_scores b = { 0 };
	const uint32_t whole = UINT32_MAX;
	const struct tr_question q = { plan.train, plan.trains, &whole, 1 };
	float worst = 0;

	ok(tr_inputs_init(&in, &x->d, &net->enc, &e));
	tr_prune_init(&p, net);
	ok(tr_prune_score(&p, TR_RANDOM, &plan, &e));
	ok(tr_prune_cut(&p, size, &e));
	as_buf_put(&text, x->t.statistics.data, x->t.statistics.len - 1);
	as_buf_puts(&text, ",\"pruned\":");
	tr_prune_write(&p, &w);
	as_buf_puts(&text, "}");
	ok(io_json_parse(text.data, text.len, "statistics", &doc, &e));
	ok(tr_net_open(&student, x->d.task, x->d.frozen.source, doc, 3, &e));
	cr_assert(eq(sz, student.ps.size, p.weights));
	*weights = p.weights;
	tr_prune_copy(&p, &student);
	ok(tr_inputs_init(&mine, &x->d, &student.enc, &e));
	mask_pruned(&p, net);
	ok(tr_score(&a, net, &in, &q, x->f.pool, &e));
	ok(tr_score(&b, &student, &mine, &q, x->f.pool, &e));
	for (size_t i = 0; i < a.n * a.c; i++) {
		worst = fmaxf(worst, fabsf(a.logits[i] - b.logits[i]));
	}
	tr_scores_free(&a);
	tr_scores_free(&b);
	tr_inputs_free(&in);
	tr_inputs_free(&mine);
	tr_net_close(&student);
	io_json_free(doc);
	as_buf_free(&text);
	tr_prune_free(&p);
	return worst;
}

Test(train_compress, with_nothing_pruned_it_is_the_teacher_bit_for_bit, .init = tn_init)
{
	static struct school x;
	size_t weights;

	open_school(&x, 1);
	cr_assert(eq(flt, cut_and_compare(&x, 1, &weights), 0));
	cr_assert(eq(sz, weights, x.t.reader.net.ps.size));
	close_school(&x);
}

/* What is left is the teacher whose pruned structures hand on zeros: sums of fewer terms. */
Test(train_compress, pruning_is_masking, .init = tn_init)
{
	static struct school x;
	size_t weights;

	open_school(&x, 1);
	cr_assert(lt(flt, cut_and_compare(&x, 0.8, &weights), 1e-4F));
	cr_assert(le(dbl, (double)weights, 0.8 * (double)x.t.reader.net.ps.size));
	cr_assert(lt(dbl, 0.7 * (double)x.t.reader.net.ps.size, (double)weights));
	close_school(&x);
}

/* A student in a file; its path. */
static const char *compress(struct school *x, const char *name, struct tr_compressed *c)
{
	const struct tr_compress_how how = { .size = 0.8, .seed = 5, .curriculum = true };
	struct as_err e = { 0 };

	ok(tr_compress(&x->open, &x->t, &how, c, &e));
	ok(tr_study_save(&x->open, tmpdir_path(name), &e));
	return tmpdir_path(name);
}

Test(train_compress, a_student_is_read_back_and_scores_as_it_was_scored, .init = tn_init)
{
	static struct school x;
	struct tr_compressed c;
	struct tr_reader r;
	struct tr_teacher again;
	struct tr_inputs in;
	struct tr_scores s;
	struct as_err e = { 0 };
	const uint32_t whole = UINT32_MAX;
	const char *path;

	open_school(&x, 2);
	path = compress(&x, "student", &c);
	cr_assert(eq(sz, c.cost[TR_TEACHER].weights, x.t.reader.net.ps.size));
	cr_assert(
	    le(dbl, (double)c.cost[TR_STUDENT].weights, 0.8 * (double)c.cost[TR_TEACHER].weights));
	cr_assert(ge(dbl, c.report.line[TR_STUDENT].m[0].v[TR_AUC], 0.9), "%g",
		  c.report.line[TR_STUDENT].m[0].v[TR_AUC]);
	cr_assert(lt(sz, c.cost[TR_STUDENT_INT8].bytes, c.cost[TR_STUDENT].bytes));
	cr_assert(epsilon_eq(dbl, c.report.line[TR_STUDENT_INT8].m[0].v[TR_LOSS],
			     c.report.line[TR_STUDENT].m[0].v[TR_LOSS], 0.05));
	ok(tr_reader_open(&r, path, NULL, &e));
	cr_assert(eq(sz, r.net.ps.size, c.cost[TR_STUDENT].weights));
	ok(tr_inputs_init(&in, &x.d, &r.net.enc, &e));
	ok(tr_score(&s, &r.net, &in,
		    &(struct tr_question){ x.open.run[0].split.calibrate,
					   x.open.run[0].split.calibrates, &whole, 1 },
		    x.f.pool, &e));
	for (size_t i = 0; i < s.n; i++) {
		cr_assert(isfinite(s.logits[i * s.c]));
	}
	tr_scores_free(&s);
	tr_inputs_free(&in);
	tr_reader_close(&r);
	fails(tr_teacher_open(&again, path, &e), AS_EUSAGE, "student already");
	tr_teacher_close(&again);
	tr_compressed_free(&c);
	close_school(&x);
}

Test(train_compress, the_same_seed_and_threads_give_the_same_bytes, .init = tn_init)
{
	static struct school x;
	struct as_buf file[2] = { { 0 }, { 0 } };
	struct tr_compressed c;
	struct as_err e = { 0 };

	for (size_t i = 0; i < 2; i++) {
		open_school(&x, 2);
		ok(io_read_file(compress(&x, "student", &c), 1 << 24, &file[i], &e));
		tr_compressed_free(&c);
		close_school(&x);
	}
	cr_assert(eq(sz, file[0].len, file[1].len));
	cr_assert(zero(int, memcmp(file[0].data, file[1].data, file[0].len)));
	as_buf_free(&file[0]);
	as_buf_free(&file[1]);
}

Test(train_compress, what_is_too_small_is_refused, .init = tn_init)
{
	static struct school x;
	struct tr_prune p;
	struct as_err e = { 0 };

	open_school(&x, 1);
	tr_prune_init(&p, &x.t.reader.net);
	fails(tr_prune_cut(&p, 0.01, &e), AS_EUSAGE, "remain at least");
	tr_prune_free(&p);
	close_school(&x);
}

/* Every case is scored, each by networks that never saw it; the model is of all cases. */
Test(train_compress, a_teacher_of_folds_is_compressed_in_the_same_folds, .init = tn_init)
{
	const struct tr_compress_how how = { .size = 0.8, .seed = 5, .direct = true };
	static struct fix f;
	struct tr_compressed c;
	struct tr_compressed again;
	struct tr_study teacher;
	struct tr_study s;
	struct tr_teacher t;
	struct tr_data d;
	struct as_err e = { 0 };

	fix_load(&f, CASES, 2);
	f.o.folds = 3;
	ok(tr_study_run(&teacher, &f.d, &f.o, &e));
	ok(tr_study_save(&teacher, tmpdir_path("folds"), &e));
	ok(tr_teacher_open(&t, tmpdir_path("folds"), &e));
	cr_assert(eq(sz, t.folds, 3));
	ok(tr_data_load(&d, &t.reader.judge.task, &f.how, f.pool, &e));
	ok(tr_study_open(&s, &d, &f.o, &e));
	ok(tr_compress(&s, &t, &how, &c, &e));
	cr_assert(eq(sz, c.report.scored, CASES));
	for (size_t k = 0; k < 3; k++) {
		/* The folds' teachers are those of the teacher's own training. */
		cr_assert(eq(dbl, c.report.line[TR_TEACHER].m[k].v[TR_LOSS],
			     teacher.report.line[0].m[k].v[TR_LOSS]));
		for (enum tr_rival r = 0; r < TR_RIVALS; r++) {
			cr_assert(not(isnan(c.report.line[r].m[k].v[TR_AUC])), "%d", (int)r);
		}
		cr_assert(ne(dbl, c.report.line[TR_DIRECT].m[k].v[TR_LOSS],
			     c.report.line[TR_STUDENT].m[k].v[TR_LOSS]));
	}
	cr_assert(eq(sz, c.cost[TR_DIRECT].weights, c.cost[TR_STUDENT].weights));
	cr_assert(s.whole && s.kept.net.ps.size == c.cost[TR_STUDENT].weights);
	cr_assert(ge(dbl, c.report.line[TR_STUDENT].difference, -0.1));
	ok(tr_study_save(&s, tmpdir_path("student"), &e));
	tr_study_free(&s);
	/* The teacher itself saw what each fold tests: whatever it is, the scores stay. */
	for (size_t i = 0; i < t.reader.net.ps.size; i++) {
		t.reader.net.ps.v[i] += 0.1F;
	}
	ok(tr_study_open(&s, &d, &f.o, &e));
	ok(tr_compress(&s, &t, &how, &again, &e));
	for (size_t k = 0; k < 3; k++) {
		for (enum tr_rival r = 0; r < TR_RIVALS; r++) {
			cr_assert(eq(dbl, again.report.line[r].m[k].v[TR_LOSS],
				     c.report.line[r].m[k].v[TR_LOSS]),
				  "%d", (int)r);
		}
	}
	tr_compressed_free(&again);
	tr_compressed_free(&c);
	tr_study_free(&s);
	tr_data_free(&d);
	tr_teacher_close(&t);
	tr_study_free(&teacher);
	fix_close(&f);
}
