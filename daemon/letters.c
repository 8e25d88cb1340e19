/* SPDX-License-Identifier: Apache-2.0
 * letters.c - dead letters, as an operator asks for them: DLQ {"do", "id", "as", "after"}. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <stdio.h>
#include <string.h>

enum { LETTERS_MAX = 500 }; /* of one answer; the next is asked for with the last id */

static const char *const words[] = {
	[DM_LETTER_LIST] = "list",
	[DM_LETTER_SHOW] = "show",
	[DM_LETTER_RETRY] = "retry",
	[DM_LETTER_DROP] = "drop",
};

static void write_letter(void *ctx, const struct st_letter *l)
{
	struct io_jw *w = ctx;
	char time[AS_TIME_SIZE];

	as_time_format(l->dead.time, time);
	io_jw_obj(w, NULL);
	io_jw_u64(w, "id", l->id);
	io_jw_str(w, "stream", l->stream);
	io_jw_str(w, "case", l->kase);
	io_jw_u64(w, "seq", l->seq);
	io_jw_str(w, "part", l->dead.part);
	io_jw_u64(w, "page", l->dead.page);
	io_jw_str(w, "limit", l->dead.reason);
	io_jw_u64(w, "attempts", l->dead.attempts);
	io_jw_str(w, "ended", l->dead.ended);
	io_jw_str(w, "time", time);
	io_jw_end_obj(w);
}

/* The journal's side. One letter is shown as a list of itself. */
static int do_list(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	const bool one = op->letter == DM_LETTER_SHOW;
	struct io_jw w = { .b = &op->body };
	int rc;

	io_jw_obj(&w, NULL);
	io_jw_arr(&w, "letters");
	rc = st_dead_list(s, op->id - one, one ? 1 : LETTERS_MAX, write_letter, &w, e);
	io_jw_end_arr(&w);
	io_jw_end_obj(&w);
	return rc;
}

static int do_retry(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	struct st_retry r = { .id = op->id, .received = op->received, .arrived = op->arrived };
	int rc;

	(void)snprintf(r.as, sizeof r.as, "%s", op->as);
	TRY(st_dead_retry(s, &r, e));
	(void)snprintf(op->stream, sizeof op->stream, "%s", r.stream);
	(void)snprintf(op->kase, sizeof op->kase, "%s", r.as);
	TRY(st_case(s, op->stream, op->kase, dm_op_found, op, e));
out:
	return rc;
}

int dm_letter_do(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	switch (op->letter) {
	case DM_LETTER_LIST:
	case DM_LETTER_SHOW:
		op->rc = do_list(s, op, &op->e);
		break;
	case DM_LETTER_RETRY:
		op->rc = do_retry(s, op, &op->e);
		break;
	case DM_LETTER_DROP:
		op->rc = st_dead_drop(s, op->id, &op->e);
		break;
	}
	if (dm_is_fatal(op->rc)) {
		*e = op->e;
		return op->rc;
	}
	return AS_OK;
}

void dm_letters_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c)
{
	const char *what = io_json_find_str(c->doc, "do", "");
	const char *as = io_json_find_str(c->doc, "as", "");
	const char *id = "id";
	size_t i = 0;
	struct dm_op *op;

	while (i < sizeof words / sizeof *words && strcmp(words[i], what) != 0) {
		i++;
	}
	op = dm_op_make(DM_OP_LETTER, "", "");
	op->peer = peer;
	op->letter = (enum dm_letter)i;
	if (i == DM_LETTER_LIST) {
		id = "after";
	}
	op->id = io_json_find_u64(c->doc, id, 0);
	if (i == sizeof words / sizeof *words) {
		dm_say_error(d, d->control, peer, "do", "want list, show, retry or drop");
	} else if ((i != DM_LETTER_LIST && op->id == 0) || op->id > INT64_MAX) {
		dm_say_error(d, d->control, peer, id, "want the number of a dead letter");
	} else if (as[0] != '\0' && !dm_case_named(as)) {
		dm_say_error(d, d->control, peer, "as",
			     "want 1 to 256 bytes without control characters");
	} else if (d->read_only && i >= DM_LETTER_RETRY) {
		dm_say_error(d, d->control, peer, "do", dm_unwritable(d));
	} else if (d->stop_at != 0 && i == DM_LETTER_RETRY) {
		dm_say_error(d, d->control, peer, "do", "the daemon is stopping");
	} else {
		(void)snprintf(op->as, sizeof op->as, "%s", as);
		op->received = as_wall_ns();
		op->arrived = as_mono_ns() + d->steady;
		dm_journal_give(&d->journal, op);
		return;
	}
	dm_op_free(op);
}

void dm_letters_answered(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_stream *s = dm_stream_find(d, op->stream);
	struct io_jw w = { .b = &op->body };

	if (op->rc != AS_OK) {
		dm_say_error(d, d->control, op->peer, "id", op->e.msg);
		return;
	}
	if (op->letter == DM_LETTER_RETRY || op->letter == DM_LETTER_DROP) {
		as_log(&d->log, AS_INFO, "LETTER", "do=%s id=%llu stream=%s case=%s",
		       words[op->letter], (unsigned long long)op->id, op->stream, op->kase);
		io_jw_obj(&w, NULL);
		io_jw_str(&w, "stream", op->stream);
		io_jw_str(&w, "case", op->kase);
		io_jw_end_obj(&w);
	}
	dm_say(d, d->control, op->peer, "DLQ", &op->body);
	/* A stream that is not served now finds it in the journal when it is. */
	if (op->founds == 1 && s != NULL && s->open && s->model != NULL &&
	    fu_join_find(&d->join, op->stream, op->kase) == NULL) {
		dm_stream_found(d, s, &op->found[0]);
	}
}
