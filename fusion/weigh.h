/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FU_WEIGH_H
#define FU_WEIGH_H

#include "core/io/task.h"
#include "core/nn/param.h"
#include "core/nn/step.h"

/* Dynamic weights: w = softmax over present m of a_m . [z_1; ...; z_M] + b_m, z = sum w_m z_m. */
struct fu_weigh {
	size_t parts, d;
	size_t a, b;   /* [parts, parts * d], [parts]; start at 0: equal weights */
	size_t absent; /* [parts, d] stands for z_m where m is absent */
};

struct fu_weigh_act {
	float *zs; /* [parts, d] with absent ones filled in */
	float *w;  /* [parts], 0 where absent */
};

void fu_weigh_init(struct fu_weigh *l, struct nn_params *ps, size_t parts, size_t d);
/* At least one part is present. z[m] [d] of present parts; out [d] is overwritten. */
void fu_weigh_fwd(const struct fu_weigh *l, const struct nn_step *s, struct fu_weigh_act *a,
		  const bool present[IO_PARTS_MAX], float *const z[IO_PARTS_MAX], float *out);
/* Adds to dz[m] of present parts and to the gradients. */
void fu_weigh_bwd(const struct fu_weigh *l, const struct nn_step *s, const struct fu_weigh_act *a,
		  const bool present[IO_PARTS_MAX], const float *dout,
		  float *const dz[IO_PARTS_MAX]);

#endif
