/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "core/bus/inside.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HANDSHAKE_MS = 5000,
	HEARTBEAT_MS = 2000,
	HEARTBEAT_TIMEOUT_MS = 6000,
	CONNECT_MS = 5000, /* a handshake of TCP; by itself the system asks for two minutes */
	SOCKETS_MAX = 4096,
};

int bus_fail(struct as_err *e, const char *what, const char *name)
{
	int code = AS_EIO;

	switch (errno) {
	case EAGAIN:
		code = AS_EAGAIN;
		break;
	case ETERM:
		code = AS_ECLOSED;
		break;
	case EHOSTUNREACH:
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case ENODEV:
	case EMFILE:
	case ENFILE:
		code = AS_EUNAVAIL;
		break;
	case EINVAL:
	case EPROTONOSUPPORT:
	case ENOCOMPATPROTO:
		code = AS_ECONFIG;
		break;
	default:
		break;
	}
	return as_fail(e, code, "%s %s: %s", what, name, zmq_strerror(errno));
}

int bus_open(struct bus **out, struct as_err *e)
{
	struct bus *b = as_calloc(1, sizeof *b);

	*out = NULL;
	b->ctx = zmq_ctx_new();
	if (b->ctx == NULL || zmq_ctx_set(b->ctx, ZMQ_MAX_SOCKETS, SOCKETS_MAX) != 0) {
		(void)bus_fail(e, "zmq_ctx_new", "");
		bus_close(b);
		return e->code;
	}
	*out = b;
	return AS_OK;
}

void bus_close(struct bus *b)
{
	if (b == NULL) {
		return;
	}
	while (b->ctx != NULL && zmq_ctx_term(b->ctx) != 0) {
		assert(errno == EINTR); /* a signal: nothing else ends it early */
	}
	free(b);
}

static const int types[] = {
	[BUS_ROUTER] = ZMQ_ROUTER, [BUS_DEALER] = ZMQ_DEALER, [BUS_PUSH] = ZMQ_PUSH,
	[BUS_PULL] = ZMQ_PULL,     [BUS_XPUB] = ZMQ_XPUB,     [BUS_SUB] = ZMQ_SUB,
	[BUS_PAIR] = ZMQ_PAIR,     [BUS_REP] = ZMQ_REP,
};

static int set(struct bus_socket *s, int option, int value, struct as_err *e)
{
	return zmq_setsockopt(s->zmq, option, &value, sizeof value) == 0
		   ? AS_OK
		   : bus_fail(e, "zmq_setsockopt", s->endpoint);
}

/* A network may fall silent without a word: then a connection ends after eight seconds, and the
 * next attempt at one after five. Of the addresses that are bound or connected from now on; between
 * processes of one machine the system says who is gone, and one that is stopped may stay. */
static int watch_network(struct bus_socket *s, const char *endpoint, struct as_err *e)
{
	int rc = AS_OK;

	if (strncmp(endpoint, "tcp://", 6) == 0) {
		TRY(set(s, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS, e));
		TRY(set(s, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS, e));
		TRY(set(s, ZMQ_CONNECT_TIMEOUT, CONNECT_MS, e));
	}
out:
	return rc;
}

static int set_options(struct bus_socket *s, const struct bus_options *o, struct as_err *e)
{
	int rc;

	TRY(set(s, ZMQ_SNDHWM, o->hwm, e));
	TRY(set(s, ZMQ_RCVHWM, o->in_hwm ? o->in_hwm : o->hwm, e));
	TRY(set(s, ZMQ_LINGER, o->linger_ms, e));
	TRY(set(s, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS, e));
	/* A bound IPv4 address would be reported as one of IPv6. */
	TRY(set(s, ZMQ_IPV6, !o->bind || strchr(o->endpoint, '[') != NULL, e));
	if (zmq_setsockopt(s->zmq, ZMQ_MAXMSGSIZE, &o->max_bytes, sizeof o->max_bytes) != 0) {
		return bus_fail(e, "zmq_setsockopt", s->endpoint);
	}
	if (o->type == BUS_ROUTER) {
		TRY(set(s, ZMQ_ROUTER_MANDATORY, 1, e));
	}
	if (!o->bind && (o->type == BUS_DEALER || o->type == BUS_PUSH)) {
		TRY(set(s, ZMQ_IMMEDIATE, 1, e));
	}
	if (o->once) {
		TRY(set(s, ZMQ_RECONNECT_IVL, -1, e));
	}
	if (o->admit) {
		TRY(set(s, ZMQ_XPUB_MANUAL, 1, e));
	}
out:
	return rc;
}

static int get_fd(struct bus_socket *s, struct as_err *e)
{
	size_t n = sizeof s->fd;

	s->touched = true;
	return zmq_getsockopt(s->zmq, ZMQ_FD, &s->fd, &n) == 0
		   ? AS_OK
		   : bus_fail(e, "zmq_getsockopt", s->endpoint);
}

