/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/card.h"

#include "tools/assay/plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 120, BARS = 64 };

static double number(const struct json_t *o, const char *key)
{
	return io_json_find_num(o, key, (double)NAN);
}

static void put_task(const struct cmd_card *c, struct cmd_doc *d)
{
	const struct io_task *t = c->task;
	struct as_buf labels = { 0 };
	char a[CELL];
	char b[CELL];

	cmd_doc_heading(d, "Task");
	as_buf_puts(&labels, "");
	for (size_t k = 0; k < t->labels; k++) {
		as_buf_printf(&labels, "%s%s", k > 0 ? ", " : "", t->label[k]);
	}
	cmd_doc_text(d, "%s: %s, target %s%s%s", t->name, io_kind_name(t->kind), t->target,
		     t->labels > 0 ? "; labels " : "", labels.data);
	cmd_doc_row(d, true, "part|modality|columns");
	for (size_t m = 0; m < t->parts; m++) {
		const struct io_part_spec *p = &t->part[m];
		struct as_buf columns = { 0 };

		for (size_t i = 0; i < p->columns; i++) {
			as_buf_printf(&columns, "%s%s", i > 0 ? ", " : "",
				      cmd_doc_cell(p->column[i].name, b, sizeof b));
		}
		cmd_doc_row(d, false, "%s|%s|%s", p->name, cmd_doc_cell(p->modality, a, sizeof a),
			    columns.data ? columns.data : "");
		as_buf_free(&columns);
	}
	cmd_doc_table_end(d);
	as_buf_free(&labels);
}

static void put_data(const struct json_t *data, struct cmd_doc *d)
{
	const struct json_t *of = io_json_find(data, "data");

	cmd_doc_row(d, false, "%.16s|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%" PRIu64,
		    io_json_find_str(of, "sha256", "-"), io_json_find_u64(of, "rows", 0),
		    io_json_find_u64(of, "cases", 0), io_json_find_u64(of, "without_target", 0),
		    io_json_find_u64(of, "skipped", 0));
}

static void put_training(const struct cmd_card *c, struct cmd_doc *d)
{
	const struct json_t *runs = io_json_find(c->record, "runs");
	const struct json_t *tables = io_json_find(c->record, "tables");

	cmd_doc_heading(d, "Training");
	cmd_doc_text(d, "Seed %" PRIu64 ", %" PRIu64 " threads, %" PRIu64 " folds%s.",
		     io_json_find_u64(c->record, "seed", 0),
		     io_json_find_u64(c->record, "threads", 0),
		     io_json_find_u64(c->record, "folds", 0),
		     io_json_find_bool(c->record, "all_cases", false)
			 ? "; the model was then trained on all cases"
			 : "");
	cmd_doc_row(d, true, "table (sha256)|rows|cases|without target|skipped");
	if (tables == NULL) {
		put_data(c->record, d);
	}
	for (size_t i = 0; i < io_json_len(tables); i++) {
		put_data(io_json_at(tables, i), d);
	}
	cmd_doc_table_end(d);
	cmd_doc_row(d, true, "run|train|stop|calibrate|test|epochs|best");
	for (size_t i = 0; i < io_json_len(runs); i++) {
		const struct json_t *r = io_json_at(runs, i);

		cmd_doc_row(d, false,
			    "%zu|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%" PRIu64
			    "|%" PRIu64,
			    i + 1, io_json_find_u64(r, "train", 0), io_json_find_u64(r, "stop", 0),
			    io_json_find_u64(r, "calibrate", 0), io_json_find_u64(r, "test", 0),
			    io_json_find_u64(r, "epochs", 0), io_json_find_u64(r, "best", 0));
	}
	cmd_doc_table_end(d);
}

/* Losses of the first run, epoch by epoch. */
static void put_loss(const struct cmd_card *c, struct cmd_doc *d)
{
	const struct json_t *run = io_json_at(io_json_find(c->record, "runs"), 0);
	const struct json_t *curve = io_json_find(run, "curve");
	const size_t n = io_json_len(curve);
	double *x = as_malloc((3 * n + 1) * sizeof *x);
	struct cmd_plot p = { .title = "Loss",
			      .x = "epoch",
			      .y = "loss a case",
			      .right = (double)(n > 1 ? n : 2),
			      .left = 1,
			      .line = { { "training", x, x + n, n, false },
					{ "stop", x, x + 2 * n, n, false } },
			      .lines = 2 };
	struct as_buf svg = { 0 };

	for (size_t i = 0; i < n; i++) {
		x[i] = (double)i + 1;
		x[n + i] = number(io_json_at(curve, i), "loss");
		x[2 * n + i] = number(io_json_at(curve, i), "stop_loss");
		p.top = fmax(p.top, fmax(x[n + i], x[2 * n + i]));
	}
	if (n > 0) {
		cmd_plot_svg(&p, &svg);
		cmd_doc_figure(d, &svg);
	}
	as_buf_free(&svg);
	free(x);
}

