/* SPDX-License-Identifier: Apache-2.0
 * cmd_compress.c - assay compress TEACHER --data CASES.csv --out STUDENT: prunes, distils,
 * compares.
 */
#include "core/io/file.h"
#include "core/io/quantize.h"
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "tools/assay/progress.h"
#include "train/about.h"
#include "train/compare.h"
#include "train/compress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double POINTS = 100; /* a metric of 1 */

struct options {
	struct cmd_job job;
	const char *importance, *order;
	struct tr_compress_how how;
	double max_loss; /* points */
	bool int8;
};

static int check(struct options *o, struct as_err *e)
{
	const char *known[TR_IMPORTANCES];
	int rc;

	TRY(cmd_job_check(&o->job, e));
	o->how.seed = o->job.seed;
	o->how.curriculum = strcmp(o->order, "curriculum") == 0;
	if (!o->how.curriculum && strcmp(o->order, "random") != 0) {
		return as_fail(e, AS_EUSAGE, "--order %.40s: want random or curriculum", o->order);
	}
	for (int i = 0; i < TR_IMPORTANCES; i++) {
		known[i] = tr_importance_name((enum tr_importance)i);
		if (strcmp(known[i], o->importance) == 0) {
			o->how.importance = (enum tr_importance)i;
			return AS_OK;
		}
	}
	return as_fail(e, AS_EUSAGE,
		       "--importance %.40s: want taylor, gradient, magnitude or random",
		       o->importance);
out:
	return rc;
}

static void put_number(struct as_buf *out, double v)
{
	if (isnan(v)) {
		as_buf_printf(out, " %9s", "-");
	} else {
		as_buf_printf(out, " %9.3f", v);
	}
}

static void put_row(struct as_buf *out, const struct tr_compressed *c, enum tr_rival r,
		    const enum tr_metric m[2])
{
	const struct tr_line *l = &c->report.line[r];
	struct tr_metrics mean;
	struct tr_metrics sd;

	if (c->cost[r].weights == 0) {
		return; /* too small for int8 */
	}
	tr_metrics_mean(l->m, c->report.runs, &mean, &sd);
	as_buf_printf(out, "%-12s %10zu %10zu", l->name, c->cost[r].weights, c->cost[r].bytes);
	put_number(out, mean.v[m[0]]);
	put_number(out, mean.v[m[1]]);
	put_number(out, c->cost[r].ms);
	if (!isnan(l->difference)) {
		as_buf_printf(out, " %+10.3f %6.3f", l->difference, l->difference_se);
	}
	as_buf_puts(out, "\n");
}

/* Points of the main metric that the model to be written loses to the teacher. */
static double loss_of(const struct options *o, const struct tr_compressed *c)
{
	const enum tr_metric k = tr_main_metric(c->report.d->task);
	const struct tr_line *l = &c->report.line[o->int8 ? TR_STUDENT_INT8 : TR_STUDENT];
	struct tr_metrics mean[2];
	struct tr_metrics sd;

	tr_metrics_mean(c->report.line[TR_TEACHER].m, c->report.runs, &mean[0], &sd);
	tr_metrics_mean(l->m, c->report.runs, &mean[1], &sd);
	return POINTS * (mean[0].v[k] - mean[1].v[k]);
}

/* All beside each other; AS_EFORMAT where too much was lost. */
static int compare(const struct options *o, const struct tr_compressed *c, struct as_err *e)
{
	const struct io_task *task = c->report.d->task;
	const enum tr_metric k = tr_main_metric(task);
	const enum tr_metric m[] = { k, k == TR_ACCURACY         ? TR_KAPPA
					: task->kind == IO_VALUE ? TR_RMSE
								 : TR_ACCURACY };
	const double lost = loss_of(o, c);
	struct as_buf out = { 0 };
	int rc;

	as_buf_printf(&out, "%s: %zu cases, %s\n", task->name, c->report.scored,
		      c->report.runs > 1 ? "each scored by networks that never saw it"
					 : "that neither training saw");
	as_buf_printf(&out, "%-12s %10s %10s %9s %9s %9s %10s %6s\n", "", "weights", "bytes",
		      tr_metric_name(m[0]), tr_metric_name(m[1]), "ms/case", "- teacher", "se");
	for (enum tr_rival r = 0; r < c->report.lines; r++) {
		put_row(&out, c, r, m);
	}
	TRY(cmd_write("-", &out, e));
	if (o->int8 && c->cost[TR_STUDENT_INT8].weights == 0) {
		rc = as_fail(e, AS_EFORMAT,
			     "--int8: the student has no matrix of at least 16 rows and columns: "
			     "not written");
	} else if (!(lost <= o->max_loss)) {
		rc = as_fail(e, AS_EFORMAT,
			     "the student loses %.2f points of %s, --max-loss %g: not written",
			     lost, tr_metric_name(k), o->max_loss);
	}
out:
	as_buf_free(&out);
	return rc;
}

static int save(const struct options *o, const struct tr_study *s, struct as_err *e)
{
	struct as_buf file = { 0 };
	struct io_model whole = { 0 };
	struct io_quantized q = { 0 };
	const struct as_buf *out = o->int8 ? &q.file : &file;
	int rc;

	TRY(tr_study_put(s, &file, e));
	if (o->int8) {
		TRY(io_model_open_mem(&whole, file.data, file.len, o->job.out, e));
		TRY(io_quantize(&whole, &q, e));
	}
	TRY(io_write_file(o->job.out, out->data, out->len, 0644, e));
out:
	io_quantized_free(&q);
	io_model_close(&whole);
	as_buf_free(&file);
	return rc;
}

