/* SPDX-License-Identifier: Apache-2.0
 * journal.c - operations on the journal: made, done, freed. */
#include "daemon/journal.h"

#include "core/base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_BYTES = 2 << 20 };

struct dm_op *dm_op_make(enum dm_op_kind kind, const char *stream, const char *kase)
{
	struct dm_op *op = as_calloc(1, sizeof *op);

	op->kind = kind;
	(void)snprintf(op->stream, sizeof op->stream, "%s", stream);
	(void)snprintf(op->kase, sizeof op->kase, "%s", kase);
	return op;
}

void dm_op_forget(struct dm_op *op)
{
	for (size_t i = 0; i < op->founds; i++) {
		free(op->found[i].page);
	}
	op->founds = 0;
	free(op->end);
	op->end = NULL;
	op->ends = 0;
	if (op->kind != DM_OP_JUDGE) {
		as_buf_clear(&op->body);
	}
}

void dm_op_free(struct dm_op *op)
{
	if (op == NULL) {
		return;
	}
	for (size_t i = 0; i < op->pages && op->bytes != NULL; i++) {
		bus_bytes_free(op->bytes[i]);
	}
	dm_op_forget(op);
	bus_bytes_free(op->peer);
	as_buf_free(&op->body);
	free(op->bytes);
	free(op->found);
	free(op->page);
	free(op->key);
	free(op);
}

bool dm_is_fatal(int rc)
{
	return rc == AS_EIO || rc == AS_EDAMAGE || rc == AS_EFULL;
}

/* What one asker has to bear, and what is the end of the journal. */
static int pass_on(const struct dm_op *op, struct as_err *e)
{
	if (dm_is_fatal(op->rc)) {
		*e = op->e;
		return op->rc;
	}
	return AS_OK;
}

static int do_submit(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	struct st_page page[ST_PAGES_MAX];
	const struct st_submission in = {
		.stream = op->stream,
		.kase = op->kase,
		.key = op->key,
		.manifest = op->manifest,
		.complete = op->complete,
		.closed = op->closed,
		.wait = op->wait,
		.received = op->received,
		.arrived = op->arrived,
		.page = page,
		.pages = op->pages,
	};
	int rc;

	for (size_t i = 0; i < op->pages; i++) {
		page[i] = (struct st_page){ .name = op->page[i].name,
					    .page = op->page[i].page,
					    .type = op->page[i].type,
					    .sha256 = op->page[i].sha256,
					    .data = bus_bytes_data(op->bytes[i]),
					    .size = op->page[i].size,
					    .out = op->page[i].out };
	}
	TRY(st_submit(s, &in, &op->answer, e));
	if (op->answer.woken) {
		TRY(st_case(s, op->stream, op->kase, dm_op_found, op, e));
	}
out:
	return rc;
}

static int do_judge(struct st_store *s, const struct dm_op *op, struct as_err *e)
{
	const struct st_dead dead = { .part = op->dead ? op->page[0].name : "",
				      .page = op->dead ? op->page[0].page : 0,
				      .reason = op->limit,
				      .attempts = op->dead ? op->page[0].strikes : 0,
				      .ended = op->ended,
				      .time = op->received };
	const struct st_judgment j = { .stream = op->stream,
				       .kase = op->kase,
				       .seq = op->seq,
				       .body = op->body.data,
				       .size = op->body.len,
				       .sha256 = op->sha256,
				       .time = op->received,
				       .dead = op->dead ? &dead : NULL };

	return st_judge(s, &j, e);
}

static bool take_body(void *ctx, uint64_t seq, const void *body, size_t size)
{
	struct dm_op *op = ctx;

	as_buf_put(&op->body, body, size);
	op->end[op->ends++] = op->body.len;
	op->sent = seq;
	return op->ends < op->credit && op->body.len < REPLAY_BYTES;
}

static int do_replay(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	uint64_t shared;
	int rc;

	op->sent = op->seq;
	TRY(st_bounds(s, op->stream, &op->bounds, e));
	op->last = op->bounds.last;
	if (op->epoch != 0 && op->epoch != st_epoch(s)) {
		op->replay = DM_REPLAY_RESYNC;
		TRY(st_shared(s, op->stream, op->epoch, &shared, e));
		op->sent = shared < op->seq ? shared : op->seq;
	} else if (op->seq + 1 < op->bounds.first) {
		op->replay = DM_REPLAY_TRUNCATED;
		op->sent = op->bounds.first - 1;
	} else {
		op->end = as_calloc(op->credit, sizeof *op->end);
		op->rc = st_replay(s, op->stream, op->seq, take_body, op, &op->last, &op->e);
		TRY(pass_on(op, e));
	}
out:
	return rc;
}

static int do_ack(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	if (op->seq > op->bounds.last) {
		return AS_OK; /* the loop says so */
	}
	return st_ack(s, op->stream, op->kase, op->seq, &op->known, &op->cursor, e);
}

