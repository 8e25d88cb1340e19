/* SPDX-License-Identifier: Apache-2.0 */
#include "train/run.h"

#include "core/base/clock.h"
#include "core/nn/adam.h"
#include "core/nn/loss.h"
#include "fusion/calibration.h"
#include "train/calibrate.h"
#include "train/metric.h"
#include "train/order.h"
#include "train/score.h"
#include "train/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 3 };                /* checkpoints that are averaged */
static const double SPREAD = 1.0; /* of log T when the stop set is scored */
static const float CLIP = 1.0F;   /* norm of a batch's gradient at most */

struct checkpoint {
	double loss; /* on the stop set; without one: minus the epoch, so that the last are kept */
	float *v;
};

struct run {
	struct tr_net *net;
	const struct tr_plan *plan;
	struct tr_outcome *out;
	struct tr_step step;
	struct nn_adam adam;
	struct checkpoint kept[KEPT]; /* best first */
	size_t kepts;
	size_t *order; /* [trains] */
	size_t steps;  /* done */
	int64_t began;
	size_t training; /* its number in the plan's checkpoint */
};

enum { PIECES = 13 + 2 * KEPT };

/* All that a run goes on from between two epochs; done: what it came to. */
static size_t pieces_of(struct run *r, bool done, struct tr_piece p[PIECES])
{
	const size_t bytes = r->net->ps.size * sizeof(float);
	struct tr_outcome *out = r->out;
	size_t n = 0;

	p[n++] = (struct tr_piece){ r->net->ps.v, bytes };
	p[n++] = (struct tr_piece){ out->curve, (r->plan->epochs + 1) * sizeof *out->curve };
	p[n++] = (struct tr_piece){ &out->epochs, sizeof out->epochs };
	p[n++] = (struct tr_piece){ &out->best, sizeof out->best };
	if (done) {
		return n;
	}
	p[n++] = (struct tr_piece){ r->adam.m, bytes };
	p[n++] = (struct tr_piece){ r->adam.v, bytes };
	p[n++] = (struct tr_piece){ r->adam.r, bytes };
	p[n++] = (struct tr_piece){ &r->adam.t, sizeof r->adam.t };
	p[n++] = (struct tr_piece){ &r->steps, sizeof r->steps };
	p[n++] = (struct tr_piece){ r->order, r->plan->trains * sizeof *r->order };
	p[n++] = (struct tr_piece){ &r->kepts, sizeof r->kepts };
	for (size_t k = 0; k < KEPT; k++) {
		p[n++] = (struct tr_piece){ &r->kept[k].loss, sizeof r->kept[k].loss };
		p[n++] = (struct tr_piece){ r->kept[k].v, bytes };
	}
	return n;
}

static int save(struct run *r, bool done, struct as_err *e)
{
	struct tr_checkpoint *c = r->plan->checkpoint;
	struct tr_piece p[PIECES];

	if (c == NULL || (!done && !tr_checkpoint_due(c))) {
		return AS_OK;
	}
	return tr_checkpoint_save(c, r->training, done, p, pieces_of(r, done, p), e);
}

/* Goes on from the checkpoint where it has this run; *done: there is nothing left to do. */
static int resume(struct run *r, bool *done, struct as_err *e)
{
	struct tr_checkpoint *c = r->plan->checkpoint;
	struct tr_piece p[PIECES];
	bool found;
	int rc = AS_OK;

	*done = false;
	if (c == NULL) {
		return AS_OK;
	}
	r->training = tr_checkpoint_begin(c);
	TRY(tr_checkpoint_load(c, r->training, true, p, pieces_of(r, true, p), done, e));
	if (!*done) {
		TRY(tr_checkpoint_load(c, r->training, false, p, pieces_of(r, false, p), &found,
				       e));
	}
	if (r->out->epochs > 0) {
		const struct tr_epoch *last = &r->out->curve[r->out->epochs - 1];

		r->began -= (int64_t)(last->seconds * 1e9);
		r->plan->watch->epoch(r->plan->watch->ctx, last);
	}
out:
	return rc;
}

