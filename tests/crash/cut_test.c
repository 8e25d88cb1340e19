/* SPDX-License-Identifier: Apache-2.0
 * cut_test.c - the network between the daemon and everybody else is cut, for longer than heartbeats
 * and leases, and mended: nothing is lost, said twice or blamed on a case.
 *
 * The daemon has a network namespace of its own, and so has each of two sides, joined to it by a
 * pair of virtual Ethernet devices. On one side every frame goes to an address that nobody has:
 * silence, no reset, no error. On the other the device is down: every call says so. */
#include "core/base/clock.h"
#include "core/bus/keys.h"
#include "tests/crash/life.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(crash_cut, .timeout = 300);

enum { BEFORE = 11, CUT = 6, CASES = 30, SIDES = 2, NETS = 3, HOME = 2, PATH = 64 };

#define AT(side, port) "tcp://10.7." side ".1:" port

struct net {
	char path[NETS][PATH]; /* of the namespaces: one a side, and the daemon's */
};

/* The command, by the shell; its exit code. */
static int sh(const char *format, ...)
{
	char command[1024];
	struct proc p;
	va_list ap;
	int code;

	va_start(ap, format);
	(void)vsnprintf(command, sizeof command, format, ap);
	va_end(ap);
	proc_start(&p, (const char *const[]){ "/bin/sh", "-c", command, NULL }, NULL);
	code = proc_wait(&p, LIFE_MS);
	if (code != 0) {
		(void)fprintf(stderr, "%s: %s\n", command, p.err.data ? p.err.data : "");
	}
	proc_free(&p);
	return code;
}

/* Whoever may not make networks may where it is root of a user namespace, which no process of two
 * threads can enter: this runner again, there. */
static bool run_as_root(void)
{
	struct proc p;
	const char *said;
	bool passed;

	if (geteuid() == 0) {
		return false;
	}
	passed = proc_run(&p, "/usr/bin/env", "-i", "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
			  "CRASH_STEP=1", "/usr/bin/unshare", "-Ur", BUILD_DIR "/run/crash",
			  "--filter", "crash_cut/*") == 0;
	said = p.err.data ? p.err.data : "";
	cr_assert(passed || strstr(said, "Synthesis") == NULL, "%s", said);
	passed = passed && strstr(said, "Passing: 1") != NULL;
	proc_free(&p);
	return passed;
}

/* The last one made, side 0, is where this process stays. false: the machine forbids it. */
static bool net_make(struct net *n)
{
	for (int i = NETS - 1; i >= 0; i--) {
		int fd = -1;

		if (unshare(CLONE_NEWNET) != 0 ||
		    (fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) < 0) {
			return false;
		}
		(void)snprintf(n->path[i], PATH, "/proc/%d/fd/%d", getpid(), fd);
	}
	for (int i = 0; i < SIDES; i++) {
		if (sh("nsenter --net=%s ip link add out address 02:00:00:00:0%d:02 type veth peer "
		       "name in%d address 02:00:00:00:0%d:01 netns %s && "
		       "nsenter --net=%s ip addr add 10.7.%d.2/24 dev out && "
		       "nsenter --net=%s ip link set out up && "
		       "nsenter --net=%s ip addr add 10.7.%d.1/24 dev in%d && "
		       "nsenter --net=%s ip link set in%d up",
		       n->path[i], i, i, i, n->path[HOME], n->path[i], i, n->path[i], n->path[HOME],
		       i, i, n->path[HOME], i) != 0) {
			return false;
		}
	}
	return true;
}

/* Frames of side 0 to the daemon (or of the daemon to it) go to this last byte of an address. */
static void send_to(const struct net *n, bool daemons, const char *last)
{
	cr_assert(zero(int, sh("nsenter --net=%s ip neigh replace 10.7.0.%d lladdr "
			       "02:00:00:00:00:%s dev %s nud permanent",
			       n->path[daemons ? HOME : 0], daemons ? 2 : 1, last,
			       daemons ? "in0" : "out")));
}

