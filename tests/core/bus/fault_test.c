/* SPDX-License-Identifier: Apache-2.0
 * The bus with each call of libzmq and of the system that it makes failing: an error that says so
 * and leaves nothing behind, or what was to be done. */
#include "core/bus/inside.h"
#include "tests/core/bus/faults.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

TestSuite(bus_fault, .timeout = 120);

FAULT_WRAP(void *, zmq_ctx_new, FAULT_OTHER, NULL, (void), ())
FAULT_WRAP(int, zmq_ctx_set, FAULT_OTHER, -1, (void *c, int option, int value), (c, option, value))
FAULT_WRAP(int, zmq_ctx_term, FAULT_AGAIN, -1, (void *c), (c))
FAULT_WRAP(void *, zmq_socket, FAULT_OTHER, NULL, (void *c, int type), (c, type))
FAULT_WRAP(int, zmq_setsockopt, FAULT_OTHER, -1, (void *s, int o, const void *v, size_t n),
	   (s, o, v, n))
FAULT_WRAP(int, zmq_getsockopt, FAULT_OTHER, -1, (void *s, int o, void *v, size_t *n), (s, o, v, n))
FAULT_WRAP(int, zmq_bind, FAULT_OTHER, -1, (void *s, const char *at), (s, at))
FAULT_WRAP(int, zmq_connect, FAULT_OTHER, -1, (void *s, const char *at), (s, at))
FAULT_WRAP(int, zmq_socket_monitor, FAULT_OTHER, -1, (void *s, const char *at, int what),
	   (s, at, what))
FAULT_WRAP(int, zmq_send, FAULT_WRITE, -1, (void *s, const void *p, size_t n, int f), (s, p, n, f))
FAULT_WRAP(int, zmq_msg_send, FAULT_WRITE, -1, (zmq_msg_t * m, void *s, int f), (m, s, f))
FAULT_WRAP(int, zmq_recv, FAULT_READ, -1, (void *s, void *p, size_t n, int f), (s, p, n, f))
FAULT_WRAP(int, zmq_msg_recv, FAULT_READ, -1, (zmq_msg_t * m, void *s, int f), (m, s, f))
FAULT_WRAP(int, zmq_msg_init_size, FAULT_MEMORY, zmq_msg_init(m) - 1, (zmq_msg_t * m, size_t n),
	   (m, n))
FAULT_WRAP(int, zmq_poll, FAULT_READ, -1, (zmq_pollitem_t * i, int n, long ms), (i, n, ms))
FAULT_WRAP(int, zmq_curve_keypair, FAULT_OTHER, -1, (char *p, char *s), (p, s))
FAULT_WRAP(int, zmq_curve_public, FAULT_OTHER, -1, (char *p, const char *s), (p, s))

/* Sends a message when the next wait begins; how long that was to be. */
static struct bus_socket *sends_meanwhile;
static int asked_ms;

int __real_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	struct as_err e = { 0 };

	if (fault_hits(FAULT_READ)) {
		return -1;
	}
	asked_ms = ms;
	if (sends_meanwhile != NULL) {
		ok(bus_give(sends_meanwhile, NULL, &e));
		sends_meanwhile = NULL;
	}
	return __real_poll(p, n, ms);
}

struct fault in_thread;
static void *(*thread_work)(void *);

static void *begin_thread(void *arg)
{
	void *out;

	fault = in_thread;
	out = thread_work(arg);
	in_thread = fault;
	return out;
}

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	thread_work = fn;
	return fault_hits(FAULT_OTHER) ? EAGAIN : __real_pthread_create(t, a, begin_thread, arg);
}

static int open_every_kind(struct room *r, struct as_err *e)
{
	struct bus_options o = { .type = BUS_ROUTER,
				 .endpoint = "tcp://127.0.0.1:*",
				 .bind = true,
				 .hwm = 10,
				 .max_bytes = 1 << 20 };
	struct bus_curve c = { .own = &r->own, .domain = "front" };
	int rc;

	TRY(bus_open(&r->bus, e));
	TRY(bus_keys_make(&r->own, e));
	TRY(bus_keys_make(&r->guest, e));
	TRY(bus_socket_open(&r->front, r->bus, &o, e));
	TRY(bus_bind(r->front, "tcp://127.0.0.1:*", &c, e));
	c.server = r->own.public;
	o.endpoint = bus_endpoint(r->front);
	o.bind = false;
	o.type = BUS_DEALER;
	o.once = true;
	o.curve = &c;
	TRY(bus_socket_open(&r->client, r->bus, &o, e));
	bus_socket_close(r->client);
	r->client = NULL;
	o = (struct bus_options){
		.type = BUS_XPUB, .endpoint = "inproc://feed", .bind = true, .hwm = 1, .admit = true
	};
	TRY(bus_socket_open(&r->client, r->bus, &o, e));
out:
	return rc;
}

