/* SPDX-License-Identifier: Apache-2.0
 * daemon.c - the order in which things start, and the reverse in which they stop. */
#include "daemon/daemon.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/signals.h"
#include "core/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700 };

/* Folders that exist are the operator's to open or close: one that others may enter is refused,
 * not changed. */
static int make_runtime(struct dm_daemon *d, struct as_err *e)
{
	const char *path = d->config.daemon.runtime;
	struct stat st;
	int rc;

	rc = io_make_dirs(path, FOLDER_MODE, e);
	if (rc != AS_OK) {
		return rc;
	}
	if (stat(path, &st) != 0) {
		return as_fail(e, AS_EIO, "runtime %s: %s", path, strerror(errno));
	}
	if ((st.st_mode & 0077) != 0) {
		return as_fail(e, AS_ECONFIG,
			       "[daemon] runtime: %s has mode %03o, others may enter: want 700",
			       path, st.st_mode & 0777);
	}
	return AS_OK;
}

static int make_real(char **path, struct as_err *e)
{
	char *real = realpath(*path, NULL);

	if (real == NULL) {
		return as_fail(e, AS_EIO, "%s: %s", *path, strerror(errno));
	}
	free(*path);
	*path = real;
	return AS_OK;
}

/* libzmq replaces a socket's file that is there: without a lock a second daemon would take the
 * first one's clients. */
static int lock_runtime(struct dm_daemon *d, struct as_err *e)
{
	struct as_buf path = { 0 };
	int rc = AS_OK;

	as_buf_printf(&path, "%s/lock", d->config.daemon.runtime);
	d->lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock < 0) {
		rc = as_fail(e, AS_EIO, "%s: %s", path.data, strerror(errno));
	} else if (flock(d->lock, LOCK_EX | LOCK_NB) != 0) {
		rc = as_fail(e, AS_EAGAIN, "%s is in use by another assayd",
			     d->config.daemon.runtime);
	}
	as_buf_free(&path);
	return rc;
}

static int make_folders(struct dm_daemon *d, struct as_err *e)
{
	struct as_buf models = { 0 };
	int rc;

	as_buf_printf(&models, "%s/models", d->config.daemon.state);
	TRY(io_make_dirs(models.data, FOLDER_MODE, e));
	TRY(make_runtime(d, e));
	TRY(make_real(&d->config.daemon.state, e));
	TRY(make_real(&d->config.daemon.runtime, e));
	TRY(lock_runtime(d, e));
out:
	as_buf_free(&models);
	return rc;
}

/* Signals are blocked and read in the loop. */
static int watch_signals(struct dm_daemon *d, struct as_err *e)
{
	const int caught[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;

	if (as_signals_hold(caught, sizeof caught / sizeof *caught, &set, e) != AS_OK) {
		return e->code;
	}
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		return as_fail(e, AS_EIO, "signals: %s", strerror(errno));
	}
	d->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	d->deaths = epoll_create1(EPOLL_CLOEXEC);
	if (d->signals < 0 || d->deaths < 0) {
		return as_fail(e, AS_EIO, "signalfd, epoll: %s", strerror(errno));
	}
	return AS_OK;
}

/* As many connections as the system lets this process have; those that do not shake hands are ended
 * after five seconds. */
static void allow_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

int dm_start(struct dm_daemon *d, struct as_err *e)
{
	int rc;

	d->lock = d->signals = d->deaths = -1;
	d->started = d->ticked = as_mono_ns();
	d->steady = as_wall_ns() - d->started;
	TRY(make_folders(d, e));
	TRY(dm_plugins_check(d->self, &d->config, e));
	TRY(dm_sandbox_check(d, &d->config, e));
	TRY(watch_signals(d, e));
	allow_descriptors();
	TRY(bus_open(&d->bus, e));
	d->failures = dm_failures(d);
	d->read_only = d->failures >= DM_FAILURES;
	d->journal.look = d->read_only;
	d->journal.reserve = d->config.daemon.reserve_bytes;
	TRY(dm_journal_start(&d->journal, d->bus, d->config.daemon.state, e));
	TRY(dm_sockets_open(d, e));
	TRY(dm_fuse_start(&d->fuse, d->bus, d->config.daemon.threads, e));
	rc = dm_streams_apply(d, &d->config, e);
	if (rc == AS_OK && !d->read_only) { /* nothing is encoded */
		rc = dm_children_apply(d, &d->config, e);
	}
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s", d->config.path);
		goto out;
	}
	as_log(&d->log, AS_INFO, "START", "version=%s pid=%d journal=%s epoch=%" PRIu64 " state=%s",
	       ASSAY_VERSION, (int)getpid(), d->journal.name, d->journal.epoch,
	       d->config.daemon.state);
	if (d->read_only) {
		as_log(&d->log, AS_ERROR, "READ-ONLY", "failures=%u file=%s/failures", d->failures,
		       d->config.daemon.state);
	}
out:
	return rc;
}

void dm_drain(struct dm_daemon *d)
{
	if (d->stop_at == 0) {
		d->stop_at = as_mono_ns() + d->config.daemon.grace_ms * INT64_C(1000000) + 1;
		dm_notify_stopping(d);
		as_log(&d->log, AS_INFO, "DRAIN", "open=%zu grace_ms=%u", d->join.cases.n,
		       d->config.daemon.grace_ms);
	}
}

static void free_cases(struct dm_daemon *d)
{
	for (size_t i = 0; i < d->join.cases.cap; i++) {
		while (d->join.cases.slot[i].key != NULL) {
			const struct fu_case *k = d->join.cases.slot[i].value;

			dm_case_forget(d, k->owner); /* it is in the journal */
		}
	}
	fu_join_free(&d->join);
	as_map_free(&d->jobs);
}

static void free_lists(struct dm_daemon *d)
{
	while (d->workers != NULL) {
		struct dm_worker *w = d->workers;

		d->workers = w->next;
		bus_bytes_free(w->address);
		free(w->model);
		free(w);
	}
	while (d->streams != NULL) {
		struct dm_stream *s = d->streams;

		d->streams = s->next;
		dm_model_leave(d, s->model);
		free(s);
	}
	while (d->lanes != NULL) {
		struct dm_lane *l = d->lanes;

		d->lanes = l->next;
		free(l);
	}
}

void dm_stop(struct dm_daemon *d)
{
	const int fds[] = { d->signals, d->deaths, d->lock };

	d->stop = true;
	if (d->work != NULL) {
		dm_children_stop(d);
	}
	dm_fuse_stop(&d->fuse);
	dm_reads_free(d);
	dm_journal_stop(&d->journal);
	free_cases(d);
	free_lists(d);
	dm_sockets_close(d);
	bus_close(d->bus);
	if (d->lock >= 0) {
		(void)flock(d->lock, LOCK_UN); /* the journal's thread may still be ending: it
						* had every descriptor too */
	}
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
		if (fds[i] >= 0) {
			(void)close(fds[i]);
		}
	}
	as_log(&d->log, AS_INFO, "STOP", "malformed=%" PRIu64 " late=%" PRIu64, d->count.malformed,
	       d->count.late);
}
