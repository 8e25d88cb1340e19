/* SPDX-License-Identifier: Apache-2.0
 * predictions.c - a report's answers case by case, as CSV. */
#include "core/io/csv.h"
#include "train/report.h"

#include <string.h>

static void put_cell(struct as_buf *out, const char *s)
{
	io_csv_put(out, s, strlen(s), ',');
}

/* The labels of a case, joined by ';', or its value. */
static void put_target(const struct tr_report *r, size_t i, struct as_buf *out)
{
	const struct io_task *t = r->d->task;
	const struct tr_case *c = &r->d->v[i];
	struct as_buf s = { 0 };

	if (t->kind == IO_VALUE) {
		as_buf_printf(out, "%.9g", c->value);
		return;
	}
	as_buf_puts(&s, "");
	for (size_t k = 0; k < t->labels; k++) {
		if (c->label[k] > 0.5F) {
			as_buf_printf(&s, "%s%s", s.len > 0 ? ";" : "", t->label[k]);
		}
	}
	put_cell(out, s.data);
	as_buf_free(&s);
}

void tr_report_predictions(const struct tr_report *r, struct as_buf *out)
{
	const struct io_task *t = r->d->task;

	as_buf_puts(out, "case,fold,by,target");
	as_buf_puts(out, t->kind == IO_CLASS ? ",label" : "");
	as_buf_puts(out, t->kind == IO_VALUE ? ",value" : "");
	for (size_t k = 0; k < t->labels; k++) {
		as_buf_puts(out, ",");
		put_cell(out, t->label[k]);
	}
	as_buf_puts(out, "\n");
	for (size_t l = 0; l < r->lines; l++) {
		for (size_t i = 0; i < r->d->n; i++) {
			if (r->fold[i] == 0) {
				continue;
			}
			put_cell(out, r->d->v[i].id);
			as_buf_printf(out, ",%u,%s%s,", r->fold[i],
				      r->line[l].baseline ? "baseline " : "", r->line[l].name);
			put_target(r, i, out);
			if (t->kind == IO_CLASS) {
				as_buf_puts(out, ",");
				put_cell(out, t->label[r->line[l].label[i]]);
			}
			for (size_t k = 0; k < r->c; k++) {
				as_buf_printf(out, ",%.9g", (double)r->line[l].p[i * r->c + k]);
			}
			as_buf_puts(out, "\n");
		}
	}
}
