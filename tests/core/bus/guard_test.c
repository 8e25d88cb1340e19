/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "core/bus/bus.h"
#include "core/bus/guard.h"
#include "core/bus/inside.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(bus_guard, .timeout = 120);

/* WAIT_MS for what must come; NOT_MS for what must not, after a peer that came later was heard. */
enum { WAIT_MS = 20000, NOT_MS = 300 };

static const struct as_log quiet = { .fd = 2, .level = AS_ERROR, .who = "test" };

/* A guarded ROUTER, a client that may use it, and one that nobody knows. */
struct house {
	struct bus *bus;
	struct bus_keys own, guest, stranger;
	struct bus_clients *clients;
	struct bus_guard *guard;
	struct bus_socket *door;
	struct bus_msg m;
};

static struct bus_clients *clients_of(const char *text)
{
	struct bus_clients *l = NULL;
	struct as_err e = { 0 };
	const char *path = tmpdir_file("clients.ini", text);

	cr_assert(zero(int, chmod(path, 0644)));
	ok(bus_clients_load(&l, path, &e));
	return l;
}

static struct bus_clients *one_client(const struct bus_keys *k, const char *rights)
{
	struct as_buf b = { 0 };
	struct bus_clients *l;

	as_buf_printf(&b, "[client.guest]\nkey = %s\n%s\n", k->public, rights);
	l = clients_of(b.data);
	as_buf_free(&b);
	return l;
}

static struct bus_socket *open_door(struct house *h, const char *domain)
{
	const struct bus_curve c = { .own = &h->own, .domain = domain };
	const struct bus_options o = { .type = BUS_ROUTER,
				       .endpoint = "tcp://127.0.0.1:*",
				       .bind = true,
				       .hwm = 10,
				       .max_bytes = 1 << 20,
				       .curve = &c };
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };

	ok(bus_socket_open(&s, h->bus, &o, &e));
	return s;
}

static void house_open(struct house *h, const char *rights)
{
	struct as_err e = { 0 };

	*h = (struct house){ 0 };
	ok(bus_open(&h->bus, &e));
	ok(bus_keys_make(&h->own, &e));
	ok(bus_keys_make(&h->guest, &e));
	ok(bus_keys_make(&h->stranger, &e));
	h->clients = one_client(&h->guest, rights);
	ok(bus_guard_open(&h->guard, h->bus, h->clients, &quiet, &e));
	h->door = open_door(h, "front");
}

static void house_close(struct house *h)
{
	bus_msg_free(&h->m);
	bus_socket_close(h->door);
	bus_guard_close(h->guard);
	bus_clients_free(h->clients);
	bus_close(h->bus);
}

static struct bus_socket *knock_at(struct house *h, const struct bus_socket *door,
				   const struct bus_curve *c)
{
	const struct bus_options o = { .type = BUS_DEALER,
				       .endpoint = bus_endpoint(door),
				       .hwm = 10,
				       .max_bytes = 1 << 20,
				       .curve = c };
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };

	ok(bus_socket_open(&s, h->bus, &o, &e));
	return s;
}

/* Sends one frame with these keys (server: the key that it believes the door has) and says whether
 * it comes through the door within wait_ms. NULL keys: in the clear. */
static bool comes_in(struct house *h, const struct bus_keys *k, const char *server, int wait_ms)
{
	const struct bus_curve c = { .own = k, .server = server };
	const struct bus_frame f = { "hello", 5, NULL };
	struct bus_socket *s = knock_at(h, h->door, k ? &c : NULL);
	struct as_err e = { 0 };
	const bool in = bus_send_wait(s, &f, 1, wait_ms, &e) == AS_OK &&
			bus_recv_wait(h->door, &h->m, wait_ms, &e) == AS_OK;

	bus_socket_close(s);
	return in;
}

Test(bus_guard, key_in_the_list_comes_in_and_is_named)
{
	struct house h;

	house_open(&h, "submit = *");
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	same(bus_user(&h.m, 1), h.guest.public);
	house_close(&h);
}

Test(bus_guard, attack_01_client_in_the_clear_does_not)
{
	struct house h;

	house_open(&h, "submit = *");
	cr_assert(not(comes_in(&h, NULL, NULL, NOT_MS)));
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	house_close(&h);
}

Test(bus_guard, attack_02_unknown_key_does_not_and_is_counted)
{
	struct house h;

	house_open(&h, "submit = *");
	cr_assert(not(comes_in(&h, &h.stranger, h.own.public, NOT_MS)));
	cr_assert(lt(u64, 0, bus_guard_refused(h.guard)));
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	house_close(&h);
}

