/* SPDX-License-Identifier: Apache-2.0 */
#include "train/prune.h"

#include "core/io/pruned.h"
#include "core/nn/gnorm.h"
#include "core/nn/standard.h"
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the weights of a structure are: rows or columns of a parameter. What the structure hands on
 * is read elsewhere, in tr_layer.reader. */
static const struct span {
	const char *suffix; /* behind the layer's prefix */
	enum tr_structure kind;
	bool columns;
} spans[] = {
	{ ".attn.q.w", TR_HEAD, false },
	{ ".attn.k.w", TR_HEAD, false },
	{ ".attn.v.w", TR_HEAD, false },
	{ ".attn.gate.w", TR_HEAD, false },
	{ ".attn.gate.b", TR_HEAD, true },
	{ ".up.w", TR_UNIT, false },
	{ ".up.b", TR_UNIT, true },
	{ ".w", TR_CHANNEL, false },
	{ ".b", TR_CHANNEL, true },
	{ ".norm.gamma", TR_CHANNEL, true },
	{ ".norm.beta", TR_CHANNEL, true },
	{ ".res.w", TR_CHANNEL, false },
	{ ".res.w", TR_CHANNEL, true },
	{ ".res.b", TR_CHANNEL, true },
	{ ".res.norm.gamma", TR_CHANNEL, true },
	{ ".res.norm.beta", TR_CHANNEL, true },
	{ ".mean", TR_NUMBER, true },
	{ ".sd", TR_NUMBER, true },
};
enum { SPANS = sizeof spans / sizeof *spans, HALVINGS = 50 };

const char *tr_importance_name(enum tr_importance i)
{
	static const char *const name[] = { "taylor", "gradient", "magnitude", "random" };

	return name[i];
}

/* A layer of n structures under the first `prefix` letters of the reader's name. */
static void add_layer(struct tr_prune *p, enum tr_structure kind, const char *reader, size_t prefix,
		      size_t n, size_t per)
{
	struct tr_layer *l;

	p->layer = as_realloc(p->layer, p->layers + 1, sizeof *p->layer);
	l = &p->layer[p->layers++];
	*l = (struct tr_layer){ .kind = kind, .n = n, .per = per, .kept = n };
	memcpy(l->prefix, reader, prefix);
	memcpy(l->reader, reader, strlen(reader));
	l->score = as_calloc(n, sizeof *l->score);
	l->keep = as_calloc(n, sizeof *l->keep);
	memset(l->keep, 1, n * sizeof *l->keep);
}

/* Structures that a parameter of this name reads, and that are of one with the same prefix. */
static void add_read(struct tr_prune *p, const struct nn_param *param)
{
	static const struct {
		const char *suffix;
		enum tr_structure kind;
	} reader[] = { { ".attn.o.w", TR_HEAD }, { ".down.w", TR_UNIT } };
	const size_t channels = p->net->task->hyper.width / p->net->task->hyper.heads;
	const size_t length = strlen(param->name);

	for (size_t i = 0; i < sizeof reader / sizeof *reader; i++) {
		const size_t n = strlen(reader[i].suffix);

		if (length > n && strcmp(param->name + length - n, reader[i].suffix) == 0 &&
		    strncmp(param->name, "fusion.", 7) != 0) {
			const size_t per = reader[i].kind == TR_HEAD ? channels : 1;

			add_layer(p, reader[i].kind, param->name, length - n, param->cols / per,
				  per);
		}
	}
	if (strcmp(param->name, "text.embed.e") == 0 || strcmp(param->name, "table.words.e") == 0) {
		add_layer(p, TR_ROW, param->name, length - 2, param->rows, 1);
	}
	if (strcmp(param->name, "image.texture.w") == 0) {
		add_layer(p, TR_NUMBER, param->name, length - 2, param->cols, 1);
	}
}

