/* SPDX-License-Identifier: Apache-2.0
 * sweep_test.c - a run of eight cases, over and over: each time the daemon is killed at the next
 * call of one kind (strace injects SIGKILL at the call), or the call fails. The run is over when it
 * makes no more calls of that kind; a kind that is never called fails the sweep. (strace 6.1 drops
 * some of the signals it is to inject when it filters by seccomp: --seccomp-bpf is not for this.)
 *
 * CRASH_STEP=N in the environment takes every N-th call only (`make crash`); CRASH_STEP=1 all of
 * them (`make nightly`). */
#include "core/io/file.h"
#include "tests/crash/life.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(crash_sweep, .timeout = 3600);

enum { CASES = 8 };

static long step_of(long fallback)
{
	const char *s = getenv("CRASH_STEP");

	return s != NULL && atol(s) > 0 ? atol(s) : fallback;
}

static const char *case_id(int i)
{
	static char id[8];

	(void)snprintf(id, sizeof id, "c%d", i);
	return id;
}

static void run_cases(struct life *l)
{
	for (int i = 0; i < CASES; i++) {
		life_submit(l, case_id(i), i % 2 == 0 ? 100 : LIFE_SPOOLED + (size_t)i);
	}
	life_wait(l, CASES);
	for (int i = 0; i < CASES; i++) {
		life_get(l, case_id(i));
	}
}

/* Whether strace has injected something. */
static bool is_injected(void)
{
	struct as_buf text = { 0 };
	struct as_err e = { 0 };
	bool is;

	ok(io_read_file(tmpdir_path("trace"), 1 << 30, &text, &e));
	is = text.len > 0 && memmem(text.data, text.len, "(INJECTED)", 10) != NULL;
	as_buf_free(&text);
	return is;
}

/* One run with an injection at the when-th call; whether it came to that call. code: how the daemon
 * must have ended then; 0: not at all, or with 74 where it
 * was starting and there is no journal yet. */
static bool run_once(const char *call, const char *how, long when, int code)
{
	struct life l;
	char name[32];
	char trace[64];
	char inject[128];
	const char *const wrap[] = { LIFE_STRACE(trace, inject), NULL };
	bool fired;

	(void)snprintf(name, sizeof name, "%ld", when);
	(void)snprintf(trace, sizeof trace, "trace=%s", call);
	(void)snprintf(inject, sizeof inject, "inject=%s:%s:when=%ld", call, how, when);
	life_init(&l, name, "");
	memcpy(l.wrap, wrap, sizeof wrap);
	life_start(&l);
	run_cases(&l);
	life_audit(&l);
	fired = code == 0 ? is_injected() : l.ended > 0;
	if (l.ended > 0) {
		cr_assert(eq(int, l.code, code ? code : 74), "%s %s at call %ld: ended with %d",
			  call, how, when, l.code);
	}
	life_free(&l);
	return fired;
}

static void sweep(const char *call, const char *how, int code, long fallback)
{
	const long step = step_of(fallback);
	long fired = 0;
	long when = 1;

	for (; run_once(call, how, when, code); when += step) {
		fired++;
	}
	(void)fprintf(stderr, "%s %s: %ld runs, every %ld. of its calls, up to the %ld.\n", call,
		      how, fired, step, when - step);
	cr_assert(lt(int, 0, (int)fired), "%s is never called: the sweep proves nothing", call);
}

#define KILLED (128 + SIGKILL)

Test(crash_sweep, killed_at_fdatasync)
{
	sweep("fdatasync", "signal=KILL", KILLED, 5);
}

Test(crash_sweep, killed_at_fsync)
{
	sweep("fsync", "signal=KILL", KILLED, 5);
}

Test(crash_sweep, killed_at_pwrite64)
{
	sweep("pwrite64", "signal=KILL", KILLED, 40);
}

Test(crash_sweep, killed_at_rename)
{
	sweep("rename,renameat2", "signal=KILL", KILLED, 3);
}

Test(crash_sweep, killed_at_unlink)
{
	sweep("unlink", "signal=KILL", KILLED, 4);
}

Test(crash_sweep, killed_at_ftruncate)
{
	sweep("ftruncate", "signal=KILL", KILLED, 1);
}

/* What libzmq sends to clients and workers with. */
Test(crash_sweep, killed_at_sendto)
{
	sweep("sendto", "signal=KILL", KILLED, 9);
}

Test(crash_sweep, fdatasync_fails)
{
	sweep("fdatasync", "error=EIO", 74, 7);
}

Test(crash_sweep, fsync_fails)
{
	sweep("fsync", "error=EIO", 74, 5);
}

Test(crash_sweep, a_write_finds_no_room)
{
	sweep("pwrite64", "error=ENOSPC", 0, 48);
}

Test(crash_sweep, reserve_finds_no_room)
{
	sweep("fallocate", "error=ENOSPC", 0, 1);
}

Test(crash_sweep, a_write_fails)
{
	sweep("pwrite64", "error=EIO", 74, 48);
}