/* all: the metrics of all parts, which are those of the task. */
static void put_score(const char *name, const struct json_t *m, const struct json_t *all,
		      struct cmd_doc *d)
{
	char cell[CELL];
	struct as_buf row = { 0 };

	as_buf_puts(&row, cmd_doc_cell(name, cell, sizeof cell));
	for (enum tr_metric k = 0; k < TR_METRICS; k++) {
		const double v = number(m, tr_metric_name(k));
		const double sd = number(io_json_find(m, "sd"), tr_metric_name(k));

		if (isnan(number(all, tr_metric_name(k)))) {
			continue;
		}
		if (isnan(v)) {
			as_buf_puts(&row, "|-");
		} else if (isnan(sd)) {
			as_buf_printf(&row, "|%.3f", v);
		} else {
			as_buf_printf(&row, "|%.3f ± %.3f", v, sd);
		}
	}
	cmd_doc_row(d, false, "%s", row.data);
	as_buf_free(&row);
}

static void put_scores(const struct cmd_card *c, struct cmd_doc *d)
{
	static const char *const group[] = { "parts", "baselines" };
	const struct json_t *all = io_json_find(c->scores, "metrics");
	struct as_buf head = { 0 };

	cmd_doc_heading(d, "Scores");
	cmd_doc_text(d, "%s: %" PRIu64 " cases.", c->on, io_json_find_u64(c->scores, "cases", 0));
	for (enum tr_metric k = 0; k < TR_METRICS; k++) {
		if (!isnan(number(all, tr_metric_name(k)))) {
			as_buf_printf(&head, "|%s", tr_metric_name(k));
		}
	}
	cmd_doc_row(d, true, " %s", head.data);
	put_score("all parts", all, all, d);
	for (size_t g = 0; g < 2; g++) {
		const struct json_t *of = io_json_find(c->scores, group[g]);
		void *it = NULL;
		const char *name;
		struct json_t *m;

		while (io_json_next(of, &it, &name, &m)) {
			put_score(name, m, all, d);
		}
	}
	cmd_doc_table_end(d);
	as_buf_free(&head);
}

static void put_plot(const struct cmd_plot *p, struct cmd_doc *d)
{
	struct as_buf svg = { 0 };

	cmd_plot_svg(p, &svg);
	cmd_doc_figure(d, &svg);
	as_buf_free(&svg);
}

/* ROC and precision over recall of every label, at most as many as a plot has lines. */
static void put_curves(const struct cmd_card *c, struct cmd_doc *d)
{
	const struct tr_report *r = c->report;
	const size_t n = r->d->n;
	const size_t from = c->task->kind == IO_CLASS && r->c == 2 ? 1 : 0;
	struct tr_point *point = as_malloc((n + 1) * sizeof *point);
	float *y = as_malloc((n * r->c + 1) * sizeof *y);
	size_t *all = as_malloc((n + 1) * sizeof *all);
	double *v[CMD_PLOT_LINES] = { NULL };
	struct cmd_plot roc = { .title = "ROC",
				.x = "1 - specificity",
				.y = "sensitivity",
				.right = 1,
				.top = 1,
				.diagonal = true };
	struct cmd_plot precision = { .title = "Precision and recall",
				      .x = "recall",
				      .y = "precision",
				      .right = 1,
				      .top = 1 };

	for (size_t i = 0; i < n; i++) {
		all[i] = i;
	}
	tr_truth(r->d, all, n, y);
	for (size_t k = from; k < r->c && roc.lines < CMD_PLOT_LINES; k++) {
		const size_t at = roc.lines;
		const size_t points = tr_points(r->line[0].p + k, y + k, n, r->c, point);

		v[at] = as_malloc(3 * points * sizeof *v[at]);
		for (size_t i = 0; i < points; i++) {
			v[at][i] = point[i].false_share;
			v[at][points + i] = point[i].true_share;
			v[at][2 * points + i] = point[i].precision;
		}
		roc.line[roc.lines++] =
		    (struct cmd_line){ c->task->label[k], v[at], v[at] + points, points, false };
		precision.line[precision.lines++] =
		    (struct cmd_line){ c->task->label[k], v[at] + points, v[at] + 2 * points,
				       points, false };
	}
	put_plot(&roc, d);
	put_plot(&precision, d);
	for (size_t i = 0; i < CMD_PLOT_LINES; i++) {
		free(v[i]);
	}
	free(all);
	free(y);
	free(point);
}

/* The bins of a calibration as two columns; returns how many. */
static size_t bins_of(const struct json_t *of, double said[TR_TRUST_BINS],
		      double right[TR_TRUST_BINS])
{
	const struct json_t *bins = io_json_find(of, "bins");
	size_t n = 0;

	for (; n < io_json_len(bins) && n < TR_TRUST_BINS; n++) {
		said[n] = number(io_json_at(bins, n), "said");
		right[n] = number(io_json_at(bins, n), "right");
	}
	return n;
}

