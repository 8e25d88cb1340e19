/* SPDX-License-Identifier: Apache-2.0
 * submit.c - SUBMIT: checked, handed to the journal, answered when that has it. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 256 };

static const char no_room[] = "no room is left on the disk, or no descriptor";

/* Why a request is not taken: the members of REFUSED. */
struct refusal {
	const char *field, *limit;
	char message[256];
};

static int refuse(struct refusal *r, const char *field, const char *limit, const char *message)
{
	*r = (struct refusal){ .field = field, .limit = limit };
	(void)snprintf(r->message, sizeof r->message, "%s", message);
	return AS_EFORMAT;
}

static bool is_plain(const char *s, size_t max)
{
	const size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f) {
			return false;
		}
	}
	return n > 0 && n <= max;
}

const char *dm_unwritable(const struct dm_daemon *d)
{
	if (d->read_only) {
		return "the daemon only reads: writing failed too often";
	}
	if (d->stop_at != 0) {
		return "the daemon is stopping";
	}
	return d->full ? no_room : NULL;
}

bool dm_case_named(const char *id)
{
	return is_plain(id, IO_CASE_MAX);
}

static int check_page(const struct dm_page *p, const struct io_task *task, struct refusal *r)
{
	const int part = io_task_part(task, p->name);
	char message[128];

	if (part < 0) {
		(void)snprintf(message, sizeof message, "the stream's task has no part %s",
			       p->name);
		return refuse(r, "parts", "", message);
	}
	if (p->page >= task->part[part].repeat) {
		(void)snprintf(message, sizeof message, "%s page %u: at most %u", p->name, p->page,
			       task->part[part].repeat);
		return refuse(r, "parts", "repeat", message);
	}
	return AS_OK;
}

/* One entry of `parts` and its frame. */
static int read_page(const struct dm_daemon *d, const struct json_t *doc, const struct bus_msg *m,
		     size_t at, struct dm_page *p, struct refusal *r)
{
	const size_t n = bus_size(m, at);
	const char *name = io_json_find_str(doc, "name", "");
	const char *type = io_json_find_str(doc, "type", "application/octet-stream");
	const uint64_t page = io_json_find_u64(doc, "page", 0);
	char message[160];

	if (!io_name_ok(name)) {
		return refuse(r, "parts", "name", "name: want 1 to 40 of [a-z0-9._-]");
	}
	if (page >= IO_PAGES_MAX) {
		return refuse(r, "parts", "page", "page: want 0 to 15");
	}
	if (!is_plain(type, sizeof p->type - 1)) {
		return refuse(r, "parts", "type", "type: want a media type of 1 to 127 bytes");
	}
	*p = (struct dm_page){ .page = (uint32_t)page, .size = n };
	(void)snprintf(p->name, sizeof p->name, "%s", name);
	(void)snprintf(p->type, sizeof p->type, "%s", type);
	if (n > d->config.daemon.part_bytes) {
		(void)snprintf(message, sizeof message, "%s page %u: %zu bytes, at most %" PRIu64,
			       name, p->page, n, d->config.daemon.part_bytes);
		return refuse(r, "parts", "part_bytes", message);
	}
	io_digest(bus_data(m, at), n, p->sha256);
	if (io_json_find_u64(doc, "size", UINT64_MAX) != n) {
		(void)snprintf(message, sizeof message, "%s page %u: size is not the frame's, %zu",
			       name, p->page, n);
		return refuse(r, "size", "", message);
	}
	if (strcmp(io_json_find_str(doc, "sha256", ""), p->sha256) != 0) {
		(void)snprintf(message, sizeof message, "%s page %u: sha256 is not the frame's",
			       name, p->page);
		return refuse(r, "sha256", "", message);
	}
	return AS_OK;
}

