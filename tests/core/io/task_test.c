/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/task.h"

#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <glob.h>

static const char whole[] = "[task]\n"
			    "name      = breast-before-biopsy\n"
			    "id        = case             ; case id column\n"
			    "target    = label\n"
			    "kind      = class\n"
			    "labels    = benign, malignant\n"
			    "group     = patient\n"
			    "split     = part of it\n"
			    "delimiter = semicolon\n"
			    "missing   = not available, not applicable\n"
			    "operate   = sensitivity 0.967\n"
			    "coverage  = 0.95\n"
			    "abstain   = set 1, conflict 0.5\n"
			    "[part.scan]\n"
			    "modality = image\n"
			    "column   = image\n"
			    "repeat   = 16\n"
			    "[part.report]\n"
			    "modality = text\n"
			    "columns  = history, exam\n"
			    "[part.findings]\n"
			    "modality = table\n"
			    "columns  = age:number, tissue, grade : words\n"
			    "columns  = a:b\n"
			    "[part.sheet]\n"
			    "modality = table\n"
			    "column   = sheet\n"
			    "[part.trace]\n"
			    "modality = series\n"
			    "column   = trace\n"
			    "[model]\n"
			    "width = 32\n"
			    "[train]\n"
			    "rate = 0.0000001\n";

static int load(const char *text, struct io_task *t, struct as_err *e)
{
	return io_task_load(t, tmpdir_file("t.ini", text), e);
}

static void refuses(const char *text, const char *why)
{
	struct io_task t;
	struct as_err e;

	fails(load(text, &t, &e), AS_ECONFIG, why);
	cr_assert(zero(ptr, t.path));
}

/* A whole task around what is to be refused. */
#define TASK(more)   "[task]\nname = t\ntarget = y\nlabels = a, b\n" more
#define PART         "[part.p]\nmodality = text\ncolumn = x\n"
#define SCAN(more)   TASK("[part.p]\nmodality = image\n" more)
#define RECORD(more) TASK("[part.p]\nmodality = table\n" more)

Test(io_task, every_key_is_read)
{
	struct io_task t;
	struct as_err e;

	ok(load(whole, &t, &e));
	same(t.name, "breast-before-biopsy");
	same(t.id, "case");
	same(t.target, "label");
	cr_assert(eq(int, t.kind, IO_CLASS));
	cr_assert(eq(int, io_task_label(&t, "malignant"), 1));
	same(t.group, "patient");
	same(t.split, "part of it");
	cr_assert(eq(chr, t.delimiter, ';'));
	cr_assert(eq(sz, t.missings, 2));
	cr_assert(eq(int, t.operate, IO_SENSITIVITY));
	cr_assert(eq(dbl, t.operate_at, 0.967));
	cr_assert(eq(dbl, t.coverage, 0.95));
	cr_assert(eq(dbl, t.abstain[IO_ABSTAIN_SET], 1.0));
	cr_assert(eq(dbl, t.abstain[IO_ABSTAIN_CONFLICT], 0.5));
	cr_assert(eq(dbl, t.abstain[IO_ABSTAIN_MARGIN], 0.0));
	cr_assert(eq(sz, t.parts, 5));
	cr_assert(eq(u32, t.part[0].repeat, 16));
	cr_assert(eq(sz, t.part[1].columns, 2));
	cr_assert(eq(sz, t.part[2].columns, 4));
	same(t.part[2].column[0].name, "age");
	cr_assert(eq(int, t.part[2].column[0].cell, IO_NUMBER));
	same(t.part[2].column[2].name, "grade");
	cr_assert(eq(int, t.part[2].column[2].cell, IO_WORDS));
	same(t.part[2].column[3].name, "a:b");
	cr_assert(t.part[3].sheet);
	cr_assert(not(t.part[2].sheet));
	cr_assert(not(t.part[0].sheet));
	cr_assert(eq(int, io_task_part(&t, "trace"), 4));
	cr_assert(eq(int, io_task_part(&t, "none"), -1));
	cr_assert(eq(u32, t.hyper.width, 32));
	cr_assert(eq(u32, t.hyper.heads, 4));
	io_task_free(&t);
}

Test(io_task, goes_through_json_unchanged)
{
	struct as_buf a = { 0 };
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &a };
	struct io_jw v = { .b = &b };
	struct json_t *doc;
	struct io_task t;
	struct io_task u;
	struct as_err e;

	ok(load(whole, &t, &e));
	io_task_write(&t, &w, NULL);
	ok(io_json_parse(a.data, a.len, "task", &doc, &e));
	ok(io_task_parse(&u, doc, &e));
	io_task_write(&u, &v, NULL);
	same(b.data, a.data);
	cr_assert(zero(int, memcmp(&t.hyper, &u.hyper, sizeof t.hyper)));
	cr_assert(eq(chr, u.delimiter, ';'));
	io_json_free(doc);
	io_task_free(&t);
	io_task_free(&u);
	as_buf_free(&a);
	as_buf_free(&b);
}

