/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/case.h"

#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdlib.h>

static const char ini[] = "[task]\nname = t\ntarget = label\nlabels = no, yes\ngroup = patient\n"
			  "missing = n/a\n"
			  "[part.scan]\nmodality = image\ncolumn = image\nrepeat = 2\n"
			  "[part.report]\nmodality = text\ncolumns = history, exam\n"
			  "[part.findings]\nmodality = table\ncolumns = *\n";

/* A task, a table and its first row, as eval and judge see them. */
struct world {
	struct io_task t;
	struct io_table table;
	struct io_binding b;
	struct io_case c;
};

static int make(struct world *w, const char *task, const char *csv, struct as_err *e)
{
	const char *path = tmpdir_file("cases.csv", csv);
	struct io_row header;
	struct io_row row;
	int rc;

	*w = (struct world){ 0 };
	TRY(io_task_load(&w->t, tmpdir_file("t.ini", task), e));
	TRY(io_table_load(&w->table, path, 0, e));
	header = io_table_header(&w->table);
	TRY(io_task_bind(&w->t, &header, path, NULL, false, &w->b, e));
	row = io_table_row(&w->table, 0);
	TRY(io_case_make(&w->t, &w->b, &row, path, &w->c, e));
out:
	return rc;
}

static void drop(struct world *w)
{
	io_case_free(&w->c);
	io_binding_free(&w->b);
	io_table_free(&w->table);
	io_task_free(&w->t);
}

Test(io_case, a_row_becomes_parts)
{
	struct world w;
	struct as_err e;

	(void)tmpdir_file("a b.png", "first");
	(void)tmpdir_file("c.png", "second");
	ok(make(&w, ini,
		"case,patient,label,image,history,exam,age,\"si,gns\"\n"
		" k7 ,p1,yes,a b.png; c.png ;,\"pain, \"\"left\"\"\",n/a,57,\"x,y\"\n",
		&e));
	same(w.c.id, "k7");
	same(w.c.group, "p1");
	same(w.c.target, "yes");
	cr_assert(eq(sz, w.c.line, 2));
	cr_assert(eq(sz, w.c.parts, 4));
	same(w.c.part[0].data.data, "first");
	cr_assert(eq(u32, w.c.part[1].page, 1));
	same(w.c.part[1].data.data, "second");
	same(w.c.part[1].type, "application/octet-stream");
	same(w.c.part[2].data.data, "pain, \"left\"");
	same(w.c.part[2].type, "text/plain; charset=utf-8");
	same(w.c.part[3].data.data, "age,\"si,gns\"\n57,\"x,y\"\n");
	same(w.c.part[3].type, "text/csv");
	drop(&w);
}

Test(io_case, absent_cells_make_absent_parts)
{
	struct world w;
	struct as_err e;

	ok(make(&w, ini, "patient,label,image,history,exam,age\n,,n/a,, ,N/A\n", &e));
	same(w.c.id, "1");
	same(w.c.group, "1");
	cr_assert(zero(ptr, w.c.target));
	cr_assert(zero(sz, w.c.parts));
	drop(&w);
}

Test(io_case, text_columns_are_joined_by_a_newline)
{
	struct world w;
	struct as_err e;

	ok(make(&w, ini, "patient,label,image,history,exam,age\n1,yes,,one,two,\n", &e));
	cr_assert(eq(sz, w.c.parts, 1));
	same(w.c.part[0].data.data, "one\ntwo");
	drop(&w);
}

Test(io_case, a_named_file_that_is_not_there_is_an_error)
{
	struct world w;
	struct as_err e;

	fails(make(&w, ini, "case,image,history,exam,age\n\nk,gone.png,,,1\n", &e), AS_ENOINPUT,
	      "cases.csv:3: case k, column image: ");
	cr_assert(ne(ptr, strstr(e.msg, "gone.png: No such file or directory"), NULL), "%s", e.msg);
	drop(&w);
}

Test(io_case, more_files_than_repeat_are_refused_by_name)
{
	struct world w;
	struct as_err e;

	(void)tmpdir_file("a", "");
	fails(make(&w, ini, "case,image,history,exam,age\nk,a;a;a,,,1\n", &e), AS_EFORMAT,
	      "case k, column image: repeat: more than 2 files for part scan");
	drop(&w);
}

Test(io_case, ids_are_checked)
{
	char csv[400] = "case,image,history,exam,age\n";
	struct world w;
	struct as_err e;

	memset(csv + 28, 'x', 257);
	memcpy(csv + 28 + 257, ",,,,1\n", 7);
	fails(make(&w, ini, csv, &e), AS_EFORMAT,
	      "cases.csv:2: the case's id has 257 bytes, the limit is 256");
	drop(&w);
	fails(make(&w, ini, "case,image,history,exam,age\n ,,,,1\n", &e), AS_EFORMAT,
	      "cases.csv:2: the case has no id");
	drop(&w);
}

static int bind(const char *task, const char *csv, const bool *without, bool need, struct as_err *e)
{
	struct io_binding b = { 0 };
	struct io_table t = { 0 };
	struct io_row header;
	struct io_task task_;
	int rc;

	TRY(io_task_load(&task_, tmpdir_file("t.ini", task), e));
	TRY(io_table_load(&t, tmpdir_file("cases.csv", csv), 0, e));
	header = io_table_header(&t);
	rc = io_task_bind(&task_, &header, "cases.csv", without, need, &b, e);
out:
	io_binding_free(&b);
	io_table_free(&t);
	io_task_free(&task_);
	return rc;
}

