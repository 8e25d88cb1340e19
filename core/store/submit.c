/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/db.h"

#include <stdio.h>
#include <string.h>

struct found {
	sqlite3_int64 id; /* 0: there is none */
	bool complete, judged, parked;
};

static int find_case(struct st_store *s, const struct st_submission *in, struct found *k,
		     struct as_err *e)
{
	sqlite3_stmt *q =
	    st_use(s, ST_SQL_CASE, (const char *const[]){ in->stream, in->kase, NULL });
	bool row;
	int rc = st_step(s, q, &row, e);

	*k = (struct found){ 0 };
	if (row) {
		k->id = sqlite3_column_int64(q, 0);
		k->complete = sqlite3_column_int(q, 1) != 0;
		k->judged = sqlite3_column_type(q, 2) != SQLITE_NULL;
		k->parked = sqlite3_column_int(q, 3) != 0;
	}
	(void)sqlite3_reset(q);
	return rc;
}

/* Whether the key was seen; then the answer is the first one. */
static int find_key(struct st_store *s, const struct st_submission *in, struct st_answer *out,
		    bool *seen, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_KEY, (const char *const[]){ in->stream, in->key, NULL });
	const int rc = st_step(s, q, seen, e);

	if (!*seen) {
		return rc;
	}
	out->verdict = ST_DUPLICATE;
	out->pages = (size_t)sqlite3_column_int64(q, 1);
	out->judged = sqlite3_column_type(q, 2) != SQLITE_NULL;
	if (strcmp((const char *)sqlite3_column_text(q, 0), in->manifest) != 0) {
		out->verdict = ST_CONFLICT;
		(void)snprintf(out->message, sizeof out->message,
			       "the key was used for another submission");
	}
	(void)sqlite3_reset(q);
	return AS_OK;
}

/* Compares each page with what the case has; sets fresh or the conflict. */
static int compare(struct st_store *s, const struct st_submission *in, sqlite3_int64 id,
		   struct st_answer *out, struct as_err *e)
{
	for (size_t i = 0; i < in->pages; i++) {
		const struct st_page *p = &in->page[i];
		sqlite3_stmt *q = st_use(s, ST_SQL_PAGE, NULL);
		bool row;
		int rc;

		(void)sqlite3_bind_int64(q, 1, id);
		(void)sqlite3_bind_text(q, 2, p->name, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(q, 3, p->page);
		rc = st_step(s, q, &row, e);
		if (rc != AS_OK) {
			return rc;
		}
		out->fresh[i] = !row;
		if (row && strcmp((const char *)sqlite3_column_text(q, 0), p->sha256) != 0) {
			out->verdict = ST_CONFLICT;
			(void)snprintf(out->message, sizeof out->message,
				       "%s page %u was accepted with other bytes", p->name,
				       p->page);
		}
		(void)sqlite3_reset(q);
	}
	return AS_OK;
}

static int add_page(struct st_store *s, sqlite3_int64 id, const struct st_page *p, struct as_err *e)
{
	sqlite3_stmt *q =
	    st_use(s, ST_SQL_PAGE_ADD, (const char *const[]){ p->name, p->type, p->sha256, NULL });
	const bool spooled = p->size > ST_INLINE_MAX;

	(void)sqlite3_bind_int64(q, 4, id);
	(void)sqlite3_bind_int64(q, 5, p->page);
	(void)sqlite3_bind_int64(q, 6, (sqlite3_int64)p->size);
	(void)sqlite3_bind_int(q, 7, spooled);
	if (spooled) {
		(void)sqlite3_bind_null(q, 8);
		st_spool_put(s, p);
	} else {
		(void)sqlite3_bind_blob64(q, 8, p->size ? p->data : "", p->size, SQLITE_STATIC);
	}
	(void)sqlite3_bind_int(q, 9, (int)p->out);
	return st_run(s, q, e);
}

static int add_case(struct st_store *s, const struct st_submission *in, struct found *k,
		    struct as_err *e)
{
	sqlite3_stmt *q;
	int rc;

