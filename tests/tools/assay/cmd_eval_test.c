/* SPDX-License-Identifier: Apache-2.0
 * cmd_eval_test.c - train and eval as a person calls them. */
#include "core/io/json.h"
#include "core/tensor/gemm.h"
#include "tests/tools/assay/small.h"
#include "train/report.h"

#include <stdio.h>
#include <stdlib.h>

/* What a command that ended well printed. */
static struct json_t *scores_of(const struct capture *c)
{
	struct json_t *doc = NULL;
	struct as_err e = { 0 };

	cr_assert(eq(int, c->rc, 0), "%s", c->err.data);
	ok(io_json_parse(c->out.data, c->out.len, "scores", &doc, &e));
	return doc;
}

Test(assay_cmd_eval, a_split_is_scored, .init = tn_init)
{
	struct capture c =
	    run(cmd_eval, "eval", trained(), "--data", table(), "--split", "dev", "--json");
	struct json_t *doc = scores_of(&c);

	same(io_json_find_str(doc, "task", ""), "small");
	cr_assert(eq(u64, io_json_find_u64(doc, "cases", 0), 8));
	cr_assert(
	    epsilon_eq(dbl, io_json_find_num(io_json_find(doc, "metrics"), "auc", 0), 1.0, 1e-9));
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "parts")), 2));
	io_json_free(doc);
	capture_free(&c);
	c = run(cmd_eval, "eval", trained(), "--data", table(), "--split", "dve");
	cr_assert(eq(int, c.rc, 65));
	cr_assert(says(&c.err, "no case to score"), "%s", c.err.data);
	capture_free(&c);
}

/* They are those that the training itself has: linear models of the rows of split "train". */
Test(assay_cmd_eval, simple_methods_are_scored_beside_the_model, .init = tn_init)
{
	struct capture c = run(cmd_eval, "eval", trained(), "--data", table(), "--split", "dev",
			       "--baselines", table(), "--json");
	const struct json_t *baselines;
	struct json_t *doc = scores_of(&c);

	cr_assert(eq(u64, io_json_find_u64(doc, "cases", 0), 8));
	baselines = io_json_find(doc, "baselines");
	cr_assert(eq(sz, io_json_len(baselines), 5));
	cr_assert(epsilon_eq(dbl, io_json_find_num(io_json_find(baselines, "majority"), "auc", 0),
			     0.5, 1e-9));
	cr_assert(epsilon_eq(dbl, io_json_find_num(io_json_find(baselines, "record"), "auc", 0),
			     1.0, 1e-9));
	io_json_free(doc);
	capture_free(&c);
	c = run(cmd_eval, "eval", trained(), "--data", table(), "--split", "dev", "--baselines",
		table(), "--without", "note");
	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.out, "record ") && !says(&c.out, "words "), "%s", c.out.data);
	capture_free(&c);
	c = run(cmd_eval, "eval", trained(), "--data", table(), "--baselines",
		tmpdir_file("one.csv", "case,s,a,t,y\nx,train,1,a,no\n"));
	cr_assert(eq(int, c.rc, 65), "%s", c.err.data);
	cr_assert(says(&c.err, "one.csv"), "%s", c.err.data);
	capture_free(&c);
}

/* Where every target is the other way round, who learned from the scored cases would be right. */
Test(assay_cmd_eval, simple_methods_never_learn_from_the_cases_that_are_scored, .init = tn_init)
{
	struct as_buf csv = { 0 };
	struct json_t *doc = NULL;
	const struct json_t *record;
	struct capture c;

	as_buf_puts(&csv, "case,s,a,t,y\n");
	for (int i = 0; i < 60; i++) {
		as_buf_printf(&csv, "d%d,dev,%d,plain words,%s\n", i, i % 2 ? 10 + i % 7 : i % 5,
			      i % 2 ? "no" : "yes");
	}
	c = run(cmd_eval, "eval", trained(), "--data", tmpdir_file("other.csv", csv.data),
		"--baselines", table(), "--json");
	doc = scores_of(&c);
	record = io_json_find(io_json_find(doc, "baselines"), "record");
	cr_assert(epsilon_eq(dbl, io_json_find_num(record, "auc", 1), 0.0, 1e-9));
	io_json_free(doc);
	capture_free(&c);
	as_buf_free(&csv);
}

