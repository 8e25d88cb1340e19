/* SPDX-License-Identifier: Apache-2.0
 * front.c - what clients ask. */
#include "core/base/buf.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool dm_say(struct dm_daemon *d, struct bus_socket *s, const struct bus_bytes *peer,
	    const char *verb, const struct as_buf *json)
{
	const struct bus_frame to = { .kept = peer };
	const struct bus_say what = { .verb = verb, .json = json };
	struct as_err e;

	if (bus_call_reply(s, &to, &what, &e) != AS_OK) {
		as_log(&d->log, AS_DEBUG, "PEER-SEND", "verb=%s error=\"%s\"", verb, e.msg);
		return false;
	}
	return true;
}

void dm_say_error(struct dm_daemon *d, struct bus_socket *s, const struct bus_bytes *peer,
		  const char *field, const char *message)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "field", field);
	io_jw_str(&w, "message", message);
	io_jw_end_obj(&w);
	dm_say(d, s, peer, "ERROR", &b);
	as_buf_free(&b);
}

struct dm_stream *dm_front_stream(struct dm_daemon *d, const struct bus_bytes *peer,
				  const struct bus_call *c)
{
	struct dm_stream *s = dm_stream_find(d, io_json_find_str(c->doc, "stream", ""));

	if (s == NULL || (s->model == NULL && !s->open)) {
		dm_say_error(d, d->front, peer, "stream", "no stream of that name");
		return NULL;
	}
	return s;
}

static void say_task(struct dm_daemon *d, const struct bus_bytes *peer, const struct bus_call *c)
{
	const struct dm_stream *s = dm_front_stream(d, peer, c);
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	if (s == NULL) {
		return;
	}
	if (s->model == NULL) {
		dm_say_error(d, d->front, peer, "stream", "the stream is served no more");
		return;
	}
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", s->name);
	io_task_write(dm_model_task(s->model), &w, "task");
	io_jw_obj(&w, "model");
	io_jw_str(&w, "name", s->model->judge[0].name);
	io_jw_str(&w, "sha256", s->model->sha256);
	io_jw_end_obj(&w);
	io_jw_end_obj(&w);
	dm_say(d, d->front, peer, "TASK", &b);
	as_buf_free(&b);
}

static void write_page(struct io_jw *w, const char *name, uint32_t page, const char *state,
		       uint32_t attempts)
{
	io_jw_obj(w, NULL);
	io_jw_str(w, "name", name);
	io_jw_u64(w, "page", page);
	io_jw_str(w, "state", state);
	io_jw_u64(w, "attempts", attempts);
	io_jw_end_obj(w);
}

static void write_slots(const struct fu_case *k, struct io_jw *w)
{
	const char *const states[] = { "queued", "running", "encoded" };

	io_jw_arr(w, "parts");
	for (size_t i = 0; i < k->slots; i++) {
		const struct fu_slot *s = k->slot[i];

		write_page(w, k->task->part[s->part].name, s->page, states[s->state], s->attempts);
	}
	io_jw_end_arr(w);
	io_jw_arr(w, "missing");
	for (uint32_t m = 0; m < k->task->parts; m++) {
		if (fu_case_misses(k, m)) {
			io_jw_str(w, NULL, k->task->part[m].name);
		}
	}
	io_jw_end_arr(w);
}

static void say_pending(struct dm_daemon *d, const struct bus_bytes *peer, const struct fu_case *k)
{
	const struct dm_case *c = k->owner;
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", k->stream);
	io_jw_str(&w, "case", k->id);
	io_jw_str(&w, "state", c->judging ? "fusing" : k->closed ? "encoding" : "waiting");
	write_slots(k, &w);
	io_jw_end_obj(&w);
	dm_say(d, d->front, peer, "PENDING", &b);
	as_buf_free(&b);
}

/* Of a case that waits on disk: nothing of it is under way. */
static void say_parked(struct dm_daemon *d, const struct dm_op *op, const struct io_task *task)
{
	const struct dm_found *f = &op->found[0];
	bool there[IO_PARTS_MAX] = { false };
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", op->stream);
	io_jw_str(&w, "case", op->kase);
	io_jw_str(&w, "state", "waiting");
	io_jw_arr(&w, "parts");
	for (size_t i = 0; i < f->pages; i++) {
		const int part = io_task_part(task, f->page[i].name);

		if (part >= 0) {
			there[part] = true;
		}
		write_page(&w, f->page[i].name, f->page[i].page, "parked", 0);
	}
	io_jw_end_arr(&w);
	io_jw_arr(&w, "missing");
	for (size_t m = 0; m < task->parts; m++) {
		if (!there[m]) {
			io_jw_str(&w, NULL, task->part[m].name);
		}
	}
	io_jw_end_arr(&w);
	io_jw_end_obj(&w);
	dm_say(d, d->front, op->peer, "PENDING", &b);
	as_buf_free(&b);
}

/* A case in hand is answered at once, any other by the journal. Takes peer where it returns true.
 */
static bool take_get(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c)
{
	const struct dm_stream *s = dm_front_stream(d, peer, c);
	const char *id = io_json_find_str(c->doc, "case", "");
	const struct fu_case *k;
	struct dm_op *op;

	if (s == NULL) {
		return false;
	}
	if (id[0] == '\0' || strlen(id) > IO_CASE_MAX) {
		dm_say_error(d, d->front, peer, "case", "want a case id of 1 to 256 bytes");
		return false;
	}
	k = fu_join_find(&d->join, s->name, id);
	if (k != NULL && k->received != 0 && !((const struct dm_case *)k->owner)->judged) {
		say_pending(d, peer, k);
		return false;
	}
	op = dm_op_make(DM_OP_FIND, s->name, id);
	op->peer = peer;
	dm_journal_give(&d->journal, op);
	return true;
}

