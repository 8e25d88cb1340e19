/* SPDX-License-Identifier: Apache-2.0
 * A journal is verified as it was written, and each kind of change in it is named. */
#include "tests/core/store/kit.h"

#include <unistd.h>

enum { MANY = 600 }; /* more than one step */

/* The journal of kit_fill(1, n) after this SQL is found to be broken. */
static void finds(const char *sql, const char *what)
{
	struct st_store *s = kit_open();
	struct st_verify v = { .whole = true };
	struct as_err e = { 0 };

	kit_fill(s, 1, 9);
	kit_sql(sql, &s);
	fails(st_verify_all(s, &v, &e), AS_EFORMAT, what);
	st_close(s);
}

Test(store_verify, journal_that_nobody_changed_is_intact)
{
	struct st_store *s = kit_open();
	struct st_verify v = { 0 };
	struct as_err e = { 0 };

	kit_fill(s, 1, MANY);
	(void)kit_submit(s, (struct kit_sent){ .kase = "open", .name = "x", .text = "waits" });
	ok(st_verify_all(s, &v, &e));
	cr_assert(v.structure);
	cr_assert(eq(u64, v.streams, 1));
	cr_assert(eq(u64, v.judgments, MANY));
	cr_assert(eq(u64, v.cases, MANY + 1));
	cr_assert(eq(u64, v.pages, 1)); /* the bytes of the judged ones are gone */
	ok(st_check(s, &e));
	st_close(s);
}

Test(store_verify, empty_journal_is_intact)
{
	struct st_store *s = kit_open();
	struct st_verify v = { 0 };
	struct as_err e = { 0 };

	ok(st_verify_all(s, &v, &e));
	cr_assert(zero(u64, v.streams));
	st_close(s);
}

Test(store_verify, chain_holds_when_the_front_is_let_go)
{
	struct st_store *s = kit_open();
	struct st_verify v = { 0 };
	struct as_err e = { 0 };
	size_t gone;

	kit_fill(s, 1, 9);
	ok(st_begin(s, &e));
	ok(st_retain(s, "s", &(struct st_keep){ .days = 1 },
		     INT64_C(86400) * 1000000000 + 4500000000, &gone, &e));
	ok(st_commit(s, &e));
	cr_assert(eq(sz, gone, (size_t)4));
	ok(st_verify_all(s, &v, &e));
	cr_assert(eq(u64, v.judgments, 5));
	kit_sql("UPDATE stream SET anchor = sha256", &s);
	v = (struct st_verify){ 0 };
	fails(st_verify_all(s, &v, &e), AS_EFORMAT,
	      "stream s, number 5: it does not name the digest");
	st_close(s);
}

Test(store_verify, stream_that_changes_between_two_steps_is_no_break)
{
	struct st_store *s = kit_open();
	struct st_verify v = { 0 };
	struct as_err e = { 0 };
	size_t gone;

	kit_fill(s, 1, MANY);
	while (v.judgments == 0) {
		ok(st_verify(s, &v, &e));
	}
	ok(st_begin(s, &e));
	for (int i = 0; i < 10; i++) { /* beyond what was looked at */
		ok(st_retain(s, "s", &(struct st_keep){ .bytes = 1 }, 0, &gone, &e));
	}
	ok(st_commit(s, &e));
	kit_fill(s, MANY + 1, MANY + 3);
	ok(st_verify_all(s, &v, &e));
	st_close(s);
}

Test(store_verify, changed_body)
{
	finds("UPDATE judgment SET body = CAST(replace(body, 'result', 'reject') AS BLOB) WHERE "
	      "seq = 4",
	      "stream s, number 4: its body is not that of its digest");
}

Test(store_verify, missing_number)
{
	finds("DELETE FROM judgment WHERE seq = 4; UPDATE kase SET seq = NULL WHERE seq = 4",
	      "stream s, number 4: it is missing");
}

Test(store_verify, missing_tail)
{
	finds("DELETE FROM judgment WHERE seq > 7", "stream s, number 8: it is missing");
}

Test(store_verify, judgment_above_the_last)
{
	finds("UPDATE stream SET last = 8", "stream s, number 9: it is above the stream's last");
}

Test(store_verify, digest_of_the_last)
{
	finds("UPDATE stream SET sha256 = anchor", "stream s, number 9: its digest is not");
}

