/* SPDX-License-Identifier: Apache-2.0
 * cmd_judge.c - assay judge MODEL: judges the cases of a table, or one case given by its parts'
 * files, in this process. */
#include "core/io/csv.h"
#include "tools/assay/cases.h"
#include "tools/assay/print.h"
#include "train/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *data, *id;
	struct cmd_list part, without;
	struct tr_origin origin;
	bool json;
};

struct judging {
	const struct options *o;
	struct tr_reader r;
	struct as_buf line;
	size_t cases, rejected;
	uint64_t replaced; /* bytes of the table that were not UTF-8 */
	bool colour;
};

static void begin(struct judging *j, struct io_jw *w, const char *id)
{
	as_buf_clear(&j->line);
	*w = (struct io_jw){ .b = &j->line };
	io_jw_obj(w, NULL);
	io_jw_str(w, "type", "io.assay.judgment.v1");
	io_jw_str(w, "subject", id);
	io_jw_obj(w, "data");
}

static int put_line(struct judging *j, struct io_jw *w, struct as_err *e)
{
	struct json_t *body = NULL;
	int rc;

	io_jw_end_obj(w);
	io_jw_end_obj(w);
	j->cases++;
	if (j->o->json) {
		as_buf_puts(&j->line, "\n");
		return cmd_write("-", &j->line, e);
	}
	TRY(io_json_parse(j->line.data, j->line.len, "judgment", &body, e));
	cmd_print_judgment(stdout, body, j->colour);
	if (fflush(stdout) != 0) {
		rc = as_fail(e, AS_EIO, "cannot write to standard output");
	}
out:
	io_json_free(body);
	return rc;
}

static int put_rejected(struct judging *j, const char *id, const struct tr_refusal *why,
			const struct as_err *refused, struct as_err *e)
{
	struct io_jw w;

	j->rejected++;
	begin(j, &w, id);
	io_jw_str(&w, "kind", "rejected");
	if (why->part != NULL) {
		io_jw_str(&w, "part", why->part);
	}
	if (why->limit != NULL) {
		io_jw_str(&w, "limit", why->limit);
	}
	io_jw_str(&w, "message", refused->msg);
	return put_line(j, &w, e);
}

/* Whether the case, and not the machine, is to blame. */
static bool is_refusal(int rc)
{
	return rc == AS_EFORMAT || rc == AS_ESHAPE || rc == AS_ENOINPUT;
}

static int judge_case(struct judging *j, const struct io_case *c, struct as_err *e)
{
	struct fu_judgment *out = as_malloc(sizeof *out);
	struct tr_refusal why;
	struct tr_times ms;
	struct as_err refused;
	struct io_jw w;
	int rc = tr_reader_judge(&j->r, c, out, &ms, &why, &refused);

	if (rc != AS_OK) {
		free(out);
		if (is_refusal(rc)) {
			return put_rejected(j, c->id, &why, &refused, e);
		}
		*e = refused;
		return rc;
	}
	begin(j, &w, c->id);
	io_jw_str(&w, "kind", "result");
	fu_judgment_write(&j->r.judge, out, &w);
	io_jw_obj(&w, "ms");
	io_jw_num(&w, "decode", ms.decode);
	io_jw_num(&w, "encode", ms.encode);
	io_jw_num(&w, "fuse", ms.fuse);
	io_jw_end_obj(&w);
	free(out);
	return put_line(j, &w, e);
}

static int judge_row(struct judging *j, const struct io_binding *b, const struct io_row *row,
		     struct as_err *e)
{
	const struct tr_refusal why = { 0 };
	struct io_case c = { 0 };
	struct as_err refused;
	char line[32];
	int rc = io_case_make(&j->r.judge.task, b, row, j->o->data, &c, &refused);

	if (rc == AS_OK) {
		rc = judge_case(j, &c, e);
	} else if (is_refusal(rc)) {
		(void)snprintf(line, sizeof line, "line %zu", row->line);
		rc = put_rejected(j, c.id[0] != '\0' ? c.id : line, &why, &refused, e);
	} else {
		*e = refused;
	}
	io_case_free(&c);
	return rc;
}

