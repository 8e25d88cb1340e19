/* SPDX-License-Identifier: Apache-2.0
 * A backup is taken while the journal is written, and what is restored of it is the same journal
 * in another epoch. */
#include "tests/core/store/kit.h"

#include <sys/stat.h>
#include <unistd.h>

static char big[3 * (1 << 20) + 7];

static const char *spool_path(const char *state, char out[512])
{
	char sha256[IO_DIGEST_SIZE];

	io_digest(big, strlen(big), sha256);
	(void)snprintf(out, 512, "%s/spool/%s", tmpdir_path(state), sha256);
	return out;
}

/* Numbers 1 to n, an open case with a page in a row and one with a file of several pieces. */
static struct st_store *fill(int n)
{
	struct st_store *s = kit_open();

	memset(big, 'x', sizeof big - 1);
	kit_fill(s, 1, n);
	(void)kit_submit(s, (struct kit_sent){ .kase = "small", .name = "x", .text = "page" });
	(void)kit_submit(s, (struct kit_sent){ .kase = "large", .name = "x", .text = big });
	return s;
}

static struct st_backed finish(struct st_backup *b)
{
	struct st_backed backed = { 0 };
	struct as_err e = { 0 };
	bool done = false;

	while (!done) {
		ok(st_backup_step(b, &done, &backed, &e));
	}
	st_backup_close(b);
	return backed;
}

static struct st_backed back_up(struct st_store *s, const char *name)
{
	struct st_backup *b;
	struct as_err e = { 0 };

	ok(st_backup_open(s, tmpdir_path(name), &b, &e));
	return finish(b);
}

static struct st_store *open_restored(const char *name)
{
	struct st_store *s;
	struct as_err e = { 0 };

	ok(st_open(&s, tmpdir_path(name), &e));
	return s;
}

static size_t size_of(struct st_store *s, const char *kase)
{
	const struct st_page page = { .name = "x" };
	struct as_buf out = { 0 };
	struct as_err e = { 0 };
	const int rc = st_load(s, "s", kase, &page, &out, &e);
	const size_t n = out.len;

	as_buf_free(&out);
	return rc == AS_OK ? n : 0;
}

Test(store_backup, what_is_restored_is_the_same_journal_in_another_epoch)
{
	struct st_store *s = fill(20);
	const uint64_t before = st_epoch(s);
	struct st_restored r;
	struct as_err e = { 0 };
	char journal[ST_JOURNAL_SIZE];
	uint64_t seq;
	uint64_t last;
	char sha256[IO_DIGEST_SIZE];
	char again[IO_DIGEST_SIZE];

	cr_assert(eq(u64, back_up(s, "backup").files, 1));
	(void)snprintf(journal, sizeof journal, "%s", st_journal(s));
	ok(st_last(s, "s", &last, sha256, &e));
	st_close(s);
	ok(st_restore(tmpdir_path("backup"), tmpdir_path("new"), &r, &e));
	same(r.journal, journal);
	cr_assert(eq(u64, r.verified.judgments, 20));
	cr_assert(eq(u64, r.verified.pages, 2));
	s = open_restored("new");
	same(st_journal(s), journal);
	cr_assert(eq(u64, st_epoch(s), r.epoch));
	cr_assert(lt(u64, before, r.epoch));
	ok(st_last(s, "s", &seq, again, &e));
	cr_assert(eq(u64, seq, last));
	same(again, sha256);
	cr_assert(eq(sz, size_of(s, "small"), (size_t)4));
	cr_assert(eq(sz, size_of(s, "large"), strlen(big)));
	ok(st_shared(s, "s", before, &seq, &e));
	cr_assert(eq(u64, seq, 20)); /* what came after may be another's */
	ok(st_shared(s, "s", r.epoch + 1, &seq, &e));
	cr_assert(zero(u64, seq));
	kit_fill(s, 21, 22);
	ok(st_check(s, &e));
	st_close(s);
	fails(st_restore(tmpdir_path("backup"), tmpdir_path("new"), &r, &e), AS_ECREATE,
	      "journal.db is there");
}

Test(store_backup, same_backup_twice_gives_two_epochs)
{
	struct st_store *s = fill(3);
	struct st_restored first;
	struct st_restored second;
	struct as_err e = { 0 };
	uint64_t seq;

	(void)back_up(s, "backup");
	st_close(s);
	ok(st_restore(tmpdir_path("backup"), tmpdir_path("one"), &first, &e));
	s = open_restored("one");
	(void)back_up(s, "later");
	st_close(s);
	ok(st_restore(tmpdir_path("later"), tmpdir_path("two"), &second, &e));
	cr_assert(lt(u64, first.epoch, second.epoch));
	s = open_restored("two");
	ok(st_shared(s, "s", first.epoch, &seq, &e));
	cr_assert(eq(u64, seq, 3));
	st_close(s);
}

/* Judges and submits between the steps: the copy is the journal of its last page. */
Test(store_backup, journal_goes_on_while_it_is_copied)
{
	struct st_store *s = fill(400);
	struct st_backup *b;
	struct st_backed backed = { 0 };
	struct st_restored r;
	struct as_err e = { 0 };
	char path[512];
	bool done = false;
	int n = 400;
	int steps = 0;

	ok(st_backup_open(s, tmpdir_path("backup"), &b, &e));
	while (backed.files == 0) {
		ok(st_backup_step(b, &done, &backed, &e));
		kit_fill(s, n + 1, n + 5);
		n += 5;
		steps++;
		ok(st_rest(s, true, &e));
	}
	cr_assert(lt(int, 1, steps));
	/* The page that the backup has is judged: its file stays until the backup is whole. */
	ok(kit_judge(s, "large", (uint64_t)n + 1, "{}", &e));
	cr_assert(zero(int, access(spool_path("state", path), F_OK)));
	(void)finish(b);
	ok(st_begin(s, &e));
	ok(st_commit(s, &e));
	cr_assert(eq(int, access(spool_path("state", path), F_OK), -1));
	st_close(s);
	ok(st_restore(tmpdir_path("backup"), tmpdir_path("new"), &r, &e));
	cr_assert(lt(u64, 399, r.verified.judgments));
	cr_assert(lt(u64, r.verified.judgments, (uint64_t)n + 1));
	s = open_restored("new");
	cr_assert(eq(sz, size_of(s, "large"), strlen(big)));
	st_close(s);
}

