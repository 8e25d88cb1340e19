/* SPDX-License-Identifier: Apache-2.0
 * model.h - the fusion network: rows of features of a case's parts -> logits. Each layer has its
 * equations in its own file: align.c, weigh.c; model.c is their list, forward and backward. */
#ifndef FU_MODEL_H
#define FU_MODEL_H

#include "core/io/task.h"
#include "core/nn/linear.h"
#include "core/nn/pool.h"
#include "core/nn/step.h"
#include "fusion/align.h"
#include "fusion/weigh.h"

/* The features of one part of one case. */
struct fu_rows {
	size_t rows;    /* 0: absent; at most FU_ROWS_MAX */
	const float *v; /* [rows, dim of the part], borrowed */
};

struct fu_model {
	size_t parts, d, c;                  /* c: labels, or 1 for a value */
	size_t dim[IO_PARTS_MAX];            /* features of a part's rows as they come */
	struct nn_linear in[IO_PARTS_MAX];   /* frozen features only: dim -> d */
	bool frozen[IO_PARTS_MAX];
	struct fu_align align;
	struct nn_pool pool[IO_PARTS_MAX];
	struct nn_linear project[IO_PARTS_MAX]; /* P_m: d -> d */
	struct fu_weigh weigh;
	size_t base;                         /* [d] z where no part is present */
	struct nn_linear head;               /* d -> c */
	struct nn_linear late[IO_PARTS_MAX]; /* d -> c: the part's own judgment */
	size_t scale;                        /* [parts] weight of late_m in the sum: 1 / its temperature.
	                                      * Starts at 1, set by calibration, never by Adam */
};

struct fu_act {
	bool present[IO_PARTS_MAX];
	size_t rows[IO_PARTS_MAX];
	float *logits;             /* [c] fused, late sum included */
	float *late[IO_PARTS_MAX]; /* [c] unscaled; NULL where absent */
	float *weight;             /* [parts] w_m, 0 where absent */
	float *z[IO_PARTS_MAX];    /* [d] */
	struct fu_align_act align;
	struct nn_pool_act pool[IO_PARTS_MAX];
	struct fu_weigh_act weigh;
	/* ... what else bwd needs */
};

/* dim[m] 0: the part is encoded by a built-in encoder of the task's width; else the width of its
 * frozen features. Weights are registered under "fusion.". */
void fu_model_init(struct fu_model *m, struct nn_params *ps, const struct io_task *task,
		   const size_t dim[IO_PARTS_MAX]);
void fu_model_fwd(const struct fu_model *m, const struct nn_step *s,
		  const struct fu_rows part[IO_PARTS_MAX], struct fu_act *a);
/* dlogits [c]; dlate[m] [c] or NULL; drows[m] [rows, dim] is added to, NULL: not wanted. */
void fu_model_bwd(const struct fu_model *m, const struct nn_step *s,
		  const struct fu_rows part[IO_PARTS_MAX], const struct fu_act *a,
		  const float *dlogits, float *const dlate[IO_PARTS_MAX],
		  float *const dz[IO_PARTS_MAX], float *const drows[IO_PARTS_MAX]);

#endif
