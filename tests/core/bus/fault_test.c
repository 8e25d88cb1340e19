/* SPDX-License-Identifier: Apache-2.0
 * The bus with each call of libzmq and of the system that it makes failing: an error that says so
 * and leaves nothing behind, or what was to be done. */
#include "core/base/buf.h"
#include "core/bus/call.h"
#include "core/bus/clients.h"
#include "core/bus/guard.h"
#include "core/bus/inside.h"
#include "core/bus/keys.h"
#include "tests/support/check.h"
#include "tests/support/fault.h"
#include "tests/support/tmpdir.h"

#include <poll.h>
#include <pthread.h>
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
FAULT_WRAP(int, zmq_send, FAULT_AGAIN, -1, (void *s, const void *p, size_t n, int f), (s, p, n, f))
FAULT_WRAP(int, zmq_msg_send, FAULT_AGAIN, -1, (zmq_msg_t * m, void *s, int f), (m, s, f))
FAULT_WRAP(int, zmq_recv, FAULT_READ, -1, (void *s, void *p, size_t n, int f), (s, p, n, f))
FAULT_WRAP(int, zmq_msg_recv, FAULT_READ, -1, (zmq_msg_t * m, void *s, int f), (m, s, f))
FAULT_WRAP(int, zmq_poll, FAULT_READ, -1, (zmq_pollitem_t * i, int n, long ms), (i, n, ms))
FAULT_WRAP(int, zmq_curve_keypair, FAULT_OTHER, -1, (char *p, char *s), (p, s))
FAULT_WRAP(int, zmq_curve_public, FAULT_OTHER, -1, (char *p, const char *s), (p, s))
FAULT_WRAP(int, poll, FAULT_READ, -1, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))
FAULT_WRAP(int, pthread_create, FAULT_OTHER, EAGAIN,
	   (pthread_t * t, const pthread_attr_t *a, void *(*fn)(void *), void *arg),
	   (t, a, fn, arg))

static const struct as_log silent = { .fd = 2, .level = AS_ERROR, .who = "test" };

enum { WAIT_MS = 20000, TRIES = 500 };

/* Everything that a test has, so that each way out closes it. */
struct room {
	struct bus *bus;
	struct bus_socket *front, *client;
	struct bus_keys own, guest;
	struct bus_clients *clients;
	struct bus_guard *guard;
	struct bus_msg m;
	struct bus_call c;
	const char *path;
};

static void room_close(struct room *r)
{
	bus_call_free(&r->c);
	bus_msg_free(&r->m);
	bus_socket_close(r->client);
	bus_socket_close(r->front);
	bus_guard_close(r->guard);
	bus_clients_free(r->clients);
	bus_close(r->bus);
}

typedef int (*act_fn)(struct room *r, struct as_err *e);

/* Each call once; *refused: how often that was an error. */
static size_t sweep(act_fn act, int number, size_t *refused)
{
	size_t fired = 1;
	size_t n = 0;

	*refused = 0;
	while (fired > 0) {
		struct room r = { .path = tmpdir_path("door") };
		struct as_err e = { 0 };
		int rc;

		fault = (struct fault){ .at = ++n, .number = number };
		rc = act(&r, &e);
		fired = fault.fired;
		fault = (struct fault){ 0 };
		room_close(&r);
		cr_assert(rc == AS_OK || (fired > 0 && e.code == rc && e.msg[0] != '\0'),
			  "call %zu: %d, %s", n, rc, e.msg);
		*refused += rc != AS_OK;
		cr_assert(lt(sz, n, (size_t)TRIES));
	}
	return n - 1;
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

/* A signal is no failure. */
Test(bus_fault, what_is_interrupted_is_done_again)
{
	size_t refused;

	cr_assert(lt(sz, (size_t)10, sweep(ask_and_answer, EINTR, &refused)));
	cr_assert(zero(sz, refused));
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

static void write_clients(void)
{
	(void)tmpdir_file("clients.ini",
			  "[client.a]\nkey = rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n");
	cr_assert(zero(int, chmod(tmpdir_path("clients.ini"), 0600)));
}

static int test_a_door(struct room *r, struct as_err *e)
{
	char at[BUS_ENDPOINT_SIZE];
	int rc;

	(void)snprintf(at, sizeof at, "ipc://%s", r->path);
	TRY(bus_open(&r->bus, e));
	TRY(bus_keys_make(&r->own, e));
	TRY(bus_clients_load(&r->clients, tmpdir_path("clients.ini"), e));
	TRY(bus_guard_open(&r->guard, r->bus, r->clients, &silent, e));
	TRY(bus_guard_test(r->bus, &r->own, at, e));
out:
	return rc;
}

/* A test of the door that could not be made is none that was passed. */
Test(bus_fault, door_is_tested_or_not_opened)
{
	size_t refused;
	size_t n;

	write_clients();
	n = sweep(test_a_door, EIO, &refused);
	cr_assert(lt(sz, (size_t)50, n));
	cr_assert(eq(sz, refused, n));
}

static int open_guard(struct room *r, struct as_err *e)
{
	int rc;

	TRY(bus_open(&r->bus, e));
	TRY(bus_clients_load(&r->clients, tmpdir_path("clients.ini"), e));
	TRY(bus_guard_open(&r->guard, r->bus, r->clients, &silent, e));
	TRY(bus_guard_change(r->guard, r->clients, e));
	TRY(bus_guard_check(r->guard, e));
out:
	return rc;
}

Test(bus_fault, guard_is_there_or_not)
{
	size_t refused;

	write_clients();
	cr_assert(lt(sz, (size_t)20, sweep(open_guard, EIO, &refused)));
	cr_assert(lt(sz, (size_t)20, refused));
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
