/* SPDX-License-Identifier: Apache-2.0
 * A journal that is opened, made, brought up to date, copied, restored or put to rest while calls
 * of the system fail: the files are what they were, or what they were to be. */
#include "tests/core/store/sweep.h"

#include <stdint.h>

static const struct fault kinds[] = {
	{ .number = EIO },   { .number = EIO, .on = true }, { .number = ENOSPC, .on = true },
	{ .number = EINTR }, { .number = ENOMEM },
};

/* To open a journal SQLite asks for memory a thousand times. */
static size_t step(const struct fault *how)
{
	return how->number == ENOMEM && FAULT_STEP > 1 ? 50 * FAULT_STEP : FAULT_STEP;
}

/* A state with something in its WAL and a stray in its spool, as a kill leaves it. */
static void take_killed(struct sweep_state *from)
{
	struct st_store *s;

	disk_use();
	s = kit_open();
	sweep_fill(s);
	(void)tmpdir_file("state/spool/0123.new", "half a page");
	sweep_take(from);
	st_close(s);
}

/* Opens with the n-th call failing; whether there was one. The state is not changed by it. */
static bool open_once(const struct sweep_state *from, struct fault how, bool look,
		      const struct as_buf *want)
{
	struct as_buf is = { 0 };
	struct as_err e = { 0 };
	struct st_store *s;
	size_t fired;
	int rc;

	sweep_put(from);
	sweep_arm(NULL, how);
	rc = look ? st_look(&s, tmpdir_path("state"), &e) : st_open(&s, tmpdir_path("state"), &e);
	fired = fault.fired;
	if (rc != AS_OK) {
		sweep_check_error("open", how.at, rc, &e);
		cr_assert(zero(ptr, s));
	}
	st_close(rc == AS_OK ? s : NULL);
	(void)sweep_disarm();
	sweep_dump(&is);
	cr_assert(eq(int, strcmp(is.data, want->data), 0), "call %zu (%d)", how.at, rc);
	as_buf_free(&is);
	return fired > 0;
}

/* How many calls there were to fail, of every kind. */
static size_t open_all(const struct sweep_state *from, bool look)
{
	struct as_buf want = { 0 };
	size_t calls = 0;

	sweep_put(from);
	sweep_dump(&want);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct fault how = kinds[k];

		for (how.at = 1 + k % FAULT_STEP; open_once(from, how, look, &want);
		     how.at += step(&how)) {
			calls += step(&how);
		}
	}
	as_buf_free(&want);
	return calls;
}

Test(store_fault, journal_that_a_kill_left_is_opened)
{
	struct sweep_state from;

	take_killed(&from);
	cr_assert(lt(sz, (size_t)100, open_all(&from, false)));
	cr_assert(lt(sz, (size_t)50, open_all(&from, true)));
	sweep_free(&from);
}

/* The mark is what notices lost commits: a start that fails does not lose it. */
Test(store_fault, mark_outlives_a_start_that_fails)
{
	struct sweep_state from;
	struct sweep_state is;
	struct fault how = { .at = 1, .number = EIO };
	size_t fired = 1;

	take_killed(&from);
	for (; fired > 0; how.at += FAULT_STEP) {
		struct as_err e = { 0 };
		struct st_store *s;
		int rc;

		sweep_put(&from);
		sweep_arm(NULL, how);
		rc = st_open(&s, tmpdir_path("state"), &e);
		fired = sweep_disarm();
		st_close(rc == AS_OK ? s : NULL);
		sweep_take(&is);
		for (size_t i = 0; i < is.n; i++) {
			for (size_t k = 0; k < from.n; k++) {
				if (strcmp(is.file[i].name, "/journal.mark") == 0 &&
				    strcmp(from.file[k].name, "/journal.mark") == 0) {
					cr_assert(zero(int, memcmp(is.file[i].bytes.data,
								   from.file[k].bytes.data,
								   from.file[k].bytes.len)),
						  "call %zu: %s", how.at, e.msg);
				}
			}
		}
		sweep_free(&is);
	}
	cr_assert(lt(sz, (size_t)50, how.at));
	sweep_free(&from);
}

/* A folder in which nothing was, or half a journal, is tried again. */
Test(store_fault, journal_is_made)
{
	const struct sweep_state nothing = { 0 };

	disk_use();
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct fault how = kinds[k];
		size_t fired = 1;

		for (how.at = 1 + k % FAULT_STEP; fired > 0; how.at += step(&how)) {
			struct as_err e = { 0 };
			struct st_store *s;
			int rc;

			sweep_put(&nothing);
			sweep_arm(NULL, how);
			rc = st_open(&s, tmpdir_path("state"), &e);
			if (rc != AS_OK) {
				sweep_check_error("make", how.at, rc, &e);
			}
			st_close(rc == AS_OK ? s : NULL);
			fired = sweep_disarm();
			s = kit_open();
			cr_assert(eq(u64, st_epoch(s), 1));
			kit_fill(s, 1, 1);
			st_close(s);
		}
	}
}

/* Whether the backup is there; then it must be whole. */
static bool is_whole(const char *path)
{
	struct st_restored r;
	struct as_err e = { 0 };

	if (access(path, F_OK) != 0) {
		return false;
	}
	sweep_clear("restored/spool");
	sweep_clear("restored");
	ok(st_restore(path, "restored", &r, &e));
	cr_assert(r.verified.judgments == 4 && r.verified.pages == 4);
	return true;
}

