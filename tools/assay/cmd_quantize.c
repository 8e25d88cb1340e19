/* SPDX-License-Identifier: Apache-2.0
 * cmd_quantize.c - assay quantize MODEL --out FILE: a model in int8, checked on cases first. */
#include "core/io/file.h"
#include "core/io/quantize.h"
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "tools/assay/progress.h"
#include "train/compare.h"
#include "train/grade.h"

#include <math.h>
#include <stdio.h>

static const double POINTS = 100; /* a metric of 1 */

struct options {
	struct cmd_job job;
	double max_loss; /* points */
};

/* Both models, as a case would meet them. */
struct both {
	struct io_model file, small_file;
	struct io_quantized small_bytes;
	struct tr_reader whole, small;
};

static int check(const struct options *o, struct as_err *e)
{
	if (o->job.out == NULL) {
		return as_fail(e, AS_EUSAGE, "--out: no file given");
	}
	if (o->job.data == NULL && (o->job.split != NULL || o->job.skip_bad)) {
		return as_fail(e, AS_EUSAGE, "--%s needs --data",
			       o->job.split ? "split" : "skip-bad");
	}
	return AS_OK;
}

/* What int8 loses, where that can be said. */
static int judge_loss(const struct options *o, const struct tr_report *r, struct as_err *e)
{
	const enum tr_metric k = tr_main_metric(r->d->task);
	const double before = r->line[0].m[0].v[k];
	const double after = r->line[1].m[0].v[k];
	const double loss = POINTS * (before - after);

	if (isnan(loss)) {
		return as_fail(e, AS_EFORMAT, "%s: these cases have no %s", o->job.data,
			       tr_metric_name(k));
	}
	if (loss > o->max_loss) {
		return as_fail(e, AS_EFORMAT,
			       "int8 loses %.2f points of %s (%.4f, before %.4f), "
			       "--max-loss is %g",
			       loss, tr_metric_name(k), after, before, o->max_loss);
	}
	return AS_OK;
}

/* Prints both models' scores on the cases. */
static int compare(const struct options *o, struct both *b, struct as_err *e)
{
	const struct tr_data_how how = { .path = o->job.data,
					 .split = o->job.split,
					 .keep = true,
					 .skip_bad = o->job.skip_bad,
					 .origin = o->job.origin,
					 .sources = b->whole.judge.source };
	struct tr_pool *pool = NULL;
	struct tr_data d = { 0 };
	struct tr_report report = { 0 };
	struct as_buf out = { 0 };
	int rc;

	TRY(tr_pool_open(&pool, o->job.threads, e));
	TRY(cmd_load("quantize", &b->whole.judge.task, &how, pool, &d, e));
	tr_report_init_models(&report, &d, 1, (const char *const[]){ "fp32", "int8" }, 2);
	TRY(tr_grade(&b->whole, &report, 0, 1, pool, e));
	TRY(tr_grade(&b->small, &report, 1, 1, pool, e));
	tr_compare(&report, 1);
	as_buf_printf(&out, "%s: %zu cases\n", d.task->name, report.scored);
	tr_report_text(&report, &out);
	TRY(cmd_write("-", &out, e));
	TRY(judge_loss(o, &report, e));
out:
	as_buf_free(&out);
	tr_report_free(&report);
	tr_data_free(&d);
	tr_pool_close(pool);
	return rc;
}

static int open_both(const struct options *o, const char *path, struct both *b, struct as_err *e)
{
	int rc;

	TRY(io_model_open(&b->file, path, e));
	TRY(tr_reader_read(&b->whole, &b->file, NULL, e));
	TRY(io_quantize(&b->file, &b->small_bytes, e));
	TRY(io_model_open_mem(&b->small_file, b->small_bytes.file.data, b->small_bytes.file.len,
			      o->job.out, e));
	TRY(tr_reader_read(&b->small, &b->small_file, NULL, e));
out:
	return rc;
}

static void close_both(struct both *b)
{
	tr_reader_close(&b->small);
	tr_reader_close(&b->whole);
	io_model_close(&b->small_file);
	io_quantized_free(&b->small_bytes);
	io_model_close(&b->file);
}

static int run(void *options, const char *path, struct as_err *e)
{
	const struct options *o = options;
	struct both b = { 0 };
	int rc;

	TRY(check(o, e));
	TRY(cmd_check_out(o->job.out, e));
	TRY(open_both(o, path, &b, e));
	if (o->job.data != NULL) {
		TRY(compare(o, &b, e));
	}
	TRY(io_write_file(o->job.out, b.small_bytes.file.data, b.small_bytes.file.len, 0644, e));
	printf("%s: %zu tensors in int8, %zu bytes of %zu (%.1f %%)\n", o->job.out,
	       b.small_bytes.tensors, b.small_bytes.file.len, b.file.file.size,
	       100.0 * (double)b.small_bytes.file.len / (double)b.file.file.size);
out:
	close_both(&b);
	return rc;
}

int cmd_quantize(int argc, char **argv)
{
	struct options o = { .job = cmd_job_defaults(), .max_loss = 0.5 };
	struct cmd_option option[CMD_JOB_OPTIONS] = {
		{ "max-loss", "POINTS", "of 100 that the main metric may lose (0.5)", CMD_NUMBER,
		  &o.max_loss, 0, 100 },
	};
	size_t options = 1;

	cmd_job_options(&o.job, "data out split threads skip-bad plugin features", option,
			&options);
	const struct cmd_spec spec = {
		.name = "quantize",
		.usage = "MODEL.safetensors --out INT8.safetensors [--data CASES.csv] [options]",
		.about = "Writes a model with its matrices in 8-bit integers: about a quarter of "
			 "the size. Every\nprogram that takes a model takes either. With --data "
			 "it is written only where the main\nmetric (AUC; accuracy of more than "
			 "two labels; R2 of a value) loses at most --max-loss.\n"
			 "Exit: 65 where it loses more.\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
