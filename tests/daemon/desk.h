/* SPDX-License-Identifier: Apache-2.0
 * desk.h - a daemon without its loop: the test takes what comes from workers and the journal when
 * it wants to, so that one may come between any two others. */
#ifndef TESTS_DAEMON_DESK_H
#define TESTS_DAEMON_DESK_H

#include "core/base/clock.h"
#include "tests/daemon/hall.h"

/* self: path of the daemon's program, beside which its workers are looked for. */
static inline void desk_open(struct hall *h, const char *settings, const char *self)
{
	struct as_err e = { 0 };

	*h = (struct hall){ .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "desk" } };
	h->d.self = self;
	ok(io_config_load(&h->d.config, settings, &e));
	ok(dm_start(&h->d, &e));
	ok(bus_open(&h->bus, &e));
}

static inline void desk_close(struct hall *h)
{
	dm_stop(&h->d);
	io_config_free(&h->d.config);
	bus_call_free(&h->c);
	bus_msg_free(&h->m);
	bus_socket_close(h->features);
	bus_close(h->bus);
}

/* The next n operations that the journal gives back; none but these kinds are asked for. */
static inline void desk_ops(struct hall *h, size_t n)
{
	struct bus_poll item = { .socket = h->d.journal.here };
	struct as_err e = { 0 };

	while (n > 0) {
		struct dm_op *op = dm_journal_get(&h->d.journal);

		if (op == NULL) {
			ok(bus_poll(&item, 1, HALL_MS, &e));
			continue;
		}
		if (op->kind == DM_OP_OPEN) {
			dm_stream_opened(&h->d, op);
		} else if (op->kind == DM_OP_LOAD) {
			dm_job_loaded(&h->d, op);
		} else if (op->kind == DM_OP_ATTEMPT) {
			dm_job_cleared(&h->d, op);
		}
		dm_op_free(op);
		n--;
	}
}

/* The next message on one of the daemon's sockets. */
static inline void desk_take(struct hall *h, struct bus_socket *at,
			     void (*take)(struct dm_daemon *, struct bus_msg *))
{
	struct bus_msg m = { 0 };
	struct as_err e = { 0 };

	ok(bus_recv_wait(at, &m, HALL_MS, &e));
	take(&h->d, &m);
	bus_msg_free(&m);
}

static inline void desk_say(struct hall *h, struct bus_socket *work, const char *verb,
			    const char *json)
{
	hall_say(work, verb, json, NULL, 0);
	desk_take(h, h->d.work, dm_work_take);
}

/* A worker that is ready for jobs; the first of h->d.workers. more: members of its greeting. */
static inline struct bus_socket *desk_worker(struct hall *h, int credit, const char *more)
{
	struct bus_socket *work = hall_connect(h, BUS_DEALER, "work");
	char json[512];

	(void)snprintf(json, sizeof json,
		       "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":\"1\",\"pid\":1,"
		       "\"credit\":%d%s}",
		       credit, more);
	desk_say(h, work, "READY", json);
	same(hall_hear(h, work), "MODEL");
	hall_loaded(h, work, HALL_DIM);
	desk_take(h, h->d.work, dm_work_take);
	return work;
}

/* A case of this daemon; the journal has none of it. */
static inline struct dm_case *desk_case(struct hall *h, const char *id)
{
	struct dm_case *c = dm_case_open(&h->d, h->d.streams, id);

	dm_case_start(&h->d, c, 1000, as_mono_ns() + h->d.steady);
	return c;
}

/* A page of it, whose attempt is written down; data NULL: its `size` bytes are in the journal. */
static inline struct dm_job *desk_page(struct hall *h, struct dm_case *c, const char *part,
				       const char *data, size_t size)
{
	struct dm_page p = { .size = size, .out = data ? ST_GIVEN : ST_HERE };

	(void)snprintf(p.name, sizeof p.name, "%s", part);
	dm_case_add(&h->d, c, &p, data ? bus_bytes_copy(data, size) : NULL);
	return c->jobs;
}

#endif
