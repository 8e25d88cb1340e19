/* SPDX-License-Identifier: Apache-2.0
 * purge.c - what a case was and what was said of it is forgotten; that there was one, its number
 * and the digest of its judgment stay, so the chain still holds. */
#include "core/io/json.h"
#include "core/store/db.h"

#include <stdio.h>
#include <string.h>

/* The judgment that is there. */
struct judged {
	struct json_t *body;
	char sha256[IO_DIGEST_SIZE];
	int64_t bytes;
	bool purged;
};

static int read_judged(struct st_store *s, const char *stream, sqlite3_int64 seq, struct judged *j,
		       struct as_err *e)
{
	sqlite3_stmt *q;
	int rc = st_judgment(s, stream, seq, &q, e);

	if (rc == AS_OK) {
		j->bytes = sqlite3_column_bytes(q, 0);
		(void)snprintf(j->sha256, sizeof j->sha256, "%s", sqlite3_column_text(q, 1));
		j->purged = sqlite3_column_int(q, 2) != 0;
		rc = io_json_parse(sqlite3_column_blob(q, 0), (size_t)j->bytes, "its judgment",
				   &j->body, e);
	}
	(void)sqlite3_reset(q);
	return rc;
}

/* What is replayed in its place: it keeps the id, so that nobody takes it for another event. */
static void write_tombstone(const struct judged *j, const char *stream, const char *kase,
			    uint64_t seq, const char *time, struct as_buf *out)
{
	const struct json_t *data = io_json_find(j->body, "data");
	struct io_jw w = { .b = out };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "specversion", "1.0");
	io_jw_str(&w, "type", "io.assay.judgment.v1");
	io_jw_str(&w, "source", io_json_find_str(j->body, "source", ""));
	io_jw_str(&w, "id", io_json_find_str(j->body, "id", ""));
	io_jw_str(&w, "time", time);
	io_jw_str(&w, "subject", kase);
	io_jw_obj(&w, "data");
	io_jw_str(&w, "kind", "purged");
	io_jw_str(&w, "stream", stream);
	io_jw_u64(&w, "seq", seq);
	io_jw_str(&w, "prev", io_json_find_str(data, "prev", ""));
	io_jw_str(&w, "sha256", j->sha256);
	io_jw_end_obj(&w);
	io_jw_end_obj(&w);
}

static int replace(struct st_store *s, const char *stream, sqlite3_int64 seq, int64_t before,
		   const struct as_buf *tombstone, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_PURGE, (const char *const[]){ stream, NULL });
	int rc;

	(void)sqlite3_bind_int64(q, 2, seq);
	(void)sqlite3_bind_blob64(q, 3, tombstone->data, tombstone->len, SQLITE_STATIC);
	TRY(st_run(s, q, e));
	q = st_use(s, ST_SQL_BYTES_ADD, (const char *const[]){ stream, NULL });
	(void)sqlite3_bind_int64(q, 2, (sqlite3_int64)tombstone->len - before);
	TRY(st_run(s, q, e));
out:
	return rc;
}

static int drop_parts(struct st_store *s, sqlite3_int64 kase, struct as_err *e)
{
	static const enum st_sql steps[] = { ST_SQL_PAGES_GONE, ST_SQL_DEAD_GONE };
	int rc = st_pages_drop(s, kase, e);

	for (size_t i = 0; rc == AS_OK && i < sizeof steps / sizeof *steps; i++) {
		sqlite3_stmt *q = st_use(s, steps[i], NULL);

		(void)sqlite3_bind_int64(q, 1, kase);
		rc = st_run(s, q, e);
	}
	return rc;
}

int st_purge(struct st_store *s, const char *stream, const char *kase, const char *time,
	     struct st_purged *out, struct as_err *e)
{
	struct as_buf tombstone = { 0 };
	struct judged j = { 0 };
	sqlite3_int64 id;
	sqlite3_int64 seq;
	int rc;

	*out = (struct st_purged){ .state = ST_UNKNOWN };
	TRY(st_case_id(s, stream, kase, &id, &seq, e));
	out->state = id == 0 ? ST_UNKNOWN : seq == 0 ? ST_OPEN : ST_JUDGED;
	out->seq = (uint64_t)seq;
	if (out->state != ST_JUDGED) {
		return AS_OK;
	}
	TRY(read_judged(s, stream, seq, &j, e));
	if (!j.purged) {
		write_tombstone(&j, stream, kase, out->seq, time, &tombstone);
		TRY(replace(s, stream, seq, j.bytes, &tombstone, e));
		TRY(drop_parts(s, id, e));
		s->scrub = true;
	}
out:
	io_json_free(j.body);
	as_buf_free(&tombstone);
	return rc;
}
