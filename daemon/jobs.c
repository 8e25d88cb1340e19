/* SPDX-License-Identifier: Apache-2.0
 * jobs.c - pages that wait for a worker, and how they are given out. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 17 };

static const char *key_of(char out[KEY_SIZE], uint64_t id)
{
	(void)snprintf(out, KEY_SIZE, "%" PRIx64, id);
	return out;
}

struct dm_lane *dm_lane_get(struct dm_daemon *d, const char *modality, const char *encoder,
			    const char *version)
{
	struct dm_lane *l;

	for (l = d->lanes; l != NULL; l = l->next) {
		if (strcmp(l->modality, modality) == 0 && strcmp(l->encoder, encoder) == 0 &&
		    strcmp(l->version, version) == 0) {
			return l;
		}
	}
	l = as_calloc(1, sizeof *l);
	(void)snprintf(l->modality, sizeof l->modality, "%s", modality);
	(void)snprintf(l->encoder, sizeof l->encoder, "%s", encoder);
	(void)snprintf(l->version, sizeof l->version, "%s", version);
	l->next = d->lanes;
	d->lanes = l;
	return l;
}

struct dm_job *dm_job_find(const struct dm_daemon *d, uint64_t id)
{
	char key[KEY_SIZE];

	return as_map_find(&d->jobs, key_of(key, id));
}

void dm_job_queue(struct dm_daemon *d, struct dm_job *j)
{
	struct dm_lane *l = j->lane;
	struct dm_job **first = j->suspect ? &l->suspect : &l->first;
	struct dm_job **last = j->suspect ? &l->suspect_last : &l->last;
	char key[KEY_SIZE];

	if (j->id == 0) {
		j->id = ++d->next_job;
		as_map_put(&d->jobs, key_of(key, j->id), j);
		d->queued_bytes += j->size;
	}
	j->before = *last;
	j->after = NULL;
	if (*last != NULL) {
		(*last)->after = j;
	} else {
		*first = j;
	}
	*last = j;
	l->queued++;
	j->slot->state = FU_QUEUED;
}

static void take_out(struct dm_job *j)
{
	struct dm_lane *l = j->lane;
	struct dm_job **first = j->suspect ? &l->suspect : &l->first;
	struct dm_job **last = j->suspect ? &l->suspect_last : &l->last;

	if (j->before != NULL) {
		j->before->after = j->after;
	} else {
		*first = j->after;
	}
	if (j->after != NULL) {
		j->after->before = j->before;
	} else {
		*last = j->before;
	}
	j->before = NULL;
	j->after = NULL;
	l->queued--;
}

static void leave_case(struct dm_job *j)
{
	struct dm_job **at = &j->owner->jobs;

	while (*at != j) {
		at = &(*at)->sibling;
	}
	*at = j->sibling;
	j->slot->job = NULL;
}

void dm_job_end(struct dm_daemon *d, struct dm_job *j)
{
	char key[KEY_SIZE];

	if (j->worker != NULL) {
		dm_worker_release(j->worker, j);
	} else {
		take_out(j);
	}
	leave_case(j);
	(void)as_map_remove(&d->jobs, key_of(key, j->id));
	d->queued_bytes -= j->size;
	bus_bytes_free(j->bytes);
	j->bytes = NULL;
	if (j->loading && d->journal.running) {
		j->dead = true; /* the journal holds its address: freed when that comes back */
		return;
	}
	free(j);
}

static void ask_for_bytes(struct dm_daemon *d, struct dm_job *j)
{
	struct dm_op *op;
	const struct dm_case *c = j->owner;

	if (j->loading) {
		return;
	}
	op = dm_op_make(DM_OP_LOAD, c->kase->stream, c->kase->id);
	op->owner = j;
	op->pages = 1;
	op->page = as_calloc(1, sizeof *op->page);
	op->page->page = j->slot->page;
	(void)snprintf(op->page->name, sizeof op->page->name, "%s",
		       c->kase->task->part[j->slot->part].name);
	j->loading = true;
	dm_journal_give(&d->journal, op);
}

