/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

/* "case:page/out/strikes " a page. */
static void note(void *ctx, const struct st_case *c, const struct st_page *p)
{
	as_buf_printf(ctx, "%s:%s/%d/%u ", c->kase, p->name ? p->name : "-", (int)p->out,
		      p->strikes);
}

static const char *unjudged(struct st_store *s)
{
	static struct as_buf all;
	struct as_err e = { 0 };

	as_buf_clear(&all);
	as_buf_puts(&all, "");
	ok(st_unjudged(s, note, &all, &e));
	return all.data;
}

static void attempt(struct st_store *s, const char *kase, const char *page, enum st_out out,
		    uint32_t strikes)
{
	const struct st_page p = { .name = page, .out = out, .strikes = strikes };
	struct as_err e = { 0 };

	ok(st_begin(s, &e));
	ok(st_attempt(s, "s", kase, &p, &e));
	ok(st_commit(s, &e));
}

static void park(struct st_store *s, const char *kase)
{
	struct as_err e = { 0 };

	ok(st_begin(s, &e));
	ok(st_park(s, "s", kase, &e));
	ok(st_commit(s, &e));
}

static const char *wake(struct st_store *s, int64_t until, size_t max, int64_t *first)
{
	static struct as_buf all;
	const struct st_due due = { "s", until, max };
	struct as_err e = { 0 };

	as_buf_clear(&all);
	as_buf_puts(&all, "");
	ok(st_begin(s, &e));
	ok(st_wake(s, &due, note, &all, first, &e));
	ok(st_commit(s, &e));
	return all.data;
}

Test(store_wait, attempts_outlive_the_process_unless_it_ends_in_order)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .name = "a", .text = "x" });
	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .name = "b", .text = "y" });
	attempt(s, "c", "a", ST_GIVEN, 0);
	attempt(s, "c", "a", ST_ALONE, 2);
	st_close(s);
	s = kit_open();
	same(unjudged(s), "c:a/2/2 c:b/0/0 ");
	ok(st_begin(s, &e));
	ok(st_attempts_over(s, &e));
	ok(st_commit(s, &e));
	same(unjudged(s), "c:a/0/2 c:b/0/0 "); /* what was charged stays charged */
	st_close(s);
}

Test(store_wait, parked_case_is_found_by_its_time_alone)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	const char *const ids[] = { "c1", "c2", "c3" };
	int64_t first;
	size_t n;

	for (int i = 0; i < 3; i++) {
		(void)kit_submit(
		    s, (struct kit_sent){
			   .kase = ids[i], .name = "a", .text = "x", .arrived = 10 * (3 - i) });
		attempt(s, ids[i], "a", ST_GIVEN, 0);
	}
	park(s, "c1");
	park(s, "c2");
	park(s, "c3");
	same(unjudged(s), "");
	st_close(s);
	s = kit_open();
	ok(st_parked(s, "s", &n, &first, &e));
	cr_assert(eq(sz, n, (size_t)3));
	cr_assert(eq(i64, first, 10));
	same(wake(s, 9, 10, &first), "");
	cr_assert(eq(i64, first, 10));
	same(wake(s, 20, 1, &first), "c3:a/0/0 "); /* the earliest; its attempt is over */
	cr_assert(eq(i64, first, 20));
	same(wake(s, 30, 10, &first), "c2:a/0/0 c1:a/0/0 ");
	cr_assert(eq(i64, first, INT64_MAX));
	same(unjudged(s), "c1:a/0/0 c2:a/0/0 c3:a/0/0 ");
	ok(st_parked(s, "other", &n, &first, &e));
	cr_assert(zero(sz, n));
	st_close(s);
}

Test(store_wait, case_that_came_in_the_future_has_come_now)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	int64_t first;
	size_t n;

	(void)kit_submit(
	    s, (struct kit_sent){ .kase = "c1", .name = "a", .text = "x", .arrived = 10 });
	(void)kit_submit(
	    s, (struct kit_sent){ .kase = "c2", .name = "a", .text = "x", .arrived = 90 });
	(void)kit_submit(
	    s, (struct kit_sent){ .kase = "c3", .name = "a", .text = "x", .arrived = 95 });
	park(s, "c2");
	ok(st_begin(s, &e));
	ok(st_clock(s, "s", 50, &e));
	ok(st_clock(s, "other", 5, &e));
	ok(st_commit(s, &e));
	ok(st_parked(s, "s", &n, &first, &e));
	cr_assert(eq(i64, first, 50));
	park(s, "c1");
	park(s, "c3");
	same(wake(s, 50, 10, &first), "c1:a/0/0 c2:a/0/0 c3:a/0/0 ");
	st_close(s);
}

Test(store_wait, submission_wakes_a_parked_case_only_where_it_matters)
{
	struct kit_sent again = { .kase = "c", .name = "a", .text = "x" };
	struct st_store *s = kit_open();
	struct st_answer a;

	a = kit_submit(s, again);
	cr_assert(not(a.woken));
	park(s, "c");
	a = kit_submit(s, again); /* the same key */
	cr_assert(eq(int, a.verdict, ST_DUPLICATE));
	cr_assert(not(a.woken));
	again.key = "another";
	a = kit_submit(s, again); /* nothing new under another key */
	cr_assert(eq(int, a.verdict, ST_DUPLICATE));
	cr_assert(not(a.woken));
	again.wait = true;
	a = kit_submit(s, again);
	cr_assert(a.woken);
	park(s, "c");
	again.key = NULL; /* the first key, and somebody waits */
	a = kit_submit(s, again);
	cr_assert(a.woken);
	park(s, "c");
	a = kit_submit(s, (struct kit_sent){ .kase = "c", .name = "a", .text = "other" });
	cr_assert(eq(int, a.verdict, ST_CONFLICT));
	cr_assert(not(a.woken));
	a = kit_submit(s, (struct kit_sent){ .kase = "c", .name = "b", .text = "y" });
	cr_assert(eq(int, a.verdict, ST_ACCEPTED));
	cr_assert(a.woken);
	cr_assert(eq(sz, a.pages, (size_t)2));
	st_close(s);
}

Test(store_wait, judged_case_is_not_parked)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	int64_t first;
	size_t n;

	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .name = "a", .text = "x" });
	park(s, "c");
	ok(kit_judge(s, "c", 1, "body", &e));
	park(s, "c"); /* asked for before, and late */
	ok(st_parked(s, "s", &n, &first, &e));
	cr_assert(zero(sz, n));
	st_close(s);
}

Test(store_wait, key_of_another_submission_wakes_nobody)
{
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(s, (struct kit_sent){ .kase = "c", .key = "k", .name = "a", .text = "x" });
	park(s, "c");
	a = kit_submit(s, (struct kit_sent){
			      .kase = "c", .key = "k", .name = "a", .text = "y", .wait = true });
	cr_assert(eq(int, (int)a.verdict, ST_CONFLICT));
	cr_assert(not(a.woken));
	same(unjudged(s), "");
	st_close(s);
}

Test(store_wait, look_leaves_the_time_of_cases)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	int64_t first;
	size_t n;

	(void)kit_submit(s,
			 (struct kit_sent){ .kase = "c", .name = "a", .text = "x", .arrived = 90 });
	park(s, "c");
	st_close(s);
	ok(st_look(&s, tmpdir_path("state"), &e));
	ok(st_begin(s, &e));
	ok(st_clock(s, "s", 50, &e));
	ok(st_commit(s, &e));
	ok(st_parked(s, "s", &n, &first, &e));
	cr_assert(eq(i64, first, 90));
	st_close(s);
}
