/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bus/guard.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/bus/inside.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_BYTES = 32,
	CHANGE_MS = 100, /* between two looks at whether the thread has ended */
	TEST_MS = 5000,
	SECOND = 1000000000, /* between two lines about strangers (ns) */
	/* Frames of a question. */
	VERSION = 0,
	ID,
	DOMAIN,
	ADDRESS,
	MECHANISM = 5,
	KEY,
	FRAMES,
};

struct bus_guard {
	struct bus_socket *zap;          /* the thread's, as are there, clients and tell_at */
	struct bus_socket *here, *there; /* lists go in, the one before comes out; NULL ends it */
	struct bus_clients *clients;
	struct as_log log;
	int64_t tell_at; /* no line about a stranger before (monotonic ns) */
	pthread_t thread;
	bool running;
	atomic_bool ended;
	atomic_ullong refused;
};

static bool is(const struct bus_msg *m, size_t i, const char *text)
{
	return bus_size(m, i) == strlen(text) && memcmp(bus_data(m, i), text, strlen(text)) == 0;
}

/* The client that is let in, or NULL. */
static const struct bus_client *judge(const struct bus_guard *g, const struct bus_msg *m,
				      char key[BUS_KEY_SIZE])
{
	const struct bus_client *c;
	char domain[32];

	key[0] = '\0';
	if (m->n != FRAMES || !is(m, VERSION, "1.0") || !is(m, MECHANISM, "CURVE") ||
	    bus_size(m, KEY) != KEY_BYTES || bus_size(m, DOMAIN) >= sizeof domain) {
		return NULL;
	}
	(void)zmq_z85_encode(key, bus_data(m, KEY), KEY_BYTES);
	memcpy(domain, bus_data(m, DOMAIN), bus_size(m, DOMAIN));
	domain[bus_size(m, DOMAIN)] = '\0';
	c = bus_clients_find(g->clients, key);
	return c != NULL && bus_client_may_connect(c, domain) ? c : NULL;
}

/* Strangers knock as often as they like: one line a second at most. */
static void tell(struct bus_guard *g, const struct bus_msg *m, const char *key)
{
	const int64_t now = as_mono_ns();
	const unsigned long long n = atomic_fetch_add(&g->refused, 1) + 1;

	if (m->n <= ADDRESS || now < g->tell_at) {
		return;
	}
	g->tell_at = now + SECOND;
	as_log(&g->log, AS_WARN, "KEY-REFUSED", "socket=%.*s address=%.*s key=%s count=%llu",
	       (int)bus_size(m, DOMAIN), (const char *)bus_data(m, DOMAIN),
	       (int)bus_size(m, ADDRESS), (const char *)bus_data(m, ADDRESS), key, n);
}

static int answer(struct bus_guard *g, const struct bus_msg *m, struct as_err *e)
{
	char key[BUS_KEY_SIZE];
	const bool in = judge(g, m, key) != NULL;
	const char *code = in ? "200" : "400";
	const struct bus_frame f[] = {
		{ "1.0", 3, NULL },
		{ m->n > ID ? bus_data(m, ID) : "", m->n > ID ? bus_size(m, ID) : 0, NULL },
		{ code, 3, NULL },
		{ in ? "OK" : "not known here", in ? 2 : 14, NULL },
		{ key, in ? strlen(key) : 0, NULL },
		{ "", 0, NULL },
	};

	if (!in) {
		tell(g, m, key);
	}
	return bus_send(g->zap, f, sizeof f / sizeof *f, e);
}

/* The one before goes out. */
static int take_list(struct bus_guard *g, struct bus_clients *l, struct as_err *e)
{
	struct bus_clients *old = g->clients;
	int rc;

	g->clients = l;
	rc = bus_give(g->there, old, e);
	if (rc != AS_OK) {
		bus_clients_free(old);
	}
	return rc;
}

static void *work(void *arg)
{
	struct bus_guard *g = arg;
	struct bus_poll item[] = { { .socket = g->zap }, { .socket = g->there } };
	struct bus_msg m = { 0 };
	struct as_err e;
	void *got = g;
	int rc = AS_OK;

	while (rc == AS_OK && got != NULL) {
		rc = bus_poll(item, 2, -1, &e);
		while (rc == AS_OK && (rc = bus_recv(g->zap, &m, &e)) == AS_OK) {
			rc = answer(g, &m, &e);
		}
		rc = rc == AS_EAGAIN ? AS_OK : rc;
		while (rc == AS_OK && got != NULL && bus_get(g->there, &got, &e) == AS_OK) {
			rc = got != NULL ? take_list(g, got, &e) : AS_OK;
		}
	}
	bus_msg_free(&m);
	atomic_store(&g->ended, true);
	return NULL;
}

