/* SPDX-License-Identifier: Apache-2.0
 * cmd_judge_test.c - train, eval, judge and quantize as a person calls them. */
#include "core/base/buf.h"
#include "core/io/json.h"
#include "core/io/model.h"
#include "core/tensor/gemm.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"
#include "tests/tools/assay/capture.h"
#include "tools/assay/cmd.h"
#include "train/heads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char ini[] = "[task]\nname = small\ntarget = y\nlabels = no, yes\nsplit = s\n"
			  "[part.record]\nmodality = table\ncolumns = a:number\n"
			  "[part.note]\nmodality = text\ncolumn = t\n"
			  "[model]\nwidth = 16\nheads = 2\ntext_buckets = 256\n"
			  "[train]\nrate = 0.003\n";

/* 60 cases to train on and 8 of a split "dev"; y is told by a. */
static const char *table(void)
{
	struct as_buf b = { 0 };
	const char *path;

	as_buf_puts(&b, "case,s,a,t,y\n");
	for (int i = 0; i < 68; i++) {
		as_buf_printf(&b, "c%d,%s,%d,%s,%s\n", i, i < 60 ? "train" : "dev",
			      i % 2 ? 10 + i % 7 : i % 5, i % 3 ? "plain words" : "",
			      i % 2 ? "yes" : "no");
	}
	path = tmpdir_file("cases.csv", b.data);
	as_buf_free(&b);
	return path;
}

#define run(cmd, ...) capture(cmd, (const char *const[]){ __VA_ARGS__, NULL })

static const char *trained(void)
{
	const char *model = tmpdir_path("m.safetensors");
	struct capture c = run(cmd_train, "train", tmpdir_file("t.ini", ini), "--data", table(),
			       "--out", model, "--epochs", "6", "--threads", "1");

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	capture_free(&c);
	return model;
}

static bool says(const struct as_buf *b, const char *text)
{
	return strstr(b->data, text) != NULL;
}

static size_t lines(const struct as_buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		n += b->data[i] == '\n';
	}
	return n;
}

Test(assay_cmd_judge, every_case_of_a_table_gets_a_line, .init = tn_init)
{
	struct capture c = run(cmd_judge, "judge", trained(), "--data", table(), "--json");
	struct json_t *doc = NULL;
	struct as_err e = { 0 };
	const struct json_t *data;

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(eq(sz, lines(&c.out), 68));
	ok(io_json_parse(c.out.data, (size_t)(strchr(c.out.data, '\n') - c.out.data), "line", &doc,
			 &e));
	data = io_json_find(doc, "data");
	same(io_json_find_str(doc, "type", ""), "io.assay.judgment.v1");
	same(io_json_find_str(doc, "subject", ""), "c0");
	same(io_json_find_str(data, "kind", ""), "result");
	cr_assert(eq(sz, io_json_len(io_json_find(data, "labels")), 2));
	same(io_json_str(io_json_at(io_json_find(data, "missing"), 0)), "note");
	io_json_free(doc);
	capture_free(&c);
}

Test(assay_cmd_judge, one_case_from_the_files_of_its_parts, .init = tn_init)
{
	const char *model = trained();
	struct as_buf record = { 0 };
	struct as_buf note = { 0 };
	struct capture c;

	as_buf_printf(&record, "record=%s", tmpdir_file("r.csv", "a\n12\n"));
	as_buf_printf(&note, "note=%s", tmpdir_file("n.txt", "plain words"));
	c = run(cmd_judge, "judge", model, "--part", record.data, "--part", note.data, "--case",
		"mine");
	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.out, "mine\n  yes  "), "%s", c.out.data);
	cr_assert(says(&c.out, "record  ") && says(&c.out, "alone: yes"), "%s", c.out.data);
	capture_free(&c);
	c = run(cmd_judge, "judge", model, "--part", "recrod=x");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "did you mean \"record\""), "%s", c.err.data);
	capture_free(&c);
	as_buf_free(&record);
	as_buf_free(&note);
}

