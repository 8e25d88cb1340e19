/* SPDX-License-Identifier: Apache-2.0
 * A journal's file that is not what was written, and commits that are not there, are noticed. */
#include "tests/core/store/kit.h"

#include <sys/stat.h>
#include <unistd.h>

static long size_of(const char *name)
{
	struct stat st;

	cr_assert(zero(int, stat(tmpdir_path(name), &st)));
	return (long)st.st_size;
}

static void flip(const char *path, long at, int bit)
{
	FILE *f = fopen(path, "r+b");
	int c;

	cr_assert(f != NULL && fseek(f, at, SEEK_SET) == 0);
	c = fgetc(f);
	cr_assert(fseek(f, at, SEEK_SET) == 0 && fputc(c ^ 1 << bit, f) >= 0);
	cr_assert(zero(int, fclose(f)));
}

/* Opens, looks at all and reads all. */
static int read_all(const char *state, struct as_err *e)
{
	struct st_verify v = { .whole = true };
	struct st_store *s = NULL;
	int rc;

	TRY(st_look(&s, state, e));
	TRY(st_begin(s, e));
	TRY(st_verify_all(s, &v, e));
out:
	st_close(s);
	return rc;
}

Test(store_pages, each_bit_of_the_file_counts)
{
	struct st_store *s = kit_open();
	const char *const state = tmpdir_path("state");
	const char *const journal = tmpdir_path("state/journal.db");
	struct as_err e = { 0 };
	long size;

	kit_fill(s, 1, 30);
	st_close(s);
	size = size_of("state/journal.db");
	ok(read_all(state, &e));
	for (long at = 0; at < size; at += 1009) {
		const int bit = (int)(at % 8);

		flip(journal, at, bit);
		cr_assert(ne(int, read_all(state, &e), AS_OK), "byte %ld of %ld", at, size);
		cr_assert(e.code == AS_EDAMAGE || e.code == AS_EIO, "byte %ld: %s", at, e.msg);
		flip(journal, at, bit);
	}
	ok(read_all(state, &e));
}

/* A copy of the state as a process that is killed leaves it: the WAL is not copied. */
static void leave_open(int n)
{
	struct st_store *s = kit_open();
	char command[512];

	kit_fill(s, 1, n);
	(void)snprintf(command, sizeof command, "cp -a %s %s", tmpdir_path("state"),
		       tmpdir_path("killed"));
	cr_assert(zero(int, system(command)));
	st_close(s);
	(void)snprintf(command, sizeof command, "rm -rf %s && mv %s %s", tmpdir_path("state"),
		       tmpdir_path("killed"), tmpdir_path("state"));
	cr_assert(zero(int, system(command)));
}

Test(store_pages, log_that_was_cut_or_changed_has_fewer_commits_than_there_were)
{
	const char *const state = tmpdir_path("state");
	const char *const wal = tmpdir_path("state/journal.db-wal");
	struct st_store *s;
	struct as_err e = { 0 };
	long size;

	leave_open(5);
	size = size_of("state/journal.db-wal");
	ok(read_all(state, &e));
	flip(wal, size / 2, 3);
	fails(read_all(state, &e), AS_EDAMAGE, "commits of 10 that were made");
	fails(st_open(&s, state, &e), AS_EDAMAGE, "was cut or changed");
	flip(wal, size / 2, 3);
	ok(read_all(state, &e));
	cr_assert(zero(int, truncate(wal, size - 1)));
	fails(read_all(state, &e), AS_EDAMAGE, "9 commits of 10");
	/* Without a witness nobody knows, as where the machine lost its power. */
	cr_assert(zero(int, unlink(tmpdir_path("state/journal.mark"))));
	ok(read_all(state, &e));
}

Test(store_pages, journal_that_is_not_there_any_more_is_not_made_anew)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	kit_fill(s, 1, 3);
	st_close(s);
	cr_assert(zero(int, truncate(tmpdir_path("state/journal.db"), 0)));
	fails(st_open(&s, tmpdir_path("state"), &e), AS_EDAMAGE, "has nothing in it");
	cr_assert(zero(int, unlink(tmpdir_path("state/journal.db"))));
	fails(st_open(&s, tmpdir_path("state"), &e), AS_EDAMAGE, "has nothing in it");
	cr_assert(zero(int, rename(tmpdir_path("state/journal.mark"), tmpdir_path("mark"))));
	st_close(kit_open()); /* another one */
	cr_assert(zero(int, rename(tmpdir_path("mark"), tmpdir_path("state/journal.mark"))));
	fails(st_open(&s, tmpdir_path("state"), &e), AS_EDAMAGE, "is of another journal");
}

Test(store_pages, mark_that_is_none_is_not_believed)
{
	const char *const state = tmpdir_path("state");
	const char *const mark = tmpdir_path("state/journal.mark");
	struct st_store *s;
	struct as_err e = { 0 };

	leave_open(3);
	for (long at = 0; at < 112; at += 7) {
		flip(mark, at, 1);
		ok(read_all(state, &e));
	}
	cr_assert(zero(int, truncate(mark, 0)));
	s = kit_open();
	kit_fill(s, 4, 4);
	st_close(s);
	ok(read_all(state, &e));
}

Test(store_pages, group_that_only_reads_writes_nothing)
{
	struct st_store *s;
	struct as_err e = { 0 };
	uint64_t last;
	char sha256[IO_DIGEST_SIZE];
	long before;

	s = kit_open();
	kit_fill(s, 1, 1);
	before = size_of("state/journal.db-wal");
	ok(st_begin(s, &e));
	ok(st_last(s, "s", &last, sha256, &e));
	ok(st_commit(s, &e));
	cr_assert(eq(long, size_of("state/journal.db-wal"), before));
	st_close(s);
}

/* A first start that is killed between the mark's making and its bytes. */
Test(store_pages, empty_mark_is_of_no_journal)
{
	cr_assert(zero(int, mkdir(tmpdir_path("state"), 0700)));
	(void)tmpdir_file("state/journal.mark", "");
	st_close(kit_open());
	cr_assert(eq(long, size_of("state/journal.mark"), 4096));
}