Test(bus_fault, socket_is_opened_or_not)
{
	size_t refused;
	const size_t n = sweep(open_every_kind, EIO, &refused);

	cr_assert(lt(sz, (size_t)40, n));
	cr_assert(eq(sz, refused, n)); /* none of it may be missing */
}

/* The client asks, the front answers what it was asked. */
static int ask_and_answer(struct room *r, struct as_err *e)
{
	const struct bus_options o = { .type = BUS_ROUTER,
				       .endpoint = "inproc://front",
				       .bind = true,
				       .hwm = 10,
				       .max_bytes = -1 };
	const struct bus_frame bytes[] = { { "abc", 3, NULL } };
	const struct bus_say say = { .verb = "HELLO", .bytes = bytes, .n = 1 };
	struct bus_poll item = { 0 };
	struct bus_bytes *peer = NULL;
	int rc;

	TRY(bus_open(&r->bus, e));
	TRY(bus_socket_open(&r->front, r->bus, &o, e));
	TRY(bus_connect(&r->client, r->bus, "inproc://front", NULL, e));
	TRY(bus_wait_ready(r->client, WAIT_MS, e));
	TRY(bus_call_send(r->client, &say, e));
	item.socket = r->front;
	do {
		TRY(bus_poll(&item, 1, WAIT_MS, e));
	} while (!item.in);
	TRY(bus_recv_wait(r->front, &r->m, -1, e));
	TRY(bus_call_read(&r->c, &r->m, 1, e));
	cr_assert(eq(sz, r->c.frames, (size_t)1));
	bus_call_free(&r->c);
	peer = bus_take(&r->m, 0);
	TRY(bus_call_reply(r->front, &(struct bus_frame){ .kept = peer }, &say, e));
	TRY(bus_answer(r->client, WAIT_MS, &r->m, &r->c, e));
	same(r->c.verb, "HELLO");
out:
	bus_bytes_free(peer);
	return rc;
}

Test(bus_fault, question_is_answered_or_fails)
{
	size_t refused;
	const size_t n = sweep(ask_and_answer, EIO, &refused);

	cr_assert(lt(sz, (size_t)20, n));
	cr_assert(lt(sz, (size_t)20, refused));
}

/* A subscription is asked for and admitted, and what is published comes. */
static int publish(struct room *r, struct as_err *e)
{
	const struct bus_frame f[] = { { "a topic", 7, NULL }, { "news", 4, NULL } };
	struct bus_options o = {
		.type = BUS_XPUB, .endpoint = "inproc://feed", .bind = true, .hwm = 1, .admit = true
	};
	int rc;

	TRY(bus_open(&r->bus, e));
	TRY(bus_socket_open(&r->front, r->bus, &o, e));
	o = (struct bus_options){ .type = BUS_SUB, .endpoint = o.endpoint, .hwm = 1 };
	TRY(bus_socket_open(&r->client, r->bus, &o, e));
	TRY(bus_subscribe(r->client, "a", e));
	TRY(bus_recv_wait(r->front, &r->m, WAIT_MS, e));
	cr_assert(eq(sz, bus_size(&r->m, 0), (size_t)2));
	TRY(bus_admit(r->front, "a", 1, true, e));
	TRY(bus_send(r->front, f, 2, e));
	TRY(bus_recv_wait(r->client, &r->m, WAIT_MS, e));
	cr_assert(eq(sz, r->m.n, (size_t)2));
out:
	return rc;
}

Test(bus_fault, news_come_or_the_subscription_fails)
{
	size_t refused;
	const size_t n = sweep(publish, EIO, &refused);

	cr_assert(lt(sz, (size_t)20, n));
	cr_assert(eq(sz, refused, n));
}

