/* SPDX-License-Identifier: Apache-2.0
 * commit.c - the journal's thread: what has arrived is done in groups, one commit each. */
#include "core/base/buf.h"
#include "daemon/journal.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static const char address[] = "inproc://journal";

/* Tries the reserve again; the daemon asks once a second while the disk is full. */
static int look_for_room(struct dm_journal *j, struct as_err *e)
{
	bool held = true;
	const int rc = j->look ? AS_OK : st_reserve(j->store, j->reserve, &held, e);

	j->full = !held;
	return rc;
}

static int try_group(struct dm_journal *j, struct dm_op *const *op, size_t n, struct as_err *e)
{
	int rc = st_begin(j->store, e);

	for (size_t i = 0; i < n && rc == AS_OK; i++) {
		op[i]->refused = op[i]->kind == DM_OP_SUBMIT && j->full;
		if (op[i]->kind == DM_OP_ROOM) {
			rc = look_for_room(j, e);
		} else if (!op[i]->refused) {
			rc = dm_op_run(j->store, op[i], e);
		}
	}
	return rc == AS_OK ? st_commit(j->store, e) : rc;
}

/* The disk is full: the reserve is for what was accepted already, and nothing new is. */
static int give_up_reserve(struct dm_journal *j, struct as_err *e)
{
	j->full = true;
	return st_reserve_give_up(j->store, e);
}

/* A group that found no room is done again without its submissions. */
static int do_again(struct dm_journal *j, struct dm_op *const *op, size_t n, struct as_err *e)
{
	int rc;

	TRY(st_rollback(j->store, e));
	TRY(give_up_reserve(j, e));
	for (size_t i = 0; i < n; i++) {
		dm_op_forget(op[i]);
	}
	TRY(try_group(j, op, n, e));
out:
	return rc;
}

/* One group: what has arrived, in one commit; only then it goes back. *stop: it was the last. */
static int do_group(struct dm_journal *j, bool *stop, struct as_err *e)
{
	struct dm_op *op[ST_GROUP_MAX];
	void *got;
	struct as_err why = { 0 };
	size_t n = 0;
	int rc = AS_OK;

	while (n < ST_GROUP_MAX && !*stop && bus_get(j->there, &got, e) == AS_OK) {
		op[n] = got;
		*stop = op[n++]->kind == DM_OP_STOP;
	}
	if (n > 0) {
		rc = try_group(j, op, n, e);
	}
	if (rc == AS_EFULL) {
		why = *e;
		rc = do_again(j, op, n, e);
	}
	for (size_t i = 0; i < n; i++) {
		struct as_err ignored;

		op[i]->full = j->full;
		if (op[i]->rc == AS_OK && why.code != AS_OK) {
			op[i]->e = why;
		}
		if (rc == AS_OK && dm_backup_take(j, op[i])) {
			continue;
		}
		/* After a failure nobody may be answered: the outcome is not known. */
		if (rc != AS_OK || bus_give(j->there, op[i], &ignored) != AS_OK) {
			dm_op_free(op[i]);
		}
	}
	return rc;
}

/* The store is opened, used and closed by one thread, which has a table of descriptors of its own:
 * however many connections the daemon holds, the journal's files find one. (Where the system
 * forbids that, in a container, a file that finds none is as one that finds no room.) The locks of
 * the journal are of that table as well, so nobody else may close its files. */
static int open_store(struct dm_journal *j, struct as_err *e)
{
	int rc;

	(void)unshare(CLONE_FILES);
	TRY(j->look ? st_look(&j->store, j->state, e) : st_open(&j->store, j->state, e));
	TRY(st_check(j->store, e));
	TRY(look_for_room(j, e));
	(void)snprintf(j->name, sizeof j->name, "%s", st_journal(j->store));
	j->epoch = st_epoch(j->store);
out:
	return rc;
}

static void close_store(struct dm_journal *j)
{
	st_backup_close(j->copy); /* one that is not whole leaves nothing */
	dm_op_free(j->backup);
	st_close(j->store);
}

