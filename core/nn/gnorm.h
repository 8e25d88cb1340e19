/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_GNORM_H
#define NN_GNORM_H

#include "core/base/arena.h"
#include "core/nn/param.h"

#include <stdbool.h>

enum { NN_GROUPS = 8 };

/* Group normalisation of one picture: NN_GROUPS groups of neighbouring channels, each over all
 * places.  x, y [n, d], channels last; d a multiple of NN_GROUPS. */
struct nn_gnorm {
	size_t d;
	size_t gamma, beta; /* offsets, [d] each */
};

/* What fwd leaves for bwd; one per call site. */
struct nn_gnorm_act {
	float *xhat; /* [n, d]  (x - mean) * rstd */
	float *rstd; /* [d], that of the channel's group */
};

void nn_gnorm_init(struct nn_gnorm *l, struct nn_params *ps, const char *prefix, size_t d);
/* Carves a from mem; keep false: no bwd comes, a is left alone. y is overwritten. */
void nn_gnorm_fwd(const struct nn_gnorm *l, const float *p, struct nn_gnorm_act *a, bool keep,
		  struct as_arena *mem, const float *restrict x, float *restrict y, size_t n);
/* Adds to dx and to g. */
void nn_gnorm_bwd(const struct nn_gnorm *l, const float *p, float *g, const struct nn_gnorm_act *a,
		  struct as_arena *mem, const float *restrict dy, float *restrict dx, size_t n);

#endif
