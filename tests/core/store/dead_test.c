/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

#include <inttypes.h>
#include <sys/stat.h>

static char big[ST_INLINE_MAX + 2];

/* A case of a small page and one in the spool, given up. */
static void give_up(struct st_store *s, const char *kase, uint64_t seq)
{
	const struct st_dead dead = { .part = "a",
				      .page = 1,
				      .reason = "attempts",
				      .attempts = 3,
				      .ended = "signal 9",
				      .time = 77 };
	char sha256[IO_DIGEST_SIZE];
	const struct st_judgment j = { .stream = "s",
				       .kase = kase,
				       .seq = seq,
				       .body = kase,
				       .size = strlen(kase),
				       .sha256 = sha256,
				       .dead = &dead };
	struct as_err e = { 0 };

	memset(big, 'x', sizeof big - 1);
	io_digest(kase, strlen(kase), sha256);
	(void)kit_submit(s, (struct kit_sent){ .kase = kase, .name = "a", .text = "x" });
	(void)kit_submit(s, (struct kit_sent){ .kase = kase, .name = "b", .text = big });
	ok(st_begin(s, &e));
	ok(st_judge(s, &j, &e));
	ok(st_commit(s, &e));
}

static void note(void *ctx, const struct st_letter *l)
{
	as_buf_printf(ctx, "%" PRIu64 " %s/%s #%" PRIu64 " %s.%u %s %u \"%s\" %d\n", l->id,
		      l->stream, l->kase, l->seq, l->dead.part, l->dead.page, l->dead.reason,
		      l->dead.attempts, l->dead.ended, (int)l->dead.time);
}

static const char *list(struct st_store *s, uint64_t after, size_t max)
{
	static struct as_buf all;
	struct as_err e = { 0 };

	as_buf_clear(&all);
	as_buf_puts(&all, "");
	ok(st_dead_list(s, after, max, note, &all, &e));
	return all.data;
}

static bool in_spool(void)
{
	char sha256[IO_DIGEST_SIZE];
	char path[128];
	struct stat st;

	io_digest(big, strlen(big), sha256);
	(void)snprintf(path, sizeof path, "state/spool/%s", sha256);
	return stat(tmpdir_path(path), &st) == 0;
}

static size_t load(struct st_store *s, const char *kase, const char *name)
{
	const struct st_page p = { .name = name };
	struct as_buf out = { 0 };
	struct as_err e = { 0 };
	const int rc = st_load(s, "s", kase, &p, &out, &e);
	const size_t n = out.len;

	as_buf_free(&out);
	return rc == AS_OK ? n : 0;
}

static int retry(struct st_store *s, struct st_retry *r, struct as_err *e)
{
	int rc;

	TRY(st_begin(s, e));
	rc = st_dead_retry(s, r, e);
	if (st_commit(s, e) != AS_OK) {
		return AS_EIO;
	}
out:
	return rc;
}

Test(store_dead, letter_says_what_happened_and_keeps_the_pages)
{
	struct st_store *s = kit_open();

	give_up(s, "c", 1);
	give_up(s, "d", 2);
	same(list(s, 0, 10), "1 s/c #1 a.1 attempts 3 \"signal 9\" 77\n"
			     "2 s/d #2 a.1 attempts 3 \"signal 9\" 77\n");
	same(list(s, 0, 1), "1 s/c #1 a.1 attempts 3 \"signal 9\" 77\n");
	same(list(s, 1, 1), "2 s/d #2 a.1 attempts 3 \"signal 9\" 77\n");
	st_close(s);
	s = kit_open(); /* the sweep at the start leaves its file */
	cr_assert(eq(sz, load(s, "c", "a"), (size_t)1));
	cr_assert(eq(sz, load(s, "c", "b"), strlen(big)));
	st_close(s);
}