static int judge_table(struct judging *j, struct as_err *e)
{
	struct io_task *task = &j->r.judge.task;
	bool without[IO_PARTS_MAX];
	struct io_csv *csv = NULL;
	struct io_binding b = { .id = -1 };
	struct io_row row;
	bool more = true;
	int rc;

	TRY(cmd_without(task, &j->o->without, without, e));
	TRY(io_csv_open(&csv, j->o->data, task->delimiter, e));
	TRY(io_task_bind(task, io_csv_header(csv), j->o->data, without, false, &b, e));
	for (;;) {
		TRY(io_csv_next(csv, &row, &more, e));
		if (!more) {
			break;
		}
		TRY(judge_row(j, &b, &row, e));
	}
	if (j->cases == 0) {
		fprintf(stderr, "assay judge: %s: no case, only a header\n", j->o->data);
	}
out:
	j->replaced = csv != NULL ? io_csv_replaced(csv) : 0;
	io_binding_free(&b);
	io_csv_close(csv);
	return rc;
}

/* --part NAME=FILE ... */
static int judge_files(struct judging *j, struct as_err *e)
{
	struct io_case c = { 0 };
	int rc = AS_OK;

	if (strlen(j->o->id) >= sizeof c.id) {
		return as_fail(e, AS_EUSAGE, "--case: longer than %d bytes", (int)IO_CASE_MAX);
	}
	(void)snprintf(c.id, sizeof c.id, "%s", j->o->id);
	for (size_t i = 0; i < j->o->part.n; i++) {
		const char *arg = j->o->part.v[i];
		const char *equals = strchr(arg, '=');
		char *name;

		if (equals == NULL || equals[1] == '\0') {
			rc = as_fail(e, AS_EUSAGE, "--part %.60s: want NAME=FILE", arg);
			goto out;
		}
		name = as_strndup(arg, (size_t)(equals - arg));
		rc = io_case_add_file(&j->r.judge.task, &c, name, equals + 1, e);
		free(name);
		TRY(rc);
	}
	TRY(judge_case(j, &c, e));
out:
	io_case_free(&c);
	return rc;
}

/* A part that is left out needs no features. */
static int open_reader(struct judging *j, const char *model, struct as_err *e)
{
	struct tr_origin origin = j->o->origin;
	bool without[IO_PARTS_MAX];
	int rc;

	TRY(tr_reader_open(&j->r, model, NULL, e));
	TRY(tr_reader_serve(&j->r, cmd_threads(), e));
	TRY(cmd_without(&j->r.judge.task, &j->o->without, without, e));
	memcpy(origin.unused, without, sizeof without);
	TRY(tr_frozen_open(&j->r.frozen, &j->r.judge.task, &origin, j->r.judge.source, e));
out:
	return rc;
}

static int run(void *options, const char *model, struct as_err *e)
{
	const struct options *o = options;
	struct judging j = { .o = o, .colour = isatty(STDOUT_FILENO) == 1 };
	int rc;

	if ((o->data == NULL) == (o->part.n == 0)) {
		return as_fail(e, AS_EUSAGE, "want either --data FILE or --part NAME=FILE");
	}
	TRY(open_reader(&j, model, e));
	TRY(o->data != NULL ? judge_table(&j, e) : judge_files(&j, e));
	if (j.rejected > 0) {
		rc = as_fail(e, AS_EFORMAT, "%zu of %zu cases were rejected", j.rejected, j.cases);
	}
out:
	cmd_say_replaced("judge", j.replaced + j.r.replaced);
	as_buf_free(&j.line);
	tr_reader_close(&j.r);
	return rc;
}

int cmd_judge(int argc, char **argv)
{
	struct options o = { .id = "case" };
	const struct cmd_option option[] = {
		{ "data", "FILE", "the case table; - is standard input", CMD_TEXT, &o.data, 0, 0 },
		{ "part", "NAME=FILE", "a part of one case; - is standard input; may come again",
		  CMD_LIST, &o.part, 0, 0 },
		{ "case", "ID", "what the one case is called", CMD_TEXT, &o.id, 0, 0 },
		{ "without", "PART", "leave a part out of every case; may come again", CMD_LIST,
		  &o.without, 0, 0 },
		{ "plugin", "FILE.so", "encoder of parts that were not trained with the model",
		  CMD_TEXT, &o.origin.plugin, 0, 0 },
		{ "features", "DIR", "features of such parts: DIR/CASE.PART.safetensors", CMD_TEXT,
		  &o.origin.features, 0, 0 },
		{ "json", NULL, "one JSON object a line", CMD_FLAG, &o.json, 0, 0 },
	};
	const struct cmd_spec spec = {
		.name = "judge",
		.usage = "MODEL.safetensors (--data CASES.csv | --part NAME=FILE ...) [options]",
		.about = "Judges cases in this process, as a daemon would. A case that cannot be "
			 "read is rejected, the\nothers are judged, and the exit is 65.\n",
		.option = option,
		.options = sizeof option / sizeof *option,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
