/* SPDX-License-Identifier: Apache-2.0
 * kernels.c - the products of a linear layer against the libraries', and the row kernels; sizes of
 * the reference network, one core. */
#include "bench/bench.h"
#include "core/base/buf.h"
#include "core/base/rng.h"
#include "core/tensor/f32.h"
#include "core/tensor/gemm.h"
#include "core/tensor/q8.h"
#include "core/tensor/rows.h"
#include "encoders/image/scatter.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 356, WIDTH = 256, HIDDEN = 1024, ROW_NUMBERS = TOKENS * HIDDEN };

struct shape {
	size_t n, out, in;
};

struct ours {
	struct shape s;
	float *x, *w, *y;
	struct tn_f32 *f32;
	struct tn_q8 *q8;
};

static void run_f32(void *ctx)
{
	struct ours *o = ctx;

	const struct tn_f32_right w = tn_f32_part(o->f32, 0, o->s.out, 0, o->s.in);

	tn_f32_product(&(struct tn_f32_left){ o->x, o->s.in, 1 }, &w,
		       &(struct tn_out){ o->y, o->s.out, false }, o->s.n);
}

static void run_unlaid(void *ctx)
{
	struct ours *o = ctx;

	tn_gemm_nt((struct tn_mat){ o->y, o->s.out }, (struct tn_cmat){ o->x, o->s.in },
		   (struct tn_cmat){ o->w, o->s.in }, o->s.n, o->s.out, o->s.in);
}

static void run_q8(void *ctx)
{
	struct ours *o = ctx;

	tn_q8_mul(o->q8, o->x, NULL, o->y, o->s.n);
}

static float *draw(size_t n, uint64_t seed)
{
	float *v = as_malloc(n * sizeof *v);
	struct as_rng r;

	as_rng_seed(&r, seed, 1);
	for (size_t i = 0; i < n; i++) {
		v[i] = as_rng_normal(&r);
	}
	return v;
}

static void ours_open(struct ours *o, const struct shape *s)
{
	int8_t *wq = as_malloc(s->out * s->in);
	float *scale = as_malloc(s->out * sizeof *scale);
	struct as_err e;

	*o = (struct ours){ .s = *s,
			    .x = draw(s->n * s->in, 1),
			    .w = draw(s->out * s->in, 2),
			    .y = draw(s->n * s->out, 3) };
	o->f32 = tn_f32_open(o->w, s->out, s->in);
	for (size_t i = 0; i < s->out; i++) {
		scale[i] = tn_quantize_weights(o->w + i * s->in, wq + i * s->in, s->in);
	}
	if (tn_q8_open(&o->q8, wq, scale, s->out, s->in, &e) != AS_OK) {
		(void)fprintf(stderr, "bench: %s\n", e.msg);
		exit(EXIT_FAILURE);
	}
	free(scale);
	free(wq);
}

static void ours_close(struct ours *o)
{
	tn_q8_close(o->q8);
	tn_f32_close(o->f32);
	free(o->x);
	free(o->w);
	free(o->y);
}

static void product(const struct shape *s)
{
	static const char *const library[] = { "oneDNN fp32", "oneDNN bf16", "oneDNN int8" };
	struct bench_line l = { .section = "kernels", .unit = "Gop/s", .one_core = true };
	char shape[32];
	char name[64];
	char peer[64];
	struct ours o;

	(void)snprintf(shape, sizeof shape, "%zu x %zu x %zu", s->n, s->out, s->in);
	l.per = 2e-9 * (double)s->n * (double)s->out * (double)s->in;
	l.name = name;
	for (size_t i = 0; i < sizeof library / sizeof *library; i++) {
		struct bench_product *p =
		    bench_product_open((enum bench_library)i, s->n, s->out, s->in);

		(void)snprintf(name, sizeof name, "%s, %s", library[i], shape);
		bench_run(&l, bench_product_run, p, 30);
		bench_product_close(p);
	}
	ours_open(&o, s);
	l.peer = peer;
	(void)snprintf(name, sizeof name, "assay fp32, %s", shape);
	(void)snprintf(peer, sizeof peer, "%s, %s", library[BENCH_ONEDNN_F32], shape);
	bench_run(&l, run_f32, &o, 30);
	(void)snprintf(name, sizeof name, "assay fp32 as in training, %s", shape);
	bench_run(&l, run_unlaid, &o, 30);
	(void)snprintf(name, sizeof name, "assay int8, %s", shape);
	(void)snprintf(peer, sizeof peer, "%s, %s", library[BENCH_ONEDNN_S8], shape);
	bench_run(&l, run_q8, &o, 30);
	ours_close(&o);
}

