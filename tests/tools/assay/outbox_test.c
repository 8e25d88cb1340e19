/* SPDX-License-Identifier: Apache-2.0
 * The outbox against a daemon that is busy, forgetful and out of order. */
#include "tools/assay/outbox.h"

#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <pthread.h>
#include <stdio.h>

TestSuite(assay_outbox, .timeout = 60);

enum { SEEN_MAX = 64 };

/* The daemon: a ROUTER in a thread of its own that does what `say` says with each message. */
struct fake {
	struct bus *bus;
	struct bus_socket *front;
	struct bus_msg msg;
	char endpoint[BUS_ENDPOINT_SIZE];
	void (*say)(struct fake *f, const char *verb, const char *id);
	char seen[SEEN_MAX][16]; /* ids of the submissions, as they came */
	size_t n;
	bool stop;
	pthread_t thread;
};

static void reply(struct fake *f, const char *verb, const char *json)
{
	struct as_buf text = { 0 };
	struct as_err e = { 0 };
	const struct bus_frame peer = { .data = bus_data(&f->msg, 0),
					.size = bus_size(&f->msg, 0) };

	as_buf_puts(&text, json);
	ok(bus_call_reply(f->front, &peer, &(struct bus_say){ .verb = verb, .json = &text }, &e));
	as_buf_free(&text);
}

static void reply_case(struct fake *f, const char *verb, const char *id)
{
	char json[96];

	(void)snprintf(json, sizeof json, "{\"case\":\"%s\",\"retry_after_ms\":10}", id);
	reply(f, verb, json);
}

static void judge(struct fake *f, const char *id)
{
	char json[96];

	(void)snprintf(json, sizeof json, "{\"subject\":\"%s\",\"data\":{\"kind\":\"result\"}}",
		       id);
	reply(f, "JUDGMENT", json);
}

static void *serve(void *arg)
{
	struct fake *f = arg;
	struct as_err e = { 0 };
	struct bus_call c;

	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		if (bus_recv_wait(f->front, &f->msg, 20, &e) != AS_OK ||
		    bus_call_read(&c, &f->msg, 1, &e) != AS_OK) {
			continue;
		}
		if (strcmp(c.verb, "HELLO") == 0) {
			reply(f, "HELLO", "{}");
		} else {
			const char *id = io_json_find_str(c.doc, "case", "");

			if (strcmp(c.verb, "SUBMIT") == 0 && f->n < SEEN_MAX) {
				(void)snprintf(f->seen[f->n++], sizeof f->seen[0], "%s", id);
			}
			f->say(f, c.verb, id);
		}
		bus_call_free(&c);
	}
	return NULL;
}

static struct io_task task = { .name = "t", .parts = 1 };

struct fixture {
	struct fake fake;
	struct cmd_link link;
	struct cmd_outbox box;
};

static void setup(struct fixture *x, void (*say)(struct fake *, const char *, const char *))
{
	struct as_err e = { 0 };

	*x = (struct fixture){ .fake = { .say = say } };
	(void)snprintf(x->fake.endpoint, sizeof x->fake.endpoint, "ipc://%s/front", tmpdir());
	(void)snprintf(task.part[0].name, sizeof task.part[0].name, "report");
	ok(bus_open(&x->fake.bus, &e));
	ok(bus_socket_open(&x->fake.front, x->fake.bus,
			   &(struct bus_options){ .type = BUS_ROUTER,
						  .endpoint = x->fake.endpoint,
						  .bind = true,
						  .hwm = 1000,
						  .max_bytes = 1 << 20 },
			   &e));
	cr_assert(zero(int, pthread_create(&x->fake.thread, NULL, serve, &x->fake)));
	ok(cmd_link_open(&x->link, &(struct cmd_door){ .endpoint = x->fake.endpoint }, &e));
	x->box = (struct cmd_outbox){ .link = &x->link, .task = &task, .stream = "s" };
}

