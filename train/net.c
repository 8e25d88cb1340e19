/* SPDX-License-Identifier: Apache-2.0 */
#include "train/net.h"

#include "core/nn/loss.h"

#include <string.h>

/* Hinton, Vinyals, Dean (2015), arXiv:1503.02531, section 3: 2.5 to 4 for small students. */
static const float SOFT = 4.0F;

static int open_net(struct tr_net *net, const struct io_task *task, const struct fu_source *frozen,
		    const struct json_t *statistics, bool guess, struct as_err *e)
{
	bool part[IO_PARTS_MAX] = { false };
	size_t dim[IO_PARTS_MAX] = { 0 };
	int rc;

	*net = (struct tr_net){ .task = task };
	for (size_t m = 0; m < task->parts; m++) {
		part[m] = frozen[m].frozen;
		dim[m] = frozen[m].frozen ? frozen[m].dim : 0;
	}
	TRY(tr_encoders_open(&net->enc, &net->ps, task, part, statistics, e));
	fu_model_init(&net->fuse, &net->ps, task, dim);
	for (size_t k = 0; guess && k < net->enc.n; k++) {
		net->enc.kind[k]->guess_open(net->enc.enc[k], &net->ps);
	}
out:
	return rc;
}

static void start(struct tr_net *net, uint64_t seed)
{
	struct as_rng rng;

	as_rng_seed(&rng, seed, 0);
	nn_params_start(&net->ps, &rng);
}

int tr_net_open(struct tr_net *net, const struct io_task *task, const struct fu_source *frozen,
		const struct json_t *statistics, uint64_t seed, struct as_err *e)
{
	const int rc = open_net(net, task, frozen, statistics, false, e);

	if (rc == AS_OK) {
		start(net, seed);
	}
	return rc;
}

int tr_net_open_to_guess(struct tr_net *net, const struct io_task *task,
			 const struct fu_source *frozen, const struct json_t *statistics,
			 uint64_t seed, struct as_err *e)
{
	const int rc = open_net(net, task, frozen, statistics, true, e);

	if (rc == AS_OK) {
		start(net, seed);
	}
	return rc;
}

void tr_net_close(struct tr_net *net)
{
	tr_encoders_close(&net->enc);
	nn_params_free(&net->ps);
	*net = (struct tr_net){ 0 };
}

/* Columns of a part's rows as the fusion takes them. */
static size_t dim_of(const struct tr_net *net, size_t part)
{
	return net->fuse.dim[part];
}

static void encode_page(const struct tr_net *net, const struct nn_step *s,
			const struct tr_inputs *in, struct tr_pass *p, size_t part, size_t page,
			size_t *rows)
{
	const size_t at = p->first[part] + page;
	const struct tr_page *from = &p->c->page[at];
	const int k = net->enc.of[part];

	if (k == TR_FROZEN) {
		*rows = from->frozen.rows;
		p->page_rows[part][page] = from->frozen.v;
		p->act[part][page] = NULL;
		return;
	}
	const struct enc_input *input = in->of[p->c->first + at];

	*rows = input->rows;
	p->page_rows[part][page] = as_alloc(s->mem, *rows * dim_of(net, part), sizeof(float));
	net->enc.kind[k]->fwd(net->enc.enc[k], s, input, p->page_rows[part][page],
			      &p->act[part][page]);
}

void tr_net_encode(const struct tr_net *net, const struct nn_step *s, const struct tr_inputs *in,
		   const struct tr_case *c, uint32_t mask, struct tr_pass *p)
{
	*p = (struct tr_pass){ .c = c, .parts = c->parts & mask };
	for (size_t i = c->pages; i > 0; i--) {
		p->first[c->page[i - 1].part] = i - 1;
		p->pages[c->page[i - 1].part]++;
	}
	for (size_t m = 0; m < net->task->parts; m++) {
		size_t rows[IO_PAGES_MAX];
		float *v;

		if ((p->parts >> m & 1U) == 0) {
			continue;
		}
		for (size_t i = 0; i < p->pages[m]; i++) {
			encode_page(net, s, in, p, m, i, &rows[i]);
		}
		fu_merge_plan(&p->merge[m], rows, p->pages[m]);
		v = as_alloc(s->mem, p->merge[m].rows * dim_of(net, m), sizeof *v);
		fu_merge_fwd(&p->merge[m], (const float *const *)p->page_rows[m], v,
			     dim_of(net, m));
		p->rows[m] = (struct fu_rows){ p->merge[m].rows, v };
	}
}

