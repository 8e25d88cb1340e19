/* SPDX-License-Identifier: Apache-2.0
 * wait.c - cases that are not judged: which there are, which wait on disk alone, and which of their
 * pages are being tried. */
#include "core/store/db.h"

/* Calls fn with each row of a statement over the columns of UNJUDGED. */
static int each_page(struct st_store *s, sqlite3_stmt *q, st_case_fn fn, void *ctx,
		     struct as_err *e)
{
	bool row;
	int rc;

	while ((rc = st_step(s, q, &row, e)) == AS_OK && row) {
		const struct st_case c = {
			.stream = (const char *)sqlite3_column_text(q, 0),
			.kase = (const char *)sqlite3_column_text(q, 1),
			.received = sqlite3_column_int64(q, 2),
			.arrived = sqlite3_column_int64(q, 3),
			.complete = sqlite3_column_int(q, 4) != 0,
		};
		const struct st_page p = {
			.name = (const char *)sqlite3_column_text(q, 5),
			.page = (uint32_t)sqlite3_column_int64(q, 6),
			.type = (const char *)sqlite3_column_text(q, 7),
			.sha256 = (const char *)sqlite3_column_text(q, 8),
			.size = (size_t)sqlite3_column_int64(q, 9),
			.out = (enum st_out)sqlite3_column_int(q, 10),
			.strikes = (uint32_t)sqlite3_column_int64(q, 11),
		};

		fn(ctx, &c, &p);
	}
	(void)sqlite3_reset(q);
	return rc;
}

int st_unjudged(struct st_store *s, st_case_fn fn, void *ctx, struct as_err *e)
{
	return each_page(s, st_use(s, ST_SQL_UNJUDGED, NULL), fn, ctx, e);
}

int st_case(struct st_store *s, const char *stream, const char *kase, st_case_fn fn, void *ctx,
	    struct as_err *e)
{
	return each_page(s,
			 st_use(s, ST_SQL_CASE_PAGES, (const char *const[]){ stream, kase, NULL }),
			 fn, ctx, e);
}

int st_attempt(struct st_store *s, const char *stream, const char *kase, const struct st_page *page,
	       struct as_err *e)
{
	sqlite3_stmt *q =
	    st_use(s, ST_SQL_ATTEMPT, (const char *const[]){ stream, kase, page->name, NULL });

	(void)sqlite3_bind_int(q, 4, (int)page->out);
	(void)sqlite3_bind_int64(q, 5, page->strikes);
	(void)sqlite3_bind_int64(q, 6, page->page);
	return st_run(s, q, e);
}

int st_attempts_over(struct st_store *s, struct as_err *e)
{
	return st_run(s, st_use(s, ST_SQL_ATTEMPTS_OVER, NULL), e);
}

int st_clock(struct st_store *s, const char *stream, int64_t now, struct as_err *e)
{
	const enum st_sql both[] = { ST_SQL_CLOCK_OPEN, ST_SQL_CLOCK_PARKED };
	int rc = AS_OK;

	if (s->look) {
		return AS_OK;
	}
	for (size_t i = 0; rc == AS_OK && i < sizeof both / sizeof *both; i++) {
		sqlite3_stmt *q = st_use(s, both[i], (const char *const[]){ stream, NULL });

		(void)sqlite3_bind_int64(q, 2, now);
		rc = st_run(s, q, e);
	}
	return rc;
}

int st_park(struct st_store *s, const char *stream, const char *kase, struct as_err *e)
{
	const char *const names[] = { stream, kase, NULL };
	int rc;

	TRY(st_run(s, st_use(s, ST_SQL_PARK, names), e));
	TRY(st_run(s, st_use(s, ST_SQL_PARK_PAGES, names), e));
out:
	return rc;
}

static int64_t first_of(sqlite3_stmt *q, int column)
{
	return sqlite3_column_type(q, column) == SQLITE_NULL ? INT64_MAX
							     : sqlite3_column_int64(q, column);
}

int st_parked(struct st_store *s, const char *stream, size_t *n, int64_t *first, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_PARKED, (const char *const[]){ stream, NULL });
	bool row;
	const int rc = st_step(s, q, &row, e);

	*n = rc == AS_OK ? (size_t)sqlite3_column_int64(q, 0) : 0;
	*first = rc == AS_OK ? first_of(q, 1) : INT64_MAX;
	(void)sqlite3_reset(q);
	return rc;
}

static sqlite3_stmt *use_due(struct st_store *s, enum st_sql which, const struct st_due *due)
{
	sqlite3_stmt *q = st_use(s, which, (const char *const[]){ due->stream, NULL });

	(void)sqlite3_bind_int64(q, 2, due->until);
	(void)sqlite3_bind_int64(q, 3, (sqlite3_int64)due->max);
	return q;
}

int st_wake(struct st_store *s, const struct st_due *due, st_case_fn fn, void *ctx, int64_t *first,
	    struct as_err *e)
{
	sqlite3_stmt *q;
	bool row;
	int rc;

	TRY(each_page(s, use_due(s, ST_SQL_DUE, due), fn, ctx, e));
	TRY(st_run(s, use_due(s, ST_SQL_DUE_WAKE, due), e));
	q = st_use(s, ST_SQL_PARKED_NEXT, (const char *const[]){ due->stream, NULL });
	rc = st_step(s, q, &row, e);
	*first = rc == AS_OK ? first_of(q, 0) : INT64_MAX;
	(void)sqlite3_reset(q);
out:
	return rc;
}
