/* SPDX-License-Identifier: Apache-2.0
 * verify.c - whether the journal is what was written: numbers without a gap, each body that of its
 * digest and naming the digest of the one before, each row the rows it speaks of, each page its
 * bytes. */
#include "core/io/file.h"
#include "core/io/json.h"
#include "core/store/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	STEP = 500,           /* rows that one st_verify looks at */
	STEP_BYTES = 8 << 20, /* and bytes of pages */
	TAIL = 64,            /* judgments of each stream that a start looks at */
	QUICK_MAX = 1 << 30,  /* bytes of a file whose structure is looked at while others wait */
};

/* What is walked through, in this order. */
enum { STRUCTURE, CHAINS, PAGES, CASES, KEYS, DEAD, WALKS };

/* One judgment as it lies there: borrowed from a statement that begins with body, sha256, purged,
 * seq, case. */
struct row {
	sqlite3_int64 seq;
	const char *sha256, *kase; /* kase NULL: it is of no case that has it */
	const void *body;
	size_t size;
	bool purged;
};

static int broken(const char *stream, uint64_t seq, const char *what, struct as_err *e)
{
	return as_fail(e, AS_EFORMAT, "stream %s, number %" PRIu64 ": %s", stream, seq, what);
}

int st_body_check(const char *stream, sqlite3_int64 seq, sqlite3_stmt *q, int column,
		  struct as_err *e)
{
	const char *want = (const char *)sqlite3_column_text(q, column + 1);
	char digest[IO_DIGEST_SIZE];

	if (sqlite3_column_int(q, column + 2) != 0) {
		return AS_OK; /* purged: the digest is that of what was there */
	}
	io_digest(sqlite3_column_blob(q, column), (size_t)sqlite3_column_bytes(q, column), digest);
	return strcmp(digest, want) == 0
		   ? AS_OK
		   : broken(stream, (uint64_t)seq, "its body is not that of its digest", e);
}

static bool is(const struct json_t *obj, const char *key, const char *want)
{
	return want != NULL && strcmp(io_json_find_str(obj, key, ""), want) == 0;
}

/* The members that the chain is made of. */
static int check_members(const struct st_verify *v, const struct row *r, struct as_err *e)
{
	struct json_t *doc = NULL;
	const struct json_t *data;
	const char *wrong = NULL;
	struct as_err why;

	if (io_json_parse(r->body, r->size, "its body", &doc, &why) != AS_OK) {
		return broken(v->stream, v->next, why.msg, e);
	}
	data = io_json_find(doc, "data");
	if (io_json_find_u64(data, "seq", 0) != v->next || !is(data, "stream", v->stream)) {
		wrong = "its body is of another number or stream";
	} else if (v->prev[0] != '\0' && !is(data, "prev", v->prev)) {
		wrong = "it does not name the digest of the one before";
	} else if (!is(doc, "subject", r->kase)) {
		wrong = "its case is not there";
	} else if (r->purged && (!is(data, "kind", "purged") || !is(data, "sha256", r->sha256))) {
		wrong = "it is purged, and its tombstone is of another judgment";
	}
	io_json_free(doc);
	return wrong == NULL ? AS_OK : broken(v->stream, v->next, wrong, e);
}

static int check_judgment(struct st_verify *v, sqlite3_stmt *q, struct as_err *e)
{
	const struct row r = { .body = sqlite3_column_blob(q, 0),
			       .size = (size_t)sqlite3_column_bytes(q, 0),
			       .sha256 = (const char *)sqlite3_column_text(q, 1),
			       .purged = sqlite3_column_int(q, 2) != 0,
			       .seq = sqlite3_column_int64(q, 3),
			       .kase = (const char *)sqlite3_column_text(q, 4) };
	int rc;

	if ((uint64_t)r.seq != v->next) {
		return broken(v->stream, v->next, "it is missing", e);
	}
	TRY(st_body_check(v->stream, r.seq, q, 0, e));
	TRY(check_members(v, &r, e));
	(void)snprintf(v->prev, sizeof v->prev, "%s", r.sha256);
	v->next++;
	v->judgments++;
	v->purged += r.purged;
out:
	return rc;
}

/* The next stream by name; *row false: that was the last. */
static int next_stream(struct st_store *s, struct st_verify *v, bool *row, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_STREAM_NEXT, (const char *const[]){ v->stream, NULL });
	const int rc = st_step(s, q, row, e);

	*row = *row && sqlite3_column_type(q, 0) != SQLITE_NULL;
	if (*row) {
		(void)snprintf(v->stream, sizeof v->stream, "%s", sqlite3_column_text(q, 0));
		v->next = 0;
		v->streams++;
	}
	(void)sqlite3_reset(q);
	return rc;
}

