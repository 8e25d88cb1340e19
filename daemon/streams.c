/* SPDX-License-Identifier: Apache-2.0
 * streams.c - the streams being served, and the cases that the journal kept for them. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dm_stream *dm_stream_find(struct dm_daemon *d, const char *name)
{
	for (struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		if (strcmp(s->name, name) == 0) {
			return s;
		}
	}
	return NULL;
}

static struct dm_stream *add_stream(struct dm_daemon *d, const char *name)
{
	struct dm_stream *s = as_calloc(1, sizeof *s);

	(void)snprintf(s->name, sizeof s->name, "%s", name);
	s->next = d->streams;
	d->streams = s;
	return s;
}

static bool is_in(const struct io_config *c, const char *name)
{
	for (size_t i = 0; i < c->streams; i++) {
		if (strcmp(c->stream[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* The stream's model becomes m, which is used once for it already. */
static void serve(struct dm_daemon *d, const struct io_config_stream *c, struct dm_model *m)
{
	struct dm_stream *s = dm_stream_find(d, c->name);
	const bool known = s != NULL;
	struct dm_op *op;

	if (!known) {
		s = add_stream(d, c->name);
	}
	as_log(&d->log, AS_INFO, "STREAM", "stream=%s model=%s name=\"%s\" deadline_ms=%" PRIu64,
	       c->name, m->sha256, m->judge[0].name, c->deadline_ms);
	dm_model_leave(d, s->model);
	s->model = m;
	s->deadline_ms = c->deadline_ms;
	s->keep = (struct st_keep){ .days = c->retain_days,
				    .bytes = c->retain_bytes,
				    .subscriber_days = c->subscriber_days,
				    .subscriber_bytes = c->subscriber_bytes };
	if (!known) {
		op = dm_op_make(DM_OP_OPEN, s->name, "");
		op->arrived = as_mono_ns() + d->steady;
		dm_journal_give(&d->journal, op);
	}
}

int dm_streams_apply(struct dm_daemon *d, const struct io_config *c, struct as_err *e)
{
	struct dm_model *model[IO_STREAMS_MAX] = { 0 };
	int rc = AS_OK;

	for (size_t i = 0; i < c->streams && rc == AS_OK; i++) {
		rc = dm_model_open(d, c->stream[i].model, &model[i], e);
		if (rc != AS_OK) {
			rc = as_wrap(e, "[stream.%s]", c->stream[i].name);
		}
	}
	if (rc != AS_OK) {
		for (size_t i = 0; i < c->streams; i++) {
			dm_model_leave(d, model[i]);
		}
		return rc;
	}
	for (size_t i = 0; i < c->streams; i++) {
		serve(d, &c->stream[i], model[i]);
	}
	for (struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		if (s->model != NULL && !is_in(c, s->name)) {
			as_log(&d->log, AS_INFO, "STREAM-GONE", "stream=%s open=%zu", s->name,
			       s->cases);
			dm_model_leave(d, s->model);
			s->model = NULL;
		}
	}
	return AS_OK;
}

static void remove_stream(struct dm_daemon *d, struct dm_stream *s)
{
	struct dm_stream **at = &d->streams;

	while (*at != s) {
		at = &(*at)->next;
	}
	*at = s->next;
	free(s);
}

static bool comes_with(const struct dm_op *op, const struct dm_page *p)
{
	for (size_t i = 0; op != NULL && i < op->pages; i++) {
		if (op->answer.fresh[i] && op->page[i].page == p->page &&
		    strcmp(op->page[i].name, p->name) == 0) {
			return true;
		}
	}
	return false;
}

void dm_case_restore(struct dm_daemon *d, struct dm_case *c, const struct dm_found *f,
		     const struct dm_op *with)
{
	c->kase->complete = f->complete;
	dm_case_start(d, c, f->received, f->arrived);
	for (size_t k = 0; k < f->pages; k++) {
		if (!comes_with(with, &f->page[k])) {
			dm_case_add(d, c, &f->page[k], NULL);
		}
	}
}

void dm_stream_found(struct dm_daemon *d, struct dm_stream *s, const struct dm_found *f)
{
	const struct fu_case *k = fu_join_find(&d->join, s->name, f->id);
	struct dm_case *c = k ? k->owner : dm_case_open(d, s, f->id);

	c->parked = false;
	if (c->kase->received == 0) {
		dm_case_restore(d, c, f, NULL);
	}
	dm_case_advance(d, c);
}

void dm_stream_opened(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_stream *s = dm_stream_find(d, op->stream);

	if (s->model == NULL) {
		remove_stream(d, s); /* gone meanwhile: should it come back, its cases are asked
				      * for again */
		return;
	}
	s->open = true;
	s->first = op->bounds.first;
	s->last = op->last;
	s->given = op->last;
	s->parked = op->parked;
	s->parked_first = op->parked_first;
	memcpy(s->prev, op->sha256, sizeof s->prev);
	for (size_t i = 0; i < op->founds && !d->read_only; i++) {
		dm_stream_found(d, s, &op->found[i]);
	}
	as_log(&d->log, AS_INFO, "STREAM-OPEN", "stream=%s last=%" PRIu64 " open=%zu parked=%zu",
	       s->name, s->last, op->founds, s->parked);
}