static void teardown(struct fixture *x)
{
	cmd_outbox_free(&x->box);
	cmd_link_close(&x->link);
	__atomic_store_n(&x->fake.stop, true, __ATOMIC_RELEASE);
	(void)pthread_join(x->fake.thread, NULL);
	bus_msg_free(&x->fake.msg);
	bus_socket_close(x->fake.front);
	bus_close(x->fake.bus);
}

static void put(struct fixture *x, const char *id)
{
	struct io_case c = { .parts = 1, .part = as_calloc(1, sizeof *c.part) };
	struct as_err e = { 0 };

	(void)snprintf(c.id, sizeof c.id, "%s", id);
	c.part[0].type = "text/plain; charset=utf-8";
	as_buf_puts(&c.part[0].data, "words");
	ok(cmd_outbox_put(&x->box, &c, true, &e));
}

static size_t times(const struct fake *f, const char *id)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) n += strcmp(f->seen[i], id) == 0;
	return n;
}

static void busy_twice(struct fake *f, const char *verb, const char *id)
{
	if (strcmp(verb, "SUBMIT") == 0) {
		reply_case(f, times(f, id) < 3 ? "BUSY" : "ACCEPTED", id);
	}
}

Test(assay_outbox, busy_is_tried_again)
{
	struct as_err e = { 0 };
	struct fixture x;

	setup(&x, busy_twice);
	put(&x, "a");
	put(&x, "b");
	ok(cmd_outbox_drain(&x.box, &e));
	cr_assert(eq(sz, x.box.accepted, (size_t)2));
	cr_assert(eq(sz, times(&x.fake, "a"), (size_t)3));
	cr_assert(eq(sz, times(&x.fake, "b"), (size_t)3));
	teardown(&x);
}

/* The first submission of "b" is lost, and the judgment of "a". */
static void forgetful(struct fake *f, const char *verb, const char *id)
{
	if (strcmp(verb, "GET") == 0) {
		judge(f, id);
		judge(f, id);
	} else if (strcmp(id, "b") != 0 || times(f, id) > 1) {
		reply_case(f, "ACCEPTED", id);
		if (strcmp(id, "b") == 0) {
			judge(f, id);
		}
	}
}

Test(assay_outbox, silence_sends_again_and_asks_for_judgments)
{
	struct as_err e = { 0 };
	struct fixture x;

	setup(&x, forgetful);
	x.box.wait = true;
	put(&x, "a");
	put(&x, "b");
	ok(cmd_outbox_drain(&x.box, &e));
	cr_assert(eq(sz, x.box.accepted, (size_t)2));
	cr_assert(zero(sz, x.box.waiting.n));
	cr_assert(eq(sz, times(&x.fake, "a"), (size_t)1));
	cr_assert(ge(sz, times(&x.fake, "b"), (size_t)2));
	teardown(&x);
}

/* Nothing is answered until four are there; then the last first. */
static void backwards(struct fake *f, const char *verb, const char *id)
{
	(void)verb;
	(void)id;
	for (size_t i = f->n; f->n == 4 && i-- > 0;)
		reply_case(f, i == 2 ? "REFUSED" : "ACCEPTED", f->seen[i]);
}

Test(assay_outbox, answers_may_come_in_any_order)
{
	struct as_err e = { 0 };
	struct fixture x;

	setup(&x, backwards);
	put(&x, "a");
	put(&x, "b");
	put(&x, "c");
	put(&x, "d");
	ok(cmd_outbox_drain(&x.box, &e));
	cr_assert(eq(sz, x.box.accepted, (size_t)3));
	cr_assert(eq(sz, x.box.refused, (size_t)1));
	teardown(&x);
}

static void stopping(struct fake *f, const char *verb, const char *id)
{
	(void)verb;
	reply_case(f, "UNAVAILABLE", id);
}

Test(assay_outbox, daemon_that_stops_is_an_error)
{
	struct as_err e = { 0 };
	struct fixture x;

	setup(&x, stopping);
	put(&x, "a");
	fails(cmd_outbox_drain(&x.box, &e), AS_EUNAVAIL, "front");
	teardown(&x);
}
