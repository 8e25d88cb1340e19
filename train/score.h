/* SPDX-License-Identifier: Apache-2.0
 * score.h - a network's answers on cases, whole and with parts masked; each case is encoded once.
 */
#ifndef TR_SCORE_H
#define TR_SCORE_H

#include "train/net.h"
#include "train/pool.h"

enum { TR_ARENA_BYTES = 1 << 30 }; /* reserved for one case's pass; touched as it is used */

/* Logits of cases under masks, before any temperature. */
struct tr_scores {
	size_t n, c, masks, parts;
	float *logits;   /* [masks, n, c] */
	float *late;     /* [parts, n, c] each part's own under the first mask; 0 where absent */
	float *weight;   /* [n, parts] of the parts under the first mask; 0 where absent */
	uint32_t *there; /* [n] bits of the parts that the case has */
	struct nn_heads heads; /* of the encoders, all cases together */
};

/* What is asked: these cases under these masks. */
struct tr_question {
	const size_t *cases; /* [n] indices into the inputs' data */
	size_t n;
	const uint32_t *mask; /* [masks] */
	size_t masks;
};

int tr_score(struct tr_scores *s, const struct tr_net *net, const struct tr_inputs *in,
	     const struct tr_question *q, struct tr_pool *pool, struct as_err *e) AS_CHECKED;
void tr_scores_free(struct tr_scores *s);

/* [n, c] under mask k. */
const float *tr_scores_of(const struct tr_scores *s, size_t k);

#endif
