/* SPDX-License-Identifier: Apache-2.0
 * team.h - threads that share the work of one inference. A pass is cut where rows or heads are
 * independent, so its bits are the same with any number of threads. */
#ifndef NN_TEAM_H
#define NN_TEAM_H

#include "core/nn/step.h"

#include <stddef.h>

struct nn_team;

/* threads - 1 helpers, each with `bytes` of addresses for activations; 1: *out is NULL. One pass at
 * a time may use them. */
int nn_team_open(struct nn_team **out, size_t threads, size_t bytes, struct as_err *e) AS_CHECKED;
void nn_team_close(struct nn_team *t);

/* A part of the work: [i0, i1) of it, with activations from s->mem that do not outlive the call. */
typedef void nn_team_part(void *ctx, const struct nn_step *s, size_t i0, size_t i1);

/* All of [0, n) in parts of at_once, by the caller and whoever of s->team is awake. */
void nn_team_run(const struct nn_step *s, size_t n, size_t at_once, nn_team_part *part, void *ctx);
/* How many of n rows make a part: all of them where nobody shares the work. */
size_t nn_team_share(const struct nn_step *s, size_t n);

#endif
