/* SPDX-License-Identifier: Apache-2.0
 * replay.c - what subscribers ask: judgments by their numbers, and the cursors of those that have
 * a name. */
#include "core/base/buf.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <string.h>

enum {
	CREDIT_MAX = 1000,
	READING_MAX = 2, /* REPLAYs in the journal: a submission waits for no more than these */
	PEER_MAX = 4,    /* REPLAYs of one peer under way */
};

static bool is_same(const struct bus_bytes *a, const struct bus_bytes *b)
{
	return bus_bytes_size(a) == bus_bytes_size(b) &&
	       memcmp(bus_bytes_data(a), bus_bytes_data(b), bus_bytes_size(a)) == 0;
}

static size_t count_of(const struct dm_daemon *d, const struct bus_bytes *peer)
{
	size_t n = 0;

	for (const struct dm_op *op = d->reads; op != NULL; op = op->next) {
		n += is_same(op->peer, peer);
	}
	return n;
}

/* Hands the first ones that wait to the journal. */
static void read_on(struct dm_daemon *d)
{
	struct dm_op *op = d->reads;

	for (size_t i = 0; i < d->reading && op != NULL; i++) {
		op = op->next;
	}
	for (; op != NULL && d->reading < READING_MAX; op = op->next) {
		d->reading++;
		dm_journal_give(&d->journal, op);
	}
}

static void queue(struct dm_daemon *d, struct dm_op *op)
{
	*(d->reads_last != NULL ? &d->reads_last->next : &d->reads) = op;
	d->reads_last = op;
	read_on(d);
}

/* They come back in the order in which they were given: op is the first. */
static void unqueue(struct dm_daemon *d, struct dm_op *op)
{
	d->reads = op->next;
	d->reads_last = d->reads != NULL ? d->reads_last : NULL;
	d->reading--;
	read_on(d);
}

void dm_reads_free(struct dm_daemon *d)
{
	struct dm_op *op = d->reads;

	for (size_t i = 0; i < d->reading && op != NULL; i++) {
		op = op->next; /* the journal's */
	}
	while (op != NULL) {
		struct dm_op *next = op->next;

		dm_op_free(op);
		op = next;
	}
	d->reads = d->reads_last = NULL;
	d->reading = 0;
}

/* END, TRUNCATED or RESYNC: all say where to go on. */
static void say_end(struct dm_daemon *d, const struct dm_op *op)
{
	const char *const verbs[] = { [DM_REPLAY_SENT] = "END",
				      [DM_REPLAY_TRUNCATED] = "TRUNCATED",
				      [DM_REPLAY_RESYNC] = "RESYNC" };
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", op->stream);
	io_jw_u64(&w, "after", op->sent);
	io_jw_u64(&w, "first", op->bounds.first);
	io_jw_u64(&w, "last", op->last);
	io_jw_u64(&w, "epoch", d->journal.epoch);
	io_jw_end_obj(&w);
	dm_say(d, d->front, op->peer, verbs[op->replay], &b);
	as_buf_free(&b);
}

bool dm_replay_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c)
{
	const struct dm_stream *s = dm_front_stream(d, peer, c);
	const uint64_t credit = io_json_find_u64(c->doc, "credit", CREDIT_MAX);
	struct dm_op *op;
	uint64_t after;
	struct as_err e;

	if (s == NULL) {
		return false;
	}
	if (io_json_get_u64(c->doc, "after", &after, &e) != AS_OK || after > INT64_MAX) {
		dm_say_error(d, d->front, peer, "after", "want the number of a judgment, or 0");
		return false;
	}
	if (credit < 1 || credit > CREDIT_MAX) {
		dm_say_error(d, d->front, peer, "credit", "want 1 to 1000");
		return false;
	}
	op = dm_op_make(DM_OP_REPLAY, s->name, "");
	op->peer = peer;
	op->seq = after;
	op->credit = (size_t)credit;
	op->epoch = io_json_find_u64(c->doc, "epoch", 0);
	if (count_of(d, peer) >= PEER_MAX) {
		op->sent = after;
		op->last = s->last;
		op->bounds.first = s->first;
		say_end(d, op);
		dm_op_free(op);
		return true;
	}
	queue(d, op);
	return true;
}

