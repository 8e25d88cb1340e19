/* SPDX-License-Identifier: Apache-2.0
 * order.h - the order in which an epoch sees its cases. */
#ifndef TR_ORDER_H
#define TR_ORDER_H

#include "train/run.h"

/* Sets order [plan->trains] of an epoch (from 0); before, it holds that of the epoch before, at
 * first plan->train.
 *
 * Without plan->hardness every case once, at random. With it a curriculum: only the easiest
 *
 *   1/3 + 2/3 epoch / (schedule / 2)
 *
 * of the cases, each as often as fills the epoch, and from half of the schedule on all of them
 * (Bengio et al. (2009), "Curriculum Learning", ICML; linear pacing as in Hacohen and Weinshall
 * (2019), arXiv:1904.03626). The same seed gives the same order. */
void tr_order(const struct tr_plan *plan, size_t epoch, size_t *order);

#endif
