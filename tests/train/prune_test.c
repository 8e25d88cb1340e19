/* SPDX-License-Identifier: Apache-2.0
 * prune_test.c - what is pruned of pictures: channels of the convolutions and numbers of the
 * texture. tests/train/compress_test.c has heads, hidden units and words. */
#include "core/nn/gnorm.h"
#include "core/nn/standard.h"
#include "core/tensor/gemm.h"
#include "encoders/image/scatter.h"
#include "tests/train/pictures.h"
#include "train/prune.h"
#include "train/step.h"
#include "train/trained.h"

#include <string.h>

/* A network of pictures, its scores of chance and its student of this size. */
struct cut {
	struct fix f;
	struct tr_net net, student;
	struct tr_prune p;
	struct json_t *doc;
};

/* What p leaves of its network; *doc is the statistics it is opened with. */
static void open_left(struct tr_net *student, const struct tr_prune *p, const struct fix *f,
		      struct json_t **doc)
{
	struct as_buf text = { 0 };
	struct io_jw w = { .b = &text };
	struct as_err e = { 0 };

	as_buf_puts(&text, "{\"pruned\":");
	tr_prune_write(p, &w);
	as_buf_puts(&text, "}");
	ok(io_json_parse(text.data, text.len, "statistics", doc, &e));
	ok(tr_net_open(student, &f->task, f->d.frozen.source, *doc, 3, &e));
	tr_prune_copy(p, student);
	as_buf_free(&text);
}

static void open_cut(struct cut *x, double size, bool cells)
{
	struct as_err e = { 0 };
	struct tr_plan plan;

	*x = (struct cut){ 0 };
	pictures_load(&x->f);
	x->f.task.hyper.image_cells = cells;
	plan = plan_of(&x->f, 0);
	ok(tr_net_open(&x->net, &x->f.task, x->f.d.frozen.source, NULL, 3, &e));
	for (size_t i = 0; i < x->net.ps.size; i++) { /* to be told apart */
		x->net.ps.v[i] = (float)i;
	}
	tr_prune_init(&x->p, &x->net);
	ok(tr_prune_score(&x->p, TR_RANDOM, &plan, &e));
	ok(tr_prune_cut(&x->p, size, &e));
	open_left(&x->student, &x->p, &x->f, &x->doc);
}

static void close_cut(struct cut *x)
{
	tr_net_close(&x->student);
	tr_net_close(&x->net);
	tr_prune_free(&x->p);
	io_json_free(x->doc);
	fix_close(&x->f);
}

static const struct tr_layer *layer(const struct cut *x, enum tr_structure kind, const char *prefix)
{
	for (size_t i = 0; i < x->p.layers; i++) {
		if (x->p.layer[i].kind == kind && strcmp(x->p.layer[i].prefix, prefix) == 0) {
			return &x->p.layer[i];
		}
	}
	cr_assert(false, "no layer %s", prefix);
	return NULL;
}

/* The teacher's channel that is channel c of those left: each group keeps the same of its own. */
static size_t channel_left(const struct tr_layer *l, size_t c)
{
	size_t at = 0;

	for (size_t k = c % l->kept; !l->keep[at] || k > 0; at++) {
		k -= l->keep[at];
	}
	return c / l->kept * l->n + at;
}

