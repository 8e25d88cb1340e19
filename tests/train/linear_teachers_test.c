/* SPDX-License-Identifier: Apache-2.0
 * linear_teachers_test.c - linear models that a training learns from. */
#include "core/tensor/gemm.h"
#include "tests/train/batch.h"
#include "train/linear_teachers.h"

#include <math.h>

enum { CASES = 60, TRAINS = 40, STOPS = 10, RECORD = 1, NOTE = 2, BOTH = 3 };

static size_t index_of[CASES];
static const struct tr_cases on = { index_of, TRAINS, index_of + TRAINS, STOPS };

static void load(struct fix *f)
{
	fix_load(f, CASES, 2);
	for (size_t i = 0; i < CASES; i++) {
		index_of[i] = i;
	}
}

/* The linear teachers of a training that is shown these parts. */
static void fit_teachers(struct tr_linear_teachers *l, const struct fix *f, uint32_t parts)
{
	double penalty[TR_BASES] = { 0 };
	struct as_err e = { 0 };

	ok(tr_linear_teachers_fit(l, &f->d, parts, &on, penalty, &e));
}

Test(train_linear_teachers, of_the_parts_shown_the_model_that_reads_most_of_them_speaks)
{
	static struct fix f;
	struct tr_linear_teachers l;

	load(&f);
	fit_teachers(&l, &f, UINT32_MAX);
	for (size_t i = 0; i < CASES; i++) {
		cr_assert(
		    eq(ptr, (void *)tr_linear_teachers_of(&l, BOTH, i), l.z[TR_BOTH] + 2 * i));
		cr_assert(
		    eq(ptr, (void *)tr_linear_teachers_of(&l, RECORD, i), l.z[TR_RECORD] + 2 * i));
		cr_assert(
		    eq(ptr, (void *)tr_linear_teachers_of(&l, NOTE, i), l.z[TR_WORDS] + 2 * i));
		cr_assert(zero(ptr, (void *)tr_linear_teachers_of(&l, 0, i)));
	}
	tr_linear_teachers_free(&l);
	fix_close(&f);
}

Test(train_linear_teachers, a_training_without_a_part_has_no_model_that_reads_it)
{
	static struct fix f;
	struct tr_linear_teachers l;

	load(&f);
	fit_teachers(&l, &f, NOTE);
	cr_assert(zero(ptr, l.z[TR_BOTH]));
	cr_assert(zero(ptr, l.z[TR_RECORD]));
	cr_assert(eq(ptr, (void *)tr_linear_teachers_of(&l, BOTH, 7), l.z[TR_WORDS] + 14));
	cr_assert(zero(ptr, (void *)tr_linear_teachers_of(&l, RECORD, 7)));
	tr_linear_teachers_free(&l);
	fix_close(&f);
}

Test(train_linear_teachers, a_part_that_no_case_has_silences_no_model)
{
	static struct fix f;
	struct tr_linear_teachers l;

	load(&f);
	for (size_t i = 0; i < CASES; i++) {
		f.d.v[i].parts &= RECORD;
	}
	fit_teachers(&l, &f, UINT32_MAX);
	cr_assert(zero(ptr, l.z[TR_WORDS]));
	cr_assert(eq(ptr, (void *)tr_linear_teachers_of(&l, RECORD, 3), l.z[TR_BOTH] + 6));
	cr_assert(zero(ptr, (void *)tr_linear_teachers_of(&l, 0, 3)));
	tr_linear_teachers_free(&l);
	fix_close(&f);
}

/* What baseline b predicts of a case, from what the model says. */
static void answer(const struct fix *f, const struct tr_linear_teachers *l, enum tr_base b,
		   size_t i, float *p)
{
	const float *z = l->z[b] + i * l->c;
	double mean;
	double sd;

	if (f->task.kind == IO_CLASS) {
		p[1] = 1 / (1 + expf(z[0] - z[1]));
		p[0] = 1 - p[1];
		return;
	}
	tr_target_scale(&f->d, on.train, on.trains, &mean, &sd);
	for (size_t k = 0; k < l->c; k++) {
		p[k] = f->task.kind == IO_MULTI ? 1 / (1 + expf(-z[k]))
						: (float)(mean + sd * (double)z[k]);
	}
}