static int open_checkpoint(const struct options *o, const struct tr_teacher *t,
			   const struct tr_data *d, const struct tr_options *study,
			   struct tr_checkpoint *c, struct as_err *e)
{
	struct as_buf about = { 0 };
	int rc;

	tr_about_study(d, study, "compress", &about);
	as_buf_printf(&about,
		      "teacher %s\nimportance %s\norder %s\nsize %.9g\nstudent-seed %" PRIu64
		      "\ndirect %d\n",
		      t->reader.judge.sha256, o->importance, o->order, o->how.size, o->how.seed,
		      (int)o->how.direct);
	TRY(cmd_job_checkpoint(&o->job, "compress", about.data, c, e));
out:
	as_buf_free(&about);
	return rc;
}

static int load(const struct options *o, struct tr_teacher *t, struct tr_pool *pool,
		struct tr_data *d, struct as_err *e)
{
	struct io_task *task = &t->reader.judge.task;
	const struct tr_data_how how = { .path = o->job.data,
					 .split = task->split != NULL ? "train" : NULL,
					 .skip_bad = t->skipped,
					 .origin = o->job.origin,
					 .sources = t->reader.judge.source };
	int rc = tr_data_load(d, task, &how, pool, e);

	if (rc == AS_OK || d->bad > 0) {
		cmd_say_data("compress", d);
	}
	TRY(rc);
	TRY(tr_teacher_check(t, d, e));
out:
	return rc;
}

static int compress(const struct options *o, struct tr_teacher *t, struct cmd_progress *p,
		    struct tr_pool *pool, struct as_err *e)
{
	struct io_task *task = &t->reader.judge.task;
	const struct tr_watch watch = cmd_watch_of(p);
	struct tr_options how = {
		.seed = t->seed, .folds = t->folds, .pool = pool, .watch = &watch
	};
	struct tr_checkpoint checkpoint = { 0 };
	struct tr_compressed c = { 0 };
	struct tr_data d = { 0 };
	struct tr_study s = { 0 };
	int rc;

	if (o->job.epochs > 0) {
		task->hyper.epochs = (io_u32)o->job.epochs;
	}
	p->metric = task->kind == IO_VALUE ? "r2" : "auc";
	TRY(load(o, t, pool, &d, e));
	if (t->folds > 0 && t->based) {
		fprintf(stderr, "assay compress: the teachers of the folds do not begin with the "
				"base that the teacher began with\n");
	}
	TRY(open_checkpoint(o, t, &d, &how, &checkpoint, e));
	how.checkpoint = &checkpoint;
	TRY(tr_study_open(&s, &d, &how, e));
	TRY(tr_compress(&s, t, &o->how, &c, e));
	cmd_progress_end(p);
	TRY(compare(o, &c, e));
	TRY(save(o, &s, e));
	TRY(s.interrupted ? AS_OK : tr_checkpoint_remove(&checkpoint, e));
	TRY(cmd_progress_whole(s.interrupted, o->job.out, e));
out:
	tr_checkpoint_close(&checkpoint);
	tr_compressed_free(&c);
	tr_study_free(&s);
	tr_data_free(&d);
	return rc;
}

static int run(void *options, const char *path, struct as_err *e)
{
	struct options *o = options;
	struct cmd_progress p = { .command = "compress" };
	struct tr_pool *pool = NULL;
	struct tr_teacher t = { 0 };
	int rc;

	TRY(check(o, e));
	TRY(tr_teacher_open(&t, path, e));
	TRY(cmd_progress_init(&p, e));
	TRY(tr_pool_open(&pool, o->job.threads, e));
	TRY(compress(o, &t, &p, pool, e));
out:
	tr_pool_close(pool);
	tr_teacher_close(&t);
	return rc;
}

int cmd_compress(int argc, char **argv)
{
	struct options o = { .job = cmd_job_defaults(),
			     .importance = tr_importance_name(TR_TAYLOR),
			     .order = "random",
			     .how = { .size = 0.2 },
			     .max_loss = 2 };
	struct cmd_option option[CMD_JOB_OPTIONS] = {
		{ "size", "SHARE", "of the teacher's weights at most (0.2)", CMD_NUMBER,
		  &o.how.size, 0, 1 },
		{ "importance", "HOW",
		  "what stays: taylor |w dL/dw| (default), gradient, magnitude, random", CMD_TEXT,
		  &o.importance, 0, 0 },
		{ "order", "HOW", "of the cases: random (default), curriculum: easy ones first",
		  CMD_TEXT, &o.order, 0, 0 },
		{ "int8", NULL, "write the student in int8", CMD_FLAG, &o.int8, 0, 0 },
		{ "direct", NULL,
		  "also train a network of the student's size without the teacher, to compare",
		  CMD_FLAG, &o.how.direct, 0, 0 },
		{ "max-loss", "POINTS",
		  "write no student that loses more of 100 of the main metric (2)", CMD_NUMBER,
		  &o.max_loss, 0, 100 },
	};
	size_t options = 6;

	cmd_job_options(&o.job, "data out seed threads epochs resume plugin features", option,
			&options);
	const struct cmd_spec spec = {
		.name = "compress",
		.usage = "TEACHER.safetensors --data CASES.csv --out STUDENT.safetensors [options]",
		.about =
		    "Prunes heads, hidden units and rows of hashed words, lets what is left learn "
		    "from the\nteacher and from the cases, and scores both, and the student in "
		    "int8, on cases that\nneither saw: those that the teacher's training held "
		    "out; of a teacher trained with\n--folds those that each fold tests, with "
		    "teachers trained anew.\n"
		    "Exit: 65 where the student loses more than --max-loss.\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
