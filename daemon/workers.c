/* SPDX-License-Identifier: Apache-2.0
 * workers.c - the workers that are connected: what they have, what they hold, when they are gone.
 */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SILENT_MS = 10000, /* a remote worker without jobs pings every 2 s */
	FAR_MS = 10000,    /* after which libzmq knows for sure that a TCP connection is dead */
};

static struct dm_worker *find(const struct dm_daemon *d, const struct bus_msg *m)
{
	for (struct dm_worker *w = d->workers; w != NULL; w = w->next) {
		if (bus_bytes_size(w->address) == bus_size(m, 0) &&
		    memcmp(bus_bytes_data(w->address), bus_data(m, 0), bus_size(m, 0)) == 0) {
			return w;
		}
	}
	return NULL;
}

static void say(struct dm_daemon *d, const struct bus_bytes *address, const char *verb,
		const struct as_buf *json)
{
	const struct bus_frame peer = { .kept = address };
	const struct bus_say what = { .verb = verb, .json = json };
	struct as_err e;

	if (bus_call_reply(d->work, &peer, &what, &e) != AS_OK) {
		as_log(&d->log, AS_DEBUG, "WORKER-SEND", "verb=%s error=\"%s\"", verb, e.msg);
	}
}

void dm_worker_say(struct dm_daemon *d, struct dm_worker *w, const char *verb)
{
	say(d, w->address, verb, NULL);
}

static void offer(struct dm_daemon *d, struct dm_worker *w, struct dm_model *m)
{
	struct as_buf b = { 0 };
	struct io_jw jw = { .b = &b };
	uint32_t dim;

	if (!dm_model_needs(m, w->lane, &dim)) {
		return;
	}
	w->model = as_realloc(w->model, w->models + 1, sizeof *w->model);
	w->model[w->models].model = m;
	w->model[w->models++].has = DM_ASKED;
	io_jw_obj(&jw, NULL);
	io_jw_str(&jw, "model", m->sha256);
	io_jw_str(&jw, "path", m->path);
	io_jw_str(&jw, "features", w->child ? d->features_ipc : bus_endpoint(d->features));
	io_jw_end_obj(&jw);
	say(d, w->address, "MODEL", &b);
	as_buf_free(&b);
}

void dm_workers_offer(struct dm_daemon *d, struct dm_model *m)
{
	for (struct dm_worker *w = d->workers; w != NULL; w = w->next) {
		offer(d, w, m);
	}
}

void dm_workers_forget(struct dm_daemon *d, struct dm_model *m)
{
	struct as_buf b = { 0 };
	struct io_jw jw = { .b = &b };

	io_jw_obj(&jw, NULL);
	io_jw_str(&jw, "model", m->sha256);
	io_jw_end_obj(&jw);
	for (struct dm_worker *w = d->workers; w != NULL; w = w->next) {
		for (size_t i = 0; i < w->models; i++) {
			if (w->model[i].model == m) {
				say(d, w->address, "FORGET", &b);
				w->model[i] = w->model[--w->models];
				break;
			}
		}
	}
	as_buf_free(&b);
}

bool dm_worker_has(const struct dm_worker *w, const struct dm_model *m)
{
	for (size_t i = 0; i < w->models; i++) {
		if (w->model[i].model == m) {
			return w->model[i].has == DM_LOADED;
		}
	}
	return false;
}

/* A worker that greets again lives: what is in it over a connection that is gone has not ended it,
 * and what was charged when it was lost, its connection was to blame for. */
static void acquit(struct dm_daemon *d, const struct dm_lane *l, const struct dm_peer *who,
		   const char *instance)
{
	struct dm_worker *w = d->workers;

	while (w != NULL && (strcmp(w->instance, instance) != 0 || w->lane != l ||
			     strcmp(w->user, who->user ? who->user : "") != 0)) {
		w = w->next;
	}
	for (size_t i = 0; w != NULL && i < w->jobs; i++) {
		w->job[i]->alone = false;
	}
	if (w != NULL) {
		w->running = 0;
		dm_worker_lost(d, w, "it came back over another connection");
	}
	for (struct dm_job *j = l->suspect; j != NULL; j = j->after) {
		if (strcmp(j->blamed, instance) == 0) {
			j->blamed[0] = '\0';
			j->strikes--; /* the journal has it with the next attempt */
		}
	}
}

