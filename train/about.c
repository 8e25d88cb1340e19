/* SPDX-License-Identifier: Apache-2.0 */
#include "train/about.h"

#include "core/io/json.h"

#include <inttypes.h>

void tr_about_data(const struct tr_data *d, const char *name, struct as_buf *out)
{
	as_buf_printf(out, "%s %s, %zu cases\n", name, d->digest, d->n);
}

void tr_about_task(const struct io_task *task, struct as_buf *out)
{
	struct as_buf json = { 0 };
	struct io_jw w = { .b = &json };

	io_task_write(task, &w, NULL);
	as_buf_printf(out, "task %s\n", json.data);
	as_buf_free(&json);
}

void tr_about_study(const struct tr_data *d, const struct tr_options *o, const char *command,
		    struct as_buf *out)
{
	as_buf_printf(out, "command %s\nprogram %s\n", command, ASSAY_VERSION);
	tr_about_data(d, "data", out);
	as_buf_printf(out, "folds %zu\nseed %" PRIu64 "\nthreads %zu\nretrain %d\n", o->folds,
		      o->seed, tr_pool_threads(o->pool), (int)o->retrain);
	if (o->labelled > 0) {
		as_buf_printf(out, "labelled %zu\n", o->labelled);
	}
	if (o->teachers > 0) {
		as_buf_printf(out, "teachers %zu\n", o->teachers);
	}
	if (o->from != NULL) {
		as_buf_printf(out, "from %s\n", o->from->file.sha256);
	}
	if (o->pretrain) {
		as_buf_printf(out, "pretrain %zu epochs\n", o->pretrain_epochs);
	}
	for (size_t i = 0; i < o->mores; i++) {
		tr_about_data(&o->more[i], "unlabelled", out);
	}
	tr_about_task(d->task, out);
	for (size_t m = 0; m < d->task->parts; m++) {
		const struct fu_source *s = &d->frozen.source[m];

		if (d->frozen.part[m]) {
			as_buf_printf(out, "features-of-%s %s %s, %zu columns\n",
				      d->task->part[m].name, s->name, s->version, (size_t)s->dim);
		}
	}
}
