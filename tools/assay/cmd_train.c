/* SPDX-License-Identifier: Apache-2.0
 * cmd_train.c - assay train TASK.ini --data CASES.csv --out MODEL: trains, scores, writes a model.
 */
#include "core/base/clock.h"
#include "tools/assay/cases.h"
#include "train/shuffle.h"
#include "train/study.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options {
	const char *data, *out, *predictions;
	struct tr_origin origin;
	struct cmd_list without;
	uint64_t folds, shuffles, seed, threads, epochs;
	bool retrain, skip_bad, json;
};

/* What is said while it runs. */
struct progress {
	bool tty;
	const char *what;
	size_t run, runs;
	sigset_t signals; /* that end the training; blocked in all threads */
	bool stopped;
	const char *metric;
};

static void on_begin(void *ctx, const char *what, size_t run, size_t runs)
{
	struct progress *p = ctx;

	p->what = what;
	p->run = run;
	p->runs = runs;
}

/* Runs that are still to come take as long as this one would, at most. */
static double seconds_left(const struct progress *p, const struct tr_epoch *ep)
{
	const double each = ep->seconds / (double)ep->epoch;
	const double after = p->run < p->runs && p->runs > 1 ? (double)(p->runs - p->run) : 0;

	return each * ((double)(ep->epochs - ep->epoch) + after * (double)ep->epochs);
}

static void on_epoch(void *ctx, const struct tr_epoch *ep)
{
	struct progress *p = ctx;
	const double left = seconds_left(p, ep);

	fprintf(stderr, "%s%s", p->tty ? "\r" : "", p->what);
	if (p->run < p->runs && p->runs > 1) {
		fprintf(stderr, " %zu/%zu", p->run + 1, p->runs);
	}
	fprintf(stderr, "  epoch %zu/%zu  loss %.4f", ep->epoch, ep->epochs, ep->loss);
	if (ep->stop_loss == ep->stop_loss) { /* not NAN: there is a stop set */
		fprintf(stderr, "  stop %.4f  %s %.3f", ep->stop_loss, p->metric, ep->metric);
	}
	fprintf(stderr, "  %d:%02d left%s", (int)(left / 60), (int)left % 60,
		p->tty ? "\033[K" : "\n");
	if (p->tty && ep->epoch == ep->epochs) {
		fprintf(stderr, "\n");
	}
}

/* Whether Ctrl-C came: the signals are blocked and wait to be fetched. */
static bool on_stop(void *ctx)
{
	struct progress *p = ctx;
	const struct timespec now = { 0 };

	if (!p->stopped && sigtimedwait(&p->signals, NULL, &now) > 0) {
		p->stopped = true;
		fprintf(stderr, "%sassay train: interrupted, keeping the best so far\n",
			p->tty ? "\n" : "");
	}
	return p->stopped;
}

static int block_signals(struct progress *p, struct as_err *e)
{
	(void)sigemptyset(&p->signals);
	(void)sigaddset(&p->signals, SIGINT);
	(void)sigaddset(&p->signals, SIGTERM);
	errno = pthread_sigmask(SIG_BLOCK, &p->signals, NULL);
	return errno == 0 ? AS_OK : as_fail(e, AS_EIO, "cannot block signals: %s", strerror(errno));
}

/* A training may take hours: better to know now that its model cannot be written. */
static int check_out(const char *path, struct as_err *e)
{
	struct as_buf folder = { 0 };
	const char *slash = strrchr(path, '/');
	int rc = AS_OK;

	if (slash == NULL) {
		as_buf_puts(&folder, ".");
	} else {
		as_buf_put(&folder, path, (size_t)(slash - path) + 1);
	}
	if (access(folder.data, W_OK | X_OK) != 0) {
		rc = as_fail(e, AS_ECREATE, "cannot write %s: %s: %s", path, folder.data,
			     strerror(errno));
	}
	as_buf_free(&folder);
	return rc;
}

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
	return o->predictions != NULL && strcmp(o->predictions, "-") != 0
		   ? check_out(o->predictions, e)
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

/* Loads, trains, tells and saves. */
static int train(const struct options *o, struct io_task *task, struct progress *p,
		 struct tr_pool *pool, struct as_err *e)
{
	const struct tr_watch watch = { p, on_begin, on_epoch, on_stop };
	const struct tr_options how = { .folds = o->folds,
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
	int rc;

	TRY(cmd_without(task, &o->without, load.without, e));
	rc = tr_data_load(&d, task, &load, pool, e);
	if (rc == AS_OK || d.bad > 0) {
		cmd_say_data("train", &d);
	}
	TRY(rc);
	TRY(cmd_say_gaps("train", &d, e));
	p->metric = task->kind == IO_VALUE ? "r2" : "auc";
	TRY(tr_study_run(&s, &d, &how, e));
	if (p->tty) {
		fprintf(stderr, "\n");
	}
	TRY(tr_study_save(&s, o->out, e));
	TRY(tell(o, &s, e));
out:
	tr_study_free(&s);
	tr_data_free(&d);
	return rc;
}

static int run(struct options *o, const char *path, struct as_err *e)
{
	struct progress p = { .tty = isatty(STDERR_FILENO) == 1 };
	struct tr_pool *pool = NULL;
	struct io_task task = { 0 };
	int rc;

	TRY(check(o, e));
	TRY(check_out(o->out, e));
	TRY(io_task_load(&task, path, e));
	if (o->epochs > 0) {
		task.hyper.epochs = (io_u32)o->epochs;
	}
	TRY(block_signals(&p, e));
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
