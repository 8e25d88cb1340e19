/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/reference.h"

#include "core/base/buf.h"
#include "core/tensor/q8.h"
#include "core/tensor/rows.h"

#include <stdio.h>
#include <stdlib.h>

void bench_must(int rc, const struct as_err *e)
{
	if (rc != AS_OK) {
		(void)fprintf(stderr, "bench: %s\n", e->msg);
		exit(EXIT_FAILURE);
	}
}

/* Every weight of a layer that knows int8, in int8. */
static void quantize(struct nn_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct nn_param *p = &ps->p[i];
		int8_t *w = as_malloc(p->rows * p->cols);
		float *scale = as_malloc(p->rows * sizeof *scale);
		struct as_err e;

		for (size_t r = 0; r < p->rows; r++) {
			scale[r] = tn_quantize_weights(ps->v + p->at + r * p->cols, w + r * p->cols,
						       p->cols);
		}
		if (p->int8) {
			bench_must(nn_param_q8(ps, i, w, scale, &e), &e);
		}
		free(scale);
		free(w);
	}
}

void network_open(struct network *n, bool int8, bool serves)
{
	struct as_rng r;

	*n = (struct network){ 0 };
	nn_embed_init(&n->word, &n->ps, "word", BUCKETS, WIDTH);
	nn_linear_init(&n->patch, &n->ps, "patch", WIDTH, WIDTH, true, 1.0F);
	nn_linear_init(&n->cell, &n->ps, "cell", CELL, WIDTH, true, 1.0F);
	n->position = nn_param_add(&n->ps, "position", "v", TOKENS, WIDTH, 0, NN_NORMAL, 0.02F);
	nn_stack_init(
	    &n->stack, &n->ps, "net",
	    &(struct nn_stack_shape){
		.d = WIDTH, .heads = 8, .mlp = 4, .blocks = 4, .gated = true, .threshold = 0.1F });
	nn_linear_init(&n->head, &n->ps, "head", WIDTH, LABELS, true, 1.0F);
	as_rng_seed(&r, 1, 1);
	nn_params_start(&n->ps, &r);
	if (int8) {
		quantize(&n->ps);
	}
	if (serves) {
		nn_params_serve(&n->ps);
	}
}

void network_close(struct network *n)
{
	nn_stack_free(&n->stack);
	nn_params_free(&n->ps);
}

void network_fwd(const struct network *n, const struct nn_step *s, struct kase_act *a,
		 struct kase *c)
{
	*a = (struct kase_act){ .words = { WORDS, c->start, c->ids },
				.ends = { 0, TOKENS },
				.x = as_alloc(s->mem, (size_t)TOKENS * WIDTH, sizeof(float)),
				.y = as_alloc(s->mem, WIDTH, sizeof(float)) };
	a->mean = (struct nn_bags){ 1, a->ends, a->all };
	for (uint32_t i = 0; i < TOKENS; i++) {
		a->all[i] = i;
	}
	nn_embed_fwd(&n->word, s->p, &a->words, a->x);
	nn_linear_fwd(&n->patch, s->p, c->patch, a->x + (size_t)WORDS * WIDTH, PATCHES);
	nn_linear_fwd(&n->cell, s->p, c->cell, a->x + (size_t)(WORDS + PATCHES) * WIDTH, CELLS);
	tn_axpy(a->x, 1.0F, s->p + n->position, (size_t)TOKENS * WIDTH);
	nn_stack_fwd(&n->stack, s, &a->stack, a->x, TOKENS, &a->mean, a->y);
	nn_linear_fwd(&n->head, s->p, a->y, c->logits, 1);
}

void network_bwd(const struct network *n, const struct nn_step *s, const struct kase_act *a,
		 const struct kase *c, const float *dlogits)
{
	float *dx = as_zalloc(s->mem, (size_t)TOKENS * WIDTH, sizeof *dx);
	float dy[WIDTH] = { 0.0F };

	nn_linear_bwd(&n->head, s->p, s->g, a->y, dlogits, dy, 1);
	nn_stack_bwd(&n->stack, s, &a->stack, dy, dx, TOKENS);
	tn_axpy(s->g + n->position, 1.0F, dx, (size_t)TOKENS * WIDTH);
	nn_embed_bwd(&n->word, s->g, &a->words, dx);
	nn_linear_bwd(&n->patch, s->p, s->g, c->patch, dx + (size_t)WORDS * WIDTH, NULL, PATCHES);
	nn_linear_bwd(&n->cell, s->p, s->g, c->cell, dx + (size_t)(WORDS + PATCHES) * WIDTH, NULL,
		      CELLS);
}

void draw_cases(struct kase *c, size_t n)
{
	struct as_rng r;

	as_rng_seed(&r, 2, 1);
	for (size_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < WORDS; k++) {
			c[i].ids[k] = (uint32_t)(as_rng_u64(&r) % BUCKETS);
			c[i].start[k] = k;
		}
		c[i].start[WORDS] = WORDS;
		for (size_t k = 0; k < (size_t)PATCHES * WIDTH; k++) {
			c[i].patch[k] = as_rng_normal(&r);
		}
		for (size_t k = 0; k < (size_t)CELLS * CELL; k++) {
			c[i].cell[k] = as_rng_normal(&r);
		}
	}
}