Test(assay_cmd_judge, a_bad_case_is_rejected_and_the_others_are_judged, .init = tn_init)
{
	const char *model = trained();
	const char *cases = tmpdir_file("bad.csv", "case,a,t\nx,3,!\ny,4,fine\n,4,fine\n");
	struct capture c = run(cmd_judge, "judge", model, "--data", cases, "--json");

	cr_assert(eq(int, c.rc, 65));
	cr_assert(eq(sz, lines(&c.out), 3), "%s", c.out.data);
	cr_assert(says(&c.err, "1 of 3 cases were rejected"), "%s", c.err.data);
	cr_assert(says(&c.out, "\"subject\":\"line 4\",\"data\":{\"kind\":\"rejected\""), "%s",
		  c.out.data);
	cr_assert(says(&c.out, "has no id"), "%s", c.out.data);
	capture_free(&c);
}

Test(assay_cmd_judge, bytes_that_are_not_utf_8_are_counted_in_tables_and_files, .init = tn_init)
{
	const char *model = trained();
	const char *text = tmpdir_file("note.txt", "a \xff\xfe mass");
	char part[256];
	struct capture c;

	(void)snprintf(part, sizeof part, "note=%s", text);
	c = run(cmd_judge, "judge", model, "--part", part);
	cr_assert(eq(int, c.rc, 0));
	cr_assert(says(&c.err, "2 bytes were not UTF-8"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_judge, "judge", model, "--data",
		tmpdir_file("bad.csv", "case,a,t\nx,1,a \xff b\n"));
	cr_assert(eq(int, c.rc, 0));
	cr_assert(says(&c.err, "1 bytes were not UTF-8"), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_judge, a_table_without_cases_is_said, .init = tn_init)
{
	struct capture c =
	    run(cmd_judge, "judge", trained(), "--data", tmpdir_file("none.csv", "case,a,t\n"));

	cr_assert(eq(int, c.rc, 0));
	cr_assert(says(&c.err, "no case, only a header"), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_judge, a_part_without_its_column_needs_without, .init = tn_init)
{
	const char *model = trained();
	const char *cases = tmpdir_file("less.csv", "case,a\nx,3\n");
	struct capture c = run(cmd_judge, "judge", model, "--data", cases);

	cr_assert(eq(int, c.rc, 65));
	cr_assert(says(&c.err, "no column \"t\"") && says(&c.err, "--without note"), "%s",
		  c.err.data);
	capture_free(&c);
	c = run(cmd_judge, "judge", model, "--data", cases, "--without", "note");
	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.out, "missing"), "%s", c.out.data);
	capture_free(&c);
}

Test(assay_cmd_judge, a_truncated_model_is_refused, .init = tn_init)
{
	struct capture c =
	    run(cmd_judge, "judge", tmpdir_file("cut", "\x10"), "--part", "record=x");

	cr_assert(eq(int, c.rc, 65));
	capture_free(&c);
	c = run(cmd_judge, "judge", tmpdir_path("absent"), "--part", "record=x");
	cr_assert(eq(int, c.rc, 66));
	cr_assert(says(&c.err, "absent"), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_eval, a_split_is_scored, .init = tn_init)
{
	struct capture c =
	    run(cmd_eval, "eval", trained(), "--data", table(), "--split", "dev", "--json");
	struct json_t *doc = NULL;
	struct as_err e = { 0 };

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	ok(io_json_parse(c.out.data, c.out.len, "scores", &doc, &e));
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
	struct json_t *doc = NULL;
	struct as_err e = { 0 };

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	ok(io_json_parse(c.out.data, c.out.len, "scores", &doc, &e));
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
	const char *line[2 * TR_GATES_MAX + 8] = { "eval", trained(), "--data", table() };
	struct capture c;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		c = run(cmd_eval, "eval", line[1], "--data", line[3], "--gate-threshold", wrong[i]);
		cr_assert(eq(int, c.rc, 64), "%s", wrong[i]);
		cr_assert(says(&c.err, "want a number above 0, 1 at most"), "%s", c.err.data);
		capture_free(&c);
	}
	for (size_t i = 0; i <= TR_GATES_MAX; i++) {
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

Test(assay_cmd_train, wrong_lines_are_refused_before_anything_is_read, .init = tn_init)
{
	const char *task = tmpdir_file("t.ini", ini);
	struct capture c = run(cmd_train, "train", task, "--out", "m");

	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--data: no table given"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_train, "train", task, "--data", "x", "--out", "m", "--folds", "2");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--folds 2: want 3"), "%s", c.err.data);
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
	struct capture c = run(cmd_train, "train", tmpdir_file("t.ini", ini), "--data", table(),
			       "--out", tmpdir_path("m"), "--folds", "3", "--epochs", "2",
			       "--predictions", "-", "--json", "--threads", "1");

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.out, "\"folds\":[") && says(&c.out, "\"baselines\":{\"majority\""));
	cr_assert(says(&c.out, "case,fold,by,target,label,no,yes\n"), "%s", c.out.data);
	/* one line of JSON, the header, and 60 cases by seven: all, 2 parts, 4 baselines */
	cr_assert(eq(sz, lines(&c.out), 2 + 7 * 60));
	capture_free(&c);
}

