/* SPDX-License-Identifier: Apache-2.0
 * guard.h - who is let in at sockets with CURVE: a thread that libzmq asks about every key that
 * knocks (ZAP, RFC 27). It holds an unchanging list of clients; another is handed to it.
 *
 * While it does not run, sockets with a domain let nobody in. */
#ifndef BUS_GUARD_H
#define BUS_GUARD_H

#include "core/base/log.h"
#include "core/bus/bus.h"
#include "core/bus/clients.h"

struct bus_guard;

/* One a bus. Close it after the sockets that it guards. clients is shared. */
int bus_guard_open(struct bus_guard **out, struct bus *b, struct bus_clients *clients,
		   const struct as_log *log, struct as_err *e) AS_CHECKED;
void bus_guard_close(struct bus_guard *g); /* accepts NULL */
/* Ends its thread: nobody is let in from now on. */
void bus_guard_halt(struct bus_guard *g);
/* Connections from now on are asked for in this list; those that stand are not touched. */
int bus_guard_change(struct bus_guard *g, struct bus_clients *clients, struct as_err *e) AS_CHECKED;
/* AS_EPERM: its thread has ended. Any thread; g NULL: there is none, AS_OK. */
int bus_guard_check(const struct bus_guard *g, struct as_err *e) AS_CHECKED;
/* How many keys it turned away. g NULL: 0. */
unsigned long long bus_guard_refused(const struct bus_guard *g);

/* Whether a key that nobody knows is refused: binds endpoint, knocks, and listens to what libzmq
 * says of it. AS_EPERM: it was let in, or nothing was said. */
int bus_guard_test(struct bus *b, const struct bus_keys *own, const char *endpoint,
		   struct as_err *e) AS_CHECKED;

#endif
