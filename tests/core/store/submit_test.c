/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

Test(store_submit, first_submission_is_accepted_and_counted)
{
	struct st_store *s = kit_open();
	struct st_answer a =
	    kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1" });

	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	cr_assert(eq(sz, a.pages, (size_t)1));
	cr_assert(a.fresh[0]);
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .name = "y", .text = "2" });
	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	cr_assert(eq(sz, a.pages, (size_t)2));
	st_close(s);
}

Test(store_submit, same_key_gets_the_first_answer)
{
	const struct kit_sent x = { .kase = "a", .name = "x", .text = "1" };
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(s, x);
	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "y", .text = "2" });
	a = kit_submit(s, x);
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE));
	cr_assert(eq(sz, a.pages, (size_t)1)); /* as it was told the first time */
	cr_assert(not(a.fresh[0]));
	st_close(s);
}

Test(store_submit, same_bytes_under_another_key_are_a_duplicate)
{
	struct kit_sent x = { .kase = "a", .name = "x", .text = "1" };
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(s, x);
	x.key = "other";
	a = kit_submit(s, x);
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE));
	cr_assert(not(a.fresh[0]));
	st_close(s);
}

Test(store_submit, key_of_another_submission_is_a_conflict)
{
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .key = "k", .name = "x", .text = "1" });
	a = kit_submit(s, (struct kit_sent){ .kase = "b", .key = "k", .name = "x", .text = "1" });
	cr_assert(eq(int, (int)a.verdict, ST_CONFLICT));
	cr_assert(ne(ptr, strstr(a.message, "key"), NULL));
	st_close(s);
}

Test(store_submit, other_bytes_under_a_used_name_are_a_conflict_by_page)
{
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .page = 1, .text = "1" });
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .page = 1, .text = "2" });
	cr_assert(eq(int, (int)a.verdict, ST_CONFLICT));
	cr_assert(ne(ptr, strstr(a.message, "x page 1"), NULL), "%s", a.message);
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .page = 2, .text = "2" });
	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	st_close(s);
}

Test(store_submit, nothing_new_is_taken_once_complete)
{
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(
	    s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1", .complete = true });
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .name = "y", .text = "2" });
	cr_assert(eq(int, (int)a.verdict, ST_CLOSED));
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1" });
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE)); /* the same bytes: the first answer */
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "2" });
	cr_assert(eq(int, (int)a.verdict, ST_CONFLICT));
	st_close(s);
}

Test(store_submit, case_closed_by_the_caller_takes_nothing)
{
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1" });
	a = kit_submit(s,
		       (struct kit_sent){ .kase = "a", .name = "y", .text = "2", .closed = true });
	cr_assert(eq(int, (int)a.verdict, ST_CLOSED));
	cr_assert(not(a.judged));
	st_close(s);
}

Test(store_submit, complete_alone_is_accepted_once)
{
	struct st_store *s = kit_open();
	struct st_answer a;

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1" });
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .complete = true });
	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .key = "again", .complete = true });
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE));
	a = kit_submit(s, (struct kit_sent){ .kase = "empty", .complete = true });
	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED)); /* a case without parts */
	cr_assert(zero(sz, a.pages));
	st_close(s);
}

Test(store_submit, judged_case_says_so)
{
	const struct kit_sent x = { .kase = "a", .name = "x", .text = "1" };
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	struct st_answer a;

	(void)kit_submit(s, x);
	ok(kit_judge(s, "a", 1, "{}", &e));
	a = kit_submit(s, x);
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE));
	cr_assert(a.judged);
	a = kit_submit(s, (struct kit_sent){ .kase = "a", .name = "y", .text = "2" });
	cr_assert(eq(int, (int)a.verdict, ST_CLOSED));
	cr_assert(a.judged);
	cr_assert(ne(ptr, strstr(a.message, "judged"), NULL));
	st_close(s);
}

Test(store_submit, empty_page_is_a_page)
{
	const struct st_page page = { .name = "x" };
	struct st_store *s = kit_open();
	struct as_buf out = { 0 };
	struct as_err e = { 0 };
	struct st_answer a =
	    kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "" });

	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	cr_assert(eq(sz, a.pages, (size_t)1));
	ok(st_load(s, "s", "a", &page, &out, &e)); /* and not gone */
	cr_assert(zero(sz, out.len));
	as_buf_free(&out);
	st_close(s);
}
