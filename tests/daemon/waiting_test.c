/* SPDX-License-Identifier: Apache-2.0
 * Cases that wait for parts on disk. */
#include "tests/daemon/hall.h"

TestSuite(daemon_waiting, .timeout = 120);

static const char *settings_of(const char *keys, const char *stream, unsigned deadline_ms)
{
	struct as_buf b = { 0 };
	const char *path;

	as_buf_printf(
	    &b,
	    "[daemon]\nstate = state\nruntime = run\ngrace_ms = 0\nlog_level = error\n%s\n"
	    "[stream.%s]\nmodel = %s\ndeadline_ms = %u\n",
	    keys, stream, hall_model("m", 1), deadline_ms);
	path = tmpdir_file("assayd.ini", b.data);
	as_buf_free(&b);
	return path;
}

static const char *settings(const char *keys, unsigned deadline_ms)
{
	return settings_of(keys, "s", deadline_ms);
}

/* SUBMIT of one part, without wait; the verb of the answer. */
static const char *submit(struct hall *h, const char *id, const char *part)
{
	const struct bus_frame f = { part, 1, NULL };
	char sha256[IO_DIGEST_SIZE];
	char json[512];

	io_digest(part, 1, sha256);
	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"s\",\"case\":\"%s\",\"parts\":[{\"name\":\"%s\",\"page\":0,"
		       "\"type\":\"text/plain\",\"size\":1,\"sha256\":\"%s\"}]}",
		       id, part, sha256);
	hall_say(h->front, "SUBMIT", json, &f, 1);
	return hall_hear(h, h->front);
}

/* Encodes the next job. */
static void encode_any(struct hall *h)
{
	const struct hall_job j = hall_job(h, h->work);

	hall_encode(h, &j, j.part[0] == 'a' ? 0.25F : -1.5F);
}

/* The same; it must be of that part. */
static void encode(struct hall *h, const char *part)
{
	const struct hall_job j = hall_job(h, h->work);

	same(j.part, part);
	hall_encode(h, &j, j.part[0] == 'a' ? 0.25F : -1.5F);
}

static uint64_t count(struct hall *h, const char *key)
{
	same(hall_ask(h, h->front, "STATUS", "{}"), "STATUS");
	return io_json_find_u64(io_json_at(io_json_find(h->c.doc, "streams"), 0), key, 99);
}

static void wait_parked(struct hall *h, uint64_t n)
{
	while (count(h, "parked") != n) {
		continue;
	}
	cr_assert(eq(u64, count(h, "open"), n));
}

static const char *get(struct hall *h, const char *id)
{
	char json[64];

	(void)snprintf(json, sizeof json, "{\"stream\":\"s\",\"case\":\"%s\"}", id);
	return hall_ask(h, h->front, "GET", json);
}

static void wait_judged(struct hall *h, const char *id)
{
	while (strcmp(get(h, id), "JUDGMENT") != 0) {
		same(h->c.verb, "PENDING");
	}
}

/* What the model said in the judgment that was heard last. */
static char *verdict(const struct hall *h)
{
	char *body = strndup(bus_data(&h->m, 2), bus_size(&h->m, 2));
	char *from = strstr(body, "\"label\":");
	char *said;

	cr_assert(ne(ptr, from, NULL), "%s", body);
	said = strndup(from, (size_t)(strstr(from, "\"received\":") - from));
	free(body);
	return said;
}

/* The verdict on a case whose parts come one after the other. */
static char *judge_apart(const char *keys, const char *id, bool parks)
{
	struct hall h;
	char *said;

	hall_open(&h, settings(keys, 600000));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(submit(&h, id, "a"), "ACCEPTED");
	encode(&h, "a");
	if (parks) {
		wait_parked(&h, 1);
		cr_assert(eq(sz, h.d.join.cases.n, 0), "nothing of it is in memory");
	}
	same(submit(&h, id, "b"), "ACCEPTED");
	cr_assert(eq(u64, io_json_find_u64(h.c.doc, "parts", 0), 2));
	if (parks) {
		encode_any(&h); /* a again: it is read from the journal meanwhile */
	}
	encode_any(&h);
	wait_judged(&h, id);
	said = verdict(&h);
	cr_assert(eq(u64, count(&h, "parked"), 0));
	hall_close(&h);
	return said;
}

