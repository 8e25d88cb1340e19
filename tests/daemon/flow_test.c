/* SPDX-License-Identifier: Apache-2.0
 * Back-pressure: what a flood, a worker or a subscriber that stops costs the daemon, and whom. */
#include "core/base/clock.h"
#include "tests/daemon/hall.h"

#include <inttypes.h>

TestSuite(daemon_flow, .timeout = 120);

enum { FLOOD = 20000, FLAT_KB = 16 << 10, WINDOW = 50 };

/* Resident memory of this process, daemon included (kB). A sanitizer keeps what is freed: 0. */
static long resident(void)
{
#ifdef AS_INSTRUMENTED
	return 0;
#else
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	cr_assert(f != NULL && fscanf(f, "%*d %ld", &pages) == 1);
	(void)fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
#endif
}

/* Sends one submission of a part of n bytes, complete or not. */
static void send_case(struct bus_socket *s, const char *id, size_t n, bool complete)
{
	char *text = as_calloc(n + 1, 1);
	const struct bus_frame f = { text, n, NULL };
	char sha256[IO_DIGEST_SIZE];
	char json[512];

	io_digest(text, n, sha256);
	(void)snprintf(
	    json, sizeof json,
	    "{\"stream\":\"s\",\"case\":\"%s\",\"complete\":%s,\"parts\":[{\"name\":\"a\","
	    "\"page\":0,\"type\":\"t\",\"size\":%zu,\"sha256\":\"%s\"}]}",
	    id, complete ? "true" : "false", n, sha256);
	hall_say(s, "SUBMIT", json, &f, 1);
	free(text);
}

static const char *submit(struct hall *h, int i, size_t n, bool complete)
{
	char id[16];

	(void)snprintf(id, sizeof id, "c%d", i);
	send_case(h->front, id, n, complete);
	return hall_hear(h, h->front);
}

/* Sends cases from..to-1, a window at a time, and counts the verbs of the answers. */
struct tally {
	size_t accepted, busy;
};
static struct tally flood(struct hall *h, int from, int to, size_t n)
{
	struct tally t = { 0 };

	for (int i = from; i < to; i += WINDOW) {
		for (int k = 0; k < WINDOW; k++) {
			char id[16];

			(void)snprintf(id, sizeof id, "c%d", i + k);
			send_case(h->front, id, n, true);
		}
		for (int k = 0; k < WINDOW; k++) {
			const char *verb = hall_hear(h, h->front);

			t.accepted += strcmp(verb, "ACCEPTED") == 0;
			t.busy += strcmp(verb, "BUSY") == 0;
		}
	}
	cr_assert(eq(sz, t.accepted + t.busy, (size_t)(to - from)));
	return t;
}

