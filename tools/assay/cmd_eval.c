/* SPDX-License-Identifier: Apache-2.0
 * cmd_eval.c - assay eval MODEL --data CASES.csv: scores a model on cases with targets. */
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "train/compare.h"
#include "train/grade.h"

static int tell(const struct cmd_job *o, const struct tr_report *report, struct as_err *e)
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

static int eval(const struct cmd_job *o, struct tr_reader *r, struct tr_pool *pool,
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
	struct tr_gates gates;
	uint32_t parts = 0;
	int rc;

	TRY(cmd_job_gates(o, &gates, e));
	TRY(cmd_without(task, &o->without, how.without, e));
	for (size_t m = 0; m < task->parts; m++) {
		how.origin.unused[m] = how.without[m];
		parts |= how.without[m] ? 0 : 1U << m;
	}
	TRY(cmd_load("eval", task, &how, pool, &d, e));
	tr_report_init(&report, &d, 1, parts, false);
	tr_report_gates(&report, &gates);
	TRY(tr_grade(r, &report, 0, report.lines, pool, e));
	tr_compare(&report, 1);
	TRY(tell(o, &report, e));
out:
	tr_report_free(&report);
	tr_data_free(&d);
	return rc;
}

static int run(void *options, const char *model, struct as_err *e)
{
	const struct cmd_job *o = options;
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
	struct cmd_job o = cmd_job_defaults();
	struct cmd_option option[CMD_JOB_OPTIONS];
	size_t options = 0;

	cmd_job_options(
	    &o,
	    "data split without gate-threshold predictions threads skip-bad plugin features json",
	    option, &options);
	const struct cmd_spec spec = {
		.name = "eval",
		.usage = "MODEL.safetensors --data CASES.csv [options]",
		.about = "Scores a model on cases whose target is known: with all parts, each part "
			 "alone, each pair.\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
