/* SPDX-License-Identifier: Apache-2.0
 * loop.c - the one thread that everything but the journal and fusion runs on. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	FRONT,
	CONTROL,
	WORK,
	FEATURES,
	FEED,
	JOURNAL,
	SIGNALS,
	DEATHS,
	FUSE, /* poll items */
	ITEMS = FUSE + 64,
	BATCH = 64, /* messages taken from one socket before the others have their turn */
};

/* A daemon that has lived for so long was not ended by its disk. */
static const int64_t lived_ns = INT64_C(60) * 1000000000;

typedef void (*take_fn)(struct dm_daemon *d, struct bus_msg *m);

static void take_all(struct dm_daemon *d, struct bus_socket *s, take_fn take)
{
	struct bus_msg m = { 0 };
	struct as_err e;

	for (int i = 0; i < BATCH && bus_recv(s, &m, &e) == AS_OK; i++) {
		take(d, &m);
	}
	bus_msg_free(&m);
}

static void take_op(struct dm_daemon *d, struct dm_op *op)
{
	switch (op->kind) {
	case DM_OP_OPEN:
		dm_stream_opened(d, op);
		break;
	case DM_OP_SUBMIT:
		dm_submit_answered(d, op);
		break;
	case DM_OP_LOAD:
		dm_job_loaded(d, op);
		break;
	case DM_OP_JUDGE:
		dm_judged(d, op);
		break;
	case DM_OP_ATTEMPT:
		dm_job_cleared(d, op);
		break;
	case DM_OP_PARK:
		dm_parked(d, op);
		break;
	case DM_OP_WAKE:
		dm_woken(d, op);
		break;
	case DM_OP_LETTER:
		dm_letters_answered(d, op);
		break;
	case DM_OP_FIND:
		dm_front_found(d, op);
		break;
	case DM_OP_REPLAY:
		dm_replayed(d, op);
		break;
	case DM_OP_SUBSCRIBE:
	case DM_OP_ACK:
	case DM_OP_UNSUBSCRIBE:
		dm_cursor_moved(d, op);
		break;
	case DM_OP_RETAIN:
		dm_retained(d, op);
		break;
	case DM_OP_VERIFY:
	case DM_OP_PURGE:
	case DM_OP_BACKUP:
		dm_kept(d, op);
		break;
	case DM_OP_ROOM:
	case DM_OP_OVER:
	case DM_OP_STOP:
	case DM_OP_STARTED:
	case DM_OP_FAILED:
		break;
	}
}

/* op->e is why, where the journal found out with this one. */
static void note_room(struct dm_daemon *d, const struct dm_op *op)
{
	const char *state = d->config.daemon.state;
	const uint64_t reserve = d->config.daemon.reserve_bytes;

	if (op->full && !d->full) {
		as_log(&d->log, AS_ERROR, "DISK-FULL",
		       "state=%s reserve_bytes=%" PRIu64 " error=\"%s\"", state, reserve,
		       op->e.msg[0] != '\0' ? op->e.msg : "no room for the reserve");
	} else if (!op->full && d->full) {
		as_log(&d->log, AS_INFO, "DISK-ROOM", "state=%s reserve_bytes=%" PRIu64, state,
		       reserve);
	}
	d->full = op->full;
}

static int take_journal(struct dm_daemon *d, struct as_err *e)
{
	struct dm_op *op;

	while ((op = dm_journal_get(&d->journal)) != NULL) {
		d->notify.journal_gave = true;
		if (op->kind == DM_OP_FAILED) {
			const int rc = op->rc;

			*e = op->e;
			dm_op_free(op);
			return rc;
		}
		note_room(d, op);
		if (op->kind == DM_OP_VERIFY && dm_verify_goes_on(d, op)) {
			continue;
		}
		take_op(d, op);
		dm_op_free(op);
	}
	return AS_OK;
}

static void take_signals(struct dm_daemon *d)
{
	struct signalfd_siginfo info;
	struct as_err e;

	while (read(d->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGHUP) {
			if (dm_reload(d, &e) != AS_OK) {
				continue; /* it said itself why it did not take the file */
			}
		} else {
			as_log(&d->log, AS_INFO, "SIGNAL", "signal=%u", info.ssi_signo);
			d->stop = d->stop_at != 0; /* a second one: at once */
			dm_drain(d);
		}
	}
}

/* Milliseconds until the next thing that no message announces. */
static int wait_ms(const struct dm_daemon *d, int64_t now)
{
	const struct fu_case *c = fu_join_next(&d->join);
	const int64_t child = dm_children_next(d);
	const int64_t wake = dm_wake_next(d);
	int64_t at = d->ticked + DM_TICK_MS * INT64_C(1000000);

	at = c != NULL && c->deadline < at ? c->deadline : at;
	at = child < at ? child : at;
	at = wake < at ? wake : at;
	at = d->stop_at != 0 && d->stop_at < at ? d->stop_at : at;
	return at <= now ? 0 : (int)((at - now + 999999) / 1000000);
}

