/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/train/fixture.h"

#include "train/baseline.h"
#include "train/step.h"

static const char ini[] = "[task]\nname = n\ntarget = y\nlabels = no, yes\nsplit = s\n"
			  "missing = none\n"
			  "[part.record]\nmodality = table\ncolumns = a, b\n"
			  "[part.note]\nmodality = text\ncolumn = t\n"
			  "[part.scan]\nmodality = image\ncolumn = i\n";

static int load(struct fix *f, const char *csv, struct as_err *e)
{
	fix_open(f, ini, csv, 2);
	f->how.without[2] = true;
	return tr_data_load(&f->d, &f->task, &f->how, f->pool, e);
}

Test(train_data, rows_without_a_target_and_of_other_splits_are_counted)
{
	struct fix f;
	struct as_err e = { 0 };

	fix_open(&f, ini,
		 "a,b,t,i,y,s\n1,x,hello,,yes,train\n2,x,,,none,train\n3,x,,,no,dev\n"
		 "4,x,,,no,train\n",
		 2);
	f.how.split = "train";
	ok(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e));
	cr_assert(eq(sz, f.d.n, 2));
	cr_assert(eq(sz, f.d.targetless, 1));
	cr_assert(eq(sz, f.d.elsewhere, 1));
	same(f.d.v[0].id, "1");
	same(f.d.v[1].id, "4");
	cr_assert(eq(u32, f.d.v[0].parts, 3));
	cr_assert(eq(u32, f.d.v[1].parts, 1));
	fix_close(&f);
}

Test(train_data, a_part_left_out_leaves_the_task_and_needs_no_column)
{
	struct fix f;
	struct as_err e = { 0 };

	ok(load(&f, "a,b,t,y,s\n1,x,hello,yes,\n", &e));
	cr_assert(eq(sz, f.task.parts, 2));
	fix_close(&f);
	fix_open(&f, ini, "a,b,t,y,s\n1,x,hello,yes,\n", 1);
	fails(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e), AS_EFORMAT, "--without scan");
	fix_close(&f);
	fix_open(&f, ini, "a,b,t,i,y,s\n1,x,hello,,yes,\n", 1);
	f.how.without[0] = f.how.without[1] = f.how.without[2] = true;
	fails(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e), AS_EUSAGE, "no part is left");
	fix_close(&f);
}

Test(train_data, an_unknown_label_is_named)
{
	struct fix f;
	struct as_err e = { 0 };

	fails(load(&f, "a,b,t,y,s\n1,x,hello,yes,\n2,x,,yess,\n", &e), AS_EFORMAT,
	      "1 of 2 cases cannot be used (--skip-bad");
	cr_assert(ne(ptr, strstr(f.d.bad_named[0], "\"yess\" is not one of the 2 labels"), NULL));
	cr_assert(ne(ptr, strstr(f.d.bad_named[0], "did you mean \"yes\""), NULL));
	fix_close(&f);
}

Test(train_data, ten_bad_cases_are_named_and_skip_bad_leaves_them_out)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };
	struct fix f;

	as_buf_puts(&csv, "case,a,b,t,i,y,s\ngood,1,x,,,no,\n");
	for (size_t i = 0; i < 12; i++) {
		as_buf_printf(&csv, "bad%zu,1,x,,absent.png,yes,\n", i);
	}
	fix_open(&f, ini, csv.data, 2);
	fails(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e), AS_EFORMAT, "12 of 13");
	for (size_t i = 0; i < TR_BAD_NAMED; i++) {
		char want[32];

		(void)snprintf(want, sizeof want, ":%zu: case bad%zu, column i", i + 3, i);
		cr_assert(ne(ptr, strstr(f.d.bad_named[i], want), NULL), "%s", f.d.bad_named[i]);
	}
	fix_close(&f);
	fix_open(&f, ini, csv.data, 2);
	as_buf_free(&csv);
	f.how.skip_bad = true;
	ok(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e));
	cr_assert(eq(sz, f.d.n, 1));
	cr_assert(eq(sz, f.d.bad, 12));
	fix_close(&f);
}

Test(train_data, statistics_come_from_the_cases_that_are_given)
{
	const size_t first = 0;
	struct as_buf a = { 0 };
	struct as_err e = { 0 };
	struct fix f;

	ok(load(&f, "a,b,t,y,s\n1,x,hello,yes,\n900,x,,no,\n", &e));
	ok(tr_statistics(&f.d, &first, 1, &a, &e));
	cr_assert(ne(ptr, strstr(a.data, "\"max\":1"), NULL), "%s", a.data);
	cr_assert(eq(ptr, strstr(a.data, "900"), NULL), "%s", a.data);
	as_buf_free(&a);
	fix_close(&f);
}

Test(train_data, a_column_without_any_cell_is_read_as_missing)
{
	struct as_buf a = { 0 };
	const size_t all[] = { 0, 1 };
	struct as_err e = { 0 };
	struct fix f;

	ok(load(&f, "a,b,t,y,s\n,x,hello,yes,\nnone,x,,no,\n", &e));
	ok(tr_statistics(&f.d, all, 2, &a, &e));
	cr_assert(ne(ptr, strstr(a.data, "\"present\":0"), NULL), "%s", a.data);
	as_buf_free(&a);
	fix_close(&f);
}

/* Chance 0.5 a part: alone a part is never hidden but in the 1 % that show nothing. */
Test(train_data, parts_are_hidden_but_not_all_of_them_except_in_one_percent)
{
	struct as_rng rng;
	size_t shown[4] = { 0 };

	as_rng_seed(&rng, 1, 1);
	for (size_t i = 0; i < 100000; i++) {
		shown[tr_hide_parts(&rng, 3, 0.5F)]++;
	}
	cr_assert(epsilon_eq(dbl, (double)shown[0] / 1e5, 0.01, 0.002)); /* sd 0.0003 */
	cr_assert(epsilon_eq(dbl, (double)shown[1] / 1e5, 0.2475, 0.01));
	cr_assert(epsilon_eq(dbl, (double)shown[3] / 1e5, 0.495, 0.01));
}

/* Both the record and the words tell y: fitted on the first 40 cases, scored on the last 20. */
Test(train_data, every_baseline_but_the_majority_learns)
{
	struct tr_split s = { 0 };
	size_t index[60];
	float p[2 * 20];
	float thresholds[IO_LABELS_MAX];
	struct tr_metrics m;
	struct as_err e = { 0 };
	struct fix f;
	float y[2 * 20];

	fix_load(&f, 60, 1);
	for (size_t i = 0; i < 60; i++) {
		index[i] = i;
	}
	s.train = index;
	s.trains = 30;
	s.stop = index + 30;
	s.calibrate = index + 35;
	s.stops = s.calibrates = 5;
	tr_truth(&f.d, index + 40, 20, y);
	for (enum tr_base b = 0; b < TR_BASES; b++) {
		cr_assert(eq(int, tr_base_fits(&f.d, b), b != TR_TEXTURE && b != TR_EACH));
		if (b == TR_TEXTURE || b == TR_EACH) { /* no picture */
			continue;
		}
		ok(tr_base_predict(&f.d, b, &s, index + 40, 20, p, thresholds, &e));
		tr_metrics_of(&f.task, &(struct tr_predictions){ 20, 2, p, y, thresholds }, &m);
		if (b == TR_MAJORITY) {
			cr_assert(epsilon_eq(dbl, m.v[TR_AUC], 0.5, 1e-9));
		} else {
			cr_assert(lt(dbl, 0.9, m.v[TR_AUC]), "%s %g", tr_base_name(b), m.v[TR_AUC]);
		}
	}
	fix_close(&f);
}