/* Where a stream begins and ends now: it may have moved since the last step. */
static int place(struct st_store *s, struct st_verify *v, uint64_t *last, char end[IO_DIGEST_SIZE],
		 struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_STREAM_ENDS, (const char *const[]){ v->stream, NULL });
	uint64_t first;
	bool row;
	int rc = st_step(s, q, &row, e);

	if (rc == AS_OK && !row) {
		rc = as_fail(e, AS_EFORMAT, "stream %s has judgments and is not there", v->stream);
	}
	if (rc != AS_OK) {
		(void)sqlite3_reset(q);
		return rc;
	}
	first = (uint64_t)sqlite3_column_int64(q, 0);
	*last = (uint64_t)sqlite3_column_int64(q, 1);
	(void)snprintf(end, IO_DIGEST_SIZE, "%s", sqlite3_column_text(q, 3));
	if (v->next < first) {
		v->next = first;
		(void)snprintf(v->prev, sizeof v->prev, "%s", sqlite3_column_text(q, 2));
	}
	if (v->tail && *last >= v->next + TAIL) {
		v->next = *last - TAIL + 1;
		v->prev[0] = '\0';
	}
	(void)sqlite3_reset(q);
	return AS_OK;
}

/* Whether the stream ends where it says. */
static int check_end(const struct st_verify *v, uint64_t last, const char *end, struct as_err *e)
{
	if (v->next <= last) {
		return broken(v->stream, v->next, "it is missing", e);
	}
	if (v->next > last + 1) {
		return broken(v->stream, last + 1, "it is above the stream's last", e);
	}
	return strcmp(v->prev, end) == 0
		   ? AS_OK
		   : broken(v->stream, last, "its digest is not the stream's last", e);
}

static int step_stream(struct st_store *s, struct st_verify *v, bool *over, struct as_err *e)
{
	char end[IO_DIGEST_SIZE];
	uint64_t last;
	sqlite3_stmt *q;
	bool row = true;
	size_t n = 0;
	int rc = place(s, v, &last, end, e);

	if (rc != AS_OK) {
		return rc;
	}
	q = st_use(s, ST_SQL_CHAIN, (const char *const[]){ v->stream, NULL });
	(void)sqlite3_bind_int64(q, 2, (sqlite3_int64)v->next);
	(void)sqlite3_bind_int64(q, 3, STEP);
	while (rc == AS_OK && (rc = st_step(s, q, &row, e)) == AS_OK && row) {
		rc = check_judgment(v, q, e);
		n++;
	}
	(void)sqlite3_reset(q);
	*over = n < STEP;
	return rc == AS_OK && *over ? check_end(v, last, end, e) : rc;
}

static int step_chains(struct st_store *s, struct st_verify *v, bool *over, struct as_err *e)
{
	bool row = true;
	bool ended = v->streams == 0;
	int rc = ended ? AS_OK : step_stream(s, v, &ended, e);

	if (rc == AS_OK && ended) {
		rc = next_stream(s, v, &row, e);
	}
	*over = !row;
	return rc;
}

/* Whether the bytes that are still there are those that were accepted; *bytes: how many. */
static int check_page(struct st_store *s, sqlite3_stmt *q, size_t *bytes, struct as_err *e)
{
	const char *want = (const char *)sqlite3_column_text(q, 1);
	char digest[IO_DIGEST_SIZE] = "";
	struct as_buf path = { 0 };
	struct as_err why = { 0 };

	*bytes = 0;
	if (sqlite3_column_type(q, 6) == SQLITE_NULL) {
		return as_fail(e, AS_EFORMAT, "page %s %d is of no case", sqlite3_column_text(q, 7),
			       sqlite3_column_int(q, 8));
	}
	if (sqlite3_column_int(q, 2) != 0) {
		*bytes = (size_t)sqlite3_column_int64(q, 4);
		as_buf_printf(&path, "%s/%s", s->spool, want);
		if (io_digest_file(path.data, digest, &why) == AS_OK) {
			why.msg[0] = '\0';
		}
		as_buf_free(&path);
	} else if (sqlite3_column_type(q, 3) != SQLITE_NULL) {
		*bytes = (size_t)sqlite3_column_bytes(q, 3);
		io_digest(sqlite3_column_blob(q, 3), *bytes, digest);
	} else if (sqlite3_column_int(q, 9) == 0) {
		return AS_OK; /* let go of */
	}
	return strcmp(digest, want) == 0
		   ? AS_OK
		   : as_fail(e, AS_EFORMAT,
			     "stream %s, case %s: %s page %d is not what was accepted%s%s",
			     sqlite3_column_text(q, 5), sqlite3_column_text(q, 6),
			     sqlite3_column_text(q, 7), sqlite3_column_int(q, 8),
			     why.msg[0] != '\0' ? ": " : "", why.msg);
}