void dm_replayed(struct dm_daemon *d, struct dm_op *op)
{
	size_t start = 0;

	unqueue(d, op);
	for (size_t i = 0; i < op->ends; i++) {
		const struct as_buf body = { .data = op->body.data + start,
					     .len = op->end[i] - start };

		if (!dm_say(d, d->front, op->peer, "JUDGMENT", &body)) {
			op->sent = op->seq + i; /* what comes later would leave a hole */
			break;
		}
		start = op->end[i];
	}
	if (op->rc != AS_OK) {
		as_log(&d->log, AS_ERROR, "JOURNAL-DAMAGED", "error=\"%s\"", op->e.msg);
		dm_say_error(d, d->front, op->peer, "journal", op->e.msg);
		return; /* what stands before the damage was sent */
	}
	say_end(d, op);
}

static const struct {
	const char *verb;
	enum dm_op_kind kind;
} cursor_verbs[] = {
	{ "SUBSCRIBE", DM_OP_SUBSCRIBE },
	{ "ACK", DM_OP_ACK },
	{ "UNSUBSCRIBE", DM_OP_UNSUBSCRIBE },
};

enum { CURSOR_VERBS = sizeof cursor_verbs / sizeof *cursor_verbs };

static size_t verb_at(const char *verb)
{
	size_t i = 0;

	while (i < CURSOR_VERBS && strcmp(cursor_verbs[i].verb, verb) != 0) {
		i++;
	}
	return i;
}

bool dm_cursor_is(const char *verb)
{
	return verb_at(verb) < CURSOR_VERBS;
}

bool dm_cursor_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c)
{
	const struct dm_stream *s = dm_front_stream(d, peer, c);
	const char *name = io_json_find_str(c->doc, "subscriber", "");
	const enum dm_op_kind kind = cursor_verbs[verb_at(c->verb)].kind;
	struct dm_op *op;
	uint64_t seq = 0;
	struct as_err e;

	if (s == NULL) {
		return false;
	}
	if (!io_name_ok(name)) {
		dm_say_error(d, d->front, peer, "subscriber", "want 1 to 40 of [a-z0-9._-]");
		return false;
	}
	if (kind == DM_OP_ACK && io_json_get_u64(c->doc, "seq", &seq, &e) != AS_OK) {
		dm_say_error(d, d->front, peer, "seq", "want the number of a judgment, or 0");
		return false;
	}
	if (d->read_only) {
		dm_say_error(d, d->front, peer, "verb", dm_unwritable(d));
		return false;
	}
	op = dm_op_make(kind, s->name, name);
	op->peer = peer;
	op->seq = seq;
	dm_journal_give(&d->journal, op);
	return true;
}

/* Why there is no cursor, or NULL. */
static const char *refusal(const struct dm_op *op)
{
	if (op->known) {
		return NULL;
	}
	return op->kind == DM_OP_SUBSCRIBE ? "the stream has 256 subscribers: UNSUBSCRIBE one"
					   : "no subscriber of that name: SUBSCRIBE first";
}

void dm_cursor_moved(struct dm_daemon *d, struct dm_op *op)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	if (op->kind == DM_OP_ACK && op->seq > op->bounds.last) {
		dm_say_error(d, d->front, op->peer, "seq", "above the stream's last number");
		return;
	}
	if (refusal(op) != NULL) {
		dm_say_error(d, d->front, op->peer, "subscriber", refusal(op));
		return;
	}
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", op->stream);
	io_jw_str(&w, "subscriber", op->kase);
	io_jw_u64(&w, "seq", op->cursor);
	io_jw_u64(&w, "first", op->bounds.first);
	io_jw_u64(&w, "last", op->bounds.last);
	io_jw_u64(&w, "epoch", d->journal.epoch);
	io_jw_end_obj(&w);
	dm_say(d, d->front, op->peer, "CURSOR", &b);
	as_buf_free(&b);
}
