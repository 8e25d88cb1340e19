/* SPDX-License-Identifier: Apache-2.0
 * record.c - the "training" metadata of a model: data, splits, curves, scores. It holds no time and
 * no path, so that the same training gives the same file. */
#include "train/record.h"

#include "core/io/file.h"
#include "train/study.h"

#include <math.h>

void tr_record_data(const struct tr_data *d, struct io_jw *w)
{
	io_jw_obj(w, "data");
	io_jw_str(w, "sha256", d->digest);
	io_jw_u64(w, "rows", d->rows);
	io_jw_u64(w, "cases", d->n);
	io_jw_u64(w, "without_target", d->targetless);
	io_jw_u64(w, "other_split", d->elsewhere);
	io_jw_u64(w, "skipped", d->bad);
	io_jw_end_obj(w);
}

void tr_record_outcome(const struct tr_outcome *o, struct io_jw *w)
{
	io_jw_u64(w, "epochs", o->epochs);
	io_jw_u64(w, "best", o->best);
	io_jw_arr(w, "curve");
	for (size_t i = 0; i < o->epochs; i++) {
		io_jw_obj(w, NULL);
		io_jw_num(w, "loss", o->curve[i].loss);
		if (!isnan(o->curve[i].stop_loss)) {
			io_jw_num(w, "stop_loss", o->curve[i].stop_loss);
		}
		if (!isnan(o->curve[i].metric)) {
			io_jw_num(w, "metric", o->curve[i].metric);
		}
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
}

static void write_run(const struct tr_study *s, size_t k, struct io_jw *w)
{
	const struct tr_run_record *r = &s->run[k];

	io_jw_obj(w, NULL);
	io_jw_u64(w, "train", k < s->runs ? r->split.trains : s->d->n);
	io_jw_u64(w, "stop", r->split.stops);
	io_jw_u64(w, "calibrate", r->split.calibrates);
	io_jw_u64(w, "test", r->split.tests);
	io_jw_obj(w, "part_temperature");
	for (size_t m = 0; m < s->d->task->parts; m++) {
		io_jw_float(w, s->d->task->part[m].name, r->temperature[m]);
	}
	io_jw_end_obj(w);
	tr_record_outcome(&r->outcome, w);
	io_jw_end_obj(w);
}

/* What the networks started with, where it was not chance. */
static void write_start(const struct tr_study *s, struct io_jw *w)
{
	const struct tr_options *o = s->o;

	if (o->labelled > 0) {
		io_jw_u64(w, "labelled", o->labelled);
	}
	if (o->teachers > 0) {
		io_jw_u64(w, "teachers", o->teachers);
	}
	if (o->from != NULL) {
		io_jw_str(w, "from_sha256", o->from->file.sha256);
	}
	if (!o->pretrain) {
		return;
	}
	io_jw_obj(w, "pretrained");
	io_jw_arr(w, "tables");
	for (size_t i = 0; i < o->mores; i++) {
		io_jw_obj(w, NULL);
		tr_record_data(&o->more[i], w);
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
	io_jw_u64(w, "train", s->base.train);
	io_jw_u64(w, "stop", s->base.stop);
	tr_record_outcome(&s->base.outcome, w);
	io_jw_end_obj(w);
}

int tr_study_put(const struct tr_study *s, struct as_buf *out, struct as_err *e)
{
	struct as_buf record = { 0 };
	struct io_jw w = { .b = &record };
	int rc;

	io_jw_obj(&w, NULL);
	tr_record_data(s->d, &w);
	io_jw_u64(&w, "seed", s->o->seed);
	io_jw_u64(&w, "threads", tr_pool_threads(s->o->pool));
	io_jw_u64(&w, "folds", s->o->folds);
	write_start(s, &w);
	io_jw_bool(&w, "all_cases", s->whole);
	io_jw_bool(&w, "interrupted", s->interrupted);
	io_jw_arr(&w, "runs");
	for (size_t k = 0; k <= s->runs; k++) {
		if (s->run[k].outcome.epochs > 0) {
			write_run(s, k, &w);
		}
	}
	io_jw_end_arr(&w);
	if (s->compressed.len > 0) {
		io_jw_raw(&w, "compressed", s->compressed.data);
	}
	if (s->done > 0) {
		io_jw_obj(&w, "scores");
		tr_report_write(&s->report, &w);
		io_jw_end_obj(&w);
	}
	io_jw_end_obj(&w);
	rc = tr_trained_put(&s->kept, record.data, out, e);
	as_buf_free(&record);
	return rc;
}

int tr_study_save(const struct tr_study *s, const char *path, struct as_err *e)
{
	struct as_buf file = { 0 };
	int rc = tr_study_put(s, &file, e);

	rc = rc == AS_OK ? io_write_file(path, file.data, file.len, 0644, e)
			 : as_wrap(e, "%s", path);
	as_buf_free(&file);
	return rc;
}