	if (k->id != 0) {
		if (!in->complete || k->complete) {
			return AS_OK;
		}
		q = st_use(s, ST_SQL_CASE_COMPLETE, NULL);
		(void)sqlite3_bind_int64(q, 1, k->id);
		return st_run(s, q, e);
	}
	q = st_use(s, ST_SQL_CASE_ADD, (const char *const[]){ in->stream, in->kase, NULL });
	(void)sqlite3_bind_int64(q, 3, in->received);
	(void)sqlite3_bind_int(q, 4, in->complete);
	(void)sqlite3_bind_int64(q, 5, in->arrived);
	rc = st_run(s, q, e);
	k->id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

static int count_pages(struct st_store *s, sqlite3_int64 id, size_t *n, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_PAGES, NULL);
	bool row;
	int rc;

	(void)sqlite3_bind_int64(q, 1, id);
	rc = st_step(s, q, &row, e);
	*n = rc == AS_OK ? (size_t)sqlite3_column_int64(q, 0) : 0;
	(void)sqlite3_reset(q);
	return rc;
}

static int add_key(struct st_store *s, const struct st_submission *in, sqlite3_int64 id,
		   size_t pages, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_KEY_ADD,
				 (const char *const[]){ in->stream, in->key, in->manifest, NULL });

	(void)sqlite3_bind_int64(q, 4, (sqlite3_int64)pages);
	(void)sqlite3_bind_int64(q, 5, id);
	return st_run(s, q, e);
}

static bool any_fresh(const struct st_answer *out, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		if (out->fresh[i]) {
			return true;
		}
	}
	return false;
}

static int add_all(struct st_store *s, const struct st_submission *in, struct found *k,
		   struct st_answer *out, struct as_err *e)
{
	int rc = add_case(s, in, k, e);

	for (size_t i = 0; rc == AS_OK && i < in->pages; i++) {
		if (out->fresh[i]) {
			rc = add_page(s, k->id, &in->page[i], e);
		}
	}
	if (rc == AS_OK) {
		rc = count_pages(s, k->id, &out->pages, e);
	}
	return rc == AS_OK ? add_key(s, in, k->id, out->pages, e) : rc;
}

/* The verdict on a submission that does not contradict what is there. */
static enum st_verdict decide(const struct st_submission *in, const struct found *k,
			      const struct st_answer *out)
{
	const bool over = k->complete || k->judged;

	if (k->id == 0 || any_fresh(out, in->pages)) {
		return over || in->closed ? ST_CLOSED : ST_ACCEPTED;
	}
	return in->complete && !over ? ST_ACCEPTED : ST_DUPLICATE;
}

/* A parked case comes back to memory where something new has come for it, or somebody waits. */
static int wake(struct st_store *s, const struct st_submission *in, const struct found *k,
		struct st_answer *out, struct as_err *e)
{
	sqlite3_stmt *q;

	out->woken = k->parked &&
		     (out->verdict == ST_ACCEPTED || (out->verdict == ST_DUPLICATE && in->wait));
	if (!out->woken) {
		return AS_OK;
	}
	q = st_use(s, ST_SQL_WAKE, NULL);
	(void)sqlite3_bind_int64(q, 1, k->id);
	return st_run(s, q, e);
}

int st_submit(struct st_store *s, const struct st_submission *in, struct st_answer *out,
	      struct as_err *e)
{
	struct found k;
	bool seen;
	int rc;

	*out = (struct st_answer){ .verdict = ST_ACCEPTED };
	rc = find_key(s, in, out, &seen, e);
	if (rc == AS_OK && (!seen || in->wait)) {
		rc = find_case(s, in, &k, e);
	}
	if (rc != AS_OK || seen) {
		return rc == AS_OK && in->wait ? wake(s, in, &k, out, e) : rc;
	}
	out->judged = k.judged;
	rc = compare(s, in, k.id, out, e);
	if (rc != AS_OK || out->verdict == ST_CONFLICT) {
		return rc;
	}
	out->verdict = decide(in, &k, out);
	if (out->verdict == ST_CLOSED) {
		(void)snprintf(out->message, sizeof out->message, "the case is %s",
			       k.judged ? "judged" : "closed");
		return AS_OK;
	}
	rc = add_all(s, in, &k, out, e);
	return rc == AS_OK ? wake(s, in, &k, out, e) : rc;
}