Test(store_verify, stream_that_is_not_there)
{
	finds("DELETE FROM stream", "stream s has judgments and is not there");
}

Test(store_verify, body_of_another_number)
{
	finds(
	    "UPDATE judgment SET (body, sha256) = (SELECT body, sha256 FROM judgment WHERE seq = 3)"
	    " WHERE seq = 4",
	    "stream s, number 4: its body is of another number or stream");
}

Test(store_verify, renamed_case)
{
	finds("UPDATE kase SET name = 'other' WHERE name = 'c5'",
	      "stream s, number 5: its case is not there");
}

Test(store_verify, judgment_that_was_given_to_two_cases)
{
	finds("INSERT INTO kase(stream, name, received, complete, seq) VALUES('s', 'c2b', 0, 1, 2)",
	      "stream s, case c2b: number 2 is not its judgment");
}

Test(store_verify, page_of_no_case)
{
	finds("UPDATE page SET kase = 4711 WHERE kase = 3", "page x 0 is of no case");
}

Test(store_verify, key_of_no_case)
{
	finds("UPDATE submission SET kase = 4711 WHERE kase = 3",
	      "a submission is of case row 4711, which is not there");
}

Test(store_verify, dead_letter_of_no_case)
{
	finds("INSERT INTO dead(kase, part, page, reason, attempts, ended, time)"
	      " VALUES(4711, '', 0, '', 3, '', 0)",
	      "dead letter 1 is of no judged case");
}

Test(store_verify, tombstone_of_another_judgment)
{
	finds("UPDATE judgment SET purged = 1 WHERE seq = 4",
	      "stream s, number 4: it is purged, and its tombstone is of another judgment");
}

Test(store_verify, bytes_that_wait_for_their_judgment)
{
	struct st_store *s = kit_open();
	struct st_verify v = { 0 };
	const struct st_page page = { .name = "x" };
	struct as_buf out = { 0 };
	struct as_err e = { 0 };

	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .name = "x", .text = "true" });
	kit_sql("UPDATE page SET bytes = x'66616c7365'", &s);
	fails(st_verify_all(s, &v, &e), AS_EFORMAT,
	      "stream s, case c: x page 0 is not what was accepted");
	fails(st_load(s, "s", "c", &page, &out, &e), AS_EFORMAT, "other bytes than were accepted");
	kit_sql("UPDATE page SET bytes = NULL", &s);
	v = (struct st_verify){ 0 };
	fails(st_verify_all(s, &v, &e), AS_EFORMAT,
	      "stream s, case c: x page 0 is not what was accepted");
	as_buf_free(&out);
	st_close(s);
}

Test(store_verify, file_in_the_spool)
{
	static char big[ST_INLINE_MAX + 2];
	char sha256[IO_DIGEST_SIZE];
	char path[128];
	struct st_store *s = kit_open();
	struct st_verify v = { 0 };
	struct as_err e = { 0 };

	memset(big, 'x', sizeof big - 1);
	io_digest(big, strlen(big), sha256);
	(void)snprintf(path, sizeof path, "state/spool/%s", sha256);
	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .name = "x", .text = big });
	ok(st_verify_all(s, &v, &e));
	cr_assert(eq(u64, v.pages, 1));
	cr_assert(zero(int, truncate(tmpdir_path(path), ST_INLINE_MAX)));
	v = (struct st_verify){ 0 };
	fails(st_verify_all(s, &v, &e), AS_EFORMAT,
	      "stream s, case c: x page 0 is not what was accepted");
	cr_assert(zero(int, unlink(tmpdir_path(path))));
	v = (struct st_verify){ 0 };
	fails(st_verify_all(s, &v, &e), AS_EFORMAT, sha256);
	st_close(s);
}

Test(store_verify, start_looks_at_the_end_of_each_stream_only)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	kit_fill(s, 1, 200);
	kit_sql("UPDATE judgment SET body = x'7b7d' WHERE seq = 100", &s);
	ok(st_check(s, &e));
	kit_sql("UPDATE judgment SET body = x'7b7d' WHERE seq = 190", &s);
	fails(st_check(s, &e), AS_EDAMAGE,
	      "the journal is damaged: stream s, number 190: its body is not that of its digest");
	st_close(s);
}

