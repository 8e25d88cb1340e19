/* SPDX-License-Identifier: Apache-2.0
 * Submitting: cases in pieces, twice, wrongly, too late; deadlines and missing parts. */
#include "core/io/digest.h"
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <unistd.h>

TestSuite(e2e_submit, .timeout = 300);

static const char *part_arg(const char *part, int n)
{
	return world_format("%s=%s", part, world_part(part, n));
}

/* SUBMIT of one text part with the given bytes; returns the verb of the answer. */
static const char *report(struct world *w, const char *id, const char *more, const char *text)
{
	char digest[IO_DIGEST_SIZE];
	struct as_buf json = { 0 };
	struct as_err e = { 0 };
	struct bus_frame bytes = { .data = text, .size = strlen(text) };
	const struct bus_say say = { "SUBMIT", &json, &bytes, 1 };

	io_digest(text, strlen(text), digest);
	as_buf_printf(&json,
		      "{\"stream\":\"breast\",\"case\":\"%s\"%s,\"parts\":[{\"name\":\"report\","
		      "\"page\":0,\"type\":\"text/plain; charset=utf-8\",\"size\":%zu,"
		      "\"sha256\":\"%s\"}]}",
		      id, more, strlen(text), digest);
	bus_call_free(&w->answer);
	ok(bus_request(w->front, &say, PROC_MS, &w->msg, &w->answer, &e));
	as_buf_free(&json);
	return w->answer.verb;
}

Test(e2e_submit, case_closes_when_all_parts_are_there)
{
	struct world w;
	struct proc p;

	world_start_plain(&w);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--case", "a", "--part",
			      part_arg("report", 1), "--more"),
		     0));
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "get", "--stream", "breast", "--case", "a"), 75));
	cr_assert(ne(ptr, strstr(p.out.data, "scan: not submitted"), NULL), "%s", p.out.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--case", "a", "--part",
			      part_arg("scan", 1), "--part", part_arg("findings", 1), "--more",
			      "--wait", "--json"),
		     0));
	cr_assert(
	    zero(sz, io_json_len(world_at(world_json(proc_line(&p, PROC_MS)), "data.missing"))));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_submit, complete_masks_what_is_missing)
{
	struct world w;
	struct proc p;
	const struct json_t *doc;

	world_start_plain(&w);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--case", "a", "--part",
			      part_arg("report", 1), "--wait", "--json"),
		     0));
	doc = world_json(proc_line(&p, PROC_MS));
	cr_assert(eq(sz, io_json_len(world_at(doc, "data.missing")), (size_t)2));
	same(io_json_str(io_json_at(world_at(doc, "data.missing"), 0)), "scan");
	cr_assert(eq(dbl, world_num(doc, "data.conflict"), 0.0)); /* one part alone */
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_submit, deadline_closes_a_case)
{
	struct world w;
	struct proc p;
	const struct json_t *doc;

	world_start(&w, world_settings("assayd.ini", world_format("[stream.breast]\nmodel = %s\n"
								  "deadline_ms = 300\n",
								  world_model())));
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--case", "a", "--part",
			      part_arg("findings", 1), "--more", "--wait", "--json"),
		     0));
	doc = world_json(proc_line(&p, PROC_MS));
	same(world_text(doc, "subject"), "a");
	cr_assert(eq(sz, io_json_len(world_at(doc, "data.missing")), (size_t)2));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_submit, answers_say_what_became_of_a_part)
{
	struct world w;

	world_start_plain(&w);
	same(report(&w, "a", "", "an oval mass"), "ACCEPTED");
	cr_assert(not(io_json_find_bool(w.answer.doc, "duplicate", true)));
	same(world_str(&w, "case"), "a");
	same(report(&w, "a", "", "an oval mass"), "ACCEPTED");
	cr_assert(io_json_find_bool(w.answer.doc, "duplicate", false));
	same(report(&w, "a", "", "an irregular mass"), "CONFLICT");
	same(world_str(&w, "case"), "a");
	same(report(&w, "b", ",\"complete\":true,\"wait\":true", "an oval mass"), "ACCEPTED");
	same(world_next(&w), "JUDGMENT");
	same(world_str(&w, "subject"), "b");
	same(report(&w, "b", "", "another mass"), "CONFLICT");
	world_stop(&w);
}

