/* SPDX-License-Identifier: Apache-2.0
 * kit.h - one encoder opened for a test: in process, and as the plugin that is built of it. */
#ifndef TESTS_ENCODERS_KIT_H
#define TESTS_ENCODERS_KIT_H

#include "core/base/buf.h"
#include "core/io/model.h"
#include "encoders/kind.h"
#include "tests/support/check.h"
#include "tests/support/gradcheck.h"
#include "tests/support/tmpdir.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>

struct kit {
	const struct enc_kind *kind;
	struct io_task task;
	struct json_t *statistics;
	struct nn_params ps;
	struct as_arena mem;
	void *enc;
	struct as_err e;
};

/* ini: the task file; statistics: JSON or NULL. */
static inline void kit_open(struct kit *k, const struct enc_kind *kind, const char *ini,
			    const char *statistics)
{
	struct as_err e = { 0 };
	struct as_rng rng;

	*k = (struct kit){ .kind = kind };
	ok(io_task_load(&k->task, tmpdir_file("task.ini", ini), &e));
	if (statistics != NULL) {
		ok(io_json_parse(statistics, strlen(statistics), "statistics", &k->statistics, &e));
	}
	ok(kind->open(&k->enc, &k->ps, &k->task, k->statistics, &e));
	as_rng_seed(&rng, 7, 0);
	nn_params_start(&k->ps, &rng);
	ok(as_arena_init(&k->mem, "test", (size_t)1 << 32, &e));
}

/* The limit of that name, as an operator would set it. */
static inline void kit_limit(struct kit *k, const char *name, uint64_t most)
{
	for (size_t i = 0; i < k->kind->limits; i++) {
		if (strcmp(k->kind->limit[i].name, name) == 0) {
			k->kind->set_limit(k->enc, i, most);
			return;
		}
	}
	cr_assert(false, "no limit %s", name);
}

static inline void kit_close(struct kit *k)
{
	k->kind->close(k->enc);
	nn_params_free(&k->ps);
	as_arena_free(&k->mem);
	io_json_free(k->statistics);
	io_task_free(&k->task);
}

static inline struct assay_item kit_item(const char *part, const void *data, size_t size)
{
	return (struct assay_item){ .data = data, .size = size, .type = "", .part = part };
}

/* Rows [in->rows, width] of one item; free them and the input. */
static inline float *kit_encode(struct kit *k, const struct assay_item *item, struct enc_input *in)
{
	const struct nn_step s = { .p = k->ps.v, .mem = &k->mem };
	struct as_err e = { 0 };
	float *rows;
	void *act;

	ok(k->kind->prepare(k->enc, item, in, &e));
	cr_assert(le(sz, in->rows, ENC_ROWS_MAX));
	rows = as_calloc(in->rows * k->task.hyper.width, sizeof *rows);
	k->kind->fwd(k->enc, &s, in, rows, &act);
	as_arena_reset(&k->mem, 0);
	return rows;
}

/* The item must be refused, with this limit (NULL: none) and a message that mentions text. */
static inline void kit_refuses(struct kit *k, const struct assay_item *item, const char *limit,
			       const char *text)
{
	struct as_err e = { 0 };
	struct enc_input in;

	fails(k->kind->prepare(k->enc, item, &in, &e), AS_EFORMAT, text);
	if (limit == NULL) {
		cr_assert(eq(ptr, (void *)(uintptr_t)in.limit, NULL));
	} else {
		same(in.limit, limit);
	}
	k->kind->input_free(&in);
}

/* The item must be taken; returns its rows. */
static inline size_t kit_takes(struct kit *k, const struct assay_item *item)
{
	struct as_err e = { 0 };
	struct enc_input in;
	size_t rows;

	ok(k->kind->prepare(k->enc, item, &in, &e));
	rows = in.rows;
	k->kind->input_free(&in);
	return rows;
}

struct kit_loss {
	struct kit *k;
	struct enc_input *in;
	const float *weight; /* [rows, width] */
	float *grad;         /* NULL: forward only */
};

/* A training pass with the same random numbers each time; the loss is a weighted sum of the rows.
 */
static inline double kit_loss(void *ctx)
{
	const struct kit_loss *l = ctx;
	const size_t n = l->in->rows * l->k->task.hyper.width;
	struct as_rng rng;
	const struct nn_step s = { .p = l->k->ps.v, .g = l->grad, .mem = &l->k->mem, .rng = &rng };
	float *rows;
	double sum = 0.0;
	void *act;

	as_rng_seed(&rng, 3, 0);
	rows = as_alloc(&l->k->mem, n, sizeof *rows);
	l->k->kind->fwd(l->k->enc, &s, l->in, rows, &act);
	for (size_t i = 0; i < n; i++) {
		sum += (double)rows[i] * (double)l->weight[i];
	}
	if (l->grad != NULL) {
		l->k->kind->bwd(l->k->enc, &s, l->in, l->weight, act);
	}
	as_arena_reset(&l->k->mem, 0);
	return sum;
}

