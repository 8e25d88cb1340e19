/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bus/call.h"
#include "tests/support/check.h"

#include <stdlib.h>

TestSuite(bus_call, .timeout = 60);

enum { WAIT_MS = 20000 };

/* Both ends in one thread: what the client says is read as the daemon reads it. */
struct line {
	struct bus *bus;
	struct bus_socket *front, *client;
	struct bus_msg m;
	struct bus_call c;
};

static void line_open(struct line *l)
{
	struct bus_options o = { .type = BUS_ROUTER,
				 .endpoint = "tcp://127.0.0.1:*",
				 .bind = true,
				 .hwm = 10,
				 .max_bytes = 4 << 20 };
	struct as_err e = { 0 };

	*l = (struct line){ 0 };
	ok(bus_open(&l->bus, &e));
	ok(bus_socket_open(&l->front, l->bus, &o, &e));
	ok(bus_connect(&l->client, l->bus, bus_endpoint(l->front), NULL, &e));
}

static void line_close(struct line *l)
{
	bus_call_free(&l->c);
	bus_msg_free(&l->m);
	bus_socket_close(l->client);
	bus_socket_close(l->front);
	bus_close(l->bus);
}

Test(bus_call, verb_json_and_bytes_come_apart)
{
	struct as_buf json = { 0 };
	const struct bus_frame bytes[] = { { "abc", 3, NULL }, { "", 0, NULL } };
	const struct bus_say say = { "SUBMIT", &json, bytes, 2 };
	struct as_err e = { 0 };
	struct line l;

	as_buf_puts(&json, "{\"stream\":\"s\"}");
	line_open(&l);
	ok(bus_wait_ready(l.client, WAIT_MS, &e));
	ok(bus_call_send(l.client, &say, &e));
	ok(bus_recv_wait(l.front, &l.m, WAIT_MS, &e));
	ok(bus_call_read(&l.c, &l.m, 1, &e));
	same(l.c.verb, "SUBMIT");
	same(io_json_find_str(l.c.doc, "stream", ""), "s");
	cr_assert(eq(sz, l.c.frames, (size_t)2));
	cr_assert(eq(sz, bus_size(&l.m, l.c.at), (size_t)3));
	as_buf_free(&json);
	line_close(&l);
}

static void refused(struct line *l, const struct bus_frame *f, size_t n, const char *text)
{
	struct as_err e = { 0 };
	struct bus_call c;

	ok(bus_send_wait(l->client, f, n, WAIT_MS, &e));
	ok(bus_recv_wait(l->front, &l->m, WAIT_MS, &e));
	fails(bus_call_read(&c, &l->m, 1, &e), AS_EPROTO, text);
}

#define F(text)                                \
	{                                      \
		(text), sizeof(text) - 1, NULL \
	}

Test(bus_call, what_breaks_the_protocol_is_named)
{
	const struct bus_frame few[] = { F("assay1"), F("HELLO") };
	const struct bus_frame other[] = { F("assay2"), F("HELLO"), F("{}") };
	const struct bus_frame small[] = { F("assay1"), F("hello"), F("{}") };
	const struct bus_frame long_verb[] = { F("assay1"), F("ABCDEFGHIJKLMNOPQRSTUVWX"),
					       F("{}") };
	const struct bus_frame none[] = { F("assay1"), F(""), F("{}") };
	const struct bus_frame hidden[] = { F("assay1"), F("HELLO\0X"), F("{}") };
	const struct bus_frame cut[] = { F("assay1"), F("HELLO"), F("{\"a\":") };
	const struct bus_frame twice[] = { F("assay1"), F("HELLO"), F("{\"a\":1,\"a\":2}") };
	struct bus_frame big[] = { F("assay1"), F("HELLO"), F("") };
	struct bus_frame many[BUS_FRAMES_MAX + 1];
	void *zeros = as_calloc(BUS_JSON_MAX + 1, 1);
	struct as_err e = { 0 };
	struct line l;

	for (size_t i = 0; i < BUS_FRAMES_MAX + 1; i++) {
		many[i] = (struct bus_frame)F("x");
	}
	big[2] = (struct bus_frame){ zeros, BUS_JSON_MAX + 1, NULL };
	line_open(&l);
	fails(bus_call_read(&l.c, &l.m, 1, &e), AS_EPROTO, "0 frames"); /* not even a peer */
	refused(&l, few, 2, "2 frames");
	refused(&l, long_verb, 3, "a verb of 24 bytes, want 1 to 23");
	refused(&l, other, 3, "frame 0");
	refused(&l, small, 3, "capital letters");
	refused(&l, none, 3, "frame 1");
	refused(&l, hidden, 3, "frame 1");
	refused(&l, cut, 3, "frame 2");
	refused(&l, twice, 3, "frame 2");
	refused(&l, big, 3, "at most 1048576");
	refused(&l, many, BUS_FRAMES_MAX + 1, "more than 160 frames");
	free(zeros);
	line_close(&l);
}

