/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/train/fixture.h"

#include "core/io/file.h"
#include "core/io/model.h"
#include "core/tensor/gemm.h"
#include "train/reader.h"

#include <math.h>

Test(train_study, a_simple_task_is_learned, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };
	const struct tr_outcome *o;

	fix_load(&f, 80, 1);
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	o = &s.run[0].outcome;
	/* a alone is 2 sd apart either way: 2 % of the cases are on the wrong side. */
	cr_assert(lt(dbl, o->curve[o->best - 1].stop_loss, 0.2), "%g",
		  o->curve[o->best - 1].stop_loss);
	cr_assert(lt(dbl, o->curve[o->epochs - 1].loss, 0.5 * o->curve[0].loss));
	cr_assert(lt(dbl, 0.95, s.report.line[0].m[0].v[TR_AUC]));
	cr_assert(eq(sz, s.report.scored, s.run[0].split.calibrates));
	tr_study_free(&s);
	fix_close(&f);
}

static void save(const char *path, size_t threads, uint64_t seed)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	fix_load(&f, 60, threads);
	f.o.seed = seed;
	f.o.folds = 3;
	f.task.hyper.epochs = 3;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	ok(tr_study_save(&s, path, &e));
	tr_study_free(&s);
	fix_close(&f);
}

static bool same_files(const char *a, const char *b)
{
	struct as_buf x = { 0 };
	struct as_buf y = { 0 };
	struct as_err e = { 0 };
	bool same_bytes;

	ok(io_read_file(a, 64 << 20, &x, &e));
	ok(io_read_file(b, 64 << 20, &y, &e));
	same_bytes = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	as_buf_free(&x);
	as_buf_free(&y);
	return same_bytes;
}

Test(train_study, the_same_seed_and_threads_give_the_same_file, .init = tn_init)
{
	save(tmpdir_path("a"), 2, 1);
	save(tmpdir_path("b"), 2, 1);
	save(tmpdir_path("c"), 2, 2);
	cr_assert(same_files(tmpdir_path("a"), tmpdir_path("b")));
	cr_assert(not(same_files(tmpdir_path("a"), tmpdir_path("c"))));
}

Test(train_study, folds_score_every_case_and_the_model_is_of_all, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };
	size_t lines = 0;

	fix_load(&f, 60, 2);
	f.o.folds = 3;
	f.task.hyper.epochs = 6;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	cr_assert(eq(sz, s.report.scored, 60));
	cr_assert(s.whole && !s.interrupted);
	for (size_t m = 0; m < 2;
	     m++) { /* parts are weighed by the mean of the folds' temperatures */
		const double t =
		    cbrt((double)s.run[0].temperature[m] * (double)s.run[1].temperature[m] *
			 (double)s.run[2].temperature[m]);

		cr_assert(ne(flt, s.run[0].temperature[m], 1.0F));
		cr_assert(epsilon_eq(dbl, (double)s.kept.net.ps.v[s.kept.net.fuse.scale + m], 1 / t,
				     1e-5));
	}
	/* all, two parts (their pair is all), four baselines and their late average */
	cr_assert(eq(sz, s.report.lines, 8));
	same(s.report.line[1].name, "record");
	same(s.report.line[3].name, "majority");
	tr_report_predictions(&s.report, &csv);
	for (size_t i = 0; i < csv.len; i++) {
		lines += csv.data[i] == '\n';
	}
	cr_assert(eq(sz, lines, 1 + 8 * 60));
	as_buf_free(&csv);
	tr_study_free(&s);
	fix_close(&f);
}

/* What a judgment says of a case is what training's own scoring says. */
Test(train_study, the_saved_model_judges_as_the_study_did, .init = tn_init)
{
	static struct fu_judgment out;
	struct fix f;
	struct tr_study s;
	struct tr_reader r;
	struct tr_scores scores = { 0 };
	struct tr_refusal why;
	struct tr_times ms;
	struct io_table table;
	struct io_row header;
	struct io_binding b;
	struct as_err e = { 0 };
	float p[2 * 40];
	size_t cases[40];

	fix_load(&f, 40, 1);
	f.task.hyper.epochs = 4;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	ok(tr_study_save(&s, tmpdir_path("m"), &e));
	for (size_t i = 0; i < 40; i++) {
		cases[i] = i;
	}
	ok(tr_trained_score(&s.kept, cases, 40, f.pool, &scores, &e));
	tr_answers(&s.kept.calibration, &f.task, &scores, 0, p);

	ok(tr_reader_open(&r, tmpdir_path("m"), NULL, &e));
	ok(io_table_load(&table, f.how.path, 0, &e));
	header = io_table_header(&table);
	ok(io_task_bind(&r.judge.task, &header, "cases", NULL, false, &b, &e));
	for (size_t i = 0; i < 40; i++) {
		const struct io_row row = io_table_row(&table, i);
		struct io_case c;

		ok(io_case_make(&r.judge.task, &b, &row, "cases", &c, &e));
		ok(tr_reader_judge(&r, &c, &out, &ms, &why, &e));
		cr_assert(epsilon_eq(flt, out.p[1], p[2 * i + 1], 1e-6F), "case %zu", i);
		cr_assert(eq(int, out.part[1].present, i % 7 != 0));
		io_case_free(&c);
	}
	io_binding_free(&b);
	io_table_free(&table);
	tr_reader_close(&r);
	tr_scores_free(&scores);
	tr_study_free(&s);
	fix_close(&f);
}