void dm_job_loaded(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_job *j = op->owner;

	j->loading = false;
	if (j->dead) {
		free(j);
	} else if (op->rc != AS_OK) {
		struct dm_case *c = j->owner;

		dm_case_reject(d, c, op->page[0].name, "spool", op->e.msg);
		dm_case_advance(d, c);
	} else {
		j->bytes = bus_bytes_copy(op->body.data, op->body.len);
	}
}

static int send_job(struct dm_daemon *d, const struct dm_worker *w, const struct dm_job *j,
		    struct as_err *e)
{
	const struct fu_case *c = j->owner->kase;
	const struct bus_frame bytes = { .kept = j->bytes };
	const struct bus_frame peer = { .kept = w->address };
	struct as_buf b = { 0 };
	struct io_jw jw = { .b = &b };
	const struct bus_say say = { .verb = "JOB", .json = &b, .bytes = &bytes, .n = 1 };
	int rc;

	io_jw_obj(&jw, NULL);
	io_jw_u64(&jw, "job", j->id);
	io_jw_str(&jw, "model", j->owner->model->sha256);
	io_jw_str(&jw, "part", c->task->part[j->slot->part].name);
	io_jw_u64(&jw, "page", j->slot->page);
	io_jw_str(&jw, "type", j->type);
	io_jw_u64(&jw, "size", j->size);
	io_jw_end_obj(&jw);
	rc = bus_call_reply(d->work, &peer, &say, e);
	as_buf_free(&b);
	return rc;
}

/* Whether it went out. *gone: the worker is not there any more. */
static bool give(struct dm_daemon *d, struct dm_worker *w, struct dm_job *j, bool *gone)
{
	const int64_t now = as_mono_ns();
	struct as_err e;
	const int rc = send_job(d, w, j, &e);

	*gone = rc == AS_EUNAVAIL;
	if (rc != AS_OK) {
		return false;
	}
	take_out(j);
	j->worker = w;
	j->alone = j->suspect;
	j->lease = now + (int64_t)d->config.daemon.job_max_s * INT64_C(1000000000);
	j->slot->state = FU_RUNNING;
	j->slot->attempts++;
	j->slot->queue = (double)(now - j->slot->accepted) / 1e6;
	w->job[w->jobs++] = j;
	return true;
}

/* The first job of a list whose model the worker has and whose bytes are here; the bytes of those
 * before it are asked for. */
static struct dm_job *choose(struct dm_daemon *d, const struct dm_worker *w, struct dm_job *list)
{
	for (struct dm_job *j = list; j != NULL; j = j->after) {
		if (!dm_worker_has(w, j->owner->model)) {
			continue;
		}
		if (j->bytes != NULL) {
			return j;
		}
		ask_for_bytes(d, j);
		return NULL;
	}
	return NULL;
}

/* Gives one job to a worker that has room for it. */
static bool feed(struct dm_daemon *d, struct dm_worker *w, bool *gone)
{
	struct dm_job *j;

	*gone = false;
	if (w->jobs >= w->credit || w->retiring) {
		return false;
	}
	if (w->jobs > 0 && (w->job[0]->alone || w->lane->suspect != NULL)) {
		return false; /* a suspect is alone; while there are any, workers run empty */
	}
	j = choose(d, w, w->lane->suspect);
	if (j == NULL) {
		j = choose(d, w, w->lane->first);
	}
	return j != NULL && give(d, w, j, gone);
}

/* A round gives every worker one job at most, so that they spread. */
void dm_dispatch(struct dm_daemon *d)
{
	bool again = true;

	while (again) {
		again = false;
		for (struct dm_worker *w = d->workers; w != NULL; w = w->next) {
			bool gone;

			again = feed(d, w, &gone) || again;
			if (gone) {
				dm_worker_lost(d, w, "its connection is gone");
				again = true;
				break; /* the list is another now */
			}
		}
	}
}
