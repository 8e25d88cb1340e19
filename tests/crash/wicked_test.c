/* SPDX-License-Identifier: Apache-2.0
 * wicked_test.c - pages that end the daemon, hang or ruin their worker, or make it lie: each is the
 * end of its own case only. */
#include "tests/crash/life.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(crash_wicked, .timeout = 600);

enum { INNOCENT = 12 };

static const char *build_plugin(void)
{
	const char *so = tmpdir_path("wicked.so");
	struct proc p;

	cr_assert(eq(int,
		     proc_run(&p, "/usr/bin/cc", "-shared", "-fPIC", "-fvisibility=hidden",
			      "-I" SOURCE_DIR "/plugins", "-o", so,
			      SOURCE_DIR "/tests/crash/plugin/wicked.c", "-lm"),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	return so;
}

static void begin(struct life *l, const char *name, const char *keys)
{
	life_init(l, name, keys);
	life_plugin(l, build_plugin());
	life_start(l);
}

/* A case of the page `wicked-`, between innocent ones. */
static void submit_all(struct life *l, const char *const *wicked, size_t n)
{
	char id[32];

	for (int i = 0; i < INNOCENT; i++) {
		(void)snprintf(id, sizeof id, "fine%d", i);
		life_submit(l, id, i % 2 ? LIFE_SPOOLED : 100);
		if ((size_t)i < n) {
			life_submit(l, wicked[i], 100);
			ledger_submitted(&l->ledger, wicked[i], true);
		}
	}
	life_wait(l, INNOCENT + n);
}

/* The bad cases are rejected for these limits, in any order. */
static void has_limit(struct life *l, const char *id, const char *limit)
{
	char subject[64];
	char want[64];
	bool found = false;

	(void)snprintf(subject, sizeof subject, "\"subject\":\"%s\"", id);
	(void)snprintf(want, sizeof want, "\"limit\":\"%s\"", limit);
	for (size_t i = 0; i < l->ledger.journal.n; i++) {
		const struct as_buf *b = &l->ledger.journal.body[i];

		if (memmem(b->data, b->len, subject, strlen(subject)) != NULL) {
			found = memmem(b->data, b->len, want, strlen(want)) != NULL;
			cr_assert(found, "%s: %.*s", id, (int)b->len, b->data);
		}
	}
	cr_assert(found, "%s is not there", id);
}

/* The first time nobody knows which page it was; then it is alone, and three times it ends the
 * daemon. */
Test(crash_wicked, page_that_ends_the_daemon)
{
	const char *const wicked[] = { "kill-1" };
	struct life l;

	begin(&l, "kill", "sandbox = off");
	submit_all(&l, wicked, 1);
	cr_assert(le(int, 3, l.ended));
	cr_assert(le(int, l.ended, 4));
	cr_assert(eq(int, l.code, 128 + SIGKILL));
	life_audit(&l);
	has_limit(&l, "kill-1", "attempts");
	life_free(&l);
}

Test(crash_wicked, pages_that_ruin_their_worker)
{
	const char *const wicked[] = { "hang-1", "bomb-1", "nan-1", "many-1", "hang-2", "bomb-2" };
	struct life l;

	begin(&l, "ruin", "job_max_s = 1\nworker_memory = 268435456");
	submit_all(&l, wicked, sizeof wicked / sizeof *wicked);
	life_audit(&l);
	has_limit(&l, "hang-1", "lease");
	has_limit(&l, "hang-2", "lease");
	has_limit(&l, "bomb-1", "attempts");
	has_limit(&l, "nan-1", "features");
	cr_assert(zero(int, l.ended), "%s", l.daemon.err.data);
	life_free(&l);
}