static int read_pages(const struct dm_daemon *d, const struct bus_call *c, const struct bus_msg *m,
		      const struct io_task *task, struct dm_op *op, struct refusal *r)
{
	const struct json_t *parts = io_json_find(c->doc, "parts");
	const size_t n = io_json_len(parts);
	uint64_t bytes = 0;

	if (!io_json_is_arr(parts) || n != c->frames) {
		return refuse(r, "parts", "", "want an array with one entry a frame of bytes");
	}
	if (n > DM_PAGES_MAX) {
		return refuse(r, "parts", "parts", "more than 128 pages in one submission");
	}
	if (n == 0 && !op->complete) {
		return refuse(r, "parts", "", "no parts, and not complete: nothing is submitted");
	}
	op->page = as_calloc(n ? n : 1, sizeof *op->page);
	for (size_t i = 0; i < n; i++) {
		int rc = read_page(d, io_json_at(parts, i), m, c->at + i, &op->page[i], r);

		rc = rc == AS_OK ? check_page(&op->page[i], task, r) : rc;
		if (rc != AS_OK) {
			return rc;
		}
		for (size_t k = 0; k < i; k++) {
			if (strcmp(op->page[k].name, op->page[i].name) == 0 &&
			    op->page[k].page == op->page[i].page) {
				return refuse(r, "parts", "", "a part is named twice");
			}
		}
		bytes += op->page[i].size;
	}
	if (bytes > d->config.daemon.case_bytes) {
		return refuse(r, "parts", "case_bytes", "more bytes than one submission may have");
	}
	op->pages = n;
	return AS_OK;
}

/* The digest of everything that makes a submission what it is. */
static void make_manifest(struct dm_op *op)
{
	struct as_buf b = { 0 };

	as_buf_printf(&b, "%s\n%s\n%d\n", op->stream, op->kase, op->complete);
	for (size_t i = 0; i < op->pages; i++) {
		as_buf_printf(&b, "%s\n%u\n%s\n", op->page[i].name, op->page[i].page,
			      op->page[i].sha256);
	}
	io_digest(b.data, b.len, op->manifest);
	as_buf_free(&b);
}

/* Keys are a client's own: nobody learns of another's by trying them. */
static char *own_key(const struct dm_peer *who, const char *key)
{
	struct as_buf b = { 0 };

	as_buf_printf(&b, "%s%s%s", who->client ? who->client->name : "", who->client ? "/" : "",
		      key);
	return b.data;
}

static int read_submission(struct dm_daemon *d, const struct bus_call *c, struct bus_msg *m,
			   const struct io_task *task, const struct dm_peer *who, struct dm_op *op,
			   struct refusal *r)
{
	const char *key = io_json_find_str(c->doc, "key", NULL);
	int rc;

	if (key != NULL && !is_plain(key, KEY_MAX)) {
		return refuse(r, "key", "key", "want 1 to 256 bytes without control characters");
	}
	op->complete = io_json_find_bool(c->doc, "complete", false);
	op->wait = io_json_find_bool(c->doc, "wait", false);
	op->received = as_wall_ns();
	op->arrived = as_mono_ns() + d->steady;
	rc = read_pages(d, c, m, task, op, r);
	if (rc != AS_OK) {
		op->pages = 0;
		return rc;
	}
	make_manifest(op);
	op->key = key ? own_key(who, key) : as_strdup(op->manifest);
	op->bytes = as_calloc(op->pages ? op->pages : 1, sizeof(struct bus_bytes *));
	for (size_t i = 0; i < op->pages; i++) {
		op->bytes[i] = bus_take(m, c->at + i);
	}
	return AS_OK;
}

static void start_answer(struct io_jw *w, const char *stream, const char *id)
{
	io_jw_obj(w, NULL);
	io_jw_str(w, "stream", stream);
	io_jw_str(w, "case", id);
}

static void say_message(struct dm_daemon *d, const struct dm_op *op, const char *verb,
			const struct refusal *r)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	start_answer(&w, op->stream, op->kase);
	if (r->field != NULL) {
		io_jw_str(&w, "field", r->field);
	}
	if (r->limit != NULL) {
		io_jw_str(&w, "limit", r->limit);
	}
	io_jw_str(&w, "message", r->message);
	io_jw_end_obj(&w);
	dm_say(d, d->front, op->peer, verb, &b);
	as_buf_free(&b);
}