Test(assay_cmd_eval, a_masked_part_needs_no_column, .init = tn_init)
{
	const char *model = trained();
	const char *cases = tmpdir_file("less.csv", "case,a,y\nx,3,no\ny,14,yes\n");
	struct capture c =
	    run(cmd_eval, "eval", model, "--data", cases, "--without", "note", "--json");

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.out, "\"cases\":2"), "%s", c.out.data);
	capture_free(&c);
}

/* A number below closed_below.SHARE. */
static double closed_num(const struct json_t *doc, const char *share, const char *in,
			 const char *key)
{
	const struct json_t *of = io_json_find(io_json_find(doc, "closed_below"), share);

	return io_json_find_num(in != NULL ? io_json_find(of, in) : of, key, NAN);
}

Test(assay_cmd_eval, closed_heads_are_scored_beside_the_model_as_it_is, .init = tn_init)
{
	const char *model = trained();
	struct capture c = run(cmd_eval, "eval", model, "--data", table(), "--split", "dev",
			       "--json", "--gate-threshold", "0.001", "--gate-threshold", "1");
	struct json_t *doc = scores_of(&c);

	cr_assert(eq(dbl, io_json_find_num(io_json_find(doc, "heads"), "skipped", NAN), 0));
	cr_assert(eq(dbl, closed_num(doc, "0.001", "heads", "skipped"), 0));
	cr_assert(eq(dbl, closed_num(doc, "0.001", NULL, "difference"), 0));
	cr_assert(eq(dbl, closed_num(doc, "0.001", NULL, "log_loss"),
		     io_json_find_num(io_json_find(doc, "metrics"), "log_loss", NAN)));
	cr_assert(eq(dbl, closed_num(doc, "1", "heads", "skipped"), 1));
	cr_assert(ne(dbl, closed_num(doc, "1", NULL, "log_loss"),
		     io_json_find_num(io_json_find(doc, "metrics"), "log_loss", NAN)));
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "parts")), 2));
	io_json_free(doc);
	capture_free(&c);
	c = run(cmd_eval, "eval", model, "--data", table(), "--gate-threshold", "1");
	cr_assert(says(&c.out, "\nheads below 1 ") && says(&c.out, "\nskipped: 100.0 % of the"),
		  "%s", c.out.data);
	capture_free(&c);
}