void tr_net_fuse(const struct tr_net *net, const struct nn_step *s, uint32_t mask,
		 struct tr_pass *p)
{
	struct fu_rows rows[IO_PARTS_MAX] = { { 0 } };

	for (size_t m = 0; m < net->task->parts; m++) {
		if ((mask >> m & 1U) != 0) {
			rows[m] = p->rows[m];
		}
	}
	fu_model_fwd(&net->fuse, s, rows, &p->fuse);
}

void tr_net_fuse_alone(const struct tr_net *net, const struct nn_step *s, struct tr_pass *p)
{
	for (size_t m = 0; p->fuse.n > 1 && m < net->task->parts; m++) {
		struct fu_rows rows[IO_PARTS_MAX] = { { 0 } };

		if (p->fuse.present[m]) {
			rows[m] = p->rows[m];
			fu_model_fwd(&net->fuse, s, rows, &p->alone[m]);
		}
	}
}

void tr_slopes_init(struct tr_slopes *g, const struct tr_net *net, const struct nn_step *s,
		    const struct tr_pass *p)
{
	*g = (struct tr_slopes){ .logits = as_zalloc(s->mem, net->fuse.c, sizeof(float)) };
	for (size_t m = 0; m < net->task->parts; m++) {
		if (p->fuse.present[m]) {
			g->late[m] = as_zalloc(s->mem, net->fuse.c, sizeof(float));
			g->z[m] = as_zalloc(s->mem, net->fuse.d, sizeof(float));
		}
		if (p->alone[m].n > 0) {
			g->alone[m] = as_zalloc(s->mem, net->fuse.c, sizeof(float));
		}
	}
}

static void encoders_bwd(const struct tr_net *net, const struct nn_step *s,
			 const struct tr_inputs *in, struct tr_pass *p, size_t part,
			 const float *drows, float *const *own)
{
	const int k = net->enc.of[part];
	float *dpage[IO_PAGES_MAX];

	for (size_t i = 0; i < p->pages[part]; i++) {
		const struct enc_input *input = in->of[p->c->first + p->first[part] + i];

		dpage[i] = own[i] != NULL
			       ? own[i]
			       : as_zalloc(s->mem, input->rows * dim_of(net, part), sizeof(float));
	}
	fu_merge_bwd(&p->merge[part], drows, dpage, dim_of(net, part));
	for (size_t i = 0; i < p->pages[part]; i++) {
		const struct enc_input *input = in->of[p->c->first + p->first[part] + i];

		net->enc.kind[k]->bwd(net->enc.enc[k], s, input, dpage[i], p->act[part][i]);
	}
}

/* Room for the slope of a part's rows; NULL where nothing behind them learns. */
static float *rows_slope(const struct tr_net *net, const struct nn_step *s, const struct tr_pass *p,
			 size_t m)
{
	const int k = net->enc.of[m];

	return k == TR_FROZEN || net->still[k]
		   ? NULL
		   : as_zalloc(s->mem, p->rows[m].rows * dim_of(net, m), sizeof(float));
}

void tr_net_bwd(const struct tr_net *net, const struct nn_step *s, const struct tr_inputs *in,
		struct tr_pass *p, const struct tr_slopes *g)
{
	float *drows[IO_PARTS_MAX] = { NULL };

	for (size_t m = 0; m < net->task->parts; m++) {
		if (p->fuse.present[m]) {
			drows[m] = rows_slope(net, s, p, m);
		}
	}
	fu_model_bwd(&net->fuse, s, p->rows, &p->fuse, g->logits, (float *const *)g->late,
		     (float *const *)g->z, drows);
	for (size_t m = 0; m < net->task->parts; m++) {
		if (g->alone[m] != NULL) {
			fu_model_bwd(&net->fuse, s, p->rows, &p->alone[m], g->alone[m], NULL, NULL,
				     drows);
		}
	}
	for (size_t m = 0; m < net->task->parts; m++) {
		if (drows[m] != NULL) {
			encoders_bwd(net, s, in, p, m, drows[m], g->page[m]);
		}
	}
}

