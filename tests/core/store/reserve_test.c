/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

#include <sys/stat.h>
#include <unistd.h>

enum { BYTES = 1 << 20 };

static bool is_there(void)
{
	struct stat st;

	/* It takes room: a hole would be none. */
	return stat(tmpdir_path("state/reserve"), &st) == 0 && st.st_size == BYTES &&
	       st.st_blocks * 512 >= BYTES;
}

Test(store_reserve, takes_room_and_gives_it_up)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	bool held;

	ok(st_reserve(s, BYTES, &held, &e));
	cr_assert(held);
	cr_assert(is_there());
	ok(st_reserve(s, BYTES, &held, &e)); /* there already */
	cr_assert(held);
	ok(st_reserve_give_up(s, &e));
	cr_assert(not(is_there()));
	ok(st_reserve_give_up(s, &e));
	ok(st_reserve(s, 0, &held, &e)); /* none is wanted, and there is room */
	cr_assert(held);
	st_close(s);
}

Test(store_reserve, more_than_there_is_is_not_held)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	bool held;

	ok(st_reserve(s, UINT64_C(1) << 50, &held, &e));
	cr_assert(not(held));
	cr_assert(not(is_there()));
	st_close(s);
}

Test(store_reserve, group_that_is_rolled_back_has_not_happened)
{
	static char big[ST_INLINE_MAX + 2];
	char sha256[IO_DIGEST_SIZE];
	char path[128];
	struct st_store *s = kit_open();
	const struct st_page page = {
		.name = "x", .type = "t", .sha256 = sha256, .data = big, .size = sizeof big - 1
	};
	const struct st_submission in = { .stream = "s",
					  .kase = "c",
					  .key = "k",
					  .manifest = sha256,
					  .page = &page,
					  .pages = 1 };
	struct st_answer a;
	struct as_buf out = { 0 };
	struct as_err e = { 0 };
	enum st_state state;

	memset(big, 'x', sizeof big - 1);
	io_digest(big, sizeof big - 1, sha256);
	(void)snprintf(path, sizeof path, "state/spool/%s", sha256);
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	ok(st_rollback(s, &e));
	ok(st_find(s, "s", "c", &state, &out, &e));
	cr_assert(eq(int, (int)state, ST_UNKNOWN));
	ok(st_begin(s, &e));
	ok(st_commit(s, &e)); /* what was to be written for it is not */
	cr_assert(eq(int, access(tmpdir_path(path), F_OK), -1));
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	ok(st_commit(s, &e));
	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	cr_assert(zero(int, access(tmpdir_path(path), F_OK)));
	as_buf_free(&out);
	st_close(s);
}

/* The machine stopped between its length and its blocks. */
Test(store_reserve, hole_is_no_reserve)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	bool held = false;

	(void)tmpdir_file("state/reserve", "");
	cr_assert(zero(int, truncate(tmpdir_path("state/reserve"), BYTES)));
	cr_assert(not(is_there()));
	ok(st_reserve(s, BYTES, &held, &e));
	cr_assert(held);
	cr_assert(is_there());
	st_close(s);
}
