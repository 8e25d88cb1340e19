/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FU_ALIGN_H
#define FU_ALIGN_H

#include "core/io/task.h"
#include "core/nn/linear.h"
#include "core/nn/step.h"

enum { FU_ROWS_MAX = 64 }; /* rows of one part */

/* Cross-modal alignment: every part's rows attend to every other present part's rows. */
struct fu_align {
	size_t parts, d;
	struct nn_linear q[IO_PARTS_MAX], k[IO_PARTS_MAX], v[IO_PARTS_MAX]; /* d -> d, no bias */
	size_t gamma[IO_PARTS_MAX]; /* [d] each, start at 0 */
};

struct fu_align_act {
	float *q[IO_PARTS_MAX], *k[IO_PARTS_MAX], *v[IO_PARTS_MAX]; /* [rows, d] */
	float
	    *a[IO_PARTS_MAX][IO_PARTS_MAX]; /* [rows m, rows m'] softmax; NULL where not computed */
	float *mix[IO_PARTS_MAX]; /* [rows, d]  sum over m' of A V; NULL: no other part is there */
};

/* Registers "fusion.part.NAME.align.*" for every part of the task; nothing where it has one. */
void fu_align_init(struct fu_align *l, struct nn_params *ps, const struct io_task *task, size_t d);
/* x[m], u[m] [rows[m], d]; rows 0: absent. u is overwritten. */
void fu_align_fwd(const struct fu_align *l, const struct nn_step *s, struct fu_align_act *a,
		  const size_t rows[IO_PARTS_MAX], const float *const x[IO_PARTS_MAX],
		  float *const u[IO_PARTS_MAX]);
/* Adds to dx[m] (NULL: not wanted) and to the gradients. */
void fu_align_bwd(const struct fu_align *l, const struct nn_step *s, const struct fu_align_act *a,
		  const size_t rows[IO_PARTS_MAX], const float *const x[IO_PARTS_MAX],
		  float *const du[IO_PARTS_MAX], float *const dx[IO_PARTS_MAX]);

#endif