Test(e2e_submit, part_after_closing_is_too_late)
{
	struct world w;
	struct proc p;

	world_start_plain(&w);
	same(report(&w, "b", ",\"complete\":true,\"wait\":true", "an oval mass"), "ACCEPTED");
	same(world_next(&w), "JUDGMENT");
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--case", "b", "--part",
			      part_arg("scan", 1)),
		     65));
	cr_assert(ne(ptr, strstr(p.err.data, "CLOSED"), NULL), "%s", p.err.data);
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_submit, complete_alone_closes_a_case)
{
	struct world w;

	world_start_plain(&w);
	same(report(&w, "a", ",\"wait\":true", "an oval mass"), "ACCEPTED");
	same(world_ask(&w, "SUBMIT",
		       "{\"stream\":\"breast\",\"case\":\"a\",\"complete\":true,\"parts\":[]}"),
	     "ACCEPTED");
	same(world_next(&w), "JUDGMENT");
	world_stop(&w);
}

Test(e2e_submit, wrong_requests_are_refused_by_name)
{
	static const struct {
		const char *json, *field;
	} wrong[] = {
		{ "{\"stream\":\"lung\",\"case\":\"a\",\"parts\":[]}", "stream" },
		{ "{\"stream\":\"breast\",\"case\":\"\",\"complete\":true,\"parts\":[]}", "case" },
		{ "{\"stream\":\"breast\",\"complete\":true,\"parts\":[]}", "case" },
		{ "{\"stream\":\"breast\",\"case\":\"a\",\"complete\":true}", "parts" },
		{ "{\"stream\":\"breast\",\"case\":\"a\",\"parts\":[{\"name\":\"scan\",\"page\":0,"
		  "\"type\":\"image/png\",\"size\":3,\"sha256\":\"00\"}]}",
		  "parts" },
	};
	struct world w;

	world_start_plain(&w);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const char *verb = world_ask(&w, "SUBMIT", wrong[i].json);

		cr_assert(strcmp(verb, "REFUSED") == 0 || strcmp(verb, "ERROR") == 0, "%s: %s",
			  wrong[i].json, verb);
		same(world_str(&w, "field"), wrong[i].field);
		cr_assert(ne(chr, world_str(&w, "message")[0], '\0'), "%s", wrong[i].json);
	}
	same(world_ask(&w, "STATUS", NULL), "STATUS");
	world_stop(&w);
}

Test(e2e_submit, bad_part_is_published_as_rejected)
{
	struct world w;
	struct proc p;
	const struct json_t *doc;
	const char *arg = world_format("scan=%s", tmpdir_file("no.png", "this is no image"));

	world_start_plain(&w);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--case", "a", "--part",
			      arg, "--wait", "--json"),
		     65));
	doc = world_json(proc_line(&p, PROC_MS));
	same(world_text(doc, "data.kind"), "rejected");
	same(world_text(doc, "data.part"), "scan");
	cr_assert(eq(dbl, world_num(doc, "data.seq"), 1.0));
	cr_assert(ne(chr, world_text(doc, "data.message")[0], '\0'));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_submit, table_with_bad_rows_sends_the_others)
{
	struct as_buf table = { 0 };
	struct as_err e = { 0 };
	struct world w;
	struct proc p;
	const char *path;

	world_start_plain(&w);
	ok(io_read_file(world_cases(), 1 << 20, &table, &e));
	*strstr(table.data, "images/2-0002.png") = 'X'; /* a file that is not there */
	path = tmpdir_file("cases.csv", table.data);
	cr_assert(zero(int, symlink(BUILD_DIR "/e2e/new/images", tmpdir_path("images"))));
	cr_assert(
	    eq(int, proc_run(&p, "assay", "submit", "--stream", "breast", "--data", path), 65));
	cr_assert(ne(ptr, strstr(p.err.data, "P2-0002"), NULL), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "9 accepted"), NULL), "%s", p.err.data);
	proc_free(&p);
	as_buf_free(&table);
	world_stop(&w);
}