static int hand_over(struct room *r, struct as_err *e)
{
	struct bus_options o = {
		.type = BUS_PAIR, .endpoint = "inproc://pair", .bind = true, .max_bytes = -1
	};
	void *got = NULL;
	int rc;

	TRY(bus_open(&r->bus, e));
	TRY(bus_socket_open(&r->front, r->bus, &o, e));
	o.bind = false;
	TRY(bus_socket_open(&r->client, r->bus, &o, e));
	TRY(bus_give(r->client, r, e));
	TRY(bus_get(r->front, &got, e));
	cr_assert(eq(ptr, got, r));
out:
	return rc;
}

/* A signal is no failure. */
Test(bus_fault, what_is_interrupted_is_done_again)
{
	static const act_fn acts[] = { ask_and_answer, publish, hand_over };
	size_t refused;

	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		cr_assert(lt(sz, (size_t)1, sweep(acts[i], EINTR, &refused)));
		cr_assert(zero(sz, refused));
	}
}

static size_t count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	size_t n = 0;

	cr_assert(ne(ptr, dir, NULL));
	while (readdir(dir) != NULL) {
		n++;
	}
	(void)closedir(dir);
	return n;
}

/* libzmq's threads have ended, whatever interrupted the wait for them. */
Test(bus_fault, bus_that_is_interrupted_is_closed_all_the_same)
{
	const struct bus_options o = { .type = BUS_PULL, .endpoint = "inproc://x", .bind = true };
	const size_t before = count_threads();
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };
	struct bus *bus = NULL;

	ok(bus_open(&bus, &e));
	ok(bus_socket_open(&s, bus, &o, &e));
	cr_assert(lt(sz, before, count_threads()));
	bus_socket_close(s);
	fault = (struct fault){ .at = 1, .number = EINTR };
	bus_close(bus);
	cr_assert(eq(sz, fault.fired, (size_t)1));
	fault = (struct fault){ 0 };
	while (count_threads() > before) {
		(void)sched_yield(); /* joined, and not yet gone from the list */
	}
}

static void pair_open(struct room *r)
{
	struct as_err e = { 0 };

	*r = (struct room){ 0 };
	ok(hand_over(r, &e));
}

/* What follows the frame that failed is not taken for the beginning of the next message. */
Test(bus_fault, message_that_fails_in_its_middle_ends_there)
{
	const struct bus_frame f[] = { { "1", 1, NULL }, { "2", 1, NULL }, { "3", 1, NULL } };
	struct as_err e = { 0 };
	struct room r;

	pair_open(&r);
	fault = (struct fault){ .at = 2, .number = EAGAIN };
	fails(bus_send(r.client, f, 3, &e), AS_EAGAIN, "send to inproc://pair");
	cr_assert(eq(sz, fault.calls, (size_t)3));
	fault = (struct fault){ 0 };
	ok(bus_send(r.client, f, 3, &e));
	/* libzmq would not deliver the first: it did not hear of the failure. */
	ok(bus_recv(r.front, &r.m, &e));
	cr_assert(eq(sz, r.m.n, (size_t)2));
	ok(bus_recv(r.front, &r.m, &e));
	cr_assert(eq(sz, r.m.n, (size_t)3));
	room_close(&r);
}

Test(bus_fault, request_that_cannot_be_sent_says_why)
{
	const struct bus_say say = { .verb = "HELLO" };
	struct as_err e = { 0 };
	struct room r;

	pair_open(&r);
	fault = (struct fault){ .at = 1, .number = EIO };
	fails(bus_request(r.client, &say, WAIT_MS, &r.m, &r.c, &e), AS_EIO,
	      "send to inproc://pair: Input/output error");
	fault = (struct fault){ 0 };
	room_close(&r);
}

Test(bus_fault, message_is_waited_for_as_long_as_was_asked)
{
	struct as_err e = { 0 };
	struct room r;

	pair_open(&r);
	sends_meanwhile = r.client;
	fails(bus_recv_wait(r.front, &r.m, 0, &e), AS_EAGAIN, "");
	cr_assert(eq(ptr, sends_meanwhile, r.client), "it waited");
	ok(bus_recv_wait(r.front, &r.m, -1, &e));
	cr_assert(eq(ptr, sends_meanwhile, NULL), "it did not wait");
	cr_assert(eq(int, asked_ms, -1));
	cr_assert(eq(sz, bus_size(&r.m, 0), sizeof(void *)));
	room_close(&r);
}

