/* SPDX-License-Identifier: Apache-2.0
 * The main path: what the daemon says is what `assay judge` says, numbered, chained and kept. */
#include "core/io/digest.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdlib.h>

TestSuite(e2e_path, .timeout = 300);

/* The members of "data" that come from the model stand together: from label to model. */
static char *verdict(const char *line)
{
	const char *from = strstr(line, "\"label\":");
	const char *model = strstr(line, "\"model\":{");
	const char *to = model ? strchr(model, '}') : NULL;

	cr_assert(from != NULL && to != NULL && from < to, "%s", line);
	return as_strndup(from, (size_t)(to - from));
}

static const char *const SUBMIT[] = { "assay",  "submit", "--stream", "breast",
				      "--wait", "--json", "--data",   NULL };

static void submit_all(struct proc *p)
{
	const char *argv[16] = { 0 };

	memcpy(argv, SUBMIT, sizeof SUBMIT);
	argv[sizeof SUBMIT / sizeof *SUBMIT - 1] = world_cases();
	proc_start(p, argv, NULL);
	cr_assert(eq(int, proc_wait(p, PROC_MS), 0), "%s", p->err.data);
}

/* The verdict on a case among lines of judgments. */
static char *find(struct proc *p, const char *id)
{
	const char *line;

	p->line_at = 0;
	while ((line = proc_line(p, PROC_MS)) != NULL) {
		char *found = verdict(line);
		const bool it = strcmp(world_text(world_json(line), "subject"), id) == 0;

		p->out.data[p->line_at - 1] = '\n'; /* to be read again */
		if (it) {
			return found;
		}
		free(found);
	}
	cr_assert(false, "%s is not judged", id);
	return NULL;
}

/* The daemon's verdicts on all cases are those of `assay judge`. */
static void judged_alike(const char *model)
{
	struct proc judge;
	struct proc submit;
	const char *line;
	size_t cases = 0;

	submit_all(&submit);
	cr_assert(eq(int,
		     proc_run(&judge, "assay", "judge", model, "--data", world_cases(), "--json"),
		     0),
		  "%s", judge.err.data);
	while ((line = proc_line(&judge, PROC_MS)) != NULL) {
		char *want = verdict(line);
		char *got = find(&submit, world_text(world_json(line), "subject"));

		same(got, want);
		free(got);
		free(want);
		cases++;
	}
	cr_assert(eq(sz, cases, (size_t)WORLD_CASES));
	proc_free(&judge);
	proc_free(&submit);
}

Test(e2e_path, daemon_judges_as_judge_does)
{
	struct world w;

	world_start_plain(&w);
	judged_alike(world_model());
	world_stop(&w);
}

/* A daemon on the int8 form of world_model(), on a processor of these instructions (NULL: as it is)
 * beside a judge on this one's. */
static void int8_judged_alike(const char *instructions)
{
	const char *small = tmpdir_path("int8.safetensors");
	struct proc p;
	struct world w;

	cr_assert(eq(int, proc_run(&p, "assay", "quantize", world_model(), "--out", small), 0),
		  "%s", p.err.data);
	proc_free(&p);
	if (instructions != NULL) {
		(void)setenv("ONEDNN_MAX_CPU_ISA", instructions, 1);
	}
	world_start(
	    &w, world_settings(
		    "assayd.ini",
		    world_format("[stream.breast]\nmodel = %s\ndeadline_ms = 600000\n", small)));
	(void)unsetenv("ONEDNN_MAX_CPU_ISA");
	judged_alike(small);
	world_stop(&w);
}

Test(e2e_path, daemon_judges_in_int8_as_judge_does)
{
	int8_judged_alike(NULL);
}

Test(e2e_path, int8_judgments_are_the_same_bits_without_integer_units)
{
	int8_judged_alike("SSE41");
}

Test(e2e_path, judgments_are_numbered_and_chained)
{
	char before[IO_DIGEST_SIZE];
	struct world w;
	struct proc p;
	const char *line;

	memset(before, '0', 64);
	before[64] = '\0';
	world_start_plain(&w);
	submit_all(&p);
	proc_free(&p);
	cr_assert(
	    eq(int, proc_run(&p, "assay", "watch", "--stream", "breast", "--count", "10", "--json"),
	       0));
	for (int seq = 1; seq <= WORLD_CASES; seq++) {
		const struct json_t *doc;

		line = proc_line(&p, PROC_MS);
		doc = world_json(line);
		cr_assert(eq(dbl, world_num(doc, "data.seq"), (double)seq));
		same(world_text(doc, "data.prev"), before);
		same(world_text(doc, "type"), "io.assay.judgment.v1");
		same(world_text(doc, "data.kind"), "result");
		same(world_text(doc, "data.stream"), "breast");
		io_digest(line, strlen(line), before);
	}
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_path, get_gives_what_was_published)
{
	struct world w;
	struct proc p;
	struct proc watch;
	const char *line;

	world_start_plain(&w);
	submit_all(&p);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&watch, "assay", "watch", "--count", "10", "--json"), 0));
	while ((line = proc_line(&watch, PROC_MS)) != NULL) {
		const char *id = world_text(world_json(line), "subject");

		cr_assert(eq(
		    int, proc_run(&p, "assay", "get", "--stream", "breast", "--case", id, "--json"),
		    0));
		same(proc_line(&p, PROC_MS), line);
		proc_free(&p);
	}
	cr_assert(
	    eq(int, proc_run(&p, "assay", "get", "--stream", "breast", "--case", "P2-0003"), 0));
	cr_assert(ne(ptr, strstr(p.out.data, "P2-0003"), NULL), "%s", p.out.data);
	proc_free(&p);
	cr_assert(
	    eq(int, proc_run(&p, "assay", "get", "--stream", "breast", "--case", "nobody"), 66));
	proc_free(&p);
	proc_free(&watch);
	world_stop(&w);
}

Test(e2e_path, judgments_survive_a_restart)
{
	struct as_buf first = { 0 };
	struct world w;
	struct proc p;

	world_start_plain(&w);
	submit_all(&p);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "watch", "--count", "10", "--json"), 0));
	as_buf_puts(&first, p.out.data);
	proc_free(&p);
	world_stop(&w);
	world_start_plain(&w);
	cr_assert(eq(int, proc_run(&p, "assay", "watch", "--count", "10", "--json"), 0));
	same(p.out.data, first.data);
	proc_free(&p);
	submit_all(&p); /* the same cases again: no second judgment */
	cr_assert(ne(ptr, strstr(p.err.data, "10 accepted (10 of them known before)"), NULL), "%s",
		  p.err.data);
	proc_free(&p);
	same(world_ask(&w, "STATUS", NULL), "STATUS");
	cr_assert(eq(
	    dbl, io_json_find_num(io_json_at(io_json_find(w.answer.doc, "streams"), 0), "last", -1),
	    10.0));
	as_buf_free(&first);
	world_stop(&w);
}