static void check_teachers(struct fix *f)
{
	const struct tr_split s = { .train = index_of,
				    .trains = TRAINS,
				    .stop = index_of + TRAINS,
				    .stops = STOPS,
				    .calibrate = index_of + TRAINS,
				    .calibrates = STOPS };
	float p[2 * CASES];
	float said[2];
	float thresholds[IO_LABELS_MAX];
	double penalty[TR_BASES] = { 0 };
	struct tr_linear_teachers l;
	struct as_err e = { 0 };

	ok(tr_linear_teachers_fit(&l, &f->d, BOTH, &on, penalty, &e));
	for (enum tr_base b = TR_RECORD; b <= TR_BOTH; b++) { /* there is no picture */
		ok(tr_base_predict(&f->d, b, &s, index_of, CASES, p, thresholds, &e));
		for (size_t i = 0; i < CASES; i++) {
			answer(f, &l, b, i, said);
			for (size_t k = 0; k < l.c; k++) {
				cr_assert(epsilon_eq(flt, p[i * l.c + k], said[k], 1e-5F));
			}
		}
	}
	tr_linear_teachers_free(&l);
}

/* What they say is what the baselines predict, before softmax or sigmoid, or standardised. */
Test(train_linear_teachers, a_model_is_the_baseline_of_its_name)
{
	static struct fix f;

	load(&f);
	check_teachers(&f);
	fix_close(&f);
}

/* Cases whose target, several labels or a number, is told by the record and by the note. */
static void load_other(struct fix *f, enum io_kind kind)
{
	static const char of[] = "[task]\nname = small\ntarget = y\n%s"
				 "[part.record]\nmodality = table\ncolumns = a:number\n"
				 "[part.note]\nmodality = text\ncolumn = t\n";
	const char *labels =
	    kind == IO_MULTI ? "kind = multi\nlabels = dark, large\n" : "kind = value\n";
	char ini[512];
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };

	(void)snprintf(ini, sizeof ini, of, labels);
	as_buf_puts(&csv, "case,a,t,y\n");
	for (size_t i = 0; i < CASES; i++) {
		const bool dark = i % 3 == 0;

		index_of[i] = i;
		as_buf_printf(&csv, "c%zu,%zu,%s,", i, i % 10, dark ? "a dark mass" : "a field");
		if (kind == IO_MULTI) {
			as_buf_printf(&csv, "%s%s\n", dark ? "dark;" : "",
				      i % 10 > 4 ? "large" : "");
		} else {
			as_buf_printf(&csv, "%zu\n", 100 + i % 10 + (dark ? 20U : 0U));
		}
	}
	fix_open(f, ini, csv.data, 1);
	as_buf_free(&csv);
	ok(tr_data_load(&f->d, &f->task, &f->how, f->pool, &e));
}

Test(train_linear_teachers, a_model_is_the_baseline_of_its_name_for_several_labels_and_for_a_value)
{
	static struct fix f;

	load_other(&f, IO_MULTI);
	check_teachers(&f);
	fix_close(&f);
	load_other(&f, IO_VALUE);
	check_teachers(&f);
	fix_close(&f);
}

Test(train_linear_teachers, a_penalty_that_is_given_is_kept_and_one_that_is_not_is_told)
{
	static struct fix f;
	const struct tr_cases all = { index_of, CASES, NULL, 0 };
	double penalty[TR_BASES] = { 0 };
	double given[TR_BASES];
	struct tr_linear_teachers chosen;
	struct tr_linear_teachers same;
	struct tr_linear_teachers strong;
	struct as_err e = { 0 };

	load(&f);
	ok(tr_linear_teachers_fit(&chosen, &f.d, BOTH, &on, penalty, &e));
	cr_assert(zero(dbl, penalty[TR_MAJORITY]));
	for (enum tr_base b = TR_RECORD; b <= TR_BOTH; b++) { /* there is no picture */
		cr_assert(lt(dbl, 0, penalty[b]));
		given[b] = penalty[b];
	}
	ok(tr_linear_teachers_fit(&same, &f.d, BOTH, &on, given, &e));
	for (size_t i = 0; i < (size_t)2 * CASES; i++) { /* one minimum, from another start */
		cr_assert(epsilon_eq(flt, same.z[TR_BOTH][i], chosen.z[TR_BOTH][i], 0.02F));
	}
	for (enum tr_base b = TR_RECORD; b <= TR_BOTH; b++) { /* there is no picture */
		given[b] = 1e3;
	}
	ok(tr_linear_teachers_fit(&strong, &f.d, BOTH, &all, given, &e));
	for (size_t i = 0; i < CASES; i++) {
		cr_assert(lt(dbl, fabs((double)strong.z[TR_BOTH][2 * i]), 0.1));
	}
	cr_assert(eq(dbl, given[TR_BOTH], 1e3));
	tr_linear_teachers_free(&strong);
	tr_linear_teachers_free(&same);
	tr_linear_teachers_free(&chosen);
	fix_close(&f);
}