/* The mean error over the pages of a part, whose rows get their slopes. */
static double guess_part(const struct tr_net *net, const struct nn_step *s,
			 const struct tr_inputs *in, struct tr_pass *p, size_t m, double weight,
			 struct tr_slopes *g)
{
	const int k = net->enc.of[m];
	double loss = 0;

	for (size_t i = 0; i < p->pages[m]; i++) {
		const struct enc_input *input = in->of[p->c->first + p->first[m] + i];

		g->page[m][i] = as_zalloc(s->mem, input->rows * dim_of(net, m), sizeof(float));
		loss += net->enc.kind[k]->guess(net->enc.enc[k], s, input, p->page_rows[m][i],
						p->act[m][i], weight / (double)p->pages[m],
						g->page[m][i]);
	}
	return loss;
}

double tr_net_guess_fwd(const struct tr_net *net, const struct nn_step *s,
			const struct tr_inputs *in, const struct tr_case *c, double weight,
			struct tr_pass *p, struct tr_slopes *g)
{
	double loss = 0;

	*g = (struct tr_slopes){ 0 };
	tr_net_encode(net, s, in, c, UINT32_MAX, p);
	for (size_t m = 0; m < net->task->parts; m++) {
		struct fu_rows rows[IO_PARTS_MAX] = { { 0 } };

		if ((p->parts >> m & 1U) == 0) {
			continue;
		}
		if (net->enc.of[m] != TR_FROZEN) {
			loss += guess_part(net, s, in, p, m, weight, g);
		}
		rows[m] = p->rows[m];
		fu_model_fwd(&net->fuse, s, rows, &p->alone[m]);
		g->z[m] = as_zalloc(s->mem, net->fuse.d, sizeof(float));
	}
	return loss;
}

void tr_net_guess_bwd(const struct tr_net *net, const struct nn_step *s, const struct tr_inputs *in,
		      struct tr_pass *p, const struct tr_slopes *g)
{
	const float *none = as_zalloc(s->mem, net->fuse.c, sizeof(float));

	for (size_t m = 0; m < net->task->parts; m++) {
		float *drows[IO_PARTS_MAX] = { NULL };

		if (p->alone[m].n == 0) {
			continue;
		}
		drows[m] = rows_slope(net, s, p, m);
		fu_model_bwd(&net->fuse, s, p->rows, &p->alone[m], none, NULL, (float *const *)g->z,
			     drows);
		if (drows[m] != NULL) {
			encoders_bwd(net, s, in, p, m, drows[m], g->page[m]);
		}
	}
}

static double loss_of(const struct tr_net *net, const float *logits, const struct tr_target *t,
		      float *d, double weight)
{
	switch (net->task->kind) {
	case IO_CLASS:
		return nn_loss_class(logits, t->label, d, net->fuse.c, weight);
	case IO_MULTI:
		return nn_loss_multi(logits, t->label, d, net->fuse.c, weight);
	case IO_VALUE:
		break;
	}
	return nn_loss_value(logits, t->value, d, weight);
}

double tr_net_loss(const struct tr_net *net, const struct tr_pass *p, const struct tr_target *t,
		   double weight, struct tr_slopes *g)
{
	const double part_loss = (double)net->task->hyper.part_loss;
	const double alone_loss = (double)net->task->hyper.alone_loss;
	double loss = loss_of(net, p->fuse.logits, t, g ? g->logits : NULL, weight);

	for (size_t m = 0; g != NULL && m < net->task->parts; m++) {
		if (part_loss > 0 && p->fuse.present[m]) {
			loss += loss_of(net, p->fuse.late[m], t, g->late[m], weight * part_loss);
		}
		if (p->alone[m].n > 0) {
			loss +=
			    loss_of(net, p->alone[m].logits, t, g->alone[m], weight * alone_loss);
		}
	}
	return loss;
}

double tr_net_distil(const struct tr_net *net, const float *logits, const float *teacher,
		     double weight, float *d)
{
	switch (net->task->kind) {
	case IO_CLASS:
		return nn_loss_soft_class(logits, teacher, d, net->fuse.c, SOFT, weight);
	case IO_MULTI:
		return nn_loss_soft_multi(logits, teacher, d, net->fuse.c, SOFT, weight);
	case IO_VALUE:
		break;
	}
	return nn_loss_value(logits, teacher[0], d, weight);
}
