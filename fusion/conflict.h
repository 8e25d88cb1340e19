/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FU_CONFLICT_H
#define FU_CONFLICT_H

#include <stddef.h>

/* How far the judgments of n parts disagree, 0 .. 1; 0 where n < 2. */

/* p [n, c]: distributions over c > 1 labels. */
double fu_conflict_class(const float *p, size_t n, size_t c);
/* p [n, c]: independent probabilities of c labels. */
double fu_conflict_multi(const float *p, size_t n, size_t c);
/* value [n]; sd > 0 of the training target. */
double fu_conflict_value(const double *value, size_t n, double sd);

#endif
