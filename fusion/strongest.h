/* SPDX-License-Identifier: Apache-2.0
 * strongest.h - which places of two parts belong together, read off the alignment's attention. */
#ifndef FU_STRONGEST_H
#define FU_STRONGEST_H

#include "fusion/model.h"
#include "plugins/assay_plugin.h"

struct fu_alignment {
	float strength;    /* A_ij * rows of the other part; 1 = no preference */
	uint32_t from, to; /* parts: a row of `from` attends to a row of `to` */
	struct assay_place from_place, to_place;
};

/* The strongest above 1, strongest first, each pair of places once, in its stronger direction.
 * Rows that come from no place are left out. place[m] [rows of m]. Returns how many, at most max.
 */
size_t fu_strongest(const struct fu_model *m, const struct fu_act *a,
		    struct assay_place *const place[IO_PARTS_MAX], struct fu_alignment *out,
		    size_t max);

#endif
