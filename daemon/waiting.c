/* SPDX-License-Identifier: Apache-2.0
 * waiting.c - cases that wait for parts and for nothing else. A bounded number of them is kept in
 * memory, with the features that they have; the others are parked: in the journal only. A parked
 * case comes back with its next submission or its deadline, and its pages are encoded again: from
 * the same bytes, so with the same features, if the model is still the same. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

enum {
	WAKE_MAX = 256,    /* cases asked for at a time */
	ACTIVE_MAX = 1024, /* pages and cases under way, from which on no more are woken */
};

static const int64_t MS = 1000000; /* ns */

void dm_case_stir(struct dm_daemon *d, struct dm_case *c)
{
	if (!c->idle) {
		return;
	}
	*(c->before != NULL ? &c->before->after : &d->idle) = c->after;
	*(c->after != NULL ? &c->after->before : &d->idle_last) = c->before;
	c->before = NULL;
	c->after = NULL;
	c->idle = false;
	d->idles--;
}

/* The case stays in memory until the journal has it: pending, so that it goes nowhere. */
static void park(struct dm_daemon *d, struct dm_case *c)
{
	struct dm_op *op = dm_op_make(DM_OP_PARK, c->kase->stream, c->kase->id);

	dm_case_stir(d, c);
	c->kase->pending++;
	op->owner = c;
	op->arrived = c->arrived;
	dm_journal_give(&d->journal, op);
}

void dm_case_settle(struct dm_daemon *d, struct dm_case *c)
{
	if (c->jobs != NULL || c->waiters > 0) {
		return; /* somebody who waits for the judgment is known in memory alone */
	}
	c->before = d->idle_last;
	*(d->idle_last != NULL ? &d->idle_last->after : &d->idle) = c;
	d->idle_last = c;
	c->idle = true;
	d->idles++;
	while (d->idles > d->config.daemon.waiting_cases) {
		park(d, d->idle);
	}
}

static void count(struct dm_stream *s, int64_t arrived)
{
	s->parked++;
	s->parked_first = arrived < s->parked_first ? arrived : s->parked_first;
}

void dm_parked(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_case *c = op->owner;

	count(dm_stream_find(d, op->stream), op->arrived);
	if (c != NULL) {
		c->parked = true;
		c->kase->pending--;
		dm_case_advance(d, c); /* a submission that came meanwhile may wake it */
	}
}

void dm_case_woken(struct dm_daemon *d, struct dm_case *c, const struct dm_op *op)
{
	c->parked = false;
	c->stream->parked--;
	if (c->kase->received == 0) {
		dm_case_restore(d, c, &op->found[0], op);
	}
}

/* The model may have gone since the case was asked for: it waits on until there is one again. */
static void park_again(struct dm_daemon *d, const struct dm_stream *s, const struct dm_found *f)
{
	struct dm_op *op = dm_op_make(DM_OP_PARK, s->name, f->id);

	op->arrived = f->arrived;
	dm_journal_give(&d->journal, op);
}

void dm_woken(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_stream *s = dm_stream_find(d, op->stream);

	s->waking = false;
	s->parked -= op->founds;
	s->parked_first = op->parked_first;
	for (size_t i = 0; i < op->founds; i++) {
		if (s->model != NULL) {
			dm_stream_found(d, s, &op->found[i]);
		} else {
			park_again(d, s, &op->found[i]);
		}
	}
}

static bool may_wake(const struct dm_daemon *d, const struct dm_stream *s)
{
	return s->open && s->model != NULL && s->parked > 0 && !s->waking && d->stop_at == 0 &&
	       !d->read_only && d->jobs.n + d->judging < ACTIVE_MAX &&
	       d->queued_bytes < d->config.daemon.queue_bytes;
}

/* Monotonic ns of the deadline of the stream's first parked case. */
static int64_t due(const struct dm_daemon *d, const struct dm_stream *s)
{
	return s->parked_first - d->steady + (int64_t)s->deadline_ms * MS;
}

void dm_wake(struct dm_daemon *d, int64_t now)
{
	for (struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		struct dm_op *op;

		if (!may_wake(d, s) || due(d, s) > now) {
			continue;
		}
		op = dm_op_make(DM_OP_WAKE, s->name, "");
		op->arrived = now + d->steady - (int64_t)s->deadline_ms * MS;
		op->credit = WAKE_MAX;
		s->waking = true;
		dm_journal_give(&d->journal, op);
	}
}

int64_t dm_wake_next(const struct dm_daemon *d)
{
	int64_t next = INT64_MAX;

	for (const struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		if (may_wake(d, s) && due(d, s) < next) {
			next = due(d, s);
		}
	}
	return next;
}
