/* SPDX-License-Identifier: Apache-2.0
 * retention.c - judgments that are old enough leave at the front of their stream, and with each
 * its case: the id may be used again. What is left begins at stream.first and chains on
 * stream.anchor. */
#include "core/store/db.h"

#include <stdio.h>
#include <string.h>

#define DAY_NS (INT64_C(86400) * 1000000000)

struct front {
	struct st_bounds b;
	uint64_t cursor; /* the least that a subscriber has handled */
	char anchor[IO_DIGEST_SIZE];
};

/* The judgment at the front. */
struct oldest {
	sqlite3_int64 row, kase;
	int64_t time;
	uint64_t bytes;
};

static bool is_over(const struct front *f, const struct oldest *o, uint32_t days, uint64_t bytes,
		    int64_t now)
{
	return (bytes > 0 && f->b.bytes > bytes) ||
	       (days > 0 && now - o->time > (int64_t)days * DAY_NS);
}

static bool may_go(const struct front *f, const struct oldest *o, const struct st_keep *k,
		   int64_t now)
{
	return is_over(f, o, k->days, k->bytes, now) &&
	       (f->b.first <= f->cursor ||
		is_over(f, o, k->subscriber_days, k->subscriber_bytes, now));
}

static int read_front(struct st_store *s, const char *stream, struct front *f, struct as_err *e)
{
	sqlite3_stmt *q;
	bool row;
	int rc;

	*f = (struct front){ .cursor = UINT64_MAX };
	TRY(st_bounds(s, stream, &f->b, e));
	q = st_use(s, ST_SQL_CURSOR_MIN, (const char *const[]){ stream, NULL });
	TRY(st_step(s, q, &row, e));
	if (sqlite3_column_type(q, 0) != SQLITE_NULL) {
		f->cursor = (uint64_t)sqlite3_column_int64(q, 0);
	}
	(void)sqlite3_reset(q);
out:
	return rc;
}

static int read_oldest(struct st_store *s, const char *stream, struct front *f, struct oldest *o,
		       char sha256[IO_DIGEST_SIZE], struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_OLDEST, (const char *const[]){ stream, NULL });
	bool row;
	int rc;

	(void)sqlite3_bind_int64(q, 2, (sqlite3_int64)f->b.first);
	rc = st_step(s, q, &row, e);
	if (row) {
		*o = (struct oldest){ .row = sqlite3_column_int64(q, 0),
				      .kase = sqlite3_column_int64(q, 1),
				      .time = sqlite3_column_int64(q, 2),
				      .bytes = (uint64_t)sqlite3_column_int64(q, 3) };
		(void)snprintf(sha256, IO_DIGEST_SIZE, "%s", sqlite3_column_text(q, 4));
	} else if (rc == AS_OK) {
		rc = as_fail(e, AS_EFORMAT, "journal: stream %s has no number %llu", stream,
			     (unsigned long long)f->b.first);
	}
	(void)sqlite3_reset(q);
	return rc;
}

/* A dead letter's pages are still there; the letter goes with its case. */
static int drop_case(struct st_store *s, sqlite3_int64 kase, struct as_err *e)
{
	static const enum st_sql steps[] = { ST_SQL_PAGES_GONE, ST_SQL_KEYS_GONE,
					     ST_SQL_CASE_GONE };
	int rc = st_pages_drop(s, kase, e);

	for (size_t i = 0; rc == AS_OK && i < sizeof steps / sizeof *steps; i++) {
		sqlite3_stmt *q = st_use(s, steps[i], NULL);

		(void)sqlite3_bind_int64(q, 1, kase);
		rc = st_run(s, q, e);
	}
	return rc;
}

static int drop_oldest(struct st_store *s, struct front *f, const struct oldest *o,
		       struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_JUDGMENT_GONE, NULL);
	int rc;

	(void)sqlite3_bind_int64(q, 1, o->row);
	TRY(st_run(s, q, e));
	TRY(drop_case(s, o->kase, e));
	f->b.first++;
	f->b.bytes -= o->bytes;
out:
	return rc;
}

int st_retain(struct st_store *s, const char *stream, const struct st_keep *keep, int64_t now,
	      size_t *gone, struct as_err *e)
{
	char sha256[IO_DIGEST_SIZE];
	struct oldest o = { 0 };
	struct front f;
	sqlite3_stmt *q;
	int rc;

	*gone = 0;
	TRY(read_front(s, stream, &f, e));
	while (*gone < ST_RETAIN_MAX && f.b.first <= f.b.last) {
		TRY(read_oldest(s, stream, &f, &o, sha256, e));
		if (!may_go(&f, &o, keep, now)) {
			break;
		}
		TRY(drop_oldest(s, &f, &o, e));
		memcpy(f.anchor, sha256, sizeof f.anchor);
		(*gone)++;
	}
	if (*gone > 0) {
		q = st_use(s, ST_SQL_FIRST_PUT, (const char *const[]){ stream, f.anchor, NULL });
		(void)sqlite3_bind_int64(q, 3, (sqlite3_int64)f.b.first);
		(void)sqlite3_bind_int64(q, 4, (sqlite3_int64)f.b.bytes);
		TRY(st_run(s, q, e));
	}
out:
	return rc;
}
