/* SPDX-License-Identifier: Apache-2.0
 * The daemon itself: settings, reload, several streams, a second daemon, stopping. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>

TestSuite(e2e_daemon, .timeout = 300);

/* Settings with a stream for each letter. */
static const char *streams(const char *names)
{
	const char *ini = "";

	for (const char *n = names; *n != '\0'; n++) {
		ini = world_format("%s[stream.%c]\nmodel = %s\ndeadline_ms = 600000\n", ini, *n,
				   world_model());
	}
	return world_settings("assayd.ini", ini);
}

/* A case without any part, judged at once. */
static const char *submit(struct world *w, const char *stream, const char *id)
{
	char json[160];

	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"%s\",\"case\":\"%s\",\"complete\":true,\"wait\":true,"
		       "\"parts\":[]}",
		       stream, id);
	return world_ask(w, "SUBMIT", json);
}

/* Waits until HELLO names n streams. */
static void wait_streams(struct world *w, size_t n)
{
	do {
		same(world_ask(w, "HELLO", NULL), "HELLO");
	} while (io_json_len(io_json_find(w->answer.doc, "streams")) != n);
}

static void refused(const char *settings, int code, const char *text)
{
	struct proc p;

	cr_assert(eq(int, proc_run(&p, "assayd", "-c", settings), code), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, text), NULL), "%s", p.err.data);
	proc_free(&p);
}

Test(e2e_daemon, check_says_whether_the_settings_hold)
{
	struct proc p;

	cr_assert(eq(int, proc_run(&p, "assayd", "-c", streams("a"), "--check"), 0), "%s",
		  p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assayd", "--check", "-c",
			      world_settings("bad.ini", "[stream.a]\nmodle = x\n")),
		     78));
	cr_assert(ne(ptr, strstr(p.err.data, "bad.ini:"), NULL), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "model"), NULL), "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assayd", "-c", "/nonexistent/assayd.ini"), 66));
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assayd", "--nonsense"), 64));
	proc_free(&p);
}

Test(e2e_daemon, model_that_is_none_is_refused_by_name)
{
	const char *ini = world_format("[stream.a]\nmodel = %s\n",
				       tmpdir_file("model.safetensors", "no model at all"));

	refused(world_settings("assayd.ini", ini), 65, "model.safetensors");
}

Test(e2e_daemon, two_streams_number_apart)
{
	struct world w;

	world_start(&w, streams("ab"));
	for (int i = 0; i < 3; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "c%d", i);
		same(submit(&w, "a", id), "ACCEPTED");
		same(world_next(&w), "JUDGMENT");
		cr_assert(eq(dbl, world_num(w.answer.doc, "data.seq"), i + 1.0));
	}
	same(submit(&w, "b", "c0"), "ACCEPTED"); /* the id is the stream's own */
	same(world_next(&w), "JUDGMENT");
	cr_assert(eq(dbl, world_num(w.answer.doc, "data.seq"), 1.0));
	same(world_text(w.answer.doc, "data.stream"), "b");
	world_stop(&w);
}

Test(e2e_daemon, hangup_adds_and_removes_streams)
{
	struct world w;

	world_start(&w, streams("a"));
	same(submit(&w, "b", "x"), "REFUSED");
	(void)streams("ab");
	proc_signal(&w.daemon, SIGHUP);
	wait_streams(&w, 2);
	same(submit(&w, "b", "x"), "ACCEPTED");
	same(world_next(&w), "JUDGMENT");
	(void)streams("b");
	proc_signal(&w.daemon, SIGHUP);
	wait_streams(&w, 1);
	same(submit(&w, "a", "x"), "REFUSED");
	same(submit(&w, "b", "y"), "ACCEPTED");
	same(world_next(&w), "JUDGMENT");
	cr_assert(eq(dbl, world_num(w.answer.doc, "data.seq"), 2.0));
	world_stop(&w);
}

Test(e2e_daemon, bad_file_changes_nothing_and_says_why)
{
	struct bus_socket *control = NULL;
	struct bus_msg m = { 0 };
	struct bus_call c = { 0 };
	struct as_err e = { 0 };
	char endpoint[BUS_ENDPOINT_SIZE];
	struct world w;

	world_start(&w, streams("a"));
	(void)world_settings("assayd.ini", "[stream.b]\nmodel = /nonexistent\n");
	proc_signal(&w.daemon, SIGHUP);
	cr_assert(proc_says(&w.daemon, "/nonexistent", PROC_MS), "%s", w.daemon.err.data);
	(void)snprintf(endpoint, sizeof endpoint, "ipc://%s/run/control", tmpdir());
	ok(bus_connect(&control, w.bus, endpoint, NULL, &e));
	fails(bus_request(control, &(struct bus_say){ .verb = "RELOAD" }, PROC_MS, &m, &c, &e),
	      AS_EPROTO, "/nonexistent");
	bus_msg_free(&m);
	bus_socket_close(control);
	same(submit(&w, "a", "x"), "ACCEPTED");
	same(world_next(&w), "JUDGMENT");
	world_stop(&w);
}