Test(train_linear_teachers, the_gradient_of_a_batch_that_learns_from_them_is_that_of_its_loss,
     .init = tn_init)
{
	static struct batch b;
	double penalty[TR_BASES] = { 0 };
	struct tr_linear_teachers l;
	struct as_err e = { 0 };
	float *g;
	double worst;

	load(&b.f);
	b.f.task.hyper.alone_loss = 0.5F;
	b.f.task.hyper.linear_loss = 2;
	ok(tr_linear_teachers_fit(&l, &b.f.d, BOTH, &on, penalty, &e));
	batch_open(&b, &(struct tr_plan){ .parts = BOTH, .sd = 1, .seed = 1, .linear = &l });
	batch_move(&b, 0.05F);
	g = batch_gradient(&b);
	worst = gradcheck(batch_loss, &b, b.net.ps.v, g, b.net.fuse.scale, 29, 1e-2F);
	cr_assert(lt(dbl, worst, 2e-3), "%g", worst);
	free(g);
	batch_close(&b);
	tr_linear_teachers_free(&l);
}

/* Mean distance of what a network says of the record alone (the note, index 1, is masked) from what
 * the model of it says: in log-odds; of a value in standard deviations. */
static double distance(struct fix *f, float linear_loss, double penalty[TR_BASES])
{
	struct tr_plan plan = { .train = on.train,
				.trains = on.trains,
				.stop = on.stop,
				.stops = on.stops,
				.parts = BOTH,
				.epochs = 60,
				.schedule = 60,
				.seed = 1,
				.pool = f->pool,
				.watch = &f->watch };
	struct tr_trained t;
	struct tr_scores said;
	struct tr_linear_teachers l;
	struct as_err e = { 0 };
	const float *x;
	double sum = 0;

	f->task.hyper.alone_loss = 1;
	f->task.hyper.rate = 0.01F;
	f->task.hyper.linear_loss = linear_loss;
	ok(tr_trained_fit(&t, &f->d, &plan, &e));
	ok(tr_trained_score(&t, index_of, CASES, f->pool, &said, &e));
	fit_teachers(&l, f, BOTH);
	x = tr_scores_of(&said, 2);
	for (size_t i = 0; i < CASES; i++) {
		const float *z = tr_linear_teachers_of(&l, RECORD, i);
		const float *of = x + i * l.c;

		for (size_t k = 0; k < l.c; k++) { /* a softmax knows differences alone */
			const float from = f->task.kind == IO_CLASS ? of[0] - z[0] : 0;

			sum += fabs((double)(of[k] - z[k] - from)) / CASES;
		}
	}
	memcpy(penalty, t.outcome.penalty, sizeof t.outcome.penalty);
	tr_linear_teachers_free(&l);
	tr_scores_free(&said);
	tr_trained_free(&t);
	return sum;
}

Test(train_linear_teachers, a_network_comes_to_say_what_they_say, .init = tn_init)
{
	static struct fix f;
	double penalty[TR_BASES];
	double without;
	double with;

	load(&f);
	without = distance(&f, 0, penalty);
	cr_assert(zero(dbl, penalty[TR_RECORD]));
	with = distance(&f, 3, penalty);
	cr_assert(lt(dbl, 0, penalty[TR_RECORD]));
	cr_assert(lt(dbl, with, 0.8 * without), "%g, %g", with, without);
	fix_close(&f);
}

static void learns_from_teachers(enum io_kind kind)
{
	static struct fix f;
	double penalty[TR_BASES];
	double without;
	double with;

	load_other(&f, kind);
	without = distance(&f, 0, penalty);
	with = distance(&f, 3, penalty);
	cr_assert(lt(dbl, with, 0.8 * without), "%g, %g", with, without);
	fix_close(&f);
}

Test(train_linear_teachers, a_network_of_several_labels_comes_to_say_what_they_say, .init = tn_init)
{
	learns_from_teachers(IO_MULTI);
}

Test(train_linear_teachers, a_network_of_a_value_comes_to_say_what_they_say, .init = tn_init)
{
	learns_from_teachers(IO_VALUE);
}

/* Of a model of all cases nobody chooses the penalty: it is the folds'. */
Test(train_linear_teachers, the_model_of_all_cases_has_the_penalties_of_its_folds, .init = tn_init)
{
	static struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	load(&f);
	f.task.hyper.epochs = 2;
	f.task.hyper.linear_loss = 1;
	f.o.folds = 3;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	for (enum tr_base b = TR_RECORD; b <= TR_BOTH; b++) { /* there is no picture */
		double product = 1;

		for (size_t k = 0; k < 3; k++) {
			product *= s.run[k].outcome.penalty[b];
		}
		cr_assert(epsilon_eq(dbl, s.run[3].outcome.penalty[b], cbrt(product), 1e-9));
	}
	tr_study_free(&s);
	fix_close(&f);
}
