/* SPDX-License-Identifier: Apache-2.0
 * contribution.h - how far each part moved a judgment: Shapley values of the parts over what the
 * network says of every subset of them. */
#ifndef FU_CONTRIBUTION_H
#define FU_CONTRIBUTION_H

#include "fusion/model.h"

enum { FU_SUBSETS = 1 << IO_PARTS_MAX };

/* The logits of every subset of the present parts of a case whose forward pass is a (without
 * dropout): logits [1 << parts, c], by the bits of the subset; those of subsets with an absent
 * part are left alone. The encoders' rows, their projections and their attention are those of a;
 * only what depends on the subset is computed. Leaves s->mem as it was. */
void fu_subsets(const struct fu_model *m, const struct nn_step *s, const struct fu_act *a,
		float *logits);

/* How much the logits [c] speak for the label, before any temperature.
 * Class: log p / (1 - p); multi: the label's own logit. */
double fu_evidence(const struct io_task *task, const float *logits, size_t label);

/* phi[m] of each part m < parts in present, 0 of the others: they sum to
 * v[present] - v[0]. v [1 << parts] by the bits of the subset. */
void fu_shapley(const double *v, size_t parts, size_t present, double *phi);

#endif
