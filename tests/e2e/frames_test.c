/* SPDX-License-Identifier: Apache-2.0
 * Malformed frames on every socket: typed errors where there is somebody to answer, and a daemon
 * that goes on judging. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>

TestSuite(e2e_frames, .timeout = 300);

#define FRAMES_MAX 4

struct wrong {
	size_t n;
	struct bus_frame frame[FRAMES_MAX];
};

#define F(text)                                          \
	{                                                \
		.data = (text), .size = sizeof(text) - 1 \
	}

static const struct wrong WRONG[] = {
	{ 1, { F("") } },
	{ 1, { F("GET / HTTP/1.1\r\n\r\n") } },
	{ 2, { F("assay1"), F("HELLO") } },
	{ 3, { F("assay2"), F("HELLO"), F("{}") } },
	{ 3, { F("assay1"), F("hello"), F("{}") } },
	{ 3, { F("assay1"), F("NOSUCHVERB"), F("{}") } },
	{ 3, { F("assay1"), F("AVERYLONGVERBTHATNOBODYKNOWSABOUTATALL"), F("{}") } },
	{ 3, { F("assay1"), F("HELLO\0X"), F("{}") } },
	{ 3, { F("assay1"), F("HELLO"), F("") } },
	{ 3, { F("assay1"), F("HELLO"), F("[]") } },
	{ 3, { F("assay1"), F("SUBMIT"), F("{\"stream\":") } },
	{ 3, { F("assay1"), F("SUBMIT"), F("{\"stream\":\"breast\",\"stream\":\"breast\"}") } },
	{ 3, { F("assay1"), F("SUBMIT"), F("{\"stream\":7,\"case\":{},\"parts\":-1}") } },
	{ 3, { F("assay1"), F("SUBMIT"), F("{\"stream\":\"\xff\xfe\"}") } },
	{ 4,
	  { F("assay1"), F("SUBMIT"), F("{\"stream\":\"breast\",\"case\":\"a\",\"parts\":[]}"),
	    F("x") } },
	{ 3, { F("assay1"), F("GET"), F("{}") } },
	{ 3,
	  { F("assay1"), F("REPLAY"), F("{\"stream\":\"breast\",\"after\":-1,\"credit\":1e99}") } },
	{ 3, { F("assay1"), F("REPLAY"), F("{\"stream\":\"\\u0000\",\"after\":0,\"credit\":1}") } },
	{ 3, { F("assay1"), F("READY"), F("{\"modality\":\"image\",\"credit\":-5}") } },
	{ 3, { F("assay1"), F("LOADED"), F("{\"model\":\"00\",\"dim\":1,\"rows_max\":1}") } },
	{ 3, { F("assay1"), F("RUNNING"), F("{\"job\":18446744073709551615}") } },
	{ 3,
	  { F("assay1"), F("FEATURES"),
	    F("{\"job\":1,\"model\":\"00\",\"rows\":4294967295,\"dim\":4294967295}") } },
	{ 4,
	  { F("assay1"), F("FEATURES"), F("{\"job\":1,\"model\":\"00\",\"rows\":1,\"dim\":1}"),
	    F("abcd") } },
	{ 3, { F("assay1"), F("FAILED"), F("{\"job\":1,\"model\":\"\",\"limit\":7}") } },
	{ 3, { F("assay1"), F("RELOAD"), F("nothing") } },
	{ 3, { F("assay1"), F("PING"), F("{}") } },
};

static const size_t WRONGS = sizeof WRONG / sizeof *WRONG;

static struct bus_socket *connect_to(struct world *w, enum bus_type type, const char *name)
{
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };
	char endpoint[BUS_ENDPOINT_SIZE];

	(void)snprintf(endpoint, sizeof endpoint, "ipc://%s/run/%s", tmpdir(), name);
	ok(bus_socket_open(&s, w->bus,
			   &(struct bus_options){ .type = type,
						  .endpoint = endpoint,
						  .hwm = 1000,
						  .linger_ms = 1000,
						  .max_bytes = 1 << 20 },
			   &e));
	return s;
}

static void send_all(struct bus_socket *s)
{
	struct as_err e = { 0 };

	for (size_t i = 0; i < WRONGS; i++) {
		ok(bus_send_wait(s, WRONG[i].frame, WRONG[i].n, PROC_MS, &e));
	}
}

/* The daemon is the one that was started, and judges. */
static void lives(struct world *w, const char *id)
{
	char json[128];

	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"breast\",\"case\":\"%s\",\"complete\":true,\"wait\":true,"
		       "\"parts\":[]}",
		       id);
	same(world_ask(w, "SUBMIT", json), "ACCEPTED");
	same(world_next(w), "JUDGMENT");
	same(world_str(w, "subject"), id);
	same(world_ask(w, "STATUS", NULL), "STATUS");
	cr_assert(io_json_find_bool(w->answer.doc, "ready", false));
	cr_assert(eq(int, (int)io_json_find_u64(w->answer.doc, "pid", 0), (int)w->daemon.pid));
}