/* The stages of the picture's convolutions, each read by the next and the last by a linear map. */
static void add_stages(struct tr_prune *p)
{
	for (size_t i = 0; i < IO_STAGES; i++) {
		char name[NN_NAME_SIZE];
		const struct nn_param *stage;

		(void)snprintf(name, sizeof name, "image.stem.%zu.w", i);
		stage = nn_param_find(&p->net->ps, name);
		if (stage == NULL) {
			return;
		}
		if (i + 1 < IO_STAGES) {
			(void)snprintf(name, sizeof name, "image.stem.%zu.w", i + 1);
		} else {
			(void)snprintf(name, sizeof name, "image.stem.out.w");
		}
		add_layer(p, TR_CHANNEL, name, 0, stage->rows / NN_GROUPS, 1);
		(void)snprintf(p->layer[p->layers - 1].prefix, NN_NAME_SIZE, "image.stem.%zu", i);
	}
}

void tr_prune_init(struct tr_prune *p, const struct tr_net *net)
{
	*p = (struct tr_prune){ .net = net, .share = 1, .weights = nn_params_learned(&net->ps) };
	for (size_t i = 0; i < net->ps.n; i++) {
		add_read(p, &net->ps.p[i]);
	}
	add_stages(p);
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

/* Whether the rows (or columns) of this parameter are those of the layer's structures. */
static bool has_lines(const struct tr_layer *l, const char *name, bool columns)
{
	const size_t n = strlen(l->prefix);

	if (strcmp(name, l->reader) == 0 && columns == (l->kind != TR_ROW)) {
		return true;
	}
	for (size_t k = 0; k < SPANS && strncmp(name, l->prefix, n) == 0; k++) {
		if (spans[k].kind == l->kind && spans[k].columns == columns &&
		    strcmp(name + n, spans[k].suffix) == 0) {
			return true;
		}
	}
	return false;
}

/* The layer whose structures the rows (or columns) of a parameter belong to; NULL: none. */
static const struct tr_layer *layer_of(const struct tr_prune *p, const struct nn_param *param,
				       bool columns)
{
	for (size_t i = 0; i < p->layers; i++) {
		if (has_lines(&p->layer[i], param->name, columns)) {
			return &p->layer[i];
		}
	}
	return NULL;
}

static size_t structure_of(const struct tr_layer *l, size_t line)
{
	return line / l->per % l->n;
}

/* Adds what one batch's gradient g (NULL: magnitudes) says of a layer's structures. */
static void add_scores(const struct tr_prune *p, struct tr_layer *l, enum tr_importance how,
		       const float *g)
{
	const struct nn_param *param = nn_param_find(&p->net->ps, l->reader);
	const float *w = p->net->ps.v + param->at;
	double *sum = as_calloc(l->n, sizeof *sum);

	for (size_t k = 0; k < param->rows * param->cols; k++) {
		const size_t line = l->kind == TR_ROW ? k / param->cols : k % param->cols;
		const double dw = g != NULL ? (double)g[param->at + k] : 0.0;

		sum[structure_of(l, line)] += how == TR_TAYLOR     ? (double)w[k] * dw
					      : how == TR_GRADIENT ? fabs(dw)
								   : fabs((double)w[k]);
	}
	for (size_t k = 0; k < l->n; k++) {
		l->score[k] += fabs(sum[k]);
	}
	free(sum);
}

static void add_batch(struct tr_prune *p, enum tr_importance how, const float *g)
{
	for (size_t i = 0; i < p->layers; i++) {
		add_scores(p, &p->layer[i], how, g);
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

/* Rows or columns that a layer (NULL: none) leaves of so many. */
static size_t lines_of(const struct tr_layer *l, size_t lines)
{
	return l == NULL ? lines : l->kept * (lines / l->n) + (l->kind == TR_ROW && l->kept < l->n);
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

		if ((param->flags & NN_FIXED) == 0) {
			weights += lines_of(layer_of(p, param, false), param->rows) *
				   lines_of(layer_of(p, param, true), param->cols);
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

/* What is left of an encoder: *size [blocks + 1] to be freed, *channels. false: it has no layers.
 */
static bool left_of(const struct tr_prune *p, const char *modality, size_t blocks,
		    struct nn_block_size *size, size_t *channels, struct io_left *left)
{
	const struct io_hyper *h = &p->net->task->hyper;
	const struct tr_layer *words =
	    find_layer(p, TR_ROW, strcmp(modality, "text") == 0 ? "text.embed" : "table.words");
	const struct tr_layer *numbers = find_layer(p, TR_NUMBER, "image.texture");
	const bool image = strcmp(modality, "image") == 0;
	bool there = image ? numbers != NULL : words != NULL;

	*left = (struct io_left){ .size = size, .blocks = blocks, .buckets = h->text_buckets };
	for (size_t k = 0; k < blocks; k++) {
		char prefix[NN_NAME_SIZE];
		const struct tr_layer *heads;

		(void)snprintf(prefix, sizeof prefix, "%s.block.%zu", modality, k);
		heads = find_layer(p, TR_HEAD, prefix);
		there = there || heads != NULL;
		size[k] = (struct nn_block_size){ h->heads, (size_t)h->mlp * h->width };
		if (heads != NULL) {
			size[k].heads = heads->kept;
			size[k].hidden = find_layer(p, TR_UNIT, prefix)->kept;
		}
	}
	if (!image) {
		left->bucket = words != NULL && words->kept < words->n ? words->keep : NULL;
		return there;
	}
	for (size_t k = 0; k < IO_STAGES; k++) {
		char prefix[NN_NAME_SIZE];
		const struct tr_layer *stage;

		(void)snprintf(prefix, sizeof prefix, "image.stem.%zu", k);
		stage = find_layer(p, TR_CHANNEL, prefix);
		if (stage != NULL) {
			channels[k] = stage->kept * NN_GROUPS;
			left->channels = channels;
		}
	}
	left->number = numbers != NULL ? numbers->keep : NULL;
	left->numbers = numbers != NULL ? numbers->n : 0;
	return there || left->channels != NULL;
}

void tr_prune_write(const struct tr_prune *p, struct io_jw *w)
{
	const struct io_hyper *h = &p->net->task->hyper;
	const struct {
		const char *modality;
		size_t blocks;
	} encoder[] = { { "text", h->text_blocks },
			{ "image", h->image_blocks },
			{ "table", h->table_blocks } };

	io_jw_obj(w, NULL);
	for (size_t i = 0; i < sizeof encoder / sizeof *encoder; i++) {
		struct nn_block_size *size = as_calloc(encoder[i].blocks + 1, sizeof *size);
		size_t channels[IO_STAGES];
		struct io_left left;

		if (left_of(p, encoder[i].modality, encoder[i].blocks, size, channels, &left)) {
			io_pruned_write(w, encoder[i].modality, &left);
		}
		free(size);
	}
	io_jw_end_obj(w);
}

/* The teacher's row or column that is number i of the `left`; SIZE_MAX: the shared row. */
static size_t *lines_left(const struct tr_layer *l, size_t lines, size_t left)
{
	size_t *from = as_malloc(left * sizeof *from);
	size_t n = 0;

	for (size_t i = 0; i < lines; i++) {
		if (l == NULL || l->keep[structure_of(l, i)]) {
			from[n++] = i;
		}
	}
	if (n < left) {
		from[n] = SIZE_MAX;
	}
	return from;
}

static void copy_left(const struct tr_prune *p, const struct nn_param *old, const float *w,
		      const struct nn_param *param, float *v)
{
	size_t *row = lines_left(layer_of(p, param, false), old->rows, param->rows);
	size_t *col = lines_left(layer_of(p, param, true), old->cols, param->cols);

	for (size_t k = 0; k < param->rows * param->cols; k++) {
		const size_t r = row[k / param->cols];

		v[k] = r == SIZE_MAX ? 0.0F : w[r * old->cols + col[k % param->cols]];
	}
	if ((param->flags & NN_STANDARD) != 0 && param->cols < old->cols) {
		nn_standard_fwd(v, v, param->rows, param->cols);
	}
	free(row);
	free(col);
}

void tr_prune_copy(const struct tr_prune *p, struct tr_net *to)
{
	for (size_t i = 0; i < to->ps.n; i++) {
		const struct nn_param *param = &to->ps.p[i];
		const struct nn_param *old = nn_param_find(&p->net->ps, param->name);

		copy_left(p, old, p->net->ps.v + old->at, param, to->ps.v + param->at);
	}
}
