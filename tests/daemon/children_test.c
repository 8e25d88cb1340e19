/* SPDX-License-Identifier: Apache-2.0
 * The processes of workers: started, lost, kept or replaced by other settings. Programs of the test
 * stand in for assay-worker; the test greets for them. */
#include "tests/daemon/desk.h"
#include "tests/support/fault.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>

TestSuite(daemon_children, .timeout = 120);

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	return fault_hits(FAULT_OTHER) ? -1 : __real_waitpid(pid, status, options);
}

int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
	return fault_hits(FAULT_OTHER) ? -1 : __real_pidfd_open(pid, flags);
}

int __real_epoll_ctl(int at, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int at, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int at, int what, int fd, struct epoll_event *event)
{
	return what == EPOLL_CTL_ADD && fault_hits(FAULT_OTHER)
		   ? -1
		   : __real_epoll_ctl(at, what, fd, event);
}

/* A folder whose assay-worker does this; the path of an assayd in it. */
static const char *programs(const char *script)
{
	char text[256];

	(void)snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
	cr_assert(zero(int, chmod(tmpdir_file("assay-worker", text), 0755)));
	return tmpdir_path("assayd");
}

/* Settings with an encoder of so many workers, and more lines of it. */
static const char *settings(int workers, const char *more)
{
	char keys[512];

	(void)snprintf(keys, sizeof keys, "[encoder.null]\nplugin = %s\nworkers = %d\n%s",
		       tmpdir_file("null.so", ""), workers, more);
	return hall_settings(keys, hall_model("m", 1));
}

static void start(struct hall *h)
{
	dm_children_start(&h->d, INT64_MAX);
}

/* Waits until one of them has ended, and takes note. */
static void died(struct hall *h)
{
	struct bus_poll item = { .fd = h->d.deaths };
	struct as_err e = { 0 };

	while (!item.in) {
		ok(bus_poll(&item, 1, HALL_MS, &e));
	}
	dm_children_died(&h->d);
}

static void end(struct hall *h, int sig)
{
	cr_assert(zero(int, kill(h->d.children->pid, sig)));
	died(h);
}

/* The test, as the first child. */
static struct bus_socket *greet(struct hall *h)
{
	char token[DM_TOKEN_SIZE + 16];

	(void)snprintf(token, sizeof token, ",\"token\":\"%s\"", h->d.children->token);
	return desk_worker(h, 1, token);
}

Test(daemon_children, one_that_cannot_be_started_is_tried_again_ever_later)
{
	uint32_t want = 100;
	struct dm_child *k;
	struct hall h;

	desk_open(&h, settings(1, ""), "/nonexistent/assayd");
	k = h.d.children;
	for (int i = 0; i < 9; i++) {
		const int64_t before = as_mono_ns();

		start(&h);
		cr_assert(k->pid == 0 && k->pidfd == -1);
		cr_assert(eq(u32, k->backoff_ms, want));
		cr_assert(le(i64, before + want * INT64_C(1000000), k->start_at));
		cr_assert(eq(i64, dm_children_next(&h.d), k->start_at));
		want = 2 * want < 10000 ? 2 * want : 10000;
	}
	desk_close(&h);
}

Test(daemon_children, one_that_nobody_would_see_end_is_not_left_running)
{
	struct dm_child *k;
	size_t n = 0;
	struct hall h;

	desk_open(&h, settings(1, ""), programs("exec sleep 1000"));
	k = h.d.children;
	for (bool more = true; more; n += more) {
		fault = (struct fault){ .at = n + 1, .number = EMFILE };
		start(&h);
		more = fault.fired > 0;
		fault = (struct fault){ 0 };
		cr_assert(eq(int, k->pid != 0, !more), "call %zu", n + 1);
		cr_assert(eq(int, k->pidfd >= 0, !more), "call %zu", n + 1);
		if (more) { /* none is there, not even as a zombie */
			cr_assert(eq(int, waitpid(-1, NULL, WNOHANG), -1));
		}
	}
	cr_assert(eq(sz, n, 3)); /* its token, its descriptor, the watch on that */
	desk_close(&h);
}

/* Its death is known, but others have not let go of it (a tracer): it is looked at again. */
Test(daemon_children, end_that_cannot_be_taken_yet_is_taken_later)
{
	struct dm_child *k;
	struct hall h;

	desk_open(&h, settings(1, ""), programs("exec sleep 1000"));
	start(&h);
	k = h.d.children;
	fault = (struct fault){ .at = 1, .number = ECHILD };
	end(&h, SIGKILL);
	fault = (struct fault){ 0 };
	cr_assert(ne(int, k->pid, 0));
	died(&h);
	cr_assert(zero(int, k->pid));
	desk_close(&h);
}

