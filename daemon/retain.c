/* SPDX-License-Identifier: Apache-2.0
 * retain.c - lets go of judgments that are old enough, a few at a time, so that nobody waits for
 * it. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>

/* A clock that is wrong when the machine starts is set by then: until that long after the start
 * nothing goes by its age. */
static const int64_t trusted_after = INT64_C(3600) * 1000000000;

static void ask(struct dm_daemon *d, struct dm_stream *s)
{
	const int64_t mono = as_mono_ns();
	const int64_t wall = as_wall_ns();
	struct dm_op *op = dm_op_make(DM_OP_RETAIN, s->name, "");

	op->keep = s->keep;
	if (mono - d->started < trusted_after) {
		op->keep.days = 0;
		op->keep.subscriber_days = 0;
	}
	/* The earlier of two: setting the clock forward takes no judgment away. */
	op->received = wall < mono + d->steady ? wall : mono + d->steady;
	s->retaining = true;
	dm_journal_give(&d->journal, op);
}

void dm_retain(struct dm_daemon *d)
{
	for (struct dm_stream *s = d->streams; s != NULL && d->stop_at == 0 && !d->read_only;
	     s = s->next) {
		if (s->open && !s->retaining) {
			ask(d, s);
		}
	}
}

void dm_retained(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_stream *s = dm_stream_find(d, op->stream);

	s->retaining = false;
	s->first = op->bounds.first;
	if (op->gone > 0) {
		as_log(&d->log, AS_DEBUG, "RETAIN", "stream=%s first=%" PRIu64 " gone=%zu", s->name,
		       s->first, op->gone);
	}
	if (op->gone == ST_RETAIN_MAX && d->stop_at == 0) {
		ask(d, s); /* there is more */
	}
}
