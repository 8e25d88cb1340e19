/* SPDX-License-Identifier: Apache-2.0
 * cmd_train.c - assay train TASK.ini --data CASES.csv --out MODEL: trains, scores, writes a model.
 */
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "tools/assay/progress.h"
#include "train/about.h"
#include "train/shuffle.h"
#include "train/study.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	struct cmd_job job;
	const char *from;
	struct cmd_list unlabelled;
	uint64_t folds, shuffles, labelled, base_epochs, teachers;
	bool retrain, pretrain;
};

/* What a training starts with: read before it, and outlived by it. */
struct start {
	struct tr_from from;
	struct tr_data *more; /* [mores] */
	size_t mores;
};

static int check(const struct options *o, struct as_err *e)
{
	int rc;

	TRY(cmd_job_check(&o->job, e));
	if (o->folds > 0 && o->folds < TR_FOLDS_MIN) {
		return as_fail(e, AS_EUSAGE,
			       "--folds %" PRIu64 ": want %d at least: one tests, one stops and "
			       "calibrates, the rest trains",
			       o->folds, TR_FOLDS_MIN);
	}
	if (o->shuffles > 0 && o->folds == 0) {
		return as_fail(e, AS_EUSAGE,
			       "--shuffle %" PRIu64
			       ": needs --folds, whose test cases exchange a part",
			       o->shuffles);
	}
	if (o->from != NULL && o->pretrain) {
		return as_fail(e, AS_EUSAGE, "--from %s: not with --pretrain, which makes its own",
			       o->from);
	}
	if (o->retrain && o->job.missing.n > 0) {
		return as_fail(e, AS_EUSAGE,
			       "--missing: not with --retrain, which masks no part of a network");
	}
	if (!o->pretrain && (o->unlabelled.n > 0 || o->base_epochs > 0)) {
		return as_fail(e, AS_EUSAGE, "--%s: needs --pretrain",
			       o->unlabelled.n > 0 ? "unlabelled" : "base-epochs");
	}
	if (o->job.predictions != NULL && strcmp(o->job.predictions, "-") != 0) {
		TRY(cmd_check_out(o->job.predictions, e));
	}
out:
	return rc;
}

static int tell(const struct options *o, const struct tr_study *s, struct as_err *e)
{
	struct as_buf out = { 0 };
	struct io_jw w = { .b = &out };
	int rc = AS_OK;

	if (s->done > 0 && o->job.json) {
		io_jw_obj(&w, NULL);
		tr_report_write(&s->report, &w);
		io_jw_end_obj(&w);
		as_buf_puts(&out, "\n");
	} else if (s->done > 0) {
		as_buf_printf(&out, "%s: %zu cases, %s\n", s->d->task->name, s->report.scored,
			      o->folds > 0 ? "each scored by a network that never saw it"
					   : "held out to calibrate, the others trained");
		tr_report_text(&s->report, &out);
	}
	if (out.len > 0) {
		TRY(cmd_write("-", &out, e));
	}
	if (o->job.predictions != NULL) {
		as_buf_clear(&out);
		tr_report_predictions(&s->report, &out);
		TRY(cmd_write(o->job.predictions, &out, e));
	}
out:
	as_buf_free(&out);
	return rc;
}

static int open_checkpoint(const struct options *o, const struct tr_data *d, struct tr_options *how,
			   struct tr_checkpoint *c, struct as_err *e)
{
	struct as_buf about = { 0 };
	int rc;

	tr_about_study(d, how, "train", &about);
	TRY(cmd_job_checkpoint(&o->job, "train", about.data, c, e));
	how->checkpoint = c;
out:
	as_buf_free(&about);
	return rc;
}

static int open_start(const struct options *o, struct io_task *task, struct tr_pool *pool,
		      struct start *s, struct tr_options *how, struct as_err *e)
{
	int rc = AS_OK;

	if (o->from != NULL) {
		TRY(tr_from_open(&s->from, o->from, e));
		how->from = &s->from;
	}
	s->more = as_calloc(o->unlabelled.n + 1, sizeof *s->more);
	while (s->mores < o->unlabelled.n) {
		TRY(cmd_load_unlabelled("train", task, o->unlabelled.v[s->mores], &o->job, pool,
					&s->more[s->mores], e));
		s->mores++;
	}
	how->more = s->more;
	how->mores = s->mores;
out:
	return rc;
}

static void close_start(struct start *s)
{
	while (s->mores > 0) {
		tr_data_free(&s->more[--s->mores]);
	}
	free(s->more);
	tr_from_close(&s->from);
}

