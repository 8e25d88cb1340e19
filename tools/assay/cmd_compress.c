/* SPDX-License-Identifier: Apache-2.0
 * cmd_compress.c - assay compress TEACHER --data CASES.csv --out STUDENT: prunes, distils,
 * compares.
 */
#include "core/io/cell.h"
#include "tools/assay/cases.h"
#include "tools/assay/progress.h"
#include "train/compress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct options {
	const char *data, *out, *size, *importance, *max_loss;
	struct tr_origin origin;
	uint64_t seed, threads, epochs;
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

	if (o->data == NULL) {
		return as_fail(e, AS_EUSAGE, "--data: no table given");
	}
	if (o->out == NULL) {
		return as_fail(e, AS_EUSAGE, "--out: no file given for the student");
	}
	TRY(read_number("size", o->size, 1, &o->how.size, e));
	TRY(read_number("max-loss", o->max_loss, 100, &o->points, e));
	o->how.seed = o->seed;
	for (int i = 0; i < TR_IMPORTANCES; i++) {
		known[i] = tr_importance_name((enum tr_importance)i);
		if (strcmp(known[i], o->importance) == 0) {
			o->how.importance = (enum tr_importance)i;
			return cmd_check_out(o->out, e);
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
	const struct tr_data_how load = { .path = o->data,
					  .split = task->split != NULL ? "train" : NULL,
					  .skip_bad = t->skipped,
					  .origin = o->origin,
					  .sources = t->reader.judge.source };
	struct tr_held_out teacher;
	struct tr_held_out student;
	struct tr_data d = { 0 };
	struct tr_study s = { 0 };
	int rc;

	if (o->epochs > 0) {
		task->hyper.epochs = (io_u32)o->epochs;
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
	TRY(tr_study_save(&s, o->out, e));
out:
	tr_study_free(&s);
	tr_data_free(&d);
	return rc;
}

static int run(struct options *o, const char *path, struct as_err *e)
{
	struct cmd_progress p = { .command = "compress" };
	struct tr_pool *pool = NULL;
	struct tr_teacher t = { 0 };
	int rc;

	TRY(check(o, e));
	TRY(tr_teacher_open(&t, path, e));
	TRY(cmd_progress_init(&p, e));
	TRY(tr_pool_open(&pool, o->threads, e));
	TRY(compress(o, &t, &p, pool, e));
out:
	tr_pool_close(pool);
	tr_teacher_close(&t);
	return rc;
}

int cmd_compress(int argc, char **argv)
{
	struct options o = { .size = "0.2",
			     .importance = tr_importance_name(TR_TAYLOR),
			     .max_loss = "2",
			     .seed = 1,
			     .threads = cmd_threads() };
	const struct cmd_option option[] = {
		{ "data", "FILE", "the table that the teacher was trained on", CMD_TEXT, &o.data, 0,
		  0 },
		{ "out", "FILE", "where the student goes", CMD_TEXT, &o.out, 0, 0 },
		{ "size", "SHARE", "of the teacher's weights at most (0.2)", CMD_TEXT, &o.size, 0,
		  0 },
		{ "importance", "HOW",
		  "what stays: taylor |w dL/dw| (default), gradient, magnitude, random", CMD_TEXT,
		  &o.importance, 0, 0 },
		{ "max-loss", "POINTS",
		  "write no student that loses more of auc (value: r2) x 100 (2)", CMD_TEXT,
		  &o.max_loss, 0, 0 },
		{ "seed", "N", "of dropout, order and random importance (1)", CMD_WHOLE, &o.seed, 0,
		  UINT64_MAX },
		{ "threads", "N", "the student depends on it; default: the processors", CMD_WHOLE,
		  &o.threads, 1, TR_THREADS_MAX },
		{ "epochs", "N", "passes over the cases at most, instead of the task's", CMD_WHOLE,
		  &o.epochs, 1, 10000 },
		{ "plugin", "FILE.so", "encoder of parts that are not trained here", CMD_TEXT,
		  &o.origin.plugin, 0, 0 },
		{ "features", "DIR", "features of such parts: DIR/CASE.PART.safetensors", CMD_TEXT,
		  &o.origin.features, 0, 0 },
	};
	const struct cmd_spec spec = {
		.name = "compress",
		.usage = "TEACHER.safetensors --data CASES.csv --out STUDENT.safetensors [options]",
		.about =
		    "Prunes heads, hidden units and rows of hashed words of a model trained "
		    "without "
		    "--folds,\nlets what is left learn from it and from the cases, and scores both "
		    "on those that its\ntraining held out.\n",
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
