/* SPDX-License-Identifier: Apache-2.0
 * heads.h - how many of the attention heads that cases passed were not computed. */
#ifndef TR_HEADS_H
#define TR_HEADS_H

#include "core/io/json.h"
#include "core/nn/step.h"

/* All are whole numbers: the sum does not depend on the order. */
void tr_heads_add(struct nn_heads *sum, const struct nn_heads *h);
/* Member "heads" of an open object; nothing where no head was passed. */
void tr_heads_write(const struct nn_heads *h, struct io_jw *w);
/* A line for people, where something was skipped. */
void tr_heads_text(const struct nn_heads *h, struct as_buf *out);

#endif
