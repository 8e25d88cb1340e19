/* SPDX-License-Identifier: Apache-2.0
 * features.c - what workers push: features, or that a page is refused. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <math.h>
#include <string.h>

enum { ROWS_MAX = 4096 };

static bool all_finite(const char *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float x;

		memcpy(&x, v + i * sizeof x, sizeof x);
		if (!isfinite(x)) {
			return false;
		}
	}
	return true;
}

/* What is wrong with the message, or NULL. */
static const char *fault_of(const struct dm_job *j, const struct bus_call *c,
			    const struct bus_msg *m, uint64_t rows, uint64_t dim)
{
	const uint32_t want = j->owner->model->judge[0].source[j->slot->part].dim;

	if (c->frames != 2) {
		return "want two frames, features and places";
	}
	if (rows < 1 || rows > ROWS_MAX || dim != want) {
		return "rows or dim is not the encoder's";
	}
	if (bus_size(m, c->at) != rows * dim * sizeof(float) ||
	    bus_size(m, c->at + 1) != rows * sizeof(struct assay_place)) {
		return "a frame's size is not that of its rows";
	}
	if (!all_finite(bus_data(m, c->at), rows * dim)) {
		return "NaN or infinity in the features";
	}
	return NULL;
}

static void take_features(struct dm_daemon *d, struct dm_job *j, const struct bus_call *c,
			  const struct bus_msg *m)
{
	const uint64_t rows = io_json_find_u64(c->doc, "rows", 0);
	const uint64_t dim = io_json_find_u64(c->doc, "dim", 0);
	const struct json_t *ms = io_json_find(c->doc, "ms");
	const char *fault = fault_of(j, c, m, rows, dim);
	struct dm_case *owner = j->owner;

	if (fault != NULL) {
		dm_case_reject(d, owner, owner->kase->task->part[j->slot->part].name, "features",
			       fault);
		dm_case_advance(d, owner);
		return;
	}
	j->slot->decode = io_json_find_num(ms, "decode", 0.0);
	j->slot->encode = io_json_find_num(ms, "encode", 0.0);
	fu_slot_encoded(owner->kase, j->slot, (uint32_t)rows, (uint32_t)dim, bus_data(m, c->at),
			bus_data(m, c->at + 1));
	if (!owner->kase->closed && owner->kase->received != 0) {
		dm_job_over(d, owner, j->slot, j->strikes);
	}
	dm_case_encoded(d, j);
}

static void take_failed(struct dm_daemon *d, struct dm_job *j, const struct bus_call *c)
{
	struct dm_case *owner = j->owner;

	dm_case_reject(d, owner, owner->kase->task->part[j->slot->part].name,
		       io_json_find_str(c->doc, "limit", ""),
		       io_json_find_str(c->doc, "message", "refused without a reason"));
	dm_case_advance(d, owner);
}

/* The worker that held the job is there, and may have gone on to another. */
static void take_running(struct dm_daemon *d, struct dm_worker *w, uint64_t id)
{
	const struct dm_job *j = dm_job_find(d, id);

	w->heard = as_mono_ns();
	if (j != NULL && j->worker == w) {
		w->running = id;
	}
}

/* A worker of another machine answers for the jobs that its key was given, no others'. */
static bool may_answer(const struct dm_peer *p, const struct dm_job *j)
{
	return p->user == NULL || (j->worker != NULL && strcmp(j->worker->user, p->user) == 0);
}

void dm_features_take(struct dm_daemon *d, struct bus_msg *m)
{
	const struct dm_peer who = dm_peer_of(d, m, 0);
	struct bus_call c = { 0 };
	struct dm_worker *w;
	struct dm_job *j;
	struct as_err e;

	if (!dm_peer_works(&who)) {
		d->count.forbidden++;
		return;
	}
	if (bus_call_read(&c, m, 0, &e) != AS_OK) {
		d->count.malformed++;
		return;
	}
	j = dm_job_find(d, io_json_find_u64(c.doc, "job", 0));
	w = j ? j->worker : NULL;
	if (j == NULL ||
	    strcmp(io_json_find_str(c.doc, "model", ""), j->owner->model->sha256) != 0) {
		d->count.late++; /* answered before, by another worker, or its case is judged */
	} else if (!may_answer(&who, j)) {
		d->count.forbidden++;
		w = NULL;
	} else if (strcmp(c.verb, "FEATURES") == 0) {
		take_features(d, j, &c, m);
	} else if (strcmp(c.verb, "FAILED") == 0) {
		take_failed(d, j, &c);
	} else {
		d->count.malformed++;
	}
	if (w != NULL) {
		take_running(d, w, io_json_find_u64(c.doc, "running", 0));
	}
	bus_call_free(&c);
}
