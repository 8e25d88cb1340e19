/* SPDX-License-Identifier: Apache-2.0
 * The same over TCP: clients and workers of other machines, without a fixed port. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void start(struct proc *daemon, int workers, const char *keys)
{
	const char *ini = world_format("[daemon]\nstate = %s/state\nruntime = %s/run\n"
				       "front = tcp://127.0.0.1:*\nfeed = tcp://127.0.0.1:*\n"
				       "work = tcp://127.0.0.1:*\nfeatures = tcp://127.0.0.1:*\n"
				       "%s",
				       tmpdir(), tmpdir(), keys);

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

	start(&daemon, 1, "insecure = true\n");
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

	start(&daemon, 0, "insecure = true\n");
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

static const char *make_key(const char *name)
{
	struct proc p;
	const char *key;

	cr_assert(eq(int, proc_run(&p, "assay", "keys", "generate", tmpdir_path(name)), 0), "%s",
		  p.err.data);
	key = world_format("%s", proc_line(&p, PROC_MS));
	proc_free(&p);
	return key;
}

/* The command must end so; --key and --server-key are of this folder. */
static void run(const char *key, const char *const *words, int want)
{
	const char *argv[24] = { "assay" };
	struct proc p;
	size_t n = 1;

	for (size_t i = 0; words[i] != NULL; i++) {
		argv[n++] = words[i];
	}
	if (key != NULL) {
		argv[n++] = "--key";
		argv[n++] = tmpdir_path(key);
		argv[n++] = "--server-key";
		argv[n++] = tmpdir_path("daemon.pub");
	}
	proc_start(&p, argv, NULL);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), want), "%s %s: %s", words[0], key ? key : "",
		  p.err.data);
	proc_free(&p);
}

#define RUN(key, want, ...) run((key), (const char *const[]){ __VA_ARGS__, NULL }, (want))

/* The programs as an operator uses them: a daemon, a client, and workers of another machine, all
 * with keys; strangers and clients in the clear are not answered. */
Test(e2e_tcp, everything_with_keys)
{
	static const char *const kind[] = { "image", "text", "table" };
	struct proc worker[3];
	struct proc daemon;
	const char *front;
	const char *list;

	(void)make_key("daemon");
	(void)make_key("stranger");
	list = world_format("[client.lab]\nkey = %s\nsubmit = breast\nsubscribe = breast\n",
			    make_key("lab"));
	list =
	    world_format("%s[client.reader]\nkey = %s\nsubscribe = *\n", list, make_key("reader"));
	list =
	    world_format("%s[client.machine]\nkey = %s\nwork = true\n", list, make_key("machine"));
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", list), 0600)));
	start(&daemon, 0, "key = daemon\nclients = clients.ini\n");
	front = address(&daemon, "front");
	for (size_t i = 0; i < 3; i++) {
		proc_start(
		    &worker[i],
		    (const char *const[]){ "assay-worker", "--plugin",
					   world_format("%s/plugins/%s.so", BUILD_DIR, kind[i]),
					   "--work", address(&daemon, "work"), "--models",
					   world_format("%s/state/models", tmpdir()), "--key",
					   tmpdir_path("machine"), "--server-key",
					   tmpdir_path("daemon.pub"), NULL },
		    NULL);
	}
	RUN("lab", 0, "status", "--from", front, "--wait-ready", "50");
	RUN("lab", 0, "submit", "--to", front, "--stream", "breast", "--data", world_cases(),
	    "--wait");
	RUN("lab", 0, "watch", "--from", front, "--stream", "breast", "--count", "10");
	RUN("reader", 0, "watch", "--from", front, "--count", "10");
	RUN("reader", 0, "get", "--from", front, "--stream", "breast", "--case", "P2-0001");
	RUN("reader", 77, "submit", "--to", front, "--stream", "breast", "--data", world_cases());
	RUN("stranger", 69, "status", "--from", front);
	RUN(NULL, 69, "status", "--from", front);
	RUN("machine", 69, "status", "--from", front);
	stop(&daemon);
	for (size_t i = 0; i < 3; i++) {
		cr_assert(eq(int, proc_wait(&worker[i], PROC_MS), 0), "%s", worker[i].err.data);
		proc_free(&worker[i]);
	}
}