/* Loads, trains, tells and saves. */
static int train(const struct options *o, struct io_task *task, struct cmd_progress *p,
		 struct tr_pool *pool, struct as_err *e)
{
	const struct tr_watch watch = cmd_watch_of(p);
	struct tr_options how = { .folds = o->folds,
				  .shuffles = o->shuffles,
				  .seed = o->job.seed,
				  .retrain = o->retrain,
				  .labelled = o->labelled,
				  .teachers = o->teachers,
				  .pretrain = o->pretrain,
				  .pretrain_epochs = o->base_epochs,
				  .pool = pool,
				  .watch = &watch };
	struct tr_data_how load = { .path = o->job.data,
				    .split = task->split != NULL ? "train" : NULL,
				    .skip_bad = o->job.skip_bad,
				    .origin = o->job.origin };
	struct tr_data d = { 0 };
	struct tr_study s = { 0 };
	struct start start = { 0 };
	struct tr_checkpoint checkpoint = { 0 };
	int rc;

	TRY(cmd_without(task, &o->job.without, load.without, e));
	TRY(cmd_job_shares(&o->job, task, load.without, &how.gates, &how.missing, e));
	rc = tr_data_load(&d, task, &load, pool, e);
	if (rc == AS_OK || d.bad > 0) {
		cmd_say_data("train", &d);
	}
	TRY(rc);
	TRY(cmd_say_gaps("train", &d, e));
	p->metric = task->kind == IO_VALUE ? "r2" : "auc";
	TRY(open_start(o, task, pool, &start, &how, e));
	TRY(open_checkpoint(o, &d, &how, &checkpoint, e));
	TRY(tr_study_run(&s, &d, &how, e));
	cmd_progress_end(p);
	TRY(tr_study_save(&s, o->job.out, e));
	TRY(s.interrupted ? AS_OK : tr_checkpoint_remove(&checkpoint, e));
	TRY(tell(o, &s, e));
	TRY(cmd_progress_whole(s.interrupted, o->job.out, e));
out:
	tr_checkpoint_close(&checkpoint);
	tr_study_free(&s);
	close_start(&start);
	tr_data_free(&d);
	return rc;
}

static int run(void *options, const char *path, struct as_err *e)
{
	struct options *o = options;
	struct cmd_progress p = { .command = "train" };
	struct tr_pool *pool = NULL;
	struct io_task task = { 0 };
	int rc;

	TRY(check(o, e));
	TRY(io_task_load(&task, path, e));
	if (o->job.epochs > 0) {
		task.hyper.epochs = (io_u32)o->job.epochs;
	}
	TRY(cmd_progress_init(&p, e));
	TRY(tr_pool_open(&pool, o->job.threads, e));
	TRY(train(o, &task, &p, pool, e));
out:
	tr_pool_close(pool);
	io_task_free(&task);
	return rc;
}

int cmd_train(int argc, char **argv)
{
	struct options o = { .job = cmd_job_defaults() };
	struct cmd_option option[CMD_JOB_OPTIONS] = {
		{ "folds", "K", "score by K-fold cross-validation, then train on all cases",
		  CMD_WHOLE, &o.folds, 0, TR_FOLDS_MAX },
		{ "shuffle", "N",
		  "with --folds: score each part exchanged between test cases, N times", CMD_WHOLE,
		  &o.shuffles, 1, TR_SHUFFLES_MAX },
		{ "retrain", NULL, "train each part and pair apart instead of masking", CMD_FLAG,
		  &o.retrain, 0, 0 },
		{ "from", "FILE", "start with the weights of a base or model that fit", CMD_TEXT,
		  &o.from, 0, 0 },
		{ "pretrain", NULL, "start each training with a base made of its own cases",
		  CMD_FLAG, &o.pretrain, 0, 0 },
		{ "unlabelled", "FILE", "with --pretrain: cases for every base; may come again",
		  CMD_LIST, &o.unlabelled, 0, 0 },
		{ "base-epochs", "N", "with --pretrain: of each base, instead of the task's",
		  CMD_WHOLE, &o.base_epochs, 1, 10000 },
		{ "labelled", "N", "use the labels of N cases of each training only", CMD_WHOLE,
		  &o.labelled, 1, UINT64_MAX },
		{ "teachers", "N", "train N networks first, which each training learns from",
		  CMD_WHOLE, &o.teachers, 1, TR_TEACHERS_MAX },
	};
	size_t options = 9;

	cmd_job_options(
	    &o.job,
	    "data out seed threads epochs without resume gate-threshold missing predictions "
	    "skip-bad plugin "
	    "features json",
	    option, &options);
	const struct cmd_spec spec = {
		.name = "train",
		.usage = "TASK.ini --data CASES.csv --out MODEL.safetensors [options]",
		.about = "Trains a model on a table of cases and prints its scores: for all parts, "
			 "each alone,\neach pair, all but each, and simple baselines. Ctrl-C ends "
			 "it and keeps "
			 "the best model so far (exit code 130).\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