Test(io_task, unknown_keys_name_the_nearest)
{
	refuses(TASK("lables = a\n"),
		"t.ini:5: [task] has no key \"lables\" (did you mean \"labels\"?)");
	refuses(TASK("[part.p]\nmodalty = text\n"),
		"t.ini:6: [part.p] has no key \"modalty\" (did you mean \"modality\"?)");
	refuses(TASK("[model]\nwdith = 3\n"),
		"t.ini:6: [model] has no key \"wdith\" (did you mean \"width\"?)");
	refuses(TASK("[train]\nwidth = 3\n"), "[train] has no key \"width\"");
	refuses(TASK("[trian]\n"), "t.ini:5: unknown section [trian]; want [task], [part.NAME], "
				   "[model] or [train], nearest: train");
	refuses("x = 1\n", "t.ini:1: key \"x\" before the first [section]");
}

Test(io_task, values_are_checked_and_named)
{
	refuses("[task]\nname = A b\n", "t.ini:2: name = A b: want [a-z0-9._-]{1,40}");
	refuses("[task]\nkind = regression\n",
		"t.ini:2: kind = regression: want class, multi or value");
	refuses("[task]\ndelimiter = x\n", "delimiter = x: want comma, tab, semicolon or pipe");
	refuses("[task]\noperate = recall 0.9\n", "operate = recall: want sensitivity");
	refuses("[task]\noperate = sensitivity\n", "want a number after sensitivity");
	refuses(TASK("operate = specificity 1.5\n" PART), "operate: 1.5 is not between 0 and 1");
	refuses(TASK("coverage = 1\n" PART), "coverage = 1: want between 0 and 1");
	refuses("[task]\ncoverage = most\n", "coverage = most: want a number");
	refuses("[task]\nabstain = sets 1\n", "abstain = sets: want set, conflict");
	refuses("[task]\nabstain = set\n", "abstain = set: want a number above 0 after set");
	refuses("[task]\nabstain = margin 0\n", "want a number above 0 after margin");
	refuses(TASK("abstain = conflict 1.5\n" PART), "conflict 1.5: want above 0, at most 1");
	refuses(TASK("abstain = set 1.5\n" PART), "set 1.5: want a whole number");
	refuses(TASK("abstain = interval 2\n" PART), "abstain = interval: kind class has none");
	refuses(TASK("[model]\nwidth = 4\n"),
		"t.ini:6: width = 4: want a whole number from 8 to 1024");
	refuses(TASK("[model]\nwidth = 9.5\n"), "width = 9.5: want a whole number");
	refuses(TASK("[model]\nwidth = wide\n"), "width = wide: not a number");
	refuses(TASK(PART "[model]\nwidth = 30\n"), "heads = 4 does not divide width = 30");
	refuses(TASK(PART "[model]\nimage_channels = 12\n"),
		"image_channels = 12 is not a multiple of 8");
	refuses(TASK(PART "[model]\nimage_size = 90\n"), "image_size = 90 is not a multiple of 16");
	refuses(TASK("[train]\ndropout = 0.95\n"), "dropout = 0.95: want a number from 0 to 0.9");
	refuses(TASK("target = z\n"), "t.ini:5: a second target");
}

Test(io_task, what_is_missing_is_named)
{
	refuses("", "t.ini: [task] name = (nothing)");
	refuses("[task]\nname = t\nlabels = a, b\n" PART, "[task] has no target");
	refuses(TASK(""), "no part");
	refuses("[task]\nname = t\ntarget = y\n" PART,
		"labels: kind class needs at least 2, 0 given");
	refuses("[task]\nname = t\ntarget = y\nkind = multi\n" PART, "kind multi needs at least 1");
	refuses("[task]\nname = t\ntarget = y\nkind = value\nlabels = a\n" PART,
		"labels: kind value has none");
	refuses("[task]\nname = t\ntarget = y\nlabels = a, b, a\n" PART,
		"labels: a is there twice");
	refuses("[task]\nname = t\ntarget = y\nlabels = a, b, c\noperate = sensitivity 0.9\n" PART,
		"operate: only a task of two labels");
	refuses(TASK("[part.p]\ncolumn = x\n"), "[part.p] modality = (nothing)");
}