Test(io_case, columns_that_are_not_there_are_named)
{
	const bool without[IO_PARTS_MAX] = { true };
	struct as_err e;

	fails(bind(ini, "images,history,exam,age\n", NULL, false, &e), AS_EFORMAT,
	      "cases.csv: no column \"image\" (part scan; --without scan leaves the part out); "
	      "nearest: \"images\"");
	ok(bind(ini, "history,exam,age\n", without, false, &e));
	fails(bind(ini, "history,exam,age\n", without, true, &e), AS_EFORMAT,
	      "no column \"label\" (the target)");
	fails(bind(ini, "label,history,exam,age\n", without, true, &e), AS_EFORMAT,
	      "no column \"patient\" (the task's group)");
	fails(bind(ini, "patient,label,image,history,exam\n", NULL, true, &e), AS_EFORMAT,
	      "no column is left for part findings");
	fails(bind("[task]\nname = t\nid = key\ntarget = y\nkind = value\n"
		   "[part.p]\nmodality = text\ncolumn = x\n",
		   "x,y\n", NULL, false, &e),
	      AS_EFORMAT, "no column \"key\" (the task's id)");
}

Test(io_case, the_columns_of_a_star_stay_those_of_training)
{
	static const char *const wide[] = { "b", "a", "image", "history", "exam", "new" };
	static const char *const narrow[] = { "a", "image", "history", "exam" };
	const struct io_row later = { .cell = (char **)wide, .n = 6 };
	const struct io_row less = { .cell = (char **)narrow, .n = 4 };
	struct io_binding b;
	struct world w;
	struct as_err e;

	ok(make(&w, ini, "image,history,exam,a,b,label\n,,,1,2,\n", &e));
	cr_assert(eq(sz, w.t.part[2].columns, 2));
	ok(io_task_bind(&w.t, &later, "later.csv", NULL, false, &b, &e));
	cr_assert(eq(sz, w.t.part[2].columns, 2));
	cr_assert(eq(int, b.column[2][0], 1));
	cr_assert(eq(int, b.column[2][1], 0));
	io_binding_free(&b);
	fails(io_task_bind(&w.t, &less, "less.csv", NULL, false, &b, &e), AS_EFORMAT,
	      "less.csv: no column \"b\"");
	io_binding_free(&b);
	drop(&w);
}

Test(io_case, files_are_added_one_by_one)
{
	const char *a = tmpdir_file("a.png", "A");
	const char *sheet = tmpdir_file("s.tsv", "x\ty\n");
	struct io_case c = { 0 };
	struct io_task t;
	struct as_err e;

	ok(io_task_load(&t, tmpdir_file("t.ini", ini), &e));
	ok(io_case_add_file(&t, &c, "scan", a, &e));
	ok(io_case_add_file(&t, &c, "findings", sheet, &e));
	ok(io_case_add_file(&t, &c, "scan", a, &e));
	cr_assert(eq(u32, c.part[2].page, 1));
	same(c.part[1].type, "text/tab-separated-values");
	fails(io_case_add_file(&t, &c, "scan", a, &e), AS_EFORMAT, "repeat: more than 2");
	fails(io_case_add_file(&t, &c, "scam", a, &e), AS_EUSAGE, "did you mean \"scan\"?");
	fails(io_case_add_file(&t, &c, "report", tmpdir_path("gone"), &e), AS_ENOINPUT,
	      "part report: ");
	io_case_free(&c);
	io_task_free(&t);
}

static void retarget(struct io_case *c, const char *target)
{
	free(c->target);
	c->target = as_strdup(target);
}

Test(io_case, targets_are_read_by_kind)
{
	static const char *const labels[] = { "a b", "c", "d" };
	char column[] = "y";
	struct io_task t = {
		.kind = IO_CLASS, .label = (char **)labels, .labels = 3, .target = column
	};
	struct io_case c = { .id = "k", .line = 4, .target = as_strdup("c") };
	float got[3];
	double v;
	struct as_err e;

	ok(io_case_target(&t, &c, got, &v, &e));
	cr_assert(eq(flt, got[0] + 10 * got[1] + 100 * got[2], 10));
	retarget(&c, "C");
	fails(io_case_target(&t, &c, got, &v, &e), AS_EFORMAT,
	      "line 4: case k, column y: \"C\" is not one of the 3 labels");
	t.kind = IO_MULTI;
	retarget(&c, "d; a b;");
	ok(io_case_target(&t, &c, got, &v, &e));
	cr_assert(eq(flt, got[0] + 10 * got[1] + 100 * got[2], 101));
	retarget(&c, "");
	ok(io_case_target(&t, &c, got, &v, &e));
	cr_assert(eq(flt, got[0] + got[1] + got[2], 0));
	t.kind = IO_VALUE;
	retarget(&c, "-1.5");
	ok(io_case_target(&t, &c, got, &v, &e));
	cr_assert(eq(dbl, v, -1.5));
	retarget(&c, "inf");
	fails(io_case_target(&t, &c, got, &v, &e), AS_EFORMAT, "\"inf\" is not a finite number");
	io_case_free(&c);
	fails(io_case_target(&t, &c, got, &v, &e), AS_EFORMAT, "no target");
}

Test(io_case, an_empty_multi_cell_is_a_case_without_labels)
{
	struct world w;
	struct as_err e;

	ok(make(&w,
		"[task]\nname = t\ntarget = y\nkind = multi\nlabels = a\n[part.p]\n"
		"modality = text\ncolumn = x\n",
		"x,y\nword,\n", &e));
	same(w.c.target, "");
	drop(&w);
}
