/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

Test(store_query, numbers_have_no_gaps)
{
	struct st_store *s = kit_open();
	char sha256[IO_DIGEST_SIZE];
	char want[IO_DIGEST_SIZE];
	struct as_err e = { 0 };
	uint64_t last;

	ok(st_last(s, "s", &last, sha256, &e));
	cr_assert(eq(u64, last, 0));
	same(sha256, "0000000000000000000000000000000000000000000000000000000000000000");
	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1" });
	ok(kit_judge(s, "a", 1, "first", &e));
	ok(st_last(s, "s", &last, sha256, &e));
	cr_assert(eq(u64, last, 1));
	io_digest("first", 5, want);
	same(sha256, want);
	(void)kit_submit(s, (struct kit_sent){ .kase = "b", .name = "x", .text = "1" });
	fails(kit_judge(s, "b", 3, "third", &e), AS_EFORMAT, "number 3 of s after 1");
	st_close(s);
}

Test(store_query, case_is_judged_once)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1" });
	ok(kit_judge(s, "a", 1, "first", &e));
	fails(kit_judge(s, "a", 2, "second", &e), AS_EFORMAT, "case a of s is judged");
	st_close(s);
}

Test(store_query, case_that_was_not_submitted_has_no_judgment)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	fails(kit_judge(s, "a", 1, "first", &e), AS_EFORMAT, "case a of s is not there");
	st_close(s);
}

Test(store_query, find_tells_unknown_open_and_judged)
{
	struct st_store *s = kit_open();
	struct as_buf body = { 0 };
	struct as_err e = { 0 };
	enum st_state state;

	ok(st_find(s, "s", "a", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_UNKNOWN));
	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = "1" });
	ok(st_find(s, "s", "a", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_OPEN));
	ok(kit_judge(s, "a", 1, "{\"first\":1}", &e));
	ok(st_find(s, "s", "a", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_JUDGED));
	same(body.data, "{\"first\":1}");
	as_buf_free(&body);
	ok(st_find(s, "t", "a", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_UNKNOWN)); /* the id is the stream's own */
	st_close(s);
}

struct heard {
	struct as_buf all;
	size_t n, stop;
};

static bool hear(void *ctx, uint64_t seq, const void *body, size_t size)
{
	struct heard *h = ctx;

	as_buf_printf(&h->all, "%u:", (unsigned)seq);
	as_buf_put(&h->all, body, size);
	as_buf_puts(&h->all, " ");
	return ++h->n < h->stop;
}

Test(store_query, replay_is_in_order_and_ends_where_it_is_told)
{
	struct st_store *s = kit_open();
	struct heard h = { .stop = 2 };
	struct as_err e = { 0 };
	uint64_t last;

	for (int i = 1; i <= 4; i++) {
		char id[16];
		char body[16];

		(void)snprintf(id, sizeof id, "c%d", i);
		(void)snprintf(body, sizeof body, "b%d", i);
		(void)kit_submit(s, (struct kit_sent){ .kase = id, .name = "x", .text = "1" });
		ok(kit_judge(s, id, (uint64_t)i, body, &e));
	}
	ok(st_replay(s, "s", 1, hear, &h, &last, &e));
	same(h.all.data, "2:b2 3:b3 ");
	cr_assert(eq(u64, last, 4));
	as_buf_clear(&h.all);
	h = (struct heard){ .all = h.all, .stop = 100 };
	ok(st_replay(s, "s", 3, hear, &h, &last, &e));
	same(h.all.data, "4:b4 ");
	ok(st_replay(s, "s", 4, hear, &h, &last, &e));
	ok(st_replay(s, "nothing", 0, hear, &h, &last, &e));
	cr_assert(eq(u64, last, 0));
	cr_assert(eq(sz, h.n, (size_t)1));
	as_buf_free(&h.all);
	st_close(s);
}

static void list(void *ctx, const struct st_case *c, const struct st_page *p)
{
	as_buf_printf(ctx, "%s/%s %d %d %s %u %zu;", c->stream, c->kase, (int)c->received,
		      c->complete, p->name ? p->name : "-", p->page, p->size);
}

Test(store_query, unjudged_cases_are_found_after_a_restart_with_their_bytes)
{
	struct st_store *s = kit_open();
	struct as_buf all = { 0 };
	struct as_buf bytes = { 0 };
	struct as_err e = { 0 };
	struct st_page page = { .name = "x", .page = 1 };

	(void)kit_submit(s, (struct kit_sent){ .kase = "b", .name = "x", .text = "1" });
	(void)kit_submit(s, (struct kit_sent){ .kase = "done", .name = "x", .text = "1" });
	ok(kit_judge(s, "done", 1, "{}", &e));
	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .complete = true });
	(void)kit_submit(s,
			 (struct kit_sent){ .kase = "b", .name = "x", .page = 1, .text = "two" });
	st_close(s);
	s = kit_open();
	ok(st_unjudged(s, list, &all, &e));
	same(all.data, "s/b 1000 0 x 0 1;s/b 1000 0 x 1 3;s/a 1000 1 - 0 0;");
	ok(st_load(s, "s", "b", &page, &bytes, &e));
	same(bytes.data, "two");
	page.page = 2;
	fails(st_load(s, "s", "b", &page, &bytes, &e), AS_EFORMAT, "no page 2 of x");
	page.page = 0;
	fails(st_load(s, "s", "done", &page, &bytes, &e), AS_EFORMAT, "are gone");
	as_buf_free(&bytes);
	as_buf_free(&all);
	st_close(s);
}

/* A case says that it has a number, and nobody has that number. */
Test(store_query, judgment_that_is_not_there_is_no_empty_one)
{
	struct st_store *s = kit_open();
	struct as_buf body = { 0 };
	struct as_err e = { 0 };
	struct st_purged purged;
	enum st_state state;
	size_t gone;

	kit_fill(s, 1, 2);
	kit_sql("DELETE FROM judgment WHERE seq = 1", &s);
	fails(st_find(s, "s", "c1", &state, &body, &e), AS_EFORMAT, "stream s has no number 1");
	cr_assert(zero(sz, body.len));
	fails(st_purge(s, "s", "c1", "now", &purged, &e), AS_EFORMAT, "stream s has no number 1");
	fails(st_retain(s, "s", &(struct st_keep){ .bytes = 1 }, 0, &gone, &e), AS_EFORMAT,
	      "stream s has no number 1");
	st_close(s);
}