Test(e2e_daemon, control_reloads_and_drains)
{
	struct bus_socket *control = NULL;
	struct bus_msg m = { 0 };
	struct bus_call c = { 0 };
	struct as_err e = { 0 };
	char endpoint[BUS_ENDPOINT_SIZE];
	struct world w;

	world_start(&w, streams("a"));
	(void)snprintf(endpoint, sizeof endpoint, "ipc://%s/run/control", tmpdir());
	ok(bus_connect(&control, w.bus, endpoint, NULL, &e));
	(void)streams("ab");
	ok(bus_request(control, &(struct bus_say){ .verb = "RELOAD" }, PROC_MS, &m, &c, &e));
	same(c.verb, "OK");
	bus_call_free(&c);
	wait_streams(&w, 2);
	ok(bus_request(control, &(struct bus_say){ .verb = "DRAIN" }, PROC_MS, &m, &c, &e));
	same(c.verb, "OK");
	bus_call_free(&c);
	bus_msg_free(&m);
	bus_socket_close(control);
	cr_assert(eq(int, proc_wait(&w.daemon, PROC_MS), 0), "%s", w.daemon.err.data);
	bus_call_free(&w.answer);
	bus_msg_free(&w.msg);
	bus_socket_close(w.front);
	bus_close(w.bus);
	proc_free(&w.daemon);
}

Test(e2e_daemon, front_is_not_for_operators)
{
	struct world w;

	world_start(&w, streams("a"));
	same(world_ask(&w, "DRAIN", NULL), "ERROR");
	same(world_ask(&w, "RELOAD", NULL), "ERROR");
	world_stop(&w);
}

Test(e2e_daemon, second_daemon_on_the_same_state_is_refused)
{
	struct world w;

	world_start(&w, streams("a"));
	refused(
	    tmpdir_file("second.ini", world_format("[daemon]\nstate = %s/state\nruntime = %s/run2\n"
						   "[stream.a]\nmodel = %s\n",
						   tmpdir(), tmpdir(), world_model())),
	    75, "state");
	same(submit(&w, "a", "x"), "ACCEPTED");
	world_stop(&w);
}

Test(e2e_daemon, address_in_use_is_named)
{
	struct as_err e = { 0 };
	struct bus *bus = NULL;
	struct bus_socket *taken = NULL;

	ok(bus_open(&bus, &e));
	ok(bus_socket_open(&taken, bus,
			   &(struct bus_options){ .type = BUS_ROUTER,
						  .endpoint = "tcp://127.0.0.1:*",
						  .bind = true,
						  .hwm = 10,
						  .max_bytes = 1000 },
			   &e));
	refused(tmpdir_file("assayd.ini",
			    world_format("[daemon]\nstate = %s/state\nruntime = %s/run\n"
					 "insecure = true\nfront = %s\n[stream.a]\nmodel = %s\n",
					 tmpdir(), tmpdir(), bus_endpoint(taken), world_model())),
		69, bus_endpoint(taken));
	bus_socket_close(taken);
	bus_close(bus);
}

Test(e2e_daemon, termination_finishes_what_is_accepted)
{
	struct world w;
	struct proc p;
	const char *line;
	size_t n = 0;

	world_start_plain(&w);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--data", world_cases()),
		     0));
	proc_free(&p);
	world_stop(&w); /* exit code 0, all judged */
	world_start_plain(&w);
	cr_assert(eq(int, proc_run(&p, "assay", "watch", "--count", "10", "--json"), 0));
	while ((line = proc_line(&p, PROC_MS)) != NULL) {
		n++;
	}
	cr_assert(eq(sz, n, (size_t)WORLD_CASES));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_daemon, killed_daemon_judges_what_it_accepted)
{
	struct world w;
	struct proc p;

	world_start_plain(&w);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--data", world_cases()),
		     0));
	proc_free(&p);
	proc_signal(&w.daemon, SIGKILL);
	cr_assert(eq(int, proc_wait(&w.daemon, PROC_MS), 128 + SIGKILL));
	bus_call_free(&w.answer);
	bus_msg_free(&w.msg);
	bus_socket_close(w.front);
	bus_close(w.bus);
	proc_free(&w.daemon);
	world_start_plain(&w);
	cr_assert(eq(int, proc_run(&p, "assay", "watch", "--count", "10", "--json"), 0));
	proc_free(&p);
	world_stop(&w);
}