static const char *quantized(const char *model)
{
	const char *small = tmpdir_path("m.int8.safetensors");
	struct capture c = run(cmd_quantize, "quantize", model, "--out", small, "--data", table(),
			       "--split", "dev");

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(says(&c.out, "small: 8 cases\n") && says(&c.out, "\nfp32 "), "%s", c.out.data);
	cr_assert(says(&c.out, "auc - fp32") && says(&c.out, "\nint8 "), "%s", c.out.data);
	cr_assert(says(&c.out, "m.int8.safetensors: ") && says(&c.out, " tensors in int8, "), "%s",
		  c.out.data);
	capture_free(&c);
	return small;
}

/* "labels" of the case among judgments, as they stand there; free. */
static char *labels_of(const struct as_buf *lines, const char *id)
{
	char key[64];
	const char *at;
	const char *labels;

	(void)snprintf(key, sizeof key, "\"subject\":\"%s\"", id);
	at = strstr(lines->data, key);
	labels = at != NULL ? strstr(at, "\"labels\":{") : NULL;
	cr_assert(labels != NULL, "no %s in %s", id, lines->data);
	return as_strndup(labels, strcspn(labels, "}"));
}

static double yes_of(const struct as_buf *lines, const char *id)
{
	char *labels = labels_of(lines, id);
	const double p = strtod(strstr(labels, "\"yes\":") + 6, NULL);

	free(labels);
	return p;
}

Test(assay_cmd_quantize, int8_judges_nearly_as_floats_do_and_alone_as_among_others, .init = tn_init)
{
	const char *model = trained();
	const char *small = quantized(model);
	struct capture whole = run(cmd_judge, "judge", model, "--data", table(), "--json");
	struct capture c = run(cmd_judge, "judge", small, "--data", table(), "--json");
	struct capture alone =
	    run(cmd_judge, "judge", small, "--data",
		tmpdir_file("one.csv", "case,a,t\nc7,10,plain words\n"), "--json");
	char *got;
	char *want;
	double most = 0;

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(eq(sz, lines(&c.out), 68));
	for (int i = 0; i < 68; i++) {
		char id[8];

		(void)snprintf(id, sizeof id, "c%d", i);
		most = fmax(most, fabs(yes_of(&c.out, id) - yes_of(&whole.out, id)));
	}
	cr_assert(lt(dbl, most, 0.02));
	cr_assert(lt(dbl, 0, most), "int8 is not what judged");
	got = labels_of(&alone.out, "c7");
	want = labels_of(&c.out, "c7");
	same(got, want);
	free(got);
	free(want);
	capture_free(&whole);
	capture_free(&alone);
	capture_free(&c);
}