static int back_up(struct st_store *s, struct as_err *e)
{
	struct st_backed so_far = { 0 };
	struct st_backup *b = NULL;
	bool done = false;
	int rc;

	TRY(st_backup_open(s, "backup", &b, e));
	while (!done) {
		TRY(st_backup_step(b, &done, &so_far, e));
	}
	cr_assert(eq(u64, so_far.files, 1));
out:
	st_backup_close(b);
	return rc;
}

/* The store goes on as if nobody had asked for a copy; without the reason to be believed. */
Test(store_fault, backup_is_whole_or_not_there)
{
	struct sweep_state from;
	size_t calls = 0;

	take_killed(&from);
	cr_assert(zero(int, chdir(tmpdir())));
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct fault how = kinds[k];
		size_t fired = 1;

		for (how.at = 1 + k % FAULT_STEP; fired > 0;
		     how.at += step(&how), calls += step(&how)) {
			struct as_err e = { 0 };
			struct st_store *s;
			int rc;

			sweep_put(&from);
			s = kit_open();
			(void)unlink("backup");
			(void)unlink("backup.new");
			(void)sqlite3_db_release_memory(s->db);
			sweep_arm(s, how);
			rc = back_up(s, &e);
			fired = sweep_disarm();
			if (rc != AS_OK) {
				sweep_check_error("backup", how.at, rc, &e);
			}
			cr_assert(is_whole("backup") || rc != AS_OK, "call %zu", how.at);
			cr_assert(how.on || access("backup.new", F_OK) != 0, "call %zu: %s", how.at,
				  e.msg);
			kit_fill(s, 5, 6);
			ok(st_check(s, &e));
			st_close(s);
		}
	}
	cr_assert(lt(sz, (size_t)100, calls));
	sweep_free(&from);
}

/* A restore that fails leaves no journal, and the next one makes it. */
Test(store_fault, restore_is_whole_or_not_there)
{
	struct sweep_state from;
	struct as_err e = { 0 };
	struct st_store *s;
	size_t calls = 0;

	take_killed(&from);
	cr_assert(zero(int, chdir(tmpdir())));
	s = kit_open();
	ok(back_up(s, &e));
	st_close(s);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct fault how = kinds[k];
		size_t fired = 1;

		for (how.at = 1 + k % FAULT_STEP; fired > 0;
		     how.at += step(&how), calls += step(&how)) {
			struct st_restored r;
			int rc;

			sweep_clear("new/spool");
			sweep_clear("new");
			sweep_arm(NULL, how);
			rc = st_restore("backup", "new", &r, &e);
			fired = sweep_disarm();
			if (rc != AS_OK) {
				sweep_check_error("restore", how.at, rc, &e);
			}
			if (access("new/journal.db", F_OK) != 0) {
				cr_assert(ne(int, rc, AS_OK), "call %zu", how.at);
				rc = st_restore("backup", "new", &r, &e);
				cr_assert(eq(int, rc, AS_OK), "after call %zu (%d on %d): %s",
					  how.at, how.number, how.on, e.msg);
			}
			ok(st_open(&s, "new", &e));
			ok(st_check(s, &e));
			cr_assert(lt(u64, (uint64_t)1, st_epoch(s)));
			kit_fill(s, 5, 5);
			st_close(s);
		}
	}
	cr_assert(lt(sz, (size_t)100, calls));
	sweep_free(&from);
}

static int rest(struct st_store *s, struct as_err *e)
{
	s->wal = 1 << 20; /* as if it had grown */
	return st_rest(s, false, e);
}

static int reserve(struct st_store *s, struct as_err *e)
{
	bool held;
	int rc;

	TRY(st_reserve(s, 1 << 16, &held, e));
	TRY(st_reserve(s, 1 << 12, &held, e));
	TRY(st_reserve_give_up(s, e));
out:
	return rc;
}

/* These change nothing in the journal, and what they say of a failure may be that there is none. */
Test(store_fault, reserve_and_rest)
{
	static const struct sweep_act acts[] = {
		{ .name = "a rest", .run = rest, .bare = true },
		{ .name = "the reserve", .run = reserve, .bare = true },
	};
	struct sweep_state from;

	take_killed(&from);
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			struct fault how = kinds[k];

			how.at = 1 + k % FAULT_STEP;
			(void)sweep(&acts[i], &from, how);
		}
	}
	sweep_free(&from);
}

static bool reserve_is_there(void)
{
	struct stat st;

	return stat(tmpdir_path("state/reserve"), &st) == 0 && st.st_size == 1 << 16;
}

Test(store_fault, reserve_that_could_not_be_made_is_not_held)
{
	struct fault how = { .number = EIO };
	struct as_err e = { 0 };
	struct st_store *s;
	size_t fired = 1;

	disk_use();
	s = kit_open();
	for (how.at = 1; fired > 0; how.at += FAULT_STEP) {
		bool held = false;
		int rc;

		ok(st_reserve_give_up(s, &e));
		sweep_arm(s, how);
		rc = st_reserve(s, 1 << 16, &held, &e);
		fired = sweep_disarm();
		cr_assert(not(held && (rc != AS_OK || !reserve_is_there())), "call %zu", how.at);
		cr_assert(held || rc != AS_OK || fired > 0);
	}
	st_close(s);
}
