/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/json.h"
#include "tests/core/store/kit.h"

#include <sys/stat.h>
#include <unistd.h>

static struct st_purged purge(struct st_store *s, const char *kase)
{
	struct st_purged p;
	struct as_err e = { 0 };

	ok(st_begin(s, &e));
	ok(st_purge(s, "s", kase, "2026-11-27T00:00:00.000000Z", &p, &e));
	ok(st_commit(s, &e));
	return p;
}

static void verify(struct st_store *s, uint64_t judgments, uint64_t purged)
{
	struct st_verify v = { .whole = true };
	struct as_err e = { 0 };

	ok(st_verify_all(s, &v, &e));
	cr_assert(eq(u64, v.judgments, judgments));
	cr_assert(eq(u64, v.purged, purged));
}

/* Whether a file of the state holds the text. */
static bool is_in(const char *name, const char *text)
{
	struct as_buf path = { 0 };
	struct stat st;
	char *all;
	FILE *f;
	bool found;

	as_buf_printf(&path, "%s/%s", tmpdir_path("state"), name);
	f = fopen(path.data, "rb");
	as_buf_free(&path);
	if (f == NULL) {
		return false;
	}
	cr_assert(zero(int, fstat(fileno(f), &st)));
	all = as_malloc((size_t)st.st_size + 1);
	cr_assert(eq(sz, fread(all, 1, (size_t)st.st_size, f), (size_t)st.st_size));
	found = memmem(all, (size_t)st.st_size, text, strlen(text)) != NULL;
	free(all);
	(void)fclose(f);
	return found;
}

Test(store_purge, tombstone_takes_the_place_and_the_chain_holds)
{
	struct st_store *s = kit_open();
	struct as_buf body = { 0 };
	struct json_t *doc = NULL;
	struct st_bounds before;
	struct st_bounds after;
	struct as_err e = { 0 };
	enum st_state state;
	const struct json_t *data;

	kit_fill(s, 1, 5);
	ok(st_bounds(s, "s", &before, &e));
	cr_assert(eq(u64, purge(s, "c3").seq, 3));
	ok(st_find(s, "s", "c3", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_JUDGED));
	ok(io_json_parse(body.data, body.len, "tombstone", &doc, &e));
	data = io_json_find(doc, "data");
	same(io_json_find_str(data, "kind", ""), "purged");
	same(io_json_find_str(doc, "id", ""), "1-3");
	same(io_json_find_str(doc, "subject", ""), "c3");
	cr_assert(eq(u64, io_json_find_u64(data, "seq", 0), 3));
	cr_assert(eq(sz, strlen(io_json_find_str(data, "sha256", "")), (size_t)64));
	ok(st_bounds(s, "s", &after, &e));
	cr_assert(ne(u64, after.bytes, before.bytes));
	verify(s, 5, 1);
	kit_fill(s, 6, 7);
	verify(s, 7, 1);
	as_buf_clear(&body); /* a second time nothing changes */
	ok(st_find(s, "s", "c3", &state, &body, &e));
	cr_assert(eq(u64, purge(s, "c3").seq, 3));
	verify(s, 7, 1);
	io_json_free(doc);
	as_buf_free(&body);
	st_close(s);
}

Test(store_purge, last_of_a_stream_and_what_is_let_go_after)
{
	struct st_store *s = kit_open();
	struct st_bounds b;
	struct as_err e = { 0 };
	size_t gone;

	kit_fill(s, 1, 3);
	(void)purge(s, "c3");
	kit_fill(s, 4, 4);
	verify(s, 4, 1);
	ok(st_begin(s, &e));
	ok(st_retain(s, "s", &(struct st_keep){ .bytes = 1 }, 0, &gone, &e));
	ok(st_commit(s, &e));
	cr_assert(eq(sz, gone, (size_t)4));
	ok(st_bounds(s, "s", &b, &e));
	cr_assert(zero(u64, b.bytes)); /* bytes are counted to the last */
	verify(s, 0, 0);
	st_close(s);
}

Test(store_purge, what_was_there_leaves_the_files)
{
	struct st_store *s = kit_open();
	char secret[] = "Mrs Someone's findings";
	struct as_err e = { 0 };

	(void)kit_submit(s, (struct kit_sent){ .kase = "c1", .name = "x", .text = "part" });
	ok(kit_judge(s, "c1", 1,
		     "{\"subject\":\"c1\",\"data\":{\"stream\":\"s\",\"seq\":1,"
		     "\"x\":\"Mrs Someone's findings\"}}",
		     &e));
	cr_assert(is_in("journal.db-wal", secret));
	(void)purge(s, "c1");
	cr_assert(not(is_in("journal.db-wal", secret)));
	cr_assert(not(is_in("journal.db", secret)));
	st_close(s);
}

Test(store_purge, same_submission_again_is_the_same_and_other_parts_are_refused)
{
	struct st_store *s = kit_open();
	struct st_answer a;

	kit_fill(s, 1, 1);
	(void)purge(s, "c1");
	a = kit_submit(s, (struct kit_sent){ .kase = "c1", .name = "x", .text = "1" });
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE));
	cr_assert(a.judged);
	a = kit_submit(s, (struct kit_sent){ .kase = "c1", .name = "y", .text = "2" });
	cr_assert(eq(int, (int)a.verdict, ST_CLOSED));
	verify(s, 1, 1);
	st_close(s);
}

Test(store_purge, dead_letter_goes_too)
{
	const struct st_dead dead = { .part = "x", .reason = "cpu", .ended = "signal 24" };
	const char body[] =
	    "{\"subject\":\"c\",\"data\":{\"stream\":\"s\",\"seq\":1,\"prev\":\"\"}}";
	char sha256[IO_DIGEST_SIZE];
	const struct st_judgment j = { .stream = "s",
				       .kase = "c",
				       .seq = 1,
				       .body = body,
				       .size = sizeof body - 1,
				       .sha256 = sha256,
				       .dead = &dead };
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	io_digest(body, sizeof body - 1, sha256);
	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .name = "x", .text = "1" });
	ok(st_begin(s, &e));
	ok(st_judge(s, &j, &e));
	ok(st_commit(s, &e));
	(void)purge(s, "c");
	fails(st_dead_drop(s, 1, &e), AS_ENOINPUT, "no dead letter 1");
	st_close(s);
}

Test(store_purge, case_that_is_not_judged_is_not_touched)
{
	struct st_store *s = kit_open();
	struct as_buf body = { 0 };
	struct as_err e = { 0 };
	enum st_state state;

	(void)kit_submit(s, (struct kit_sent){ .kase = "open", .name = "x", .text = "1" });
	cr_assert(eq(int, (int)purge(s, "open").state, ST_OPEN));
	cr_assert(eq(int, (int)purge(s, "nobody").state, ST_UNKNOWN));
	ok(st_find(s, "s", "open", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_OPEN));
	st_close(s);
}
