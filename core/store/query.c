/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/file.h"
#include "core/store/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 1 << 30 };

int st_last(struct st_store *s, const char *stream, uint64_t *seq, char sha256[IO_DIGEST_SIZE],
	    struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_LAST, (const char *const[]){ stream, NULL });
	bool row;
	const int rc = st_step(s, q, &row, e);

	*seq = 0;
	memset(sha256, '0', IO_DIGEST_SIZE - 1);
	sha256[IO_DIGEST_SIZE - 1] = '\0';
	if (row) {
		*seq = (uint64_t)sqlite3_column_int64(q, 0);
		(void)snprintf(sha256, IO_DIGEST_SIZE, "%s", sqlite3_column_text(q, 1));
	}
	(void)sqlite3_reset(q);
	return rc;
}

int st_case_id(struct st_store *s, const char *stream, const char *kase, sqlite3_int64 *id,
	       sqlite3_int64 *seq, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_CASE, (const char *const[]){ stream, kase, NULL });
	bool row;
	const int rc = st_step(s, q, &row, e);

	*id = row ? sqlite3_column_int64(q, 0) : 0;
	*seq = row ? sqlite3_column_int64(q, 2) : 0;
	(void)sqlite3_reset(q);
	return rc;
}

int st_judgment(struct st_store *s, const char *stream, sqlite3_int64 seq, sqlite3_stmt **q,
		struct as_err *e)
{
	bool row;
	int rc;

	*q = st_use(s, ST_SQL_JUDGMENT, (const char *const[]){ stream, NULL });
	(void)sqlite3_bind_int64(*q, 2, seq);
	rc = st_step(s, *q, &row, e);
	return row || rc != AS_OK
		   ? rc
		   : as_fail(e, AS_EFORMAT, "stream %s has no number %lld", stream, seq);
}

int st_pages_drop(struct st_store *s, sqlite3_int64 id, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_PAGE_FILES, NULL);
	bool row;
	int rc;

	(void)sqlite3_bind_int64(q, 1, id);
	while ((rc = st_step(s, q, &row, e)) == AS_OK && row) {
		st_spool_drop(s, (const char *)sqlite3_column_text(q, 0));
	}
	(void)sqlite3_reset(q);
	if (rc != AS_OK) {
		return rc;
	}
	q = st_use(s, ST_SQL_PAGE_DROP, NULL);
	(void)sqlite3_bind_int64(q, 1, id);
	return st_run(s, q, e);
}

static int add_judgment(struct st_store *s, const struct st_judgment *j, sqlite3_int64 id,
			struct as_err *e)
{
	const char *const names[] = { j->stream, j->sha256, NULL };
	sqlite3_stmt *q = st_use(s, ST_SQL_JUDGMENT_ADD, names);
	int rc;

	(void)sqlite3_bind_int64(q, 3, (sqlite3_int64)j->seq);
	(void)sqlite3_bind_blob64(q, 4, j->body, j->size, SQLITE_STATIC);
	(void)sqlite3_bind_int64(q, 5, id);
	(void)sqlite3_bind_int64(q, 6, j->time);
	TRY(st_run(s, q, e));
	q = st_use(s, ST_SQL_LAST_PUT, names);
	(void)sqlite3_bind_int64(q, 3, (sqlite3_int64)j->seq);
	(void)sqlite3_bind_int64(q, 4, (sqlite3_int64)j->size);
	TRY(st_run(s, q, e));
	q = st_use(s, ST_SQL_CASE_SEQ, NULL);
	(void)sqlite3_bind_int64(q, 1, id);
	(void)sqlite3_bind_int64(q, 2, (sqlite3_int64)j->seq);
	TRY(st_run(s, q, e));
	if (j->dead != NULL) {
		TRY(st_dead_add(s, id, j->dead, e)); /* its pages wait for what becomes of it */
	} else {
		TRY(st_pages_drop(s, id, e));
	}
out:
	return rc;
}

int st_judge(struct st_store *s, const struct st_judgment *j, struct as_err *e)
{
	char sha256[IO_DIGEST_SIZE];
	sqlite3_int64 id;
	sqlite3_int64 seq;
	uint64_t last;
	int rc;

	TRY(st_last(s, j->stream, &last, sha256, e));
	TRY(st_case_id(s, j->stream, j->kase, &id, &seq, e));
	if (j->seq != last + 1) {
		return as_fail(e, AS_EFORMAT, "journal: number %" PRIu64 " of %s after %" PRIu64,
			       j->seq, j->stream, last);
	}
	if (id == 0 || seq != 0) {
		return as_fail(e, AS_EFORMAT, "journal: case %s of %s is %s", j->kase, j->stream,
			       id == 0 ? "not there" : "judged");
	}
	TRY(add_judgment(s, j, id, e));
out:
	return rc;
}

