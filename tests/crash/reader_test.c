/* SPDX-License-Identifier: Apache-2.0
 * reader_test.c - subscribers that are late, stopped, killed: `assay watch` gives every number
 * once, in order, the bytes of the journal. */
#include "tests/crash/life.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(crash_reader, .timeout = 600);

enum { CASES = 400, HALF = CASES / 2 };

static void submit(struct life *l, int from, int to)
{
	char id[16];

	for (int i = from; i < to; i++) {
		(void)snprintf(id, sizeof id, "c%d", i);
		life_submit(l, id, 50);
	}
}

static void watch(struct proc *p, const struct life *l, const char *count, const char *name)
{
	char front[160];

	(void)snprintf(front, sizeof front, "ipc://%s/front", l->run);
	proc_start(p,
		   (const char *const[]){ "assay", "watch", "--from", front, "--stream", "s",
					  "--json", "--count", count, name ? "--name" : NULL, name,
					  NULL },
		   NULL);
}

/* The next lines go to the ledger. */
static void read_lines(struct proc *p, struct life *l, const char *reader, int n)
{
	for (int i = 0; i < n; i++) {
		const char *line = proc_line(p, LIFE_MS);

		cr_assert(line != NULL, "%s ended with %d after %d: %s", reader, p->code, i,
			  p->err.data);
		ledger_saw(&l->ledger, reader, line, strlen(line));
	}
}

Test(crash_reader, late_stopped_and_killed_subscribers_miss_nothing)
{
	struct life l;
	struct proc stopped;
	struct proc named;
	struct proc late;

	life_init(&l, "readers", "");
	life_start(&l);
	submit(&l, 0, 10);
	life_wait(&l, 10);
	watch(&stopped, &l, "400", NULL);
	read_lines(&stopped, &l, "stopped", 10);
	proc_signal(&stopped, SIGSTOP);
	watch(&named, &l, "150", "lab");
	submit(&l, 10, HALF);
	read_lines(&named, &l, "named", 150);
	cr_assert(zero(int, proc_wait(&named, LIFE_MS)));
	proc_free(&named);
	life_kill(&l, SIGKILL);
	submit(&l, HALF, CASES);
	life_wait(&l, CASES);
	proc_signal(&stopped, SIGCONT);
	read_lines(&stopped, &l, "stopped", CASES - 10);
	watch(&late, &l, "400", NULL);
	read_lines(&late, &l, "late", CASES);
	watch(&named, &l, "250", "lab"); /* its number is the daemon's to keep */
	read_lines(&named, &l, "named", CASES - 150);
	cr_assert(zero(int, proc_wait(&stopped, LIFE_MS)));
	cr_assert(zero(int, proc_wait(&late, LIFE_MS)));
	cr_assert(zero(int, proc_wait(&named, LIFE_MS)));
	proc_free(&stopped);
	proc_free(&late);
	proc_free(&named);
	life_audit(&l);
	life_free(&l);
}
