/* SPDX-License-Identifier: Apache-2.0
 * cmd_eval.c - assay eval MODEL --data CASES.csv: scores a model on cases with targets. */
#include "core/io/model.h"
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "train/compare.h"
#include "train/derived.h"
#include "train/grade.h"

struct options {
	struct cmd_job job;
	const char *baselines; /* the table that they are fitted on */
};

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

/* The seed that the model was trained with. */
static int read_seed(const char *model, uint64_t *seed, struct as_err *e)
{
	struct io_model m = { 0 };
	struct json_t *record = NULL;
	int rc;

	TRY(io_model_open(&m, model, e));
	TRY(io_model_meta(&m, "training", &record, e));
	*seed = io_json_find_u64(record, "seed", 1);
out:
	io_json_free(record);
	io_model_close(&m);
	return rc;
}

/* Its rows of the split "train", where the task has splits. */
static int load_baselines(const struct options *o, struct io_task *task, struct tr_data_how how,
			  struct tr_pool *pool, struct tr_data *d, struct as_err *e)
{
	if (o->baselines == NULL) {
		return AS_OK;
	}
	how.path = o->baselines;
	how.split = task->split != NULL ? "train" : NULL;
	return cmd_load("eval", task, &how, pool, d, e);
}

static int eval(const struct options *o, const char *model, struct tr_reader *r,
		struct tr_pool *pool, struct as_err *e)
{
	struct io_task *task = &r->judge.task;
	struct tr_data_how how = { .path = o->job.data,
				   .split = o->job.split,
				   .keep = true,
				   .skip_bad = o->job.skip_bad,
				   .origin = o->job.origin,
				   .sources = r->judge.source };
	struct tr_data d = { 0 };
	struct tr_data others = { 0 };
	struct tr_report report = { 0 };
	struct tr_shares gates;
	struct tr_shares missing;
	uint64_t seed;
	uint32_t parts = 0;
	int rc;

	TRY(cmd_without(task, &o->job.without, how.without, e));
	TRY(cmd_job_shares(&o->job, task, how.without, &gates, &missing, e));
	for (size_t m = 0; m < task->parts; m++) {
		how.origin.unused[m] = how.without[m];
		parts |= how.without[m] ? 0 : 1U << m;
	}
	TRY(load_baselines(o, task, how, pool, &others, e));
	TRY(cmd_load("eval", task, &how, pool, &d, e));
	tr_report_init(&report, &d, 1, parts, o->baselines != NULL);
	tr_report_gates(&report, &gates);
	tr_report_missing(&report, &missing);
	TRY(tr_grade(r, &report, 0, report.lines, pool, e));
	if (o->baselines != NULL) {
		TRY(read_seed(model, &seed, e));
		TRY(tr_grade_baselines(&report, &others, seed, e));
	}
	tr_report_derive(&report, 0, 1);
	tr_compare(&report, 1);
	TRY(tell(&o->job, &report, e));
out:
	tr_report_free(&report);
	tr_data_free(&others);
	tr_data_free(&d);
	return rc;
}

static int run(void *options, const char *model, struct as_err *e)
{
	const struct options *o = options;
	struct tr_reader r = { 0 };
	struct tr_pool *pool = NULL;
	int rc;

	if (o->job.data == NULL) {
		return as_fail(e, AS_EUSAGE, "--data: no table given");
	}
	TRY(tr_reader_open(&r, model, NULL, e));
	TRY(tr_pool_open(&pool, o->job.threads, e));
	TRY(eval(o, model, &r, pool, e));
out:
	tr_pool_close(pool);
	tr_reader_close(&r);
	return rc;
}

int cmd_eval(int argc, char **argv)
{
	struct options o = { .job = cmd_job_defaults() };
	struct cmd_option option[CMD_JOB_OPTIONS] = {
		{ "baselines", "FILE",
		  "score also simple methods: the majority, and linear models of these cases",
		  CMD_TEXT, &o.baselines, 0, 0 },
	};
	size_t options = 1;

	cmd_job_options(&o.job,
			"data split without gate-threshold missing predictions threads skip-bad "
			"plugin features json",
			option, &options);
	const struct cmd_spec spec = {
		.name = "eval",
		.usage = "MODEL.safetensors --data CASES.csv [options]",
		.about = "Scores a model on cases whose target is known: with all parts, each part "
			 "alone, each pair, all but each.\n--baselines takes the table that the "
			 "model was trained "
			 "on.\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
