/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/file.h"
#include "tests/core/store/kit.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Text of n letters; freed by the caller. */
static char *letters(size_t n, char c)
{
	char *s = as_malloc(n + 1);

	memset(s, c, n);
	s[n] = '\0';
	return s;
}

static size_t files(void)
{
	DIR *dir = opendir(tmpdir_path("state/spool"));
	const struct dirent *entry;
	size_t n = 0;

	cr_assert(ne(ptr, dir, NULL));
	while ((entry = readdir(dir)) != NULL) {
		n += entry->d_name[0] != '.';
	}
	(void)closedir(dir);
	return n;
}

Test(store_spool, only_pages_over_the_limit_are_files)
{
	char *at = letters(ST_INLINE_MAX, 'a');
	char *over = letters(ST_INLINE_MAX + 1, 'b');
	const struct st_page page = { .name = "y" };
	struct as_buf bytes = { 0 };
	struct as_err e = { 0 };
	struct st_store *s = kit_open();

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = at });
	cr_assert(zero(sz, files()));
	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "y", .text = over });
	cr_assert(eq(sz, files(), (size_t)1));
	st_close(s);
	s = kit_open();
	ok(st_load(s, "s", "a", &page, &bytes, &e));
	same(bytes.data, over);
	as_buf_free(&bytes);
	st_close(s);
	free(at);
	free(over);
}

Test(store_spool, file_goes_with_the_last_case_that_needs_it)
{
	char *text = letters(ST_INLINE_MAX + 1, 'a');
	struct as_err e = { 0 };
	struct st_store *s = kit_open();

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = text });
	(void)kit_submit(s, (struct kit_sent){ .kase = "b", .name = "x", .text = text });
	cr_assert(eq(sz, files(), (size_t)1));
	ok(kit_judge(s, "a", 1, "{}", &e));
	cr_assert(eq(sz, files(), (size_t)1));
	ok(kit_judge(s, "b", 2, "{}", &e));
	cr_assert(zero(sz, files()));
	st_close(s);
	free(text);
}

/* Submits a page of these bytes as part "x" of a case, in the group in hand. */
static void put(struct st_store *s, const char *kase, const char *text)
{
	char sha256[IO_DIGEST_SIZE];
	const struct st_page page = {
		.name = "x", .type = "t", .sha256 = sha256, .data = text, .size = strlen(text)
	};
	const struct st_submission in = { .stream = "s",
					  .kase = kase,
					  .key = kase,
					  .manifest = "m",
					  .received = 1,
					  .page = &page,
					  .pages = 1 };
	struct st_answer a;
	struct as_err e = { 0 };

	io_digest(text, strlen(text), sha256);
	ok(st_submit(s, &in, &a, &e));
}

/* More than are open at once, every other the same bytes. */
Test(store_spool, group_of_many_files)
{
	enum { MANY = 100 };
	const struct st_page page = { .name = "x" };
	struct as_buf bytes = { 0 };
	struct as_err e = { 0 };
	char *text[MANY]; /* those of a group stay until its commit */
	char name[16];
	struct st_store *s = kit_open();

	ok(st_begin(s, &e));
	for (int i = 0; i < MANY; i++) {
		text[i] = letters(ST_INLINE_MAX + 1 + (size_t)(i % 2 ? i : 0), 'a');
		(void)snprintf(name, sizeof name, "%d", i);
		put(s, name, text[i]);
	}
	ok(st_commit(s, &e));
	cr_assert(eq(sz, files(), (size_t)MANY / 2 + 1));
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		as_buf_clear(&bytes);
		ok(st_load(s, "s", name, &page, &bytes, &e));
		cr_assert(eq(sz, bytes.len, strlen(text[i])));
		free(text[i]);
	}
	as_buf_free(&bytes);
	ok(st_begin(s, &e));
	for (uint64_t i = 0; i < MANY; i++) {
		char sha256[IO_DIGEST_SIZE];
		const struct st_judgment j = { .stream = "s",
					       .kase = name,
					       .seq = i + 1,
					       .body = "{}",
					       .size = 2,
					       .sha256 = sha256 };

		io_digest("{}", 2, sha256);
		(void)snprintf(name, sizeof name, "%d", (int)i);
		ok(st_judge(s, &j, &e));
	}
	cr_assert(eq(sz, files(), (size_t)MANY / 2 + 1)); /* until the commit */
	ok(st_commit(s, &e));
	cr_assert(zero(sz, files()));
	st_close(s);
}