Test(daemon_flow, memory_is_flat_while_no_worker_works)
{
	struct hall h;
	struct tally t;
	long before;

	hall_open(&h, hall_settings("open_cases = 200\ngrace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	(void)flood(&h, 0, 1000, 100);
	before = resident();
	t = flood(&h, 1000, FLOOD, 100);
	cr_assert(eq(sz, t.busy, (size_t)(FLOOD - 1000)));
	cr_assert(lt(i64, resident() - before, FLAT_KB / 4));
	hall_close(&h);
}

/* Half as much again as is held in memory is accepted; all of it reaches the worker. */
Test(daemon_flow, bytes_of_pages_that_wait_are_on_disk)
{
	enum { PAGE = 1 << 20, PAGES = 3 * DM_HELD_BYTES / 2 / PAGE };
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	for (int i = 0; i < PAGES; i++) {
		same(submit(&h, i, PAGE, true), "ACCEPTED");
	}
	cr_assert(eq(u64, h.d.queued_bytes, (uint64_t)PAGE * PAGES));
	/* The last is just being let go. */
	cr_assert(le(u64, h.d.held_bytes, DM_HELD_BYTES + PAGE));
	hall_work(&h, h.work, 4);
	for (int i = 0; i < PAGES; i++) {
		j = hall_job(&h, h.work);
		cr_assert(eq(sz, bus_size(&h.m, 3), PAGE));
		hall_encode(&h, &j, 1.0F);
	}
	do {
		same(hall_ask(&h, h.front, "STATUS", "{}"), "STATUS");
	} while (io_json_find_u64(io_json_at(io_json_find(h.c.doc, "streams"), 0), "last", 0) <
		 PAGES);
	cr_assert(zero(u64, h.d.queued_bytes));
	cr_assert(zero(u64, h.d.held_bytes));
	hall_close(&h);
}

Test(daemon_flow, worker_holds_many_small_jobs_or_two)
{
	enum { PAGE = DM_SMALL_BYTES / 2, SMALL = 10 };
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 32);
	for (int i = 0; i < 4; i++) {
		same(submit(&h, i, PAGE, true), "ACCEPTED");
	}
	j = hall_job(&h, h.work);
	(void)hall_job(&h, h.work);
	same(hall_hear_for(&h, h.work, 200), "");
	hall_encode(&h, &j, 1.0F);
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	for (int i = 0; i < SMALL; i++) {
		same(submit(&h, 10 + i, 10, true), "ACCEPTED");
	}
	for (int i = 0; i < SMALL; i++) {
		(void)hall_job(&h, h.work);
	}
	hall_close(&h);
}

Test(daemon_flow, busy_says_when_by_what_is_worked_off)
{
	struct dm_daemon d = { .config.daemon = { .queue_bytes = 800, .open_cases = 80 } };

	d.queued_bytes = 800;
	cr_assert(eq(u64, dm_retry_ms(&d, 100, false), 200), "nothing is known yet");
	d.bytes_rate.done = 1000;
	dm_pace(&d, 0.5); /* 2000 bytes a second, and no case judged */
	cr_assert(eq(u64, dm_retry_ms(&d, 100, false), 100),
		  "200 bytes: the excess, and an eighth");
	cr_assert(eq(u64, dm_retry_ms(&d, 100, true), 200));
	d.cases_rate.done = 10;
	dm_pace(&d, 0.5); /* the bytes stand still: half of what was */
	cr_assert(eq(u64, dm_retry_ms(&d, 100, false), 200));
	cr_assert(eq(u64, dm_retry_ms(&d, 0, true), 550), "an eighth of the cases at 20 a second");
	for (int i = 0; i < 40; i++) {
		dm_pace(&d, 1.0);
	}
	cr_assert(eq(u64, dm_retry_ms(&d, 100, true), 10000));
	d.queued_bytes = 0;
	d.cases_rate.per_s = 1e6;
	cr_assert(eq(u64, dm_retry_ms(&d, 0, true), 10));
}

/* A client asks without end and does not read; another one's submissions are answered. */
static void flood_with(const char *verb, const char *json)
{
	struct bus_socket *other;
	struct hall h;
	long before;
	size_t most = 0;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	other = hall_connect(&h, BUS_DEALER, "front");
	same(submit(&h, 0, 100, true), "ACCEPTED");
	before = resident();
	for (int i = 1; i <= FLOOD; i++) {
		struct as_buf b = { 0 };
		const struct bus_say say = { verb, &b, NULL, 0 };
		struct as_err e;

		as_buf_puts(&b, json);
		while (bus_call_send(other, &say, &e) == AS_EAGAIN) {
			ok(bus_wait_ready(other, HALL_MS, &e));
		}
		as_buf_free(&b);
		most = h.d.journal.inside > most ? h.d.journal.inside : most;
		if (i % 1000 == 0) {
			const int64_t start = as_mono_ns();

			same(submit(&h, i, 100, true), "ACCEPTED");
			cr_assert(lt(i64, as_mono_ns() - start, INT64_C(5000000000)));
		}
	}
	cr_assert(lt(sz, most, DM_INSIDE_MAX + 100));
	cr_assert(lt(i64, resident() - before, FLAT_KB), "%ld kB more", resident() - before);
	bus_socket_close(other);
	hall_close(&h);
}

Test(daemon_flow, flood_of_get_is_left_in_its_socket)
{
	flood_with("GET", "{\"stream\":\"s\",\"case\":\"none\"}");
}

Test(daemon_flow, flood_of_replay_costs_others_little)
{
	flood_with("REPLAY", "{\"stream\":\"s\",\"after\":0}");
}

/* Four REPLAYs of one peer are read; the next is told at once that it got nothing. The loop by
 * hand, so that none of them is answered meanwhile. */
Test(daemon_flow, fifth_replay_of_a_peer_ends_at_once)
{
	struct hall h = { .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	struct dm_op *op;
	struct as_err e;

	h.d.self = "/nonexistent/assayd";
	ok(io_config_load(&h.d.config, hall_settings("", hall_model("m", 1)), &e));
	ok(dm_start(&h.d, &e));
	ok(bus_open(&h.bus, &e));
	h.front = hall_connect(&h, BUS_DEALER, "front");
	while ((op = dm_journal_get(&h.d.journal)) == NULL) {
		struct bus_poll item = { .socket = h.d.journal.here };

		ok(bus_poll(&item, 1, HALL_MS, &e));
	}
	dm_stream_opened(&h.d, op);
	dm_op_free(op);
	for (int i = 0; i < 5; i++) {
		hall_say(h.front, "REPLAY", "{\"stream\":\"s\",\"after\":3}", NULL, 0);
		ok(bus_recv_wait(h.d.front, &h.m, HALL_MS, &e));
		dm_front_take(&h.d, &h.m);
	}
	cr_assert(eq(sz, h.d.reading, 2));
	same(hall_hear(&h, h.front), "END");
	cr_assert(eq(u64, io_json_find_u64(h.c.doc, "after", 0), 3));
	same(hall_hear_for(&h, h.front, 100), "");
	for (int i = 0; i < 4; i++) {
		struct bus_poll item = { .socket = h.d.journal.here };

		while ((op = dm_journal_get(&h.d.journal)) == NULL) {
			ok(bus_poll(&item, 1, HALL_MS, &e));
		}
		dm_replayed(&h.d, op);
		dm_op_free(op);
		same(hall_hear(&h, h.front), "END");
	}
	cr_assert(zero(sz, h.d.reading));
	cr_assert(zero(ptr, h.d.reads));
	bus_call_free(&h.c);
	bus_msg_free(&h.m);
	bus_socket_close(h.front);
	bus_close(h.bus);
	dm_stop(&h.d);
	io_config_free(&h.d.config);
}

/* A subscriber that never reads: what it misses is dropped, and in the journal. */
Test(daemon_flow, memory_is_flat_while_a_subscriber_stands_still)
{
	enum { WARM = 4500, ALL = 8000 };
	struct bus_socket *feed;
	struct bus_options o = { .type = BUS_SUB, .hwm = 1, .linger_ms = 0, .max_bytes = -1 };
	char at[BUS_ENDPOINT_SIZE];
	struct hall h;
	struct as_err e;
	long before = 0;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	(void)snprintf(at, sizeof at, "ipc://%s/feed", h.d.config.daemon.runtime);
	o.endpoint = at;
	ok(bus_socket_open(&feed, h.bus, &o, &e));
	ok(bus_subscribe(feed, "s/", &e));
	hall_wait_open(&h);
	hall_work(&h, h.work, 64);
	for (int i = 0; i < ALL; i += WINDOW) {
		for (int k = 0; k < WINDOW; k++) {
			char id[16];

			(void)snprintf(id, sizeof id, "c%d", i + k);
			send_case(h.front, id, 10, true);
		}
		for (int k = 0; k < WINDOW; k++) {
			const struct hall_job j = hall_job(&h, h.work);

			hall_encode(&h, &j, 1.0F);
			same(hall_hear(&h, h.front), "ACCEPTED");
		}
		before = i == WARM ? resident() : before;
	}
	cr_assert(lt(i64, resident() - before, FLAT_KB), "%ld kB more", resident() - before);
	bus_socket_close(feed);
	hall_close(&h);
}