Test(daemon_waiting, parked_case_goes_on_with_its_next_part_and_is_judged_the_same)
{
	char *parked = judge_apart("waiting_cases = 0", "c", true);
	char *stayed = judge_apart("waiting_cases = 1", "d", false);

	same(parked, stayed);
	free(parked);
	free(stayed);
}

Test(daemon_waiting, those_idle_for_the_longest_are_parked)
{
	struct hall h;

	hall_open(&h, settings("waiting_cases = 1", 600000));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(submit(&h, "old", "a"), "ACCEPTED");
	encode(&h, "a");
	while (get(&h, "old"),
	       strcmp(io_json_find_str(io_json_at(io_json_find(h.c.doc, "parts"), 0), "state", ""),
		      "encoded") != 0) {
		continue;
	}
	same(submit(&h, "new", "a"), "ACCEPTED");
	encode(&h, "a");
	while (count(&h, "parked") != 1) {
		continue;
	}
	cr_assert(eq(u64, count(&h, "open"), 2));
	same(get(&h, "old"), "PENDING");
	same(hall_str(&h, "state"), "waiting");
	same(io_json_find_str(io_json_at(io_json_find(h.c.doc, "parts"), 0), "state", ""),
	     "parked");
	same(io_json_str(io_json_at(io_json_find(h.c.doc, "missing"), 0)), "b");
	same(get(&h, "new"), "PENDING");
	same(io_json_find_str(io_json_at(io_json_find(h.c.doc, "parts"), 0), "state", ""),
	     "encoded");
	hall_close(&h);
}

Test(daemon_waiting, complete_alone_and_a_peer_that_waits_wake_it_and_a_repetition_does_not)
{
	struct hall h;

	hall_open(&h, settings("waiting_cases = 0", 600000));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(submit(&h, "c", "a"), "ACCEPTED");
	encode(&h, "a");
	wait_parked(&h, 1);
	same(submit(&h, "c", "a"), "ACCEPTED");
	cr_assert(io_json_find_bool(h.c.doc, "duplicate", false));
	cr_assert(eq(u64, count(&h, "parked"), 1));
	same(hall_submit(&h, "c", "a", "a"), "ACCEPTED"); /* the same, with wait */
	cr_assert(eq(u64, count(&h, "parked"), 0));
	encode(&h, "a");
	same(hall_ask(&h, h.front, "SUBMIT",
		      "{\"stream\":\"s\",\"case\":\"c\",\"complete\":true,\"parts\":[]}"),
	     "ACCEPTED");
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(submit(&h, "d", "a"), "ACCEPTED");
	encode(&h, "a");
	wait_parked(&h, 1);
	same(hall_ask(&h, h.front, "SUBMIT",
		      "{\"stream\":\"s\",\"case\":\"d\",\"complete\":true,\"parts\":[]}"),
	     "ACCEPTED");
	encode(&h, "a");
	wait_judged(&h, "d");
	same(io_json_str(io_json_at(io_json_find(io_json_find(h.c.doc, "data"), "missing"), 0)),
	     "b");
	hall_close(&h);
}

Test(daemon_waiting, deadlines_of_parked_cases_fire_also_in_the_next_daemon)
{
	const char *ini = settings("waiting_cases = 0", 3000);
	struct hall h;

	hall_open(&h, ini);
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(submit(&h, "c", "a"), "ACCEPTED");
	encode(&h, "a");
	wait_parked(&h, 1);
	encode(&h, "a"); /* its time has come */
	wait_judged(&h, "c");
	same(submit(&h, "d", "b"), "ACCEPTED");
	encode(&h, "b");
	same(submit(&h, "e", "b"), "ACCEPTED");
	encode(&h, "b");
	wait_parked(&h, 2);
	hall_close(&h);
	hall_open(&h, ini);
	hall_wait_open(&h);
	cr_assert(le(u64, count(&h, "parked"), 2));
	hall_work(&h, h.work, 1);
	encode(&h, "b");
	encode(&h, "b");
	wait_judged(&h, "d");
	same(io_json_str(io_json_at(io_json_find(io_json_find(h.c.doc, "data"), "missing"), 0)),
	     "a");
	wait_judged(&h, "e");
	hall_close(&h);
}

