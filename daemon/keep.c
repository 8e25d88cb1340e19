/* SPDX-License-Identifier: Apache-2.0
 * keep.c - what an operator asks of the journal: VERIFY {}, PURGE {"stream", "case"}, BACKUP
 * {"file"}. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *verb;
	enum dm_op_kind kind;
} verbs[] = {
	{ "VERIFY", DM_OP_VERIFY },
	{ "PURGE", DM_OP_PURGE },
	{ "BACKUP", DM_OP_BACKUP },
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static size_t verb_at(const char *verb)
{
	size_t i = 0;

	while (i < VERBS && strcmp(verbs[i].verb, verb) != 0) {
		i++;
	}
	return i;
}

bool dm_keep_is(const char *verb)
{
	return verb_at(verb) < VERBS;
}

static int do_purge(struct st_store *s, struct dm_op *op)
{
	char time[AS_TIME_SIZE];
	struct st_purged p;
	int rc;

	as_time_format(op->received, time);
	rc = st_purge(s, op->stream, op->kase, time, &p, &op->e);
	op->state = p.state;
	op->seq = p.seq;
	return rc;
}

int dm_keep_do(struct st_store *s, struct dm_op *op, struct as_err *e)
{
	op->rc = op->kind == DM_OP_PURGE ? do_purge(s, op) : st_verify(s, &op->verify, &op->e);
	/* What a verification finds is its answer, not the end. */
	if (dm_is_fatal(op->rc) && !(op->kind == DM_OP_VERIFY && op->rc == AS_EDAMAGE)) {
		*e = op->e;
		return op->rc;
	}
	return AS_OK;
}

bool dm_backup_take(struct dm_journal *j, struct dm_op *op)
{
	if (op->kind != DM_OP_BACKUP) {
		return false;
	}
	if (j->backup != NULL) {
		op->rc = as_fail(&op->e, AS_EAGAIN, "another backup is being written");
		return false;
	}
	op->rc = st_backup_open(j->store, op->key, &j->copy, &op->e);
	if (op->rc == AS_OK) {
		j->backup = op;
	}
	return op->rc == AS_OK;
}

int dm_backup_step(struct dm_journal *j, struct as_err *e)
{
	struct dm_op *op = j->backup;
	bool done = false;

	op->rc = st_backup_step(j->copy, &done, &op->backed, &op->e);
	op->full = j->full;
	if (op->rc == AS_OK && !done) {
		return AS_OK;
	}
	st_backup_close(j->copy);
	j->copy = NULL;
	j->backup = NULL;
	return bus_give(j->there, op, e);
}

void dm_keep_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c)
{
	const enum dm_op_kind kind = verbs[verb_at(c->verb)].kind;
	const char *stream = io_json_find_str(c->doc, "stream", "");
	const char *id = io_json_find_str(c->doc, "case", "");
	const char *file = io_json_find_str(c->doc, "file", "");
	struct dm_op *op = dm_op_make(kind, io_name_ok(stream) ? stream : "", "");

	op->peer = peer;
	if (kind == DM_OP_PURGE && d->read_only) {
		dm_say_error(d, d->control, peer, "verb", dm_unwritable(d));
	} else if (kind == DM_OP_PURGE && op->stream[0] == '\0') {
		dm_say_error(d, d->control, peer, "stream", "want the name of a stream");
	} else if (kind == DM_OP_PURGE && !dm_case_named(id)) {
		dm_say_error(d, d->control, peer, "case",
			     "want 1 to 256 bytes without control characters");
	} else if (kind == DM_OP_BACKUP && file[0] != '/') {
		dm_say_error(d, d->control, peer, "file", "want an absolute path");
	} else {
		(void)snprintf(op->kase, sizeof op->kase, "%s", kind == DM_OP_PURGE ? id : "");
		op->key = as_strdup(file);
		op->received = as_wall_ns();
		op->told = as_mono_ns();
		dm_journal_give(&d->journal, op);
		return;
	}
	dm_op_free(op);
}

static void say_verify(struct dm_daemon *d, const struct dm_op *op)
{
	const struct st_verify *v = &op->verify;
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	io_jw_obj(&w, NULL);
	io_jw_bool(&w, "done", v->done);
	io_jw_str(&w, "journal", d->journal.name);
	io_jw_u64(&w, "epoch", d->journal.epoch);
	io_jw_bool(&w, "structure", v->structure);
	io_jw_u64(&w, "streams", v->streams);
	io_jw_u64(&w, "judgments", v->judgments);
	io_jw_u64(&w, "purged", v->purged);
	io_jw_u64(&w, "cases", v->cases);
	io_jw_u64(&w, "pages", v->pages);
	io_jw_end_obj(&w);
	dm_say(d, d->control, op->peer, "VERIFY", &b);
	as_buf_free(&b);
}

bool dm_verify_goes_on(struct dm_daemon *d, struct dm_op *op)
{
	const int64_t now = as_mono_ns();

	if (op->rc != AS_OK || op->verify.done || d->stop_at != 0) {
		return false;
	}
	if (now - op->told >= DM_TICK_MS * INT64_C(1000000)) {
		op->told = now;
		say_verify(d, op);
	}
	dm_journal_give(&d->journal, op);
	return true;
}

static void say_purged(struct dm_daemon *d, const struct dm_op *op)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	if (op->state != ST_JUDGED) {
		dm_say_error(d, d->control, op->peer, "case",
			     op->state == ST_OPEN ? "not judged yet: only judged cases are purged"
						  : "no case of that name");
		return;
	}
	as_log(&d->log, AS_INFO, "PURGE", "stream=%s seq=%" PRIu64, op->stream, op->seq);
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", op->stream);
	io_jw_str(&w, "case", op->kase);
	io_jw_u64(&w, "seq", op->seq);
	io_jw_end_obj(&w);
	dm_say(d, d->control, op->peer, "PURGED", &b);
	as_buf_free(&b);
}

static void say_backed(struct dm_daemon *d, const struct dm_op *op)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	as_log(&d->log, AS_INFO, "BACKUP", "file=%s pages=%" PRIu64 " files=%" PRIu64, op->key,
	       op->backed.pages, op->backed.files);
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "file", op->key);
	io_jw_str(&w, "journal", d->journal.name);
	io_jw_u64(&w, "pages", op->backed.pages);
	io_jw_u64(&w, "files", op->backed.files);
	io_jw_end_obj(&w);
	dm_say(d, d->control, op->peer, "BACKUP", &b);
	as_buf_free(&b);
}

void dm_kept(struct dm_daemon *d, struct dm_op *op)
{
	const bool verify = op->kind == DM_OP_VERIFY;

	if (op->rc != AS_OK) {
		as_log(&d->log, AS_ERROR, verify ? "JOURNAL-DAMAGED" : "KEEP", "error=\"%s\"",
		       op->e.msg);
		dm_say_error(d, d->control, op->peer, op->kind == DM_OP_BACKUP ? "file" : "journal",
			     op->e.msg);
	} else if (verify && !op->verify.done) {
		dm_say_error(d, d->control, op->peer, "verify", "the daemon is stopping");
	} else if (verify) {
		say_verify(d, op);
	} else if (op->kind == DM_OP_PURGE) {
		say_purged(d, op);
	} else {
		say_backed(d, op);
	}
}
