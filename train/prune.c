/* SPDX-License-Identifier: Apache-2.0 */
#include "train/prune.h"

#include "core/io/pruned.h"
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the weights of a structure are: consecutive rows or columns of a parameter. */
static const struct span {
	const char *suffix; /* behind the layer's prefix */
	enum tr_structure kind;
	bool columns;
	bool reads; /* what the structure hands on: here its importance is */
} spans[] = {
	{ ".attn.o.w", TR_HEAD, true, true },      { ".attn.q.w", TR_HEAD, false, false },
	{ ".attn.k.w", TR_HEAD, false, false },    { ".attn.v.w", TR_HEAD, false, false },
	{ ".attn.gate.w", TR_HEAD, false, false }, { ".attn.gate.b", TR_HEAD, true, false },
	{ ".down.w", TR_UNIT, true, true },        { ".up.w", TR_UNIT, false, false },
	{ ".up.b", TR_UNIT, true, false },         { ".e", TR_ROW, false, true },
};
enum { SPANS = sizeof spans / sizeof *spans, HALVINGS = 50 };

const char *tr_importance_name(enum tr_importance i)
{
	static const char *const name[] = { "taylor", "gradient", "magnitude", "random" };

	return name[i];
}

static bool ends_with(const char *name, const char *suffix, size_t *prefix)
{
	const size_t n = strlen(name);
	const size_t k = strlen(suffix);

	*prefix = n > k ? n - k : 0;
	return n > k && strcmp(name + n - k, suffix) == 0;
}

/* Whether structures of this kind are in a parameter of this prefix. */
static bool prunes(enum tr_structure kind, const char *name, size_t prefix)
{
	if (kind == TR_ROW) {
		return strncmp(name, "text.embed", prefix) == 0 ||
		       strncmp(name, "table.words", prefix) == 0;
	}
	return strncmp(name, "fusion.", 7) != 0;
}

static void add_layer(struct tr_prune *p, const struct span *s, const struct nn_param *param,
		      size_t prefix)
{
	const struct io_hyper *h = &p->net->task->hyper;
	struct tr_layer *l;

	p->layer = as_realloc(p->layer, p->layers + 1, sizeof *p->layer);
	l = &p->layer[p->layers++];
	*l = (struct tr_layer){ .kind = s->kind, .n = s->columns ? param->cols : param->rows };
	l->n /= s->kind == TR_HEAD ? h->width / h->heads : 1;
	memcpy(l->prefix, param->name, prefix);
	l->score = as_calloc(l->n, sizeof *l->score);
	l->keep = as_calloc(l->n, sizeof *l->keep);
	l->kept = l->n;
	memset(l->keep, 1, l->n * sizeof *l->keep);
}

void tr_prune_init(struct tr_prune *p, const struct tr_net *net)
{
	size_t prefix;

	*p = (struct tr_prune){ .net = net, .share = 1, .weights = nn_params_learned(&net->ps) };
	for (size_t i = 0; i < net->ps.n; i++) {
		for (size_t k = 0; k < SPANS; k++) {
			if (spans[k].reads &&
			    ends_with(net->ps.p[i].name, spans[k].suffix, &prefix) &&
			    prunes(spans[k].kind, net->ps.p[i].name, prefix)) {
				add_layer(p, &spans[k], &net->ps.p[i], prefix);
			}
		}
	}
}

void tr_prune_free(struct tr_prune *p)
{
	for (size_t i = 0; i < p->layers; i++) {
		free(p->layer[i].score);
		free(p->layer[i].keep);
	}
	free(p->layer);
	*p = (struct tr_prune){ 0 };
}

/* The layer whose structures the parameter holds; NULL: none. */
static struct tr_layer *layer_of(const struct tr_prune *p, const struct nn_param *param,
				 const struct span **span)
{
	for (size_t i = 0; i < p->layers; i++) {
		const size_t n = strlen(p->layer[i].prefix);

		if (strncmp(param->name, p->layer[i].prefix, n) != 0) {
			continue;
		}
		for (size_t k = 0; k < SPANS; k++) {
			if (spans[k].kind == p->layer[i].kind &&
			    strcmp(param->name + n, spans[k].suffix) == 0) {
				*span = &spans[k];
				return &p->layer[i];
			}
		}
	}
	return NULL;
}