Test(store_dead, dropped_letter_lets_its_pages_go)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	give_up(s, "c", 1);
	cr_assert(in_spool());
	ok(st_begin(s, &e));
	ok(st_dead_drop(s, 1, &e));
	fails(st_dead_drop(s, 1, &e), AS_ENOINPUT, "no dead letter 1");
	fails(st_dead_drop(s, 0, &e), AS_ENOINPUT, "no dead letter 0");
	fails(st_dead_drop(s, UINT64_MAX, &e), AS_ENOINPUT, "no dead letter 18446744073709551615");
	ok(st_commit(s, &e));
	same(list(s, 0, 10), "");
	cr_assert(not(in_spool()));
	cr_assert(zero(sz, load(s, "c", "a")));
	st_close(s);
}

Test(store_dead, retry_is_a_new_complete_case_with_the_same_pages)
{
	struct st_store *s = kit_open();
	struct st_retry r = { .id = 1, .received = 5, .arrived = 6 };
	struct st_answer a;
	struct as_err e = { 0 };

	give_up(s, "c", 1);
	ok(retry(s, &r, &e));
	same(r.as, "c~2");
	same(r.stream, "s");
	same(list(s, 0, 10), "");
	cr_assert(eq(sz, load(s, "c~2", "a"), (size_t)1));
	cr_assert(eq(sz, load(s, "c~2", "b"), strlen(big))); /* its file stayed */
	cr_assert(zero(sz, load(s, "c", "a")));
	a = kit_submit(s, (struct kit_sent){ .kase = "c~2", .name = "z", .text = "z" });
	cr_assert(eq(int, a.verdict, ST_CLOSED));
	fails(retry(s, &r, &e), AS_ENOINPUT, "no dead letter 1");
	ok(kit_judge(s, "c~2", 2, "better", &e));
	cr_assert(not(in_spool()));
	st_close(s);
}

Test(store_dead, names_of_retries_do_not_pile_up)
{
	struct st_store *s = kit_open();
	struct st_retry r = { .id = 1 };
	struct as_err e = { 0 };
	char wide[257];

	give_up(s, "c", 1);
	give_up(s, "c~2", 2);
	ok(retry(s, &r, &e));
	same(r.as, "c~3");
	r = (struct st_retry){ .id = 2 };
	ok(retry(s, &r, &e));
	same(r.as, "c~4"); /* not c~2~2 */
	give_up(s, "e", 3);
	r = (struct st_retry){ .id = 3, .as = "c" };
	fails(retry(s, &r, &e), AS_EFORMAT, "case c of s is there already");
	(void)snprintf(r.as, sizeof r.as, "again");
	ok(retry(s, &r, &e));
	same(r.as, "again");
	memset(wide, 'w', sizeof wide - 1);
	wide[sizeof wide - 1] = '\0';
	give_up(s, wide, 4);
	r = (struct st_retry){ .id = 4 };
	fails(retry(s, &r, &e), AS_EFORMAT, "no room for a number");
	st_close(s);
}

Test(store_dead, name_that_only_looks_numbered_is_kept_whole)
{
	static const char *const all[][2] = { { "a~", "a~~2" }, { "a~b", "a~b~2" } };
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	for (uint64_t i = 0; i < 2; i++) {
		struct st_retry r = { .id = i + 1 };

		give_up(s, all[i][0], i + 1);
		ok(retry(s, &r, &e));
		same(r.as, all[i][1]);
	}
	st_close(s);
}

Test(store_dead, case_whose_names_are_all_taken_wants_one)
{
	struct st_store *s = kit_open();
	struct st_retry r = { .id = 1 };
	struct as_err e = { 0 };

	give_up(s, "c", 1);
	kit_sql("INSERT INTO kase(stream, name, received, complete) WITH RECURSIVE n(i) AS"
		" (VALUES(2) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
		" SELECT 's', 'c~' || i, 0, 0 FROM n",
		&s);
	fails(retry(s, &r, &e), AS_EFORMAT, "case c of s is there already");
	(void)snprintf(r.as, sizeof r.as, "other");
	ok(retry(s, &r, &e));
	st_close(s);
}