void tr_target_scale(const struct tr_data *d, const size_t *cases, size_t n, double *mean,
		     double *sd)
{
	double sum = 0;
	double square = 0;

	*mean = 0;
	*sd = 1;
	if (d->task->kind != IO_VALUE || n == 0) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		sum += d->v[cases[i]].value;
	}
	*mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) {
		square += (d->v[cases[i]].value - *mean) * (d->v[cases[i]].value - *mean);
	}
	*sd = square > 0 ? sqrt(square / (double)n) : 1;
}

static int no_number(const struct run *r, const char *what, size_t epoch, const size_t *cases,
		     size_t n, struct as_err *e)
{
	const struct tr_data *d = r->plan->in->data;
	struct as_buf names = { 0 };
	int rc;

	for (size_t i = 0; i < n && i < 5; i++) {
		as_buf_printf(&names, "%s%.40s", i > 0 ? ", " : "", d->v[cases[i]].id);
	}
	rc = as_fail(
	    e, AS_EFORMAT,
	    "epoch %zu, batch %zu (cases %s%s): the %s is not a number; a lower rate in "
	    "[train] may help",
	    epoch + 1,
	    r->steps % ((r->plan->trains + d->task->hyper.batch - 1) / d->task->hyper.batch) + 1,
	    names.data, n > 5 ? ", ..." : "", what);
	as_buf_free(&names);
	return rc;
}

/* Encoders whose weights all came from another model stay as they are, or learn. */
static void hold_encoders(struct run *r, bool still)
{
	for (size_t k = 0; k < r->net->enc.n; k++) {
		const char *prefix = r->net->enc.kind[k]->modality;
		const size_t n = strlen(prefix);

		r->net->still[k] = still && r->net->given[k];
		for (size_t i = 0; i < r->net->ps.n; i++) {
			struct nn_param *p = &r->net->ps.p[i];

			if (strncmp(p->name, prefix, n) == 0 && p->name[n] == '.') {
				p->flags &= ~(unsigned)NN_STILL;
				p->flags |= r->net->still[k] ? NN_STILL : 0;
			}
		}
	}
}

/* One pass over the training cases; the sum of their losses. */
static int run_epoch(struct run *r, size_t epoch, double *loss, bool *stopped, struct as_err *e)
{
	const struct tr_plan *plan = r->plan;
	const struct io_hyper *h = &plan->in->data->task->hyper;
	const size_t batches = (plan->trains + h->batch - 1) / h->batch;

	*loss = 0;
	hold_encoders(r, epoch < h->freeze_epochs);
	tr_order(plan, epoch, r->order);
	for (size_t at = 0; at < plan->trains; at += h->batch) {
		const size_t n = plan->trains - at < h->batch ? plan->trains - at : h->batch;
		double batch_loss;

		*stopped = plan->watch->stop(plan->watch->ctx);
		if (*stopped) {
			return AS_OK;
		}
		batch_loss = tr_step_batch(&r->step, epoch, r->order + at, n);
		if (!isfinite(batch_loss)) {
			return no_number(r, "loss", epoch, r->order + at, n, e);
		}
		*loss += batch_loss * (double)n;
		if (!isfinite(nn_adam_step(&r->adam, &r->net->ps, r->step.g[0],
					   nn_rate(h->rate, r->steps, batches * plan->schedule),
					   h->decay, CLIP))) {
			return no_number(r, "gradient", epoch, r->order + at, n, e);
		}
		memset(r->step.g[0], 0, r->net->ps.size * sizeof **r->step.g);
		r->steps++;
	}
	*loss /= (double)plan->trains;
	return AS_OK;
}

/* Mean loss of one temperature on the stop set: what is over-confident there is no worse for it,
 * since the model is calibrated after training. y [n, c]. */
static double calibrated_loss(const struct io_task *task, const float *logits, const float *y,
			      size_t n, size_t c)
{
	const float t = tr_fit_temperature(task, logits, y, n, SPREAD);
	float *x = as_malloc(c * sizeof *x);
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < c; k++) {
			x[k] = logits[i * c + k] / t;
		}
		sum += task->kind == IO_CLASS ? nn_loss_class(x, y + i * c, NULL, c, 1)
					      : nn_loss_multi(x, y + i * c, NULL, c, 1);
	}
	free(x);
	return sum / (double)n;
}

