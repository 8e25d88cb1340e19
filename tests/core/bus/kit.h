/* SPDX-License-Identifier: Apache-2.0
 * kit.h - sockets of a test's own. */
#ifndef TESTS_BUS_KIT_H
#define TESTS_BUS_KIT_H

#include "core/bus/bus.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>

enum { WAIT_MS = 20000 };

static const struct bus_options plain = { .hwm = 10, .linger_ms = 0, .max_bytes = 1 << 20 };

static inline struct bus_socket *open_at(struct bus *b, enum bus_type type, const char *endpoint,
					 bool bind)
{
	struct bus_options o = plain;
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };

	o.type = type;
	o.endpoint = endpoint;
	o.bind = bind;
	ok(bus_socket_open(&s, b, &o, &e));
	return s;
}

/* Of the test's own folder. */
struct address {
	char at[BUS_ENDPOINT_SIZE];
};

static inline struct address ipc(const char *name)
{
	struct address a;

	(void)snprintf(a.at, sizeof a.at, "ipc://%s", tmpdir_path(name));
	return a;
}

#endif
