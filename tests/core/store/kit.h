/* SPDX-License-Identifier: Apache-2.0
 * kit.h - a journal of a test's own and submissions of one line each. */
#ifndef TESTS_STORE_KIT_H
#define TESTS_STORE_KIT_H

#include "core/store/store.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static inline struct st_store *kit_open(void)
{
	struct st_store *s = NULL;
	struct as_err e = { 0 };

	ok(st_open(&s, tmpdir_path("state"), &e));
	return s;
}

/* One submission of one page (or none: name NULL). */
struct kit_sent {
	const char *kase, *key, *name;
	uint32_t page;
	const char *text;
	bool complete, closed, wait;
	int64_t arrived;
};

/* In a group of its own. */
static inline struct st_answer kit_submit(struct st_store *s, struct kit_sent k)
{
	char sha256[IO_DIGEST_SIZE] = "";
	char manifest[IO_DIGEST_SIZE];
	char all[512];
	struct st_answer a;
	struct as_err e = { 0 };
	const struct st_page page = { .name = k.name,
				      .page = k.page,
				      .type = "text/plain",
				      .sha256 = sha256,
				      .data = k.text,
				      .size = k.text ? strlen(k.text) : 0 };
	const struct st_submission in = { .stream = "s",
					  .kase = k.kase,
					  .key = k.key ? k.key : manifest,
					  .manifest = manifest,
					  .complete = k.complete,
					  .closed = k.closed,
					  .received = 1000,
					  .wait = k.wait,
					  .arrived = k.arrived,
					  .page = &page,
					  .pages = k.name ? 1 : 0 };

	if (k.name != NULL) {
		io_digest(k.text, strlen(k.text), sha256);
	}
	(void)snprintf(all, sizeof all, "%s %s %u %s %d", k.kase, k.name ? k.name : "", k.page,
		       sha256, k.complete);
	io_digest(all, strlen(all), manifest);
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	ok(st_commit(s, &e));
	return a;
}

/* The judgment's time is its number in seconds. */
static inline int kit_judge(struct st_store *s, const char *kase, uint64_t seq, const char *body,
			    struct as_err *e)
{
	char sha256[IO_DIGEST_SIZE];
	const struct st_judgment j = { .stream = "s",
				       .kase = kase,
				       .seq = seq,
				       .body = body,
				       .size = strlen(body),
				       .sha256 = sha256,
				       .time = (int64_t)seq * 1000000000 };
	int rc;

	io_digest(body, strlen(body), sha256);
	TRY(st_begin(s, e));
	TRY(st_judge(s, &j, e));
	TRY(st_commit(s, e));
out:
	return rc;
}

/* Cases "c<n>" with part x = "1", and their judgments as the daemon would chain them, numbers first
 * to last. */
static inline void kit_fill(struct st_store *s, int first, int last)
{
	char prev[IO_DIGEST_SIZE];
	struct as_err e = { 0 };
	uint64_t seq;

	for (int i = first; i <= last; i++) {
		char id[16];
		char body[256];

		(void)snprintf(id, sizeof id, "c%d", i);
		(void)kit_submit(s, (struct kit_sent){ .kase = id, .name = "x", .text = "1" });
		ok(st_last(s, "s", &seq, prev, &e));
		(void)snprintf(body, sizeof body,
			       "{\"id\":\"1-%d\",\"source\":\"/assay/j/s\",\"subject\":\"%s\","
			       "\"data\":{\"kind\":\"result\",\"stream\":\"s\",\"seq\":%d,"
			       "\"prev\":\"%s\"}}",
			       i, id, i, prev);
		ok(kit_judge(s, id, (uint64_t)i, body, &e));
	}
}

/* The closed journal of kit_open, through the layer that keeps its pages' sums. */
static inline void kit_db(sqlite3 **db)
{
	cr_assert(zero(int, sqlite3_open_v2(tmpdir_path("state/journal.db"), db,
					    SQLITE_OPEN_READWRITE, "assay")));
	cr_assert(
	    zero(int, sqlite3_exec(*db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL)));
}

/* Runs SQL on it and opens it again. */
static inline void kit_sql(const char *sql, struct st_store **s)
{
	sqlite3 *db;

	st_close(*s);
	kit_db(&db);
	cr_assert(zero(int, sqlite3_exec(db, sql, NULL, NULL, NULL)), "%s", sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	*s = kit_open();
}

#endif
