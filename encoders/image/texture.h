/* SPDX-License-Identifier: Apache-2.0
 * texture.h - one row for the texture of a whole picture. */
#ifndef ENC_IMAGE_TEXTURE_H
#define ENC_IMAGE_TEXTURE_H

#include "core/io/pruned.h"
#include "core/nn/linear.h"
#include "core/nn/norm.h"
#include "core/nn/step.h"

struct enc_texture {
	size_t n;               /* numbers that are read */
	const uint32_t *number; /* [n] which; NULL: all */
	size_t mean, sd;        /* offsets, [n] each: of training pictures, not learned */
	struct nn_linear map;
	struct nn_norm norm;
};

/* What bwd needs, in step.mem. */
struct enc_texture_act {
	const float *x; /* [n] as the map takes it */
	struct nn_norm_act norm;
};

/* Registers "image.texture.*". pruned is borrowed as long as l. */
void enc_texture_init(struct enc_texture *l, struct nn_params *ps, size_t width,
		      const struct io_pruned *pruned);
/* Takes means and sds from the textures [n] of training pictures into the weights p. */
void enc_texture_settle(const struct enc_texture *l, const float *const *texture, size_t n,
			float *p);
/* texture [ENC_SCATTER_N] of enc_scatter -> row [width], overwritten. */
void enc_texture_fwd(const struct enc_texture *l, const struct nn_step *s,
		     struct enc_texture_act *a, const float *texture, float *row);
/* Adds to s->g. */
void enc_texture_bwd(const struct enc_texture *l, const struct nn_step *s,
		     const struct enc_texture_act *a, const float *drow);

#endif