/* Largest error of every stride-th weight's gradient, on one item. Also that each parameter has a
 * gradient that is not all zero, but for those whose name contains but (NULL: no exception). */
static inline double kit_gradients(struct kit *k, const struct assay_item *item, size_t stride,
				   const char *but)
{
	struct as_err e = { 0 };
	struct enc_input in;
	struct kit_loss l = { .k = k, .in = &in };
	struct as_rng rng;
	double worst = 0.0;
	float *weight;

	ok(k->kind->prepare(k->enc, item, &in, &e));
	weight = as_calloc(in.rows * k->task.hyper.width, sizeof *weight);
	as_rng_seed(&rng, 5, 0);
	for (size_t i = 0; i < in.rows * k->task.hyper.width; i++) {
		weight[i] = as_rng_normal(&rng) / sqrtf((float)in.rows);
	}
	l.weight = weight;
	l.grad = as_calloc(k->ps.size, sizeof *l.grad);
	(void)kit_loss(&l);
	for (size_t p = 0; p < k->ps.n; p++) {
		const struct nn_param *q = &k->ps.p[p];
		float *g = l.grad + q->at;
		const size_t n = q->rows * q->cols;
		struct kit_loss forward = l;
		float most = 0.0F;
		double error;

		forward.grad = NULL;
		for (size_t i = 0; i < n; i++) {
			most = fmaxf(most, fabsf(g[i]));
		}
		if ((q->flags & NN_FIXED) != 0) {
			cr_assert(eq(flt, most, 0.0F), "%s is not learned", q->name);
			continue;
		}
		cr_assert(most > 0.0F || (but != NULL && strstr(q->name, but) != NULL),
			  "%s gets no gradient", q->name);
		error = gradcheck(kit_loss, &forward, k->ps.v + q->at, g, n,
				  n < stride ? 1 + n / 8 : stride, 1e-2F);
		cr_assert(error < 1e-2, "%s: gradient off by %g", q->name, error);
		worst = fmax(worst, error);
	}
	free(weight);
	free(l.grad);
	k->kind->input_free(&in);
	return worst;
}

/* A pass of pretraining with the same hidden rows each time: what is said of them. */
static inline double kit_guess(void *ctx)
{
	const struct kit_loss *l = ctx;
	const size_t n = l->in->rows * l->k->task.hyper.width;
	struct as_rng rng;
	const struct nn_step s = {
		.p = l->k->ps.v, .g = l->grad, .mem = &l->k->mem, .rng = &rng, .hide = true
	};
	float *rows;
	float *drows;
	double loss;
	void *act;

	as_rng_seed(&rng, 3, 0);
	rows = as_alloc(&l->k->mem, n, sizeof *rows);
	drows = as_zalloc(&l->k->mem, n, sizeof *drows);
	l->k->kind->fwd(l->k->enc, &s, l->in, rows, &act);
	loss = l->k->kind->guess(l->k->enc, &s, l->in, rows, act, 0.7, drows);
	if (l->grad != NULL) {
		l->k->kind->bwd(l->k->enc, &s, l->in, drows, act);
	}
	as_arena_reset(&l->k->mem, 0);
	return loss;
}

/* Largest error of every stride-th weight's gradient of the guess at one item. Before its weights
 * have learned, the guess knows nothing: *fresh. */
static inline double kit_guess_gradients(struct kit *k, const struct assay_item *item,
					 size_t stride, double *fresh)
{
	struct as_err e = { 0 };
	struct enc_input in;
	struct kit_loss l = { .k = k, .in = &in };
	struct as_rng rng;
	double worst = 0.0;
	float *g;

	ok(k->kind->prepare(k->enc, item, &in, &e));
	*fresh = kit_guess(&l) / 0.7;
	as_rng_seed(&rng, 5, 0);
	g = l.grad = as_calloc(k->ps.size, sizeof *l.grad);
	for (size_t p = 0; p < k->ps.n; p++) { /* what starts at zero hides what is behind it */
		const struct nn_param *q = &k->ps.p[p];

		for (size_t i = 0; i < q->rows * q->cols; i++) {
			k->ps.v[q->at + i] +=
			    strncmp(q->name, "guess.", 6) == 0 ? 0.3F * as_rng_normal(&rng) : 0;
		}
	}
	(void)kit_guess(&l);
	l.grad = NULL;
	for (size_t p = 0; p < k->ps.n; p++) {
		const struct nn_param *q = &k->ps.p[p];
		const size_t n = q->rows * q->cols;

		if ((q->flags & NN_FIXED) != 0) {
			continue;
		}
		const double error = gradcheck(kit_guess, &l, k->ps.v + q->at, g + q->at, n,
					       n < stride ? 1 + n / 8 : stride, 1e-2F);

		cr_assert(error < 1e-2, "%s: gradient off by %g", q->name, error);
		worst = fmax(worst, error);
	}
	free(g);
	k->kind->input_free(&in);
	return worst;
}

