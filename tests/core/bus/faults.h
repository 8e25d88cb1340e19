/* SPDX-License-Identifier: Apache-2.0
 * faults.h - what the bus does is done again and again, each time with another call failing
 * (fault_test.c says which can). */
#ifndef TESTS_BUS_FAULTS_H
#define TESTS_BUS_FAULTS_H

#include "core/bus/call.h"
#include "core/bus/clients.h"
#include "core/bus/guard.h"
#include "core/bus/keys.h"
#include "tests/support/check.h"
#include "tests/support/fault.h"
#include "tests/support/tmpdir.h"

/* Of a thread that is started: `fault` is of the one that starts it. */
extern struct fault in_thread;

enum { WAIT_MS = 20000, TRIES = 500 };

/* Everything that a test has, so that each way out closes it. */
struct room {
	struct bus *bus;
	struct bus_socket *front, *client;
	struct bus_keys own, guest;
	struct bus_clients *clients;
	struct bus_guard *guard;
	struct bus_msg m;
	struct bus_call c;
	const char *path;
};

static inline void room_close(struct room *r)
{
	bus_call_free(&r->c);
	bus_msg_free(&r->m);
	bus_socket_close(r->client);
	bus_socket_close(r->front);
	bus_guard_close(r->guard);
	bus_clients_free(r->clients);
	bus_close(r->bus);
}

typedef int (*act_fn)(struct room *r, struct as_err *e);

/* Each call once, of the test's or of the thread that it starts; *refused: how often that was an
 * error. */
static inline size_t sweep_in(struct fault *whose, act_fn act, struct fault how, size_t *refused)
{
	size_t fired = 1;
	size_t n = 0;

	*refused = 0;
	while (fired > 0) {
		struct room r = { .path = tmpdir_path("door") };
		struct as_err e = { 0 };
		int rc;

		how.at = ++n;
		*whose = how;
		rc = act(&r, &e);
		fired = fault.fired;
		fault = (struct fault){ 0 };
		room_close(&r);
		fired += in_thread.fired;
		in_thread = (struct fault){ 0 };
		cr_assert(rc == AS_OK || (fired > 0 && e.code == rc && e.msg[0] != '\0'),
			  "call %zu: %d, %s", n, rc, e.msg);
		*refused += rc != AS_OK;
		cr_assert(lt(sz, n, (size_t)TRIES));
	}
	return n - 1;
}

static inline size_t sweep(act_fn act, int number, size_t *refused)
{
	return sweep_in(&fault, act, (struct fault){ .number = number }, refused);
}

#endif