/* Through the rows of one table; those but of pages say themselves what is wrong. */
static int step_rows(struct st_store *s, struct st_verify *v, bool *over, struct as_err *e)
{
	static const enum st_sql walks[WALKS] = { [PAGES] = ST_SQL_WALK_PAGES,
						  [CASES] = ST_SQL_WALK_CASES,
						  [KEYS] = ST_SQL_WALK_KEYS,
						  [DEAD] = ST_SQL_WALK_DEAD };
	sqlite3_stmt *q = st_use(s, walks[v->walk], NULL);
	size_t bytes = 0;
	bool row = true;
	size_t n = 0;
	int rc = AS_OK;

	(void)sqlite3_bind_int64(q, 1, v->at);
	(void)sqlite3_bind_int64(q, 2, STEP);
	while (rc == AS_OK && bytes < STEP_BYTES && (rc = st_step(s, q, &row, e)) == AS_OK && row) {
		size_t some = 0;

		v->at = sqlite3_column_int64(q, 0);
		n++;
		if (v->walk == PAGES) {
			rc = check_page(s, q, &some, e);
			v->pages += some > 0;
			bytes += some;
		} else if (sqlite3_column_type(q, 1) != SQLITE_NULL) {
			rc = as_fail(e, AS_EFORMAT, "%s", sqlite3_column_text(q, 1));
		}
		v->cases += v->walk == CASES;
	}
	(void)sqlite3_reset(q);
	*over = n < STEP && bytes < STEP_BYTES;
	return rc;
}

static int read_size(struct st_store *s, sqlite3_int64 *bytes, struct as_err *e)
{
	static const char sql[] = "SELECT page_count * page_size FROM pragma_page_count, "
				  "pragma_page_size";
	sqlite3_stmt *q = NULL;
	int rc = AS_OK;

	if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW) {
		rc = st_fail(s, "its size", e);
	} else {
		*bytes = sqlite3_column_int64(q, 0);
	}
	(void)sqlite3_finalize(q);
	return rc;
}

static int check_structure(struct st_store *s, struct st_verify *v, struct as_err *e)
{
	sqlite3_stmt *q = NULL;
	sqlite3_int64 bytes = 0;
	int rc = read_size(s, &bytes, e);

	v->structure = rc == AS_OK && (v->whole || bytes <= QUICK_MAX);
	if (!v->structure) {
		return rc;
	}
	if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW || !st_has_texts(q)) {
		rc = st_fail(s, "quick_check", e);
	} else if (strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0) {
		rc = as_fail(e, AS_EDAMAGE, "journal.db: %s", sqlite3_column_text(q, 0));
	}
	(void)sqlite3_finalize(q);
	return rc;
}

int st_verify(struct st_store *s, struct st_verify *v, struct as_err *e)
{
	bool over = true;
	int rc;

	if (v->walk == STRUCTURE) {
		rc = check_structure(s, v, e);
	} else if (v->walk == CHAINS) {
		rc = step_chains(s, v, &over, e);
	} else {
		rc = step_rows(s, v, &over, e);
	}
	if (rc == AS_OK && over) {
		v->walk++;
		v->at = 0;
	}
	v->done = v->walk == (v->tail ? PAGES : WALKS);
	return rc;
}

int st_verify_all(struct st_store *s, struct st_verify *v, struct as_err *e)
{
	int rc = AS_OK;

	while (rc == AS_OK && !v->done) {
		rc = st_verify(s, v, e);
	}
	return rc;
}

int st_check(struct st_store *s, struct as_err *e)
{
	struct st_verify v = { .tail = true };
	int rc = st_verify_all(s, &v, e);

	if (rc == AS_EFORMAT) {
		rc = e->code = AS_EDAMAGE;
	}
	if (rc != AS_OK) {
		st_keep_files(s);
		return as_wrap(e, "the journal is damaged");
	}
	return AS_OK;
}
