/* SPDX-License-Identifier: Apache-2.0
 * The guard with each call failing that it makes, or that its thread makes: nobody is let in who
 * should not be, and the daemon is told. */
#include "core/bus/inside.h"
#include "tests/core/bus/faults.h"

#include <sched.h>

TestSuite(bus_guard_fault, .timeout = 120);

static const struct as_log silent = { .fd = 2, .level = AS_ERROR, .who = "test" };

#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static void write_clients(void)
{
	(void)tmpdir_file("clients.ini", "[client.a]\nkey = " KEY "\nsubmit = *\n");
	cr_assert(zero(int, chmod(tmpdir_path("clients.ini"), 0600)));
}

static int test_a_door(struct room *r, struct as_err *e)
{
	char at[BUS_ENDPOINT_SIZE];
	int rc;

	(void)snprintf(at, sizeof at, "ipc://%s", r->path);
	TRY(bus_open(&r->bus, e));
	TRY(bus_keys_make(&r->own, e));
	TRY(bus_clients_load(&r->clients, tmpdir_path("clients.ini"), e));
	TRY(bus_guard_open(&r->guard, r->bus, r->clients, &silent, e));
	TRY(bus_guard_test(r->bus, &r->own, at, e));
out:
	return rc;
}

/* A test of the door that could not be made is none that was passed. */
Test(bus_guard_fault, door_is_tested_or_not_opened)
{
	size_t refused;
	size_t n;

	write_clients();
	n = sweep(test_a_door, EIO, &refused);
	cr_assert(lt(sz, (size_t)50, n));
	cr_assert(eq(sz, refused, n));
}

static int open_guard(struct room *r, struct as_err *e)
{
	int rc;

	TRY(bus_open(&r->bus, e));
	TRY(bus_clients_load(&r->clients, tmpdir_path("clients.ini"), e));
	TRY(bus_guard_open(&r->guard, r->bus, r->clients, &silent, e));
	TRY(bus_guard_change(r->guard, r->clients, e));
	TRY(bus_guard_check(r->guard, e));
out:
	return rc;
}

Test(bus_guard_fault, guard_is_there_or_not)
{
	size_t refused;

	write_clients();
	cr_assert(lt(sz, (size_t)20, sweep(open_guard, EIO, &refused)));
	cr_assert(lt(sz, (size_t)20, refused));
	cr_assert(lt(
	    sz, (size_t)20,
	    sweep_in(&fault, open_guard, (struct fault){ .number = EIO, .on = true }, &refused)));
	cr_assert(lt(sz, (size_t)3, sweep(open_guard, EINTR, &refused)));
	cr_assert(zero(sz, refused));
	cr_assert(lt(sz, (size_t)5, sweep(test_a_door, EINTR, &refused)));
	cr_assert(zero(sz, refused));
}

/* Knocks as libzmq does, and changes the list: each is done, or the guard's thread has ended. */
static int knock(struct room *r, struct as_err *e)
{
	const struct bus_options o = {
		.type = BUS_DEALER, .endpoint = "inproc://zeromq.zap.01", .hwm = 10, .max_bytes = -1
	};
	uint8_t key[32];
	const struct bus_frame f[] = { { "", 0, NULL },      { "1.0", 3, NULL },
				       { "7", 1, NULL },     { "front", 5, NULL },
				       { "", 0, NULL },      { "", 0, NULL },
				       { "CURVE", 5, NULL }, { key, sizeof key, NULL } };
	int rc;

	cr_assert(ne(ptr, zmq_z85_decode(key, KEY), NULL));
	TRY(bus_open(&r->bus, e));
	TRY(bus_clients_load(&r->clients, tmpdir_path("clients.ini"), e));
	TRY(bus_guard_open(&r->guard, r->bus, r->clients, &silent, e));
	TRY(bus_socket_open(&r->client, r->bus, &o, e));
	TRY(bus_send_wait(r->client, f, 8, WAIT_MS, e));
	while ((rc = bus_recv_wait(r->client, &r->m, 1, e)) == AS_EAGAIN) {
		TRY(bus_guard_check(r->guard, e));
	}
	TRY(rc);
	/* A frame that failed is not there: libzmq was not told. */
	cr_assert(r->m.n == 6 || memcmp(bus_data(&r->m, 3), "200", 3) == 0);
	TRY(bus_guard_change(r->guard, r->clients, e));
out:
	cr_assert(rc == AS_OK || (rc == AS_EPERM && strstr(e->msg, "has ended") != NULL), "%s",
		  e->msg);
	return rc;
}

/* The daemon looks at it, and ends too (bus_guard_check). */
Test(bus_guard_fault, guard_whose_thread_fails_says_so)
{
	size_t refused;

	write_clients();
	cr_assert(lt(sz, (size_t)10,
		     sweep_in(&in_thread, knock, (struct fault){ .number = EIO }, &refused)));
	cr_assert(lt(sz, (size_t)5, refused));
	cr_assert(lt(sz, (size_t)5,
		     sweep_in(&in_thread, knock, (struct fault){ .number = EINTR }, &refused)));
	cr_assert(zero(sz, refused));
}

/* The list that it was given is still freed. */
Test(bus_guard_fault, guard_that_has_ended_takes_no_list)
{
	struct as_err e = { 0 };
	struct room r = { 0 };

	write_clients();
	ok(bus_open(&r.bus, &e));
	ok(bus_clients_load(&r.clients, tmpdir_path("clients.ini"), &e));
	ok(bus_guard_open(&r.guard, r.bus, r.clients, &silent, &e));
	cr_assert(zero(int, zmq_ctx_shutdown(r.bus->ctx)));
	while (bus_guard_check(r.guard, &e) == AS_OK) {
		(void)sched_yield();
	}
	fails(bus_guard_change(r.guard, r.clients, &e), AS_EPERM, "has ended");
	bus_guard_halt(r.guard);
	bus_guard_halt(r.guard);
	room_close(&r);
}
