/* SPDX-License-Identifier: Apache-2.0
 * sweep.h - an operation on a fresh journal is done again and again, each time with another call of
 * the system, or another statement, failing, until none is left to fail. After each the journal is
 * whole and in the state before or the state after. */
#ifndef TESTS_STORE_SWEEP_H
#define TESTS_STORE_SWEEP_H

#include "core/io/file.h"
#include "core/store/db.h"
#include "tests/core/store/disk.h"
#include "tests/core/store/kit.h"

#include <stdlib.h>

enum { SWEEP_MAX = 4000 }; /* calls of one operation: more are a loop */

static char sweep_big[ST_INLINE_MAX + 7]; /* a page that is a file */

/* A state as files in memory. */
struct sweep_state {
	struct {
		char name[96];
		struct as_buf bytes;
	} file[16];
	size_t n;
};

/* What is done, without a group around it; checks what it was given where it succeeds. */
typedef int (*sweep_fn)(struct st_store *s, struct as_err *e);

struct sweep_act {
	const char *name;
	sweep_fn run;
	bool bare; /* not in a group: nothing changes in the journal */
};

static inline void sweep_clear(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[800];

		(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "spool") != 0) {
			cr_assert(zero(int, remove(path)), "%s", path);
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
}

static inline void sweep_take_folder(struct sweep_state *st, const char *under)
{
	char folder[512];
	const struct dirent *entry;
	DIR *dir;

	(void)snprintf(folder, sizeof folder, "%s%s", tmpdir_path("state"), under);
	dir = opendir(folder);
	cr_assert(ne(ptr, dir, NULL));
	while ((entry = readdir(dir)) != NULL) {
		struct as_err e = { 0 };
		char path[800];

		(void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "spool") == 0) {
			continue;
		}
		cr_assert(lt(sz, st->n, sizeof st->file / sizeof *st->file));
		(void)snprintf(st->file[st->n].name, sizeof st->file[st->n].name, "%s/%.80s", under,
			       entry->d_name);
		ok(io_read_file(path, SIZE_MAX / 2, &st->file[st->n++].bytes, &e));
	}
	(void)closedir(dir);
}

/* Of "state", also while it is open: as a kill would leave it. */
static inline void sweep_take(struct sweep_state *st)
{
	*st = (struct sweep_state){ 0 };
	sweep_take_folder(st, "");
	sweep_take_folder(st, "/spool");
}

static inline void sweep_free(struct sweep_state *st)
{
	for (size_t i = 0; i < st->n; i++) {
		as_buf_free(&st->file[i].bytes);
	}
	*st = (struct sweep_state){ 0 };
}

/* "state" is what it was; there is nothing beside it. */
static inline void sweep_put(const struct sweep_state *st)
{
	static char folder[300];
	static char spool[310];
	struct as_err e = { 0 };

	if (folder[0] == '\0') {
		(void)snprintf(folder, sizeof folder, "%s", tmpdir_path("state"));
		(void)snprintf(spool, sizeof spool, "%s/spool", folder);
	}
	sweep_clear(spool);
	sweep_clear(folder);
	ok(io_make_dirs(spool, 0700, &e));
	for (size_t i = 0; i < st->n; i++) {
		char path[512];
		FILE *f;

		(void)snprintf(path, sizeof path, "%s/%s", folder, st->file[i].name);
		f = fopen(path, "w");
		cr_assert(ne(ptr, f, NULL));
		cr_assert(eq(sz, fwrite(st->file[i].bytes.data, 1, st->file[i].bytes.len, f),
			     st->file[i].bytes.len));
		cr_assert(zero(int, fclose(f)));
	}
}

static inline void sweep_dump_table(sqlite3 *db, const char *table, struct as_buf *out)
{
	char sql[128];
	sqlite3_stmt *q;

	(void)snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
	cr_assert(zero(int, sqlite3_prepare_v2(db, sql, -1, &q, NULL)), "%s", sqlite3_errmsg(db));
	as_buf_printf(out, "\n[%s]", table);
	while (sqlite3_step(q) == SQLITE_ROW) {
		as_buf_puts(out, "\n");
		for (int i = 0; i < sqlite3_column_count(q); i++) {
			as_buf_printf(out, "%d:", sqlite3_column_type(q, i));
			as_buf_put(out, sqlite3_column_blob(q, i),
				   (size_t)sqlite3_column_bytes(q, i));
			as_buf_puts(out, "|");
		}
	}
	cr_assert(zero(int, sqlite3_finalize(q)));
}