Test(e2e_frames, front_answers_each_with_an_error)
{
	struct bus_msg m = { 0 };
	struct bus_call c;
	struct as_err e = { 0 };
	struct bus_socket *s;
	struct world w;

	world_start_plain(&w);
	s = connect_to(&w, BUS_DEALER, "front");
	for (size_t i = 0; i < WRONGS; i++) {
		ok(bus_send_wait(s, WRONG[i].frame, WRONG[i].n, PROC_MS, &e));
		ok(bus_recv_wait(s, &m, PROC_MS, &e));
		ok(bus_call_read(&c, &m, 0, &e));
		cr_assert(strcmp(c.verb, "ERROR") == 0 || strcmp(c.verb, "REFUSED") == 0,
			  "message %zu: %s", i, c.verb);
		cr_assert(ne(chr, io_json_find_str(c.doc, "message", "")[0], '\0'), "message %zu",
			  i);
		bus_call_free(&c);
	}
	bus_msg_free(&m);
	bus_socket_close(s);
	lives(&w, "a");
	world_stop(&w);
}

Test(e2e_frames, work_survives_them)
{
	struct bus_socket *s;
	struct world w;

	world_start_plain(&w);
	s = connect_to(&w, BUS_DEALER, "work");
	send_all(s);
	lives(&w, "a");
	bus_socket_close(s);
	world_stop(&w);
}

Test(e2e_frames, features_survives_them)
{
	struct bus_socket *s;
	struct world w;

	world_start_plain(&w);
	s = connect_to(&w, BUS_PUSH, "features");
	send_all(s);
	lives(&w, "a");
	bus_socket_close(s);
	world_stop(&w);
}

Test(e2e_frames, feed_survives_subscriptions_of_any_size)
{
	struct as_buf topic = { 0 };
	struct as_err e = { 0 };
	struct bus_socket *s;
	struct world w;

	world_start_plain(&w);
	s = connect_to(&w, BUS_SUB, "feed");
	memset(as_buf_reserve(&topic, 100000), 'a', 100000);
	topic.len = 100000;
	topic.data[topic.len] = '\0';
	ok(bus_subscribe(s, topic.data, &e));
	ok(bus_subscribe(s, "", &e));
	lives(&w, "a");
	as_buf_free(&topic);
	bus_socket_close(s);
	world_stop(&w);
}

Test(e2e_frames, control_answers_each_with_an_error)
{
	struct bus_msg m = { 0 };
	struct bus_call c;
	struct as_err e = { 0 };
	struct bus_socket *s;
	struct world w;

	world_start_plain(&w);
	s = connect_to(&w, BUS_DEALER, "control");
	for (size_t i = 0; i < WRONGS; i++) {
		ok(bus_send_wait(s, WRONG[i].frame, WRONG[i].n, PROC_MS, &e));
		ok(bus_recv_wait(s, &m, PROC_MS, &e));
		ok(bus_call_read(&c, &m, 0, &e));
		same(c.verb, "ERROR");
		bus_call_free(&c);
	}
	bus_msg_free(&m);
	bus_socket_close(s);
	lives(&w, "a");
	world_stop(&w);
}
