/* SPDX-License-Identifier: Apache-2.0
 * panel.h - what products in float32 (f32.h) and int8 (q8_rows.h) share: the right side lies in
 * panels of 16 outputs. */
#ifndef TN_PANEL_H
#define TN_PANEL_H

#include <stdbool.h>
#include <stddef.h>

enum { TN_PANEL = 16 };

static inline size_t tn_round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* y [n, out], ld floats from row to row. */
struct tn_out {
	float *y;
	size_t ld;
	bool add; /* y += */
};

#endif