/* All rows of all tables. */
static inline void sweep_dump_rows(struct st_store *s, struct as_buf *out)
{
	static const char *const tables[] = { "journal",    "stream", "kase",
					      "submission", "page",   "judgment",
					      "subscriber", "epoch",  "dead" };

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		sweep_dump_table(s->db, tables[i], out);
	}
}

/* The journal of "state", opened anew, is whole; all that it says. */
static inline void sweep_dump(struct as_buf *out)
{
	struct st_store *s = kit_open();
	struct st_verify v = { .whole = true };
	struct as_err e = { 0 };
	struct sweep_state files;

	as_buf_clear(out);
	ok(st_verify_all(s, &v, &e));
	sweep_dump_rows(s, out);
	st_close(s);
	sweep_take(&files);
	for (size_t i = 0; i < files.n; i++) {
		if (strncmp(files.file[i].name, "/spool", 6) == 0) {
			as_buf_printf(out, "\n%s %zu", files.file[i].name, files.file[i].bytes.len);
		}
	}
	sweep_free(&files);
}

/* Cases in every state: c1 to c3 judged, "small" with a page in its row, tried once, "large" with a
 * file, "parked", "dead" judged and given up, and a subscriber. */
static inline void sweep_fill(struct st_store *s)
{
	const struct st_page tried = { .name = "x", .out = ST_GIVEN, .strikes = 1 };
	char sha256[IO_DIGEST_SIZE];
	char prev[IO_DIGEST_SIZE];
	char body[512];
	struct st_judgment j = { .stream = "s",
				 .kase = "dead",
				 .seq = 4,
				 .body = body,
				 .sha256 = sha256,
				 .time = 4000000000,
				 .dead = &(struct st_dead){ .part = "x",
							    .reason = "attempts",
							    .attempts = 3,
							    .ended = "signal 9",
							    .time = 5 } };
	struct as_err e = { 0 };
	uint64_t seq;
	bool known;

	memset(sweep_big, 'x', sizeof sweep_big - 1);
	kit_fill(s, 1, 3);
	(void)kit_submit(s, (struct kit_sent){ .kase = "small", .name = "x", .text = "page" });
	(void)kit_submit(s, (struct kit_sent){ .kase = "large", .name = "x", .text = sweep_big });
	(void)kit_submit(
	    s, (struct kit_sent){ .kase = "parked", .name = "x", .text = "wait", .arrived = 50 });
	(void)kit_submit(s, (struct kit_sent){ .kase = "dead", .name = "x", .text = "poison" });
	ok(st_begin(s, &e));
	ok(st_last(s, "s", &seq, prev, &e));
	j.size = (size_t)snprintf(body, sizeof body,
				  "{\"id\":\"1-4\",\"source\":\"/assay/j/s\",\"subject\":\"dead\","
				  "\"data\":{\"kind\":\"rejected\",\"stream\":\"s\",\"seq\":4,"
				  "\"prev\":\"%s\"}}",
				  prev);
	io_digest(body, j.size, sha256);
	ok(st_judge(s, &j, &e));
	ok(st_park(s, "s", "parked", &e));
	ok(st_attempt(s, "s", "small", &tried, &e));
	ok(st_subscribe(s, "s", "sub", &known, &seq, &e));
	ok(st_ack(s, "s", "sub", 1, &known, &seq, &e));
	ok(st_commit(s, &e));
}

/* In a group, or bare. */
static inline int sweep_do(const struct sweep_act *a, struct st_store *s, struct as_err *e)
{
	int rc;

	if (a->bare) {
		return a->run(s, e);
	}
	TRY(st_begin(s, e));
	TRY(a->run(s, e));
	TRY(st_commit(s, e));
out:
	return rc;
}

/* Statements fail too: SQLite tells of each that begins, and asks on its way whether it is to go
 * on.
 */
static bool sweep_stop;

