/* SPDX-License-Identifier: Apache-2.0
 * Every layer, forward and gradients, against PyTorch: tests/golden/make_nn.py wrote the numbers in
 * double. A float32 result is held to 2e-6 of the largest number of its matrix (a product of some
 * tens of terms rounds to a few 1e-7 of it), and of 1 where that is less. */
#include "core/nn/adam.h"
#include "core/nn/loss.h"
#include "tests/core/nn/layers.h"

#include <stdint.h>
#include <stdio.h>

static const double tolerance = 2e-6;

/* The file as bytes. Its header is JSON on one line written by tests/golden/tensors.py, so a name
 * in quotes, then its offsets, is all there is to find. */
struct golden {
	char *bytes;
	size_t size;
	const char *data;
};

static void golden_open(struct golden *g)
{
	FILE *f = fopen(SOURCE_DIR "/tests/golden/nn.safetensors", "rb");
	uint64_t header;

	cr_assert(ne(ptr, f, NULL));
	cr_assert(zero(int, fseek(f, 0, SEEK_END)));
	g->size = (size_t)ftell(f);
	rewind(f);
	g->bytes = malloc(g->size);
	cr_assert(ne(ptr, g->bytes, NULL));
	cr_assert(eq(sz, fread(g->bytes, 1, g->size, f), g->size));
	(void)fclose(f);
	memcpy(&header, g->bytes, sizeof header);
	g->data = g->bytes + 8 + header;
	g->bytes[8 + header - 1] = '\0'; /* the padding or the last brace */
}

static void golden_close(struct golden *g)
{
	free(g->bytes);
}

/* The tensor called case.name: exactly n numbers. */
static void golden_get(const struct golden *g, const char *prefix, const char *name, float *to,
		       size_t n)
{
	char key[128];
	const char *at;
	size_t from;
	size_t end;

	(void)snprintf(key, sizeof key, "\"%s%s%s\":{", prefix, *prefix == '\0' ? "" : ".", name);
	at = strstr(g->bytes + 8, key);
	cr_assert(ne(ptr, (void *)at, NULL), "%s is not in the golden file", key);
	at = strstr(at, "\"data_offsets\":[");
	cr_assert(eq(int, sscanf(at, "\"data_offsets\":[%zu,%zu]", &from, &end), 2));
	cr_assert(eq(sz, end - from, n * sizeof *to), "%s", key);
	memcpy(to, g->data + from, n * sizeof *to);
}

static void golden_same(const struct golden *g, const char *prefix, const char *name,
			const float *got, size_t n)
{
	float *want = malloc(n * sizeof *want);
	double most = 1.0;

	cr_assert(ne(ptr, want, NULL));
	golden_get(g, prefix, name, want, n);
	for (size_t i = 0; i < n; i++) {
		most = fmax(most, fabs((double)want[i]));
	}
	for (size_t i = 0; i < n; i++) {
		cr_assert(le(dbl, fabs((double)got[i] - (double)want[i]), tolerance * most),
			  "%s.%s[%zu] is %.9g, PyTorch has %.9g", prefix, name, i, (double)got[i],
			  (double)want[i]);
	}
	free(want);
}

/* Loads x, dy and the weights of the case, runs both ways and compares y, dx and every gradient. */
static void golden_check(struct probe *p, const char *name)
{
	struct golden g;

	golden_open(&g);
	if (p->nx > 0) {
		golden_get(&g, name, "x", p->x, p->nx);
	}
	golden_get(&g, name, "dy", p->dy, p->ny);
	for (size_t i = 0; i < p->ps.n; i++) {
		const struct nn_param *w = &p->ps.p[i];

		golden_get(&g, "", w->name, p->ps.v + w->at, w->rows * w->cols);
	}
	probe_fwd(p);
	golden_same(&g, name, "y", p->y, p->ny);
	p->bwd(p);
	if (p->nx > 0) {
		golden_same(&g, name, "dx", p->dx, p->nx);
	}
	for (size_t i = 0; i < p->ps.n; i++) {
		const struct nn_param *w = &p->ps.p[i];

		golden_same(&g, "grad", w->name, p->s.g + w->at, w->rows * w->cols);
	}
	golden_close(&g);
}

Test(nn_golden, linear)
{
	struct nn_linear l;
	struct probe p = {
		.layer = &l, .n = 5, .nx = 35, .ny = 30, .fwd = linear_fwd, .bwd = linear_bwd
	};

	nn_linear_init(&l, &p.ps, "linear", 7, 6, true, 1.0F);
	probe_start(&p, 1);
	golden_check(&p, "linear");
	probe_free(&p);
}

Test(nn_golden, norm)
{
	struct nn_norm l;
	struct probe p = {
		.layer = &l, .n = 4, .nx = 76, .ny = 76, .fwd = norm_fwd, .bwd = norm_bwd
	};

	nn_norm_init(&l, &p.ps, "norm", 19);
	probe_start(&p, 1);
	golden_check(&p, "norm");
	probe_free(&p);
}

