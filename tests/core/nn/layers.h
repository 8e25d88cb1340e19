/* SPDX-License-Identifier: Apache-2.0
 * layers.h - probes around each layer: what the gradient checks and the golden tests share. */
#ifndef TESTS_NN_LAYERS_H
#define TESTS_NN_LAYERS_H

#include "core/nn/block.h"
#include "core/nn/conv.h"
#include "core/nn/embed.h"
#include "core/nn/gnorm.h"
#include "core/nn/pool.h"
#include "core/tensor/rows.h"
#include "tests/core/nn/probe.h"

static inline void linear_fwd(struct probe *p)
{
	nn_linear_fwd(p->layer, p->s.p, p->x, p->y, p->n);
}

static inline void linear_bwd(struct probe *p)
{
	nn_linear_bwd(p->layer, p->s.p, p->s.g, p->x, p->dy, p->dx, p->n);
}

static inline void norm_fwd(struct probe *p)
{
	struct nn_norm_act *a = as_zalloc(&p->mem, 1, sizeof *a);

	p->act = a;
	nn_norm_fwd(p->layer, p->s.p, a, &p->mem, p->x, p->y, p->n);
}

static inline void norm_bwd(struct probe *p)
{
	nn_norm_bwd(p->layer, p->s.p, p->s.g, p->act, p->dy, p->dx, p->n);
}

static inline void gnorm_fwd(struct probe *p)
{
	struct nn_gnorm_act *a = as_zalloc(&p->mem, 1, sizeof *a);

	p->act = a;
	nn_gnorm_fwd(p->layer, p->s.p, a, true, &p->mem, p->x, p->y, p->n);
}

static inline void gnorm_bwd(struct probe *p)
{
	nn_gnorm_bwd(p->layer, p->s.p, p->s.g, p->act, &p->mem, p->dy, p->dx, p->n);
}

static inline void gelu_fwd(struct probe *p)
{
	tn_gelu(p->x, p->y, p->nx);
}

static inline void gelu_bwd(struct probe *p)
{
	tn_gelu_bwd(p->x, p->dy, p->dx, p->nx);
}

struct embed_probe {
	struct nn_embed layer;
	struct nn_bags bags;
};

static inline void embed_fwd(struct probe *p)
{
	const struct embed_probe *l = p->layer;

	nn_embed_fwd(&l->layer, p->s.p, &l->bags, p->y);
}

static inline void embed_bwd(struct probe *p)
{
	const struct embed_probe *l = p->layer;

	nn_embed_bwd(&l->layer, p->s.g, &l->bags, p->dy);
}

struct conv_probe {
	struct nn_conv layer;
	size_t h, w;
};

static inline void conv_fwd(struct probe *p)
{
	const struct conv_probe *l = p->layer;
	struct nn_conv_act *a = as_zalloc(&p->mem, 1, sizeof *a);

	p->act = a;
	nn_conv_fwd(&l->layer, p->s.p, a, &p->mem, p->x, l->h, l->w, p->y);
}

static inline void conv_bwd(struct probe *p)
{
	const struct conv_probe *l = p->layer;

	nn_conv_bwd(&l->layer, p->s.p, p->s.g, p->act, &p->mem, p->dy, p->dx);
}

static inline void pool_fwd(struct probe *p)
{
	struct nn_pool_act *a = as_zalloc(&p->mem, 1, sizeof *a);

	p->act = a;
	nn_pool_fwd(p->layer, p->s.p, a, &p->mem, p->x, p->y, p->n);
}

static inline void pool_bwd(struct probe *p)
{
	nn_pool_bwd(p->layer, p->s.p, p->s.g, p->act, p->dy, p->dx);
}

static inline void attn_fwd(struct probe *p)
{
	struct nn_attn_act *a = as_zalloc(&p->mem, 1, sizeof *a);

	p->act = a;
	nn_attn_fwd(p->layer, &p->s, a, p->x, p->y, p->n);
}

static inline void attn_bwd(struct probe *p)
{
	nn_attn_bwd(p->layer, &p->s, p->act, p->dy, p->dx);
}

static inline void block_fwd(struct probe *p)
{
	struct nn_block_act *a = as_zalloc(&p->mem, 1, sizeof *a);

	p->act = a;
	memcpy(p->y, p->x, p->nx * sizeof *p->y);
	nn_block_fwd(p->layer, &p->s, a, p->y, p->n);
}

static inline void block_bwd(struct probe *p)
{
	float *dx = as_alloc(&p->mem, p->nx, sizeof *dx);

	memcpy(dx, p->dy, p->nx * sizeof *dx);
	nn_block_bwd(p->layer, &p->s, p->act, dx);
	tn_axpy(p->dx, 1.0F, dx, p->nx);
}

#endif
