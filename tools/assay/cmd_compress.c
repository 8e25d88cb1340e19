/* SPDX-License-Identifier: Apache-2.0
 * cmd_compress.c - assay compress TEACHER --data CASES.csv --out STUDENT: prunes, distils,
 * compares.
 */
#include "core/io/cell.h"
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "tools/assay/progress.h"
#include "train/compress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct options {
	struct cmd_job job;
	const char *size, *importance, *max_loss;
	struct tr_compress_how how;
	double points; /* that may be lost */
};

static int read_number(const char *name, const char *text, double most, double *out,
		       struct as_err *e)
{
	if (!io_cell_number(text, out) || *out < 0 || *out > most) {
		return as_fail(e, AS_EUSAGE, "--%s %.40s: want a number from 0 to %g", name, text,
			       most);
	}
	return AS_OK;
}

static int check(struct options *o, struct as_err *e)
{
	const char *known[TR_IMPORTANCES];
	int rc;

	TRY(cmd_job_check(&o->job, e));
	TRY(read_number("size", o->size, 1, &o->how.size, e));
	TRY(read_number("max-loss", o->max_loss, 100, &o->points, e));
	o->how.seed = o->job.seed;
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

static void put_row(struct as_buf *out, const char *name, const struct tr_held_out *h,
		    const enum tr_metric *m)
{
	as_buf_printf(out, "%-10s %10zu %10zu %9.3f %9.3f %12.3f\n", name, h->weights,
		      h->weights * sizeof(float), h->metrics.v[m[0]], h->metrics.v[m[1]], h->ms);
}

/* Both beside each other; AS_EFORMAT where too much was lost. */
static int compare(const struct options *o, const struct tr_study *s, const struct tr_held_out *t,
		   const struct tr_held_out *student, struct as_err *e)
{
	const bool value = s->d->task->kind == IO_VALUE;
	const enum tr_metric m[] = { value ? TR_R2 : TR_AUC, value ? TR_RMSE : TR_ACCURACY };
	const double lost = 100 * (t->metrics.v[m[0]] - student->metrics.v[m[0]]);
	struct as_buf out = { 0 };
	int rc;

	as_buf_printf(&out, "%s: %zu cases that neither training saw\n", s->d->task->name,
		      s->run[0].split.calibrates);
	as_buf_printf(&out, "%-10s %10s %10s %9s %9s %12s\n", "", "weights", "bytes",
		      tr_metric_name(m[0]), tr_metric_name(m[1]), "ms a case");
	put_row(&out, "teacher", t, m);
	put_row(&out, "student", student, m);
	TRY(cmd_write("-", &out, e));
	if (!(lost <= o->points)) {
		rc = as_fail(e, AS_EFORMAT,
			     "the student loses %.2f points of %s, --max-loss %s: not written",
			     lost, tr_metric_name(m[0]), o->max_loss);
	}
out:
	as_buf_free(&out);
	return rc;
}

static int compress(const struct options *o, struct tr_teacher *t, struct cmd_progress *p,
		    struct tr_pool *pool, struct as_err *e)
{
	struct io_task *task = &t->reader.judge.task;
	const struct tr_watch watch = cmd_watch_of(p);
	const struct tr_options study = { .seed = t->seed, .pool = pool, .watch = &watch };
	const struct tr_data_how load = { .path = o->job.data,
					  .split = task->split != NULL ? "train" : NULL,
					  .skip_bad = t->skipped,
					  .origin = o->job.origin,
					  .sources = t->reader.judge.source };
	struct tr_held_out teacher;
	struct tr_held_out student;
	struct tr_data d = { 0 };
	struct tr_study s = { 0 };
	int rc;

	if (o->job.epochs > 0) {
		task->hyper.epochs = (io_u32)o->job.epochs;
	}
	p->metric = task->kind == IO_VALUE ? "r2" : "auc";
	rc = tr_data_load(&d, task, &load, pool, e);
	if (rc == AS_OK || d.bad > 0) {
		cmd_say_data("compress", &d);
	}
	TRY(rc);
	TRY(tr_teacher_check(t, &d, e));
	TRY(tr_study_open(&s, &d, &study, e));
	TRY(tr_compress(&s, t, &o->how, &teacher, &student, e));
	cmd_progress_end(p);
	TRY(compare(o, &s, &teacher, &student, e));
	TRY(tr_study_save(&s, o->job.out, e));
out:
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
			     .size = "0.2",
			     .importance = tr_importance_name(TR_TAYLOR),
			     .max_loss = "2" };
	struct cmd_option option[CMD_JOB_OPTIONS] = {
		{ "size", "SHARE", "of the teacher's weights at most (0.2)", CMD_TEXT, &o.size, 0,
		  0 },
		{ "importance", "HOW",
		  "what stays: taylor |w dL/dw| (default), gradient, magnitude, random", CMD_TEXT,
		  &o.importance, 0, 0 },
		{ "max-loss", "POINTS",
		  "write no student that loses more of auc (value: r2) x 100 (2)", CMD_TEXT,
		  &o.max_loss, 0, 0 },
	};
	size_t options = 3;

	cmd_job_options(&o.job, "data out seed threads epochs plugin features", option, &options);
	const struct cmd_spec spec = {
		.name = "compress",
		.usage = "TEACHER.safetensors --data CASES.csv --out STUDENT.safetensors [options]",
		.about =
		    "Prunes heads, hidden units and rows of hashed words of a model trained "
		    "without "
		    "--folds,\nlets what is left learn from it and from the cases, and scores both "
		    "on those that its\ntraining held out.\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
