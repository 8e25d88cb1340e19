/* SPDX-License-Identifier: Apache-2.0
 * sockets.c - the addresses that the daemon listens on, and the guard of those that other machines
 * reach. Nothing of them is bound before a key that nobody knows was seen to be refused. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
	CLIENT_HWM = 4096,  /* a whole REPLAY and more */
	CLIENT_IN_HWM = 64, /* of one client, not read yet */
	WORKER_HWM = 1024,
	FEED_HWM = 4096,
	LINGER_MS = 1000,
	MESSAGE_SLACK = 1 << 20, /* so that one over a limit is told so, not cut off */
	FEATURES_MAX = 64 << 20,
	TOPIC_MAX = 1024, /* subscribers say nothing but topics, and shake hands */
	AGAIN_MS = 20,
	AGAIN_MAX_MS = 5000,
};

/* One socket of the daemon: always RUNTIME/name (for workers and for the operator), and the
 * address of the settings where that is another. ipc_too: also where it is. Addresses of the file
 * system come first: who may open the folder needs no key. */
struct place {
	struct bus_socket **socket;
	const char *name, *setting;
	int64_t max_bytes;
	enum bus_type type;
	int hwm, in_hwm; /* in_hwm 0: the same */
	bool ipc_too;
};

static int bind_socket(struct dm_daemon *d, const struct place *p, struct as_err *e)
{
	const bool ipc = strcmp(p->setting, "ipc") == 0;
	const struct bus_curve door = { .own = &d->keys, .domain = p->name };
	const struct bus_curve *curve = d->guard != NULL ? &door : NULL;
	struct as_buf path = { 0 };
	struct bus_options o = { .type = p->type,
				 .bind = true,
				 .hwm = p->hwm,
				 .in_hwm = p->in_hwm,
				 .linger_ms = LINGER_MS,
				 .max_bytes = p->max_bytes,
				 .admit = p->type == BUS_XPUB };
	int rc;

	as_buf_printf(&path, "ipc://%s/%s", d->config.daemon.runtime, p->name);
	if (!ipc && !io_config_is_tcp(p->setting)) {
		rc = as_fail(e, AS_ECONFIG, "%s: want ipc or tcp://HOST:PORT", p->setting);
		goto out;
	}
	o.endpoint = ipc || p->ipc_too ? path.data : p->setting;
	o.curve = ipc || p->ipc_too ? NULL : curve;
	TRY(bus_socket_open(p->socket, d->bus, &o, e));
	if (!ipc && p->ipc_too) {
		TRY(bus_bind(*p->socket, p->setting, curve, e));
	}
	as_log(&d->log, AS_INFO, "LISTEN", "socket=%s endpoint=%s keys=%s", p->name,
	       bus_endpoint(*p->socket),
	       ipc     ? "folder"
	       : curve ? "curve"
		       : "none");
	if (!ipc && curve == NULL) {
		as_log(&d->log, AS_WARN, "INSECURE", "socket=%s endpoint=%s", p->name,
		       bus_endpoint(*p->socket));
	}
out:
	as_buf_free(&path);
	return rc == AS_OK ? AS_OK : as_wrap(e, "[daemon] %s", p->name);
}

static int start_guard(struct dm_daemon *d, struct as_err *e)
{
	const struct io_config_daemon *c = &d->config.daemon;
	struct as_buf at = { 0 };
	int rc = AS_OK;

	if (!io_config_is_given(c->key)) {
		return AS_OK;
	}
	TRY(bus_keys_load(&d->keys, c->key, true, e));
	TRY(bus_clients_load(&d->clients, c->clients, e));
	TRY(bus_guard_open(&d->guard, d->bus, d->clients, &d->log, e));
	as_buf_printf(&at, "ipc://%s/selftest", c->runtime);
	TRY(bus_guard_test(d->bus, &d->keys, at.data, e));
out:
	as_buf_free(&at);
	return rc;
}