Test(io_task, parts_are_checked)
{
	refuses(SCAN(""), "[part.p] has no column");
	refuses(SCAN("columns = a, b\n"), "a part of files has one column");
	refuses(SCAN("columns = *\n"), "a part of files has one column");
	refuses(TASK("[part.p]\nmodality = text\ncolumns = *\n"), "columns = *: only a table");
	refuses(SCAN("column = a\nrepeat = 17\n"), "repeat = 17: want 1 to 16");
	refuses(SCAN("column = a\nrepeat = 0\n"), "repeat = 0: want 1 to 16");
	refuses(TASK(PART "repeat = 2\n"), "repeat = 2: only a part of files repeats");
	refuses(RECORD("columns = a\ncolumn = b\n"),
		"t.ini:8: column: the part already has columns");
	refuses(RECORD("column = b\ncolumns = a\n"),
		"t.ini:8: columns: the part already has a column");
	refuses(RECORD("columns = *\ncolumns = a\n"), "columns = * stands alone");
	refuses(RECORD("columns = a, b, a\n"), "column a is named twice");
	refuses(RECORD("columns = a, y\n"), "[part.p] column y is the target");
	refuses(TASK("[part.P]\n"), "t.ini:5: [part.P]: want a name");
	refuses(TASK("[part.a]\n[part.b]\n[part.c]\n[part.d]\n[part.e]\n[part.f]\n[part.g]\n[part."
		     "h]\n[part.i]\n"),
		"t.ini:13: [part.i]: parts: more than 8");
	refuses(RECORD("columns = *\n[part.q]\nmodality = table\ncolumns = *\n"),
		"columns = * in 2 parts");
}

Test(io_task, a_file_that_is_not_there_is_no_input)
{
	struct io_task t;
	struct as_err e;

	fails(io_task_load(&t, tmpdir_path("gone.ini"), &e), AS_ENOINPUT, "gone.ini: No such file");
}

/* Those of examples/, but for the settings of a daemon. */
Test(io_task, every_example_is_a_task)
{
	glob_t g;
	size_t tasks = 0;

	cr_assert(zero(int, glob(SOURCE_DIR "/examples/*/*.ini", 0, NULL, &g)));
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct io_task t;
		struct as_err e = { 0 };

		if (strstr(g.gl_pathv[i], "assayd.ini") == NULL) {
			cr_assert(eq(int, io_task_load(&t, g.gl_pathv[i], &e), AS_OK), "%s", e.msg);
			io_task_free(&t);
			tasks++;
		}
	}
	cr_assert(le(sz, 10, tasks));
	globfree(&g);
}

Test(io_task, missing_cells_are_empty_blank_or_listed)
{
	struct io_task t;
	struct as_err e;

	ok(load(whole, &t, &e));
	cr_assert(io_task_missing(&t, ""));
	cr_assert(io_task_missing(&t, " \t"));
	cr_assert(io_task_missing(&t, "Not Available "));
	cr_assert(not(io_task_missing(&t, "not")));
	cr_assert(not(io_task_missing(&t, "0")));
	io_task_free(&t);
}

static void refuses_json(const char *text, const char *why)
{
	struct json_t *doc;
	struct io_task t;
	struct as_err e;

	ok(io_json_parse(text, strlen(text), "task", &doc, &e));
	fails(io_task_parse(&t, doc, &e), AS_EFORMAT, why);
	io_json_free(doc);
}

Test(io_task, a_models_task_is_not_trusted)
{
#define HEAD    "{\"name\":\"t\",\"target\":\"y\",\"kind\":\"class\",\"labels\":[\"a\",\"b\"],"
#define P(more) "\"parts\":[{\"name\":\"p\",\"modality\":\"text\",\"columns\":[{\"name\":\"x\"" more
	refuses_json("{}", "task: name: missing");
	refuses_json("{\"name\":\"../x\"}", "name: ../x is not");
	refuses_json("{\"name\":\"t\",\"kind\":\"x\"}", "kind = x");
	refuses_json(HEAD "\"parts\":[]}", "no part");
	refuses_json(HEAD P("}]},{\"name\":\"p\",\"modality\":\"text\"}]}"),
		     "parts: p is there twice");
	refuses_json(HEAD P(",\"cell\":\"x\"}]}]}"), "column x: cell: x is not a type");
	refuses_json(HEAD P("}],\"repeat\":99999999999}]}"), "repeat = 17: want 1 to 16");
	refuses_json(HEAD P("}]}],\"model\":{\"width\":1e9}}"),
		     "width = 1e+09: want a whole number");
	refuses_json(HEAD "\"parts\":[1,1,1,1,1,1,1,1,1]}", "parts: 9, the limit is 8");
	refuses_json(HEAD "\"parts\":[1]}", "name: missing");
	refuses_json(HEAD "\"missing\":[1]}", "missing: item 0 is not a string");
}
