/* SPDX-License-Identifier: Apache-2.0
 * Workers that are killed: nothing of what they held is lost. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"

#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>

TestSuite(e2e_worker, .timeout = 600);

enum { KILLS = 5 }; /* of all workers at once */

/* Kills every child of the daemon; how many there were. */
static size_t kill_workers(const struct world *w)
{
	char path[64];
	size_t n = 0;
	int pid;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)w->daemon.pid,
		       (int)w->daemon.pid);
	f = fopen(path, "r");
	cr_assert(ne(ptr, f, NULL), "%s", path);
	while (fscanf(f, "%d", &pid) == 1) {
		n += kill(pid, SIGKILL) == 0;
	}
	(void)fclose(f);
	return n;
}

Test(e2e_worker, killed_workers_are_replaced_and_their_cases_finish)
{
	struct world w;
	struct proc p;
	size_t results = 0;
	const char *line;

	world_start_plain(&w);
	proc_start(&p,
		   (const char *const[]){ "assay", "submit", "--stream", "breast", "--data",
					  world_cases(), "--wait", "--json", NULL },
		   NULL);
	while ((line = proc_line(&p, PROC_MS)) != NULL) {
		same(world_text(world_json(line), "data.kind"), "result");
		if (results++ < 3) {
			(void)kill_workers(&w);
		}
	}
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data);
	cr_assert(eq(sz, results, (size_t)WORLD_CASES));
	proc_free(&p);
	for (int round = 0; round < KILLS; round++) {
		cr_assert(eq(int, proc_run(&p, "assay", "status", "--wait-ready", "30"), 0),
			  "round %d: %s", round, p.err.data);
		proc_free(&p);
		cr_assert(eq(sz, kill_workers(&w), (size_t)3));
	}
	cr_assert(eq(int, proc_run(&p, "assay", "status", "--wait-ready", "30"), 0), "%s",
		  p.err.data);
	proc_free(&p);
	world_stop(&w);
}

/* Its sandbox would keep it from a folder that came later: it would be connected and of no use. */
Test(e2e_worker, folder_of_models_that_is_not_there_is_said_at_once)
{
	struct proc p;

	cr_assert(eq(int,
		     proc_run(&p, "assay-worker", "--plugin", BUILD_DIR "/plugins/null.so",
			      "--work", "tcp://127.0.0.1:1", "--models", tmpdir_path("none")),
		     66));
	cr_assert(ne(ptr, strstr(p.err.data, "none: No such file or directory"), NULL), "%s",
		  p.err.data);
	proc_free(&p);
}
