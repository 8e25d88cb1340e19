/* SPDX-License-Identifier: Apache-2.0
 * merge.h - the pages of a part become the part's rows: joined in page order, and where they are
 * more than FU_ROWS_MAX, neighbours of one page are averaged. Training uses the same plan, so
 * that it sees what judging sees. */
#ifndef FU_MERGE_H
#define FU_MERGE_H

#include "core/io/task.h"
#include "fusion/align.h"
#include "plugins/assay_plugin.h"

#include <stddef.h>
#include <stdint.h>

struct fu_merge {
	size_t rows; /* at most FU_ROWS_MAX */
	struct {
		uint32_t page;     /* index in the pages given to plan */
		uint32_t first, n; /* rows of that page whose mean this is */
	} row[FU_ROWS_MAX];
};

/* rows[i] > 0: rows of page i; pages 1 .. IO_PAGES_MAX, in page order. */
void fu_merge_plan(struct fu_merge *m, const size_t *rows, size_t pages);
/* x[i] [rows[i], dim] -> y [m->rows, dim], overwritten. */
void fu_merge_fwd(const struct fu_merge *m, const float *const *x, float *y, size_t dim);
/* Adds to dx[i] [rows[i], dim]. */
void fu_merge_bwd(const struct fu_merge *m, const float *dy, float *const *dx, size_t dim);
/* Where the merged rows come from: text, the span from the first to the last; image, the box
 * around them; anything else, the first. place[i] [rows[i]] -> out [m->rows]. */
void fu_merge_places(const struct fu_merge *m, const char *modality,
		     const struct assay_place *const *place, struct assay_place *out);

#endif
