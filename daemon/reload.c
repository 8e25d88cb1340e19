/* SPDX-License-Identifier: Apache-2.0
 * reload.c - the settings read anew. What was bound and opened at the start (the sockets, the
 * folders, the threads) cannot change; everything else is taken, or nothing of it. */
#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

static int check_same(const struct io_config_daemon *a, const struct io_config_daemon *b,
		      struct as_err *e)
{
	const struct {
		const char *key, *was, *is;
	} fixed[] = {
		{ "front", a->front, b->front },       { "feed", a->feed, b->feed },
		{ "work", a->work, b->work },          { "features", a->features, b->features },
		{ "control", a->control, b->control }, { "key", a->key, b->key },
	};

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
		if (strcmp(fixed[i].was, fixed[i].is) != 0) {
			return as_fail(e, AS_ECONFIG, "[daemon] %s: a change takes a new start",
				       fixed[i].key);
		}
	}
	if (a->threads != b->threads || a->part_bytes != b->part_bytes) {
		return as_fail(e, AS_ECONFIG, "[daemon] %s: a change takes a new start",
			       a->threads != b->threads ? "threads" : "part_bytes");
	}
	return AS_OK;
}

/* Folders are compared as they are found, not as they are written. */
static int check_folder(const char *key, const char *was, const char *is, struct as_err *e)
{
	char *real = realpath(is, NULL);
	const bool same = real != NULL && strcmp(was, real) == 0;

	free(real);
	return same ? AS_OK
		    : as_fail(e, AS_ECONFIG, "[daemon] %s: a change takes a new start", key);
}

/* The numbers of [daemon] that are looked at while running. */
static void take_numbers(struct dm_daemon *d, struct io_config *c)
{
	struct io_config_daemon *to = &d->config.daemon;
	const struct io_config_daemon *from = &c->daemon;

	to->grace_ms = from->grace_ms;
	to->job_max_s = from->job_max_s;
	to->case_bytes = from->case_bytes;
	to->queue_bytes = from->queue_bytes;
	to->open_cases = from->open_cases;
	to->waiting_cases = from->waiting_cases;
}

int dm_reload(struct dm_daemon *d, struct as_err *e)
{
	struct io_config c = { 0 };
	struct bus_clients *clients = NULL;
	enum as_level level;
	int rc;

	dm_notify_reload(d, true);
	TRY(io_config_load(&c, d->config.path, e));
	TRY(check_same(&d->config.daemon, &c.daemon, e));
	TRY(check_folder("state", d->config.daemon.state, c.daemon.state, e));
	TRY(check_folder("runtime", d->config.daemon.runtime, c.daemon.runtime, e));
	TRY(as_level_parse(c.daemon.log_level, &level, e));
	if (d->guard != NULL) {
		TRY(bus_clients_load(&clients, c.daemon.clients, e));
	}
	TRY(dm_plugins_check(d->self, &c, e));
	TRY(dm_sandbox_check(d, &c, e));
	TRY(dm_streams_apply(d, &c, e));
	TRY(d->read_only ? AS_OK : dm_children_apply(d, &c, e));
	if (clients != NULL && dm_clients_change(d, clients, e) != AS_OK) {
		d->broken = *e;
		rc = e->code;
		goto out;
	}
	d->log.level = level;
	take_numbers(d, &c);
out:
	as_log(&d->log, rc == AS_OK ? AS_INFO : AS_ERROR, rc == AS_OK ? "RELOAD" : "RELOAD-REFUSED",
	       "file=%s error=\"%s\"", d->config.path, rc == AS_OK ? "" : e->msg);
	dm_notify_reload(d, false);
	bus_clients_free(clients);
	io_config_free(&c);
	return rc;
}