/* The stop set under one mask: the cases that show something, their answers and targets. */
struct exam {
	size_t n;
	float *logits, *p, *y; /* [n, c] */
};

static void exam_free(struct exam *x)
{
	free(x->logits);
	free(x->p);
	free(x->y);
	*x = (struct exam){ 0 };
}

/* Takes from the scores under mask k the cases that have one of `parts`. */
static void exam_init(struct exam *x, const struct run *r, const struct tr_scores *s, size_t k,
		      uint32_t parts)
{
	const struct tr_plan *plan = r->plan;
	const struct io_task *task = plan->in->data->task;
	const size_t c = s->c;

	*x = (struct exam){ .logits = as_malloc((s->n * c + 1) * sizeof *x->logits),
			    .p = as_malloc((s->n * c + 1) * sizeof *x->p),
			    .y = as_malloc((s->n * c + 1) * sizeof *x->y) };
	for (size_t i = 0; i < s->n; i++) {
		const struct tr_case *of = &plan->in->data->v[plan->stop[i]];
		const size_t at = x->n * c;

		if (k > 0 && (s->there[i] & parts) == 0) {
			continue;
		}
		memcpy(x->logits + at, tr_scores_of(s, k) + i * c, c * sizeof *x->logits);
		if (task->kind == IO_VALUE) {
			x->p[at] = x->logits[at];
			x->y[at] = (float)((of->value - plan->mean) / plan->sd);
		} else {
			fu_calibrate(task, x->logits + at, 1, x->p + at);
			memcpy(x->y + at, of->label, c * sizeof *x->y);
		}
		x->n++;
	}
}

static double exam_loss(const struct exam *x, const struct io_task *task, size_t c)
{
	double sum = 0;

	if (task->kind != IO_VALUE) {
		return calibrated_loss(task, x->logits, x->y, x->n, c);
	}
	for (size_t i = 0; i < x->n; i++) {
		sum += nn_loss_value(x->logits + i, x->y[i], NULL, 1);
	}
	return sum / (double)x->n;
}

/* AUC or R2 of the stop set. */
static double exam_metric(const struct exam *x, const struct io_task *task, size_t c)
{
	float half[IO_LABELS_MAX];
	struct tr_metrics m;

	for (size_t k = 0; k < c; k++) {
		half[k] = 0.5F;
	}
	tr_metrics_of(task, &(struct tr_predictions){ x->n, c, x->p, x->y, half }, &m);
	return m.v[task->kind == IO_VALUE ? TR_R2 : TR_AUC];
}

/* The stop set is asked what the steps ask: all parts, and each part alone with its weight. */
static int validate(struct run *r, struct tr_epoch *ep, struct as_err *e)
{
	const struct tr_plan *plan = r->plan;
	const struct io_task *task = plan->in->data->task;
	uint32_t mask[1 + IO_PARTS_MAX] = { plan->parts };
	struct tr_question q = { plan->stop, plan->stops, mask, 1 };
	struct tr_scores s;
	int rc;

	for (uint32_t m = 0; task->hyper.alone_loss > 0 && m < task->parts; m++) {
		mask[q.masks] = plan->parts & 1U << m;
		q.masks += mask[q.masks] != 0 && mask[q.masks] != plan->parts;
	}
	if (plan->guess) {
		ep->stop_loss = tr_step_guesses(&r->step, plan->stop, plan->stops);
		return AS_OK;
	}
	TRY(tr_score(&s, r->net, plan->in, &q, plan->pool, e));
	ep->stop_loss = 0;
	for (size_t k = 0; k < q.masks; k++) {
		struct exam x;

		exam_init(&x, r, &s, k, mask[k]);
		if (k == 0) {
			ep->stop_loss = exam_loss(&x, task, s.c);
			ep->metric = exam_metric(&x, task, s.c);
		} else if (x.n > 0) {
			ep->stop_loss += (double)task->hyper.alone_loss * exam_loss(&x, task, s.c);
		}
		exam_free(&x);
	}
out:
	tr_scores_free(&s);
	return rc;
}