int st_find(struct st_store *s, const char *stream, const char *kase, enum st_state *state,
	    struct as_buf *out, struct as_err *e)
{
	sqlite3_int64 id;
	sqlite3_int64 seq;
	sqlite3_stmt *q;
	int rc;

	rc = st_case_id(s, stream, kase, &id, &seq, e);
	*state = id == 0 ? ST_UNKNOWN : seq == 0 ? ST_OPEN : ST_JUDGED;
	if (rc != AS_OK || *state != ST_JUDGED) {
		return rc;
	}
	TRY(st_judgment(s, stream, seq, &q, e));
	TRY(st_body_check(stream, seq, q, 0, e));
	as_buf_put(out, sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0));
out:
	(void)sqlite3_reset(q);
	return rc;
}

int st_replay(struct st_store *s, const char *stream, uint64_t after, st_replay_fn fn, void *ctx,
	      uint64_t *last, struct as_err *e)
{
	char sha256[IO_DIGEST_SIZE];
	sqlite3_stmt *q;
	bool row = true;
	int rc;

	rc = st_last(s, stream, last, sha256, e);
	if (rc != AS_OK || after >= *last) {
		return rc;
	}
	q = st_use(s, ST_SQL_REPLAY, (const char *const[]){ stream, NULL });
	(void)sqlite3_bind_int64(q, 2, (sqlite3_int64)after);
	while (row && (rc = st_step(s, q, &row, e)) == AS_OK && row) {
		rc = st_body_check(stream, sqlite3_column_int64(q, 3), q, 0, e);
		if (rc != AS_OK) {
			break;
		}
		row = fn(ctx, (uint64_t)sqlite3_column_int64(q, 3), sqlite3_column_blob(q, 0),
			 (size_t)sqlite3_column_bytes(q, 0));
	}
	(void)sqlite3_reset(q);
	return rc;
}

static int load_file(const struct st_store *s, const char *sha256, struct as_buf *out,
		     struct as_err *e)
{
	struct as_buf path = { 0 };
	char digest[IO_DIGEST_SIZE];
	const size_t before = out->len;
	int rc;

	as_buf_printf(&path, "%s/%s", s->spool, sha256);
	rc = io_read_file(path.data, FILE_MAX, out, e);
	if (rc == AS_OK) {
		io_digest(out->data + before, out->len - before, digest);
		if (strcmp(digest, sha256) != 0) {
			rc = as_fail(e, AS_EFORMAT, "spool: %s has other bytes than its name",
				     path.data);
		}
	} else if (rc != AS_EAGAIN) {
		rc = e->code = AS_EFORMAT;
	}
	as_buf_free(&path);
	return rc;
}

int st_load(struct st_store *s, const char *stream, const char *kase, const struct st_page *page,
	    struct as_buf *out, struct as_err *e)
{
	const char *const names[] = { stream, kase, page->name, NULL };
	sqlite3_stmt *q = st_use(s, ST_SQL_PAGE_LOAD, names);
	bool row;
	int rc;

	(void)sqlite3_bind_int64(q, 4, page->page);
	rc = st_step(s, q, &row, e);
	if (rc == AS_OK && !row) {
		rc = as_fail(e, AS_EFORMAT, "journal: no page %u of %s in case %s", page->page,
			     page->name, kase);
	} else if (rc == AS_OK && sqlite3_column_int(q, 0) != 0) {
		rc = load_file(s, (const char *)sqlite3_column_text(q, 2), out, e);
	} else if (rc == AS_OK && sqlite3_column_type(q, 1) == SQLITE_NULL) {
		rc = as_fail(e, AS_EFORMAT, "journal: the bytes of %s page %u are gone", page->name,
			     page->page);
	} else if (rc == AS_OK) {
		char digest[IO_DIGEST_SIZE];

		(void)as_buf_reserve(out, 1);
		as_buf_put(out, sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1));
		io_digest(sqlite3_column_blob(q, 1), (size_t)sqlite3_column_bytes(q, 1), digest);
		if (strcmp(digest, (const char *)sqlite3_column_text(q, 2)) != 0) {
			rc = as_fail(e, AS_EFORMAT,
				     "journal: %s page %u has other bytes than were accepted",
				     page->name, page->page);
		}
	}
	(void)sqlite3_reset(q);
	return rc;
}