Test(train_study, an_interrupted_fold_leaves_a_model, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct tr_reader r;
	struct as_err e = { 0 };

	fix_load(&f, 60, 1);
	f.o.folds = 3;
	f.stop_at = 5; /* a fold trains 20 cases: two batches an epoch */
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	cr_assert(s.interrupted && !s.whole);
	cr_assert(eq(sz, f.epochs, 2));
	ok(tr_study_save(&s, tmpdir_path("m"), &e));
	ok(tr_reader_open(&r, tmpdir_path("m"), NULL, &e));
	tr_reader_close(&r);
	tr_study_free(&s);
	fix_close(&f);
}

Test(train_study, interrupted_before_the_first_epoch_there_is_nothing_to_keep, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	fix_load(&f, 60, 1);
	f.stop_at = 1;
	fails(tr_study_run(&s, &f.d, &f.o, &e), AS_ECLOSED, "before the first epoch");
	tr_study_free(&s);
	fix_close(&f);
}

Test(train_study, retraining_takes_a_network_for_each_line, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	fix_load(&f, 60, 1);
	f.o.retrain = true;
	f.task.hyper.epochs = 2;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	cr_assert(eq(sz, f.epochs, 6)); /* all, record, note */
	cr_assert(not(isnan(s.report.line[2].m[0].v[TR_LOSS])));
	tr_study_free(&s);
	fix_close(&f);
}

Test(train_study, a_loss_that_is_no_number_names_the_batch, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	fix_load(&f, 60, 1);
	f.task.hyper.rate = 1e30F;
	fails(tr_study_run(&s, &f.d, &f.o, &e), AS_EFORMAT, "epoch 1, batch 2 (cases c");
	tr_study_free(&s);
	fix_close(&f);
}

static void refuse(const char *ini, const char *csv, size_t folds, const char *text)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	fix_open(&f, ini, csv, 1);
	f.o.folds = folds;
	ok(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e));
	fails(tr_study_run(&s, &f.d, &f.o, &e), AS_EFORMAT, text);
	tr_study_free(&s);
	fix_close(&f);
}

static const char numbers_ini[] = "[task]\nname = n\ntarget = y\nkind = value\n"
				  "[part.record]\nmodality = table\ncolumns = a\n";
static const char labels_ini[] = "[task]\nname = n\ntarget = y\nlabels = no, yes\n"
				 "[part.record]\nmodality = table\ncolumns = a\n";

Test(train_study, one_label_only_is_refused, .init = tn_init)
{
	refuse(labels_ini, "a,y\n1,yes\n2,yes\n3,yes\n", 0, "all 3 cases are yes");
}

Test(train_study, fewer_cases_than_folds_are_refused, .init = tn_init)
{
	refuse(labels_ini, "a,y\n1,yes\n2,no\n3,yes\n", 5, "3 groups are fewer than 5 folds");
}

Test(train_study, one_value_only_is_refused, .init = tn_init)
{
	refuse(numbers_ini, "a,y\n1,4\n2,4\n3,4\n", 0, "all 3 cases have the value 4");
}

Test(train_study, no_target_at_all_is_refused, .init = tn_init)
{
	refuse(labels_ini, "a,y\n1,\n2,\n", 0, "of 2 rows 2 have no target");
}

Test(train_study, too_few_cases_are_refused, .init = tn_init)
{
	refuse(labels_ini, "a,y\n1,yes\n2,no\n", 0, "2 cases are too few");
}

/* y = a to within the noise; half of a's range is what the mean alone would miss by. */
Test(train_study, a_value_is_learned_in_its_own_unit, .init = tn_init)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };
	struct tr_study s;
	struct fix f;

	as_buf_puts(&csv, "a,y\n");
	for (size_t i = 0; i < 120; i++) {
		as_buf_printf(&csv, "%zu,%zu\n", i * 37 % 120, 1000 + 10 * (i * 37 % 120));
	}
	fix_open(&f, numbers_ini, csv.data, 1);
	as_buf_free(&csv);
	ok(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e));
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	cr_assert(lt(dbl, 0.8, s.report.line[0].m[0].v[TR_R2]), "%g",
		  s.report.line[0].m[0].v[TR_R2]);
	cr_assert(lt(dbl, s.report.line[0].m[0].v[TR_MAE], 150.0));
	cr_assert(epsilon_eq(dbl, s.kept.calibration.mean, 1600.0, 60.0));
	tr_study_free(&s);
	fix_close(&f);
}

static const char multi_ini[] = "[task]\nname = n\ntarget = y\nkind = multi\nlabels = p, q\n"
				"[part.record]\nmodality = table\ncolumns = a:number, b:number\n"
				"[model]\nwidth = 16\nheads = 2\n[train]\nrate = 0.003\n";

Test(train_study, independent_labels_are_learned, .init = tn_init)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };
	struct tr_study s;
	struct fix f;

	as_buf_puts(&csv, "a,b,y\n");
	for (size_t i = 0; i < 120; i++) {
		as_buf_printf(&csv, "%zu,%zu,%s%s\n", i % 2, i / 2 % 2, i % 2 ? "p" : "",
			      i / 2 % 2 ? ";q" : "");
	}
	fix_open(&f, multi_ini, csv.data, 1);
	as_buf_free(&csv);
	ok(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e));
	cr_assert(eq(sz, f.d.n, 120)); /* an empty cell is a case of no label */
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	cr_assert(lt(dbl, 0.95, s.report.line[0].m[0].v[TR_ACCURACY]));
	tr_study_free(&s);
	fix_close(&f);
}
