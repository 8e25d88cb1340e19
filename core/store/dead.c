/* SPDX-License-Identifier: Apache-2.0
 * dead.c - dead letters: cases that were given up, and what an operator makes of them. */
#include "core/base/buf.h"
#include "core/store/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 1000 }; /* ID~2 to ID~1000 */

int st_dead_add(struct st_store *s, sqlite3_int64 id, const struct st_dead *dead, struct as_err *e)
{
	sqlite3_stmt *q =
	    st_use(s, ST_SQL_DEAD_ADD,
		   (const char *const[]){ dead->part, dead->reason, dead->ended, NULL });

	(void)sqlite3_bind_int64(q, 4, id);
	(void)sqlite3_bind_int64(q, 5, dead->page);
	(void)sqlite3_bind_int64(q, 6, dead->attempts);
	(void)sqlite3_bind_int64(q, 7, dead->time);
	return st_run(s, q, e);
}

static sqlite3_stmt *use_range(struct st_store *s, uint64_t after, uint64_t until, size_t max)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_DEAD, NULL);

	(void)sqlite3_bind_int64(q, 1, (sqlite3_int64)after);
	(void)sqlite3_bind_int64(q, 2, (sqlite3_int64)until);
	(void)sqlite3_bind_int64(q, 3, (sqlite3_int64)max);
	return q;
}

static struct st_letter letter_of(sqlite3_stmt *q)
{
	return (struct st_letter){
		.id = (uint64_t)sqlite3_column_int64(q, 0),
		.stream = (const char *)sqlite3_column_text(q, 1),
		.kase = (const char *)sqlite3_column_text(q, 2),
		.seq = (uint64_t)sqlite3_column_int64(q, 3),
		.dead = { .part = (const char *)sqlite3_column_text(q, 4),
			  .page = (uint32_t)sqlite3_column_int64(q, 5),
			  .reason = (const char *)sqlite3_column_text(q, 6),
			  .attempts = (uint32_t)sqlite3_column_int64(q, 7),
			  .ended = (const char *)sqlite3_column_text(q, 8),
			  .time = sqlite3_column_int64(q, 9) },
	};
}

int st_dead_list(struct st_store *s, uint64_t after, size_t max, st_letter_fn fn, void *ctx,
		 struct as_err *e)
{
	sqlite3_stmt *q = use_range(s, after, INT64_MAX, max);
	bool row;
	int rc;

	while ((rc = st_step(s, q, &row, e)) == AS_OK && row) {
		const struct st_letter l = letter_of(q);

		fn(ctx, &l);
	}
	(void)sqlite3_reset(q);
	return rc;
}

/* A letter's case, by its row and its name. */
struct owner {
	sqlite3_int64 id;
	char stream[41], kase[257];
};

static int find(struct st_store *s, uint64_t id, struct owner *o, struct as_err *e)
{
	sqlite3_stmt *q;
	bool row;
	int rc;

	q = use_range(s, id - 1, id, 1); /* of 0, or over INT64_MAX, the range is empty */
	rc = st_step(s, q, &row, e);
	if (rc == AS_OK && !row) {
		rc = as_fail(e, AS_ENOINPUT, "no dead letter %" PRIu64, id);
	} else if (rc == AS_OK) {
		const struct st_letter l = letter_of(q);

		o->id = sqlite3_column_int64(q, 10);
		(void)snprintf(o->stream, sizeof o->stream, "%s", l.stream);
		(void)snprintf(o->kase, sizeof o->kase, "%s", l.kase);
	}
	(void)sqlite3_reset(q);
	return rc;
}

static int let_go(struct st_store *s, uint64_t id, sqlite3_int64 kase, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_DEAD_DROP, NULL);
	int rc;

	(void)sqlite3_bind_int64(q, 1, (sqlite3_int64)id);
	TRY(st_run(s, q, e));
	TRY(st_pages_drop(s, kase, e));
out:
	return rc;
}

int st_dead_drop(struct st_store *s, uint64_t id, struct as_err *e)
{
	struct owner o = { 0 };
	const int rc = find(s, id, &o, e);

	return rc == AS_OK ? let_go(s, id, o.id, e) : rc;
}

static int is_taken(struct st_store *s, const struct owner *o, const char *name, bool *taken,
		    struct as_err *e)
{
	sqlite3_int64 id;
	sqlite3_int64 seq;
	const int rc = st_case_id(s, o->stream, name, &id, &seq, e);

	*taken = id != 0;
	return rc;
}

/* The name of the new case goes to r->as. */
static int choose_name(struct st_store *s, const struct owner *o, struct st_retry *r,
		       struct as_err *e)
{
	const size_t stem = strcspn(o->kase, "~");
	const bool numbered =
	    o->kase[stem] == '~' && o->kase[stem + 1] != '\0' &&
	    strspn(o->kase + stem + 1, "0123456789") == strlen(o->kase + stem + 1);
	bool taken = true;
	int rc = AS_OK;

	if (r->as[0] != '\0') {
		rc = is_taken(s, o, r->as, &taken, e);
	}
	for (int n = 2; rc == AS_OK && r->as[0] == '\0' && n <= NAMES_MAX; n++) {
		char name[sizeof r->as];

		if (snprintf(name, sizeof name, "%.*s~%d", (int)(numbered ? stem : strlen(o->kase)),
			     o->kase, n) >= (int)sizeof name) {
			return as_fail(e, AS_EFORMAT, "%s: no room for a number: say a name",
				       o->kase);
		}
		rc = is_taken(s, o, name, &taken, e);
		if (rc == AS_OK && !taken) {
			memcpy(r->as, name, sizeof name);
		}
	}
	if (rc == AS_OK && taken) {
		rc = as_fail(e, AS_EFORMAT, "case %s of %s is there already",
			     r->as[0] ? r->as : o->kase, o->stream);
	}
	return rc;
}

int st_dead_retry(struct st_store *s, struct st_retry *r, struct as_err *e)
{
	struct owner o;
	sqlite3_stmt *q;
	sqlite3_int64 id;
	int rc;

	TRY(find(s, r->id, &o, e));
	TRY(choose_name(s, &o, r, e));
	(void)snprintf(r->stream, sizeof r->stream, "%s", o.stream);
	q = st_use(s, ST_SQL_CASE_ADD, (const char *const[]){ o.stream, r->as, NULL });
	(void)sqlite3_bind_int64(q, 3, r->received);
	(void)sqlite3_bind_int(q, 4, 1);
	(void)sqlite3_bind_int64(q, 5, r->arrived);
	TRY(st_run(s, q, e));
	id = sqlite3_last_insert_rowid(s->db);
	q = st_use(s, ST_SQL_DEAD_COPY, NULL);
	(void)sqlite3_bind_int64(q, 1, o.id);
	(void)sqlite3_bind_int64(q, 2, id);
	TRY(st_run(s, q, e));
	TRY(let_go(s, r->id, o.id, e));
out:
	return rc;
}
