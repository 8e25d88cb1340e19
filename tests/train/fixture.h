/* SPDX-License-Identifier: Apache-2.0
 * fixture.h - small tasks with tables made up here, and what a study of them needs. */
#ifndef TESTS_TRAIN_FIXTURE_H
#define TESTS_TRAIN_FIXTURE_H

#include "core/base/buf.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"
#include "train/study.h"

#include <stdio.h>
#include <stdlib.h>

struct fix {
	struct io_task task;
	struct tr_data d;
	struct tr_data_how how;
	struct tr_pool *pool;
	struct tr_watch watch;
	struct tr_options o;
	size_t epochs;  /* told so far */
	size_t stop_at; /* end the run after so many batches; 0: never */
	size_t batches;
};

/* A record of two numbers and a word, and a text: y is told by a and by the text's word. */
static const char fix_ini[] = "[task]\n"
			      "name = small\n"
			      "target = y\n"
			      "kind = class\n"
			      "labels = no, yes\n"
			      "group = g\n"
			      "[part.record]\n"
			      "modality = table\n"
			      "columns = a, b:number, w\n"
			      "[part.note]\n"
			      "modality = text\n"
			      "column = t\n"
			      "[model]\n"
			      "width = 16\n"
			      "heads = 2\n"
			      "text_buckets = 256\n"
			      "text_embed = 8\n"
			      "[train]\n"
			      "epochs = 20\n"
			      "rate = 0.003\n";

/* n cases; those of an even number say yes. Every seventh has no text. */
static inline void fix_csv(struct as_buf *b, size_t n)
{
	struct as_rng rng;

	as_rng_seed(&rng, 9, 0);
	as_buf_puts(b, "case,g,a,b,w,t,y\n");
	for (size_t i = 0; i < n; i++) {
		const bool yes = i % 2 == 0;

		as_buf_printf(b, "c%zu,g%zu,%.3f,%.3f,%s,%s,%s\n", i, i / 2,
			      (double)(as_rng_normal(&rng) + (yes ? 2.0F : -2.0F)),
			      (double)as_rng_normal(&rng), i % 3 == 0 ? "left" : "right",
			      i % 7 == 0 ? ""
			      : yes      ? "a dark mass"
					 : "a clear field",
			      yes ? "yes" : "no");
	}
}

static inline void fix_begin(void *ctx, const char *what, size_t run, size_t runs)
{
	(void)ctx;
	(void)what;
	(void)run;
	(void)runs;
}

static inline void fix_epoch(void *ctx, const struct tr_epoch *ep)
{
	struct fix *f = ctx;

	(void)ep;
	f->epochs++;
}

static inline void fix_note(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static inline bool fix_stop(void *ctx)
{
	struct fix *f = ctx;

	return f->stop_at > 0 && f->batches++ >= f->stop_at;
}

/* Opens task and pool; the table is loaded by the test. */
static inline void fix_open(struct fix *f, const char *ini, const char *csv, size_t threads)
{
	struct as_err e = { 0 };

	*f = (struct fix){ 0 };
	ok(io_task_load(&f->task, tmpdir_file("task.ini", ini), &e));
	ok(tr_pool_open(&f->pool, threads, &e));
	f->how.path = tmpdir_file("cases.csv", csv);
	f->watch = (struct tr_watch){ f, fix_begin, fix_epoch, fix_stop, fix_note };
	f->o = (struct tr_options){ .seed = 1, .pool = f->pool, .watch = &f->watch };
}

/* The small task with n cases, loaded. */
static inline void fix_load(struct fix *f, size_t n, size_t threads)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };

	fix_csv(&csv, n);
	fix_open(f, fix_ini, csv.data, threads);
	as_buf_free(&csv);
	ok(tr_data_load(&f->d, &f->task, &f->how, f->pool, &e));
}

static inline void fix_close(struct fix *f)
{
	tr_data_free(&f->d);
	tr_pool_close(f->pool);
	io_task_free(&f->task);
}

#endif
