/* SPDX-License-Identifier: Apache-2.0
 * cases.c - the life of a case between its first accepted page and its judgment. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dm_case *dm_case_open(struct dm_daemon *d, struct dm_stream *s, const char *id)
{
	struct dm_case *c = as_calloc(1, sizeof *c);

	c->stream = s;
	c->model = s->model;
	c->kase = fu_join_open(&d->join, s->name, id, dm_model_task(s->model));
	c->kase->owner = c;
	dm_model_use(c->model);
	s->cases++;
	return c;
}

void dm_case_forget(struct dm_daemon *d, struct dm_case *c)
{
	while (c->jobs != NULL) {
		dm_job_end(d, c->jobs);
	}
	for (size_t i = 0; i < c->waiters; i++) {
		bus_bytes_free(c->waiter[i]);
	}
	free(c->waiter);
	dm_case_stir(d, c);
	dm_share_leave(d, c);
	c->stream->cases--;
	if (d->alone == c) {
		d->alone = NULL;
	}
	fu_join_close(&d->join, c->kase);
	dm_model_leave(d, c->model);
	free(c);
}

void dm_case_start(struct dm_daemon *d, struct dm_case *c, int64_t received, int64_t arrived)
{
	c->arrived = arrived;
	fu_case_start(&d->join, c->kase, received,
		      arrived - d->steady + (int64_t)c->stream->deadline_ms * INT64_C(1000000));
}

static struct dm_lane *lane_of(struct dm_daemon *d, const struct dm_case *c, uint32_t part)
{
	const struct fu_source *s = &c->model->judge[0].source[part];

	return dm_lane_get(d, s->modality, s->name, s->version);
}

enum st_out dm_case_out(struct dm_daemon *d, const struct dm_case *c, const struct dm_page *page)
{
	const int part = io_task_part(c->kase->task, page->name);

	return part >= 0 && lane_of(d, c, (uint32_t)part)->cleared < DM_CLEARED_MAX ? ST_GIVEN
										    : ST_HERE;
}

/* What an earlier daemon left of a page: one that was out when it ended may be what ended it, one
 * that was charged what ended a worker. */
static void take_over(struct dm_daemon *d, struct dm_job *j, const struct dm_page *page)
{
	j->strikes = page->strikes;
	j->grave = page->out != ST_HERE;
	j->suspect = j->grave || j->strikes > 0;
	d->graves += j->grave;
}

void dm_case_add(struct dm_daemon *d, struct dm_case *c, const struct dm_page *page,
		 struct bus_bytes *bytes)
{
	const int part = io_task_part(c->kase->task, page->name);
	struct dm_job *j;

	if (c->rejected) {
		bus_bytes_free(bytes);
		return;
	}
	if (part < 0 || page->page >= c->kase->task->part[part].repeat) {
		/* Accepted for another model than the one that is served after a new start. */
		bus_bytes_free(bytes);
		dm_case_reject(d, c, page->name, "task",
			       "a page that the model's task does not have");
		return;
	}
	j = as_calloc(1, sizeof *j);
	j->owner = c;
	j->slot = fu_case_accept(c->kase, (uint32_t)part, page->page, as_mono_ns());
	j->slot->job = j;
	j->lane = lane_of(d, c, (uint32_t)part);
	j->size = page->size;
	j->bytes = bytes;
	(void)snprintf(j->type, sizeof j->type, "%s", page->type);
	(void)snprintf(j->sha256, sizeof j->sha256, "%s", page->sha256);
	j->sibling = c->jobs;
	c->jobs = j;
	if (bytes == NULL) {
		take_over(d, j, page);
	} else {
		j->cleared = page->out == ST_GIVEN;
	}
	dm_job_queue(d, j);
	if (bytes == NULL && page->out == ST_ALONE) {
		dm_job_strike(d, j, DM_LIMIT_ATTEMPTS, "the daemon ended");
	}
}

void dm_case_undo(struct dm_daemon *d, struct dm_case *c)
{
	while (c->jobs != NULL) {
		dm_job_end(d, c->jobs);
	}
	fu_case_clear(c->kase);
	c->rejected = false;
}

void dm_case_reject(struct dm_daemon *d, struct dm_case *c, const char *part, const char *limit,
		    const char *message)
{
	if (c->rejected || c->judging) {
		return;
	}
	c->rejected = true;
	c->kase->closed = true;
	(void)snprintf(c->part, sizeof c->part, "%s", part);
	(void)snprintf(c->limit, sizeof c->limit, "%s", limit);
	(void)snprintf(c->message, sizeof c->message, "%s", message);
	as_log(&d->log, AS_DEBUG, "CASE-REJECTED",
	       "stream=%s case=%s part=%s limit=%s error=\"%s\"", c->kase->stream, c->kase->id,
	       c->part, c->limit, c->message);
	while (c->jobs != NULL) {
		dm_job_end(d, c->jobs); /* the other pages need not be encoded */
	}
}

void dm_case_encoded(struct dm_daemon *d, struct dm_job *j)
{
	struct dm_case *c = j->owner;

	dm_job_end(d, j);
	dm_case_advance(d, c);
}

void dm_case_advance(struct dm_daemon *d, struct dm_case *c)
{
	if (c->kase->pending > 0 || (c->judging && !c->judged)) {
		return;
	}
	if (c->judged || c->parked || c->kase->received == 0) {
		dm_case_forget(d, c); /* over, on disk, or nothing of it was accepted */
		return;
	}
	dm_case_stir(d, c);
	if (c->rejected) {
		c->judging = true;
		d->judging++;
		dm_reject(d, c);
		return;
	}
	if (!fu_case_closes(c->kase, as_mono_ns())) {
		dm_case_settle(d, c);
		return;
	}
	fu_join_late(&d->join, c->kase);
	if (fu_case_ready(c->kase)) {
		c->judging = true;
		d->judging++;
		dm_fuse_give(&d->fuse, c, c->kase, c->model->judge);
	}
}

void dm_cases_late(struct dm_daemon *d, int64_t now)
{
	struct fu_case *c;

	while ((c = fu_join_next(&d->join)) != NULL && c->deadline <= now) {
		/* One whose submission is in the journal closes when that comes back. */
		fu_join_late(&d->join, c);
		dm_case_advance(d, c->owner);
	}
}