/* The worker was not heard of: it waits before it is started again, and its token is nobody's. */
Test(daemon_children, one_that_dies_before_it_greets_is_started_later)
{
	struct dm_child *k;
	struct hall h;
	char token[DM_TOKEN_SIZE];

	desk_open(&h, settings(1, ""), programs("exec sleep 1000"));
	start(&h);
	k = h.d.children;
	(void)snprintf(token, sizeof token, "%s", k->token);
	cr_assert(eq(ptr, dm_child_find(&h.d, token), k));
	end(&h, SIGKILL);
	cr_assert(k->pid == 0 && k->backoff_ms == 100 && k->start_at > 0);
	cr_assert(eq(u64, h.d.count.restarts, 1));
	cr_assert(zero(ptr, dm_child_find(&h.d, token)));
	start(&h);
	cr_assert(k->pid != 0 && strcmp(k->token, token) != 0);
	desk_close(&h);
}

/* What is said of a worker that is gone, from this level on. */
static const char *said(struct hall *h, const char *name)
{
	static char text[1024];
	const int fd = open(tmpdir_path(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct bus_socket *work;
	ssize_t n;

	cr_assert(le(int, 0, fd));
	dm_children_start(&h->d, INT64_MAX);
	work = greet(h);
	h->d.log.fd = fd;
	h->d.log.level = AS_WARN;
	end(h, SIGKILL);
	h->d.log = (struct as_log){ .fd = STDERR_FILENO, .level = AS_ERROR, .who = "desk" };
	n = pread(fd, text, sizeof text - 1, 0);
	cr_assert(le(i64, 0, n));
	text[n] = '\0';
	(void)close(fd);
	bus_socket_close(work);
	return text;
}

/* Someone should act, unless it was meant to end. */
Test(daemon_children, loss_is_a_warning_unless_the_daemon_stops)
{
	struct hall h;

	desk_open(&h, settings(1, ""), programs("exec sleep 1000"));
	desk_ops(&h, 1);
	cr_assert(ne(ptr,
		     strstr(said(&h, "running"), "WORKER-LOST modality=null encoder=null "
						 "jobs=0 why=\"signal 9\""),
		     NULL));
	h.d.stop = true;
	same(said(&h, "stopping"), "");
	h.d.stop = false;
	h.d.children->retiring = true;
	same(said(&h, "retiring"), "");
	desk_close(&h);
}

/* A case whose page has two attempts charged, in a worker of the daemon. */
static struct dm_case *third_attempt(struct hall *h, struct bus_socket **work, const char *id)
{
	struct dm_case *c = desk_case(h, id);
	struct dm_job *j = desk_page(h, c, "a", "one", 3);

	start(h);
	*work = greet(h);
	dm_dispatch(&h->d);
	cr_assert(eq(ptr, j->worker, h->d.workers));
	j->strikes = 2;
	j->alone = true;
	c->kase->pending++; /* it stays until the test has looked at it */
	return c;
}

Test(daemon_children, limit_that_ended_a_worker_is_named)
{
	static const struct {
		int sig;
		const char *limit;
	} ends[] = { { SIGXCPU, "cpu" }, { SIGSYS, "sandbox" }, { SIGKILL, "attempts" } };
	const int64_t leased = INT64_C(3600) * 1000000000;
	struct bus_socket *work[4];
	struct dm_case *c;
	struct hall h;

	desk_open(&h, settings(1, ""), programs("exec sleep 1000"));
	desk_ops(&h, 1);
	for (size_t i = 0; i < 3; i++) {
		c = third_attempt(&h, &work[i], ends[i].limit);
		end(&h, ends[i].sig);
		cr_assert(c->rejected && c->dead);
		same(c->limit, ends[i].limit);
		cr_assert(zero(ptr, h.d.workers));
	}
	c = third_attempt(&h, &work[3], "leased");
	dm_workers_check(&h.d, as_mono_ns() + leased);
	died(&h);
	same(c->limit, "lease");
	same(c->ended, "signal 9");
	cr_assert(eq(u64, h.d.count.expired, 1));
	for (size_t i = 0; i < 4; i++) {
		bus_socket_close(work[i]);
	}
	desk_close(&h);
}

Test(daemon_children, one_has_proved_itself_with_the_last_of_its_models)
{
	struct bus_socket *work;
	struct dm_model *m = NULL;
	struct as_err e = { 0 };
	struct hall h;
	char first[200];

	desk_open(&h, settings(1, ""), programs("exec sleep 1000"));
	start(&h);
	work = greet(&h);
	cr_assert(h.d.children->proved);
	h.d.children->proved = false;
	ok(dm_model_open(&h.d, hall_model("n", 2), &m, &e));
	same(hall_hear(&h, work), "MODEL");
	(void)snprintf(first, sizeof first, "{\"model\":\"%s\",\"dim\":16,\"rows_max\":4}",
		       h.d.streams->model->sha256);
	desk_say(&h, work, "LOADED", first);
	cr_assert(not(h.d.children->proved));
	hall_loaded(&h, work, HALL_DIM);
	desk_take(&h, h.d.work, dm_work_take);
	cr_assert(h.d.children->proved);
	dm_model_leave(&h.d, m);
	bus_socket_close(work);
	desk_close(&h);
}

/* One has greeted and is deaf, the other has not come so far. */
Test(daemon_children, none_outlives_the_daemon)
{
	struct bus_socket *work;
	struct hall h;
	pid_t pid[2];

	desk_open(&h, settings(2, ""), programs("exec sleep 1000"));
	start(&h);
	work = greet(&h);
	pid[0] = h.d.children->pid;
	pid[1] = h.d.children->next->pid;
	bus_socket_close(work);
	desk_close(&h);
	for (int i = 0; i < 2; i++) {
		cr_assert(eq(int, kill(pid[i], 0), -1));
	}
}

/* What children there are after these settings: kept, and retiring. */
static void apply(struct hall *h, const char *path, size_t kept, size_t retiring)
{
	struct io_config c = { 0 };
	struct as_err e = { 0 };
	size_t n[2] = { 0, 0 };

	ok(io_config_load(&c, path, &e));
	ok(dm_children_apply(&h->d, &c, &e));
	io_config_free(&c);
	for (const struct dm_child *k = h->d.children; k != NULL; k = k->next) {
		n[k->retiring]++;
	}
	cr_assert(n[0] == kept && n[1] == retiring, "%zu kept, %zu retiring", n[0], n[1]);
}

Test(daemon_children, other_settings_replace_only_what_they_change)
{
	const char *none = "[daemon]\nstate = state\nruntime = run\n[stream.s]\nmodel = m\n";
	struct io_config c = { 0 };
	struct as_err e = { 0 };
	struct hall h;

	desk_open(&h, settings(2, ""), programs("exec sleep 1000"));
	start(&h);
	apply(&h, settings(2, ""), 2, 0);
	apply(&h, settings(1, ""), 1, 1);
	apply(&h, settings(2, ""), 2, 1);            /* who goes, goes */
	apply(&h, settings(2, "x.tag = 1\n"), 2, 3); /* one more argument */
	apply(&h, settings(2, "x.tag = 2\n"), 2, 5);
	apply(&h, settings(2, ""), 2, 7);
	dm_children_start(&h.d, -1); /* those that had not begun are gone; nobody begins */
	apply(&h, settings(2, ""), 2, 2);
	ok(io_config_load(&c, settings(1, "[encoder.other]\nplugin = other.so\n"), &e));
	free(c.encoder[0].plugin);
	c.encoder[0].plugin = as_strdup("nowhere.so");
	fails(dm_children_apply(&h.d, &c, &e), AS_ENOINPUT, "[encoder.null]: plugin nowhere.so");
	io_config_free(&c);
	apply(&h, settings(2, ""), 2, 2);
	apply(&h, tmpdir_file("none.ini", none), 0, 4);
	desk_close(&h);
}

static int check(struct hall *h, const char *self)
{
	struct as_err e = { 0 };

	h->d.self = self;
	return dm_sandbox_check(&h->d, &h->d.config, &e);
}

Test(daemon_children, sandbox_that_is_required_is_looked_at_before_the_start)
{
	struct hall h = { 0 };
	struct as_err e = { 0 };
	int has;

	ok(io_config_load(&h.d.config, settings(1, ""), &e));
	ok(check(&h, "/nonexistent/assayd")); /* best effort: nobody looks */
	io_config_free(&h.d.config);
	ok(io_config_load(&h.d.config, hall_settings("sandbox = require", hall_model("m", 1)), &e));
	cr_assert(eq(int, check(&h, "/nonexistent/assayd"), AS_EIO));
	cr_assert(eq(int, check(&h, programs("exit 3")), AS_EUNAVAIL));
	cr_assert(eq(int, check(&h, programs("kill -9 $$")), AS_EUNAVAIL));
	cr_assert(eq(int, check(&h, programs("[ \"$*\" = '--sandbox require --check-sandbox' ]")),
		     AS_OK));
	fault = (struct fault){ .at = 1, .number = ECHILD };
	cr_assert(eq(int, check(&h, programs("exit 0")), AS_EIO));
	fault = (struct fault){ 0 };
	has = check(&h, BUILD_DIR "/bin/assayd");
#ifdef AS_INSTRUMENTED
	cr_assert(eq(int, has, AS_EUNAVAIL));
#else
	cr_assert(eq(int, has, AS_OK));
#endif
	io_config_free(&h.d.config);
}
