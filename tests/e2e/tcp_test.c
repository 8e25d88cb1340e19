/* SPDX-License-Identifier: Apache-2.0
 * The same over TCP: clients and workers of other machines, without a fixed port. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(e2e_tcp, .timeout = 300);

/* The address that the daemon logged for a socket. */
static const char *address(struct proc *daemon, const char *socket)
{
	const char *mark = world_format("socket=%s endpoint=tcp://", socket);
	const char *at;

	cr_assert(proc_says(daemon, mark, PROC_MS), "%s", daemon->err.data);
	at = strstr(daemon->err.data, mark) + strlen(mark);
	return world_format("tcp://%.*s", (int)strcspn(at, " \n"), at);
}

static void start(struct proc *daemon, int workers)
{
	const char *ini = world_format("[daemon]\nstate = %s/state\nruntime = %s/run\n"
				       "front = tcp://127.0.0.1:*\nfeed = tcp://127.0.0.1:*\n"
				       "work = tcp://127.0.0.1:*\nfeatures = tcp://127.0.0.1:*\n",
				       tmpdir(), tmpdir());

	for (size_t i = 0; i < 3; i++) {
		static const char *const kind[] = { "image", "text", "table" };

		ini = world_format("%s[encoder.%s]\nplugin = %s/plugins/%s.so\nworkers = %d\n", ini,
				   kind[i], BUILD_DIR, kind[i], workers);
	}
	ini = world_format("%s[stream.breast]\nmodel = %s\n", ini, world_model());
	(void)unsetenv("ASSAY_RUNTIME");
	proc_start(daemon,
		   (const char *const[]){ "assayd", "-c", tmpdir_file("assayd.ini", ini), NULL },
		   NULL);
}

/* All cases are judged, and read back from the feed and the journal. */
static void judge_all(const char *front)
{
	struct proc watch;
	struct proc p;

	proc_start(&watch,
		   (const char *const[]){ "assay", "watch", "--from", front, "--count", "10",
					  "--json", NULL },
		   NULL);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--to", front, "--stream", "breast", "--data",
			      world_cases(), "--wait", "--json"),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	for (int i = 1; i <= WORLD_CASES; i++) {
		cr_assert(eq(dbl, world_num(world_json(proc_line(&watch, PROC_MS)), "data.seq"),
			     (double)i));
	}
	cr_assert(eq(int, proc_wait(&watch, PROC_MS), 0));
	proc_free(&watch);
}

static void stop(struct proc *daemon)
{
	proc_signal(daemon, SIGTERM);
	cr_assert(eq(int, proc_wait(daemon, PROC_MS), 0), "%s", daemon->err.data);
	proc_free(daemon);
}

Test(e2e_tcp, clients_find_the_feed_by_front_alone)
{
	struct proc daemon;
	struct proc p;
	const char *front;

	start(&daemon, 1);
	front = address(&daemon, "front");
	cr_assert(
	    eq(int, proc_run(&p, "assay", "status", "--from", front, "--wait-ready", "50"), 0),
	    "%s", p.err.data);
	proc_free(&p);
	judge_all(front);
	stop(&daemon);
}

Test(e2e_tcp, workers_of_other_machines_are_served)
{
	static const char *const kind[] = { "image", "text", "table" };
	struct proc worker[3];
	struct proc daemon;
	struct proc p;
	const char *front;

	start(&daemon, 0);
	front = address(&daemon, "front");
	for (size_t i = 0; i < 3; i++) {
		proc_start(
		    &worker[i],
		    (const char *const[]){ "assay-worker", "--plugin",
					   world_format("%s/plugins/%s.so", BUILD_DIR, kind[i]),
					   "--work", address(&daemon, "work"), "--models",
					   world_format("%s/state/models", tmpdir()), NULL },
		    NULL);
	}
	cr_assert(
	    eq(int, proc_run(&p, "assay", "status", "--from", front, "--wait-ready", "50"), 0),
	    "%s%s", p.err.data, worker[0].err.data ? worker[0].err.data : "");
	proc_free(&p);
	judge_all(front);
	stop(&daemon);
	for (size_t i = 0; i < 3; i++) {
		cr_assert(eq(int, proc_wait(&worker[i], PROC_MS), 0), "%s", worker[i].err.data);
		proc_free(&worker[i]);
	}
}
