/* SPDX-License-Identifier: Apache-2.0
 * chaos_test.c - cases while the daemon and its workers are killed at random, submissions that come
 * twice, a clock that jumps. */
#include "core/base/rng.h"
#include "tests/crash/life.h"
#include "tests/support/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(crash_chaos, .timeout = 600);

enum { CASES = 120, FAULT_EVERY = 6, WAITING = 40 };

/* A child of the daemon, drawn at random; 0 where it has none just now. */
static pid_t draw_worker(const struct life *l, struct as_rng *r)
{
	char path[64];
	pid_t found = 0;
	pid_t pid;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", l->daemon.pid,
		       l->daemon.pid);
	f = fopen(path, "r");
	for (uint64_t n = 1; f != NULL && fscanf(f, "%d", &pid) == 1; n++) {
		found = as_rng_below(r, n) == 0 ? pid : found;
	}
	if (f != NULL) {
		(void)fclose(f);
	}
	return found;
}

static void fault(struct life *l, struct as_rng *r)
{
	const pid_t worker = draw_worker(l, r);

	if (as_rng_below(r, 2) == 0) {
		life_kill(l, SIGKILL);
	} else if (worker > 0) {
		(void)kill(worker, SIGKILL); /* one that has just died is as good */
	}
}

/* Workers die oftener than a page has attempts, but not with the same page alone in them. */
static void run_with_faults(uint64_t seed)
{
	struct life l;
	struct as_rng r;
	char id[16];

	as_rng_seed(&r, seed, 0);
	(void)snprintf(id, sizeof id, "seed-%d", (int)seed);
	life_init(&l, id, "");
	life_start(&l);
	for (int i = 0; i < CASES; i++) {
		(void)snprintf(id, sizeof id, "c%d", i);
		life_submit(&l, id, as_rng_below(&r, 2UL * LIFE_SPOOLED) + 1);
		if (as_rng_below(&r, FAULT_EVERY) == 0) {
			fault(&l, &r);
		}
	}
	life_wait(&l, CASES);
	for (int i = 0; i < CASES; i += 7) {
		(void)snprintf(id, sizeof id, "c%d", i);
		life_get(&l, id);
	}
	cr_assert(lt(int, 0, l.ended), "nothing was killed: the run proves nothing");
	life_audit(&l);
	life_free(&l);
}

Test(crash_chaos, daemon_and_workers_killed_at_random)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		run_with_faults(seed);
	}
}

/* Their second parts come when the first are on disk, in other daemons than the one that took them.
 */
Test(crash_chaos, cases_that_wait_on_disk_outlive_kills)
{
	struct life l;
	struct as_rng r;
	char id[16];

	as_rng_seed(&r, 9, 0);
	life_init(&l, "waiting", "waiting_cases = 2");
	life_start(&l);
	for (int i = 0; i < 2 * WAITING; i++) {
		(void)snprintf(id, sizeof id, "c%d", i % WAITING);
		life_submit_part(&l, id, (i < WAITING) == (i % 2 == 0) ? "a" : "b");
		if (as_rng_below(&r, FAULT_EVERY) == 0) {
			fault(&l, &r);
		}
	}
	life_wait(&l, WAITING);
	for (int i = 0; i < WAITING; i += 7) {
		(void)snprintf(id, sizeof id, "c%d", i);
		life_get(&l, id);
	}
	cr_assert(lt(int, 0, l.ended), "nothing was killed: the run proves nothing");
	life_audit(&l);
	cr_assert(eq(sz, l.ledger.journal.n, (size_t)WAITING));
	life_free(&l);
}

Test(crash_chaos, a_submission_sent_again_is_judged_once)
{
	struct life l;

	life_init(&l, "again", "");
	life_start(&l);
	for (int turn = 0; turn < 3; turn++) {
		life_submit(&l, "one", LIFE_SPOOLED);
		life_submit(&l, "two", 10);
		life_kill(&l, SIGKILL);
	}
	life_wait(&l, 2);
	life_get(&l, "one");
	life_kill(&l, SIGKILL);
	life_submit(&l, "one", LIFE_SPOOLED);
	life_get(&l, "one");
	life_audit(&l);
	cr_assert(eq(sz, l.ledger.journal.n, (size_t)2));
	life_free(&l);
}

/* Ten years ago, then now, and the other way round: order and numbers do not follow the clock. */
static void jump(const char *name, const char *first)
{
	struct life l;
	char fake[32];
	const char *const wrap[] = {
		"/usr/bin/env", "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1", fake, NULL
	};

	(void)snprintf(fake, sizeof fake, "FAKETIME=%s", first);
	life_init(&l, name, "");
	memcpy(l.wrap, wrap, sizeof wrap);
	life_start(&l);
	life_submit(&l, "before", LIFE_SPOOLED);
	life_wait(&l, 1);
	life_submit(&l, "between", 10);
	life_kill(&l, SIGKILL);
	life_submit(&l, "after", 10);
	life_wait(&l, 3);
	life_audit(&l);
	life_free(&l);
}

Test(crash_chaos, the_clock_jumps)
{
	jump("back", "+3650d");
	jump("forth", "-3650d");
}