Test(train_prune, a_channel_goes_from_every_group_and_from_all_that_has_or_reads_it,
     .init = tn_init)
{
	static const char *const vectors[] = { "b",     "norm.gamma",     "norm.beta",
					       "res.b", "res.norm.gamma", "res.norm.beta" };
	static struct cut x;
	const struct tr_layer *in;
	const struct tr_layer *out;
	const struct nn_param *was;
	float row[9 * 32];

	open_cut(&x, 0.3, true);
	cr_assert(eq(sz, x.student.ps.size - 2 * layer(&x, TR_NUMBER, "image.texture")->kept,
		     x.p.weights));
	in = layer(&x, TR_CHANNEL, "image.stem.0");
	out = layer(&x, TR_CHANNEL, "image.stem.1");
	cr_assert(eq(sz, in->n, 16 / NN_GROUPS));
	cr_assert(eq(sz, out->n, 32 / NN_GROUPS));
	cr_assert(lt(sz, out->kept, out->n));
	for (size_t k = 0; k < 6; k++) {
		char name[64];

		(void)snprintf(name, sizeof name, "image.stem.1.%s", vectors[k]);
		for (size_t c = 0; c < out->kept * NN_GROUPS; c++) {
			cr_assert(eq(flt, weight(&x.student, name)[c],
				     weight(&x.net, name)[channel_left(out, c)]));
		}
	}
	was = nn_param_find(&x.net.ps, "image.stem.1.w");
	for (size_t c = 0; c < out->kept * NN_GROUPS; c++) { /* rows of one, columns of the other */
		const size_t cols = 9 * in->kept * NN_GROUPS;

		for (size_t k = 0; k < cols; k++) {
			const size_t tap = k / (in->kept * NN_GROUPS);
			const size_t from = channel_left(in, k % (in->kept * NN_GROUPS));

			row[k] = x.net.ps.v[was->at + channel_left(out, c) * was->cols +
					    tap * in->n * NN_GROUPS + from];
		}
		nn_standard_fwd(row, row, 1, in->kept < in->n ? cols : 0);
		cr_assert(zero(int, memcmp(row, weight(&x.student, "image.stem.1.w") + c * cols,
					   cols * sizeof *row)));
	}
	close_cut(&x);
}

Test(train_prune, a_number_takes_its_mean_its_sd_and_its_column_along, .init = tn_init)
{
	static struct cut x;
	const struct tr_layer *l;
	size_t k = 0;

	open_cut(&x, 0.3, true);
	l = layer(&x, TR_NUMBER, "image.texture");
	cr_assert(eq(sz, l->n, ENC_SCATTER_N));
	for (size_t i = 0; i < l->n; i++) {
		if (l->keep[i]) {
			cr_assert(eq(flt, weight(&x.student, "image.texture.mean")[k],
				     weight(&x.net, "image.texture.mean")[i]));
			cr_assert(eq(flt, weight(&x.student, "image.texture.sd")[k],
				     weight(&x.net, "image.texture.sd")[i]));
			for (size_t r = 0; r < 8; r++) {
				cr_assert(eq(flt,
					     weight(&x.student, "image.texture.w")[r * l->kept + k],
					     weight(&x.net, "image.texture.w")[r * l->n + i]));
			}
			k++;
		}
	}
	cr_assert(eq(sz, k, l->kept));
	close_cut(&x);
}

/* A student without some numbers is the teacher with zeros in the map's columns. */
Test(train_prune, a_network_of_a_texture_with_fewer_numbers_is_the_masked_one, .init = tn_init)
{
	static struct fix f;
	const uint32_t whole = UINT32_MAX;
	const struct tr_question q = { index_of, CASES, &whole, 1 };
	struct as_err e = { 0 };
	struct tr_scores a = { 0 };
	struct tr_scores b = { 0 };
	struct tr_inputs in = { 0 };
	struct tr_trained t;
	struct tr_net student = { 0 };
	struct tr_prune p;
	struct tr_plan plan;
	struct json_t *doc;
	const struct nn_param *map;

	pictures_load(&f);
	plan = plan_of(&f, 8);
	ok(tr_trained_fit(&t, &f.d, &plan, &e));
	tr_prune_init(&p, &t.net);
	ok(tr_prune_score(&p, TR_RANDOM, &plan, &e));
	for (size_t i = 0; i < p.layers; i++) { /* numbers alone are cut */
		for (size_t k = 0; k < p.layer[i].n && p.layer[i].kind == TR_NUMBER; k++) {
			p.layer[i].keep[k] = p.layer[i].score[k] > 0.6;
			p.layer[i].kept -= !p.layer[i].keep[k];
		}
	}
	open_left(&student, &p, &f, &doc);
	map = nn_param_find(&t.net.ps, "image.texture.w");
	for (size_t i = 0; i < p.layers; i++) {
		for (size_t k = 0; k < map->rows * map->cols && p.layer[i].kind == TR_NUMBER; k++) {
			t.net.ps.v[map->at + k] *= p.layer[i].keep[k % map->cols] ? 1.0F : 0.0F;
		}
	}
	ok(tr_inputs_init(&in, &f.d, &student.enc, &e));
	ok(tr_score(&a, &t.net, &t.in, &q, f.pool, &e));
	ok(tr_score(&b, &student, &in, &q, f.pool, &e));
	cr_assert(lt(sz, student.ps.size, t.net.ps.size - 1000));
	for (size_t i = 0; i < a.n * a.c; i++) {
		cr_assert(epsilon_eq(flt, a.logits[i], b.logits[i], 1e-4F));
	}
	tr_scores_free(&a);
	tr_scores_free(&b);
	tr_inputs_free(&in);
	tr_net_close(&student);
	io_json_free(doc);
	tr_prune_free(&p);
	tr_trained_free(&t);
	fix_close(&f);
}