Test(assay_cmd_eval, a_share_is_above_0_and_1_at_most, .init = tn_init)
{
	static const char *const wrong[] = { "0", "1.01", "-1", "x", "1e-60" };
	const char *line[2 * TR_SHARES_MAX + 8] = { "eval", trained(), "--data", table() };
	struct capture c;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		c = run(cmd_eval, "eval", line[1], "--data", line[3], "--gate-threshold", wrong[i]);
		cr_assert(eq(int, c.rc, 64), "%s", wrong[i]);
		cr_assert(says(&c.err, "want a number above 0, 1 at most"), "%s", c.err.data);
		capture_free(&c);
	}
	for (size_t i = 0; i <= TR_SHARES_MAX; i++) {
		line[4 + 2 * i] = "--gate-threshold";
		line[5 + 2 * i] = "0.5";
	}
	c = capture(cmd_eval, line);
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--gate-threshold: 17 of them, want 16 at most"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_eval, "eval", line[1], "--data", line[3], "--gate-threshold", "0.5",
		"--gate-threshold", "0.50000001");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--gate-threshold 0.50000001: given twice"), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_eval, a_part_may_be_missing_from_some_cases, .init = tn_init)
{
	const char *model = trained();
	struct capture c = run(cmd_eval, "eval", model, "--data", table(), "--split", "dev",
			       "--json", "--missing", "0.5", "--missing", "1");
	struct json_t *doc = scores_of(&c);
	const struct json_t *parts;
	const struct json_t *missing;

	parts = io_json_find(doc, "parts");
	missing = io_json_find(doc, "missing");
	cr_assert(eq(sz, io_json_len(parts), 2));
	cr_assert(eq(sz, io_json_len(missing), 2));
	cr_assert(eq(sz, io_json_len(io_json_find(missing, "note")), 2));
	/* all of the one gone is the other alone */
	cr_assert(
	    eq(dbl,
	       io_json_find_num(io_json_find(io_json_find(missing, "note"), "1"), "log_loss", NAN),
	       io_json_find_num(io_json_find(parts, "record"), "log_loss", 0)));
	io_json_free(doc);
	capture_free(&c);
	c = run(cmd_eval, "eval", model, "--data", table(), "--missing", "0.5");
	cr_assert(says(&c.out, "\na part missing from some of the cases\nrecord missing in 50 %"),
		  "%s", c.out.data);
	capture_free(&c);
	c = run(cmd_eval, "eval", model, "--data", table(), "--missing", "2");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--missing 2: want a number above 0, 1 at most"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_eval, "eval", model, "--data", table(), "--missing", "1", "--without", "note");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--missing: small is asked with one part only"), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_train, wrong_lines_are_refused_before_anything_is_read, .init = tn_init)
{
	const char *task = tmpdir_file("t.ini", small_ini);
	struct capture c = run(cmd_train, "train", task, "--out", "m");

	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--data: no table given"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_train, "train", task, "--data", "x", "--out", "m", "--folds", "2");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--folds 2: want 3"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_train, "train", task, "--data", "x", "--out", "m", "--retrain", "--missing",
		"1");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--missing: not with --retrain"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_train, "train", task, "--data", table(), "--out", "/absent/m");
	cr_assert(eq(int, c.rc, 73));
	cr_assert(says(&c.err, "cannot write /absent/m"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_train, "train", task, "--data", table(), "--out", tmpdir_path("m"), "--without",
		"notes");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "did you mean note?"), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_train, empty_columns_and_labels_are_said, .init = tn_init)
{
	static const char gaps[] = "[task]\nname = t\ntarget = y\nlabels = no, yes, never\n"
				   "[part.record]\nmodality = table\ncolumns = a, b\n";
	struct as_buf csv = { 0 };
	struct capture c;

	as_buf_puts(&csv, "a,b,y\n");
	for (int i = 0; i < 30; i++) {
		as_buf_printf(&csv, "%d,,%s\n", i, i % 2 ? "yes" : "no");
	}
	c = run(cmd_train, "train", tmpdir_file("t.ini", gaps), "--data",
		tmpdir_file("c.csv", csv.data), "--out", tmpdir_path("m"), "--epochs", "1");
	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.err, "part record: column b has no value in any case"), "%s", c.err.data);
	cr_assert(says(&c.err, "column y: no case has the label never"), "%s", c.err.data);
	as_buf_free(&csv);
	capture_free(&c);
}

Test(assay_cmd_train, folds_write_predictions_of_every_case, .init = tn_init)
{
	struct capture c = run(cmd_train, "train", tmpdir_file("t.ini", small_ini), "--data",
			       table(), "--out", tmpdir_path("m"), "--folds", "3", "--epochs", "2",
			       "--predictions", "-", "--json", "--threads", "1");

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.out, "\"folds\":[") && says(&c.out, "\"baselines\":{\"majority\""));
	cr_assert(says(&c.out, "case,fold,by,target,label,no,yes\n"), "%s", c.out.data);
	/* one line of JSON, the header, and 60 cases by seven: all, 2 parts, 4 baselines */
	cr_assert(eq(sz, lines(&c.out), 2 + 8 * 60));
	capture_free(&c);
}