static void take_ready(struct dm_daemon *d, struct bus_msg *m, const struct dm_peer *who,
		       const struct bus_call *c)
{
	const char *modality = io_json_find_str(c->doc, "modality", "");
	const char *encoder = io_json_find_str(c->doc, "encoder", "");
	const char *version = io_json_find_str(c->doc, "version", "");
	const char *token = io_json_find_str(c->doc, "token", "");
	const char *instance = io_json_find_str(c->doc, "instance", "");
	const uint64_t credit = io_json_find_u64(c->doc, "credit", 1);
	struct dm_child *child = dm_child_find(d, token);
	struct dm_worker *w;

	if (!io_name_ok(modality) || !io_name_ok(encoder) || !io_name_ok(version) ||
	    strlen(instance) >= DM_INSTANCE_SIZE) {
		d->count.malformed++;
		return;
	}
	if (child == NULL && token[0] != '\0') {
		return; /* a child's greeting that was read after its death */
	}
	if (instance[0] != '\0') {
		acquit(d, dm_lane_get(d, modality, encoder, version), who, instance);
	}
	w = find(d, m);
	if (w != NULL) {
		dm_worker_lost(d, w, "it began anew");
	}
	w = as_calloc(1, sizeof *w);
	w->far = bus_is_far(m, 1);
	w->address = bus_take(m, 0);
	w->lane = dm_lane_get(d, modality, encoder, version);
	w->credit = credit < 1 ? 1 : credit > DM_CREDIT_MAX ? DM_CREDIT_MAX : (size_t)credit;
	w->heard = as_mono_ns();
	w->child = child;
	(void)snprintf(w->instance, sizeof w->instance, "%s", instance);
	(void)snprintf(w->user, sizeof w->user, "%s", who->user ? who->user : "");
	(void)snprintf(w->sandbox, sizeof w->sandbox, "%s",
		       io_json_find_str(c->doc, "sandbox", ""));
	if (w->child != NULL) {
		w->child->worker = w;
		w->retiring = w->child->retiring;
	}
	w->next = d->workers;
	d->workers = w;
	as_log(&d->log, AS_INFO, "WORKER-READY",
	       "modality=%s encoder=%s version=%s pid=%" PRIu64 " sandbox=%s", modality, encoder,
	       version, io_json_find_u64(c->doc, "pid", 0), w->sandbox[0] ? w->sandbox : "none");
	for (struct dm_model *k = d->models; k != NULL; k = k->next) {
		offer(d, w, k);
	}
	if (w->models == 0) {
		as_log(&d->log, AS_WARN, "WORKER-UNUSED",
		       "modality=%s encoder=%s version=%s: no model asks for it", modality, encoder,
		       version);
	}
}

static void take_loaded(struct dm_daemon *d, struct dm_worker *w, const struct bus_call *c,
			bool loaded)
{
	const char *sha256 = io_json_find_str(c->doc, "model", "");
	const uint64_t dim = io_json_find_u64(c->doc, "dim", 0);
	const uint64_t rows_max = io_json_find_u64(c->doc, "rows_max", 0);
	bool all = true;

	for (size_t i = 0; i < w->models; i++) {
		uint32_t want = 0;

		if (strcmp(w->model[i].model->sha256, sha256) == 0) {
			(void)dm_model_needs(w->model[i].model, w->lane, &want);
			w->model[i].has =
			    loaded && dim == want && rows_max > 0 ? DM_LOADED : DM_FAILED;
			if (w->model[i].has == DM_FAILED) {
				as_log(&d->log, AS_ERROR, "WORKER-MODEL",
				       "encoder=%s model=%s dim=%" PRIu64 " want=%u error=\"%s\"",
				       w->lane->encoder, sha256, dim, want,
				       io_json_find_str(c->doc, "message", ""));
			}
		}
		all = all && w->model[i].has != DM_ASKED;
	}
	if (all && w->child != NULL) {
		w->child->proved = true;
		w->child->backoff_ms = 0;
	}
}

static void say_unknown(struct dm_daemon *d, struct bus_msg *m)
{
	struct bus_bytes *address = bus_take(m, 0);
	struct as_buf b = { 0 };

	as_buf_puts(&b, "{\"field\":\"worker\",\"message\":\"unknown worker: send READY\"}");
	say(d, address, "ERROR", &b);
	as_buf_free(&b);
	bus_bytes_free(address);
}

static void take_from(struct dm_daemon *d, struct dm_worker *w, const struct bus_call *c)
{
	w->heard = as_mono_ns();
	if (strcmp(c->verb, "LOADED") == 0) {
		take_loaded(d, w, c, true);
	} else if (strcmp(c->verb, "LOADFAIL") == 0) {
		take_loaded(d, w, c, false);
	} else if (strcmp(c->verb, "RUNNING") == 0) {
		w->running = io_json_find_u64(c->doc, "job", 0);
	} else if (strcmp(c->verb, "PING") != 0) {
		d->count.malformed++;
	}
}

