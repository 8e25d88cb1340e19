/* SPDX-License-Identifier: Apache-2.0
 * status.c - what the daemon says of itself. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether every part of the model has a worker that is ready for it. */
static bool is_served(const struct dm_daemon *d, const struct dm_model *m)
{
	const struct fu_judge *j = &m->judge[0];

	for (size_t i = 0; i < j->task.parts; i++) {
		const struct fu_source *s = &j->source[i];
		bool found = false;

		for (const struct dm_worker *w = d->workers; w != NULL && !found; w = w->next) {
			found = strcmp(w->lane->modality, s->modality) == 0 &&
				strcmp(w->lane->encoder, s->name) == 0 &&
				strcmp(w->lane->version, s->version) == 0 && dm_worker_has(w, m);
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

bool dm_ready(const struct dm_daemon *d)
{
	for (const struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		if (s->model != NULL && (!s->open || !is_served(d, s->model))) {
			return false;
		}
	}
	return d->stop_at == 0 && !d->read_only;
}

static void write_model(const struct dm_model *m, struct io_jw *w)
{
	io_jw_obj(w, "model");
	io_jw_str(w, "name", m->judge[0].name);
	io_jw_str(w, "sha256", m->sha256);
	io_jw_end_obj(w);
}

static void write_streams(const struct dm_daemon *d, const struct dm_peer *p, struct io_jw *w)
{
	io_jw_arr(w, "streams");
	for (const struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		if (s->model == NULL || !dm_peer_sees(p, s->name)) {
			continue;
		}
		io_jw_obj(w, NULL);
		io_jw_str(w, "name", s->name);
		io_jw_u64(w, "first", s->first);
		io_jw_u64(w, "last", s->last);
		io_jw_u64(w, "open", s->cases + s->parked);
		io_jw_u64(w, "parked", s->parked);
		io_jw_bool(w, "ready", s->open && is_served(d, s->model));
		write_model(s->model, w);
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
}

static void write_encoders(const struct dm_daemon *d, struct io_jw *w)
{
	io_jw_arr(w, "encoders");
	for (const struct dm_lane *l = d->lanes; l != NULL; l = l->next) {
		size_t workers = 0;
		size_t busy = 0;
		const char *sandbox = NULL; /* the shortest list: what all its workers have */

		for (const struct dm_worker *k = d->workers; k != NULL; k = k->next) {
			workers += k->lane == l;
			busy += k->lane == l && k->jobs > 0;
			if (k->lane == l &&
			    (sandbox == NULL || strlen(k->sandbox) < strlen(sandbox))) {
				sandbox = k->sandbox;
			}
		}
		io_jw_obj(w, NULL);
		io_jw_str(w, "name", l->encoder);
		io_jw_str(w, "modality", l->modality);
		io_jw_str(w, "version", l->version);
		io_jw_u64(w, "workers", workers);
		io_jw_u64(w, "busy", busy);
		io_jw_u64(w, "queued", l->queued);
		io_jw_str(w, "sandbox", sandbox ? sandbox : "");
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
}

void dm_status_write(const struct dm_daemon *d, const struct dm_peer *p, struct as_buf *out)
{
	struct io_jw w = { .b = out };
	char uptime[32];

	(void)snprintf(uptime, sizeof uptime, "%.3f", (double)(as_mono_ns() - d->started) / 1e9);
	io_jw_obj(&w, NULL);
	io_jw_bool(&w, "ready", dm_ready(d));
	io_jw_bool(&w, "stopping", d->stop_at != 0);
	io_jw_bool(&w, "disk_full", d->full);
	io_jw_bool(&w, "read_only", d->read_only);
	io_jw_str(&w, "version", ASSAY_VERSION);
	io_jw_u64(&w, "pid", (uint64_t)getpid());
	io_jw_raw(&w, "uptime_s", uptime);
	write_streams(d, p, &w);
	write_encoders(d, &w);
	io_jw_obj(&w, "endpoints");
	io_jw_str(&w, "front", bus_endpoint(d->front));
	io_jw_str(&w, "feed", bus_endpoint(d->feed));
	io_jw_str(&w, "work", bus_endpoint(d->work));
	io_jw_str(&w, "features", bus_endpoint(d->features));
	io_jw_end_obj(&w);
	io_jw_obj(&w, "counters");
	io_jw_u64(&w, "malformed", d->count.malformed);
	io_jw_u64(&w, "late", d->count.late);
	io_jw_u64(&w, "worker_ends", d->count.restarts);
	io_jw_u64(&w, "leases_ended", d->count.expired);
	io_jw_u64(&w, "forbidden", d->count.forbidden);
	io_jw_u64(&w, "keys_refused", bus_guard_refused(d->guard));
	io_jw_end_obj(&w);
	io_jw_u64(&w, "queued_bytes", d->queued_bytes);
	io_jw_end_obj(&w);
}

void dm_hello_write(const struct dm_daemon *d, const struct dm_peer *p, struct as_buf *out)
{
	struct io_jw w = { .b = out };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "version", ASSAY_VERSION);
	io_jw_str(&w, "journal", d->journal.name);
	io_jw_u64(&w, "epoch", d->journal.epoch);
	io_jw_str(&w, "feed", bus_endpoint(d->feed));
	io_jw_arr(&w, "streams");
	for (const struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		if (s->model != NULL && s->open && dm_peer_sees(p, s->name)) {
			io_jw_str(&w, NULL, s->name);
		}
	}
	io_jw_end_arr(&w);
	io_jw_obj(&w, "limits");
	io_jw_u64(&w, "part_bytes", d->config.daemon.part_bytes);
	io_jw_u64(&w, "parts", DM_PAGES_MAX);
	io_jw_u64(&w, "case_bytes", d->config.daemon.case_bytes);
	io_jw_end_obj(&w);
	io_jw_end_obj(&w);
}