Test(daemon_waiting, parked_cases_of_a_stream_that_goes_wait_until_it_is_served_again)
{
	const char *ini = settings("waiting_cases = 0", 2000);
	struct hall h;

	hall_open(&h, ini);
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(submit(&h, "c", "a"), "ACCEPTED");
	encode(&h, "a");
	wait_parked(&h, 1);
	(void)settings_of("waiting_cases = 0", "t", 2000);
	same(hall_ask(&h, h.control, "RELOAD", "{}"), "OK");
	same(hall_hear_for(&h, h.work, 2500), ""); /* its deadline is over, and nothing comes */
	same(get(&h, "c"), "UNKNOWN");
	(void)settings("waiting_cases = 0", 2000);
	same(hall_ask(&h, h.control, "RELOAD", "{}"), "OK");
	encode(&h, "a");
	wait_judged(&h, "c");
	hall_close(&h);
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

static void take(struct hall *h, enum dm_op_kind kind,
		 void (*fn)(struct dm_daemon *, struct dm_op *))
{
	struct dm_op *op = answer_of(h);

	cr_assert(eq(int, (int)op->kind, (int)kind));
	fn(&h->d, op);
	dm_op_free(op);
}

static void send_part(struct hall *h, const char *part)
{
	const struct bus_frame f = { part, 1, NULL };
	char sha256[IO_DIGEST_SIZE];
	char json[512];
	struct as_err e;

	io_digest(part, 1, sha256);
	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"s\",\"case\":\"c\",\"parts\":[{\"name\":\"%s\",\"page\":0,"
		       "\"type\":\"text/plain\",\"size\":1,\"sha256\":\"%s\"}]}",
		       part, sha256);
	hall_say(h->front, "SUBMIT", json, &f, 1);
	ok(bus_recv_wait(h->d.front, &h->m, HALL_MS, &e));
	dm_front_take(&h->d, &h->m);
}

/* The loop by hand: a submission crosses the parking of its case. */
Test(daemon_waiting, submission_that_meets_its_case_being_parked_keeps_it)
{
	struct hall h = { .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	const float v[HALL_DIM] = { 0 };
	const struct assay_place place = { .label = "here" };
	struct as_err e;
	struct dm_case *c;

	h.d.self = "/nonexistent/assayd";
	ok(io_config_load(&h.d.config, settings("waiting_cases = 0", 600000), &e));
	ok(dm_start(&h.d, &e));
	ok(bus_open(&h.bus, &e));
	take(&h, DM_OP_OPEN, dm_stream_opened);
	h.front = hall_connect(&h, BUS_DEALER, "front");
	send_part(&h, "a");
	take(&h, DM_OP_SUBMIT, dm_submit_answered);
	c = fu_join_find(&h.d.join, "s", "c")->owner;
	fu_slot_encoded(c->kase, c->jobs->slot, 1, HALL_DIM, v, &place);
	dm_case_encoded(&h.d, c->jobs); /* idle, so it is being parked */
	send_part(&h, "b");
	take(&h, DM_OP_PARK, dm_parked);
	cr_assert(c->parked);
	cr_assert(eq(sz, h.d.join.cases.n, 1), "a submission for it is on its way");
	take(&h, DM_OP_SUBMIT, dm_submit_answered);
	cr_assert(not(c->parked));
	cr_assert(zero(sz, h.d.streams->parked));
	cr_assert(eq(sz, c->kase->slots, 2));
	cr_assert(eq(sz, c->kase->encoded, 1), "what was encoded is kept");
	bus_call_free(&h.c);
	bus_msg_free(&h.m);
	bus_socket_close(h.front);
	bus_close(h.bus);
	dm_stop(&h.d);
	io_config_free(&h.d.config);
}
