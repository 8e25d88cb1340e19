/* SPDX-License-Identifier: Apache-2.0
 * One failure at a place that a sweep does not find, and what it comes to. */
#include "tests/core/store/sweep.h"

static int open_and_close(struct st_store *s, struct as_err *e)
{
	struct st_store *other = NULL;
	const int rc = st_open(&other, tmpdir_path("other"), e);

	(void)s;
	st_close(other);
	return rc;
}

static int find_last(struct st_store *s, struct as_err *e)
{
	char sha256[IO_DIGEST_SIZE];
	uint64_t last;

	return st_last(s, "s", &last, sha256, e);
}

static int back_up(struct st_store *s, struct as_err *e)
{
	struct st_backed so_far = { 0 };
	struct st_backup *b = NULL;
	bool done = false;
	int rc;

	TRY(st_backup_open(s, tmpdir_path("backup"), &b, e));
	while (!done) {
		TRY(st_backup_step(b, &done, &so_far, e));
	}
out:
	st_backup_close(b);
	return rc;
}

/* SQLite gives NULL where it has no memory to end a text with a zero. */
Test(store_fault, text_without_memory_is_no_row)
{
	static const struct {
		sweep_fn run;
		int code;
		const char *text;
	} all[] = { { find_last, AS_EIO, "journal: SELECT last" },
		    { st_check, AS_EIO, "the journal is damaged: journal: quick_check" },
		    { back_up, AS_ECREATE, "backup: " },
		    { open_and_close, AS_EIO, "journal: its name" } };
	struct st_store *s;

	disk_use();
	s = kit_open();
	sweep_fill(s);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct as_err e = { 0 };

		fault = (struct fault){ .at = 1, .number = FAULT_TEXT };
		fails(all[i].run(s, &e), all[i].code, all[i].text);
		(void)sweep_disarm();
		ok(all[i].run(s, &e));
	}
	st_close(s);
}

Test(store_fault, no_room_has_four_names)
{
	static const int all[] = { ENOSPC, EDQUOT, EMFILE, ENFILE };
	struct as_err e = { 0 };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		cr_assert(st_lacks_room(all[i]));
	}
	cr_assert(not(st_lacks_room(EIO)));
	fault = (struct fault){ .at = 1, .number = EMFILE };
	fails(st_sync(tmpdir(), &e), AS_EFULL, "fsync ");
	fault = (struct fault){ .at = 1, .number = EACCES };
	fails(st_sync(tmpdir(), &e), AS_EIO, "Permission denied");
	/* That it was not synced is not mended by room. */
	fault = (struct fault){ .at = 2, .number = EDQUOT };
	fails(st_sync(tmpdir(), &e), AS_EIO, "quota");
	(void)sweep_disarm();
}

Test(store_fault, group_that_cannot_be_undone_stays_open)
{
	struct as_err e = { 0 };
	const struct st_submission in = {
		.stream = "s", .kase = "new", .key = "k", .manifest = "m", .complete = true
	};
	struct st_store *s;
	struct st_answer a;

	disk_use();
	s = kit_open();
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	fault = (struct fault){ .at = 1, .number = ENOMEM };
	fails(st_rollback(s, &e), AS_EIO, "ROLLBACK");
	(void)sweep_disarm();
	ok(st_rollback(s, &e));
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	ok(st_commit(s, &e));
	st_close(s);
}

Test(store_fault, sqlite_that_cannot_be_started_says_so)
{
	struct as_err e = { 0 };
	struct st_store *s;

	disk_use_memory();
	fault = (struct fault){ .at = 1, .number = ENOMEM, .on = true };
	fails(st_open(&s, tmpdir_path("state"), &e), AS_ECREATE, "journal.db: out of memory");
	(void)sweep_disarm();
	st_close(kit_open());
}
