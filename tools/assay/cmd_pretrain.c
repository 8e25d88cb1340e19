/* SPDX-License-Identifier: Apache-2.0
 * cmd_pretrain.c - assay pretrain TASK.ini --data CASES.csv --out BASE: encoders that learn from
 * cases without labels. */
#include "core/io/file.h"
#include "tools/assay/cases.h"
#include "tools/assay/options.h"
#include "tools/assay/progress.h"
#include "train/about.h"
#include "train/pretrain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	struct cmd_job job;
	struct cmd_list data;
};

static int check(struct options *o, struct as_err *e)
{
	for (size_t i = 0; i < o->data.n; i++) {
		o->job.data = o->data.v[i];
		if (o->job.resume && strcmp(o->job.data, "-") == 0) {
			break;
		}
	}
	return cmd_job_check(&o->job, e);
}

static int open_checkpoint(const struct options *o, const struct tr_data *d,
			   const struct tr_pretrain_how *how, struct tr_checkpoint *c,
			   struct as_err *e)
{
	struct as_buf about = { 0 };
	int rc;

	as_buf_printf(&about, "command pretrain\nprogram %s\nseed %" PRIu64 "\nthreads %zu\n",
		      ASSAY_VERSION, how->seed, tr_pool_threads(how->pool));
	for (size_t i = 0; i < o->data.n; i++) {
		tr_about_data(&d[i], "data", &about);
	}
	tr_about_task(d[0].task, &about);
	TRY(cmd_job_checkpoint(&o->job, "pretrain", about.data, c, e));
out:
	as_buf_free(&about);
	return rc;
}

static void tell(const struct options *o, const struct tr_pretrained *b)
{
	const struct tr_outcome *r = &b->outcome;
	const struct tr_epoch *best = &r->curve[r->best > 0 ? r->best - 1 : 0];

	printf("%s: %zu cases trained, %zu held out; loss on these %.4f after epoch 1, %.4f after "
	       "epoch %zu, the best\n",
	       o->job.out, b->train, b->stop, r->curve[0].stop_loss, best->stop_loss, r->best);
}

/* d [data.n] */
static int pretrain(const struct options *o, struct io_task *task, struct tr_data *d,
		    struct cmd_progress *p, struct tr_pool *pool, struct as_err *e)
{
	const struct tr_watch watch = cmd_watch_of(p);
	struct tr_pretrain_how how = { .seed = o->job.seed, .pool = pool, .watch = &watch };
	struct tr_some *of = as_calloc(o->data.n, sizeof *of);
	struct tr_checkpoint checkpoint = { 0 };
	struct tr_pretrained b = { 0 };
	int rc;

	for (size_t i = 0; i < o->data.n; i++) {
		TRY(cmd_load_unlabelled("pretrain", task, o->data.v[i], &o->job, pool, &d[i], e));
		of[i].d = &d[i];
	}
	TRY(open_checkpoint(o, d, &how, &checkpoint, e));
	how.checkpoint = &checkpoint;
	watch.begin(watch.ctx, "base", 0, 1);
	TRY(tr_pretrain(&b, of, o->data.n, &how, e));
	cmd_progress_end(p);
	TRY(io_write_file(o->job.out, b.file.data, b.file.len, 0644, e));
	TRY(b.outcome.interrupted ? AS_OK : tr_checkpoint_remove(&checkpoint, e));
	tell(o, &b);
	TRY(cmd_progress_whole(b.outcome.interrupted, o->job.out, e));
out:
	tr_pretrained_free(&b);
	tr_checkpoint_close(&checkpoint);
	free(of);
	return rc;
}

static int run(void *options, const char *path, struct as_err *e)
{
	struct options *o = options;
	struct cmd_progress p = { .command = "pretrain" };
	struct tr_data *d = as_calloc(o->data.n + 1, sizeof *d);
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
	TRY(pretrain(o, &task, d, &p, pool, e));
out:
	for (size_t i = 0; i < o->data.n; i++) {
		tr_data_free(&d[i]);
	}
	free(d);
	tr_pool_close(pool);
	io_task_free(&task);
	return rc;
}

int cmd_pretrain(int argc, char **argv)
{
	struct options o = { .job = cmd_job_defaults() };
	struct cmd_option option[CMD_JOB_OPTIONS] = {
		{ "data", "FILE", "a case table; may come again", CMD_LIST, &o.data, 0, 0 },
	};
	size_t options = 1;

	cmd_job_options(&o.job, "out seed threads epochs resume skip-bad plugin features", option,
			&options);
	const struct cmd_spec spec = {
		.name = "pretrain",
		.usage = "TASK.ini --data CASES.csv [--data MORE.csv] --out BASE.safetensors "
			 "[options]",
		.about =
		    "Trains a task's encoders on cases whose target is not read: what is "
		    "hidden of a part is\nguessed, and the parts of one case are matched. Of "
		    "each table the parts are used whose\ncolumns it has. `assay train --from` "
		    "starts with the result. Ctrl-C ends it and keeps\nthe best so far.\n",
		.option = option,
		.options = options,
		.words_min = 1,
		.words_max = 1,
	};

	return cmd_run(&spec, argc, argv, run, &o);
}
