/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bus/guard.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/bus/inside.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_BYTES = 32,
	CHANGE_MS = 5000,
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
	struct bus_socket *zap;          /* the thread's, as are there, clients and told */
	struct bus_socket *here, *there; /* lists go in, the one before comes out; NULL ends it */
	struct bus_clients *clients;
	struct as_log log;
	int64_t told; /* monotonic ns of the last line about a stranger */
	pthread_t thread;
	bool running;
	atomic_bool ended;
	atomic_ullong refused;
};

static bool is(const struct bus_msg *m, size_t i, const char *text)
{
	return i < m->n && bus_size(m, i) == strlen(text) &&
	       memcmp(bus_data(m, i), text, strlen(text)) == 0;
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

	if (m->n <= ADDRESS || (g->told != 0 && now - g->told < SECOND)) {
		return;
	}
	g->told = now;
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
			struct bus_clients *old = g->clients;

			if (got != NULL) {
				g->clients = got;
				rc = bus_give(g->there, old, &e);
			}
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

	if (g->running && bus_give(g->here, NULL, &e) == AS_OK) {
		(void)pthread_join(g->thread, NULL);
		g->running = false;
	}
}

void bus_guard_close(struct bus_guard *g)
{
	struct as_err e;
	void *old;

	if (g == NULL) {
		return;
	}
	bus_guard_halt(g);
	/* What a change that failed on its way did not wait for. */
	while (g->here != NULL && bus_get(g->here, &old, &e) == AS_OK) {
		bus_clients_free(old);
	}
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
	const int64_t until = as_mono_ns() + CHANGE_MS * INT64_C(1000000);
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
		if (as_mono_ns() > until) {
			return as_fail(e, AS_EPERM, "the thread that checks keys does not answer");
		}
		TRY(bus_poll(&item, 1, 100, e));
	}
	bus_clients_free(old);
out:
	return rc;
}

/* What libzmq says of the knock first: an event's number, 0 for nothing. */
static int hear(void *monitor)
{
	zmq_pollitem_t item = { .socket = monitor, .events = ZMQ_POLLIN };
	zmq_msg_t msg;
	uint16_t event = 0;

	if (zmq_poll(&item, 1, TEST_MS) <= 0) {
		return 0;
	}
	(void)zmq_msg_init(&msg);
	if (zmq_msg_recv(&msg, monitor, 0) >= (int)sizeof event) {
		memcpy(&event, zmq_msg_data(&msg), sizeof event);
	}
	(void)zmq_msg_close(&msg);
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
	struct bus_socket *server = NULL;
	struct bus_socket *client = NULL;
	void *monitor = zmq_socket(b->ctx, ZMQ_PAIR);
	int rc;

	/* The client comes first, so that the monitor listens before there is anybody to answer. */
	TRY(bus_keys_make(&stranger, e));
	TRY(bus_socket_open(&client, b, &o, e));
	if (monitor == NULL || zmq_socket_monitor(client->zmq, "inproc://knock", events) != 0 ||
	    zmq_connect(monitor, "inproc://knock") != 0) {
		rc = bus_fail(e, "the test of the keys at", endpoint);
		goto out;
	}
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
	if (monitor != NULL) {
		(void)zmq_close(monitor);
	}
	return rc;
}
