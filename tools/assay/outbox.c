/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/outbox.h"

#include "core/base/clock.h"
#include "core/io/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MS = 1000000; /* ns */

static void write_manifest(const struct cmd_outbox *o, struct cmd_pending *p, bool complete)
{
	struct io_jw w = { .b = &p->json };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", o->stream);
	io_jw_str(&w, "case", p->c.id);
	io_jw_bool(&w, "complete", complete);
	io_jw_bool(&w, "wait", o->wait);
	io_jw_arr(&w, "parts");
	for (size_t i = 0; i < p->c.parts; i++) {
		const struct io_part *part = &p->c.part[i];
		char digest[IO_DIGEST_SIZE];

		io_digest(part->data.data, part->data.len, digest);
		io_jw_obj(&w, NULL);
		io_jw_str(&w, "name", o->task->part[part->spec].name);
		io_jw_u64(&w, "page", part->page);
		io_jw_str(&w, "type", part->type);
		io_jw_u64(&w, "size", part->data.len);
		io_jw_str(&w, "sha256", digest);
		io_jw_end_obj(&w);
		p->bytes += part->data.len;
	}
	io_jw_end_arr(&w);
	io_jw_end_obj(&w);
}

static void drop(struct cmd_outbox *o, size_t i)
{
	struct cmd_pending *p = o->pending[i];

	o->bytes -= p->bytes;
	o->pending[i] = o->pending[--o->n];
	io_case_free(&p->c);
	as_buf_free(&p->json);
	free(p);
}

static size_t find(const struct cmd_outbox *o, const char *id)
{
	size_t i = 0;

	while (i < o->n && strcmp(o->pending[i]->c.id, id) != 0) {
		i++;
	}
	return i;
}

/* Sends what is due. A daemon that takes no more now, or is not connected, is tried again soon. */
static int send_due(struct cmd_outbox *o, struct as_err *e)
{
	enum { SOON_MS = 50 };
	const int64_t now = as_mono_ns();

	for (size_t i = 0; i < o->n; i++) {
		struct cmd_pending *p = o->pending[i];
		struct bus_frame frame[IO_PARTS_MAX * IO_PAGES_MAX];
		const struct bus_say say = { "SUBMIT", &p->json, frame, p->c.parts };
		int rc;

		if (p->due_ns > now) {
			continue;
		}
		for (size_t k = 0; k < p->c.parts; k++) {
			frame[k] = (struct bus_frame){ .data = p->c.part[k].data.data,
						       .size = p->c.part[k].data.len };
		}
		rc = bus_call_send(o->link->front, &say, e);
		if (rc == AS_EAGAIN || rc == AS_EUNAVAIL) {
			p->due_ns = now + SOON_MS * MS;
		} else if (rc != AS_OK) {
			return rc;
		} else {
			p->due_ns = INT64_MAX;
		}
	}
	return AS_OK;
}

/* Milliseconds until something is due, at most CMD_AGAIN_MS. */
static int pause_ms(const struct cmd_outbox *o)
{
	const int64_t now = as_mono_ns();
	int64_t due = now + CMD_AGAIN_MS * MS;

	for (size_t i = 0; i < o->n; i++) {
		due = o->pending[i]->due_ns < due ? o->pending[i]->due_ns : due;
	}
	return due <= now ? 0 : (int)((due - now) / MS) + 1;
}

/* Asks for the judgments that may have been sent to a connection that is no more. */
static int ask_waiting(struct cmd_outbox *o, struct as_err *e)
{
	struct as_buf json = { 0 };
	const struct bus_say say = { .verb = "GET", .json = &json };
	int rc = AS_OK;

	for (size_t i = 0; i < o->waiting.cap && rc == AS_OK; i++) {
		struct io_jw w = { .b = &json };

		if (o->waiting.slot[i].key == NULL) {
			continue;
		}
		as_buf_clear(&json);
		io_jw_obj(&w, NULL);
		io_jw_str(&w, "stream", o->stream);
		io_jw_str(&w, "case", o->waiting.slot[i].key);
		io_jw_end_obj(&w);
		rc = bus_call_send(o->link->front, &say, e);
	}
	as_buf_free(&json);
	return rc == AS_EAGAIN || rc == AS_EUNAVAIL ? AS_OK : rc;
}