static void put_calibration(const struct cmd_card *c, struct cmd_doc *d)
{
	const struct json_t *both = io_json_find(c->scores, "calibration");
	const struct json_t *before = io_json_find(both, "before");
	const struct json_t *after = io_json_find(both, "after");
	const struct json_t *risk = io_json_find(c->scores, "risk");
	double v[4][TR_TRUST_BINS];
	struct cmd_plot p = { .title = "Reliability",
			      .x = "confidence",
			      .y = "share right",
			      .right = 1,
			      .top = 1,
			      .diagonal = true,
			      .lines = 2 };

	if (both == NULL) {
		return;
	}
	cmd_doc_heading(d, "Calibration");
	cmd_doc_text(d,
		     "Expected calibration error %.3f (before calibration %.3f), Brier score %.3f "
		     "(before %.3f).",
		     number(after, "ece"), number(before, "ece"), number(after, "brier"),
		     number(before, "brier"));
	cmd_doc_row(d, true, "share judged, the surest|error");
	for (size_t i = 0; i < io_json_len(risk); i++) {
		cmd_doc_row(d, false, "%.0f %%|%.3f", 100 * number(io_json_at(risk, i), "judged"),
			    number(io_json_at(risk, i), "error"));
	}
	cmd_doc_table_end(d);
	p.line[0] = (struct cmd_line){ "calibrated", v[0], v[1], bins_of(after, v[0], v[1]), true };
	p.line[1] = (struct cmd_line){ "before", v[2], v[3], bins_of(before, v[2], v[3]), true };
	put_plot(&p, d);
}

static void put_bars(const char *title, const struct cmd_bar *bar, size_t n, struct cmd_doc *d)
{
	struct as_buf svg = { 0 };

	cmd_bars_svg(title, bar, n, &svg);
	cmd_doc_figure(d, &svg);
	as_buf_free(&svg);
}

static void put_sets(const struct cmd_card *c, struct cmd_doc *d)
{
	const struct json_t *sets = io_json_find(c->scores, "sets");
	struct cmd_bar bar[BARS];
	size_t n = 0;
	void *it = NULL;
	const char *name;
	struct json_t *v;

	if (sets == NULL) {
		return;
	}
	cmd_doc_heading(d, "Prediction sets");
	cmd_doc_text(d, "Claimed: the truth is in the set of %.0f %% of the cases.",
		     100 * number(sets, "coverage"));
	cmd_doc_row(d, true, "parts|cases|covered|expected|mean size");
	while (io_json_next(sets, &it, &name, &v)) {
		if (!io_json_is_obj(v)) {
			continue;
		}
		cmd_doc_row(d, false, "%s|%" PRIu64 "|%.3f|%.3f to %.3f|%.2f", name,
			    io_json_find_u64(v, "n", 0), number(v, "covered"), number(v, "from"),
			    number(v, "to"), number(v, "size"));
		if (n < BARS) {
			bar[n++] = (struct cmd_bar){ name, number(v, "covered"), number(v, "from"),
						     number(v, "to") };
		}
	}
	cmd_doc_table_end(d);
	put_bars("Coverage, and where it should lie", bar, n, d);
}

static void put_weights(const struct cmd_card *c, struct cmd_doc *d)
{
	const struct json_t *weights = io_json_find(c->scores, "weights");
	struct cmd_bar bar[IO_PARTS_MAX];
	size_t n = 0;
	void *it = NULL;
	const char *name;
	struct json_t *v;

	if (weights == NULL) {
		return;
	}
	cmd_doc_heading(d, "Weights of the parts");
	cmd_doc_row(d, true, "part|mean weight in the fusion");
	while (n < IO_PARTS_MAX && io_json_next(weights, &it, &name, &v)) {
		cmd_doc_row(d, false, "%s|%.3f", name, io_json_num(v, 0));
		bar[n++] = (struct cmd_bar){ name, io_json_num(v, 0), 1, 0 };
	}
	cmd_doc_table_end(d);
	put_bars("Mean weight of each part", bar, n, d);
}

void cmd_card_write(const struct cmd_card *c, struct cmd_doc *d)
{
	cmd_doc_text(d, "Model %s, %zu bytes, sha256 %s.", c->m->path, c->m->file.size,
		     c->m->sha256);
	put_task(c, d);
	put_training(c, d);
	put_loss(c, d);
	if (c->scores == NULL) {
		return;
	}
	put_scores(c, d);
	if (c->report != NULL && c->task->kind != IO_VALUE) {
		put_curves(c, d);
	}
	put_calibration(c, d);
	put_sets(c, d);
	put_weights(c, d);
}