Test(train_prune, of_a_texture_alone_only_numbers_are_left_out, .init = tn_init)
{
	static struct cut x;

	open_cut(&x, 0.5, false);
	cr_assert(eq(sz, x.p.layers, 1));
	cr_assert(lt(sz, x.p.layer[0].kept, ENC_SCATTER_N));
	cr_assert(eq(sz, x.student.ps.size - 2 * x.p.layer[0].kept, x.p.weights));
	close_cut(&x);
}

/* The loss of the plan's one batch with the columns of `reader` that read structure k times by. A
 * channel is of the same number in each group of `channels`. */
static double masked_loss(struct tr_step *step, const struct tr_plan *plan,
			  const struct tr_layer *l, size_t k, float by)
{
	const struct nn_param *w = nn_param_find(&step->net->ps, l->reader);
	const size_t channels = l->kind == TR_CHANNEL ? l->n * NN_GROUPS : l->n;
	float *v = step->net->ps.v + w->at;
	float *whole = as_malloc(w->rows * w->cols * sizeof *whole);
	double loss;

	memcpy(whole, v, w->rows * w->cols * sizeof *v);
	for (size_t i = 0; i < w->rows * w->cols; i++) {
		v[i] *= i % w->cols % channels % l->n == k ? by : 1.0F;
	}
	loss = tr_step_batch(step, 0, plan->train, plan->trains);
	memset(step->g[0], 0, step->net->ps.size * sizeof **step->g);
	memcpy(v, whole, w->rows * w->cols * sizeof *v);
	free(whole);
	return loss;
}

Test(train_prune, importance_of_channels_and_numbers_is_the_slope_of_a_mask, .init = tn_init)
{
	static struct fix f;
	const float h = 2e-2F;
	struct as_err e = { 0 };
	struct tr_step step = { 0 };
	struct tr_prune p = { 0 };
	struct tr_trained t;
	struct tr_plan plan;
	size_t seen = 0;

	pictures_load(&f);
	plan = plan_of(&f, 8);
	ok(tr_trained_fit(&t, &f.d, &plan, &e));
	plan.in = &t.in;
	plan.sd = 1;
	plan.still = true;
	tr_prune_init(&p, &t.net);
	ok(tr_prune_score(&p, TR_TAYLOR, &plan, &e));
	ok(tr_step_init(&step, &t.net, &plan, &e));
	for (size_t i = 0; i < p.layers; i++) {
		const struct tr_layer *l = &p.layer[i];

		for (size_t k = 0; k < l->n && k < 4 && l->kind >= TR_CHANNEL; k++) {
			const double slope = (masked_loss(&step, &plan, l, k, 1 + h) -
					      masked_loss(&step, &plan, l, k, 1 - h)) /
					     (2 * (double)h);

			/* Errors of float losses, about 1e-6, over a step of 2e-2. */
			cr_assert(epsilon_eq(dbl, l->score[k], fabs(slope), 3e-4), "%s %zu: %g, %g",
				  l->reader, k, l->score[k], slope);
			seen += l->score[k] > 1e-3;
		}
	}
	cr_assert(lt(sz, 4, seen), "slopes that are no zeros were compared");
	tr_prune_free(&p);
	tr_step_free(&step);
	tr_trained_free(&t);
	fix_close(&f);
}