static int check_endpoint(const char *endpoint, struct as_err *e)
{
	const char *const known[] = { "ipc://", "tcp://", "inproc://" };

	if (strlen(endpoint) >= BUS_ENDPOINT_SIZE) {
		return as_fail(e, AS_ECONFIG, "an address of %zu bytes, at most %d: %s",
			       strlen(endpoint), BUS_ENDPOINT_SIZE - 1, endpoint);
	}
	if (strncmp(endpoint, "ipc://", 6) == 0 && strlen(endpoint) - 6 > BUS_IPC_MAX) {
		return as_fail(e, AS_ECONFIG,
			       "%s: a socket's path of %zu bytes, at most %d: use a shorter folder",
			       endpoint, strlen(endpoint) - 6, BUS_IPC_MAX);
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strncmp(endpoint, known[i], strlen(known[i])) == 0) {
			return AS_OK;
		}
	}
	return as_fail(e, AS_ECONFIG, "%s: want ipc://PATH or tcp://HOST:PORT", endpoint);
}

int bus_socket_open(struct bus_socket **out, struct bus *b, const struct bus_options *o,
		    struct as_err *e)
{
	struct bus_socket *s;
	int rc;

	*out = NULL;
	rc = check_endpoint(o->endpoint, e);
	if (rc != AS_OK) {
		return rc;
	}
	s = as_calloc(1, sizeof *s);
	(void)snprintf(s->endpoint, sizeof s->endpoint, "%s", o->endpoint);
	s->zmq = zmq_socket(b->ctx, types[o->type]);
	if (s->zmq == NULL) {
		rc = bus_fail(e, "zmq_socket", o->endpoint);
		goto out;
	}
	TRY(get_fd(s, e));
	TRY(set_options(s, o, e));
	if (o->bind) {
		TRY(bus_bind(s, o->endpoint, o->curve, e));
		goto out;
	}
	TRY(watch_network(s, o->endpoint, e));
	if (o->curve != NULL) {
		TRY(bus_lock(s, o->curve, false, e));
	}
	if (zmq_connect(s->zmq, o->endpoint) != 0) {
		rc = bus_fail(e, "connect", o->endpoint);
	}
out:
	if (rc != AS_OK) {
		bus_socket_close(s);
		s = NULL;
	}
	*out = s;
	return rc;
}

void bus_socket_close(struct bus_socket *s)
{
	if (s == NULL) {
		return;
	}
	if (s->zmq != NULL) {
		(void)zmq_close(s->zmq);
	}
	free(s);
}

int bus_bind(struct bus_socket *s, const char *endpoint, const struct bus_curve *c,
	     struct as_err *e)
{
	size_t n = sizeof s->endpoint;
	int rc;

	TRY(check_endpoint(endpoint, e));
	TRY(watch_network(s, endpoint, e));
	if (c != NULL) {
		TRY(bus_lock(s, c, true, e));
	}
	s->touched = true;
	if (zmq_bind(s->zmq, endpoint) != 0) {
		return bus_fail(e, "listen on", endpoint);
	}
	if (zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, s->endpoint, &n) != 0) {
		return bus_fail(e, "zmq_getsockopt", endpoint);
	}
out:
	return rc;
}

const char *bus_endpoint(const struct bus_socket *s)
{
	return s->endpoint;
}

int bus_subscribe(struct bus_socket *s, const char *prefix, struct as_err *e)
{
	s->touched = true;
	return zmq_setsockopt(s->zmq, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) == 0
		   ? AS_OK
		   : bus_fail(e, "subscribe to", prefix);
}

int bus_admit(struct bus_socket *s, const void *topic, size_t n, bool on, struct as_err *e)
{
	s->touched = true;
	return zmq_setsockopt(s->zmq, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, topic, n) == 0
		   ? AS_OK
		   : bus_fail(e, "admit a subscription to", s->endpoint);
}

/* [host, end) of tcp://HOST:PORT; false for anything else. */
static bool host_of(const char *endpoint, const char **host, const char **end)
{
	if (strncmp(endpoint, "tcp://", 6) != 0) {
		return false;
	}
	*host = endpoint + 6;
	*end = strrchr(*host, ':');
	return *end != NULL;
}

void bus_reach(const char *endpoint, const char *via, char out[BUS_ENDPOINT_SIZE])
{
	const char *const any[] = { "0.0.0.0", "*", "[::]" };
	const char *host;
	const char *end;
	const char *via_host;
	const char *via_end;

	(void)snprintf(out, BUS_ENDPOINT_SIZE, "%s", endpoint);
	if (!host_of(endpoint, &host, &end) || !host_of(via, &via_host, &via_end)) {
		return;
	}
	for (size_t i = 0; i < sizeof any / sizeof *any; i++) {
		if (strlen(any[i]) == (size_t)(end - host) &&
		    strncmp(host, any[i], strlen(any[i])) == 0) {
			(void)snprintf(out, BUS_ENDPOINT_SIZE, "tcp://%.*s%s",
				       (int)(via_end - via_host), via_host, end);
			return;
		}
	}
}

