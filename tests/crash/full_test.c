/* SPDX-License-Identifier: Apache-2.0
 * full_test.c - a disk that is full, says it is, or cannot write: nothing that was accepted is
 * lost, nothing more is accepted than can be kept, and what is there can be read. */
#include "core/base/clock.h"
#include "tests/crash/life.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(crash_full, .timeout = 600);

/* The daemon's state lies on a file system of 24 MB that only it and its workers see. */
static bool start_small(struct life *l)
{
	const char *const wrap[] = { "/usr/bin/unshare",
				     "-Urm",
				     "/bin/sh",
				     "-c",
				     "mount -t tmpfs -o size=24m tmpfs \"$0\" && exec \"$@\"",
				     l->state,
				     NULL };
	const char *const probe[] = { "/usr/bin/unshare",          "-Urm", "/bin/sh", "-c",
				      "mount -t tmpfs tmpfs /mnt", NULL };
	struct proc p;
	int code;

	proc_start(&p, probe, NULL);
	code = proc_wait(&p, LIFE_MS);
	proc_free(&p);
	if (code != 0) {
		return false;
	}
	cr_assert(zero(int, mkdir(l->state, 0700)));
	memcpy(l->wrap, wrap, sizeof wrap);
	life_start(l);
	return true;
}

/* A file of the state as the daemon sees it. */
static const char *path_in(const struct life *l, const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof path, "/proc/%d/root%s/%s", l->daemon.pid, l->state, name);
	return path;
}

static void fill_disk(const struct life *l)
{
	static char block[1 << 16];
	const int fd = open(path_in(l, "filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	size_t n = sizeof block;

	cr_assert(fd >= 0);
	while (n > 0) {
		if (write(fd, block, n) <= 0) {
			n /= 2;
		}
	}
	(void)close(fd);
}

static void fits(struct life *l)
{
	struct as_buf why = { 0 };

	life_read_journal(l);
	cr_assert(ledger_check(&l->ledger, &why), "%s", why.data);
	as_buf_free(&why);
}

Test(crash_full, what_was_accepted_is_judged_and_nothing_new_is_until_there_is_room)
{
	const int64_t patience = INT64_C(1000000) * LIFE_MS;
	struct life l;
	int64_t late;

	life_init(&l, "full", "reserve_bytes = 4194304");
	if (!start_small(&l)) {
		life_free(&l);
		cr_skip_test("no file system can be mounted here");
	}
	life_submit(&l, "c0", LIFE_SPOOLED);
	life_wait(&l, 1);
	cr_assert(not(life_is(&l, "disk_full")));
	cr_assert(zero(int, access(path_in(&l, "reserve"), F_OK)));
	life_signal_workers(&l, SIGSTOP);
	life_submit(&l, "c1", LIFE_SPOOLED); /* they are on their way when the disk is full */
	life_submit(&l, "c2", 100);
	fill_disk(&l);
	same(life_try(&l, "c3", 3000000), "UNAVAILABLE");
	life_signal_workers(&l, SIGCONT);
	life_wait(&l, 3);
	life_get(&l, "c1");
	same(life_try(&l, "c4", 10), "UNAVAILABLE");
	cr_assert(life_is(&l, "disk_full"));
	cr_assert(proc_says(&l.daemon, "DISK-FULL", LIFE_MS), "%s", l.daemon.err.data);
	cr_assert(eq(ptr, strstr(l.daemon.err.data, "error=\"\""), NULL), "%s", l.daemon.err.data);
	cr_assert(eq(int, access(path_in(&l, "reserve"), F_OK), -1));
	cr_assert(zero(int, unlink(path_in(&l, "filler"))));
	life_submit(&l, "c3", 3000000);
	life_submit(&l, "c4", 10);
	life_wait(&l, 5);
	late = as_mono_ns() + patience;
	while (life_is(&l, "disk_full")) {
		cr_assert(lt(i64, as_mono_ns(), late));
	}
	cr_assert(zero(int, access(path_in(&l, "reserve"), F_OK)));
	cr_assert(zero(int, l.ended), "%s", l.daemon.err.data);
	fits(&l);
	life_free(&l);
}

Test(crash_full, without_room_for_the_reserve_nothing_is_accepted_and_the_log_says_why)
{
	struct life l;

	life_init(&l, "roomless", "reserve_bytes = 1073741824");
	if (!start_small(&l)) {
		life_free(&l);
		cr_skip_test("no file system can be mounted here");
	}
	cr_assert(proc_says(&l.daemon, "error=\"no room for the reserve\"", LIFE_MS), "%s",
		  l.daemon.err.data);
	cr_assert(life_is(&l, "disk_full"));
	same(life_try(&l, "c0", 10), "UNAVAILABLE");
	cr_assert(zero(int, l.ended), "%s", l.daemon.err.data);
	life_free(&l);
}

Test(crash_full, disk_that_never_syncs_leaves_a_daemon_that_reads)
{
	const char *const wrap[] = { LIFE_STRACE("trace=fdatasync", "inject=fdatasync:error=EIO"),
				     NULL };
	char failures[300];
	struct life l;
	struct as_buf why = { 0 };

	life_init(&l, "unsynced", "");
	(void)snprintf(failures, sizeof failures, "%s/failures", l.state);
	life_start(&l);
	for (int i = 0; i < 3; i++) {
		char id[8];

		(void)snprintf(id, sizeof id, "c%d", i);
		life_submit(&l, id, 100);
	}
	life_wait(&l, 3);
	(void)life_stop(&l, SIGTERM);
	memcpy(l.wrap, wrap, sizeof wrap);
	l.wrap_always = true;
	(void)life_tend(&l);
	l.ended = 0;
	while (!life_is(&l, "read_only")) {
		cr_assert(ne(int, strcmp(life_try(&l, "new", 100), "ACCEPTED"), 0));
	}
	cr_assert(eq(int, l.ended, 3));
	cr_assert(eq(int, l.code, 74));
	same(life_try(&l, "new", 100), "UNAVAILABLE");
	life_get(&l, "c1");
	life_read_journal(&l);
	cr_assert(eq(sz, l.ledger.journal.n, (size_t)3));
	cr_assert(eq(int, l.ended, 3)); /* it stays */
	/* The disk is a good one again, and somebody says so. */
	cr_assert(zero(int, life_stop(&l, SIGTERM)));
	l.wrap_always = false;
	l.wrap[0] = NULL;
	cr_assert(zero(int, unlink(failures)));
	(void)life_tend(&l);
	life_submit(&l, "new", 100);
	life_wait(&l, 4);
	life_read_journal(&l);
	cr_assert(ledger_check(&l.ledger, &why), "%s", why.data);
	as_buf_free(&why);
	life_free(&l);
}