Test(bus_call, silence_and_absence_are_told_apart)
{
	const struct bus_say say = { .verb = "HELLO" };
	struct as_err e = { 0 };
	struct bus_socket *nobody;
	struct line l;

	line_open(&l);
	fails(bus_request(l.client, &say, 100, &l.m, &l.c, &e), AS_EUNAVAIL, "no answer");
	ok(bus_connect(&nobody, l.bus, "ipc:///nonexistent/front", NULL, &e));
	fails(bus_request(nobody, &say, 50, &l.m, &l.c, &e), AS_EUNAVAIL, "is assayd running?");
	bus_socket_close(nobody);
	line_close(&l);
}

Test(bus_call, error_is_an_error_with_its_message)
{
	const struct bus_say say = { .verb = "HELLO" };
	const struct bus_say again = { .verb = "OK" };
	struct as_buf json = { 0 };
	const struct bus_say wrong = { .verb = "ERROR", .json = &json };
	const struct bus_say not_allowed = { .verb = "FORBIDDEN", .json = &json };
	const struct bus_say silent = { .verb = "ERROR" };
	const struct bus_say none = { .verb = "no verb" };
	struct bus_bytes *peer;
	struct as_err e = { 0 };
	struct line l;

	as_buf_puts(&json, "{\"field\":\"x\",\"message\":\"x is wrong\"}");
	line_open(&l);
	ok(bus_wait_ready(l.client, WAIT_MS, &e));
	ok(bus_call_send(l.client, &say, &e));
	ok(bus_recv_wait(l.front, &l.m, WAIT_MS, &e));
	peer = bus_take(&l.m, 0);
	ok(bus_call_reply(l.front, &(struct bus_frame){ .kept = peer }, &wrong, &e));
	ok(bus_call_reply(l.front, &(struct bus_frame){ .kept = peer }, &not_allowed, &e));
	ok(bus_call_reply(l.front, &(struct bus_frame){ .kept = peer }, &silent, &e));
	ok(bus_call_reply(l.front, &(struct bus_frame){ .kept = peer }, &none, &e));
	ok(bus_call_reply(l.front, &(struct bus_frame){ .kept = peer }, &again, &e));
	fails(bus_answer(l.client, WAIT_MS, &l.m, &l.c, &e), AS_EPROTO, "x is wrong");
	fails(bus_answer(l.client, WAIT_MS, &l.m, &l.c, &e), AS_EPERM, "x is wrong");
	fails(bus_answer(l.client, WAIT_MS, &l.m, &l.c, &e), AS_EPROTO, "error without a message");
	fails(bus_answer(l.client, WAIT_MS, &l.m, &l.c, &e), AS_EPROTO, "the answer of tcp://");
	ok(bus_answer(l.client, WAIT_MS, &l.m, &l.c, &e));
	same(l.c.verb, "OK");
	bus_bytes_free(peer);
	as_buf_free(&json);
	line_close(&l);
}