int dm_sockets_open(struct dm_daemon *d, struct as_err *e)
{
	const struct io_config_daemon *c = &d->config.daemon;
	const int64_t request = (int64_t)c->part_bytes + MESSAGE_SLACK;
	const struct place places[] = {
		{ &d->front, "front", c->front, request, BUS_ROUTER, CLIENT_HWM, CLIENT_IN_HWM,
		  false },
		{ &d->feed, "feed", c->feed, TOPIC_MAX, BUS_XPUB, FEED_HWM, 0, false },
		{ &d->work, "work", c->work, MESSAGE_SLACK, BUS_ROUTER, WORKER_HWM, 0, true },
		{ &d->features, "features", c->features, FEATURES_MAX, BUS_PULL, WORKER_HWM, 0,
		  true },
		{ &d->control, "control", c->control, MESSAGE_SLACK, BUS_ROUTER, WORKER_HWM, 0,
		  true },
	};
	int rc = start_guard(d, e);

	for (size_t i = 0; i < sizeof places / sizeof *places && rc == AS_OK; i++) {
		rc = bind_socket(d, &places[i], e);
	}
	(void)snprintf(d->work_ipc, sizeof d->work_ipc, "ipc://%s/work", c->runtime);
	(void)snprintf(d->features_ipc, sizeof d->features_ipc, "ipc://%s/features", c->runtime);
	return rc;
}

void dm_sockets_close(struct dm_daemon *d)
{
	bus_socket_close(d->front);
	bus_socket_close(d->control);
	bus_socket_close(d->work);
	bus_socket_close(d->features);
	bus_socket_close(d->feed);
	bus_guard_close(d->guard);
	bus_clients_free(d->clients);
	bus_keys_wipe(&d->keys);
}

/* libzmq ends no connection of a socket that stays: the feed is closed and bound again, its
 * subscribers come back by themselves, are asked for their keys, and replay what they missed. */
static int reopen_feed(struct dm_daemon *d, struct as_err *e)
{
	char at[BUS_ENDPOINT_SIZE];
	const struct place p = { &d->feed, "feed", at, TOPIC_MAX, BUS_XPUB, FEED_HWM, 0, false };
	const int64_t until = as_mono_ns() + AGAIN_MAX_MS * INT64_C(1000000);
	int rc;

	(void)snprintf(at, sizeof at, "%s", bus_endpoint(d->feed));
	bus_socket_close(d->feed);
	d->feed = NULL;
	while ((rc = bind_socket(d, &p, e)) == AS_EUNAVAIL && as_mono_ns() < until) {
		(void)poll(NULL, 0, AGAIN_MS); /* the old one's last thread lets go of the port */
	}
	return rc;
}

/* Whether a client may subscribe to less than it might. */
static bool loses_streams(const struct bus_client *was, const struct bus_clients *now)
{
	const struct bus_client *is = bus_clients_find(now, was->key);

	if (is == NULL || (was->may[BUS_SUBSCRIBE].all && !is->may[BUS_SUBSCRIBE].all)) {
		return bus_client_may_some(was, BUS_SUBSCRIBE);
	}
	for (size_t i = 0; i < was->may[BUS_SUBSCRIBE].streams; i++) {
		if (!bus_client_may(is, BUS_SUBSCRIBE, was->may[BUS_SUBSCRIBE].stream[i])) {
			return true;
		}
	}
	return false;
}

static void drop_workers(struct dm_daemon *d)
{
	struct dm_worker *next;

	for (struct dm_worker *w = d->workers; w != NULL; w = next) {
		const struct bus_client *c =
		    w->user[0] ? bus_clients_find(d->clients, w->user) : NULL;

		next = w->next;
		if (w->user[0] != '\0' && (c == NULL || !c->work)) {
			dm_worker_say(d, w, "STOP");
			dm_worker_lost(d, w, "its key is not a worker's any more");
		}
	}
}

int dm_clients_change(struct dm_daemon *d, struct bus_clients *now, struct as_err *e)
{
	struct bus_clients *was = d->clients;
	const struct bus_client *c;
	bool cut = false;
	int rc;

	TRY(bus_guard_change(d->guard, now, e));
	for (size_t i = 0; (c = bus_clients_at(was, i)) != NULL && !cut; i++) {
		cut = loses_streams(c, now);
	}
	d->clients = bus_clients_share(now);
	memset(d->feed_faults, 0, sizeof d->feed_faults);
	dm_share_move(d, was, now);
	bus_clients_free(was);
	drop_workers(d);
	if (cut && io_config_is_tcp(d->config.daemon.feed)) {
		TRY(reopen_feed(d, e));
	}
out:
	return rc;
}
