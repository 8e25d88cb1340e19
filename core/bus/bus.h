/* SPDX-License-Identifier: Apache-2.0
 * bus.h - messages over ZeroMQ: the only header through which the tree sees libzmq.
 *
 * A socket belongs to one thread. Sending never blocks unless a wait is given; every socket has a
 * linger, a high-water mark and a largest frame. Messages are all frames or nothing. */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BUS_FRAMES_MAX = 160, /* of one message: 8 parts of 16 pages, their envelope, an address */
	BUS_IPC_MAX = 107,    /* bytes of an ipc path: what struct sockaddr_un holds */
	BUS_ENDPOINT_SIZE = 256,
};

struct bus_keys;   /* keys.h */
struct bus;        /* the process's one context; any thread may open sockets on it */
struct bus_socket; /* one thread at a time */
struct bus_bytes;  /* bytes of one frame that outlive their message, shared with what is sent */

int bus_open(struct bus **out, struct as_err *e) AS_CHECKED;
/* libzmq's version, and whether it was built with CURVE. */
void bus_about(char *out, size_t n, bool *curve);
/* Close all sockets first; waits for their linger. Accepts NULL. */
void bus_close(struct bus *b);

enum bus_type { BUS_ROUTER, BUS_DEALER, BUS_PUSH, BUS_PULL, BUS_XPUB, BUS_SUB, BUS_PAIR, BUS_REP };

/* CURVE: both sides prove their keys, and what they say is sealed (docs/protocol.md). */
struct bus_curve {
	const struct bus_keys *own;
	const char *server; /* connecting: the public key that the other side must have */
	const char *domain; /* binding: what the guard is asked to let in (guard.h) */
};

struct bus_options {
	enum bus_type type;
	const char *endpoint; /* ipc://PATH, tcp://HOST:PORT (PORT "*" when bound), inproc://NAME */
	bool bind;            /* else connect */
	int hwm;              /* messages each way and peer; 0 only for inproc: no bound */
	int in_hwm;           /* of those that come in, where that is another; 0: hwm */
	int linger_ms;        /* how long bus_close waits for what is not sent */
	int64_t max_bytes;    /* of one frame; a peer that sends more is disconnected */
	bool once;            /* a connection that is lost is not made again */
	bool admit;           /* XPUB: a subscription counts when bus_admit says so */
	const struct bus_curve *curve; /* NULL: whoever reaches the address, in the clear */
};

/* AS_ECONFIG: an endpoint that cannot be (an ipc path over BUS_IPC_MAX bytes among them).
 * AS_EUNAVAIL: the address is in use or not this machine's, or there is no descriptor. AS_EIO:
 * anything else. */
int bus_socket_open(struct bus_socket **out, struct bus *b, const struct bus_options *o,
		    struct as_err *e) AS_CHECKED;
void bus_socket_close(struct bus_socket *s); /* accepts NULL */
/* A second address for a bound socket. c holds for this address and those bound later; NULL: as
 * before. The only place in the tree where an address is bound. */
int bus_bind(struct bus_socket *s, const char *endpoint, const struct bus_curve *c,
	     struct as_err *e) AS_CHECKED;
/* The address bound or connected last, wildcards resolved. */
const char *bus_endpoint(const struct bus_socket *s);
/* SUB only: all topics that begin with prefix. */
int bus_subscribe(struct bus_socket *s, const char *prefix, struct as_err *e) AS_CHECKED;

/* XPUB with admit: of the (un)subscription received last, whether it counts. */
int bus_admit(struct bus_socket *s, const void *topic, size_t n, bool on,
	      struct as_err *e) AS_CHECKED;

/* endpoint as a peer reaches it that got it over `via`: a host that means "any" (0.0.0.0, *, [::])
 * is replaced by the host of via. */
void bus_reach(const char *endpoint, const char *via, char out[BUS_ENDPOINT_SIZE]);

/* A frame to send. data is copied unless kept is set, which is then shared, not copied. */
struct bus_frame {
	const void *data;
	size_t size;
	const struct bus_bytes *kept;
};

/* AS_EAGAIN: the peer takes no more now. AS_EUNAVAIL: ROUTER, there is no such peer.
 * AS_ECLOSED: the context is closing. After a failure nothing of the message is delivered. */
int bus_send(struct bus_socket *s, const struct bus_frame *f, size_t n,
	     struct as_err *e) AS_CHECKED;
/* The same, waiting at most wait_ms for room or for a connection, then AS_EUNAVAIL. */
int bus_send_wait(struct bus_socket *s, const struct bus_frame *f, size_t n, int wait_ms,
		  struct as_err *e) AS_CHECKED;

/* Waits at most wait_ms until the socket takes a message (a connection stands); AS_OK also when it
 * does not: sending says so. */
int bus_wait_ready(struct bus_socket *s, int wait_ms, struct as_err *e) AS_CHECKED;

/* A message received. Zeroed before first use; bus_recv frees what it held. */
struct bus_msg {
	struct bus_part *part; /* the frames as libzmq holds them */
	size_t n;              /* frames, at most BUS_FRAMES_MAX */
	size_t cap;
	bool over; /* it had more frames; they are dropped */
};

/* AS_EAGAIN: nothing there. */
int bus_recv(struct bus_socket *s, struct bus_msg *m, struct as_err *e) AS_CHECKED;
/* The same, waiting at most wait_ms (-1: for ever), then AS_EAGAIN. */
int bus_recv_wait(struct bus_socket *s, struct bus_msg *m, int wait_ms,
		  struct as_err *e) AS_CHECKED;
void bus_msg_free(struct bus_msg *m);
const void *bus_data(const struct bus_msg *m, size_t i); /* i < m->n; borrowed from m */
size_t bus_size(const struct bus_msg *m, size_t i);
/* The public key of the peer that sent frame i, as the guard let it in; NULL: it came over an
 * address without CURVE. Borrowed from m. */
const char *bus_user(const struct bus_msg *m, size_t i);
/* Whether frame i came over TCP: a connection that may break without a word. */
bool bus_is_far(const struct bus_msg *m, size_t i);

/* Takes frame i out of the message, without copying. Free with bus_bytes_free. */
struct bus_bytes *bus_take(struct bus_msg *m, size_t i);
/* The same bytes once more, not copied: either may be freed first, in any thread. */
struct bus_bytes *bus_bytes_share(struct bus_bytes *b);
struct bus_bytes *bus_bytes_copy(const void *data, size_t n);
const void *bus_bytes_data(const struct bus_bytes *b);
size_t bus_bytes_size(const struct bus_bytes *b);
void bus_bytes_free(struct bus_bytes *b); /* accepts NULL */

/* A pointer handed to another thread of this process over inproc, and with it what it points to. */
int bus_give(struct bus_socket *s, void *p, struct as_err *e) AS_CHECKED;
/* AS_EAGAIN: nothing there. */
int bus_get(struct bus_socket *s, void **p, struct as_err *e) AS_CHECKED;

struct bus_poll {
	struct bus_socket *socket; /* or NULL: fd */
	int fd;
	bool in; /* set by bus_poll: something can be read */
};

/* Waits at most wait_ms (-1: for ever) until one of them has something. A signal, or what libzmq
 * says to itself, ends it early. */
int bus_poll(struct bus_poll *item, size_t n, int wait_ms, struct as_err *e) AS_CHECKED;

#endif
