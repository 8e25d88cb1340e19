/* SPDX-License-Identifier: Apache-2.0
 * texture.c - the texture of a whole picture as one row.
 *
 *   forward    x = clamp((t - mean) / sd, -FAR, FAR)      t: numbers of enc_scatter of the picture
 *              row = norm(W drop(x) + b)
 *   backward   each line read upwards; t gets no gradient. */
#include "encoders/image/texture.h"

#include "core/nn/drop.h"

#include <math.h>

static const float FAR = 5.0F;    /* sds from the mean: what is farther says no more */
static const double LEAST = 1e-3; /* an sd at least: what never varied in training */

void enc_texture_init(struct enc_texture *l, struct nn_params *ps, size_t width,
		      const struct io_pruned *pruned)
{
	const size_t n = pruned->numbers;

	*l = (struct enc_texture){ .n = n, .number = pruned->number };
	l->mean = nn_param_add(ps, "image.texture", "mean", 1, n, NN_FIXED, NN_ZERO, 0.0F);
	l->sd = nn_param_add(ps, "image.texture", "sd", 1, n, NN_FIXED, NN_ONE, 0.0F);
	nn_linear_init(&l->map, ps, "image.texture", n, width, true, 1.0F);
	nn_norm_init(&l->norm, ps, "image.texture.norm", width);
}

/* Which number is read as number k. */
static size_t read_at(const struct enc_texture *l, size_t k)
{
	return l->number != NULL ? l->number[k] : k;
}

void enc_texture_settle(const struct enc_texture *l, const float *const *texture, size_t n,
			float *p)
{
	for (size_t k = 0; k < l->n; k++) {
		const size_t at = read_at(l, k);
		double sum = 0;
		double square = 0;

		for (size_t i = 0; i < n; i++) {
			sum += (double)texture[i][at];
		}
		sum /= (double)n;
		for (size_t i = 0; i < n; i++) {
			square += ((double)texture[i][at] - sum) * ((double)texture[i][at] - sum);
		}
		p[l->mean + k] = (float)sum;
		p[l->sd + k] = (float)fmax(sqrt(square / (double)n), LEAST);
	}
}

void enc_texture_fwd(const struct enc_texture *l, const struct nn_step *s,
		     struct enc_texture_act *a, const float *texture, float *row)
{
	float *x = as_alloc(s->mem, l->n, sizeof *x);
	float *y = as_alloc(s->mem, l->map.out, sizeof *y);

	for (size_t k = 0; k < l->n; k++) {
		const float t = (texture[read_at(l, k)] - s->p[l->mean + k]) / s->p[l->sd + k];

		x[k] = fminf(fmaxf(t, -FAR), FAR);
	}
	(void)nn_drop_fwd(s, x, l->n); /* its mask is of no use: x gets no gradient */
	a->x = x;
	nn_linear_fwd(&l->map, s->p, x, y, 1);
	nn_norm_fwd(&l->norm, s->p, nn_step_keeps(s) ? &a->norm : NULL, s->mem, y, row, 1);
}

void enc_texture_bwd(const struct enc_texture *l, const struct nn_step *s,
		     const struct enc_texture_act *a, const float *drow)
{
	const size_t mark = s->mem->used;
	float *dy = as_zalloc(s->mem, l->map.out, sizeof *dy);

	nn_norm_bwd(&l->norm, s->p, s->g, &a->norm, drow, dy, 1);
	nn_linear_bwd(&l->map, s->p, s->g, a->x, dy, NULL, 1);
	as_arena_reset(s->mem, mark);
}
