/* SPDX-License-Identifier: Apache-2.0 */
#include "train/trained.h"

#include "core/io/model.h"
#include "train/from.h"

#include <stdlib.h>
#include <string.h>

int tr_trained_fit(struct tr_trained *t, const struct tr_data *d, struct tr_plan *plan,
		   struct as_err *e)
{
	int rc;

	*t = (struct tr_trained){ 0 };
	TRY(tr_statistics(d, plan->train, plan->trains, &t->statistics, e));
	TRY(tr_trained_fit_to(t, d, plan, e));
out:
	return rc;
}

/* Beside linear models of the same cases, where they teach. */
static int run(struct tr_trained *t, const struct tr_data *d, struct tr_plan *plan,
	       struct as_err *e)
{
	const struct tr_cases on = { plan->train, plan->trains, plan->stop, plan->stops };
	struct tr_linear_teachers linear = { 0 };
	int rc;

	if (d->task->hyper.linear_loss > 0) {
		TRY(tr_linear_teachers_fit(&linear, d, plan->parts, &on, plan->penalty, e));
		plan->linear = &linear;
	}
	TRY(tr_run(&t->net, plan, &t->outcome, e));
	memcpy(t->outcome.penalty, plan->penalty, sizeof t->outcome.penalty);
out:
	plan->linear = NULL;
	tr_linear_teachers_free(&linear);
	return rc;
}

int tr_trained_fit_to(struct tr_trained *t, const struct tr_data *d, struct tr_plan *plan,
		      struct as_err *e)
{
	struct tr_scores s = { 0 };
	float *y = NULL;
	int rc;

	tr_target_scale(d, plan->train, plan->trains, &t->mean, &t->sd);
	TRY(io_json_parse(t->statistics.data, t->statistics.len, "statistics", &t->doc, e));
	TRY(tr_net_open(&t->net, d->task, d->frozen.source, t->doc, plan->seed, e));
	TRY(tr_inputs_init(&t->in, d, &t->net.enc, e));
	tr_inputs_settle(&t->in, plan->train, plan->trains, t->net.ps.v);
	if (plan->from != NULL) { /* what it settled on comes with its weights */
		TRY(tr_from_copy(plan->from, &t->net, t->doc, plan->watch, e));
	}
	plan->in = &t->in;
	plan->mean = t->mean;
	plan->sd = t->sd;
	TRY(run(t, d, plan, e));
	for (size_t m = 0; m < IO_PARTS_MAX; m++) {
		t->temperature[m] = 1.0F;
	}
	if (plan->stops > 0) {
		y = as_malloc((plan->stops * t->net.fuse.c + 1) * sizeof *y);
		tr_truth(d, plan->stop, plan->stops, y);
		TRY(tr_score(&s, &t->net, &t->in,
			     &(struct tr_question){ plan->stop, plan->stops, &plan->parts, 1 },
			     plan->pool, e));
		tr_fit_scale(&t->net, &s, y, t->temperature);
	}
out:
	tr_scores_free(&s);
	free(y);
	return rc;
}

void tr_trained_free(struct tr_trained *t)
{
	tr_outcome_free(&t->outcome);
	tr_inputs_free(&t->in);
	tr_net_close(&t->net);
	io_json_free(t->doc);
	as_buf_free(&t->statistics);
	*t = (struct tr_trained){ 0 };
}

int tr_trained_score(struct tr_trained *t, const size_t *cases, size_t n, struct tr_pool *pool,
		     struct tr_scores *s, struct as_err *e)
{
	uint32_t mask[FU_PATTERNS];
	const size_t masks = tr_patterns(t->net.task->parts, mask);

	return tr_score(s, &t->net, &t->in, &(struct tr_question){ cases, n, mask, masks }, pool,
			e);
}

int tr_trained_calibrate(struct tr_trained *t, const size_t *cases, size_t n, struct tr_pool *pool,
			 struct as_err *e)
{
	struct tr_scores s = { 0 };
	float *y = as_malloc((n * t->net.fuse.c + 1) * sizeof *y);
	int rc;

	tr_truth(t->in.data, cases, n, y);
	TRY(tr_trained_score(t, cases, n, pool, &s, e));
	tr_calibrate(&t->calibration, t->net.task, &s, y, t->mean, t->sd);
out:
	tr_scores_free(&s);
	free(y);
	return rc;
}

void tr_write_encoders(const struct tr_net *net, const struct tr_data *d, struct as_buf *b)
{
	const struct io_task *task = net->task;
	struct io_jw w = { .b = b };

	io_jw_obj(&w, NULL);
	for (size_t m = 0; m < task->parts; m++) {
		const int k = net->enc.of[m];
		const struct fu_source *s = &d->frozen.source[m];
		const struct enc_kind *kind = k == TR_FROZEN ? NULL : net->enc.kind[k];

		io_jw_obj(&w, task->part[m].name);
		io_jw_str(&w, "modality", kind ? kind->modality : s->modality);
		io_jw_str(&w, "name", kind ? kind->name : s->name);
		io_jw_str(&w, "version", kind ? kind->version : s->version);
		io_jw_u64(&w, "dim", kind ? task->hyper.width : s->dim);
		io_jw_bool(&w, "frozen", kind == NULL);
		io_jw_end_obj(&w);
	}
	io_jw_end_obj(&w);
}

int tr_trained_put(const struct tr_trained *t, const char *record, struct as_buf *out,
		   struct as_err *e)
{
	const struct nn_params *ps = &t->net.ps;
	struct io_tensor *tensor = as_calloc(ps->n + 1, sizeof *tensor);
	struct as_buf task = { 0 };
	struct as_buf encoders = { 0 };
	struct as_buf calibration = { 0 };
	struct io_jw task_w = { .b = &task };
	struct io_jw calibration_w = { .b = &calibration };
	int rc;

	for (size_t i = 0; i < ps->n; i++) {
		tensor[i] = io_tensor_of(&ps->p[i], ps->v);
	}
	io_task_write(t->net.task, &task_w, NULL);
	tr_write_encoders(&t->net, t->in.data, &encoders);
	fu_calibration_write(&t->calibration, t->net.task, &calibration_w);
	rc = io_model_put(out, tensor, ps->n,
			  (const struct io_meta[]){
			      { "format", "assay-model-1" },
			      { "name", t->net.task->name },
			      { "task", task.data },
			      { "statistics", t->statistics.data },
			      { "encoders", encoders.data },
			      { "calibration", calibration.data },
			      { "training", record },
			  },
			  7, e);
	as_buf_free(&task);
	as_buf_free(&encoders);
	as_buf_free(&calibration);
	free(tensor);
	return rc;
}
