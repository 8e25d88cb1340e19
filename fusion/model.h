/* SPDX-License-Identifier: Apache-2.0
 * model.h - the fusion network: rows of features of a case's parts -> logits. Each layer has its
 * equations in its own file: align.c, weigh.c; model.c is their list, forward and backward.
 *
 * Weights: "fusion.part.NAME.{in,norm,align,pool,project,late}.*", "fusion.weigh.*",
 * "fusion.head.*", "fusion.base", "fusion.scale". */
#ifndef FU_MODEL_H
#define FU_MODEL_H

#include "core/io/task.h"
#include "core/nn/linear.h"
#include "core/nn/norm.h"
#include "core/nn/pool.h"
#include "core/nn/step.h"
#include "fusion/align.h"
#include "fusion/weigh.h"

/* The features of one part of one case. Pages are joined by fusion/merge.h. */
struct fu_rows {
	size_t rows;    /* 0: absent; at most FU_ROWS_MAX */
	const float *v; /* [rows, dim of the part], borrowed until after the bwd */
};

struct fu_model {
	size_t parts, d, c;                /* c: labels, or 1 for a value */
	bool value;                        /* the late path is a mean, not a sum */
	size_t dim[IO_PARTS_MAX];          /* columns of a part's rows as they come */
	bool frozen[IO_PARTS_MAX];         /* features of an encoder that is not trained here */
	struct nn_linear in[IO_PARTS_MAX]; /* frozen only: dim -> d */
	struct nn_norm norm[IO_PARTS_MAX]; /* frozen only: d */
	struct fu_align align;
	struct nn_pool pool[IO_PARTS_MAX];
	struct nn_linear project[IO_PARTS_MAX]; /* P_m: d -> d */
	struct fu_weigh weigh;
	size_t base;                         /* [d] z where no part is present */
	struct nn_linear head;               /* d -> c */
	struct nn_linear late[IO_PARTS_MAX]; /* d -> c: the part's own judgment,
					      * which knows nothing of the others */
	size_t scale;                        /* [parts] weight of late_m in the sum: 1 / its
					      * temperature. Starts at 1, set by calibration; bwd
					      * gives it no gradient, so Adam leaves it alone */
};

/* The rows of a part as one vector. */
struct fu_view {
	struct nn_pool_act pool;
	float *pooled; /* [d] */
	float *z;      /* [d] */
	float *zd;     /* [d] z after dropout */
	float *keep;   /* dropout mask, NULL where nothing is dropped */
};

struct fu_act {
	bool present[IO_PARTS_MAX];
	size_t rows[IO_PARTS_MAX];
	size_t n;                          /* parts present */
	float *logits;                     /* [c] fused, late sum included */
	float *late[IO_PARTS_MAX];         /* [c] unscaled; NULL where absent */
	float *weight;                     /* [parts] w_m, 0 where absent */
	struct fu_view seen[IO_PARTS_MAX]; /* of the rows that have seen the other parts; zeroes
					    * where absent */
	struct fu_align_act align;
	/* for the bwd */
	struct fu_view own[IO_PARTS_MAX]; /* of the part's own rows; zeroes where there is no other
					   * part and `seen` is the same */
	const float *x[IO_PARTS_MAX];     /* [rows, d] into the alignment */
	float *u[IO_PARTS_MAX];           /* [rows, d] out of it */
	const float *fused;               /* [d] z of all parts, or the base */
	struct nn_norm_act norm[IO_PARTS_MAX];
	struct fu_weigh_act weigh;
};

/* dim[m] 0: the part is encoded by a built-in encoder of the task's width; else the width of its
 * frozen features. */
void fu_model_init(struct fu_model *m, struct nn_params *ps, const struct io_task *task,
		   const size_t dim[IO_PARTS_MAX]);
/* Carves a from s->mem; training (s->rng) drops out z and what late is of. */
void fu_model_fwd(const struct fu_model *m, const struct nn_step *s,
		  const struct fu_rows part[IO_PARTS_MAX], struct fu_act *a);
/* Adds to the gradients of one loss, given by its derivatives: dlogits [c]; dlate[m] [c] and
 * dz[m] [d] of seen[m].z of present parts, NULL where there is none (the arrays too may be NULL).
 * drows[m] [rows, dim] is added to; NULL (it or the array): not wanted. */
void fu_model_bwd(const struct fu_model *m, const struct nn_step *s,
		  const struct fu_rows part[IO_PARTS_MAX], const struct fu_act *a,
		  const float *dlogits, float *const dlate[IO_PARTS_MAX],
		  float *const dz[IO_PARTS_MAX], float *const drows[IO_PARTS_MAX]);

#endif
