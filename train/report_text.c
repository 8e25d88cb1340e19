/* SPDX-License-Identifier: Apache-2.0
 * report_text.c - a report as a table for people. */
#include "train/compare.h"
#include "train/report.h"

#include <math.h>
#include <stdio.h>

/* Whether any line has the metric. */
static bool has(const struct tr_report *r, enum tr_metric k)
{
	for (size_t i = 0; i < r->lines; i++) {
		for (size_t f = 0; f < r->runs; f++) {
			if (!isnan(r->line[i].m[f].v[k])) {
				return true;
			}
		}
	}
	return false;
}

static void text_number(struct as_buf *out, double v)
{
	if (isnan(v)) {
		as_buf_printf(out, " %12s", "-");
	} else {
		as_buf_printf(out, " %12.3f", v);
	}
}

/* Every fold of the metrics of all parts. */
static void text_folds(const struct tr_report *r, struct as_buf *out)
{
	for (size_t f = 0; r->runs > 1 && f < r->runs; f++) {
		as_buf_printf(out, "fold %-17zu", f + 1);
		for (enum tr_metric k = 0; k < TR_METRICS; k++) {
			if (has(r, k)) {
				text_number(out, r->line[0].m[f].v[k]);
			}
		}
		as_buf_puts(out, "\n");
	}
}

/* Whether lines are compared with all parts. */
static bool compared(const struct tr_report *r)
{
	for (size_t i = 1; i < r->lines; i++) {
		if (!isnan(r->line[i].difference)) {
			return true;
		}
	}
	return false;
}

static void text_line(const struct tr_report *r, const char *name, const struct tr_metrics *m,
		      struct as_buf *out)
{
	struct tr_metrics mean;
	struct tr_metrics sd;

	tr_metrics_mean(m, r->runs, &mean, &sd);
	as_buf_printf(out, "%-22s", name);
	for (enum tr_metric k = 0; k < TR_METRICS; k++) {
		if (!has(r, k)) {
			continue;
		}
		if (isnan(mean.v[k]) || isnan(sd.v[k])) {
			text_number(out, mean.v[k]);
		} else {
			as_buf_printf(out, " %6.3f±%.3f", mean.v[k], sd.v[k]);
		}
	}
}

static void text_difference(double difference, double se, struct as_buf *out)
{
	if (!isnan(difference)) {
		as_buf_printf(out, " %+12.3f %6.3f", difference, se);
	}
	as_buf_puts(out, "\n");
}

static void text_shuffled(const struct tr_report *r, struct as_buf *out)
{
	as_buf_printf(out, "a part exchanged between the cases (%zu permutations)\n", r->shuffles);
	for (size_t m = 0; m < r->d->task->parts; m++) {
		char name[TR_LINE_NAME];
		double drop;
		double se;

		(void)snprintf(name, sizeof name, "%s shuffled", r->d->task->part[m].name);
		tr_report_drop(r, m, &drop, &se);
		text_line(r, name, r->shuffled[m], out);
		text_difference(-drop, se, out);
	}
	for (size_t m = 0; r->d->task->kind != IO_VALUE && m < r->d->task->parts; m++) {
		const struct tr_toward t = tr_report_toward(r, m);

		as_buf_printf(out, "%-22s %+.3f towards the true label, shuffled %+.3f\n",
			      r->d->task->part[m].name, t.own, t.exchanged);
	}
}

void tr_report_text(const struct tr_report *r, struct as_buf *out)
{
	as_buf_printf(out, "%-22s", "");
	for (enum tr_metric k = 0; k < TR_METRICS; k++) {
		if (has(r, k)) {
			as_buf_printf(out, " %12s", tr_metric_name(k));
		}
	}
	if (compared(r)) {
		char minus[TR_LINE_NAME + 16];

		(void)snprintf(minus, sizeof minus, "%s - %s",
			       tr_metric_name(tr_main_metric(r->d->task)), r->line[0].name);
		as_buf_printf(out, " %12s %6s", minus, "se");
	}
	as_buf_puts(out, "\n");
	text_folds(r, out);
	for (size_t i = 0; i < r->lines; i++) {
		const struct tr_line *l = &r->line[i];

		if (l->baseline && !r->line[i - 1].baseline) {
			as_buf_puts(out, "baselines\n");
		}
		if (l->derived == TR_MISSING && r->line[i - 1].derived != TR_MISSING) {
			as_buf_puts(out, "a part missing from some of the cases\n");
		}
		text_line(r, l->name, l->m, out);
		text_difference(l->difference, l->difference_se, out);
		tr_heads_text(&l->heads, out);
	}
	if (r->shuffles > 0) {
		text_shuffled(r, out);
	}
	tr_heads_text(&r->heads, out);
	tr_trust_text(&r->trust, out);
}
