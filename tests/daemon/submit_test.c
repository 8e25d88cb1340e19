/* SPDX-License-Identifier: Apache-2.0
 * Bounds, draining and restarts, where a test must say when a page is encoded. */
#include "tests/daemon/hall.h"

TestSuite(daemon_submit, .timeout = 120);

Test(daemon_submit, full_queue_is_busy_and_open_again_when_it_drains)
{
	struct hall h;
	struct hall_job j;

	hall_open(&h,
		  hall_settings("part_bytes = 8\ncase_bytes = 8\nqueue_bytes = 10\ngrace_ms = 0",
				hall_model("m", 1)));
	hall_wait_open(&h);
	same(hall_submit(&h, "a", "a", "1234567"), "ACCEPTED");
	same(hall_submit(&h, "b", "a", "1234567"), "BUSY");
	cr_assert(lt(u64, 0, io_json_find_u64(h.c.doc, "retry_after_ms", 0)));
	same(hall_str(&h, "case"), "b");
	hall_work(&h, h.work, 1);
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	while (strcmp(hall_submit(&h, "b", "a", "1234567"), "BUSY") == 0) {
		continue;
	}
	same(h.c.verb, "ACCEPTED");
	hall_close(&h);
}

Test(daemon_submit, too_many_open_cases_are_busy_but_their_parts_are_not)
{
	struct hall h;

	hall_open(&h, hall_settings("open_cases = 1\ngrace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	same(hall_submit(&h, "a", "a", "1"), "ACCEPTED");
	same(hall_submit(&h, "b", "a", "1"), "BUSY");
	same(hall_submit(&h, "a", "b", "1"), "ACCEPTED");
	hall_close(&h);
}

Test(daemon_submit, limits_of_bytes_are_named)
{
	struct hall h;

	hall_open(
	    &h, hall_settings("part_bytes = 4\ncase_bytes = 4\ngrace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	same(hall_submit(&h, "a", "a", "12345"), "REFUSED");
	same(hall_str(&h, "limit"), "part_bytes");
	cr_assert(ne(ptr, strstr(hall_str(&h, "message"), "5 bytes, at most 4"), NULL));
	same(hall_submit(&h, "a", "a", "1234"), "ACCEPTED");
	hall_close(&h);
}

Test(daemon_submit, draining_daemon_finishes_what_it_has_and_takes_nothing)
{
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("grace_ms = 60000", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	same(hall_submit(&h, "c", "b", "two"), "ACCEPTED");
	j = hall_job(&h, h.work);
	same(hall_ask(&h, h.control, "DRAIN", "{}"), "OK");
	same(hall_submit(&h, "d", "a", "one"), "UNAVAILABLE");
	same(hall_str(&h, "message"), "the daemon is stopping");
	hall_encode(&h, &j, 2.0F);
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_hear(&h, h.front), "JUDGMENT");
	hall_join(&h); /* long before its grace is over */
}

Test(daemon_submit, what_is_not_finished_is_in_the_journal)
{
	char big[ST_INLINE_MAX + 2];
	const char *settings = hall_settings("grace_ms = 0", hall_model("m", 1));
	struct hall h;
	struct hall_job j;

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	hall_open(&h, settings);
	hall_wait_open(&h);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	same(hall_submit(&h, "c", "b", big), "ACCEPTED"); /* one in its row, one in the spool */
	hall_close(&h);
	hall_open(&h, settings);
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	j = hall_job(&h, h.work);
	same(j.text, "one");
	hall_encode(&h, &j, 1.0F);
	j = hall_job(&h, h.work);
	same(j.part, "b");
	cr_assert(eq(sz, bus_size(&h.m, 3), sizeof big - 1));
	hall_encode(&h, &j, 1.0F);
	do {
		(void)hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}");
	} while (strcmp(h.c.verb, "PENDING") == 0);
	same(h.c.verb, "JUDGMENT");
	same(hall_data(&h, "kind"), "result");
	hall_close(&h);
}

/* The journal's thread has a table of descriptors of its own, which ends a little after it. */
Test(daemon_submit, folder_is_free_when_the_daemon_has_stopped)
{
	const char *settings = hall_settings("", hall_model("m", 1));
	struct hall h;
	int other;

	hall_open(&h, settings);
	other = dup(h.d.lock);
	hall_close(&h);
	hall_open(&h, settings);
	hall_close(&h);
	(void)close(other);
}

Test(daemon_submit, deadline_goes_on_while_the_daemon_is_down)
{
	struct as_buf b = { 0 };
	struct hall h;
	struct hall_job j;

	as_buf_printf(&b,
		      "[daemon]\nstate = state\nruntime = run\ngrace_ms = 0\nlog_level = error\n"
		      "[stream.s]\nmodel = %s\ndeadline_ms = 1\n",
		      hall_model("m", 1));
	hall_open(&h, tmpdir_file("assayd.ini", b.data));
	hall_wait_open(&h);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	hall_close(&h);
	hall_open(&h, tmpdir_path("assayd.ini"));
	hall_wait_open(&h);
	same(hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}"), "PENDING");
	same(hall_str(&h, "state"), "encoding");
	same(hall_submit(&h, "c", "b", "too late"), "CLOSED");
	hall_work(&h, h.work, 2);
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	do {
		(void)hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}");
	} while (strcmp(h.c.verb, "PENDING") == 0);
	same(io_json_str(io_json_at(io_json_find(io_json_find(h.c.doc, "data"), "missing"), 0)),
	     "b");
	as_buf_free(&b);
	hall_close(&h);
}

/* A client that pipelines REPLAY faster than it reads is given what fits, without holes. */
Test(daemon_submit, replay_to_a_full_peer_stops_where_it_says)
{
	enum { BODIES = 60000 };
	struct hall h = { .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	struct dm_op *op = dm_op_make(DM_OP_REPLAY, "s", "");
	struct as_err e;
	size_t n = 0;

	h.d.self = "/nonexistent/assayd";
	ok(io_config_load(&h.d.config, hall_settings("", hall_model("m", 1)), &e));
	ok(dm_start(&h.d, &e));
	ok(bus_open(&h.bus, &e));
	h.front = hall_connect(&h, BUS_DEALER, "front");
	hall_say(h.front, "HELLO", "{}", NULL, 0);
	ok(bus_recv_wait(h.d.front, &h.m, HALL_MS, &e));
	op->peer = bus_take(&h.m, 0);
	op->end = as_calloc(BODIES, sizeof *op->end);
	for (size_t i = 0; i < BODIES; i++) {
		as_buf_printf(&op->body, "{\"n\":%zu}", i + 1);
		op->end[op->ends++] = op->body.len;
	}
	op->last = op->sent = BODIES;
	h.d.reads = h.d.reads_last = op;
	h.d.reading = 1;
	dm_replayed(&h.d, op);
	while (strcmp(hall_hear_for(&h, h.front, 200), "JUDGMENT") == 0) {
		cr_assert(eq(sz, io_json_find_u64(h.c.doc, "n", 0), ++n));
	}
	cr_assert(lt(sz, n, BODIES));
	cr_assert(eq(u64, op->sent, n));
	dm_op_free(op);
	bus_call_free(&h.c);
	bus_msg_free(&h.m);
	bus_socket_close(h.front);
	bus_close(h.bus);
	dm_stop(&h.d);
	io_config_free(&h.d.config);
}

static void submit_by_key(struct hall *h, const char *id, const char *text)
{
	const struct bus_frame f = { text, strlen(text), NULL };
	char sha256[IO_DIGEST_SIZE];
	char json[512];

	io_digest(text, strlen(text), sha256);
	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"s\",\"case\":\"%s\",\"key\":\"k\",\"parts\":[{\"name\":\"a\","
		       "\"page\":0,\"type\":\"text/plain\",\"size\":%zu,\"sha256\":\"%s\"}]}",
		       id, strlen(text), sha256);
	hall_say(h->front, "SUBMIT", json, &f, 1);
}

static struct dm_op *answer_of(struct hall *h)
{
	struct bus_poll item = { .socket = h->d.journal.here };
	struct dm_op *op;
	struct as_err e;

	while ((op = dm_journal_get(&h->d.journal)) == NULL) {
		ok(bus_poll(&item, 1, HALL_MS, &e));
	}
	return op;
}

/* The loop by hand, so that what happens before the commit can be seen. */
Test(daemon_submit, pages_of_a_new_case_are_queued_before_the_commit_and_taken_back)
{
	struct hall h = { .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	const char *const ids[] = { "c", "d", "d" }; /* the key is used: only the first is taken */
	struct dm_op *op;
	struct as_err e;

	h.d.self = "/nonexistent/assayd";
	ok(io_config_load(&h.d.config, hall_settings("", hall_model("m", 1)), &e));
	ok(dm_start(&h.d, &e));
	op = answer_of(&h);
	dm_stream_opened(&h.d, op);
	dm_op_free(op);
	ok(bus_open(&h.bus, &e));
	h.front = hall_connect(&h, BUS_DEALER, "front");
	for (size_t i = 0; i < 3; i++) {
		submit_by_key(&h, ids[i], "text");
		ok(bus_recv_wait(h.d.front, &h.m, HALL_MS, &e));
		dm_front_take(&h.d, &h.m);
	}
	/* c and the first of d; what comes to a case that is there waits for its commit. */
	cr_assert(eq(sz, h.d.lanes->queued, 2));
	cr_assert(eq(u64, h.d.queued_bytes, 12));
	for (size_t i = 0; i < 3; i++) {
		op = answer_of(&h);
		dm_submit_answered(&h.d, op);
		dm_op_free(op);
	}
	same(hall_hear(&h, h.front), "ACCEPTED");
	same(hall_hear(&h, h.front), "CONFLICT");
	same(hall_hear(&h, h.front), "CONFLICT");
	cr_assert(eq(sz, h.d.lanes->queued, 1));
	cr_assert(eq(u64, h.d.queued_bytes, 4));
	cr_assert(eq(sz, h.d.join.cases.n, 1));
	bus_call_free(&h.c);
	bus_msg_free(&h.m);
	bus_socket_close(h.front);
	bus_close(h.bus);
	dm_stop(&h.d);
	io_config_free(&h.d.config);
}