/* Adds what one batch's gradient g (NULL: magnitudes) says of every structure. */
static void add_batch(struct tr_prune *p, enum tr_importance how, const float *g)
{
	for (size_t i = 0; i < p->net->ps.n; i++) {
		const struct nn_param *param = &p->net->ps.p[i];
		const float *w = p->net->ps.v + param->at;
		const struct span *s;
		struct tr_layer *l = layer_of(p, param, &s);
		double *sum;

		if (l == NULL || !s->reads) {
			continue;
		}
		sum = as_calloc(l->n, sizeof *sum);
		for (size_t k = 0; k < param->rows * param->cols; k++) {
			const size_t line = s->columns ? k % param->cols : k / param->cols;
			const size_t lines = s->columns ? param->cols : param->rows;
			const double dw = g != NULL ? (double)g[param->at + k] : 0.0;

			sum[line / (lines / l->n)] += how == TR_TAYLOR     ? (double)w[k] * dw
						      : how == TR_GRADIENT ? fabs(dw)
									   : fabs((double)w[k]);
		}
		for (size_t k = 0; k < l->n; k++) {
			l->score[k] += fabs(sum[k]);
		}
		free(sum);
	}
}

static int score_gradients(struct tr_prune *p, enum tr_importance how, struct tr_net *net,
			   const struct tr_plan *plan, struct as_err *e)
{
	const size_t batch = net->task->hyper.batch;
	struct tr_plan still = *plan;
	struct tr_step step = { 0 };
	int rc;

	still.still = true;
	TRY(tr_step_init(&step, net, &still, e));
	for (size_t at = 0; at < plan->trains; at += batch) {
		const size_t n = plan->trains - at < batch ? plan->trains - at : batch;

		(void)tr_step_batch(&step, 0, plan->train + at, n);
		add_batch(p, how, step.g[0]);
		memset(step.g[0], 0, net->ps.size * sizeof **step.g);
	}
out:
	tr_step_free(&step);
	return rc;
}

int tr_prune_score(struct tr_prune *p, enum tr_importance how, const struct tr_plan *plan,
		   struct as_err *e)
{
	struct tr_net net = *p->net; /* only read: the steps have gradients of their own */
	struct as_rng rng;

	if (how == TR_TAYLOR || how == TR_GRADIENT) {
		return score_gradients(p, how, &net, plan, e);
	}
	if (how == TR_MAGNITUDE) {
		add_batch(p, how, NULL);
		return AS_OK;
	}
	as_rng_seed(&rng, plan->seed, 0x7072756eU); /* "prun": a stream of its own */
	for (size_t i = 0; i < p->layers; i++) {
		for (size_t k = 0; k < p->layer[i].n; k++) {
			p->layer[i].score[k] = (double)as_rng_float(&rng);
		}
	}
	return AS_OK;
}

static size_t kept_of(const struct tr_layer *l, double share)
{
	const size_t n = (size_t)(share * (double)l->n + 0.5);

	return n < 1 ? 1 : n < l->n ? n : l->n;
}

/* Rows or columns that a layer's parameter has left, of so many. */
static size_t lines_of(const struct tr_layer *l, size_t lines)
{
	return l->kept * (lines / l->n) + (l->kind == TR_ROW && l->kept < l->n);
}

/* Decides how many are kept; the weights that are left. */
static size_t share_out(struct tr_prune *p, double share)
{
	size_t weights = 0;

	for (size_t i = 0; i < p->layers; i++) {
		p->layer[i].kept = kept_of(&p->layer[i], share);
	}
	for (size_t i = 0; i < p->net->ps.n; i++) {
		const struct nn_param *param = &p->net->ps.p[i];
		const struct span *s;
		const struct tr_layer *l = layer_of(p, param, &s);

		if (l == NULL) {
			weights += (param->flags & NN_FIXED) != 0 ? 0 : param->rows * param->cols;
		} else if (s->columns) {
			weights += param->rows * lines_of(l, param->cols);
		} else {
			weights += lines_of(l, param->rows) * param->cols;
		}
	}
	p->share = share;
	p->weights = weights;
	return weights;
}

struct placed {
	double score;
	size_t at;
};

static int best_first(const void *a, const void *b)
{
	const struct placed *x = a;
	const struct placed *y = b;

	if (x->score < y->score || x->score > y->score) {
		return x->score > y->score ? -1 : 1;
	}
	return x->at < y->at ? -1 : x->at > y->at;
}

static void choose(struct tr_layer *l)
{
	struct placed *v = as_malloc(l->n * sizeof *v);

	for (size_t i = 0; i < l->n; i++) {
		v[i] = (struct placed){ l->score[i], i };
	}
	qsort(v, l->n, sizeof *v, best_first);
	for (size_t i = 0; i < l->n; i++) {
		l->keep[v[i].at] = i < l->kept;
	}
	free(v);
}