Test(bus_guard, known_key_that_expects_another_server_does_not)
{
	struct house h;

	house_open(&h, "submit = *");
	cr_assert(not(comes_in(&h, &h.guest, h.stranger.public, NOT_MS)));
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	house_close(&h);
}

Test(bus_guard, known_key_without_a_right_there_does_not)
{
	struct house h;

	house_open(&h, "work = true"); /* the door is that of clients */
	cr_assert(not(comes_in(&h, &h.guest, h.own.public, NOT_MS)));
	bus_socket_close(h.door);
	h.door = open_door(&h, "work");
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	house_close(&h);
}

Test(bus_guard, another_list_counts_from_the_next_connection_on)
{
	struct bus_clients *none = clients_of("[client.other]\n"
					      "key = rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n");
	struct as_err e = { 0 };
	struct house h;

	house_open(&h, "submit = *");
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	ok(bus_guard_change(h.guard, none, &e));
	cr_assert(not(comes_in(&h, &h.guest, h.own.public, NOT_MS)));
	ok(bus_guard_change(h.guard, h.clients, &e));
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	bus_clients_free(none);
	house_close(&h);
}

/* The option that libzmq's header hides: a CURVE server whose handler is gone lets everybody in
 * without it. */
Test(bus_guard, attack_03_without_the_guard_nobody_comes_in)
{
	struct as_err e = { 0 };
	struct house h;

	house_open(&h, "submit = *");
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	bus_guard_close(h.guard);
	h.guard = NULL;
	cr_assert(not(comes_in(&h, &h.stranger, h.own.public, NOT_MS)));
	cr_assert(not(comes_in(&h, &h.guest, h.own.public, NOT_MS)));
	ok(bus_guard_open(&h.guard, h.bus, h.clients, &quiet, &e));
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	house_close(&h);
}

Test(bus_guard, self_test_sees_a_stranger_refused)
{
	struct as_err e = { 0 };
	struct house h;
	char at[BUS_ENDPOINT_SIZE];

	house_open(&h, "submit = *");
	(void)snprintf(at, sizeof at, "ipc://%s", tmpdir_path("selftest"));
	ok(bus_guard_test(h.bus, &h.own, at, &e));
	house_close(&h);
}

/* A handler that lets everybody in. */
static void *let_all_in(void *arg)
{
	struct bus_socket *zap = arg;
	struct bus_msg m = { 0 };
	struct as_err e = { 0 };

	if (bus_recv_wait(zap, &m, WAIT_MS, &e) == AS_OK) {
		const struct bus_frame f[] = {
			{ "1.0", 3, NULL }, { bus_data(&m, 1), bus_size(&m, 1), NULL },
			{ "200", 3, NULL }, { "OK", 2, NULL },
			{ "x", 1, NULL },   { "", 0, NULL },
		};

		if (bus_send(zap, f, 6, &e) != AS_OK) {
			return zap; /* the test fails by what it waits for */
		}
	}
	bus_msg_free(&m);
	return NULL;
}

Test(bus_guard, self_test_fails_where_a_stranger_is_let_in)
{
	const struct bus_options o = {
		.type = BUS_REP, .endpoint = "inproc://zeromq.zap.01", .bind = true, .max_bytes = -1
	};
	struct bus_socket *zap = NULL;
	struct bus *bus = NULL;
	struct as_err e = { 0 };
	struct bus_keys own;
	pthread_t thread;
	char at[BUS_ENDPOINT_SIZE];

	ok(bus_open(&bus, &e));
	ok(bus_keys_make(&own, &e));
	ok(bus_socket_open(&zap, bus, &o, &e));
	cr_assert(zero(int, pthread_create(&thread, NULL, let_all_in, zap)));
	(void)snprintf(at, sizeof at, "ipc://%s", tmpdir_path("selftest"));
	fails(bus_guard_test(bus, &own, at, &e), AS_EPERM, "was not refused");
	(void)pthread_join(thread, NULL);
	bus_socket_close(zap);
	bus_close(bus);
}

