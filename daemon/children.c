/* SPDX-License-Identifier: Apache-2.0
 * children.c - the worker processes of this daemon: started, watched, started again. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 10000,
	STOP_MS = 2000, /* for workers to end when asked to, before they are killed */
	ARGV_MAX = 32 + 2 * IO_SETTINGS_MAX,
};

/* self is the whole path of a program. */
static void name_program(const char *self, struct as_buf *out)
{
	as_buf_printf(out, "%.*s/assay-worker", (int)(strrchr(self, '/') - self), self);
}

static void add(char **argv, size_t *n, const char *key, const char *value)
{
	argv[(*n)++] = as_strdup(key);
	if (value != NULL) {
		argv[(*n)++] = as_strdup(value);
	}
}

static void add_number(char **argv, size_t *n, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, value);
	add(argv, n, key, text);
}

static char **make_argv(const struct dm_daemon *d, const struct io_config_daemon *s,
			const struct io_config_encoder *c, const char *plugin)
{
	char **argv = as_calloc(ARGV_MAX, sizeof *argv);
	struct as_buf b = { 0 };
	size_t n = 0;

	name_program(d->self, &b);
	add(argv, &n, b.data, NULL);
	add(argv, &n, "--plugin", plugin);
	add(argv, &n, "--work", d->work_ipc);
	add(argv, &n, "--log-level", d->config.daemon.log_level);
	add(argv, &n, "--features", d->features_ipc);
	add(argv, &n, "--sandbox", s->sandbox);
	add_number(argv, &n, "--memory", s->worker_memory);
	add_number(argv, &n, "--cpu", s->job_cpu_s);
	add_number(argv, &n, "--parent", (uint64_t)getpid());
	as_buf_clear(&b);
	as_buf_printf(&b, "%s/models", d->config.daemon.state);
	add(argv, &n, "--models", b.data);
	for (size_t i = 0; i < c->settings; i++) {
		as_buf_clear(&b);
		as_buf_printf(&b, "%s=%s", c->setting[i].key, c->setting[i].value);
		add(argv, &n, "--set", b.data);
	}
	as_buf_free(&b);
	return argv;
}

static void free_argv(char **argv)
{
	for (size_t i = 0; argv[i] != NULL; i++) {
		free(argv[i]);
	}
	free(argv);
}

static bool same_argv(char *const *a, char *const *b)
{
	size_t i = 0;

	while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0) {
		i++;
	}
	return a[i] == NULL && b[i] == NULL;
}

/* Keeps as many of the children with these arguments as are wanted, adds what is missing; the rest
 * of that name retires. argv is taken. */
static void want(struct dm_daemon *d, const struct io_config_encoder *c, char **argv)
{
	size_t kept = 0;

	for (struct dm_child *k = d->children; k != NULL; k = k->next) {
		if (!k->retiring && strcmp(k->name, c->name) == 0) {
			k->retiring = kept == c->workers || !same_argv(k->argv, argv);
			kept += !k->retiring;
		}
	}
	for (; kept < c->workers; kept++) {
		struct dm_child *k = as_calloc(1, sizeof *k);

		(void)snprintf(k->name, sizeof k->name, "%s", c->name);
		k->argv = as_calloc(ARGV_MAX, sizeof *k->argv);
		for (size_t i = 0; argv[i] != NULL; i++) {
			k->argv[i] = as_strdup(argv[i]);
		}
		k->pidfd = -1;
		k->next = d->children;
		d->children = k;
	}
	free_argv(argv);
}

