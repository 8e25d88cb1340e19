/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

#include <unistd.h>

#define DAY (INT64_C(86400) * 1000000000)

/* kit_fill gives number n at n seconds; each body has the same size. */
static size_t retain(struct st_store *s, struct st_keep keep, int64_t now)
{
	struct as_err e = { 0 };
	size_t gone;

	ok(st_begin(s, &e));
	ok(st_retain(s, "s", &keep, now, &gone, &e));
	ok(st_commit(s, &e));
	return gone;
}

static struct st_bounds bounds(struct st_store *s)
{
	struct as_err e = { 0 };
	struct st_bounds b;

	ok(st_bounds(s, "s", &b, &e));
	return b;
}

static void subscribe(struct st_store *s, const char *name, uint64_t at)
{
	struct as_err e = { 0 };
	uint64_t seq;
	bool known;

	ok(st_subscribe(s, "s", name, &known, &seq, &e));
	ok(st_ack(s, "s", name, at, &known, &seq, &e));
}

Test(store_retention, bytes_are_let_go_from_the_front_until_they_fit)
{
	struct st_store *s = kit_open();
	const uint64_t each = (kit_fill(s, 1, 9), bounds(s).bytes / 9);

	cr_assert(zero(sz, retain(s, (struct st_keep){ .bytes = 9 * each }, 0)));
	cr_assert(eq(sz, retain(s, (struct st_keep){ .bytes = 9 * each - 1 }, 0), (size_t)1));
	cr_assert(eq(sz, retain(s, (struct st_keep){ .bytes = 4 * each }, 0), (size_t)4));
	cr_assert(eq(u64, bounds(s).first, 6));
	cr_assert(eq(u64, bounds(s).last, 9));
	cr_assert(eq(u64, bounds(s).bytes, 4 * each));
	st_close(s);
}

Test(store_retention, days_are_counted_from_the_judgment)
{
	struct st_store *s = kit_open();

	kit_fill(s, 1, 9);
	cr_assert(zero(sz, retain(s, (struct st_keep){ .days = 2 }, 2 * DAY + 1000000000)));
	cr_assert(
	    eq(sz, retain(s, (struct st_keep){ .days = 2 }, 2 * DAY + 3500000000), (size_t)3));
	cr_assert(zero(sz, retain(s, (struct st_keep){ .days = 0 }, 1000 * DAY)));
	cr_assert(eq(sz, retain(s, (struct st_keep){ .days = 1 }, 1000 * DAY), (size_t)6));
	cr_assert(eq(u64, bounds(s).first, 10)); /* nothing is left, and the numbers go on */
	cr_assert(zero(u64, bounds(s).bytes));
	kit_fill(s, 10, 10);
	cr_assert(eq(u64, bounds(s).last, 10));
	st_close(s);
}

Test(store_retention, is_bounded_at_a_time)
{
	struct st_store *s = kit_open();

	kit_fill(s, 1, ST_RETAIN_MAX + 5);
	cr_assert(eq(sz, retain(s, (struct st_keep){ .bytes = 1 }, 0), (size_t)ST_RETAIN_MAX));
	cr_assert(eq(sz, retain(s, (struct st_keep){ .bytes = 1 }, 0), (size_t)5));
	st_close(s);
}

Test(store_retention, what_a_named_subscriber_has_not_had_stays_up_to_its_own_limit)
{
	struct st_store *s = kit_open();
	const uint64_t each = (kit_fill(s, 1, 9), bounds(s).bytes / 9);

	subscribe(s, "slow", 3);
	subscribe(s, "quick", 9);
	cr_assert(eq(sz, retain(s, (struct st_keep){ .bytes = 1 }, 0), (size_t)3));
	cr_assert(eq(sz, retain(s, (struct st_keep){ .bytes = 1, .subscriber_bytes = 5 * each }, 0),
		     (size_t)1));
	cr_assert(eq(
	    sz, retain(s, (struct st_keep){ .bytes = 1, .subscriber_days = 1 }, DAY + 5500000000),
	    (size_t)1));
	cr_assert(eq(u64, bounds(s).first, 6));
	/* A subscriber's limit below the stream's own takes nothing that the stream keeps. */
	cr_assert(zero(sz, retain(s, (struct st_keep){ .subscriber_bytes = 1 }, 0)));
	st_close(s);
}

Test(store_retention, case_id_is_free_when_its_judgment_is_gone)
{
	struct st_store *s = kit_open();
	struct as_buf body = { 0 };
	struct as_err e = { 0 };
	enum st_state state;

	kit_fill(s, 1, 2);
	cr_assert(
	    eq(int,
	       (int)kit_submit(
		   s, (struct kit_sent){ .kase = "c1", .key = "other", .name = "x", .text = "2" })
		   .verdict,
	       ST_CONFLICT));
	cr_assert(
	    eq(sz, retain(s, (struct st_keep){ .bytes = bounds(s).bytes - 1 }, 0), (size_t)1));
	ok(st_find(s, "s", "c1", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_UNKNOWN));
	cr_assert(eq(
	    int,
	    (int)kit_submit(s, (struct kit_sent){ .kase = "c1", .name = "x", .text = "1" }).verdict,
	    ST_ACCEPTED)); /* the same key, too */
	ok(st_find(s, "s", "c2", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_JUDGED));
	as_buf_free(&body);
	st_close(s);
}

Test(store_retention, dead_letter_and_its_file_go_with_their_judgment)
{
	const struct st_dead dead = { .part = "x", .reason = "attempts", .ended = "signal 11" };
	char text[ST_INLINE_MAX + 2];
	char sha256[IO_DIGEST_SIZE];
	char path[128];
	const struct st_judgment j = { .stream = "s",
				       .kase = "a",
				       .seq = 1,
				       .body = "{}",
				       .size = 2,
				       .sha256 = sha256,
				       .dead = &dead };
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	io_digest(text, strlen(text), sha256);
	(void)snprintf(path, sizeof path, "state/spool/%s", sha256);
	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = text });
	ok(st_begin(s, &e));
	ok(st_judge(s, &j, &e));
	ok(st_commit(s, &e));
	cr_assert(zero(int, access(tmpdir_path(path), F_OK)));
	cr_assert(eq(sz, retain(s, (struct st_keep){ .bytes = 1 }, 0), (size_t)1));
	cr_assert(eq(int, access(tmpdir_path(path), F_OK), -1));
	fails(st_dead_drop(s, 1, &e), AS_ENOINPUT, "no dead letter 1");
	st_close(s);
}
