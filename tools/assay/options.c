/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/options.h"

#include "core/io/cell.h"
#include "tools/assay/cases.h"
#include "tools/assay/progress.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct cmd_job cmd_job_defaults(void)
{
	return (struct cmd_job){ .seed = 1, .threads = cmd_threads() };
}

/* Whether a blank-separated list has the name. */
static bool lists(const char *names, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = names; *at != '\0';) {
		const size_t k = strcspn(at, " ");

		if (k == n && strncmp(at, name, n) == 0) {
			return true;
		}
		at += k + strspn(at + k, " ");
	}
	return false;
}

void cmd_job_options(struct cmd_job *j, const char *names, struct cmd_option *option, size_t *n)
{
	const struct cmd_option all[] = {
		{ "data", "FILE", "the case table; - is standard input", CMD_TEXT, &j->data, 0, 0 },
		{ "out", "FILE", "where the result goes", CMD_TEXT, &j->out, 0, 0 },
		{ "split", "NAME", "only the rows of this split; default: all", CMD_TEXT, &j->split,
		  0, 0 },
		{ "without", "PART", "leave a part out; may come again", CMD_LIST, &j->without, 0,
		  0 },
		{ "gate-threshold", "X",
		  "score also with heads of a share below X closed; may come again", CMD_LIST,
		  &j->gates, 0, 0 },
		{ "missing", "X",
		  "score also with each part missing from a share X of the cases; may come again",
		  CMD_LIST, &j->missing, 0, 0 },
		{ "seed", "N", "of splits, first weights, order and dropout (1)", CMD_WHOLE,
		  &j->seed, 0, UINT64_MAX },
		{ "threads", "N", "what is trained depends on it; default: the processors",
		  CMD_WHOLE, &j->threads, 1, TR_THREADS_MAX },
		{ "epochs", "N", "passes over the cases at most, instead of the task's", CMD_WHOLE,
		  &j->epochs, 1, 10000 },
		{ "resume", NULL, "go on from OUT.checkpoint, which a killed one left", CMD_FLAG,
		  &j->resume, 0, 0 },
		{ "predictions", "FILE", "write the scored cases' predictions as CSV", CMD_TEXT,
		  &j->predictions, 0, 0 },
		{ "skip-bad", NULL, "leave out cases that cannot be read", CMD_FLAG, &j->skip_bad,
		  0, 0 },
		{ "plugin", "FILE.so", "encoder of parts that are not trained here", CMD_TEXT,
		  &j->origin.plugin, 0, 0 },
		{ "features", "DIR", "features of such parts: DIR/CASE.PART.safetensors", CMD_TEXT,
		  &j->origin.features, 0, 0 },
		{ "json", NULL, "one JSON object instead of text", CMD_FLAG, &j->json, 0, 0 },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (lists(names, all[i].name)) {
			assert(*n < CMD_JOB_OPTIONS);
			option[(*n)++] = all[i];
		}
	}
}

int cmd_job_check(const struct cmd_job *j, struct as_err *e)
{
	if (j->data == NULL) {
		return as_fail(e, AS_EUSAGE, "--data: no table given");
	}
	if (j->out == NULL) {
		return as_fail(e, AS_EUSAGE, "--out: no file given");
	}
	if (j->resume && strcmp(j->data, "-") == 0) {
		return as_fail(e, AS_EUSAGE, "--resume: standard input cannot be read again");
	}
	return cmd_check_out(j->out, e);
}

/* Whether the report already has a share that it calls so. */
static bool is_named(const struct tr_shares *s, const char *name)
{
	char known[32];
	bool is = false;

	for (size_t i = 0; i < s->n; i++) {
		(void)snprintf(known, sizeof known, "%g", (double)s->v[i]);
		is = is || strcmp(known, name) == 0;
	}
	return is;
}

static int read_shares(const char *option, const struct cmd_list *given, struct tr_shares *s,
		       struct as_err *e)
{
	s->n = 0;
	if (given->n > TR_SHARES_MAX) {
		return as_fail(e, AS_EUSAGE, "--%s: %zu of them, want %d at most", option, given->n,
			       TR_SHARES_MAX);
	}
	for (size_t i = 0; i < given->n; i++) {
		char name[32];
		double x;

		if (!io_cell_number(given->v[i], &x) || !((float)x > 0) || x > 1) {
			return as_fail(e, AS_EUSAGE, "--%s %.40s: want a number above 0, 1 at most",
				       option, given->v[i]);
		}
		(void)snprintf(name, sizeof name, "%g", (double)(float)x);
		if (is_named(s, name)) {
			return as_fail(e, AS_EUSAGE, "--%s %.40s: given twice", option,
				       given->v[i]);
		}
		s->v[s->n++] = (float)x;
	}
	return AS_OK;
}

int cmd_job_shares(const struct cmd_job *j, const struct io_task *task, const bool *without,
		   struct tr_shares *gates, struct tr_shares *missing, struct as_err *e)
{
	size_t parts = 0;
	int rc;

	for (size_t m = 0; m < task->parts; m++) {
		parts += !without[m];
	}
	TRY(read_shares("gate-threshold", &j->gates, gates, e));
	TRY(read_shares("missing", &j->missing, missing, e));
	if (missing->n > 0 && parts < 2) {
		rc = as_fail(e, AS_EUSAGE, "--missing: %s is asked with one part only", task->name);
	}
out:
	return rc;
}

int cmd_job_checkpoint(const struct cmd_job *j, const char *command, const char *about,
		       struct tr_checkpoint *c, struct as_err *e)
{
	struct as_buf folder = { 0 };
	int rc;

	as_buf_printf(&folder, "%s.checkpoint", j->out);
	TRY(tr_checkpoint_open(c, folder.data, about, j->resume, e));
	if (j->resume) {
		fprintf(stderr, "assay %s: %s %s\n", command,
			c->resumed ? "goes on from" : "begins anew: there is no", folder.data);
	}
out:
	as_buf_free(&folder);
	return rc;
}