static bool none(void *ctx, uint64_t seq, const void *body, size_t size)
{
	(void)body;
	(void)size;
	*(uint64_t *)ctx = seq;
	return true;
}

Test(store_verify, changed_body_is_told_to_nobody)
{
	struct st_store *s = kit_open();
	struct as_buf out = { 0 };
	struct as_err e = { 0 };
	enum st_state state;
	uint64_t last;
	uint64_t seen = 0;

	kit_fill(s, 1, 9);
	kit_sql("UPDATE judgment SET body = CAST(replace(body, 'result', 'reject') AS BLOB) WHERE "
		"seq = 4",
		&s);
	fails(st_find(s, "s", "c4", &state, &out, &e), AS_EFORMAT, "stream s, number 4");
	fails(st_replay(s, "s", 0, none, &seen, &last, &e), AS_EFORMAT, "stream s, number 4");
	cr_assert(eq(u64, seen, 3));
	as_buf_free(&out);
	st_close(s);
}

Test(store_verify, looking_changes_nothing_and_is_refused_beside_a_daemon)
{
	struct st_store *s = kit_open();
	struct st_store *other = NULL;
	struct st_verify v = { .whole = true };
	struct as_err e = { 0 };

	kit_fill(s, 1, 3);
	fails(st_look(&other, tmpdir_path("state"), &e), AS_EAGAIN, "in use by another assayd");
	st_close(s);
	ok(st_look(&s, tmpdir_path("state"), &e));
	ok(st_begin(s, &e));
	ok(st_verify_all(s, &v, &e));
	ok(st_commit(s, &e));
	cr_assert(eq(u64, v.judgments, 3));
	ok(st_begin(s, &e));
	cr_assert(ne(int, st_attempts_over(s, &e), AS_OK), "a look writes nothing");
	st_close(s);
	fails(st_look(&s, tmpdir_path("nowhere"), &e), AS_ENOINPUT, "nowhere");
}

Test(store_verify, case_that_is_gone)
{
	finds("DELETE FROM kase WHERE name = 'c5'", "stream s, number 5: its case is not there");
}

/* The digest is that of the body. */
static void finds_body(const char *body, const char *what)
{
	struct st_store *s = kit_open();
	struct st_verify v = { .whole = true };
	struct as_err e = { 0 };

	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .name = "x", .text = "1" });
	ok(kit_judge(s, "c", 1, body, &e));
	fails(st_verify_all(s, &v, &e), AS_EFORMAT, what);
	st_close(s);
}

Test(store_verify, body_that_is_no_judgment)
{
	finds_body("no JSON", "stream s, number 1: its body");
}

Test(store_verify, body_of_another_stream)
{
	finds_body("{\"subject\":\"c\",\"data\":{\"stream\":\"t\",\"seq\":1}}",
		   "stream s, number 1: its body is of another number or stream");
}

Test(store_verify, tombstone_with_another_digest)
{
	struct st_store *s = kit_open();
	struct st_verify v = { .whole = true };
	struct st_purged purged;
	struct as_err e = { 0 };

	kit_fill(s, 1, 9);
	ok(st_begin(s, &e));
	ok(st_purge(s, "s", "c4", "now", &purged, &e));
	ok(st_commit(s, &e));
	kit_sql("UPDATE judgment SET sha256 = (SELECT sha256 FROM judgment WHERE seq = 3)"
		" WHERE seq = 4",
		&s);
	fails(st_verify_all(s, &v, &e), AS_EFORMAT,
	      "stream s, number 4: it is purged, and its tombstone is of another judgment");
	st_close(s);
}

/* Others wait meanwhile: after so many bytes a step is over. */
Test(store_verify, large_pages_take_several_steps)
{
	static char big[5 << 20];
	struct st_store *s = kit_open();
	struct st_verify v = { 0 };
	struct as_err e = { 0 };
	const char *const ids[] = { "a", "b", "c" };

	for (size_t i = 0; i < 3; i++) {
		memset(big, ids[i][0], sizeof big - 1);
		(void)kit_submit(s, (struct kit_sent){ .kase = ids[i], .name = "x", .text = big });
	}
	while (v.pages == 0) {
		ok(st_verify(s, &v, &e));
	}
	cr_assert(eq(u64, v.pages, 2));
	ok(st_verify_all(s, &v, &e));
	cr_assert(eq(u64, v.pages, 3));
	st_close(s);
}
