/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/plot.h"

#include "tools/assay/doc.h"

#include <math.h>

/* Pixels: of the picture, and where the axes lie in it. */
enum { WIDE = 420, HIGH = 300, LEFT = 52, RIGHT = 405, TOP = 30, BOTTOM = 250 };
enum { TICKS = 4, BAR = 22, NAME = 170 };

static const char *const COLOUR[CMD_PLOT_LINES] = { "#1f77b4", "#d62728", "#2ca02c", "#9467bd" };

static double at_x(const struct cmd_plot *p, double x)
{
	return LEFT + (RIGHT - LEFT) * (x - p->left) / (p->right - p->left);
}

static double at_y(const struct cmd_plot *p, double y)
{
	return BOTTOM - (BOTTOM - TOP) * (y - p->bottom) / (p->top - p->bottom);
}

static void put_text(struct as_buf *out, double x, double y, const char *anchor, const char *text)
{
	as_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
	cmd_doc_escape(out, text);
	as_buf_puts(out, "</text>\n");
}

static void put_rule(struct as_buf *out, double x0, double y0, double x1, double y1,
		     const char *colour)
{
	as_buf_printf(out,
		      "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x0,
		      y0, x1, y1, colour);
}

static void put_tick(struct as_buf *out, double x, double y, const char *anchor, double v)
{
	as_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%.3g</text>\n", x, y,
		      anchor, v);
}

static void begin(struct as_buf *out, int high, const char *title)
{
	as_buf_printf(out,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		      "role=\"img\">\n",
		      WIDE, high);
	as_buf_puts(out, "<title>");
	cmd_doc_escape(out, title);
	as_buf_puts(out, "</title>\n");
	put_text(out, WIDE / 2.0, 18, "middle", title);
}

static void put_axes(const struct cmd_plot *p, struct as_buf *out)
{
	for (int i = 0; i <= TICKS; i++) {
		const double x = p->left + (p->right - p->left) * i / TICKS;
		const double y = p->bottom + (p->top - p->bottom) * i / TICKS;

		put_rule(out, at_x(p, x), TOP, at_x(p, x), BOTTOM, "#e5e5e5");
		put_rule(out, LEFT, at_y(p, y), RIGHT, at_y(p, y), "#e5e5e5");
		put_tick(out, at_x(p, x), BOTTOM + 16, "middle", x);
		put_tick(out, LEFT - 5, at_y(p, y) + 4, "end", y);
	}
	put_rule(out, LEFT, BOTTOM, RIGHT, BOTTOM, "#222");
	put_rule(out, LEFT, TOP, LEFT, BOTTOM, "#222");
	if (p->diagonal) {
		put_rule(out, LEFT, BOTTOM, RIGHT, TOP, "#aaa");
	}
	put_text(out, (LEFT + RIGHT) / 2.0, BOTTOM + 32, "middle", p->x);
	as_buf_printf(out,
		      "<text transform=\"translate(12 %d) rotate(-90)\" text-anchor=\"middle\">",
		      (TOP + BOTTOM) / 2);
	cmd_doc_escape(out, p->y);
	as_buf_puts(out, "</text>\n");
}

static void put_line(const struct cmd_plot *p, size_t i, struct as_buf *out)
{
	const struct cmd_line *l = &p->line[i];
	const double legend = LEFT + (RIGHT - LEFT) * (double)i / CMD_PLOT_LINES;

	as_buf_printf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
		      COLOUR[i]);
	for (size_t k = 0; k < l->n; k++) {
		if (!isnan(l->x[k]) && !isnan(l->y[k])) {
			as_buf_printf(out, "%.1f,%.1f ", at_x(p, l->x[k]), at_y(p, l->y[k]));
		}
	}
	as_buf_puts(out, "\"/>\n");
	for (size_t k = 0; l->dots && k < l->n; k++) {
		as_buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
			      at_x(p, l->x[k]), at_y(p, l->y[k]), COLOUR[i]);
	}
	as_buf_printf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"10\" height=\"10\" fill=\"%s\"/>\n",
		      legend, HIGH - 14, COLOUR[i]);
	put_text(out, legend + 14, HIGH - 5, "start", l->name);
}

void cmd_plot_svg(const struct cmd_plot *p, struct as_buf *out)
{
	begin(out, HIGH, p->title);
	put_axes(p, out);
	for (size_t i = 0; i < p->lines; i++) {
		put_line(p, i, out);
	}
	as_buf_puts(out, "</svg>");
}

void cmd_bars_svg(const char *title, const struct cmd_bar *bar, size_t n, struct as_buf *out)
{
	const double wide = RIGHT - NAME;

	begin(out, TOP + (int)n * BAR + 24, title);
	for (size_t i = 0; i < n; i++) {
		const double y = TOP + (double)i * BAR;

		put_text(out, NAME - 6, y + 14, "end", bar[i].name);
		as_buf_printf(out,
			      "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"14\" "
			      "fill=\"%s\"/>\n",
			      NAME, y + 3, wide * bar[i].value, COLOUR[0]);
		if (bar[i].low <= bar[i].high) {
			as_buf_printf(out,
				      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"18\" "
				      "fill=\"none\" stroke=\"%s\"/>\n",
				      NAME + wide * bar[i].low, y + 1,
				      wide * (bar[i].high - bar[i].low), COLOUR[1]);
		}
		as_buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" fill=\"#fff\">%.2f</text>\n",
			      NAME + 4.0, y + 14, bar[i].value);
	}
	put_tick(out, NAME, TOP + (double)n * BAR + 14, "middle", 0);
	put_tick(out, RIGHT, TOP + (double)n * BAR + 14, "middle", 1);
	as_buf_puts(out, "</svg>");
}