/* Other threads of the process can reach the handler: what is no question is answered by 400. */
Test(bus_guard, question_that_is_none_is_refused)
{
	const struct bus_options o = {
		.type = BUS_DEALER, .endpoint = "inproc://zeromq.zap.01", .hwm = 10, .max_bytes = -1
	};
	const struct bus_frame wrong[] = { { "", 0, NULL },      { "1.0", 3, NULL },
					   { "7", 1, NULL },     { "front", 5, NULL },
					   { "", 0, NULL },      { "", 0, NULL },
					   { "PLAIN", 5, NULL }, { "me", 2, NULL } };
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };
	struct house h;

	house_open(&h, "submit = *");
	ok(bus_socket_open(&s, h.bus, &o, &e));
	for (size_t n = 2; n <= 8; n++) {
		ok(bus_send_wait(s, wrong, n, WAIT_MS, &e));
		ok(bus_recv_wait(s, &h.m, WAIT_MS, &e));
		cr_assert(eq(sz, h.m.n, (size_t)7));
		cr_assert(zero(int, memcmp(bus_data(&h.m, 3), "400", 3)));
	}
	bus_socket_close(s);
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	ok(bus_guard_check(h.guard, &e));
	house_close(&h);
}

/* Each member of a question decides. */
Test(bus_guard, question_is_answered_by_all_that_it_has)
{
	static const struct {
		const char *version, *domain, *mechanism;
		size_t key;
		const char *code;
	} ask[] = {
		{ "1.0", "front", "CURVE", 32, "200" },
		{ "2.0", "front", "CURVE", 32, "400" },
		{ "1.01", "front", "CURVE", 32, "400" },
		{ "1.0", "work", "CURVE", 32, "400" },
		{ "1.0", "a domain whose name has as many as 32 bytes", "CURVE", 32, "400" },
		{ "1.0", "front", "PLAIN", 32, "400" },
		{ "1.0", "front", "CURVE", 31, "400" },
		{ "1.0", "front", "CURVE", 0, "400" },
	};
	const struct bus_options o = {
		.type = BUS_DEALER, .endpoint = "inproc://zeromq.zap.01", .hwm = 10, .max_bytes = -1
	};
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };
	uint8_t key[32];
	struct house h;

	house_open(&h, "submit = *");
	cr_assert(ne(ptr, zmq_z85_decode(key, h.guest.public), NULL));
	ok(bus_socket_open(&s, h.bus, &o, &e));
	for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
		const struct bus_frame f[] = {
			{ "", 0, NULL },
			{ ask[i].version, strlen(ask[i].version), NULL },
			{ "7", 1, NULL },
			{ ask[i].domain, strlen(ask[i].domain), NULL },
			{ "127.0.0.1", 9, NULL },
			{ "", 0, NULL },
			{ ask[i].mechanism, strlen(ask[i].mechanism), NULL },
			{ key, ask[i].key, NULL },
		};

		ok(bus_send_wait(s, f, 8, WAIT_MS, &e));
		ok(bus_recv_wait(s, &h.m, WAIT_MS, &e));
		cr_assert(zero(int, memcmp(bus_data(&h.m, 3), ask[i].code, 3)), "question %zu", i);
	}
	bus_socket_close(s);
	house_close(&h);
}

/* The address that was bound before the keys asks for none. */
Test(bus_guard, address_bound_without_keys_stays_so)
{
	const struct bus_options o = { .type = BUS_ROUTER,
				       .endpoint = "inproc://plain",
				       .bind = true,
				       .hwm = 10,
				       .max_bytes = -1 };
	struct bus_options to = { .type = BUS_DEALER, .hwm = 10, .max_bytes = -1 };
	const struct bus_frame f = { "hello", 5, NULL };
	struct bus_options in = o;
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };
	struct house h;
	char at[BUS_ENDPOINT_SIZE];

	house_open(&h, "submit = *");
	bus_socket_close(h.door);
	(void)snprintf(at, sizeof at, "ipc://%s", tmpdir_path("front"));
	in.endpoint = at;
	ok(bus_socket_open(&h.door, h.bus, &in, &e));
	{
		const struct bus_curve c = { .own = &h.own, .domain = "front" };

		ok(bus_bind(h.door, "tcp://127.0.0.1:*", &c, &e));
	}
	to.endpoint = at;
	ok(bus_socket_open(&s, h.bus, &to, &e));
	ok(bus_send_wait(s, &f, 1, WAIT_MS, &e));
	ok(bus_recv_wait(h.door, &h.m, WAIT_MS, &e));
	cr_assert(eq(ptr, (void *)(uintptr_t)bus_user(&h.m, 1), NULL));
	bus_socket_close(s);
	cr_assert(not(comes_in(&h, NULL, NULL, NOT_MS)));
	cr_assert(comes_in(&h, &h.guest, h.own.public, WAIT_MS));
	house_close(&h);
}
