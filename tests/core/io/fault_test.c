/* SPDX-License-Identifier: Apache-2.0
 * Files that are read and written while calls of the system fail: what was there, or what was to
 * be, and an error with the file's name. */
#include "core/io/digest.h"
#include "core/io/file.h"
#include "core/io/model.h"
#include "tests/support/check.h"
#include "tests/support/fault.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>

enum { BIG = 3 << 16 };

static char old[BIG + 1];
static char new[BIG + 1];

static size_t files_beside(void)
{
	DIR *dir = opendir(tmpdir());
	const struct dirent *entry;
	size_t n = 0;

	while ((entry = readdir(dir)) != NULL) {
		n += strstr(entry->d_name, ".tmp-") != NULL;
	}
	(void)closedir(dir);
	return n;
}

/* Writes over `old` with the n-th call failing; whether there was one. */
static bool write_over(struct fault how)
{
	const char *path = tmpdir_path("file");
	struct as_buf got = { 0 };
	struct as_err e = { 0 };
	size_t fired;
	int rc;

	ok(io_write_file(path, old, BIG, 0644, &e));
	fault = how;
	rc = io_write_file(path, new, BIG, 0644, &e);
	fired = fault.fired;
	fault = (struct fault){ 0 };
	ok(io_read_file(path, BIG, &got, &e));
	cr_assert(eq(sz, got.len, (size_t)BIG));
	cr_assert(got.data[0] == 'n' || rc != AS_OK, "call %zu", how.at);
	cr_assert(zero(int, memcmp(got.data, got.data[0] == 'n' ? new : old, BIG)));
	cr_assert(rc == AS_OK || strstr(e.msg, tmpdir()) != NULL, "%s", e.msg);
	cr_assert(zero(sz, files_beside()));
	as_buf_free(&got);
	return fired > 0;
}

Test(io_fault, file_is_the_old_one_or_the_new_one)
{
	static const int numbers[] = { EIO, ENOSPC, EINTR };

	memset(old, 'o', BIG);
	memset(new, 'n', BIG);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct fault how = { .at = 1, .number = numbers[i] };

		while (write_over(how)) {
			how.at++;
		}
		cr_assert(lt(sz, (size_t)3, how.at));
	}
}

/* Reads the file in each way. */
static int read_it(struct as_err *e)
{
	const char *path = tmpdir_path("file");
	char sha256[IO_DIGEST_SIZE];
	char want[IO_DIGEST_SIZE];
	struct as_buf got = { 0 };
	struct io_map m = { 0 };
	int rc;

	io_digest(old, BIG, want);
	TRY(io_read_file(path, BIG, &got, e));
	cr_assert(eq(sz, got.len, (size_t)BIG));
	TRY(io_map_open(&m, path, BIG, e));
	cr_assert(zero(int, memcmp(m.data, old, BIG)));
	TRY(io_digest_file(path, sha256, e));
	same(sha256, want);
out:
	io_map_close(&m);
	as_buf_free(&got);
	return rc;
}

Test(io_fault, file_is_read_whole_or_not)
{
	struct as_err e = { 0 };
	struct fault how = { .at = 1, .number = EIO };
	size_t fired = 1;

	memset(old, 'o', BIG);
	ok(io_write_file(tmpdir_path("file"), old, BIG, 0644, &e));
	for (; fired > 0; how.at++) {
		int rc;

		fault = how;
		rc = read_it(&e);
		fired = fault.fired;
		fault = (struct fault){ 0 };
		cr_assert(eq(int, rc == AS_OK, fired == 0), "call %zu: %s", how.at, e.msg);
		cr_assert(rc == AS_OK || strstr(e.msg, "file: ") != NULL, "%s", e.msg);
	}
	for (how = (struct fault){ .at = 1, .number = EINTR }, fired = 1; fired > 0; how.at++) {
		fault = how;
		ok(read_it(&e));
		fired = fault.fired;
		fault = (struct fault){ 0 };
	}
	cr_assert(lt(sz, (size_t)8, how.at));
}

Test(io_fault, folders_are_made_or_the_first_that_is_not_is_named)
{
	struct as_err e = { 0 };

	for (size_t n = 1; n <= 2; n++) {
		fault = (struct fault){ .at = n, .on = true, .number = ENOSPC };
		fails(io_make_dirs(tmpdir_path("a/b"), 0755, &e), AS_ECREATE, "No space left");
		fault = (struct fault){ 0 };
	}
	ok(io_make_dirs(tmpdir_path("a/b"), 0755, &e));
	fault = (struct fault){ .at = 1, .on = true, .number = EIO };
	fails(io_make_dirs("", 0755, &e), AS_ECREATE, "not a folder");
	fault = (struct fault){ 0 };
}

Test(io_fault, model_is_opened_or_not)
{
	const struct io_tensor t = { "w", "U8", 1, { BIG }, old, BIG };
	struct as_buf b = { 0 };
	struct as_err e = { 0 };
	struct io_model m;
	size_t fired = 1;

	ok(io_model_put(&b, &t, 1, NULL, 0, &e));
	ok(io_write_file(tmpdir_path("m.safetensors"), b.data, b.len, 0644, &e));
	for (size_t n = 1; fired > 0; n++) {
		int rc;

		fault = (struct fault){ .at = n, .number = EIO };
		rc = io_model_open(&m, tmpdir_path("m.safetensors"), &e);
		fired = fault.fired;
		fault = (struct fault){ 0 };
		cr_assert(eq(int, rc == AS_OK, fired == 0), "call %zu: %s", n, e.msg);
	}
	io_model_close(&m);
	as_buf_free(&b);
}

/* A file beside the program, without a folder in its name, and one in the root. */
Test(io_fault, name_without_a_folder_is_here)
{
	struct as_err e = { 0 };
	struct as_buf got = { 0 };

	cr_assert(zero(int, chdir(tmpdir())));
	ok(io_write_file("here", "x", 1, 0644, &e));
	ok(io_read_file(tmpdir_path("here"), 1, &got, &e));
	same(got.data, "x");
	fault = (struct fault){ .at = 1, .on = true, .number = EIO };
	fails(io_write_file("/nobody-makes-this", "x", 1, 0644, &e), AS_ECREATE,
	      "/nobody-makes-this");
	fault = (struct fault){ 0 };
	as_buf_free(&got);
}
