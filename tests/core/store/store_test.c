/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Test(store_store, name_and_epoch_are_made_once)
{
	char name[ST_JOURNAL_SIZE];
	struct st_store *s = kit_open();

	cr_assert(eq(sz, strlen(st_journal(s)), (size_t)ST_JOURNAL_SIZE - 1));
	cr_assert(eq(u64, st_epoch(s), 1));
	(void)snprintf(name, sizeof name, "%s", st_journal(s));
	st_close(s);
	s = kit_open();
	same(st_journal(s), name);
	st_close(s);
}

Test(store_store, second_process_on_the_same_state_is_refused)
{
	const char *state = tmpdir_path("state"); /* a folder belongs to one process */
	struct st_store *s;
	int ready[2];
	int status;
	char c;
	pid_t pid;

	cr_assert(zero(int, pipe(ready)));
	pid = fork();
	if (pid == 0) { /* before SQLite has state that a child must not share */
		struct st_store *other;
		struct as_err e = { 0 };
		const bool refused = read(ready[0], &c, 1) == 1 &&
				     st_open(&other, state, &e) == AS_EAGAIN &&
				     strstr(e.msg, "in use by another assayd") != NULL;

		_exit(refused ? 7 : 1);
	}
	s = kit_open();
	cr_assert(eq(int, (int)write(ready[1], "x", 1), 1));
	cr_assert(eq(int, (int)waitpid(pid, &status, 0), (int)pid));
	cr_assert(eq(int, WEXITSTATUS(status), 7));
	(void)close(ready[0]);
	(void)close(ready[1]);
	st_close(s);
}

Test(store_store, newer_journal_is_refused_by_version)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	sqlite3 *db;

	st_close(s);
	kit_db(&db);
	cr_assert(zero(int, sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL)));
	(void)sqlite3_close(db);
	fails(st_open(&s, tmpdir_path("state"), &e), AS_ECONFIG, "version 99");
}

Test(store_store, what_is_no_journal_is_refused)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };

	st_close(s);
	(void)tmpdir_file("state/journal.db",
			  "this is no database, and long enough to be read as one "
			  "if nobody looked at its first bytes");
	fails(st_open(&s, tmpdir_path("state"), &e), AS_EDAMAGE, "not a database");
}

Test(store_store, folder_that_cannot_be_made_is_named)
{
	struct st_store *s;
	struct as_err e = { 0 };

	(void)tmpdir_file("file", "");
	cr_assert(ne(int, st_open(&s, tmpdir_path("file/state"), &e), AS_OK));
	cr_assert(ne(ptr, strstr(e.msg, "file/state"), NULL), "%s", e.msg);
}

Test(store_store, group_that_is_not_committed_leaves_nothing)
{
	const struct st_submission in = {
		.stream = "s", .kase = "a", .key = "k", .manifest = "m", .complete = true
	};
	struct st_store *s = kit_open();
	struct as_buf body = { 0 };
	struct as_err e = { 0 };
	enum st_state state;
	struct st_answer a;

	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	cr_assert(eq(int, (int)a.verdict, ST_ACCEPTED));
	st_close(s);
	s = kit_open();
	ok(st_find(s, "s", "a", &state, &body, &e));
	cr_assert(eq(int, (int)state, ST_UNKNOWN));
	st_close(s);
}

static long long wal_bytes(void)
{
	struct stat st;

	cr_assert(zero(int, stat(tmpdir_path("state/journal.db-wal"), &st)));
	return (long long)st.st_size;
}

Test(store_store, wal_is_copied_when_idle_or_long_and_begun_again)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	long long high = 0;

	for (int i = 0; i < 60; i++) { /* 60 times 384 KiB, each a page of a spooled size or less */
		char id[16];
		char text[ST_INLINE_MAX + 1];

		memset(text, 'a', ST_INLINE_MAX);
		text[ST_INLINE_MAX] = '\0';
		for (int k = 0; k < 6; k++) {
			(void)snprintf(id, sizeof id, "%d-%d", i, k);
			(void)kit_submit(
			    s, (struct kit_sent){ .kase = id, .name = "x", .text = text });
			ok(st_rest(s, false, &e));
		}
		high = wal_bytes() > high ? wal_bytes() : high;
	}
	cr_assert(lt(i64, 8 << 20, high));  /* nobody was idle: it is left to grow */
	cr_assert(lt(i64, high, 20 << 20)); /* and no further than 4,096 pages and a group */
	ok(st_rest(s, true, &e));
	(void)kit_submit(s, (struct kit_sent){ .kase = "next", .name = "x", .text = "1" });
	cr_assert(le(i64, wal_bytes(), high)); /* begun again */
	st_close(s);
}

Test(store_store, look_at_another_version_names_both)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	sqlite3 *db;

	st_close(s);
	kit_db(&db);
	cr_assert(zero(int, sqlite3_exec(db, "PRAGMA user_version = 3", NULL, NULL, NULL)));
	(void)sqlite3_close(db);
	fails(st_look(&s, tmpdir_path("state"), &e), AS_ECONFIG, "version 3, this program reads 4");
}
