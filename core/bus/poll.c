/* SPDX-License-Identifier: Apache-2.0
 * poll.c - waiting for messages without asking every socket every time. */
#include "core/base/clock.h"
#include "core/bus/inside.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { POLL_MAX = 256 };

/* A signal ends it early. */
static int wait_for(struct pollfd *p, size_t n, int wait_ms, struct as_err *e)
{
	return poll(p, n, wait_ms) >= 0 || errno == EINTR
		   ? AS_OK
		   : as_fail(e, AS_EIO, "poll: %s", strerror(errno));
}

int bus_recv_wait(struct bus_socket *s, struct bus_msg *m, int wait_ms, struct as_err *e)
{
	const int64_t until = as_mono_ns() + (int64_t)wait_ms * 1000000;
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	int rc;

	while ((rc = bus_recv(s, m, e)) == AS_EAGAIN) {
		const int64_t left = (until - as_mono_ns() + 999999) / 1000000;

		if (wait_ms >= 0 && left <= 0) {
			break;
		}
		TRY(wait_for(&p, 1, wait_ms < 0 ? -1 : (int)left, e));
	}
out:
	return rc;
}

/* Whether something can be received, as libzmq says. */
static bool has_input(struct bus_socket *s)
{
	int events = 0;
	size_t n = sizeof events;

	/* It fails while the context is closing: the receive that follows says so. */
	s->touched =
	    zmq_getsockopt(s->zmq, ZMQ_EVENTS, &events, &n) != 0 || (events & ZMQ_POLLIN) != 0;
	return s->touched;
}

int bus_poll(struct bus_poll *item, size_t n, int wait_ms, struct as_err *e)
{
	struct pollfd p[POLL_MAX];
	bool any = false;
	int rc;

	if (n > POLL_MAX) {
		return as_fail(e, AS_EIO, "%zu things to wait for, at most %d", n, POLL_MAX);
	}
	for (size_t i = 0; i < n; i++) {
		struct bus_socket *s = item[i].socket;

		item[i].in = s != NULL && s->touched && has_input(s);
		any = any || item[i].in;
		p[i] = (struct pollfd){ .fd = s ? s->fd : item[i].fd, .events = POLLIN };
	}
	TRY(wait_for(p, n, any ? 0 : wait_ms, e));
	for (size_t i = 0; i < n; i++) {
		if (!item[i].in && (p[i].revents & (POLLIN | POLLERR)) != 0) {
			item[i].in = item[i].socket == NULL || has_input(item[i].socket);
		}
	}
out:
	return rc;
}