void dm_front_found(struct dm_daemon *d, struct dm_op *op)
{
	const struct fu_case *k = fu_join_find(&d->join, op->stream, op->kase);
	const struct dm_stream *s = dm_stream_find(d, op->stream);
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	if (op->rc != AS_OK) {
		as_log(&d->log, AS_ERROR, "JOURNAL-DAMAGED", "error=\"%s\"", op->e.msg);
		dm_say_error(d, d->front, op->peer, "journal", op->e.msg);
		return;
	}
	if (op->state == ST_JUDGED) {
		dm_say(d, d->front, op->peer, "JUDGMENT", &op->body);
		return;
	}
	if (k != NULL && k->received != 0) {
		say_pending(d, op->peer, k);
		return;
	}
	if (op->founds == 1 && s != NULL && s->open && s->model != NULL) {
		say_parked(d, op, dm_model_task(s->model));
		return;
	}
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", op->stream);
	io_jw_str(&w, "case", op->kase);
	io_jw_str(&w, "message",
		  op->state != ST_OPEN ? "no case of that name"
		  : d->read_only       ? dm_unwritable(d)
				       : "accepted, but its stream is not served now");
	io_jw_end_obj(&w);
	dm_say(d, d->front, op->peer, "UNKNOWN", &b);
	as_buf_free(&b);
}

static void say_hello(struct dm_daemon *d, struct bus_socket *s, const struct bus_bytes *peer,
		      const struct dm_peer *who, const char *verb)
{
	struct as_buf b = { 0 };

	if (strcmp(verb, "HELLO") == 0) {
		dm_hello_write(d, who, &b);
	} else {
		dm_status_write(d, who, &b);
	}
	dm_say(d, s, peer, verb, &b);
	as_buf_free(&b);
}

/* The frame that broke the protocol is named in the message. */
static void refuse_message(struct dm_daemon *d, struct bus_socket *s, struct bus_msg *m,
			   const struct as_err *e)
{
	struct bus_bytes *peer;

	d->count.malformed++;
	if (m->n > 0) {
		peer = bus_take(m, 0);
		dm_say_error(d, s, peer, "frames", e->msg);
		bus_bytes_free(peer);
	}
}

void dm_front_take(struct dm_daemon *d, struct bus_msg *m)
{
	struct bus_call c = { 0 };
	struct bus_bytes *peer;
	struct dm_peer who;
	bool taken = false;
	struct as_err e;

	if (bus_call_read(&c, m, 1, &e) != AS_OK) {
		refuse_message(d, d->front, m, &e);
		return;
	}
	who = dm_peer_of(d, m, 1);
	peer = bus_take(m, 0);
	if (!dm_front_allows(&who, &c)) {
		dm_forbid(d, d->front, peer, &who, &c);
	} else if (strcmp(c.verb, "SUBMIT") == 0) {
		dm_submit_take(d, peer, &who, &c, m);
		taken = true;
	} else if (c.frames != 0) {
		d->count.malformed++;
		dm_say_error(d, d->front, peer, "frames", "this verb has no bytes");
	} else if (strcmp(c.verb, "GET") == 0) {
		taken = take_get(d, peer, &c);
	} else if (strcmp(c.verb, "REPLAY") == 0) {
		taken = dm_replay_take(d, peer, &c);
	} else if (dm_cursor_is(c.verb)) {
		taken = dm_cursor_take(d, peer, &c);
	} else if (strcmp(c.verb, "TASK") == 0) {
		say_task(d, peer, &c);
	} else if (strcmp(c.verb, "HELLO") == 0 || strcmp(c.verb, "STATUS") == 0) {
		say_hello(d, d->front, peer, &who, c.verb);
	} else {
		d->count.malformed++;
		dm_say_error(d, d->front, peer, "verb",
			     "want HELLO, TASK, SUBMIT, GET, REPLAY, SUBSCRIBE, ACK, UNSUBSCRIBE "
			     "or STATUS");
	}
	if (!taken) {
		bus_bytes_free(peer);
	}
	bus_call_free(&c);
}

void dm_control_take(struct dm_daemon *d, struct bus_msg *m)
{
	struct bus_call c = { 0 };
	struct bus_bytes *peer;
	struct dm_peer who;
	struct as_err e;

	if (bus_call_read(&c, m, 1, &e) != AS_OK) {
		refuse_message(d, d->control, m, &e);
		return;
	}
	who = dm_peer_of(d, m, 1);
	peer = bus_take(m, 0);
	if (!dm_control_allows(&who, &c)) {
		dm_forbid(d, d->control, peer, &who, &c);
	} else if (strcmp(c.verb, "RELOAD") == 0) {
		if (dm_reload(d, &e) == AS_OK) {
			dm_say(d, d->control, peer, "OK", NULL);
		} else {
			dm_say_error(d, d->control, peer, "settings", e.msg);
		}
	} else if (strcmp(c.verb, "DLQ") == 0) {
		dm_letters_take(d, peer, &c);
		peer = NULL;
	} else if (dm_keep_is(c.verb)) {
		dm_keep_take(d, peer, &c);
		peer = NULL;
	} else if (strcmp(c.verb, "DRAIN") == 0) {
		dm_say(d, d->control, peer, "OK", NULL);
		dm_drain(d);
	} else if (strcmp(c.verb, "HELLO") == 0 || strcmp(c.verb, "STATUS") == 0) {
		say_hello(d, d->control, peer, &who, c.verb);
	} else {
		d->count.malformed++;
		dm_say_error(d, d->control, peer, "verb",
			     "want RELOAD, DRAIN, DLQ, VERIFY, PURGE, BACKUP, HELLO or STATUS");
	}
	bus_bytes_free(peer);
	bus_call_free(&c);
}