void dm_work_take(struct dm_daemon *d, struct bus_msg *m)
{
	const struct dm_peer who = dm_peer_of(d, m, m->n > 1 ? 1 : 0);
	struct bus_call c = { 0 };
	struct dm_worker *w;
	struct as_err e;

	if (!dm_peer_works(&who)) {
		d->count.forbidden++;
		return;
	}
	if (bus_call_read(&c, m, 1, &e) != AS_OK) {
		d->count.malformed++;
		return;
	}
	w = find(d, m);
	if (w != NULL && strcmp(w->user, who.user ? who.user : "") != 0) {
		d->count.forbidden++; /* another's address */
	} else if (strcmp(c.verb, "READY") == 0) {
		take_ready(d, m, &who, &c);
	} else if (w == NULL) {
		say_unknown(d, m);
	} else {
		take_from(d, w, &c);
	}
	bus_call_free(&c);
}

void dm_worker_release(struct dm_worker *w, struct dm_job *j)
{
	size_t i = 0;

	while (w->job[i] != j) {
		i++;
	}
	memmove(&w->job[i], &w->job[i + 1], (w->jobs - i - 1) * sizeof(struct dm_job *));
	w->jobs--;
	w->bytes -= j->size;
	j->worker = NULL;
	if (w->running == j->id) {
		w->running = 0;
	}
}

/* The job was in a worker that is gone. Only an attempt that it made alone, or one that the worker
 * had named as running, is charged to it; from now on it is given out alone. The journal is told
 * that this attempt is over: should the daemon end next, that is the doing of another. */
static void give_back(struct dm_daemon *d, struct dm_worker *w, struct dm_job *j, const char *why)
{
	struct dm_case *c = j->owner;
	const bool charged = j->alone || w->running == j->id;

	dm_worker_release(w, j);
	dm_job_over(d, c, j->slot, j->strikes + charged);
	j->suspect = true;
	j->alone = false;
	dm_job_queue(d, j);
	if (charged) {
		(void)snprintf(j->blamed, sizeof j->blamed, "%s", w->instance);
		dm_job_strike(d, j, w->limit ? w->limit : DM_LIMIT_ATTEMPTS, why);
		dm_case_advance(d, c);
	}
}

void dm_worker_lost(struct dm_daemon *d, struct dm_worker *w, const char *why)
{
	struct dm_worker **at = &d->workers;

	as_log(&d->log, w->retiring || d->stop ? AS_INFO : AS_WARN, "WORKER-LOST",
	       "modality=%s encoder=%s jobs=%zu why=\"%s\"", w->lane->modality, w->lane->encoder,
	       w->jobs, why);
	while (*at != w) {
		at = &(*at)->next;
	}
	*at = w->next;
	while (w->jobs > 0) {
		give_back(d, w, w->job[0], why);
	}
	dm_jobs_choose_anew(d);
	if (w->child != NULL) {
		w->child->worker = NULL;
	}
	bus_bytes_free(w->address);
	free(w->model);
	free(w);
}

/* Whether the lane could do without the worker: no model asks for it, or another worker has all. */
static bool is_spare(const struct dm_daemon *d, const struct dm_worker *w)
{
	uint32_t dim;

	for (const struct dm_model *m = d->models; m != NULL; m = m->next) {
		bool covered = !dm_model_needs(m, w->lane, &dim);

		for (const struct dm_worker *o = d->workers; o != NULL && !covered; o = o->next) {
			covered =
			    o != w && !o->retiring && o->lane == w->lane && dm_worker_has(o, m);
		}
		if (!covered) {
			return false;
		}
	}
	return true;
}

static const char *fault_of(const struct dm_worker *w, int64_t now)
{
	const int64_t more = w->far ? FAR_MS * INT64_C(1000000) : 0;

	for (size_t i = 0; i < w->jobs; i++) {
		if (w->job[i]->lease + more <= now) {
			return "a lease ended";
		}
	}
	if (w->child == NULL && w->jobs == 0 && now - w->heard > SILENT_MS * INT64_C(1000000)) {
		return "nothing was heard of it";
	}
	return NULL;
}

void dm_workers_check(struct dm_daemon *d, int64_t now)
{
	struct dm_worker *next;

	for (struct dm_worker *w = d->workers; w != NULL; w = next) {
		const char *fault = fault_of(w, now);

		next = w->next;
		if (fault != NULL && w->child != NULL) {
			d->count.expired++;
			w->limit = "lease";
			dm_child_kill(d, w->child); /* its death is seen, and gives the jobs back */
		} else if (fault != NULL) {
			if (w->jobs > 0) {
				d->count.expired++;
				w->limit = "lease";
				dm_worker_say(d, w, "STOP");
			} /* one that was only silent is told to greet when it is heard again */
			dm_worker_lost(d, w, fault);
		} else if (w->retiring && w->jobs == 0 && is_spare(d, w)) {
			dm_worker_say(d, w, "STOP");
		}
	}
}