int bus_guard_open(struct bus_guard **out, struct bus *b, struct bus_clients *clients,
		   const struct as_log *log, struct as_err *e)
{
	struct bus_guard *g = as_calloc(1, sizeof *g);
	struct bus_options o = {
		.type = BUS_REP, .endpoint = "inproc://zeromq.zap.01", .bind = true, .max_bytes = -1
	};
	int rc;

	*out = NULL;
	g->log = *log;
	g->clients = bus_clients_share(clients);
	TRY(bus_socket_open(&g->zap, b, &o, e));
	o.type = BUS_PAIR;
	o.endpoint = "inproc://guard";
	TRY(bus_socket_open(&g->here, b, &o, e));
	o.bind = false;
	TRY(bus_socket_open(&g->there, b, &o, e));
	if (pthread_create(&g->thread, NULL, work, g) != 0) {
		rc = as_fail(e, AS_EIO, "the guard's thread cannot be started");
		goto out;
	}
	g->running = true;
	*out = g;
out:
	if (rc != AS_OK) {
		bus_guard_close(g);
	}
	return rc;
}

void bus_guard_halt(struct bus_guard *g)
{
	struct as_err e;

	if (g->running) {
		/* It fails only while the context closes, and that ends the thread as well. */
		(void)!bus_give(g->here, NULL, &e);
		(void)pthread_join(g->thread, NULL);
		g->running = false;
	}
}

/* Lists that nobody took. */
static void drop_lists(struct bus_socket *s)
{
	struct as_err e;
	void *list;

	while (s != NULL && bus_get(s, &list, &e) == AS_OK) {
		bus_clients_free(list);
	}
}

void bus_guard_close(struct bus_guard *g)
{
	if (g == NULL) {
		return;
	}
	bus_guard_halt(g);
	drop_lists(g->here);  /* a change failed before it came out */
	drop_lists(g->there); /* the thread ended before it went in */
	bus_socket_close(g->zap);
	bus_socket_close(g->here);
	bus_socket_close(g->there);
	bus_clients_free(g->clients);
	free(g);
}

int bus_guard_check(const struct bus_guard *g, struct as_err *e)
{
	return g != NULL && atomic_load(&g->ended)
		   ? as_fail(e, AS_EPERM, "the thread that checks keys has ended")
		   : AS_OK;
}

unsigned long long bus_guard_refused(const struct bus_guard *g)
{
	return g != NULL ? atomic_load(&g->refused) : 0;
}

int bus_guard_change(struct bus_guard *g, struct bus_clients *clients, struct as_err *e)
{
	struct bus_poll item = { .socket = g->here };
	struct as_err ignored;
	void *old;
	int rc;

	TRY(bus_guard_check(g, e));
	rc = bus_give(g->here, bus_clients_share(clients), e);
	if (rc != AS_OK) {
		bus_clients_free(clients);
		goto out;
	}
	while (bus_get(g->here, &old, &ignored) != AS_OK) {
		TRY(bus_guard_check(g, e));
		TRY(bus_poll(&item, 1, CHANGE_MS, e));
	}
	bus_clients_free(old);
out:
	return rc;
}

/* What libzmq says of the knock first: an event's number, 0 for nothing. */
static int hear(struct bus_socket *monitor)
{
	struct bus_msg m = { 0 };
	struct as_err e;
	uint16_t event = 0;

	if (bus_recv_wait(monitor, &m, TEST_MS, &e) == AS_OK) {
		assert(bus_size(&m, 0) > sizeof event);
		memcpy(&event, bus_data(&m, 0), sizeof event);
	}
	bus_msg_free(&m);
	return event;
}

int bus_guard_test(struct bus *b, const struct bus_keys *own, const char *endpoint,
		   struct as_err *e)
{
	const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
			   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
			   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
	const struct bus_curve door = { .own = own, .domain = "front" };
	struct bus_keys stranger;
	const struct bus_curve knock = { .own = &stranger, .server = own->public };
	struct bus_options o = {
		.type = BUS_DEALER, .endpoint = endpoint, .hwm = 1, .max_bytes = -1, .curve = &knock
	};
	const struct bus_options listen = { .type = BUS_PAIR,
					    .endpoint = "inproc://knock",
					    .max_bytes = -1 };
	struct bus_socket *monitor = NULL;
	struct bus_socket *server = NULL;
	struct bus_socket *client = NULL;
	int rc;

	/* The client comes first, so that the monitor listens before there is anybody to answer. */
	TRY(bus_keys_make(&stranger, e));
	TRY(bus_socket_open(&client, b, &o, e));
	if (zmq_socket_monitor(client->zmq, listen.endpoint, events) != 0) {
		rc = bus_fail(e, "the test of the keys at", endpoint);
		goto out;
	}
	TRY(bus_socket_open(&monitor, b, &listen, e));
	o.type = BUS_ROUTER;
	o.bind = true;
	o.curve = &door;
	TRY(bus_socket_open(&server, b, &o, e));
	if (hear(monitor) != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
		rc =
		    as_fail(e, AS_EPERM, "a key that nobody knows was not refused at %s", endpoint);
	}
out:
	bus_socket_close(client);
	bus_socket_close(server);
	bus_socket_close(monitor);
	return rc;
}