/* Whether nothing is on its way that the next start would have to do again. */
static bool is_idle(const struct dm_daemon *d)
{
	if (d->judging > 0 || d->journal.inside > 0) {
		return false;
	}
	for (const struct dm_lane *l = d->lanes; l != NULL; l = l->next) {
		if (l->queued > 0) {
			return false;
		}
	}
	for (const struct dm_worker *w = d->workers; w != NULL; w = w->next) {
		if (w->jobs > 0) {
			return false;
		}
	}
	return true;
}

static void keep_time(struct dm_daemon *d)
{
	const int64_t now = as_mono_ns();

	dm_cases_late(d, now);
	dm_wake(d, now);
	dm_children_start(d, now);
	if (now - d->ticked >= DM_TICK_MS * INT64_C(1000000)) {
		dm_pace(d, (double)(now - d->ticked) / 1e9);
		d->ticked = now;
		dm_workers_check(d, now);
		dm_notify(d, now);
		dm_tick(d);
		dm_retain(d);
		if (d->full) {
			dm_journal_give(&d->journal, dm_op_make(DM_OP_ROOM, "", ""));
		}
	}
	if (d->failures > 0 && !d->read_only && now - d->started > lived_ns) {
		d->failures = 0;
		dm_failures_put(d, 0);
	}
	if (d->stop_at != 0 && (now >= d->stop_at || is_idle(d))) {
		d->stop = true;
	}
}

/* Clients ask faster than the journal answers: they are left in their sockets, which stop them. */
static bool is_full(const struct dm_daemon *d)
{
	return d->journal.inside >= DM_INSIDE_MAX;
}

static int turn(struct dm_daemon *d, const struct bus_poll *item, struct as_err *e)
{
	const struct {
		int at;
		struct bus_socket *const *socket; /* the feed may be another by its turn */
		take_fn take;
	} taken[] = {
		{ FEATURES, &d->features, dm_features_take },
		{ WORK, &d->work, dm_work_take },
		{ FRONT, &d->front, dm_front_take },
		{ CONTROL, &d->control, dm_control_take },
		{ FEED, &d->feed, dm_feed_take },
	};
	struct dm_fusing *f;
	int rc;

	if (item[DEATHS].in) {
		dm_children_died(d);
	}
	rc = item[JOURNAL].in ? take_journal(d, e) : AS_OK;
	if (rc != AS_OK) {
		return rc;
	}
	for (size_t i = 0; i < d->fuse.threads; i++) {
		while (item[FUSE + i].in && (f = dm_fuse_get(&d->fuse, i)) != NULL) {
			d->notify.fusion_gave |= UINT64_C(1) << i;
			dm_judge(d, f);
		}
	}
	if (item[SIGNALS].in) {
		take_signals(d);
	}
	for (size_t i = 0; i < sizeof taken / sizeof *taken && d->broken.code == AS_OK; i++) {
		if (item[taken[i].at].in) {
			take_all(d, *taken[i].socket, taken[i].take);
		}
	}
	if (d->feed_culprit[0] != '\0') {
		dm_feed_guard(d);
	}
	if (d->broken.code != AS_OK) {
		*e = d->broken;
		return e->code;
	}
	keep_time(d);
	dm_dispatch(d);
	return AS_OK;
}

int dm_loop(struct dm_daemon *d, struct as_err *e)
{
	struct bus_poll item[ITEMS] = {
		[FRONT] = { .socket = d->front, .fd = -1 },
		[CONTROL] = { .socket = d->control },
		[WORK] = { .socket = d->work },
		[FEATURES] = { .socket = d->features },
		[FEED] = { .socket = d->feed },
		[JOURNAL] = { .socket = d->journal.here },
		[SIGNALS] = { .fd = d->signals },
		[DEATHS] = { .fd = d->deaths },
	};
	int rc = AS_OK;

	for (size_t i = 0; i < d->fuse.threads; i++) {
		item[FUSE + i].socket = d->fuse.thread[i].here;
	}
	d->ticked -= DM_TICK_MS * INT64_C(1000000); /* the first look is at once */
	while (!d->stop && rc == AS_OK) {
		item[FRONT].socket = is_full(d) ? NULL : d->front;
		item[FEED].socket = d->feed; /* another, where the list of clients changed */
		rc = bus_poll(item, FUSE + d->fuse.threads, wait_ms(d, as_mono_ns()), e);
		rc = rc == AS_OK ? bus_guard_check(d->guard, e) : rc;
		rc = rc == AS_OK ? turn(d, item, e) : rc;
	}
	if (rc == AS_OK && !d->read_only) {
		dm_journal_give(&d->journal, dm_op_make(DM_OP_OVER, "", ""));
	}
	return rc;
}