Test(store_spool, file_that_cannot_be_kept_leaves_nothing_beside)
{
	char *first = letters(ST_INLINE_MAX + 1, 'a');
	char *second = letters(ST_INLINE_MAX + 1, 'b');
	char path[128];
	char sha256[IO_DIGEST_SIZE];
	struct as_err e = { 0 };
	struct st_store *s = kit_open();

	io_digest(second, strlen(second), sha256);
	(void)snprintf(path, sizeof path, "state/spool/%s", sha256);
	cr_assert(zero(int, mkdir(tmpdir_path(path), 0700))); /* takes its name */
	ok(st_begin(s, &e));
	put(s, "a", first);
	put(s, "b", second);
	cr_assert(eq(int, st_commit(s, &e), AS_EIO));
	cr_assert(ne(ptr, strstr(e.msg, "rename to"), NULL), "%s", e.msg);
	cr_assert(eq(sz, files(), (size_t)2), "the first, and what took the name");
	st_close(s);
	free(first);
	free(second);
}

Test(store_spool, strays_are_removed_at_the_start)
{
	char *text = letters(ST_INLINE_MAX + 1, 'a');
	struct st_store *s = kit_open();

	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = text });
	st_close(s);
	(void)tmpdir_file("state/spool/0123.new", "half a pa");
	(void)tmpdir_file("state/spool/4567", "a page whose group was not committed");
	cr_assert(eq(sz, files(), (size_t)3));
	s = kit_open();
	cr_assert(eq(sz, files(), (size_t)1));
	st_close(s);
	free(text);
}

Test(store_spool, damaged_file_is_refused_by_name)
{
	char *text = letters(ST_INLINE_MAX + 1, 'a');
	char sha256[IO_DIGEST_SIZE];
	char path[128];
	const struct st_page page = { .name = "x" };
	struct as_buf bytes = { 0 };
	struct as_err e = { 0 };
	struct st_store *s = kit_open();

	io_digest(text, strlen(text), sha256);
	(void)kit_submit(s, (struct kit_sent){ .kase = "a", .name = "x", .text = text });
	text[5] = 'b';
	(void)snprintf(path, sizeof path, "state/spool/%s", sha256);
	(void)tmpdir_file(path, text);
	fails(st_load(s, "s", "a", &page, &bytes, &e), AS_EFORMAT, "other bytes than its name");
	cr_assert(zero(int, unlink(tmpdir_path(path))));
	as_buf_clear(&bytes);
	fails(st_load(s, "s", "a", &page, &bytes, &e), AS_EFORMAT, sha256);
	as_buf_free(&bytes);
	st_close(s);
	free(text);
}

/* Nothing more can be opened, or as much as before. */
static void descriptors(bool none)
{
	static rlim_t before;
	struct rlimit r;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &r)));
	before = none ? r.rlim_cur : before;
	r.rlim_cur = none ? 0 : before;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &r)));
}

Test(store_spool, file_that_finds_no_descriptor_is_as_one_that_finds_no_room)
{
	char *over = letters(ST_INLINE_MAX + 1, 'b');
	char sha256[IO_DIGEST_SIZE];
	const struct st_page page = {
		.name = "y", .type = "t", .sha256 = sha256, .data = over, .size = strlen(over)
	};
	const struct st_submission in = { .stream = "s",
					  .kase = "a",
					  .key = "k",
					  .manifest = "m",
					  .received = 1,
					  .page = &page,
					  .pages = 1 };
	struct as_buf bytes = { 0 };
	struct st_answer a;
	struct as_err e = { 0 };
	struct st_store *s = kit_open();
	bool held = true;

	io_digest(over, strlen(over), sha256);
	descriptors(true);
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	cr_assert(eq(int, st_commit(s, &e), AS_EFULL), "%s", e.msg);
	ok(st_rollback(s, &e));
	ok(st_reserve(s, 1 << 20, &held, &e));
	cr_assert(not(held));
	descriptors(false);
	cr_assert(zero(sz, files()));
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	ok(st_commit(s, &e));
	descriptors(true);
	cr_assert(eq(int, st_load(s, "s", "a", &page, &bytes, &e), AS_EAGAIN), "%s", e.msg);
	descriptors(false);
	ok(st_load(s, "s", "a", &page, &bytes, &e));
	same(bytes.data, over);
	as_buf_free(&bytes);
	st_close(s);
	free(over);
}
