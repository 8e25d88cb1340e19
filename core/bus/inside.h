/* SPDX-License-Identifier: Apache-2.0
 * inside.h - what the files of this room share and nobody else sees. */
#ifndef BUS_INSIDE_H
#define BUS_INSIDE_H

#include "core/bus/bus.h"

#include <zmq.h>

struct bus {
	void *ctx;
};

/* libzmq announces what comes by its descriptor, once: whoever works with the socket may use the
 * announcement up. So after any call but a receive that found nothing (touched) the socket must be
 * asked; otherwise the descriptor tells. zmq_poll asks every socket every time, with two or three
 * system calls each. */
struct bus_socket {
	void *zmq;
	int fd;
	bool touched;
	char endpoint[BUS_ENDPOINT_SIZE];
};

struct bus_part {
	zmq_msg_t msg;
};

struct bus_bytes {
	zmq_msg_t msg;
};

/* Fills e with what libzmq left in errno; returns the code. */
int bus_fail(struct as_err *e, const char *what, const char *name);
/* Gives the socket the keys with which it connects, or what is bound from now on asks for. */
int bus_lock(struct bus_socket *s, const struct bus_curve *c, bool bind,
	     struct as_err *e) AS_CHECKED;

#endif
