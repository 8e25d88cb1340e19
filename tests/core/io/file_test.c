/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/file.h"

#include "core/io/digest.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

Test(io_file, what_is_written_is_read_and_mapped)
{
	const char *path = tmpdir_path("a.bin");
	struct as_buf b = { 0 };
	struct io_map m;
	struct stat s;
	struct as_err e;

	ok(io_write_file(path, "one\0two", 7, 0640, &e));
	ok(io_write_file(path, "three", 5, 0640, &e));
	ok(io_read_file(path, 5, &b, &e));
	same(b.data, "three");
	ok(io_map_open(&m, path, 5, &e));
	cr_assert(eq(sz, m.size, 5));
	cr_assert(zero(int, memcmp(m.data, "three", 5)));
	cr_assert(zero(int, stat(path, &s)));
	cr_assert(eq(u32, s.st_mode & 0777U, 0640));
	io_map_close(&m);
	as_buf_free(&b);
}

Test(io_file, an_empty_file_maps_and_reads_as_nothing)
{
	const char *path = tmpdir_file("empty", "");
	struct as_buf b = { 0 };
	struct io_map m;
	struct as_err e;

	ok(io_map_open(&m, path, 5, &e));
	cr_assert(zero(ptr, (void *)m.data));
	io_map_close(&m);
	ok(io_read_file(path, 5, &b, &e));
	same(b.data, "");
	as_buf_free(&b);
}

Test(io_file, more_than_the_limit_is_refused)
{
	const char *path = tmpdir_file("six", "123456");
	struct as_buf b = { 0 };
	struct io_map m;
	struct as_err e;

	fails(io_map_open(&m, path, 5, &e), AS_EFORMAT, "6 bytes, the limit is 5");
	fails(io_read_file(path, 5, &b, &e), AS_EFORMAT, "more than the limit of 5");
	as_buf_free(&b);
}

Test(io_file, what_cannot_be_opened_is_no_input)
{
	const char *path = tmpdir_path("gone");
	char digest[IO_DIGEST_SIZE];
	struct as_buf b = { 0 };
	struct io_map m;
	struct as_err e;

	fails(io_map_open(&m, path, 5, &e), AS_ENOINPUT, "gone: No such file");
	fails(io_read_file(path, 5, &b, &e), AS_ENOINPUT, "gone: No such file");
	fails(io_read_file(tmpdir(), 5, &b, &e), AS_ENOINPUT, "Is a directory");
	fails(io_map_open(&m, tmpdir(), 5, &e), AS_EFORMAT, "not a regular file");
	fails(io_digest_file(path, digest, &e), AS_ENOINPUT, "gone: No such file");
	as_buf_free(&b);
}

Test(io_file, a_file_that_cannot_be_made_leaves_nothing)
{
	struct as_buf path = { 0 };
	struct as_err e;

	as_buf_printf(&path, "%s/no/such/folder/x", tmpdir());
	fails(io_write_file(path.data, "x", 1, 0644, &e), AS_ECREATE, "No such file");
	as_buf_clear(&path);
	as_buf_printf(&path, "%s", tmpdir());
	fails(io_write_file(path.data, "x", 1, 0644, &e), AS_ECREATE, tmpdir());
	as_buf_printf(&path, ".tmp-%ld", (long)getpid());
	cr_assert(eq(int, access(path.data, F_OK), -1));
	as_buf_free(&path);
}

Test(io_file, folders_are_made_with_their_parents)
{
	struct as_buf path = { 0 };
	struct stat s;
	struct as_err e;

	as_buf_printf(&path, "%s/x/y/z", tmpdir());
	ok(io_make_dirs(path.data, 0700, &e));
	ok(io_make_dirs(path.data, 0700, &e));
	cr_assert(zero(int, stat(path.data, &s)));
	cr_assert(eq(u32, s.st_mode & S_IFMT, S_IFDIR));
	cr_assert(eq(u32, s.st_mode & 0777U, 0700));
	(void)tmpdir_file("plain", "");
	fails(io_make_dirs(tmpdir_path("plain"), 0700, &e), AS_ECREATE, "not a folder");
	as_buf_free(&path);
}

Test(io_file, paths_are_beside_the_table)
{
	struct as_buf b = { 0 };

	io_path_beside("data/cases.csv", "images/a b.png", &b);
	same(b.data, "data/images/a b.png");
	as_buf_clear(&b);
	io_path_beside("data/cases.csv", "/x/a.png", &b);
	same(b.data, "/x/a.png");
	as_buf_clear(&b);
	io_path_beside("cases.csv", "a.png", &b);
	same(b.data, "a.png");
	as_buf_free(&b);
}

Test(io_digest, is_sha_256)
{
	char d[IO_DIGEST_SIZE];
	struct as_err e;

	/* FIPS 180-4, example "abc" */
	io_digest("abc", 3, d);
	same(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ok(io_digest_file(tmpdir_file("abc", "abc"), d, &e));
	same(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	io_digest(NULL, 0, d);
	same(d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