/* Keeps the weights where they are among the best; true where they are the best. */
static bool keep(struct run *r, double loss)
{
	size_t at = r->kepts;
	float *v = r->kept[r->kepts < KEPT ? r->kepts : KEPT - 1].v;

	while (at > 0 && loss < r->kept[at - 1].loss) {
		at--;
	}
	if (at == KEPT) {
		return false;
	}
	r->kepts += r->kepts < KEPT;
	for (size_t i = r->kepts - 1; i > at; i--) {
		r->kept[i] = r->kept[i - 1];
	}
	memcpy(v, r->net->ps.v, r->net->ps.size * sizeof *v);
	r->kept[at] = (struct checkpoint){ loss, v };
	return at == 0;
}

static void average(struct run *r)
{
	float *v = r->net->ps.v;

	for (size_t i = 0; i < r->net->ps.size; i++) {
		double sum = 0;

		for (size_t k = 0; k < r->kepts; k++) {
			sum += (double)r->kept[k].v[i];
		}
		v[i] = (float)(sum / (double)r->kepts);
	}
}

/* Runs, scores and tells one epoch. */
static int one_epoch(struct run *r, size_t epoch, struct as_err *e)
{
	const struct tr_plan *plan = r->plan;
	struct tr_outcome *out = r->out;
	struct tr_epoch ep = { .epoch = epoch + 1,
			       .epochs = plan->epochs,
			       .stop_loss = (double)NAN,
			       .metric = (double)NAN };
	int rc;

	TRY(run_epoch(r, epoch, &ep.loss, &out->interrupted, e));
	if (out->interrupted) {
		goto out;
	}
	TRY(plan->stops > 0 ? validate(r, &ep, e) : AS_OK);
	ep.seconds = (double)(as_mono_ns() - r->began) * 1e-9;
	if (keep(r, plan->stops > 0 ? ep.stop_loss : -(double)ep.epoch)) {
		out->best = ep.epoch;
	}
	out->curve[out->epochs++] = ep;
	plan->watch->epoch(plan->watch->ctx, &ep);
	TRY(save(r, false, e));
out:
	return rc;
}

static int run_epochs(struct run *r, struct as_err *e)
{
	const size_t patience = r->plan->in->data->task->hyper.patience;
	const struct tr_outcome *out = r->out;
	int rc = AS_OK;

	for (size_t epoch = out->epochs;
	     epoch < r->plan->epochs && !out->interrupted && out->epochs < out->best + patience;
	     epoch++) {
		TRY(one_epoch(r, epoch, e));
	}
	if (r->kepts == 0) {
		return as_fail(e, AS_ECLOSED, "interrupted before the first epoch was done");
	}
	average(r);
	TRY(out->interrupted ? AS_OK : save(r, true, e));
out:
	return rc;
}

int tr_run(struct tr_net *net, const struct tr_plan *plan, struct tr_outcome *out, struct as_err *e)
{
	struct run r = { .net = net, .plan = plan, .out = out, .began = as_mono_ns() };
	bool done;
	int rc;

	*out = (struct tr_outcome){ .curve = as_calloc(plan->epochs + 1, sizeof *out->curve) };
	r.order = as_malloc((plan->trains + 1) * sizeof *r.order);
	memcpy(r.order, plan->train, plan->trains * sizeof *r.order);
	nn_adam_init(&r.adam, &net->ps);
	for (size_t k = 0; k < KEPT; k++) {
		r.kept[k].v = as_calloc(net->ps.size, sizeof(float));
	}
	TRY(resume(&r, &done, e));
	TRY(tr_step_init(&r.step, net, plan, e));
	TRY(done ? AS_OK : run_epochs(&r, e));
out:
	for (size_t k = 0; k < KEPT; k++) {
		free(r.kept[k].v);
	}
	tr_step_free(&r.step);
	nn_adam_free(&r.adam);
	free(r.order);
	return rc;
}

void tr_outcome_free(struct tr_outcome *out)
{
	free(out->curve);
	*out = (struct tr_outcome){ 0 };
}
