/* SPDX-License-Identifier: Apache-2.0
 * cmd_submit.c - assay submit: the cases of a table, or one case from files, to a daemon's stream.
 * The stream's task says which columns make which parts, as `assay judge` reads them. */
#include "core/base/clock.h"
#include "tools/assay/cmd.h"
#include "tools/assay/outbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	struct cmd_door door;
	const char *stream, *data, *id;
	struct cmd_list parts, without;
	bool more, wait, one_by_one, json;
};

struct submit {
	const struct options *o;
	struct cmd_link link;
	struct io_task task;
	struct cmd_outbox box;
	uint64_t part_bytes, case_bytes; /* the daemon's limits */
	size_t cases, bad;
};

static int get_task(struct submit *s, struct as_err *e)
{
	const struct json_t *limits = io_json_find(s->link.hello.doc, "limits");
	struct as_buf ask = { 0 };
	struct io_jw w = { .b = &ask };
	const struct bus_call *a = &s->link.answer;
	const struct json_t *task;
	int rc;

	s->part_bytes = io_json_find_u64(limits, "part_bytes", IO_PART_BYTES_MAX);
	s->case_bytes = io_json_find_u64(limits, "case_bytes", UINT64_MAX);
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", s->o->stream);
	io_jw_end_obj(&w);
	TRY(cmd_link_why(&s->link, s->o->stream, cmd_link_ask(&s->link, "TASK", &ask, e), e));
	task = io_json_find(a->doc, "task");
	if (strcmp(a->verb, "TASK") != 0 || task == NULL) {
		rc = as_fail(e, AS_EPROTO, "TASK was answered by %s", a->verb);
		goto out;
	}
	TRY(io_task_parse(&s->task, task, e));
	s->box = (struct cmd_outbox){ .link = &s->link,
				      .task = &s->task,
				      .stream = s->o->stream,
				      .wait = s->o->wait || s->o->one_by_one,
				      .json = s->o->json };
out:
	as_buf_free(&ask);
	return rc;
}

/* What the daemon would refuse by closing the connection is refused here, by name. */
static int check_size(const struct submit *s, const struct io_case *c, struct as_err *e)
{
	uint64_t all = 0;

	for (size_t i = 0; i < c->parts; i++) {
		const size_t n = c->part[i].data.len;

		if (n > s->part_bytes) {
			return as_fail(e, AS_EFORMAT,
				       "case %s: part %s: %zu bytes, the limit is %" PRIu64, c->id,
				       s->task.part[c->part[i].spec].name, n, s->part_bytes);
		}
		all += n;
	}
	if (all > s->case_bytes) {
		return as_fail(e, AS_EFORMAT, "case %s: %" PRIu64 " bytes, the limit is %" PRIu64,
			       c->id, all, s->case_bytes);
	}
	return AS_OK;
}

/* A case that cannot be made is named and left out; the others go on. */
static int put(struct submit *s, struct io_case *c, int made, bool complete, struct as_err *e)
{
	s->cases++;
	if (made == AS_OK) {
		made = check_size(s, c, e);
	}
	if (made != AS_OK) {
		fprintf(stderr, "assay submit: %s\n", e->msg);
		s->bad++;
		return AS_OK;
	}
	made = cmd_outbox_put(&s->box, c, complete, e);
	return made == AS_OK && s->o->one_by_one ? cmd_outbox_drain(&s->box, e) : made;
}

static int read_without(const struct submit *s, bool without[IO_PARTS_MAX], struct as_err *e)
{
	for (size_t i = 0; i < s->o->without.n; i++) {
		const int p = io_task_part(&s->task, s->o->without.v[i]);

		if (p < 0) {
			return as_fail(e, AS_EUSAGE, "--without: the task has no part \"%s\"",
				       s->o->without.v[i]);
		}
		without[p] = true;
	}
	return AS_OK;
}

static int submit_table(struct submit *s, struct as_err *e)
{
	const char *path = s->o->data;
	bool without[IO_PARTS_MAX] = { false };
	struct io_binding b = { 0 };
	struct io_csv *csv = NULL;
	struct io_row row;
	bool more = true;
	int rc;

	TRY(read_without(s, without, e));
	TRY(io_csv_open(&csv, path, s->task.delimiter, e));
	TRY(io_task_bind(&s->task, io_csv_header(csv), path, without, false, &b, e));
	for (;;) {
		struct io_case c = { 0 };

		TRY(io_csv_next(csv, &row, &more, e));
		if (!more) {
			break;
		}
		rc = put(s, &c, io_case_make(&s->task, &b, &row, path, &c, e), true, e);
		io_case_free(&c);
		TRY(rc);
	}
out:
	io_binding_free(&b);
	io_csv_close(csv);
	return rc;
}

