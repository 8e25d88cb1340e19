/* SPDX-License-Identifier: Apache-2.0
 * Models in service: changed by a reload, overwritten on disk, of every kind of task. */
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>

TestSuite(e2e_model, .timeout = 300);

static const char *serve(const char *stream, const char *model)
{
	return world_settings(
	    "assayd.ini",
	    world_format("[stream.%s]\nmodel = %s\ndeadline_ms = 600000\n", stream, model));
}

static void run(const char *const *argv)
{
	struct proc p;

	proc_start(&p, argv, NULL);
	cr_assert(eq(int, proc_wait(&p, 5 * PROC_MS), 0), "%s", p.err.data);
	proc_free(&p);
}

/* A model of another seed. */
static const char *other_model(void)
{
	const char *path = tmpdir_path("other.safetensors");

	(void)world_model();
	run((const char *const[]){ "assay", "train", SOURCE_DIR "/examples/breast/phantom.ini",
				   "--data", BUILD_DIR "/e2e/train/cases.csv", "--out", path,
				   "--epochs", "1", "--seed", "7", NULL });
	return path;
}

static const char *part(const char *name, int n)
{
	return world_format("%s=%s", name, world_part(name, n));
}

/* The digest of the model that judged the only line of p. */
static const char *judged_by(struct proc *p)
{
	return world_format("%s",
			    world_text(world_json(proc_line(p, PROC_MS)), "data.model.sha256"));
}

Test(e2e_model, case_stays_with_the_model_it_began_with)
{
	const char *first = tmpdir_path("first.safetensors");
	struct as_buf model = { 0 };
	struct as_err e = { 0 };
	struct proc p;
	struct world w;
	const char *old;
	const char *new;

	ok(io_read_file(world_model(), 64 << 20, &model, &e));
	ok(io_write_file(first, model.data, model.len, 0644, &e));
	(void)other_model();
	world_start(&w, serve("s", first));
	same(world_ask(&w, "TASK", "{\"stream\":\"s\"}"), "TASK");
	old = world_format("%s", world_text(w.answer.doc, "model.sha256"));
	run((const char *const[]){ "assay", "submit", "--stream", "s", "--case", "a", "--part",
				   part("report", 1), "--more", NULL });
	(void)serve("s", tmpdir_path("other.safetensors"));
	proc_signal(&w.daemon, SIGHUP);
	do {
		same(world_ask(&w, "TASK", "{\"stream\":\"s\"}"), "TASK");
		new = world_format("%s", world_text(w.answer.doc, "model.sha256"));
	} while (strcmp(new, old) == 0);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "s", "--case", "a", "--part",
			      part("scan", 1), "--part", part("findings", 1), "--wait", "--json"),
		     0));
	same(judged_by(&p), old);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "s", "--case", "b", "--part",
			      part("scan", 1), "--wait", "--json"),
		     0));
	same(judged_by(&p), new);
	proc_free(&p);
	as_buf_free(&model);
	world_stop(&w);
}

Test(e2e_model, file_that_is_overwritten_harms_nobody)
{
	const char *path = tmpdir_path("model.safetensors");
	struct as_buf model = { 0 };
	struct as_err e = { 0 };
	struct proc p;
	struct world w;
	FILE *f;

	ok(io_read_file(world_model(), 64 << 20, &model, &e));
	ok(io_write_file(path, model.data, model.len, 0644, &e));
	as_buf_free(&model);
	world_start(&w, serve("s", path));
	f = fopen(path, "w"); /* the same file, empty now: a map of it would be SIGBUS */
	cr_assert(f != NULL && fclose(f) == 0);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "s", "--data", world_cases(),
			      "--wait", "--json"),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	world_stop(&w);
}

/* 40 rows: x from 0 to 39, y = 2 x + 1, which of odd and big x is, notes on two pages. */
static const char *numbers(void)
{
	struct as_buf csv = { 0 };
	const char *path;

	as_buf_puts(&csv, "case,x,y,which,pages\n");
	for (int x = 0; x < 40; x++) {
		const char *odd = x % 2 ? "odd" : "";
		const char *big = x >= 20 ? "big" : "";
		const char *name = world_format("page-%d.csv", x);

		(void)tmpdir_file(name, world_format("name,a,b\nfirst,%d,%s\nsecond,%d,x\n", x,
						     x >= 20 ? "high" : "low", 40 - x));
		as_buf_printf(&csv, "n%d,%d,%d,%s%s%s,%s;%s\n", x, x, 2 * x + 1, odd,
			      odd[0] && big[0] ? ";" : "", big, name, name);
	}
	path = tmpdir_file("numbers.csv", csv.data);
	as_buf_free(&csv);
	return path;
}

/* Trains, serves, and returns the judgments of all cases in p. */
static void judge_numbers(struct world *w, struct proc *p, const char *task)
{
	const char *model = tmpdir_path("numbers.safetensors");

	run((const char *const[]){ "assay", "train", tmpdir_file("task.ini", task), "--data",
				   numbers(), "--out", model, "--epochs", "15", NULL });
	world_start(w, serve("numbers", model));
	cr_assert(eq(int,
		     proc_run(p, "assay", "submit", "--stream", "numbers", "--data", numbers(),
			      "--wait", "--json"),
		     0),
		  "%s", p->err.data);
}

Test(e2e_model, value_is_served_in_its_own_unit)
{
	struct world w;
	struct proc p;
	const char *line;
	size_t n = 0;

	judge_numbers(&w, &p,
		      "[task]\nname = n\ntarget = y\nkind = value\n[part.findings]\n"
		      "modality = table\ncolumns = x:number\n");
	while ((line = proc_line(&p, PROC_MS)) != NULL) {
		const struct json_t *doc = world_json(line);
		const double v = world_num(doc, "data.value");

		cr_assert(v > -80 && v < 160, "%s", line);
		same(world_text(doc, "data.label"), "");
		n++;
	}
	cr_assert(eq(sz, n, (size_t)40));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_model, several_labels_have_a_threshold_each)
{
	struct world w;
	struct proc p;
	const char *line;
	size_t n = 0;

	judge_numbers(&w, &p,
		      "[task]\nname = n\ntarget = which\nkind = multi\nlabels = odd, big\n"
		      "[part.findings]\nmodality = table\ncolumns = x:number\n");
	while ((line = proc_line(&p, PROC_MS)) != NULL) {
		const struct json_t *doc = world_json(line);

		cr_assert(io_json_is_arr(world_at(doc, "data.label")), "%s", line);
		cr_assert(eq(sz, io_json_len(world_at(doc, "data.labels")), (size_t)2));
		cr_assert(eq(sz, io_json_len(world_at(doc, "data.thresholds")), (size_t)2));
		n++;
	}
	cr_assert(eq(sz, n, (size_t)40));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_model, sheets_of_several_pages_are_served)
{
	struct world w;
	struct proc p;

	judge_numbers(&w, &p,
		      "[task]\nname = n\ntarget = x\nkind = value\n[part.findings]\n"
		      "modality = table\ncolumn = pages\nrepeat = 2\n");
	cr_assert(ne(ptr, strstr(p.err.data, "40 accepted"), NULL), "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "status", "--json"), 0));
	cr_assert(ne(ptr, strstr(p.out.data, "\"last\":40"), NULL), "%s", p.out.data);
	proc_free(&p);
	world_stop(&w);
}
