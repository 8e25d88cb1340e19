/* SPDX-License-Identifier: Apache-2.0
 * cmd_train.c - assay train TASK.ini --data CASES.csv --out MODEL: trains, scores, writes a model.
 */
#include "tools/assay/cases.h"
#include "tools/assay/progress.h"
#include "train/about.h"
#include "train/shuffle.h"
#include "train/study.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
	const char *data, *out, *predictions;
	struct tr_origin origin;
	struct cmd_list without;
	uint64_t folds, shuffles, seed, threads, epochs;
	bool retrain, skip_bad, json, resume;
};

static int check(struct options *o, struct as_err *e)
{
	if (o->data == NULL) {
		return as_fail(e, AS_EUSAGE, "--data: no table given");
	}
	if (o->out == NULL) {
		return as_fail(e, AS_EUSAGE, "--out: no file given for the model");
	}
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
	if (o->resume && strcmp(o->data, "-") == 0) {
		return as_fail(e, AS_EUSAGE, "--resume: standard input cannot be read again");
	}
	return o->predictions != NULL && strcmp(o->predictions, "-") != 0
		   ? cmd_check_out(o->predictions, e)
		   : AS_OK;
}

static int tell(const struct options *o, const struct tr_study *s, struct as_err *e)
{
	struct as_buf out = { 0 };
	struct io_jw w = { .b = &out };
	int rc = AS_OK;

	if (s->done > 0 && o->json) {
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
	if (o->predictions != NULL) {
		as_buf_clear(&out);
		tr_report_predictions(&s->report, &out);
		TRY(cmd_write(o->predictions, &out, e));
	}
out:
	as_buf_free(&out);
	return rc;
}

static int open_checkpoint(const struct options *o, const struct tr_data *d, struct tr_options *how,
			   struct tr_checkpoint *c, struct as_err *e)
{
	struct as_buf folder = { 0 };
	struct as_buf about = { 0 };
	int rc;

	as_buf_printf(&folder, "%s.checkpoint", o->out);
	tr_about_study(d, how, "train", &about);
	TRY(tr_checkpoint_open(c, folder.data, about.data, o->resume, e));
	how->checkpoint = c;
	if (o->resume) {
		fprintf(stderr, "assay train: %s %s\n",
			c->resumed ? "goes on from" : "begins anew: there is no", folder.data);
	}
out:
	as_buf_free(&folder);
	as_buf_free(&about);
	return rc;
}

/* Loads, trains, tells and saves. */
static int train(const struct options *o, struct io_task *task, struct cmd_progress *p,
		 struct tr_pool *pool, struct as_err *e)
{
	const struct tr_watch watch = cmd_watch_of(p);
	struct tr_options how = { .folds = o->folds,
				  .shuffles = o->shuffles,
				  .seed = o->seed,
				  .retrain = o->retrain,
				  .pool = pool,
				  .watch = &watch };
	struct tr_data_how load = { .path = o->data,
				    .split = task->split != NULL ? "train" : NULL,
				    .skip_bad = o->skip_bad,
				    .origin = o->origin };
	struct tr_data d = { 0 };
	struct tr_study s = { 0 };
	struct tr_checkpoint checkpoint = { 0 };
	int rc;

	TRY(cmd_without(task, &o->without, load.without, e));
	rc = tr_data_load(&d, task, &load, pool, e);
	if (rc == AS_OK || d.bad > 0) {
		cmd_say_data("train", &d);
	}
	TRY(rc);
	TRY(cmd_say_gaps("train", &d, e));
	p->metric = task->kind == IO_VALUE ? "r2" : "auc";
	TRY(open_checkpoint(o, &d, &how, &checkpoint, e));
	TRY(tr_study_run(&s, &d, &how, e));
	cmd_progress_end(p);
	TRY(tr_study_save(&s, o->out, e));
	TRY(s.interrupted ? AS_OK : tr_checkpoint_remove(&checkpoint, e));
	TRY(tell(o, &s, e));
out:
	tr_checkpoint_close(&checkpoint);
	tr_study_free(&s);
	tr_data_free(&d);
	return rc;
}

static int run(struct options *o, const char *path, struct as_err *e)
{
	struct cmd_progress p = { .command = "train" };
	struct tr_pool *pool = NULL;
	struct io_task task = { 0 };
	int rc;

	TRY(check(o, e));
	TRY(cmd_check_out(o->out, e));
	TRY(io_task_load(&task, path, e));
	if (o->epochs > 0) {
		task.hyper.epochs = (io_u32)o->epochs;
	}
	TRY(cmd_progress_init(&p, e));
	TRY(tr_pool_open(&pool, o->threads, e));
	TRY(train(o, &task, &p, pool, e));
out:
	tr_pool_close(pool);
	io_task_free(&task);
	return rc;
}

int cmd_train(int argc, char **argv)
{
	struct options o = { .seed = 1, .threads = cmd_threads() };
	const struct cmd_option option[] = {
		{ "data", "FILE", "the case table; - is standard input", CMD_TEXT, &o.data, 0, 0 },
		{ "out", "FILE", "where the model goes", CMD_TEXT, &o.out, 0, 0 },
		{ "folds", "K", "score by K-fold cross-validation, then train on all cases",
		  CMD_WHOLE, &o.folds, 0, TR_FOLDS_MAX },
		{ "shuffle", "N",
		  "with --folds: score each part exchanged between test cases, N times", CMD_WHOLE,
		  &o.shuffles, 1, TR_SHUFFLES_MAX },
		{ "seed", "N", "of splits, first weights and dropout (1)", CMD_WHOLE, &o.seed, 0,
		  UINT64_MAX },
		{ "threads", "N", "the model depends on it; default: the processors", CMD_WHOLE,
		  &o.threads, 1, TR_THREADS_MAX },
		{ "epochs", "N", "passes over the cases at most, instead of the task's", CMD_WHOLE,
		  &o.epochs, 1, 10000 },
		{ "without", "PART", "leave a part out; may come again", CMD_LIST, &o.without, 0,
		  0 },
		{ "resume", NULL,
		  "go on from OUT.checkpoint, which a killed or interrupted one left", CMD_FLAG,
		  &o.resume, 0, 0 },
		{ "retrain", NULL, "train each part and pair apart instead of masking", CMD_FLAG,
		  &o.retrain, 0, 0 },
		{ "predictions", "FILE", "write the scored cases' predictions as CSV", CMD_TEXT,
		  &o.predictions, 0, 0 },
		{ "skip-bad", NULL, "leave out cases that cannot be read", CMD_FLAG, &o.skip_bad, 0,
		  0 },
		{ "plugin", "FILE.so", "encoder of parts that are not trained here", CMD_TEXT,
		  &o.origin.plugin, 0, 0 },
		{ "features", "DIR", "features of such parts: DIR/CASE.PART.safetensors", CMD_TEXT,
		  &o.origin.features, 0, 0 },
		{ "json", NULL, "scores as one JSON object", CMD_FLAG, &o.json, 0, 0 },
	};
	const struct cmd_spec spec = {
		.name = "train",
		.usage = "TASK.ini --data CASES.csv --out MODEL.safetensors [options]",
		.about = "Trains a model on a table of cases and prints its scores: for all parts, "
			 "each alone,\neach pair, and simple baselines. Ctrl-C ends it and keeps "
			 "the best model so far.\n",
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
