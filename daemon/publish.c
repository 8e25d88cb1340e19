/* SPDX-License-Identifier: Apache-2.0
 * publish.c - judgments: numbered, chained, written to the journal, then published. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void start_body(const struct dm_daemon *d, const char *type, const char *stream,
		       const char *id, struct io_jw *w)
{
	char text[ST_JOURNAL_SIZE + IO_NAME_SIZE + 16];
	char time[AS_TIME_SIZE];

	io_jw_obj(w, NULL);
	io_jw_str(w, "specversion", "1.0");
	io_jw_str(w, "type", type);
	(void)snprintf(text, sizeof text, "/assay/%s/%s", d->journal.name, stream);
	io_jw_str(w, "source", text);
	io_jw_str(w, "id", id);
	as_time_format(as_wall_ns(), time);
	io_jw_str(w, "time", time);
}

static void write_model(const struct dm_model *m, struct io_jw *w)
{
	io_jw_obj(w, "model");
	io_jw_str(w, "name", m->judge[0].name);
	io_jw_str(w, "sha256", m->sha256);
	io_jw_end_obj(w);
}

static void write_duration(const char *key, double ms, struct io_jw *w)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%.3f", ms);
	io_jw_raw(w, key, text);
}

static void write_ms(const struct fu_case *c, double fuse, struct io_jw *w)
{
	const struct fu_times t = fu_case_times(c);

	io_jw_obj(w, "ms");
	write_duration("queue", t.queue, w);
	write_duration("decode", t.decode, w);
	write_duration("encode", t.encode, w);
	write_duration("fuse", fuse, w);
	io_jw_end_obj(w);
}

/* The body of the case's judgment, number `seq`; members NULL: it is rejected. */
static void write_judgment(const struct dm_daemon *d, const struct dm_case *c, uint64_t seq,
			   const struct fu_outcome *o, struct as_buf *out)
{
	struct io_jw w = { .b = out };
	char id[64];
	char time[AS_TIME_SIZE];

	(void)snprintf(id, sizeof id, "%" PRIu64 "-%" PRIu64, d->journal.epoch, seq);
	start_body(d, "io.assay.judgment.v1", c->kase->stream, id, &w);
	io_jw_str(&w, "subject", c->kase->id);
	io_jw_obj(&w, "data");
	io_jw_str(&w, "kind", c->rejected ? "rejected" : "result");
	io_jw_str(&w, "stream", c->kase->stream);
	io_jw_u64(&w, "seq", seq);
	io_jw_str(&w, "prev", c->stream->prev);
	if (c->rejected) {
		io_jw_str(&w, "part", c->part);
		io_jw_str(&w, "limit", c->limit);
		io_jw_str(&w, "message", c->message);
		write_model(c->model, &w);
	} else if (o != NULL) {
		as_buf_puts(out, ",");
		as_buf_put(out, o->members.data, o->members.len);
	}
	as_time_format(c->kase->received, time);
	io_jw_str(&w, "received", time);
	write_ms(c->kase, o ? o->ms : 0.0, &w);
	io_jw_end_obj(&w);
	io_jw_end_obj(&w);
}

/* Gives the judgment the stream's next number and hands it to the journal, which takes numbers in
 * the order in which they were given. */
static void hand_over(struct dm_daemon *d, struct dm_case *c, const struct fu_outcome *o)
{
	struct dm_op *op = dm_op_make(DM_OP_JUDGE, c->kase->stream, c->kase->id);

	op->owner = c;
	op->received = as_wall_ns();
	op->seq = ++c->stream->given;
	op->dead = c->dead;
	if (c->dead) {
		op->pages = 1;
		op->page = as_calloc(1, sizeof *op->page);
		op->page->page = c->page;
		op->page->strikes = c->strikes;
		(void)snprintf(op->page->name, sizeof op->page->name, "%s", c->part);
		(void)snprintf(op->ended, sizeof op->ended, "%s", c->ended);
		(void)snprintf(op->limit, sizeof op->limit, "%s", c->limit);
	}
	write_judgment(d, c, op->seq, o, &op->body);
	io_digest(op->body.data, op->body.len, op->sha256);
	memcpy(c->stream->prev, op->sha256, sizeof c->stream->prev);
	dm_journal_give(&d->journal, op);
}

void dm_reject(struct dm_daemon *d, struct dm_case *c)
{
	hand_over(d, c, NULL);
}

void dm_judge(struct dm_daemon *d, struct dm_fusing *f)
{
	struct dm_case *c = f->owner;

	if (f->outcome.rejected) {
		c->rejected = true;
		(void)snprintf(c->limit, sizeof c->limit, "features");
		(void)snprintf(c->message, sizeof c->message, "%s", f->outcome.message);
	}
	hand_over(d, c, &f->outcome);
	dm_fusing_free(f);
}

static void publish(struct dm_daemon *d, const char *stream, const void *body, size_t size)
{
	char topic[IO_NAME_SIZE + 1];
	struct bus_frame frame[2] = { { .data = topic }, { .data = body, .size = size } };
	struct as_err e;

	(void)snprintf(topic, sizeof topic, "%s/", stream);
	frame[0].size = strlen(topic);
	if (bus_send(d->feed, frame, 2, &e) != AS_OK) {
		as_log(&d->log, AS_WARN, "FEED-SEND", "stream=%s error=\"%s\"", stream, e.msg);
	}
}

void dm_judged(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_case *c = op->owner;

	c->stream->last = op->seq;
	publish(d, op->stream, op->body.data, op->body.len);
	for (size_t i = 0; i < c->waiters; i++) {
		dm_say(d, d->front, c->waiter[i], "JUDGMENT", &op->body);
	}
	d->judging--;
	d->cases_rate.done++;
	c->judged = true;
	dm_case_advance(d, c);
}

void dm_tick(struct dm_daemon *d)
{
	struct as_buf b = { 0 };

	for (const struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		struct io_jw w = { .b = &b };
		char id[64];

		if (!s->open) {
			continue;
		}
		as_buf_clear(&b);
		(void)snprintf(id, sizeof id, "%" PRIu64 "-tick-%" PRId64, d->journal.epoch,
			       as_wall_ns());
		start_body(d, "io.assay.tick.v1", s->name, id, &w);
		io_jw_obj(&w, "data");
		io_jw_str(&w, "stream", s->name);
		io_jw_u64(&w, "last", s->last);
		io_jw_end_obj(&w);
		io_jw_end_obj(&w);
		publish(d, s->name, b.data, b.len);
	}
	as_buf_free(&b);
}
