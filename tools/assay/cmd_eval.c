/* SPDX-License-Identifier: Apache-2.0
 * cmd_eval.c - assay eval MODEL --data CASES.csv: scores a model on cases with targets. */
#include "tools/assay/cases.h"
#include "train/compare.h"
#include "train/reader.h"
#include "train/report.h"

#include <stdio.h>
#include <stdlib.h>

struct options {
	const char *data, *split, *predictions;
	struct tr_origin origin;
	struct cmd_list without;
	uint64_t threads;
	bool skip_bad, json;
};

/* Answers for every line of the report. */
static int score(struct tr_reader *r, const struct tr_data *d, struct tr_report *report,
		 struct tr_pool *pool, struct as_err *e)
{
	const struct fu_calibration *c = &r->judge.calibration;
	size_t *cases = as_malloc((d->n + 1) * sizeof *cases);
	float *p = as_malloc((d->n * report->c + 1) * sizeof *p);
	struct tr_inputs in = { 0 };
	struct tr_scores s = { 0 };
	uint32_t mask[FU_PATTERNS];
	const size_t masks = tr_patterns(d->task->parts, mask);
	int rc;

	for (size_t i = 0; i < d->n; i++) {
		cases[i] = i;
	}
	TRY(tr_inputs_init(&in, d, &r->net.enc, e));
	TRY(tr_score(&s, &r->net, &in, &(struct tr_question){ cases, d->n, mask, masks }, pool, e));
	for (size_t i = 0; i < report->lines; i++) {
		tr_answers(c, d->task, &s, report->line[i].pattern, p);
		tr_report_put(report, i, 0, cases, d->n, p, c->threshold);
	}
out:
	tr_scores_free(&s);
	tr_inputs_free(&in);
	free(p);
	free(cases);
	return rc;
}

static int tell(const struct options *o, const struct tr_report *report, struct as_err *e)
{
	struct as_buf out = { 0 };
	struct io_jw w = { .b = &out };
	int rc;

	if (o->json) {
		io_jw_obj(&w, NULL);
		tr_report_write(report, &w);
		io_jw_end_obj(&w);
		as_buf_puts(&out, "\n");
	} else {
		as_buf_printf(&out, "%s: %zu cases\n", report->d->task->name, report->scored);
		tr_report_text(report, &out);
	}
	TRY(cmd_write("-", &out, e));
	if (o->predictions != NULL) {
		as_buf_clear(&out);
		tr_report_predictions(report, &out);
		TRY(cmd_write(o->predictions, &out, e));
	}
out:
	as_buf_free(&out);
	return rc;
}

/* The columns that only training needs need not be there, but in a table that has its splits. */
static void forget(struct io_task *task, const struct options *o)
{
	if (o->split == NULL) {
		free(task->group);
		free(task->split);
		task->group = task->split = NULL;
	}
}

static int eval(const struct options *o, struct tr_reader *r, struct tr_pool *pool,
		struct as_err *e)
{
	struct io_task *task = &r->judge.task;
	struct tr_data_how how = { .path = o->data,
				   .split = o->split,
				   .keep = true,
				   .skip_bad = o->skip_bad,
				   .origin = o->origin,
				   .sources = r->judge.source };
	struct tr_data d = { 0 };
	struct tr_report report = { 0 };
	uint32_t parts = 0;
	int rc;

	if (o->split != NULL && task->split == NULL) {
		return as_fail(e, AS_EUSAGE, "--split %s: the model's task has no split column",
			       o->split);
	}
	TRY(cmd_without(task, &o->without, how.without, e));
	for (size_t m = 0; m < task->parts; m++) {
		how.origin.unused[m] = how.without[m];
		parts |= how.without[m] ? 0 : 1U << m;
	}
	forget(task, o);
	rc = tr_data_load(&d, task, &how, pool, e);
	if (rc == AS_OK || d.bad > 0) {
		cmd_say_data("eval", &d);
	}
	TRY(rc);
	if (d.n == 0) {
		rc = as_fail(e, AS_EFORMAT, "%s: no case to score", o->data);
		goto out;
	}
	tr_report_init(&report, &d, 1, parts, false);
	TRY(score(r, &d, &report, pool, e));
	tr_compare(&report, 1);
	TRY(tell(o, &report, e));
out:
	tr_report_free(&report);
	tr_data_free(&d);
	return rc;
}

static int run(const struct options *o, const char *model, struct as_err *e)
{
	struct tr_reader r = { 0 };
	struct tr_pool *pool = NULL;
	int rc;

	if (o->data == NULL) {
		return as_fail(e, AS_EUSAGE, "--data: no table given");
	}
	TRY(tr_reader_open(&r, model, NULL, e));
	TRY(tr_pool_open(&pool, o->threads, e));
	TRY(eval(o, &r, pool, e));
out:
	tr_pool_close(pool);
	tr_reader_close(&r);
	return rc;
}

int cmd_eval(int argc, char **argv)
{
	struct options o = { .threads = cmd_threads() };
	const struct cmd_option option[] = {
		{ "data", "FILE", "the case table; - is standard input", CMD_TEXT, &o.data, 0, 0 },
		{ "split", "NAME", "only the rows of this split; default: all", CMD_TEXT, &o.split,
		  0, 0 },
		{ "without", "PART", "mask a part in every case; may come again", CMD_LIST,
		  &o.without, 0, 0 },
		{ "predictions", "FILE", "write the predictions as CSV", CMD_TEXT, &o.predictions,
		  0, 0 },
		{ "threads", "N", "default: the processors", CMD_WHOLE, &o.threads, 1,
		  TR_THREADS_MAX },
		{ "skip-bad", NULL, "leave out cases that cannot be read", CMD_FLAG, &o.skip_bad, 0,
		  0 },
		{ "plugin", "FILE.so", "encoder of parts that were not trained with the model",
		  CMD_TEXT, &o.origin.plugin, 0, 0 },
		{ "features", "DIR", "features of such parts: DIR/CASE.PART.safetensors", CMD_TEXT,
		  &o.origin.features, 0, 0 },
		{ "json", NULL, "scores as one JSON object", CMD_FLAG, &o.json, 0, 0 },
	};
	const struct cmd_spec spec = {
		.name = "eval",
		.usage = "MODEL.safetensors --data CASES.csv [options]",
		.about = "Scores a model on cases whose target is known: with all parts, each part "
			 "alone, each pair.\n",
		.option = option,
		.options = sizeof option / sizeof *option,
		.words_min = 1,
		.words_max = 1,
	};
	const char *word[1];
	size_t words;
	bool done;
	struct as_err e = { 0 };
	int rc;

	TRY(cmd_parse(&spec, argc, argv, word, &words, &done, &e));
	if (!done) {
		TRY(run(&o, word[0], &e));
	}
out:
	return cmd_end(&spec, rc, &e);
}