/* An operator of another machine, and a client that is none. */
Test(e2e_tcp, operator_verifies_purges_and_backs_up_with_a_key)
{
	struct proc daemon;
	const char *front;
	const char *control;
	const char *list;

	(void)make_key("daemon");
	list = world_format("[client.lab]\nkey = %s\nsubmit = *\nsubscribe = *\nadmin = other\n",
			    make_key("lab"));
	list = world_format("%s[client.boss]\nkey = %s\nadmin = *\n", list, make_key("boss"));
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", list), 0600)));
	start(&daemon, 1, "control = tcp://127.0.0.1:*\nkey = daemon\nclients = clients.ini\n");
	front = address(&daemon, "front");
	control = address(&daemon, "control");
	RUN("lab", 0, "status", "--from", front, "--wait-ready", "50");
	RUN("lab", 0, "submit", "--to", front, "--stream", "breast", "--data", world_cases(),
	    "--wait");
	RUN("lab", 77, "purge", "--to", control, "--stream", "breast", "--case", "P2-0001");
	RUN("lab", 77, "journal", "verify", "--to", control);
	RUN("lab", 77, "journal", "backup", tmpdir_path("not.db"), "--to", control);
	RUN("lab", 77, "dlq", "list", "--to", control);
	RUN("boss", 0, "purge", "--to", control, "--stream", "breast", "--case", "P2-0001");
	RUN("boss", 0, "journal", "verify", "--to", control);
	RUN("boss", 0, "journal", "backup", tmpdir_path("backup.db"), "--to", control);
	RUN("boss", 0, "dlq", "list", "--to", control);
	RUN(NULL, 69, "journal", "verify", "--to", control);
	cr_assert(zero(int, access(tmpdir_path("backup.db"), F_OK)));
	cr_assert(eq(int, access(tmpdir_path("not.db"), F_OK), -1));
	stop(&daemon);
}

/* SIGHUP reads the list anew. */
Test(e2e_tcp, key_is_revoked_without_a_restart)
{
	struct proc daemon;
	const char *front;
	const char *lab;

	(void)make_key("daemon");
	lab = world_format("[client.lab]\nkey = %s\nsubscribe = *\n", make_key("lab"));
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", lab), 0600)));
	start(&daemon, 0, "key = daemon\nclients = clients.ini\n");
	front = address(&daemon, "front");
	RUN("lab", 0, "status", "--from", front);
	(void)tmpdir_file("clients.ini", "# nobody\n");
	proc_signal(&daemon, SIGHUP);
	cr_assert(proc_says(&daemon, "RELOAD", PROC_MS));
	RUN("lab", 69, "status", "--from", front);
	(void)tmpdir_file("clients.ini", lab);
	proc_signal(&daemon, SIGHUP);
	while (true) {
		struct proc p;
		const int code =
		    proc_run(&p, "assay", "status", "--from", front, "--key", tmpdir_path("lab"),
			     "--server-key", tmpdir_path("daemon.pub"));

		proc_free(&p);
		if (code == 0) {
			break;
		}
	}
	stop(&daemon);
}

Test(e2e_tcp, attack_38_daemon_refuses_a_key_that_others_read)
{
	struct proc daemon;

	(void)make_key("daemon");
	cr_assert(zero(int, chmod(tmpdir_path("daemon"), 0644)));
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", "# nobody\n"), 0600)));
	start(&daemon, 0, "key = daemon\nclients = clients.ini\n");
	cr_assert(eq(int, proc_wait(&daemon, PROC_MS), 77));
	cr_assert(ne(ptr, strstr(daemon.err.data, "others may read a secret key"), NULL));
	proc_free(&daemon);
}