Test(nn_golden, group_norm)
{
	struct nn_gnorm l;
	struct probe p = {
		.layer = &l, .n = 12, .nx = 192, .ny = 192, .fwd = gnorm_fwd, .bwd = gnorm_bwd
	};

	nn_gnorm_init(&l, &p.ps, "gnorm", 16);
	probe_start(&p, 1);
	golden_check(&p, "gnorm");
	probe_free(&p);
}

Test(nn_golden, gelu)
{
	struct probe p = { .n = 211, .nx = 211, .ny = 211, .fwd = gelu_fwd, .bwd = gelu_bwd };

	probe_start(&p, 1);
	golden_check(&p, "gelu");
	probe_free(&p);
}

Test(nn_golden, embed)
{
	float number[9];
	uint32_t ids[9];
	uint32_t start[5];
	struct embed_probe l = { .bags = { .n = 4, .start = start, .ids = ids } };
	struct probe p = { .layer = &l, .n = 4, .ny = 24, .fwd = embed_fwd, .bwd = embed_bwd };
	struct golden g;

	golden_open(&g);
	golden_get(&g, "embed", "ids", number, 9);
	for (size_t i = 0; i < 9; i++) {
		ids[i] = (uint32_t)number[i];
	}
	golden_get(&g, "embed", "start", number, 5);
	for (size_t i = 0; i < 5; i++) {
		start[i] = (uint32_t)number[i];
	}
	golden_close(&g);
	nn_embed_init(&l.layer, &p.ps, "embed", 9, 6);
	probe_start(&p, 1);
	golden_check(&p, "embed");
	probe_free(&p);
}

Test(nn_golden, conv)
{
	struct conv_probe a = { .h = 5, .w = 7 };
	struct conv_probe b = { .h = 6, .w = 9 };
	struct probe p = { .layer = &a,
			   .n = 1,
			   .nx = 5 * 7 * 2,
			   .ny = 5 * 7 * 3,
			   .fwd = conv_fwd,
			   .bwd = conv_bwd };
	struct probe q = { .layer = &b,
			   .n = 1,
			   .nx = 6 * 9 * 3,
			   .ny = 3 * 5 * 4,
			   .fwd = conv_fwd,
			   .bwd = conv_bwd };

	nn_conv_init(&a.layer, &p.ps, "conv1", 2, 3, 1);
	probe_start(&p, 1);
	golden_check(&p, "conv1");
	probe_free(&p);
	nn_conv_init(&b.layer, &q.ps, "conv2", 3, 4, 2);
	probe_start(&q, 1);
	golden_check(&q, "conv2");
	probe_free(&q);
}

Test(nn_golden, pool)
{
	struct nn_pool l;
	struct probe p = {
		.layer = &l, .n = 7, .nx = 70, .ny = 10, .fwd = pool_fwd, .bwd = pool_bwd
	};

	nn_pool_init(&l, &p.ps, "pool", 10);
	probe_start(&p, 1);
	golden_check(&p, "pool");
	probe_free(&p);
}

/* One attention case; band: the numbers of the file's `band` case. */
static void check_attn(const char *name, size_t n, size_t d, size_t h, bool gated, float tau)
{
	struct nn_attn l;
	struct probe p = {
		.layer = &l, .n = n, .nx = n * d, .ny = n * d, .fwd = attn_fwd, .bwd = attn_bwd
	};

	nn_attn_init(&l, &p.ps, name, d, h, d / h, gated, tau);
	probe_start(&p, 1);
	if (strcmp(name, "band") == 0) {
		l.full = 8;
		l.window = 6;
		l.globals = 2;
	}
	p.s.gate_loss = strcmp(name, "lambda") == 0 ? 0.7F : 0.0F;
	golden_check(&p, name);
	if (strcmp(name, "closed") == 0) {
		cr_assert(eq(sz, ((struct nn_attn_act *)p.act)->opened, 2));
	}
	probe_free(&p);
}

Test(nn_golden, plain_attention_is_multi_head_attention)
{
	check_attn("plain", 9, 12, 3, false, 0.0F);
}

Test(nn_golden, gated_attention)
{
	check_attn("gated", 9, 12, 3, true, 0.0F);
}

Test(nn_golden, gate_loss)
{
	check_attn("lambda", 4, 12, 3, true, 0.0F);
}

Test(nn_golden, closed_heads_learn_straight_through)
{
	check_attn("closed", 9, 16, 4, true, 0.3F);
}

Test(nn_golden, banded_attention)
{
	check_attn("band", 30, 8, 2, true, 0.0F);
}

Test(nn_golden, attention_with_chosen_spans)
{
	struct nn_attn l;
	struct probe p = {
		.layer = &l, .n = 50, .nx = 400, .ny = 400, .fwd = attn_fwd, .bwd = attn_bwd
	};

	nn_attn_init(&l, &p.ps, "span", 8, 2, 4, true, 0.0F);
	nn_attn_span(&l, &p.ps, "span");
	l.full = 8;
	l.window = 24;
	l.globals = 2;
	l.ramp = 5.0F;
	probe_start(&p, 1);
	p.s.gate_loss = 0.7F;
	golden_check(&p, "span");
	probe_free(&p);
}