static void set(char *file, const struct io_model *m, const char *name, size_t i, float v)
{
	const struct io_tensor *t = io_model_find(m, name);

	cr_assert(ne(ptr, (void *)t, NULL), "%s", name);
	memcpy(file + ((const char *)t->data - (const char *)m->file.data) + i * sizeof v, &v,
	       sizeof v);
}

/* The same judgments in floats: a feature that is always 0 has great weights. Rows in int8 know
 * nothing beside them. */
static const char *spoiled(const char *path)
{
	static const char *const part[][2] = { { "record", "table" }, { "note", "text" } };
	const char *out = tmpdir_path("spoiled.safetensors");
	struct as_buf file = { 0 };
	struct io_model m;
	struct as_err e;

	ok(io_model_open(&m, path, &e));
	as_buf_put(&file, m.file.data, m.file.size);
	for (size_t k = 0; k < 2; k++) {
		char name[96];

		(void)snprintf(name, sizeof name, "%s.norm.gamma", part[k][1]);
		set(file.data, &m, name, 0, 0.0F);
		(void)snprintf(name, sizeof name, "%s.norm.beta", part[k][1]);
		set(file.data, &m, name, 0, 0.0F);
		(void)snprintf(name, sizeof name, "fusion.part.%s.align.gamma", part[k][0]);
		set(file.data, &m, name, 0, 0.0F);
		(void)snprintf(name, sizeof name, "fusion.part.%s.project.w", part[k][0]);
		for (size_t o = 0; o < 16; o++) {
			set(file.data, &m, name, o * 16, 1e6F);
		}
	}
	ok(io_write_file(out, file.data, file.len, 0644, &e));
	as_buf_free(&file);
	io_model_close(&m);
	return out;
}

Test(assay_cmd_quantize, a_loss_beyond_the_limit_is_refused_and_nothing_written, .init = tn_init)
{
	const char *model = spoiled(trained());
	const char *small = tmpdir_path("small");
	struct capture c = run(cmd_quantize, "quantize", model, "--out", small, "--data", table());

	cr_assert(eq(int, c.rc, 65), "%s", c.out.data);
	cr_assert(says(&c.err, "int8 loses ") && says(&c.err, " points of auc"), "%s", c.err.data);
	cr_assert(says(&c.err, "--max-loss is 0.5"), "%s", c.err.data);
	cr_assert(says(&c.out, "\nint8 "), "%s", c.out.data);
	cr_assert(zero(ptr, fopen(small, "r")));
	capture_free(&c);
	c = run(cmd_quantize, "quantize", model, "--out", small, "--data", table(), "--max-loss",
		"100");
	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_quantize, wrong_lines_and_files_are_named, .init = tn_init)
{
	const char *model = trained();
	const char *small = quantized(model);
	struct capture c = run(cmd_quantize, "quantize", model);

	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--out: no file given"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_quantize, "quantize", model, "--out", small, "--split", "dev");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--split needs --data"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_quantize, "quantize", model, "--out", small, "--max-loss", "half");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--max-loss half: want a number from 0 to 100"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_quantize, "quantize", small, "--out", tmpdir_path("twice"));
	cr_assert(eq(int, c.rc, 65));
	cr_assert(says(&c.err, "m.int8.safetensors: is quantized already"), "%s", c.err.data);
	capture_free(&c);
	c = run(cmd_quantize, "quantize", model, "--out", small, "--data",
		tmpdir_file("one.csv", "case,a,t,y\nx,1,,yes\n"));
	cr_assert(eq(int, c.rc, 65));
	cr_assert(says(&c.err, "these cases have no auc"), "%s", c.err.data);
	capture_free(&c);
}
