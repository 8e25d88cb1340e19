/* SPDX-License-Identifier: Apache-2.0
 * plot.h - plots as inline SVG: lines over two axes, and bars with the range they should reach. */
#ifndef CMD_PLOT_H
#define CMD_PLOT_H

#include "core/base/buf.h"

#include <stdbool.h>

enum { CMD_PLOT_LINES = 4 };

/* One line; points that are NAN are left out. */
struct cmd_line {
	const char *name;
	const double *x, *y; /* [n] */
	size_t n;
	bool dots; /* marks every point */
};

struct cmd_plot {
	const char *title, *x, *y; /* y and x: of the axes */
	double left, right, bottom, top;
	bool diagonal; /* from the lower left to the upper right */
	struct cmd_line line[CMD_PLOT_LINES];
	size_t lines;
};

void cmd_plot_svg(const struct cmd_plot *p, struct as_buf *out);

/* One bar from 0 to 1. */
struct cmd_bar {
	const char *name;
	double value;
	double low, high; /* the range it should reach; low > high: none */
};

void cmd_bars_svg(const char *title, const struct cmd_bar *bar, size_t n, struct as_buf *out);

#endif