/* Where there is no room: which bound there is, and when to try again. */
struct room {
	const char *limit;
	uint64_t retry_ms;
};

static void say_busy(struct dm_daemon *d, const struct dm_op *op, const struct room *r)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	start_answer(&w, op->stream, op->kase);
	io_jw_str(&w, "limit", r->limit);
	io_jw_u64(&w, "retry_after_ms", r->retry_ms);
	io_jw_end_obj(&w);
	dm_say(d, d->front, op->peer, "BUSY", &b);
	as_buf_free(&b);
}

/* Whether there is room for the submission. */
static bool has_room(const struct dm_daemon *d, const struct dm_peer *who, const struct dm_op *op,
		     bool known, struct room *r)
{
	const bool full = !known && d->join.cases.n >= d->config.daemon.open_cases;
	uint64_t bytes = 0;

	for (size_t i = 0; i < op->pages; i++) {
		bytes += op->page[i].size;
	}
	if (dm_share_is_over(d, who, bytes, known)) {
		*r = (struct room){ "share", dm_retry_ms(d, bytes, true) };
	} else if (full || d->queued_bytes + bytes > d->config.daemon.queue_bytes) {
		*r = (struct room){ full ? "open_cases" : "queue_bytes",
				    dm_retry_ms(d, bytes, full) };
	} else {
		return true;
	}
	return false;
}

/* The pages of a new case are encoded while the journal writes them down: until it has, the case is
 * `pending` and goes nowhere, and when it says no they are taken back. Only the first submission of
 * a case is early, so whatever the case has when its answer comes is of that submission. Where
 * cases of the stream wait on disk, this may be one of them, and nothing is early. */
static void hand_over(struct dm_daemon *d, struct dm_stream *s, const struct dm_peer *who,
		      struct dm_op *op)
{
	struct fu_case *k = fu_join_find(&d->join, op->stream, op->kase);
	struct dm_case *c = k ? k->owner : dm_case_open(d, s, op->kase);

	if (k == NULL) {
		dm_share_case(d, c, who);
	}
	op->early = k == NULL && s->parked == 0;
	op->closed = c->kase->received != 0 && (c->kase->closed || c->judging);
	op->owner = c;
	c->kase->pending++;
	dm_case_stir(d, c);
	for (size_t i = 0; i < op->pages; i++) {
		op->page[i].out = dm_case_out(d, c, &op->page[i]);
		if (op->early) {
			dm_case_add(d, c, &op->page[i], bus_bytes_share(op->bytes[i]));
		} else {
			dm_queue_more(d, c, op->page[i].size);
		}
	}
	dm_journal_give(&d->journal, op);
}

void dm_submit_take(struct dm_daemon *d, struct bus_bytes *peer, const struct dm_peer *who,
		    struct bus_call *c, struct bus_msg *m)
{
	const char *stream = io_json_find_str(c->doc, "stream", "");
	const char *id = io_json_find_str(c->doc, "case", "");
	struct dm_stream *s = dm_stream_find(d, stream);
	const struct fu_case *k = fu_join_find(&d->join, stream, id);
	const bool named = dm_case_named(id);
	struct dm_op *op =
	    dm_op_make(DM_OP_SUBMIT, io_name_ok(stream) ? stream : "", named ? id : "");
	struct refusal r = { 0 };
	struct room room;

	op->peer = peer;
	if (s == NULL || s->model == NULL) {
		(void)refuse(&r, "stream", "", "no stream of that name");
		say_message(d, op, "REFUSED", &r);
	} else if (!named) {
		(void)refuse(&r, "case", "case", "want 1 to 256 bytes without control characters");
		say_message(d, op, "REFUSED", &r);
	} else if (!s->open || dm_unwritable(d) != NULL) {
		(void)refuse(&r, NULL, NULL, s->open ? dm_unwritable(d) : "the stream is starting");
		say_message(d, op, "UNAVAILABLE", &r);
	} else if (read_submission(d, c, m, k ? k->task : dm_model_task(s->model), who, op, &r) !=
		   AS_OK) {
		say_message(d, op, "REFUSED", &r);
	} else if (!has_room(d, who, op, k != NULL, &room)) {
		say_busy(d, op, &room);
	} else {
		hand_over(d, s, who, op);
		return;
	}
	dm_op_free(op);
}