static void check_block(const char *name, size_t n, float tau)
{
	struct nn_block l;
	struct probe p = {
		.layer = &l, .n = n, .nx = n * 16, .ny = n * 16, .fwd = block_fwd, .bwd = block_bwd
	};

	nn_block_init(&l, &p.ps, name, &(struct nn_block_shape){ 16, 4, 4, 32, true, tau, false });
	probe_start(&p, 1);
	golden_check(&p, name);
	probe_free(&p);
}

Test(nn_golden, block)
{
	check_block("block", 6, 0.3F);
}

Test(nn_golden, block_of_one_token)
{
	check_block("single", 1, 0.0F);
}

static void check_loss(const struct golden *g, const char *name, size_t c)
{
	float x[8];
	float t[8];
	float d[8] = { 0 };
	float twice[8] = { 0 };
	double loss;
	float got;

	golden_get(g, name, "x", x, c);
	golden_get(g, name, "t", t, c);
	for (size_t i = 0; i < 2; i++) { /* d is added to and weighed; NULL is not wanted */
		float *to = i == 0 ? d : twice;
		const double weight = i == 0 ? 1.0 : 2.0;

		if (strcmp(name, "class") == 0) {
			loss = nn_loss_class(x, t, to, c, weight);
			cr_assert(eq(dbl, nn_loss_class(x, t, NULL, c, weight), loss));
		} else if (strcmp(name, "multi") == 0) {
			loss = nn_loss_multi(x, t, to, c, weight);
			cr_assert(eq(dbl, nn_loss_multi(x, t, NULL, c, weight), loss));
		} else {
			loss = nn_loss_value(x, t[0], to, weight);
			cr_assert(eq(dbl, nn_loss_value(x, t[0], NULL, weight), loss));
		}
		got = (float)(loss / weight);
		golden_same(g, name, "y", &got, 1);
	}
	golden_same(g, name, "dx", d, c);
	for (size_t k = 0; k < c; k++) {
		cr_assert(epsilon_eq(flt, twice[k], 2.0F * d[k], 1e-6F));
	}
}

Test(nn_golden, losses)
{
	struct golden g;

	golden_open(&g);
	check_loss(&g, "class", 5);
	check_loss(&g, "multi", 5);
	check_loss(&g, "value", 1);
	golden_close(&g);
}

Test(nn_golden, five_steps_of_adamw)
{
	const char *const step[] = { "adam0", "adam1", "adam2", "adam3", "adam4" };
	struct nn_params ps = { 0 };
	struct nn_adam o;
	struct as_rng r;
	struct golden g;
	float grad[16];
	float length;

	golden_open(&g);
	(void)nn_param_add(&ps, "", "w", 3, 4, NN_DECAY, NN_ZERO, 0.0F);
	(void)nn_param_add(&ps, "", "b", 1, 4, 0, NN_ZERO, 0.0F);
	as_rng_seed(&r, 1, 1);
	nn_params_start(&ps, &r);
	nn_adam_init(&o, &ps);
	o.beta2 = 0.98F;
	golden_get(&g, "adam", "w", ps.v, 12);
	golden_get(&g, "adam", "b", ps.v + 12, 4);
	for (size_t i = 0; i < 5; i++) {
		const char *at = step[i];

		golden_get(&g, at, "gw", grad, 12);
		golden_get(&g, at, "gb", grad + 12, 4);
		length = (float)nn_adam_step(&o, &ps, grad, 0.01F, 0.05F, 1.0F);
		golden_same(&g, at, "norm", &length, 1);
		golden_same(&g, at, "w", ps.v, 12);
		golden_same(&g, at, "b", ps.v + 12, 4);
	}
	nn_adam_free(&o);
	nn_params_free(&ps);
	golden_close(&g);
}

Test(nn_golden, five_steps_behind_a_standardised_matrix)
{
	struct nn_params ps = { 0 };
	struct nn_adam o;
	struct as_rng r;
	struct golden g;

	golden_open(&g);
	(void)nn_param_add(&ps, "", "w", 3, 9, NN_DECAY | NN_STANDARD, NN_NORMAL, 1.0F);
	as_rng_seed(&r, 1, 1);
	nn_params_start(&ps, &r);
	golden_get(&g, "standard", "w", ps.v, 27);
	nn_adam_init(&o, &ps);
	for (size_t i = 0; i < 5; i++) {
		const char at[] = { 's', 't', 'a', 'n', 'd', 'a', 'r', 'd', (char)('0' + i), '\0' };
		float grad[27];
		float length;

		golden_get(&g, at, "gw", grad, 27);
		length = (float)nn_adam_step(&o, &ps, grad, 0.01F, 0.05F, 1.0F);
		golden_same(&g, at, "norm", &length, 1);
		golden_same(&g, at, "w", ps.v, 27);
	}
	nn_adam_free(&o);
	nn_params_free(&ps);
	golden_close(&g);
}