static int send_frame(struct bus_socket *s, const struct bus_frame *f, bool more)
{
	const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
	zmq_msg_t msg;
	int rc;

	if (f->kept == NULL) {
		return zmq_send(s->zmq, f->data, f->size, flags) < 0 ? -1 : 0;
	}
	/* Copying shares the content and counts it: only the flags of the source change. Neither
	 * fails for what is a message. */
	(void)zmq_msg_init(&msg);
	(void)zmq_msg_copy(&msg, (zmq_msg_t *)&f->kept->msg);
	rc = zmq_msg_send(&msg, s->zmq, flags) < 0 ? -1 : 0;
	if (rc != 0) {
		const int keep = errno;

		(void)zmq_msg_close(&msg);
		errno = keep;
	}
	return rc;
}

int bus_send(struct bus_socket *s, const struct bus_frame *f, size_t n, struct as_err *e)
{
	int rc = AS_OK;

	s->touched = true;
	for (size_t i = 0; i < n; i++) {
		int bad;

		do {
			bad = send_frame(s, &f[i], i + 1 < n);
		} while (bad != 0 && errno == EINTR);
		if (bad != 0) {
			rc = bus_fail(e, "send to", s->endpoint);
			if (i == 0) {
				break;
			}
			/* libzmq drops the frames that follow, up to the last: they must be given
			 * to it, or the next message would be taken for their end. */
		}
	}
	return rc;
}

static int wait_for(struct bus_socket *s, short event, int wait_ms)
{
	zmq_pollitem_t item = { .socket = s->zmq, .events = event };
	int n;

	s->touched = true;
	do {
		n = zmq_poll(&item, 1, wait_ms);
	} while (n < 0 && errno == EINTR);
	return n;
}

int bus_wait_ready(struct bus_socket *s, int wait_ms, struct as_err *e)
{
	return wait_for(s, ZMQ_POLLOUT, wait_ms) >= 0 ? AS_OK
						      : bus_fail(e, "wait for", s->endpoint);
}

int bus_send_wait(struct bus_socket *s, const struct bus_frame *f, size_t n, int wait_ms,
		  struct as_err *e)
{
	int rc = bus_send(s, f, n, e);

	if (rc == AS_EAGAIN && wait_for(s, ZMQ_POLLOUT, wait_ms) > 0) {
		rc = bus_send(s, f, n, e);
	}
	if (rc == AS_EAGAIN) {
		rc = as_fail(e, AS_EUNAVAIL, "%s: nobody took a message within %d ms", s->endpoint,
			     wait_ms);
	}
	return rc;
}

int bus_recv(struct bus_socket *s, struct bus_msg *m, struct as_err *e)
{
	bool more = true;

	s->touched = true;
	bus_msg_free(m);
	while (more) {
		zmq_msg_t msg;

		(void)zmq_msg_init(&msg);
		while (zmq_msg_recv(&msg, s->zmq, ZMQ_DONTWAIT) < 0) {
			if (errno != EINTR) {
				s->touched = errno != EAGAIN;
				(void)bus_fail(e, "receive on", s->endpoint);
				(void)zmq_msg_close(&msg);
				return e->code;
			}
		}
		more = zmq_msg_more(&msg) != 0;
		if (m->n == BUS_FRAMES_MAX) {
			m->over = true;
			(void)zmq_msg_close(&msg);
			continue;
		}
		if (m->n == m->cap) {
			m->cap = m->cap ? 2 * m->cap : 8;
			m->part = as_realloc(m->part, m->cap, sizeof *m->part);
		}
		/* Short messages live in the zmq_msg_t itself: frames are moved by libzmq. */
		(void)zmq_msg_init(&m->part[m->n].msg);
		(void)zmq_msg_move(&m->part[m->n++].msg, &msg);
		(void)zmq_msg_close(&msg);
	}
	return AS_OK;
}

int bus_give(struct bus_socket *s, void *p, struct as_err *e)
{
	const struct bus_frame f = { &p, sizeof p, NULL };

	return bus_send(s, &f, 1, e);
}

int bus_get(struct bus_socket *s, void **p, struct as_err *e)
{
	int n;

	do {
		n = zmq_recv(s->zmq, p, sizeof *p, ZMQ_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	s->touched = n >= 0 || errno != EAGAIN;
	return n == (int)sizeof *p ? AS_OK : bus_fail(e, "receive on", s->endpoint);
}
