/* SPDX-License-Identifier: Apache-2.0
 * derived.h - lines of a report that are made of other lines' answers. */
#ifndef TR_DERIVED_H
#define TR_DERIVED_H

#include "train/report.h"

/* Scores the run's late average and its missing parts, once its other lines have their answers,
 * with the thresholds of line 0.
 *
 *   late average    p_i = mean over the parts m that case i has of p_i(m alone)      none: p_i(all)
 *   missing         p_i = p_i(all but m) where u_im < the share, else p_i(all)       u uniform
 *
 * The same seed draws the same u; what is missing at one share is missing at a greater one. */
void tr_report_derive(struct tr_report *r, size_t run, uint64_t seed);

#endif