struct rows {
	float *x, *y, *xhat, *rstd, *one;
	uint8_t *q;
};

static void run_exp(void *ctx)
{
	struct rows *r = ctx;

	tn_exp(r->x, r->y, ROW_NUMBERS);
}

static void run_gelu(void *ctx)
{
	struct rows *r = ctx;

	tn_gelu(r->x, r->y, ROW_NUMBERS);
}

static void run_norm(void *ctx)
{
	struct rows *r = ctx;
	const struct tn_norm l = { r->one, r->one, WIDTH, 1e-5F };

	tn_norm_rows(&l, r->x, r->xhat, r->rstd, r->y, ROW_NUMBERS / WIDTH);
}

static void run_quantize(void *ctx)
{
	struct rows *r = ctx;

	for (size_t i = 0; i < ROW_NUMBERS; i += WIDTH) {
		r->one[0] = tn_quantize_row(r->x + i, r->q + i, WIDTH);
	}
}

static void row_kernels(void)
{
	static void (*const run[])(void *) = { run_exp, run_gelu, run_norm, run_quantize };
	static const char *const name[] = { "exp", "GELU", "norm of 256", "quantise rows of 256" };
	struct rows r = { .x = draw(ROW_NUMBERS, 4),
			  .y = draw(ROW_NUMBERS, 4),
			  .xhat = draw(ROW_NUMBERS, 4),
			  .rstd = draw(ROW_NUMBERS / WIDTH, 4),
			  .one = draw(WIDTH, 4),
			  .q = as_malloc(ROW_NUMBERS) };

	for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
		const struct bench_line l = { .section = "kernels",
					      .name = name[i],
					      .unit = "G numbers/s",
					      .per = ROW_NUMBERS / 1e9,
					      .one_core = true };

		bench_run(&l, run[i], &r, 30);
	}
	free(r.q);
	free(r.one);
	free(r.rstd);
	free(r.xhat);
	free(r.y);
	free(r.x);
}

enum { SIDE = 96 };

struct picture {
	float *x, *scratch, *y;
};

static void run_texture(void *ctx)
{
	struct picture *p = ctx;

	enc_scatter(p->x, SIDE, 1, p->scratch, p->y);
}

static void texture(void)
{
	const struct bench_line l = { .section = "kernels",
				      .name = "textures of pictures, 96 x 96",
				      .unit = "pictures/s",
				      .per = 1,
				      .one_core = true };
	struct picture p = { .x = draw((size_t)SIDE * SIDE, 5),
			     .scratch = draw(enc_scatter_scratch(SIDE), 5),
			     .y = draw(ENC_SCATTER_N, 5) };

	bench_run(&l, run_texture, &p, 30);
	free(p.y);
	free(p.scratch);
	free(p.x);
}

void bench_kernels(void)
{
	static const struct shape shapes[] = { { 16, WIDTH, WIDTH },
					       { TOKENS, WIDTH, WIDTH },
					       { TOKENS, HIDDEN, WIDTH },
					       { TOKENS, WIDTH, HIDDEN } };

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		product(&shapes[i]);
	}
	row_kernels();
	texture();
}