/* The same kit with what guessing needs. */
static inline void kit_open_to_guess(struct kit *k, const struct enc_kind *kind, const char *ini,
				     const char *statistics)
{
	struct as_err e = { 0 };
	struct as_rng rng;

	kit_open(k, kind, ini, statistics);
	nn_params_free(&k->ps);
	k->kind->close(k->enc);
	ok(kind->open(&k->enc, &k->ps, &k->task, k->statistics, &e));
	kind->guess_open(k->enc, &k->ps);
	as_rng_seed(&rng, 7, 0);
	nn_params_start(&k->ps, &rng);
}

/* Writes the model that the kit holds to a file and returns its path. */
static inline const char *kit_save(struct kit *k, const char *statistics)
{
	const char *path = tmpdir_path("model.safetensors");
	const struct nn_params *const sets[] = { &k->ps };
	struct as_buf task = { 0 };
	struct io_jw w = { .b = &task };
	struct as_err e = { 0 };

	io_task_write(&k->task, &w, NULL);
	{
		const struct io_meta meta[] = { { "format", "assay-model-1" },
						{ "task", task.data },
						{ "statistics", statistics } };

		ok(io_model_save(path, sets, 1, meta, statistics != NULL ? 3 : 2, &e));
	}
	as_buf_free(&task);
	return path;
}

static inline const char *kit_config(void *ctx, const char *key)
{
	return strcmp(key, "model") == 0 ? ctx : NULL;
}

static inline void kit_log(void *ctx, enum assay_level level, const char *id, const char *msg)
{
	(void)ctx;
	(void)level;
	(void)id;
	(void)msg;
}

/* Loads the kind's plugin as built beside this test. It is never unloaded, as in the worker. */
static inline const struct assay_plugin *kit_plugin(const struct enc_kind *kind)
{
	struct as_buf path = { 0 };
	void *dso;

	as_buf_printf(&path, "%s/plugins/%s.so", BUILD_DIR, kind->modality);
	dso = dlopen(path.data, RTLD_NOW | RTLD_LOCAL);
	cr_assert(ne(ptr, dso, NULL), "%s", dlerror());
	as_buf_free(&path);
	return dlsym(dso, "assay_plugin_entry");
}

/* The plugin of the kind, on the kit's own weights, must give the bits that the kit gives for the
 * good item, and refuse the bad one with the limit. */
static inline void kit_plugin_agrees(struct kit *k, const char *statistics,
				     const struct assay_item *good, const struct assay_item *bad,
				     const char *limit)
{
	const struct assay_plugin *entry = kit_plugin(k->kind);
	const char *model = kit_save(k, statistics);
	const struct assay_host host = { .size = sizeof host,
					 .ctx = (void *)(uintptr_t)model,
					 .config = kit_config,
					 .log = kit_log };
	const struct assay_item item[2] = { *good, *bad };
	const uint32_t width = k->task.hyper.width;
	float *v = as_calloc(2UL * ENC_ROWS_MAX * width, sizeof *v);
	struct assay_place place[2][ENC_ROWS_MAX] = { 0 };
	struct assay_features out[2] = {
		{ .v = v, .place = place[0], .dim = width, .rows_max = ENC_ROWS_MAX },
		{ .v = v + ENC_ROWS_MAX * width,
		  .place = place[1],
		  .dim = width,
		  .rows_max = ENC_ROWS_MAX },
	};
	struct assay_encoder *encoder;
	struct enc_input in;
	float *rows = kit_encode(k, good, &in);
	char why[256] = "";
	uint32_t dim;
	uint32_t rows_max;

	same(entry->modality, k->kind->modality);
	same(entry->name, k->kind->name);
	same(entry->version, k->kind->version);
	cr_assert(eq(int, entry->create(&host, &encoder, why, sizeof why), ASSAY_DONE), "%s", why);
	entry->shape(encoder, &dim, &rows_max);
	cr_assert(eq(u32, dim, width));
	cr_assert(eq(u32, rows_max, ENC_ROWS_MAX));
	cr_assert(eq(int, entry->encode(encoder, item, out, 2), ASSAY_DONE));
	cr_assert(eq(sz, out[0].rows, in.rows), "%s", out[0].why != NULL ? out[0].why : "");
	cr_assert(zero(int, memcmp(v, rows, in.rows * width * sizeof *v)));
	cr_assert(zero(int, memcmp(place[0], in.place, in.rows * sizeof *in.place)));
	cr_assert(eq(u32, out[1].rows, 0));
	same(out[1].limit, limit);
	cr_assert(ne(ptr, strstr(out[1].why, limit), NULL));
	entry->destroy(encoder);
	entry->destroy(NULL);
	k->kind->input_free(&in);
	free(rows);
	free(v);
}

#endif