static void set_side_1(const struct net *n, const char *state)
{
	cr_assert(zero(int, sh("nsenter --net=%s ip link set out %s", n->path[1], state)));
}

/* Everybody who is not the daemon. */
struct world {
	struct net net;
	struct life l;
	struct bus_keys daemon, lab, machine;
	struct bus_curve curve;
	struct proc watch[SIDES], worker[SIDES];
};

static void make_keys(struct world *w)
{
	struct bus_keys *const k[] = { &w->daemon, &w->lab, &w->machine };
	const char *const name[] = { "daemon.key", "lab.key", "machine.key" };
	struct as_buf list = { 0 };
	struct as_err e = { 0 };

	for (size_t i = 0; i < 3; i++) {
		ok(bus_keys_make(k[i], &e));
		ok(bus_keys_save(k[i], tmpdir_path(name[i]), &e));
	}
	as_buf_printf(&list,
		      "[client.lab]\nkey = %s\nsubmit = s\nsubscribe = s\n"
		      "[client.machine]\nkey = %s\nwork = true\n",
		      w->lab.public, w->machine.public);
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", list.data), 0600)));
	as_buf_free(&list);
	w->curve = (struct bus_curve){ .own = &w->lab, .server = w->daemon.public };
}

/* A program of the build on its side, with keys. */
static void start_on(struct world *w, int side, struct proc *p, const char *key,
		     const char *const *words)
{
	const char *argv[24] = { "/usr/bin/nsenter" };
	char net[PATH + 8];
	size_t n = 2;

	(void)snprintf(net, sizeof net, "--net=%s", w->net.path[side]);
	argv[1] = net;
	for (size_t i = 0; words[i] != NULL; i++) {
		argv[n++] = words[i];
	}
	argv[n++] = "--key";
	argv[n++] = tmpdir_path(key);
	argv[n++] = "--server-key";
	argv[n++] = tmpdir_path("daemon.key.pub");
	proc_start(p, argv, NULL);
}

static void start_side(struct world *w, int side)
{
	const char *const front[] = { AT("0", "7801"), AT("1", "7801") };
	const char *const work[] = { AT("0", "7803"), AT("1", "7803") };
	char models[300];

	(void)snprintf(models, sizeof models, "%s/models", w->l.state);
	start_on(w, side, &w->worker[side], "machine.key",
		 (const char *const[]){ BUILD_DIR "/bin/assay-worker", "--plugin",
					BUILD_DIR "/plugins/null.so", "--work", work[side],
					"--models", models, NULL });
	start_on(w, side, &w->watch[side], "lab.key",
		 (const char *const[]){ BUILD_DIR "/bin/assay", "watch", "--from", front[side],
					"--stream", "s", "--json", "--count", "30", NULL });
}

static void start_all(struct world *w)
{
	static char net[PATH + 8];
	struct life *l = &w->l;

	make_keys(w);
	life_init(l, "cut",
		  "front = tcp://0.0.0.0:7801\nfeed = tcp://0.0.0.0:7802\n"
		  "work = tcp://0.0.0.0:7803\nfeatures = tcp://0.0.0.0:7804\n"
		  "key = daemon.key\nclients = clients.ini\njob_max_s = 1");
	l->workers = 0;
	life_plugin(l, BUILD_DIR "/plugins/null.so");
	l->front_at = AT("0", "7801");
	l->feed_at = AT("0", "7802");
	l->curve = &w->curve;
	(void)snprintf(net, sizeof net, "--net=%s", w->net.path[HOME]);
	l->wrap[0] = "/usr/bin/nsenter";
	l->wrap[1] = net;
	l->wrap_always = true;
	life_start(l);
	(void)life_is(l, "ready"); /* now there is a folder of models for workers to read */
	for (int i = 0; i < SIDES; i++) {
		start_side(w, i);
	}
}