static int serve(struct dm_journal *j, bool *stop, struct as_err *e)
{
	struct bus_poll item = { .socket = j->there };
	int rc;

	TRY(bus_poll(&item, 1, 0, e));
	rc = st_rest(j->store, !item.in, e);
	TRY(rc == AS_EFULL ? give_up_reserve(j, e) : rc); /* later, then */
	if (j->backup != NULL) {
		TRY(dm_backup_step(j, e));
	} else if (!item.in) {
		TRY(bus_poll(&item, 1, -1, e));
	}
	TRY(do_group(j, stop, e));
out:
	return rc;
}

/* To the loop, whatever became of it: the last word of a thread that failed, the first of one that
 * has opened its store. */
static void say(struct dm_journal *j, enum dm_op_kind kind, int rc, const struct as_err *e)
{
	struct dm_op *op = dm_op_make(kind, "", "");
	struct as_err ignored;

	op->rc = rc;
	op->e = *e;
	if (bus_give(j->there, op, &ignored) != AS_OK) {
		dm_op_free(op);
	}
}

static void *work(void *arg)
{
	struct dm_journal *j = arg;
	struct as_err e = { 0 };
	bool stop = false;
	int rc = open_store(j, &e);

	say(j, DM_OP_STARTED, rc, &e);
	stop = rc != AS_OK;
	while (!stop && rc == AS_OK) {
		rc = serve(j, &stop, &e);
		if (rc != AS_OK) {
			say(j, DM_OP_FAILED, rc, &e);
		}
	}
	close_store(j);
	return NULL;
}

static int hear_start(struct dm_journal *j, struct as_err *e)
{
	struct bus_poll item = { .socket = j->here };
	struct as_err none;
	struct dm_op *op;
	void *got;
	int rc = AS_OK;

	while (rc == AS_OK && bus_get(j->here, &got, &none) != AS_OK) {
		rc = bus_poll(&item, 1, -1, e);
	}
	if (rc == AS_OK) {
		op = got;
		rc = op->rc;
		*e = op->e;
		dm_op_free(op);
	}
	return rc;
}

int dm_journal_start(struct dm_journal *j, struct bus *bus, const char *state, struct as_err *e)
{
	struct bus_options o = {
		.type = BUS_PAIR, .endpoint = address, .bind = true, .max_bytes = -1
	};
	int rc;

	j->state = state;
	TRY(bus_socket_open(&j->here, bus, &o, e));
	o.bind = false;
	TRY(bus_socket_open(&j->there, bus, &o, e));
	if (pthread_create(&j->thread, NULL, work, j) != 0) {
		return as_fail(e, AS_EIO, "the journal's thread cannot be started");
	}
	j->running = true;
	TRY(hear_start(j, e));
out:
	return rc;
}

void dm_journal_stop(struct dm_journal *j)
{
	struct as_err e;
	void *op;

	if (j->running) {
		dm_journal_give(j, dm_op_make(DM_OP_STOP, "", ""));
		(void)pthread_join(j->thread, NULL);
		j->running = false;
	}
	while (j->here != NULL && bus_get(j->here, &op, &e) == AS_OK) {
		dm_op_free(op);
	}
	/* What the thread left unread when it failed. */
	while (j->there != NULL && bus_get(j->there, &op, &e) == AS_OK) {
		dm_op_free(op);
	}
	bus_socket_close(j->there);
	bus_socket_close(j->here);
	*j = (struct dm_journal){ 0 };
}

void dm_journal_give(struct dm_journal *j, struct dm_op *op)
{
	struct as_err e;

	if (bus_give(j->here, op, &e) != AS_OK) {
		abort(); /* a pair without a bound takes everything */
	}
	j->inside++;
}

struct dm_op *dm_journal_get(struct dm_journal *j)
{
	struct as_err e;
	void *op;

	if (bus_get(j->here, &op, &e) != AS_OK) {
		return NULL;
	}
	j->inside--;
	return op;
}