static int nothing_heard(struct cmd_outbox *o, struct as_err *e)
{
	const int64_t now = as_mono_ns();

	if (now - o->heard_ns > CMD_SILENCE_MS * MS) {
		return as_fail(e, AS_EUNAVAIL, "%s: no answer for %d s", o->link->endpoint,
			       CMD_SILENCE_MS / 1000);
	}
	if (now - o->heard_ns < CMD_AGAIN_MS * MS || now - o->again_ns < CMD_AGAIN_MS * MS) {
		return AS_OK;
	}
	o->again_ns = now;
	for (size_t i = 0; i < o->n; i++) o->pending[i]->due_ns = now;
	return ask_waiting(o, e);
}

static int take_judgment(struct cmd_outbox *o, struct as_err *e)
{
	const struct json_t *doc = o->link->answer.doc;
	const char *id = io_json_find_str(doc, "subject", "");
	const char *kind = io_json_find_str(io_json_find(doc, "data"), "kind", "");
	struct as_buf body = { 0 };
	int rc;

	if (as_map_remove(&o->waiting, id) == NULL) {
		return AS_OK; /* said twice: asked for again after a silence */
	}
	o->rejected += strcmp(kind, "rejected") == 0;
	cmd_link_body(o->link, &body);
	rc = cmd_link_print(doc, body.data, body.len, o->json, e);
	as_buf_free(&body);
	return rc;
}

/* The daemon's answer to the submission pending[i]. */
static int take_answer(struct cmd_outbox *o, size_t i, struct as_err *e)
{
	const struct bus_call *a = &o->link->answer;
	const char *why = io_json_find_str(a->doc, "message", "");

	if (strcmp(a->verb, "BUSY") == 0) {
		const uint64_t ms = io_json_find_u64(a->doc, "retry_after_ms", 100);

		o->pending[i]->due_ns = as_mono_ns() + (int64_t)(ms < 60000 ? ms : 60000) * MS;
		return AS_OK;
	}
	if (strcmp(a->verb, "UNAVAILABLE") == 0) {
		return as_fail(e, AS_EUNAVAIL, "%s: %s", o->link->endpoint, why);
	}
	if (strcmp(a->verb, "ACCEPTED") == 0) {
		o->accepted++;
		o->duplicates += io_json_find_bool(a->doc, "duplicate", false);
		if (o->wait) {
			as_map_put(&o->waiting, o->pending[i]->c.id, o);
		}
	} else {
		o->refused++;
		fprintf(stderr, "assay submit: case %s: %s%s%s\n", o->pending[i]->c.id, a->verb,
			why[0] ? ": " : "", why);
	}
	drop(o, i);
	return AS_OK;
}

/* Sends what is due and takes one message, or waits until something is due. */
static int step(struct cmd_outbox *o, struct as_err *e)
{
	const struct bus_call *a = &o->link->answer;
	size_t i;
	int rc;

	TRY(send_due(o, e));
	rc = cmd_link_next(o->link, pause_ms(o), e);
	if (rc == AS_EUNAVAIL) {
		return nothing_heard(o, e);
	}
	TRY(rc);
	o->heard_ns = as_mono_ns();
	if (strcmp(a->verb, "JUDGMENT") == 0) {
		return take_judgment(o, e);
	}
	i = find(o, io_json_find_str(a->doc, "case", ""));
	if (i < o->n && strcmp(a->verb, "PENDING") != 0 && strcmp(a->verb, "UNKNOWN") != 0) {
		TRY(take_answer(o, i, e));
	}
out:
	return rc;
}

int cmd_outbox_put(struct cmd_outbox *o, struct io_case *c, bool complete, struct as_err *e)
{
	struct cmd_pending *p = as_calloc(1, sizeof *p);
	int rc = AS_OK;

	p->c = *c;
	*c = (struct io_case){ 0 };
	write_manifest(o, p, complete);
	/* An answer names its case only: two submissions of one case go one after the other. */
	while (rc == AS_OK && o->n > 0 &&
	       (o->n == CMD_WINDOW || o->bytes + p->bytes > CMD_WINDOW_BYTES ||
		find(o, p->c.id) < o->n)) {
		rc = step(o, e);
	}
	if (o->n == 0) {
		o->heard_ns = as_mono_ns();
	}
	o->pending[o->n++] = p;
	o->bytes += p->bytes;
	return rc == AS_OK ? send_due(o, e) : rc;
}

int cmd_outbox_drain(struct cmd_outbox *o, struct as_err *e)
{
	int rc = AS_OK;

	while (rc == AS_OK && (o->n > 0 || o->waiting.n > 0)) {
		rc = step(o, e);
	}
	return rc;
}

void cmd_outbox_free(struct cmd_outbox *o)
{
	while (o->n > 0) {
		drop(o, o->n - 1);
	}
	as_map_free(&o->waiting);
	*o = (struct cmd_outbox){ 0 };
}