static const char *case_id(int i)
{
	static char id[8];

	(void)snprintf(id, sizeof id, "c%d", i);
	return id;
}

static size_t size_of(int i)
{
	return i % 2 ? 100 : LIFE_SPOOLED;
}

static void submit(struct life *l, int from, int to)
{
	for (int i = from; i < to; i++) {
		life_submit(l, case_id(i), size_of(i));
	}
}

/* The next lines go to the ledger, of each side. */
static void read_lines(struct world *w, int n)
{
	static const char *const name[] = { "silent", "down" };

	for (int i = 0; i < SIDES * n; i++) {
		const char *line = proc_line(&w->watch[i % SIDES], LIFE_MS);

		cr_assert(line != NULL, "%s ended: %s", name[i % SIDES],
			  w->watch[i % SIDES].err.data);
		ledger_saw(&w->l.ledger, name[i % SIDES], line, strlen(line));
	}
}

/* First only what the daemon says is lost, so that the first case is accepted, and its pages are on
 * their way to workers, without its submitter knowing. It is a small one: of a large one TCP would
 * keep the end back until the beginning is acknowledged. */
static void cut(struct world *w)
{
	send_to(&w->net, true, "99");
	same(life_try(&w->l, case_id(BEFORE), size_of(BEFORE)), "");
	send_to(&w->net, false, "99");
	set_side_1(&w->net, "down");
	for (int i = 1; i < CUT; i++) {
		same(life_try(&w->l, case_id(BEFORE + i), size_of(BEFORE + i)), "");
	}
}

static void mend(struct world *w)
{
	send_to(&w->net, true, "02");
	send_to(&w->net, false, "01");
	set_side_1(&w->net, "up");
}

/* Those of dead connections go. */
static void wait_for_descriptors(struct life *l, int n)
{
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;

	while (life_descriptors(l) > n) {
		cr_assert(lt(i64, as_mono_ns(), late), "%d descriptors, %d before the cut",
			  life_descriptors(l), n);
		(void)life_is(l, "ready");
	}
}

Test(crash_cut, network_is_cut_silently_and_aloud_and_nothing_is_lost)
{
	struct world w = { 0 };
	int descriptors;

	if (getenv("CRASH_STEP") == NULL) {
		(void)fprintf(stderr, "SKIPPED: a network is cut in make nightly\n");
		cr_skip_test("in make nightly");
	}
	if (!net_make(&w.net)) {
		if (run_as_root()) {
			return;
		}
		(void)fprintf(stderr, "SKIPPED: no network namespaces can be made here\n");
		cr_skip_test("no network namespaces can be made here");
	}
	start_all(&w);
	submit(&w.l, 0, BEFORE);
	life_wait(&w.l, BEFORE);
	read_lines(&w, BEFORE);
	descriptors = life_descriptors(&w.l);
	cut(&w);
	mend(&w);
	submit(&w.l, BEFORE, CASES);
	cr_assert(lt(int, 0, w.l.duplicates), "the answer to the first was not lost");
	life_wait(&w.l, CASES);
	read_lines(&w, CASES - BEFORE);
	life_get(&w.l, case_id(BEFORE));
	wait_for_descriptors(&w.l, descriptors);
	for (int i = 0; i < SIDES; i++) {
		cr_assert(zero(int, proc_wait(&w.watch[i], LIFE_MS)));
		proc_free(&w.watch[i]);
	}
	cr_assert(zero(int, w.l.ended), "%s", w.l.daemon.err.data);
	life_audit(&w.l); /* its STOP ends the workers that began */
	for (int i = 0; i < SIDES; i++) {
		cr_assert(zero(int, proc_wait(&w.worker[i], LIFE_MS)), "%s", w.worker[i].err.data);
		proc_free(&w.worker[i]);
	}
	cr_assert(eq(sz, w.l.ledger.journal.n, (size_t)CASES));
	life_free(&w.l);
}
