/* SPDX-License-Identifier: Apache-2.0
 * socket.h - what the files of this room share. */
#ifndef BUS_SOCKET_H
#define BUS_SOCKET_H

#include "core/bus/bus.h"

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

#endif
