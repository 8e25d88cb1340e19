/* SPDX-License-Identifier: Apache-2.0
 * assay compress on the phantom cases' model; the student is judged in process and by a daemon. */
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdlib.h>
#include <unistd.h>

TestSuite(e2e_compress, .timeout = 300);

static int compress(struct proc *p, const char *data, const char *out, const char *max_loss)
{
	proc_start(p,
		   (const char *const[]){ "assay", "compress", world_model(), "--data", data,
					  "--out", out, "--threads", "2", "--epochs", "2",
					  "--max-loss", max_loss, NULL },
		   NULL);
	return proc_wait(p, 5 * PROC_MS);
}

/* Weights of the row of this name. */
static double weights(const struct proc *p, const char *name)
{
	const char *row = strstr(p->out.data, world_format("\n%s ", name));

	cr_assert(row != NULL, "%s", p->out.data);
	return strtod(row + 1 + strlen(name), NULL);
}

Test(e2e_compress, student_is_small_reproducible_and_served_as_it_judges)
{
	const char *student = tmpdir_path("student.safetensors");
	const char *data = BUILD_DIR "/e2e/train/cases.csv";
	struct as_buf file[2] = { { 0 }, { 0 } };
	struct as_err e = { 0 };
	struct proc p;
	struct proc judge;
	struct world w;
	const char *line;
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		cr_assert(eq(int, compress(&p, data, student, "100"), 0), "%s", p.err.data);
		cr_assert(le(dbl, weights(&p, "student"), 0.2 * weights(&p, "teacher")));
		proc_free(&p);
		ok(io_read_file(student, 64 << 20, &file[i], &e));
	}
	cr_assert(file[0].len == file[1].len &&
		  memcmp(file[0].data, file[1].data, file[0].len) == 0);
	as_buf_free(&file[0]);
	as_buf_free(&file[1]);
	cr_assert(eq(int,
		     proc_run(&judge, "assay", "judge", student, "--data", world_cases(), "--json"),
		     0),
		  "%s", judge.err.data);
	world_start(&w, world_settings("assayd.ini", world_format("[stream.s]\nmodel = %s\n"
								  "deadline_ms = 600000\n",
								  student)));
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "s", "--data", world_cases(),
			      "--wait", "--json"),
		     0),
		  "%s", p.err.data);
	while ((line = proc_line(&judge, PROC_MS)) != NULL) {
		const double here = world_num(world_json(line), "data.probability");
		const struct json_t *there = world_json(proc_line(&p, PROC_MS));

		cr_assert(epsilon_eq(dbl, world_num(there, "data.probability"), here, 1e-6), "%s",
			  line);
		n++;
	}
	cr_assert(eq(sz, n, (size_t)WORLD_CASES));
	proc_free(&judge);
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_compress, what_cannot_be_compared_or_loses_too_much_is_refused)
{
	const char *out = tmpdir_path("student.safetensors");
	const char *task = tmpdir_file("task.ini", "[task]\nname = n\ntarget = y\nkind = value\n"
						   "[part.a]\nmodality = text\ncolumn = t\n");
	struct as_buf csv = { 0 };
	struct proc p;

	cr_assert(eq(int, compress(&p, world_cases(), out, "100"), 64), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "not the table"), NULL), "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "compress", world_model(), "--data", "x", "--out", out,
			      "--importance", "guess"),
		     64));
	cr_assert(ne(ptr, strstr(p.err.data, "--importance guess"), NULL), "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "compress", world_model(), "--data", "x", "--out", out,
			      "--order", "hard"),
		     64));
	cr_assert(ne(ptr, strstr(p.err.data, "--order hard"), NULL), "%s", p.err.data);
	proc_free(&p);
	/* Ten kinds of words tell the value; one row for all of them cannot. */
	as_buf_puts(&csv, "case,t,y\n");
	for (int i = 0; i < 200; i++) {
		as_buf_printf(&csv, "c%d,word%c,%d\n", i, 'a' + i * 7 % 10, i * 7 % 10);
	}
	(void)tmpdir_file("cases.csv", csv.data);
	as_buf_free(&csv);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "train", task, "--data", tmpdir_path("cases.csv"),
			      "--out", tmpdir_path("teacher"), "--threads", "2"),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "compress", tmpdir_path("teacher"), "--data",
			      tmpdir_path("cases.csv"), "--out", out, "--importance", "random",
			      "--size", "0.1", "--epochs", "1", "--max-loss", "0.5"),
		     65),
		  "%s%s", p.out.data, p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "points of r2"), NULL), "%s", p.err.data);
	cr_assert(ne(int, access(out, F_OK), 0), "nothing is written");
	proc_free(&p);
}

/* Nothing of a network of width 8 can be in int8: it is compressed all the same, in float32. */
Test(e2e_compress, student_too_small_for_int8_is_written_as_it_is)
{
	const char *task =
	    tmpdir_file("task.ini", "[task]\nname = n\ntarget = y\nkind = value\n"
				    "[part.a]\nmodality = table\ncolumns = t:number\n"
				    "[model]\nwidth = 8\nheads = 2\ntext_embed = 8\n");
	const char *teacher = tmpdir_path("teacher");
	const char *out = tmpdir_path("student");
	struct as_buf csv = { 0 };
	const char *data;
	struct proc p;

	as_buf_puts(&csv, "case,t,y\n");
	for (int i = 0; i < 60; i++) {
		as_buf_printf(&csv, "c%d,%d,%d\n", i, i, i);
	}
	data = tmpdir_file("cases.csv", csv.data);
	as_buf_free(&csv);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "train", task, "--data", data, "--out", teacher,
			      "--epochs", "2"),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "compress", teacher, "--data", data, "--out", out,
			      "--size", "0.9", "--epochs", "2", "--max-loss", "100", "--int8"),
		     65),
		  "%s", p.out.data);
	cr_assert(ne(ptr, strstr(p.err.data, "--int8: the student has no matrix"), NULL), "%s",
		  p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "compress", teacher, "--data", data, "--out", out,
			      "--size", "0.9", "--epochs", "2", "--max-loss", "100"),
		     0),
		  "%s", p.err.data);
	cr_assert(eq(ptr, strstr(p.out.data, "int8"), NULL), "%s", p.out.data);
	cr_assert(zero(int, access(out, F_OK)));
	proc_free(&p);
}
