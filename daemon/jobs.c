/* SPDX-License-Identifier: Apache-2.0
 * jobs.c - pages that wait for a worker, and how they are given out. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <assert.h>
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
		dm_queue_more(d, j->owner, j->size);
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
	l->cleared += j->cleared;
	d->held_bytes += j->bytes != NULL ? j->size : 0;
	j->slot->state = FU_QUEUED;
}

static void take_out(struct dm_daemon *d, struct dm_job *j)
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
	l->cleared -= j->cleared;
	d->held_bytes -= j->bytes != NULL ? j->size : 0;
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
	struct dm_case *owner = j->owner;
	char key[KEY_SIZE];

	if (j->worker != NULL) {
		dm_worker_release(j->worker, j);
	} else {
		take_out(d, j);
	}
	d->graves -= j->grave;
	leave_case(j);
	(void)as_map_remove(&d->jobs, key_of(key, j->id));
	dm_queue_less(d, owner, j->size);
	d->bytes_rate.done += j->size;
	bus_bytes_free(j->bytes);
	j->bytes = NULL;
	if ((j->loading || j->clearing) && d->journal.running) {
		j->dead = true; /* the journal holds its address: freed when that comes back */
		return;
	}
	free(j);
}

static struct dm_op *page_op(enum dm_op_kind kind, const struct fu_case *c,
			     const struct fu_slot *slot)
{
	struct dm_op *op = dm_op_make(kind, c->stream, c->id);

	op->pages = 1;
	op->page = as_calloc(1, sizeof *op->page);
	op->page->page = slot->page;
	(void)snprintf(op->page->name, sizeof op->page->name, "%s", c->task->part[slot->part].name);
	return op;
}

static void ask_for_bytes(struct dm_daemon *d, struct dm_job *j)
{
	struct dm_op *op;

	if (j->loading || (j->load_at != 0 && as_mono_ns() < j->load_at)) {
		return;
	}
	op = page_op(DM_OP_LOAD, j->owner->kase, j->slot);
	op->owner = j;
	j->loading = true;
	dm_journal_give(&d->journal, op);
}

/* The attempt is in the journal before the job leaves: one that ends the daemon is counted. */
static void ask_to_clear(struct dm_daemon *d, struct dm_job *j)
{
	struct dm_op *op;

	if (j->clearing) {
		return;
	}
	op = page_op(DM_OP_ATTEMPT, j->owner->kase, j->slot);
	op->owner = j;
	op->page->out = j->grave ? ST_ALONE : ST_GIVEN;
	op->page->strikes = j->strikes;
	j->clearing = true;
	dm_journal_give(&d->journal, op);
}

/* Of a job that ended while the journal had its address. */
static void free_dead(struct dm_job *j)
{
	if (!j->loading && !j->clearing) {
		free(j);
	}
}

void dm_job_cleared(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_job *j = op->owner;

	(void)d;
	if (j == NULL) {
		return;
	}
	j->clearing = false;
	assert(j->worker == NULL); /* it could not leave meanwhile */
	if (j->dead) {
		free_dead(j);
	} else {
		j->cleared = true;
		j->lane->cleared++;
	}
}

void dm_job_over(struct dm_daemon *d, const struct dm_case *c, const struct fu_slot *slot,
		 uint32_t strikes)
{
	struct dm_op *op = page_op(DM_OP_ATTEMPT, c->kase, slot);

	op->page->out = ST_HERE;
	op->page->strikes = strikes;
	dm_journal_give(&d->journal, op);
}

void dm_job_strike(struct dm_daemon *d, struct dm_job *j, const char *limit, const char *ended)
{
	struct dm_case *c = j->owner;
	char message[128];

	if (++j->strikes < DM_ATTEMPTS) {
		return;
	}
	c->dead = true;
	c->page = j->slot->page;
	c->strikes = j->strikes;
	(void)snprintf(c->ended, sizeof c->ended, "%s", ended);
	(void)snprintf(message, sizeof message,
		       "%u attempts to encode it ended badly, the last: %s", j->strikes, ended);
	dm_case_reject(d, c, c->kase->task->part[j->slot->part].name, limit, message);
}

void dm_job_loaded(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_job *j = op->owner;

	j->loading = false;
	if (j->dead) {
		free_dead(j);
	} else if (op->rc == AS_EAGAIN) { /* there was no descriptor for its file */
		j->load_at = as_mono_ns() + DM_TICK_MS * INT64_C(1000000);
	} else if (op->rc != AS_OK) {
		struct dm_case *c = j->owner;

		dm_case_reject(d, c, op->page[0].name, "spool", op->e.msg);
		dm_case_advance(d, c);
	} else {
		j->bytes = bus_bytes_copy(op->body.data, op->body.len);
		d->held_bytes += j->size;
	}
}

