/* SPDX-License-Identifier: Apache-2.0
 * cmd_judge_test.c - judge and quantize as a person calls them. */
#include "core/io/json.h"
#include "core/io/model.h"
#include "core/tensor/gemm.h"
#include "tests/tools/assay/small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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
