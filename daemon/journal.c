/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/journal.h"

#include "core/base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_BYTES = 2 << 20 };

static const char address[] = "inproc://journal";

struct dm_op *dm_op_make(enum dm_op_kind kind, const char *stream, const char *kase)
{
	struct dm_op *op = as_calloc(1, sizeof *op);

	op->kind = kind;
	(void)snprintf(op->stream, sizeof op->stream, "%s", stream);
	(void)snprintf(op->kase, sizeof op->kase, "%s", kase);
	return op;
}

/* What the journal found for it: an operation that is done again begins anew. */
static void forget_result(struct dm_op *op)
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
	forget_result(op);
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

int dm_op_found(void *ctx, const struct st_case *c, const struct st_page *p, struct as_err *e)
{
	struct dm_op *op = ctx;
	struct dm_found *f = op->founds ? &op->found[op->founds - 1] : NULL;
	struct dm_page *page;

	(void)e;
	if (strcmp(c->stream, op->stream) != 0) {
		return AS_OK;
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
		return AS_OK;
	}
	f->page = as_realloc(f->page, f->pages + 1, sizeof *f->page);
	page = &f->page[f->pages++];
	*page = (struct dm_page){
		.page = p->page, .size = p->size, .out = p->out, .strikes = p->strikes
	};
	(void)snprintf(page->name, sizeof page->name, "%s", p->name);
	(void)snprintf(page->type, sizeof page->type, "%s", p->type);
	(void)snprintf(page->sha256, sizeof page->sha256, "%s", p->sha256);
	return AS_OK;
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

static int run(struct st_store *s, struct dm_op *op, struct as_err *e)
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
	case DM_OP_FAILED:
		break;
	}
	return AS_OK;
}

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
			rc = run(j->store, op[i], e);
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
		forget_result(op[i]);
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
		rc = do_again(j, op, n, e);
	}
	for (size_t i = 0; i < n; i++) {
		struct as_err ignored;

		op[i]->full = j->full;
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

static void *work(void *arg)
{
	struct dm_journal *j = arg;
	struct bus_poll item = { .socket = j->there };
	struct as_err e = { 0 };
	struct dm_op *failed;
	bool stop = false;
	int rc = AS_OK;

	while (!stop && rc == AS_OK) {
		rc = bus_poll(&item, 1, 0, &e);
		if (rc == AS_OK) {
			rc = st_rest(j->store, !item.in, &e);
			rc = rc == AS_EFULL ? give_up_reserve(j, &e) : rc; /* later, then */
		}
		if (rc == AS_OK && j->backup != NULL) {
			rc = dm_backup_step(j, &e);
		} else if (rc == AS_OK && !item.in) {
			rc = bus_poll(&item, 1, -1, &e);
		}
		if (rc == AS_OK) {
			rc = do_group(j, &stop, &e);
		}
	}
	if (rc != AS_OK) {
		failed = dm_op_make(DM_OP_FAILED, "", "");
		failed->rc = rc;
		failed->e = e;
		if (bus_give(j->there, failed, &e) != AS_OK) {
			dm_op_free(failed);
		}
	}
	return NULL;
}

int dm_journal_start(struct dm_journal *j, struct bus *bus, const char *state, struct as_err *e)
{
	struct bus_options o = {
		.type = BUS_PAIR, .endpoint = address, .bind = true, .max_bytes = -1
	};
	int rc;

	TRY(j->look ? st_look(&j->store, state, e) : st_open(&j->store, state, e));
	TRY(st_check(j->store, e));
	TRY(look_for_room(j, e));
	(void)snprintf(j->name, sizeof j->name, "%s", st_journal(j->store));
	j->epoch = st_epoch(j->store);
	TRY(bus_socket_open(&j->here, bus, &o, e));
	o.bind = false;
	TRY(bus_socket_open(&j->there, bus, &o, e));
	if (pthread_create(&j->thread, NULL, work, j) != 0) {
		return as_fail(e, AS_EIO, "the journal's thread cannot be started");
	}
	j->running = true;
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
	st_backup_close(j->copy); /* one that is not whole leaves nothing */
	dm_op_free(j->backup);
	while (j->here != NULL && bus_get(j->here, &op, &e) == AS_OK) {
		dm_op_free(op);
	}
	/* What the thread left unread when it failed. */
	while (j->there != NULL && bus_get(j->there, &op, &e) == AS_OK) {
		dm_op_free(op);
	}
	bus_socket_close(j->there);
	bus_socket_close(j->here);
	st_close(j->store);
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