static int do_cursor(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	int rc;

	TRY(st_bounds(s, op->stream, &op->bounds, e));
	if (op->kind == DM_OP_SUBSCRIBE) {
		rc = st_subscribe(s, op->stream, op->kase, &op->known, &op->cursor, e);
	} else if (op->kind == DM_OP_ACK) {
		rc = do_ack(s, op, e);
	} else {
		rc = st_unsubscribe(s, op->stream, op->kase, &op->known, &op->cursor, e);
	}
out:
	return rc;
}

static int do_retain(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	const int rc = st_retain(s, op->stream, &op->keep, op->received, &op->gone, e);

	return rc == AS_OK ? st_bounds(s, op->stream, &op->bounds, e) : rc;
}

static int do_load(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	const struct st_page page = { .name = op->page[0].name, .page = op->page[0].page };

	op->rc = st_load(s, op->stream, op->kase, &page, &op->body, &op->e);
	return pass_on(op, e);
}

void dm_op_found(void *ctx, const struct st_case *c, const struct st_page *p)
{
	struct dm_op *op = ctx;
	struct dm_found *f = op->founds ? &op->found[op->founds - 1] : NULL;
	struct dm_page *page;

	if (strcmp(c->stream, op->stream) != 0) {
		return;
	}
	if (f == NULL || strcmp(f->id, c->kase) != 0) {
		op->found = as_realloc(op->found, op->founds + 1, sizeof *op->found);
		f = &op->found[op->founds++];
		*f = (struct dm_found){ .received = c->received,
					.arrived = c->arrived,
					.complete = c->complete };
		(void)snprintf(f->id, sizeof f->id, "%s", c->kase);
	}
	if (p->name == NULL) {
		return;
	}
	f->page = as_realloc(f->page, f->pages + 1, sizeof *f->page);
	page = &f->page[f->pages++];
	*page = (struct dm_page){
		.page = p->page, .size = p->size, .out = p->out, .strikes = p->strikes
	};
	(void)snprintf(page->name, sizeof page->name, "%s", p->name);
	(void)snprintf(page->type, sizeof page->type, "%s", p->type);
	(void)snprintf(page->sha256, sizeof page->sha256, "%s", p->sha256);
}

static int do_open(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	int rc;

	TRY(st_last(s, op->stream, &op->last, op->sha256, e));
	TRY(st_bounds(s, op->stream, &op->bounds, e));
	TRY(st_clock(s, op->stream, op->arrived, e));
	TRY(st_parked(s, op->stream, &op->parked, &op->parked_first, e));
	TRY(st_unjudged(s, dm_op_found, op, e));
out:
	return rc;
}

static int do_wake(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	const struct st_due due = { .stream = op->stream, .until = op->arrived, .max = op->credit };

	return st_wake(s, &due, dm_op_found, op, &op->parked_first, e);
}

static int do_find(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	op->rc = st_find(s, op->stream, op->kase, &op->state, &op->body, &op->e);
	return op->rc == AS_OK && op->state == ST_OPEN
		   ? st_case(s, op->stream, op->kase, dm_op_found, op, e)
		   : pass_on(op, e);
}

static int do_attempt(struct st_store *s, const struct dm_op *op, struct as_err *e)
{
	const struct st_page page = { .name = op->page[0].name,
				      .page = op->page[0].page,
				      .out = op->page[0].out,
				      .strikes = op->page[0].strikes };

	return st_attempt(s, op->stream, op->kase, &page, e);
}

int dm_op_run(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	switch (op->kind) {
	case DM_OP_OPEN:
		return do_open(s, op, e);
	case DM_OP_SUBMIT:
		return do_submit(s, op, e);
	case DM_OP_LOAD:
		return do_load(s, op, e);
	case DM_OP_JUDGE:
		return do_judge(s, op, e);
	case DM_OP_ATTEMPT:
		return do_attempt(s, op, e);
	case DM_OP_OVER:
		return st_attempts_over(s, e);
	case DM_OP_PARK:
		return st_park(s, op->stream, op->kase, e);
	case DM_OP_WAKE:
		return do_wake(s, op, e);
	case DM_OP_LETTER:
		return dm_letter_do(s, op, e);
	case DM_OP_FIND:
		return do_find(s, op, e);
	case DM_OP_REPLAY:
		return do_replay(s, op, e);
	case DM_OP_SUBSCRIBE:
	case DM_OP_ACK:
	case DM_OP_UNSUBSCRIBE:
		return do_cursor(s, op, e);
	case DM_OP_RETAIN:
		return do_retain(s, op, e);
	case DM_OP_VERIFY:
	case DM_OP_PURGE:
		return dm_keep_do(s, op, e);
	case DM_OP_BACKUP:
	case DM_OP_ROOM:
	case DM_OP_STOP:
	case DM_OP_STARTED:
	case DM_OP_FAILED:
		break;
	}
	return AS_OK;
}