void dm_jobs_lighten(struct dm_daemon *d, struct dm_case *c)
{
	for (struct dm_job *j = c->jobs; j != NULL && d->held_bytes > DM_HELD_BYTES;
	     j = j->sibling) {
		if (j->worker == NULL && j->bytes != NULL) {
			bus_bytes_free(j->bytes);
			j->bytes = NULL;
			d->held_bytes -= j->size;
		}
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
	take_out(d, j);
	j->cleared = false; /* for this once */
	j->worker = w;
	j->alone = j->suspect;
	j->lease = now + (int64_t)d->config.daemon.job_max_s * INT64_C(1000000000);
	j->slot->state = FU_RUNNING;
	j->slot->attempts++;
	j->slot->queue = (double)(now - j->slot->accepted) / 1e6;
	w->job[w->jobs++] = j;
	w->bytes += j->size;
	return true;
}

/* Whether the job may leave now; what it lacks is asked for. */
static bool may_leave(struct dm_daemon *d, struct dm_job *j)
{
	if (j->bytes == NULL) {
		ask_for_bytes(d, j);
	}
	if (!j->cleared) {
		ask_to_clear(d, j);
	}
	return j->bytes != NULL && j->cleared;
}

/* The first job of a list whose model the worker has and that may leave; those before it soon may.
 */
static struct dm_job *choose(struct dm_daemon *d, const struct dm_worker *w, struct dm_job *list)
{
	size_t asked = 0;
	uint64_t bytes = 0;

	for (struct dm_job *j = list; j != NULL && asked < DM_CLEARED_MAX && bytes < DM_HELD_BYTES;
	     j = j->after) {
		if (!dm_worker_has(w, j->owner->model)) {
			continue;
		}
		bytes += j->size;
		if (may_leave(d, j)) {
			return j;
		}
		asked++;
	}
	return NULL;
}

/* Whether nothing is in a worker or being judged. */
static bool is_still(const struct dm_daemon *d)
{
	for (const struct dm_worker *w = d->workers; w != NULL; w = w->next) {
		if (w->jobs > 0) {
			return false;
		}
	}
	return d->judging == 0;
}

/* The suspect that was charged the least, the oldest of them: what ends workers or daemons again
 * and again stands in nobody's way, and who is near by when they end is not so three times. While a
 * case is out alone, only of that one. */
static struct dm_job *least_charged(const struct dm_daemon *d, const struct dm_worker *w)
{
	struct dm_job *least = NULL;

	for (struct dm_job *j = w->lane->suspect; j != NULL; j = j->after) {
		if (dm_worker_has(w, j->owner->model) &&
		    (d->graves == 0 || d->alone == NULL || d->alone == j->owner) &&
		    (least == NULL || j->strikes < least->strikes)) {
			least = j;
		}
	}
	return least;
}

/* The suspect to be given to an empty worker. A grave one goes while nothing else of the daemon is
 * out or being judged but its own case, so that its end is nobody else's. */
static struct dm_job *choose_suspect(struct dm_daemon *d, const struct dm_worker *w)
{
	struct dm_job *j = least_charged(d, w);

	if (j != NULL && j->grave && d->alone == NULL) {
		if (!is_still(d)) {
			return NULL;
		}
		d->alone = j->owner;
	}
	return j != NULL && may_leave(d, j) ? j : NULL;
}

static bool has_room(const struct dm_worker *w, const struct dm_job *j)
{
	return w->jobs == 0 ||
	       w->bytes + j->size <= (w->jobs == 1 ? DM_JOBS_BYTES : DM_SMALL_BYTES);
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
	j = w->lane->suspect != NULL ? choose_suspect(d, w) : NULL;
	if (j == NULL && !d->holding) {
		j = choose(d, w, w->lane->first);
	}
	return j != NULL && has_room(w, j) && give(d, w, j, gone);
}

/* Whether a worker could take one of the jobs of a list that were out when a daemon ended. */
static bool has_worker(const struct dm_daemon *d, const struct dm_job *j)
{
	for (const struct dm_worker *w = d->workers; j->grave && w != NULL; w = w->next) {
		if (w->lane == j->lane && dm_worker_has(w, j->owner->model)) {
			return true;
		}
	}
	return false;
}

/* Whether a case has a page in a worker, or is being judged. */
static bool is_inside(const struct dm_case *c)
{
	for (const struct dm_job *j = c->jobs; j != NULL; j = j->sibling) {
		if (j->worker != NULL) {
			return true;
		}
	}
	return c->judging;
}

/* Whether the case that is out alone still is. */
static bool is_out(const struct dm_daemon *d, const struct dm_case *c)
{
	for (const struct dm_job *j = c->jobs; j != NULL; j = j->sibling) {
		if (has_worker(d, j)) {
			return true;
		}
	}
	return is_inside(c);
}

void dm_jobs_choose_anew(struct dm_daemon *d)
{
	if (d->alone != NULL && !is_inside(d->alone)) {
		d->alone = NULL;
	}
}

/* Whether a job that was out when a daemon ended has a worker: then nothing else is given out. */
static bool must_hold(struct dm_daemon *d)
{
	if (d->alone != NULL && is_out(d, d->alone)) {
		return true;
	}
	d->alone = NULL; /* it waits for other parts, or for a worker that is not there */
	for (const struct dm_lane *l = d->lanes; d->graves > 0 && l != NULL; l = l->next) {
		for (const struct dm_job *j = l->suspect; j != NULL; j = j->after) {
			if (has_worker(d, j)) {
				return true;
			}
		}
	}
	return false;
}

/* A round gives every worker one job at most, so that they spread. */
void dm_dispatch(struct dm_daemon *d)
{
	bool again = true;

	d->holding = must_hold(d);

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