Test(store_backup, one_that_is_not_whole_leaves_nothing)
{
	struct st_store *s = fill(3);
	struct st_backup *b;
	struct st_backed backed = { 0 };
	struct as_err e = { 0 };
	bool done;

	ok(st_backup_open(s, tmpdir_path("backup"), &b, &e));
	ok(st_backup_step(b, &done, &backed, &e));
	cr_assert(zero(int, access(tmpdir_path("backup.new"), F_OK)));
	st_backup_close(b);
	cr_assert(eq(int, access(tmpdir_path("backup.new"), F_OK), -1));
	cr_assert(eq(int, access(tmpdir_path("backup"), F_OK), -1));
	fails(st_backup_open(s, tmpdir_path("no/folder"), &b, &e), AS_ECREATE, "no/folder");
	(void)back_up(s, "backup");
	fails(st_backup_open(s, tmpdir_path("backup"), &b, &e), AS_ECREATE, "is there already");
	st_close(s);
}

/* Two files, one of whole pieces; where they go there was a journal before. */
Test(store_backup, every_file_is_restored_whole)
{
	struct st_store *s = fill(1);
	struct st_restored r;
	struct as_err e = { 0 };

	big[2 * (1 << 20)] = '\0';
	(void)kit_submit(s, (struct kit_sent){ .kase = "even", .name = "x", .text = big });
	cr_assert(eq(u64, back_up(s, "backup").files, 2));
	st_close(s);
	cr_assert(zero(int, mkdir(tmpdir_path("new"), 0700)));
	cr_assert(
	    zero(int, rename(tmpdir_path("state/journal.mark"), tmpdir_path("new/journal.mark"))));
	ok(st_restore(tmpdir_path("backup"), tmpdir_path("new"), &r, &e));
	cr_assert(eq(u64, r.verified.pages, 3));
	s = open_restored("new");
	cr_assert(eq(sz, size_of(s, "large"), sizeof big - 1));
	cr_assert(eq(sz, size_of(s, "even"), (size_t)2 * (1 << 20)));
	st_close(s);
}

/* Whoever makes a backup does not choose where its files go. */
Test(store_backup, file_with_another_name_than_a_digest_is_refused)
{
	static const char *const names[] = {
		"0123",
		"../../../elsewhere/0123456789abcdef0123456789abcdef0123456789abc",
	};
	struct st_store *s = fill(1);
	struct st_restored r;
	struct as_err e = { 0 };

	(void)back_up(s, "backup");
	st_close(s);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char sql[160];
		sqlite3 *db;

		(void)snprintf(sql, sizeof sql, "UPDATE spool SET sha256 = '%s'", names[i]);
		cr_assert(zero(int, sqlite3_open_v2(tmpdir_path("backup"), &db,
						    SQLITE_OPEN_READWRITE, "assay")));
		cr_assert(zero(
		    int, sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL)));
		cr_assert(zero(int, sqlite3_exec(db, sql, NULL, NULL, NULL)), "%s",
			  sqlite3_errmsg(db));
		(void)sqlite3_close(db);
		fails(st_restore(tmpdir_path("backup"), tmpdir_path("new"), &r, &e), AS_EFORMAT,
		      "the backup's spool has a file that is no digest");
		cr_assert(eq(int, access(tmpdir_path("new/journal.db"), F_OK), -1));
		cr_assert(eq(int, access(tmpdir_path("elsewhere"), F_OK), -1));
	}
}

/* Bytes of the backup at an offset are overwritten. */
static void spoil(const char *name, long at, const char *with)
{
	FILE *f = fopen(tmpdir_path(name), "r+b");

	cr_assert(f != NULL && fseek(f, at, SEEK_SET) == 0 && fputs(with, f) >= 0);
	(void)fclose(f);
}

Test(store_backup, damaged_one_is_refused_and_makes_no_journal)
{
	struct st_store *s = fill(50);
	struct st_restored r;
	struct as_err e = { 0 };
	struct stat st;

	(void)back_up(s, "backup");
	st_close(s);
	cr_assert(zero(int, stat(tmpdir_path("backup"), &st)));
	spoil("backup", (long)st.st_size - 100000, "not what the file was"); /* in a piece of it */
	fails(st_restore(tmpdir_path("backup"), tmpdir_path("new"), &r, &e), AS_EDAMAGE,
	      "a page is not what was written");
	cr_assert(eq(int, access(tmpdir_path("new/journal.db"), F_OK), -1));
	cr_assert(eq(int, access(tmpdir_path("new/journal.db.new"), F_OK), -1));
	fails(st_restore(tmpdir_path("state/journal.db"), tmpdir_path("new"), &r, &e), AS_EFORMAT,
	      "it is no backup");
	fails(
	    st_restore(tmpdir_file("text", "no database, but a text"), tmpdir_path("new"), &r, &e),
	    AS_EDAMAGE, "not a database");
	fails(st_restore(tmpdir_path("nowhere"), tmpdir_path("new"), &r, &e), AS_ENOINPUT,
	      "nowhere");
}