static void say_accepted(struct dm_daemon *d, const struct dm_op *op)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	start_answer(&w, op->stream, op->kase);
	io_jw_bool(&w, "duplicate", op->answer.verdict == ST_DUPLICATE);
	io_jw_u64(&w, "parts", op->answer.pages);
	io_jw_end_obj(&w);
	dm_say(d, d->front, op->peer, "ACCEPTED", &b);
	as_buf_free(&b);
}

/* The peer is told the judgment when there is one: at once where the case is judged. */
static void keep_waiter(struct dm_daemon *d, struct dm_case *c, struct dm_op *op)
{
	struct dm_op *find;

	if (!op->answer.judged) {
		c->waiter = as_realloc(c->waiter, c->waiters + 1, sizeof(struct bus_bytes *));
		c->waiter[c->waiters++] = op->peer;
	} else {
		find = dm_op_make(DM_OP_FIND, op->stream, op->kase);
		find->peer = op->peer;
		dm_journal_give(&d->journal, find);
	}
	op->peer = NULL;
}

static void take_accepted(struct dm_daemon *d, struct dm_case *c, struct dm_op *op)
{
	if (op->answer.verdict == ST_ACCEPTED) {
		if (c->kase->received == 0) {
			dm_case_start(d, c, op->received, op->arrived);
		}
		c->kase->complete = c->kase->complete || op->complete;
		for (size_t i = 0; i < op->pages; i++) {
			if (op->answer.fresh[i] && !op->early) {
				dm_case_add(d, c, &op->page[i], op->bytes[i]);
				op->bytes[i] = NULL;
			}
		}
	}
	say_accepted(d, op);
	if (op->wait) {
		keep_waiter(d, c, op);
	}
}

/* Pages that were encoded before their case was accepted: if it waits for others, that the attempts
 * are over goes into the journal. */
static void say_over(struct dm_daemon *d, const struct dm_case *c, const struct dm_op *op)
{
	for (size_t i = 0; op->early && i < c->kase->slots; i++) {
		if (c->kase->slot[i]->state == FU_ENCODED &&
		    !fu_case_closes(c->kase, as_mono_ns())) {
			dm_job_over(d, c, c->kase->slot[i], 0);
		}
	}
}

void dm_submit_answered(struct dm_daemon *d, struct dm_op *op)
{
	struct dm_case *c = op->owner;
	struct refusal r = { 0 };

	for (size_t i = 0; i < op->pages && !op->early; i++) {
		dm_queue_less(d, c, op->page[i].size); /* those accepted are counted as jobs */
	}
	c->kase->pending--;
	if (op->early && (op->refused || op->answer.verdict != ST_ACCEPTED)) {
		dm_case_undo(d, c);
	}
	if (op->refused) {
		(void)refuse(&r, NULL, NULL, no_room);
		say_message(d, op, "UNAVAILABLE", &r);
		dm_case_advance(d, c);
		return;
	}
	if (op->answer.woken) {
		dm_case_woken(d, c, op);
	}
	switch (op->answer.verdict) {
	case ST_ACCEPTED:
	case ST_DUPLICATE:
		take_accepted(d, c, op);
		say_over(d, c, op);
		dm_jobs_lighten(d, c);
		break;
	case ST_CONFLICT:
		(void)refuse(&r, "parts", "", op->answer.message);
		say_message(d, op, "CONFLICT", &r);
		break;
	case ST_CLOSED:
		(void)refuse(&r, "parts", "", op->answer.message);
		say_message(d, op, "CLOSED", &r);
		break;
	}
	dm_case_advance(d, c);
}
