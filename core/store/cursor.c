/* SPDX-License-Identifier: Apache-2.0
 * cursor.c - what a reader of a stream needs to know: where it begins and ends, up to where a
 * named subscriber has handled it, and from where on a restore has changed it. */
#include "core/store/db.h"

int st_bounds(struct st_store *s, const char *stream, struct st_bounds *out, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_BOUNDS, (const char *const[]){ stream, NULL });
	bool row;
	const int rc = st_step(s, q, &row, e);

	*out = (struct st_bounds){ .first = 1 };
	if (row) {
		*out = (struct st_bounds){ .first = (uint64_t)sqlite3_column_int64(q, 0),
					   .last = (uint64_t)sqlite3_column_int64(q, 1),
					   .bytes = (uint64_t)sqlite3_column_int64(q, 2) };
	}
	(void)sqlite3_reset(q);
	return rc;
}

/* One number of one row. */
static int read_number(struct st_store *s, sqlite3_stmt *q, bool *row, uint64_t *out,
		       struct as_err *e)
{
	const int rc = st_step(s, q, row, e);

	if (*row) {
		*out = (uint64_t)sqlite3_column_int64(q, 0);
	}
	(void)sqlite3_reset(q);
	return rc;
}

static int find(struct st_store *s, const char *stream, const char *name, bool *known,
		uint64_t *seq, struct as_err *e)
{
	return read_number(s, st_use(s, ST_SQL_CURSOR, (const char *const[]){ stream, name, NULL }),
			   known, seq, e);
}

static int put(struct st_store *s, const char *stream, const char *name, uint64_t seq,
	       struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_CURSOR_PUT, (const char *const[]){ stream, name, NULL });

	(void)sqlite3_bind_int64(q, 3, (sqlite3_int64)seq);
	return st_run(s, q, e);
}

int st_subscribe(struct st_store *s, const char *stream, const char *name, bool *known,
		 uint64_t *seq, struct as_err *e)
{
	struct st_bounds b;
	uint64_t n = 0;
	bool row;
	int rc;

	TRY(find(s, stream, name, known, seq, e));
	if (*known) {
		goto out;
	}
	TRY(read_number(s, st_use(s, ST_SQL_CURSORS, (const char *const[]){ stream, NULL }), &row,
			&n, e));
	*known = n < ST_SUBSCRIBERS_MAX;
	if (!*known) {
		goto out;
	}
	TRY(st_bounds(s, stream, &b, e));
	*seq = b.first - 1;
	TRY(put(s, stream, name, *seq, e));
out:
	return rc;
}

int st_ack(struct st_store *s, const char *stream, const char *name, uint64_t to, bool *known,
	   uint64_t *seq, struct as_err *e)
{
	int rc;

	TRY(find(s, stream, name, known, seq, e));
	if (*known && to > *seq) {
		*seq = to;
		TRY(put(s, stream, name, to, e));
	}
out:
	return rc;
}

int st_unsubscribe(struct st_store *s, const char *stream, const char *name, bool *known,
		   uint64_t *seq, struct as_err *e)
{
	int rc;

	TRY(find(s, stream, name, known, seq, e));
	TRY(st_run(s, st_use(s, ST_SQL_CURSOR_DROP, (const char *const[]){ stream, name, NULL }),
		   e));
out:
	return rc;
}

int st_shared(struct st_store *s, const char *stream, uint64_t epoch, uint64_t *seq,
	      struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_EPOCH, NULL);
	bool known;
	bool row;
	int rc;

	*seq = 0;
	(void)sqlite3_bind_int64(q, 1, (sqlite3_int64)epoch);
	rc = read_number(s, q, &known, seq, e);
	if (rc != AS_OK || !known) {
		*seq = 0;
		return rc;
	}
	q = st_use(s, ST_SQL_SHARED, (const char *const[]){ stream, NULL });
	(void)sqlite3_bind_int64(q, 2, (sqlite3_int64)epoch);
	return read_number(s, q, &row, seq, e);
}