static sigjmp_buf aborted;

static void back_from_abort(int sig)
{
	siglongjmp(aborted, sig);
}

Test(bus_fault, bytes_without_memory_end_the_process)
{
	struct bus_bytes *volatile b = NULL;

	cr_assert(ne(ptr, signal(SIGABRT, back_from_abort), SIG_ERR));
	if (sigsetjmp(aborted, 1) == 0) {
		fault = (struct fault){ .at = 1, .number = ENOMEM };
		b = bus_bytes_copy("abc", 3);
	}
	cr_assert(eq(sz, fault.fired, (size_t)1));
	fault = (struct fault){ 0 };
	cr_assert(zero(ptr, b), "it went on");
}

static int keep_keys(struct room *r, struct as_err *e)
{
	struct bus_keys got;
	int rc;

	(void)remove(r->path);
	(void)remove(tmpdir_path("door.pub"));
	TRY(bus_keys_make(&r->own, e));
	TRY(bus_keys_save(&r->own, r->path, e));
	TRY(bus_keys_load(&got, r->path, true, e));
	same(got.secret, r->own.secret);
out:
	return rc;
}

Test(bus_fault, keys_are_kept_or_not)
{
	size_t refused;

	cr_assert(lt(sz, (size_t)8, sweep(keep_keys, EIO, &refused)));
	cr_assert(lt(sz, (size_t)8, refused));
}

/* Half a pair is no pair: whoever makes keys again is not told that they are there. */
Test(bus_fault, keys_that_cannot_be_written_leave_nothing)
{
	struct as_err e = { 0 };
	struct bus_keys k;
	size_t fired = 1;

	ok(bus_keys_make(&k, &e));
	for (size_t n = 1; fired > 0; n++) {
		const char *const path = tmpdir_path("key");
		const char *const pub = tmpdir_path("key.pub");
		int rc;

		(void)remove(path);
		(void)remove(pub);
		fault = (struct fault){ .at = n, .number = ENOSPC };
		rc = bus_keys_save(&k, path, &e);
		fired = fault.fired;
		fault = (struct fault){ 0 };
		cr_assert(eq(int, rc == AS_OK, fired == 0));
		cr_assert(eq(int, access(path, F_OK), rc == AS_OK ? 0 : -1));
		cr_assert(eq(int, access(pub, F_OK), rc == AS_OK ? 0 : -1));
	}
}

Test(bus_fault, what_libzmq_says_has_its_code)
{
	static const struct {
		int number, code;
	} all[] = {
		{ EAGAIN, AS_EAGAIN },          { ETERM, AS_ECLOSED },
		{ EHOSTUNREACH, AS_EUNAVAIL },  { EADDRINUSE, AS_EUNAVAIL },
		{ EADDRNOTAVAIL, AS_EUNAVAIL }, { ENODEV, AS_EUNAVAIL },
		{ EINVAL, AS_ECONFIG },         { EPROTONOSUPPORT, AS_ECONFIG },
		{ ENOCOMPATPROTO, AS_ECONFIG }, { EMFILE, AS_EUNAVAIL },
		{ ENFILE, AS_EUNAVAIL },        { EPIPE, AS_EIO },
	};
	struct as_err e = { 0 };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		errno = all[i].number;
		fails(bus_fail(&e, "listen on", "there"), all[i].code, "listen on there: ");
	}
}

Test(bus_fault, waiting_that_fails_says_so)
{
	struct bus_poll item[257] = { { .fd = 0 } };
	struct as_err e = { 0 };

	fails(bus_poll(item, 257, 0, &e), AS_EIO, "257 things to wait for, at most 256");
	fault = (struct fault){ .at = 1, .number = EIO };
	fails(bus_poll(item, 1, 0, &e), AS_EIO, "poll: Input/output error");
	fault = (struct fault){ .at = 1, .number = EINTR };
	ok(bus_poll(item, 1, 0, &e));
	fault = (struct fault){ 0 };
}
