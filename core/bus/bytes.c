/* SPDX-License-Identifier: Apache-2.0
 * bytes.c - messages received, and frames that outlive them. */
#include "core/base/buf.h"
#include "core/bus/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bus_msg_free(struct bus_msg *m)
{
	for (size_t i = 0; i < m->n; i++) {
		(void)zmq_msg_close(&m->part[i].msg);
	}
	free(m->part);
	*m = (struct bus_msg){ 0 };
}

const void *bus_data(const struct bus_msg *m, size_t i)
{
	return zmq_msg_data(&m->part[i].msg);
}

size_t bus_size(const struct bus_msg *m, size_t i)
{
	return zmq_msg_size(&m->part[i].msg);
}

void bus_about(char *out, size_t n, bool *curve)
{
	int major;
	int minor;
	int patch;

	zmq_version(&major, &minor, &patch);
	(void)snprintf(out, n, "libzmq %d.%d.%d", major, minor, patch);
	*curve = zmq_has("curve") == 1;
}

const char *bus_user(const struct bus_msg *m, size_t i)
{
	return zmq_msg_gets(&m->part[i].msg, "User-Id");
}

bool bus_is_far(const struct bus_msg *m, size_t i)
{
	const char *at = zmq_msg_gets(&m->part[i].msg, "Peer-Address");

	/* libzmq's of an ipc peer is localhost:UID:GID:PID, of a TCP peer its number; one of this
	 * process has none. */
	return at != NULL && strncmp(at, "localhost", strlen("localhost")) != 0;
}

struct bus_bytes *bus_take(struct bus_msg *m, size_t i)
{
	struct bus_bytes *b = as_malloc(sizeof *b);

	(void)zmq_msg_init(&b->msg);
	(void)zmq_msg_move(&b->msg, &m->part[i].msg);
	return b;
}

struct bus_bytes *bus_bytes_share(struct bus_bytes *b)
{
	struct bus_bytes *other = as_malloc(sizeof *other);

	(void)zmq_msg_init(&other->msg);
	(void)zmq_msg_copy(&other->msg, &b->msg); /* fails only for what is no message */
	return other;
}

struct bus_bytes *bus_bytes_copy(const void *data, size_t n)
{
	struct bus_bytes *b = as_malloc(sizeof *b);

	if (zmq_msg_init_size(&b->msg, n) != 0) {
		as_no_memory(n);
	}
	if (n > 0) {
		memcpy(zmq_msg_data(&b->msg), data, n);
	}
	return b;
}

const void *bus_bytes_data(const struct bus_bytes *b)
{
	return zmq_msg_data((zmq_msg_t *)&b->msg);
}

size_t bus_bytes_size(const struct bus_bytes *b)
{
	return zmq_msg_size(&b->msg);
}

void bus_bytes_free(struct bus_bytes *b)
{
	if (b != NULL) {
		(void)zmq_msg_close(&b->msg);
		free(b);
	}
}