static int submit_files(struct submit *s, struct as_err *e)
{
	struct io_case c = { 0 };
	int rc;

	if (strlen(s->o->id) >= sizeof c.id) {
		return as_fail(e, AS_EUSAGE, "--case: %zu bytes, the limit is %d", strlen(s->o->id),
			       (int)IO_CASE_MAX);
	}
	(void)snprintf(c.id, sizeof c.id, "%s", s->o->id);
	for (size_t i = 0; i < s->o->parts.n; i++) {
		const char *given = s->o->parts.v[i];
		const char *file = strchr(given, '=');
		char name[IO_NAME_SIZE];

		if (file == NULL || file - given >= (long)sizeof name) {
			rc = as_fail(e, AS_EUSAGE, "--part %.64s: want NAME=FILE", given);
			goto out;
		}
		(void)snprintf(name, sizeof name, "%.*s", (int)(file - given), given);
		TRY(io_case_add_file(&s->task, &c, name, file + 1, e));
	}
	rc = put(s, &c, AS_OK, !s->o->more, e);
out:
	io_case_free(&c);
	return rc;
}

static int check_options(const struct options *o, struct as_err *e)
{
	if (o->stream == NULL) {
		return as_fail(e, AS_EUSAGE, "--stream: which one?");
	}
	if ((o->data == NULL) == (o->id == NULL)) {
		return as_fail(e, AS_EUSAGE, "want --data FILE, or --case ID with its parts");
	}
	if (o->data != NULL && (o->parts.n > 0 || o->more)) {
		return as_fail(e, AS_EUSAGE, "--part and --more go with --case");
	}
	if (o->id != NULL && o->without.n > 0) {
		return as_fail(e, AS_EUSAGE, "--without goes with --data");
	}
	return AS_OK;
}

static int submit(const struct options *o, struct as_err *e)
{
	struct submit s = { .o = o };
	const int64_t start = as_mono_ns();
	int rc;

	TRY(check_options(o, e));
	TRY(cmd_link_open(&s.link, &o->door, e));
	TRY(get_task(&s, e));
	rc = o->data != NULL ? submit_table(&s, e) : submit_files(&s, e);
	if (rc == AS_OK || rc == AS_EFORMAT) { /* what was sent before a broken row is answered */
		struct as_err late;
		const int drained = cmd_outbox_drain(&s.box, &late);

		if (rc == AS_OK && drained != AS_OK) {
			*e = late;
			rc = drained;
		}
	}
	if (s.cases > 0) {
		fprintf(stderr,
			"%zu case%s: %zu accepted (%zu of them known before), %zu refused, "
			"%zu not sent; %.1f s\n",
			s.cases, s.cases == 1 ? "" : "s", s.box.accepted, s.box.duplicates,
			s.box.refused, s.bad + s.box.n, (double)(as_mono_ns() - start) / 1e9);
	}
	if (rc == AS_OK && s.bad + s.box.refused + s.box.rejected > 0) {
		rc = as_fail(e, AS_EFORMAT,
			     "%zu of %zu cases could not be sent, were refused or "
			     "were judged rejected",
			     s.bad + s.box.refused + s.box.rejected, s.cases);
	}
out:
	cmd_outbox_free(&s.box);
	io_task_free(&s.task);
	cmd_link_close(&s.link);
	return rc;
}

int cmd_submit(const char *runtime, int argc, char **argv)
{
	struct options o = { .door.runtime = runtime };
	const struct cmd_option option[] = {
		{ "to", "ENDPOINT", "the daemon's front socket (ipc://$ASSAY_RUNTIME/front)",
		  CMD_TEXT, &o.door.endpoint, 0, 0 },
		CMD_KEY_OPTIONS(o.door),
		{ "stream", "NAME", "the stream", CMD_TEXT, &o.stream, 0, 0 },
		{ "data", "FILE", "a case table; - is standard input", CMD_TEXT, &o.data, 0, 0 },
		{ "without", "PART", "leave a part of the table out", CMD_LIST, &o.without, 0, 0 },
		{ "case", "ID", "one case, from files", CMD_TEXT, &o.id, 0, 0 },
		{ "part", "NAME=FILE", "a part of that case; - is standard input", CMD_LIST,
		  &o.parts, 0, 0 },
		{ "more", NULL, "more parts of that case are to come", CMD_FLAG, &o.more, 0, 0 },
		{ "wait", NULL, "wait for the judgments and print them", CMD_FLAG, &o.wait, 0, 0 },
		{ "one-by-one", NULL, "wait for each judgment before the next case is sent",
		  CMD_FLAG, &o.one_by_one, 0, 0 },
		{ "json", NULL, "print judgments as JSON, one a line", CMD_FLAG, &o.json, 0, 0 },
	};
	const struct cmd_spec spec = {
		"submit",
		"--stream NAME --data FILE | --case ID --part NAME=FILE... [options]",
		"Submits cases to a daemon. What it has accepted will be judged; sending the same\n"
		"again is safe.\n"
		"Exit: 0, 65 where a case was refused, 69 no daemon.\n",
		option,
		sizeof option / sizeof *option,
		0,
		0,
	};
	size_t words;
	bool done;
	struct as_err e = { 0 };
	int rc = cmd_parse(&spec, argc, argv, NULL, &words, &done, &e);

	if (rc == AS_OK && !done) {
		rc = submit(&o, &e);
	}
	return cmd_end(&spec, rc, &e);
}