static inline int sweep_begins(unsigned what, void *ctx, void *q, void *text)
{
	(void)what;
	(void)ctx;
	(void)q;
	(void)text;
	sweep_stop = sweep_stop || fault_hits(FAULT_STATEMENT);
	return 0;
}

static inline int sweep_ask(void *ctx)
{
	const bool stop = sweep_stop;

	(void)ctx;
	sweep_stop = false;
	return stop;
}

static inline void sweep_arm(struct st_store *s, struct fault how)
{
	if (how.number == FAULT_INTERRUPT && s != NULL) {
		(void)sqlite3_trace_v2(s->db, SQLITE_TRACE_STMT, sweep_begins, NULL);
		sqlite3_progress_handler(s->db, 1, sweep_ask, NULL);
	}
	fault = how;
}

/* How often it was to fail; no more. */
static inline size_t sweep_disarm(void)
{
	const size_t fired = fault.fired;

	fault = (struct fault){ 0 };
	return fired;
}

/* A refusal has its code and says what was the matter. */
static inline void sweep_check_error(const char *name, size_t n, int rc, const struct as_err *e)
{
	cr_assert(lt(int, rc, AS_OK), "%s, call %zu: %d", name, n, rc);
	cr_assert(eq(int, e->code, rc), "%s, call %zu: %s", name, n, e->msg);
	cr_assert(lt(sz, (size_t)0, strlen(e->msg)), "%s, call %zu", name, n);
}

/* The group found no room: it has not happened, and is done again where there is some. */
static inline int sweep_again(const struct sweep_act *a, struct st_store *s, struct as_err *e)
{
	int rc;

	TRY(st_rollback(s, e));
	(void)sweep_disarm();
	TRY(sweep_do(a, s, e));
out:
	return rc;
}

/* One failure: whether there was a call n to fail. */
static inline bool sweep_one(const struct sweep_act *a, const struct sweep_state *from,
			     struct fault how, const struct as_buf *before,
			     const struct as_buf *after)
{
	struct as_buf is = { 0 };
	struct as_err e = { 0 };
	struct st_store *s;
	size_t fired;
	int rc;

	sweep_put(from);
	s = kit_open();
	(void)sqlite3_db_release_memory(s->db); /* so that it is read again */
	sweep_arm(s, how);
	rc = sweep_do(a, s, &e);
	fired = fault.fired;
	if (rc != AS_OK) {
		sweep_check_error(a->name, how.at, rc, &e);
		cr_assert(lt(sz, (size_t)0, fired), "%s: %s", a->name, e.msg);
		if (rc == AS_EFULL && !a->bare) {
			rc = sweep_again(a, s, &e);
			cr_assert(eq(int, rc, AS_OK), "%s, call %zu, again: %s", a->name, how.at,
				  e.msg);
		}
	}
	st_close(s);
	(void)sweep_disarm();
	sweep_dump(&is);
	cr_assert(strcmp(is.data, after->data) == 0 ||
		      (rc != AS_OK && strcmp(is.data, before->data) == 0),
		  "%s, call %zu (%d): neither as before nor as after\n%s", a->name, how.at, rc,
		  is.data);
	as_buf_free(&is);
	return fired > 0;
}

/* All failures of this kind, from how.at on; each kind begins at another call where not every one
 * is made to fail. */
static inline size_t sweep(const struct sweep_act *a, const struct sweep_state *from,
			   struct fault how)
{
	struct as_buf before = { 0 };
	struct as_buf after = { 0 };
	struct as_err e = { 0 };
	struct st_store *s;
	size_t n = 0;

	sweep_put(from);
	sweep_dump(&before);
	sweep_put(from);
	s = kit_open();
	cr_assert(eq(int, sweep_do(a, s, &e), AS_OK), "%s: %s", a->name, e.msg);
	st_close(s);
	sweep_dump(&after);
	for (; sweep_one(a, from, how, &before, &after); how.at += FAULT_STEP) {
		cr_assert(lt(sz, how.at, (size_t)SWEEP_MAX), "%s does not end", a->name);
		n++;
	}
	as_buf_free(&after);
	as_buf_free(&before);
	return n * FAULT_STEP;
}

#endif