static bool is_in(const struct io_config *c, const char *name)
{
	for (size_t i = 0; i < c->encoders; i++) {
		if (strcmp(c->encoder[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

int dm_children_apply(struct dm_daemon *d, const struct io_config *c, struct as_err *e)
{
	struct as_buf plugin[IO_ENCODERS_MAX] = { 0 };
	int rc = AS_OK;

	for (size_t i = 0; i < c->encoders && rc == AS_OK; i++) {
		rc = dm_plugin_find(d->self, c->encoder[i].plugin, &plugin[i], e);
		if (rc != AS_OK) {
			rc = as_wrap(e, "[encoder.%s]", c->encoder[i].name);
		}
	}
	for (size_t i = 0; i < c->encoders && rc == AS_OK; i++) {
		want(d, &c->encoder[i], make_argv(d, &c->daemon, &c->encoder[i], plugin[i].data));
	}
	for (struct dm_child *k = d->children; k != NULL && rc == AS_OK; k = k->next) {
		k->retiring = k->retiring || !is_in(c, k->name);
		if (k->worker != NULL) {
			k->worker->retiring = k->retiring;
		}
	}
	for (size_t i = 0; i < c->encoders; i++) {
		as_buf_free(&plugin[i]);
	}
	return rc;
}

/* 0, or errno. */
static int make_token(struct dm_child *k)
{
	unsigned char random[(DM_TOKEN_SIZE - 1) / 2];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
		return errno;
	}
	for (size_t i = 0; i < sizeof random; i++) {
		(void)snprintf(k->token + 2 * i, 3, "%02x", random[i]);
	}
	return 0;
}

static void back_off(struct dm_child *k)
{
	k->backoff_ms = k->backoff_ms ? 2 * k->backoff_ms : BACKOFF_MIN_MS;
	if (k->backoff_ms > BACKOFF_MAX_MS) {
		k->backoff_ms = BACKOFF_MAX_MS;
	}
	k->start_at = as_mono_ns() + k->backoff_ms * INT64_C(1000000);
}

#ifdef AS_INSTRUMENTED
extern char **environ;
#endif

/* All that a worker gets to see of an environment. */
struct environment {
	char text[2][64];
	char *v[3];
};

/* Nothing of the daemon's own reaches the libraries that read cases. An instrumented build is told
 * by its own where to report. */
static char *const *make_environment(struct environment *out)
{
	const char *const text[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8" };

	*out = (struct environment){ 0 };
	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		(void)snprintf(out->text[i], sizeof out->text[i], "%s", text[i]);
		out->v[i] = out->text[i];
	}
#ifdef AS_INSTRUMENTED
	return environ;
#else
	return out->v;
#endif
}

/* The daemon blocks the signals that it reads from a descriptor; its workers do not. */
static int spawn(struct dm_child *k)
{
	struct environment environment;
	posix_spawnattr_t attr;
	sigset_t none;
	char *argv[ARGV_MAX + 2];
	size_t n = 0;
	int bad;

	while (k->argv[n] != NULL) {
		argv[n] = k->argv[n];
		n++;
	}
	argv[n++] = (char[]){ "--token" };
	argv[n++] = k->token;
	argv[n] = NULL;
	(void)sigemptyset(&none);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	bad = posix_spawn(&k->pid, argv[0], NULL, &attr, argv, make_environment(&environment));
	(void)posix_spawnattr_destroy(&attr);
	return bad;
}

/* No event of this child from now on. Closing the descriptor would not do: a child that is between
 * its fork and its exec holds it as well, and epoll reports what anybody holds. */
static void forget(struct dm_daemon *d, struct dm_child *k)
{
	if (k->pidfd >= 0) {
		(void)epoll_ctl(d->deaths, EPOLL_CTL_DEL, k->pidfd, NULL);
		(void)close(k->pidfd);
	}
	k->pidfd = -1;
	k->pid = 0;
}

static void start(struct dm_daemon *d, struct dm_child *k)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = k };
	int bad;

	k->proved = false;
	bad = make_token(k);
	bad = bad == 0 ? spawn(k) : bad;
	if (bad == 0) {
		k->pidfd = pidfd_open(k->pid, 0);
		bad = k->pidfd < 0 || epoll_ctl(d->deaths, EPOLL_CTL_ADD, k->pidfd, &event) != 0
			  ? errno
			  : 0;
	} else {
		k->pid = 0;
	}
	if (bad != 0 && k->pid != 0) {
		/* Nobody would see it end. */
		(void)kill(k->pid, SIGKILL);
		(void)waitpid(k->pid, NULL, 0);
		forget(d, k);
	}
	if (bad != 0) {
		as_log(&d->log, AS_ERROR, "WORKER-START", "encoder=%s program=%s error=\"%s\"",
		       k->name, k->argv[0], strerror(bad));
		back_off(k);
		return;
	}
	as_log(&d->log, AS_DEBUG, "WORKER-START", "encoder=%s pid=%d", k->name, (int)k->pid);
}

static void child_free(struct dm_child *k)
{
	free_argv(k->argv);
	free(k);
}

void dm_children_start(struct dm_daemon *d, int64_t now)
{
	struct dm_child **at = &d->children;

	while (*at != NULL) {
		struct dm_child *k = *at;

		if (k->pid == 0 && k->retiring) {
			*at = k->next;
			child_free(k);
			continue;
		}
		if (k->pid == 0 && k->start_at <= now) {
			start(d, k);
		}
		at = &k->next;
	}
}

int64_t dm_children_next(const struct dm_daemon *d)
{
	int64_t next = INT64_MAX;

	for (const struct dm_child *k = d->children; k != NULL; k = k->next) {
		if (k->pid == 0 && k->start_at < next) {
			next = k->start_at;
		}
	}
	return next;
}

struct dm_child *dm_child_find(const struct dm_daemon *d, const char *token)
{
	for (struct dm_child *k = d->children; k != NULL; k = k->next) {
		if (k->pid != 0 && strcmp(k->token, token) == 0) {
			return k;
		}
	}
	return NULL;
}

void dm_child_kill(struct dm_daemon *d, struct dm_child *k)
{
	as_log(&d->log, AS_WARN, "WORKER-KILL", "encoder=%s pid=%d", k->name, (int)k->pid);
	(void)kill(k->pid, SIGKILL);
}

/* The limit that a signal is the end of, or NULL. */
static const char *limit_of(int sig)
{
	return sig == SIGSYS ? "sandbox" : sig == SIGXCPU ? "cpu" : NULL;
}

/* Takes note of a child that has ended. */
static void bury(struct dm_daemon *d, struct dm_child *k)
{
	char why[64];
	int status = 0;

	assert(k->pid != 0); /* it would wait for any of them, and take the end of another */
	if (waitpid(k->pid, &status, WNOHANG) != k->pid) {
		return; /* whoever traces it has not let go of it */
	}
	(void)snprintf(why, sizeof why, WIFSIGNALED(status) ? "signal %d" : "exit %d",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	forget(d, k);
	k->start_at = 0;
	d->count.restarts++;
	if (k->worker != NULL && WIFSIGNALED(status) && k->worker->limit == NULL) {
		k->worker->limit = limit_of(WTERMSIG(status));
	}
	if (k->worker != NULL) {
		dm_worker_lost(d, k->worker, why);
	} else {
		as_log(&d->log, AS_WARN, "WORKER-DIED", "encoder=%s why=\"%s\"", k->name, why);
	}
	if (!k->proved) {
		back_off(k);
	}
}

void dm_children_died(struct dm_daemon *d)
{
	struct epoll_event event[16];
	const int n = epoll_wait(d->deaths, event, 16, 0);

	for (int i = 0; i < n; i++) {
		bury(d, event[i].data.ptr);
	}
	dm_children_start(d, as_mono_ns());
}

int dm_sandbox_check(const struct dm_daemon *d, const struct io_config *c, struct as_err *e)
{
	struct environment environment;
	struct as_buf program = { 0 };
	pid_t pid = 0;
	int status = 0;
	int bad;

	if (strcmp(c->daemon.sandbox, "require") != 0) {
		return AS_OK;
	}
	name_program(d->self, &program);
	bad = posix_spawn(&pid, program.data, NULL, NULL,
			  (char *[]){ program.data, (char[]){ "--sandbox" }, (char[]){ "require" },
				      (char[]){ "--check-sandbox" }, NULL },
			  make_environment(&environment));
	as_buf_free(&program);
	if (bad != 0 || waitpid(pid, &status, 0) != pid) {
		return as_fail(e, AS_EIO, "assay-worker: %s", strerror(bad != 0 ? bad : errno));
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		return as_fail(e, AS_EUNAVAIL,
			       "[daemon] sandbox = require, and this machine lacks a layer of it");
	}
	return AS_OK;
}

static size_t running(const struct dm_daemon *d)
{
	size_t n = 0;

	for (const struct dm_child *k = d->children; k != NULL; k = k->next) {
		n += k->pid != 0;
	}
	return n;
}

void dm_children_stop(struct dm_daemon *d)
{
	const int64_t until = as_mono_ns() + STOP_MS * INT64_C(1000000);
	struct epoll_event event;
	int64_t left;

	for (struct dm_worker *w = d->workers; w != NULL; w = w->next) {
		dm_worker_say(d, w, "STOP");
	}
	for (struct dm_child *k = d->children; k != NULL; k = k->next) {
		if (k->pid != 0 && k->worker == NULL) {
			(void)kill(k->pid, SIGKILL);
		}
	}
	while (running(d) > 0 && (left = (until - as_mono_ns()) / 1000000) > 0) {
		if (epoll_wait(d->deaths, &event, 1, (int)left) == 1) {
			bury(d, event.data.ptr);
		}
	}
	for (struct dm_child *k = d->children; k != NULL; k = k->next) {
		if (k->pid != 0) {
			(void)kill(k->pid, SIGKILL);
			(void)waitpid(k->pid, NULL, 0);
			forget(d, k);
		}
	}
	while (d->children != NULL) {
		struct dm_child *k = d->children;

		d->children = k->next;
		child_free(k);
	}
}
