/* SPDX-License-Identifier: Apache-2.0 */
#include "train/pretrain.h"

#include "core/io/model.h"
#include "train/from.h"
#include "train/record.h"
#include "train/split.h"
#include "train/trained.h"

#include <stdlib.h>
#include <string.h>

static const double WEIGHT[] = { 0.9, 0.1 }; /* train, stop */

/* What a base is made of. */
struct making {
	struct tr_data view;
	struct as_buf statistics;
	struct json_t *doc;
	struct tr_net net;
	struct tr_inputs in;
	size_t *train, *stop;
	size_t trains, stops;
};

/* A base learns from what is hidden of a part and from how the parts of a case match. */
static int check_task(const struct io_task *task, struct as_err *e)
{
	if (task->parts == 1 && task->hyper.image_cells == 0 &&
	    strcmp(task->part[0].modality, "image") == 0) {
		return as_fail(e, AS_ECONFIG,
			       "image_cells = 0: of the only part, %s, nothing can be hidden, and "
			       "there is no other to match it with",
			       task->part[0].name);
	}
	return AS_OK;
}

static void split(struct making *m, uint64_t seed)
{
	const size_t n = m->view.n;
	const char **group = as_malloc(n * sizeof *group);
	uint32_t *stratum = as_calloc(n, sizeof *stratum);
	uint32_t *bin = as_calloc(n, sizeof *bin);
	const struct tr_units units = { .n = n, .group = group, .stratum = stratum };

	for (size_t i = 0; i < n; i++) {
		group[i] = m->view.v[i].group;
	}
	(void)tr_assign(&units, WEIGHT, 2, seed, bin);
	m->train = as_malloc(n * sizeof *m->train);
	m->stop = as_malloc(n * sizeof *m->stop);
	m->trains = tr_of_bin(&units, bin, 0, m->train);
	m->stops = tr_of_bin(&units, bin, 1, m->stop);
	free(group);
	free(stratum);
	free(bin);
}

static void write_record(const struct tr_pretrained *b, const struct tr_some *of, size_t tables,
			 const struct tr_pretrain_how *how, struct as_buf *out)
{
	struct io_jw w = { .b = out };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stage", "pretrain");
	io_jw_arr(&w, "tables");
	for (size_t t = 0; t < tables; t++) {
		io_jw_obj(&w, NULL);
		tr_record_data(of[t].d, &w);
		if (of[t].only != NULL) {
			io_jw_u64(&w, "used", of[t].n);
		}
		io_jw_end_obj(&w);
	}
	io_jw_end_arr(&w);
	io_jw_u64(&w, "seed", how->seed);
	io_jw_u64(&w, "threads", tr_pool_threads(how->pool));
	io_jw_bool(&w, "interrupted", b->outcome.interrupted);
	io_jw_arr(&w, "runs");
	io_jw_obj(&w, NULL);
	io_jw_u64(&w, "train", b->train);
	io_jw_u64(&w, "stop", b->stop);
	tr_record_outcome(&b->outcome, &w);
	io_jw_end_obj(&w);
	io_jw_end_arr(&w);
	io_jw_end_obj(&w);
}

/* What only says what was hidden, or judges, is of no use to a training. */
static bool is_kept(const char *name)
{
	return strncmp(name, "guess.", 6) != 0 && strncmp(name, "fusion.weigh.", 13) != 0 &&
	       strcmp(name, "fusion.scale") != 0 && !tr_from_judges(name);
}

static int put_file(struct tr_pretrained *b, const struct making *m, const char *record,
		    struct as_err *e)
{
	const struct nn_params *ps = &m->net.ps;
	struct io_tensor *t = as_calloc(ps->n + 1, sizeof *t);
	struct as_buf task = { 0 };
	struct as_buf encoders = { 0 };
	struct io_jw w = { .b = &task };
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < ps->n; i++) {
		if (is_kept(ps->p[i].name)) {
			t[n++] = io_tensor_of(&ps->p[i], ps->v);
		}
	}
	io_task_write(m->net.task, &w, NULL);
	tr_write_encoders(&m->net, &m->view, &encoders);
	rc = io_model_put(&b->file, t, n,
			  (const struct io_meta[]){ { "format", "assay-base-1" },
						    { "name", m->net.task->name },
						    { "task", task.data },
						    { "statistics", m->statistics.data },
						    { "encoders", encoders.data },
						    { "training", record } },
			  6, e);
	as_buf_free(&task);
	as_buf_free(&encoders);
	free(t);
	return rc;
}

static void making_free(struct making *m)
{
	tr_inputs_free(&m->in);
	tr_net_close(&m->net);
	io_json_free(m->doc);
	as_buf_free(&m->statistics);
	free(m->train);
	free(m->stop);
	tr_data_view_free(&m->view);
}

int tr_pretrain(struct tr_pretrained *b, const struct tr_some *of, size_t tables,
		const struct tr_pretrain_how *how, struct as_err *e)
{
	struct making m = { 0 };
	struct as_buf record = { 0 };
	struct tr_plan plan;
	int rc;

	*b = (struct tr_pretrained){ 0 };
	tr_data_view(&m.view, of, tables);
	if (m.view.n == 0) {
		rc = as_fail(e, AS_EFORMAT, "%s: no case to pretrain on", of[0].d->path);
		goto out;
	}
	TRY(check_task(m.view.task, e));
	split(&m, how->seed);
	TRY(tr_statistics(&m.view, m.train, m.trains, &m.statistics, e));
	TRY(io_json_parse(m.statistics.data, m.statistics.len, "statistics", &m.doc, e));
	TRY(tr_net_open_to_guess(&m.net, m.view.task, m.view.frozen.source, m.doc, how->seed, e));
	TRY(tr_inputs_init(&m.in, &m.view, &m.net.enc, e));
	tr_inputs_settle(&m.in, m.train, m.trains, m.net.ps.v);
	plan =
	    (struct tr_plan){ .in = &m.in,
			      .train = m.train,
			      .trains = m.trains,
			      .stop = m.stop,
			      .stops = m.stops,
			      .sd = 1,
			      .epochs = how->epochs > 0 ? how->epochs : m.view.task->hyper.epochs,
			      .seed = how->seed,
			      .pool = how->pool,
			      .watch = how->watch,
			      .checkpoint = how->checkpoint,
			      .guess = true };
	plan.schedule = plan.epochs;
	TRY(tr_run(&m.net, &plan, &b->outcome, e));
	b->train = m.trains;
	b->stop = m.stops;
	write_record(b, of, tables, how, &record);
	TRY(put_file(b, &m, record.data, e));
out:
	as_buf_free(&record);
	making_free(&m);
	return rc;
}

void tr_pretrained_free(struct tr_pretrained *b)
{
	as_buf_free(&b->file);
	tr_outcome_free(&b->outcome);
	*b = (struct tr_pretrained){ 0 };
}