int tr_prune_cut(struct tr_prune *p, double size, struct as_err *e)
{
	const size_t all = nn_params_learned(&p->net->ps);
	const double want = size * (double)all;
	const size_t least = share_out(p, 0);
	double low = 0;
	double high = 1;

	if ((double)least > want) {
		return as_fail(e, AS_EUSAGE,
			       "--size %g: of %zu weights %zu remain at least, %.3f of them", size,
			       all, least, (double)least / (double)all);
	}
	if ((double)share_out(p, 1) > want) {
		for (int i = 0; i < HALVINGS; i++) {
			const double middle = (low + high) / 2;

			if ((double)share_out(p, middle) > want) {
				high = middle;
			} else {
				low = middle;
			}
		}
		(void)share_out(p, low);
	}
	for (size_t i = 0; i < p->layers; i++) {
		choose(&p->layer[i]);
	}
	return AS_OK;
}

static const struct tr_layer *find_layer(const struct tr_prune *p, enum tr_structure kind,
					 const char *prefix)
{
	for (size_t i = 0; i < p->layers; i++) {
		if (p->layer[i].kind == kind && strcmp(p->layer[i].prefix, prefix) == 0) {
			return &p->layer[i];
		}
	}
	return NULL;
}

void tr_prune_write(const struct tr_prune *p, struct io_jw *w)
{
	const struct io_hyper *h = &p->net->task->hyper;
	const struct {
		const char *modality, *words;
		size_t blocks;
	} encoder[] = { { "text", "text.embed", h->text_blocks },
			{ "image", "", h->image_blocks },
			{ "table", "table.words", h->table_blocks } };

	io_jw_obj(w, NULL);
	for (size_t i = 0; i < sizeof encoder / sizeof *encoder; i++) {
		const size_t blocks = encoder[i].blocks;
		const struct tr_layer *words = find_layer(p, TR_ROW, encoder[i].words);
		struct nn_block_size *size = as_calloc(blocks + 1, sizeof *size);
		bool there = words != NULL;

		for (size_t k = 0; k < blocks; k++) {
			char prefix[NN_NAME_SIZE];
			const struct tr_layer *heads;

			(void)snprintf(prefix, sizeof prefix, "%s.block.%zu", encoder[i].modality,
				       k);
			heads = find_layer(p, TR_HEAD, prefix);
			there = there || heads != NULL;
			if (heads != NULL) {
				size[k].heads = heads->kept;
				size[k].hidden = find_layer(p, TR_UNIT, prefix)->kept;
			}
		}
		if (there) {
			io_pruned_write(w, encoder[i].modality, size, blocks,
					words != NULL && words->kept < words->n ? words->keep
										: NULL,
					h->text_buckets);
		}
		free(size);
	}
	io_jw_end_obj(w);
}

/* The teacher's row or column that is number i of what is left; SIZE_MAX: the shared row. */
static size_t *lines_left(const struct tr_layer *l, size_t lines, size_t left)
{
	const size_t per = lines / l->n;
	size_t *from = as_malloc(left * sizeof *from);
	size_t n = 0;

	for (size_t i = 0; i < lines; i++) {
		if (l->keep[i / per]) {
			from[n++] = i;
		}
	}
	if (n < left) {
		from[n] = SIZE_MAX;
	}
	return from;
}

void tr_prune_copy(const struct tr_prune *p, struct tr_net *to)
{
	for (size_t i = 0; i < to->ps.n; i++) {
		const struct nn_param *param = &to->ps.p[i];
		const struct nn_param *old = nn_param_find(&p->net->ps, param->name);
		const float *w = p->net->ps.v + old->at;
		float *v = to->ps.v + param->at;
		const struct span *s;
		const struct tr_layer *l = layer_of(p, param, &s);
		size_t *from;

		if (l == NULL) {
			memcpy(v, w, param->rows * param->cols * sizeof *v);
			continue;
		}
		from = lines_left(l, s->columns ? old->cols : old->rows,
				  s->columns ? param->cols : param->rows);
		for (size_t k = 0; k < param->rows * param->cols; k++) {
			const size_t row = k / param->cols;
			const size_t col = k % param->cols;
			const size_t line = from[s->columns ? col : row];

			v[k] = line == SIZE_MAX ? 0.0F
			       : s->columns     ? w[row * old->cols + line]
						: w[line * old->cols + col];
		}
		free(from);
	}
}
