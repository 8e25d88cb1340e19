/* SPDX-License-Identifier: Apache-2.0 */
#include "train/trust.h"

#include "train/conformal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SHARE[TR_TRUST_SHARES] = { 1, 0.9, 0.8, 0.7, 0.5 };

void tr_trust_init(struct tr_trust *t, const struct io_task *task, size_t cases)
{
	*t = (struct tr_trust){ .task = task,
				.pattern = as_calloc((size_t)1 << task->parts, sizeof *t->pattern),
				.sure = as_calloc(cases + 1, sizeof *t->sure),
				.cap = cases };
}

void tr_trust_free(struct tr_trust *t)
{
	free(t->pattern);
	free(t->sure);
	*t = (struct tr_trust){ 0 };
}

static void put(struct tr_reliability *r, double confidence, bool right)
{
	const size_t at = (size_t)(confidence * TR_TRUST_BINS);
	const size_t b = at < TR_TRUST_BINS ? at : TR_TRUST_BINS - 1;

	r->n[b]++;
	r->said[b] += confidence;
	r->right[b] += right;
}

/* One answer p [c]. */
static void judge(struct tr_reliability *r, const struct io_task *task, const float *p,
		  const float *y, size_t c)
{
	double off = 0;
	size_t best = 0;

	for (size_t k = 0; k < c; k++) {
		const double d = (double)p[k] - (double)y[k];

		off += d * d;
		best = p[k] > p[best] ? k : best;
		if (task->kind == IO_MULTI) {
			put(r, fmax((double)p[k], 1 - (double)p[k]),
			    (p[k] >= 0.5F) == (y[k] > 0.5F));
		}
	}
	if (task->kind == IO_CLASS) {
		put(r, (double)p[best], y[best] > 0.5F);
	}
	r->brier += task->kind == IO_MULTI ? off / (double)c : off;
}

/* How sure the judgment of one case is, and how wrong: the share of labels (class: the label). */
static struct tr_sure sure_of(const struct io_task *task, const struct fu_calibration *c,
			      const float *p, const float *y, size_t n)
{
	struct tr_sure s = { 0 };

	if (task->kind == IO_CLASS) {
		for (size_t k = 0; k < n; k++) {
			s.confidence = fmax(s.confidence, (double)p[k]);
		}
		s.error = y[fu_choose(task, c, p)] > 0.5F ? 0 : 1;
		return s;
	}
	for (size_t k = 0; k < n; k++) {
		s.confidence += fmax((double)p[k], 1 - (double)p[k]) / (double)n;
		s.error += ((p[k] >= c->threshold[k]) != (y[k] > 0.5F)) / (double)n;
	}
	return s;
}

/* The sets of the cases of s that have the parts of pattern k. p [n, c]: the answers under it. */
static void cover(struct tr_trust *t, const struct fu_calibration *c, const struct tr_scores *s,
		  const float *y, size_t k, const float *p)
{
	const uint32_t pattern = tr_pattern(s->parts, k);
	const float q = c->quantile[pattern];
	struct tr_covered *to = &t->pattern[pattern];
	double expected;
	double variance;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const float *pi = p + i * s->c;

		if ((s->there[i] & pattern) != pattern) {
			continue;
		}
		n++;
		to->covered += tr_nonconformity(t->task, pi, y + i * s->c) <= q;
		if (t->task->kind == IO_VALUE && isfinite(q)) {
			to->size += 2 * (double)q;
		}
		for (size_t l = 0; t->task->kind != IO_VALUE && l < s->c; l++) {
			to->size += 1.0F - pi[l] <= q;
		}
	}
	to->n += n;
	to->unbounded += isfinite(q) ? 0 : n;
	tr_expect_covered(c->coverage, c->cases[pattern], n, &expected, &variance);
	to->expected += expected;
	to->variance += variance;
}

void tr_trust_add(struct tr_trust *t, const struct fu_calibration *c, const struct tr_scores *s,
		  const float *y)
{
	const size_t n = s->c;
	float *p = as_malloc((s->n * n + 1) * sizeof *p);
	float *raw = as_malloc((n + 1) * sizeof *raw);

	t->coverage = c->coverage;
	for (size_t i = 0; i < s->n * s->parts; i++) {
		const size_t m = i % s->parts;

		t->weight[m].n += s->there[i / s->parts] >> m & 1U;
		t->weight[m].sum += (double)s->weight[i];
	}
	for (size_t k = 0; k < s->masks; k++) {
		tr_answers(c, t->task, s, k, p);
		if (t->coverage > 0) {
			cover(t, c, s, y, k, p);
		}
		for (size_t i = 0; k == 0 && i < s->n; i++) {
			const size_t at = t->n++;

			if (t->task->kind == IO_VALUE) {
				continue;
			}
			fu_calibrate(t->task, tr_scores_of(s, 0) + i * n, 1, raw);
			judge(&t->before, t->task, raw, y + i * n, n);
			judge(&t->after, t->task, p + i * n, y + i * n, n);
			t->sure[at] = sure_of(t->task, c, p + i * n, y + i * n, n);
		}
	}
	free(raw);
	free(p);
}

double tr_ece(const struct tr_reliability *r)
{
	size_t n = 0;
	double sum = 0;

	for (size_t b = 0; b < TR_TRUST_BINS; b++) {
		n += r->n[b];
		sum += fabs(r->said[b] - r->right[b]);
	}
	return sum / (double)n;
}

static int surest_first(const void *a, const void *b)
{
	const struct tr_sure *x = a;
	const struct tr_sure *y = b;

	if (x->confidence < y->confidence || x->confidence > y->confidence) {
		return x->confidence > y->confidence ? -1 : 1;
	}
	return (x->error > y->error) - (x->error < y->error);
}

double tr_risk(const struct tr_trust *t, double share)
{
	const size_t want = (size_t)floor((double)t->n * share + 0.5);
	const size_t n = want < 1 ? 1 : want;
	struct tr_sure *v = as_malloc((t->n + 1) * sizeof *v);
	double sum = 0;

	memcpy(v, t->sure, t->n * sizeof *v);
	qsort(v, t->n, sizeof *v, surest_first);
	for (size_t i = 0; i < n; i++) {
		sum += v[i].error;
	}
	free(v);
	return sum / (double)n;
}

static void write_reliability(const struct tr_reliability *r, size_t n, const char *key,
			      struct io_jw *w)
{
	io_jw_obj(w, key);
	io_jw_num(w, "ece", tr_ece(r));
	io_jw_num(w, "brier", r->brier / (double)n);
	io_jw_arr(w, "bins");
	for (size_t b = 0; b < TR_TRUST_BINS; b++) {
		if (r->n[b] > 0) {
			io_jw_obj(w, NULL);
			io_jw_u64(w, "n", r->n[b]);
			io_jw_num(w, "said", r->said[b] / (double)r->n[b]);
			io_jw_num(w, "right", r->right[b] / (double)r->n[b]);
			io_jw_end_obj(w);
		}
	}
	io_jw_end_arr(w);
	io_jw_end_obj(w);
}

/* The share that should be covered, less and more two standard deviations. */
static void band(const struct tr_covered *c, double *low, double *high)
{
	const double n = (double)c->n;

	*low = fmax(0, (c->expected - 2 * sqrt(c->variance)) / n);
	*high = fmin(1, (c->expected + 2 * sqrt(c->variance)) / n);
}

static void write_sets(const struct tr_trust *t, struct io_jw *w)
{
	io_jw_obj(w, "sets");
	io_jw_num(w, "coverage", t->coverage);
	for (size_t k = 0; k < (size_t)1 << t->task->parts; k++) {
		const struct tr_covered *c = &t->pattern[k];
		struct as_buf name = { 0 };
		double low;
		double high;

		if (c->n == 0) {
			continue;
		}
		band(c, &low, &high);
		fu_pattern_name(t->task, k, &name);
		io_jw_obj(w, name.data);
		io_jw_u64(w, "n", c->n);
		io_jw_num(w, "covered", (double)c->covered / (double)c->n);
		io_jw_num(w, "from", low);
		io_jw_num(w, "to", high);
		if (c->n > c->unbounded || t->task->kind != IO_VALUE) {
			io_jw_num(w, "size", c->size / (double)c->n);
		}
		io_jw_u64(w, "unbounded", c->unbounded);
		io_jw_end_obj(w);
		as_buf_free(&name);
	}
	io_jw_end_obj(w);
}

void tr_trust_write(const struct tr_trust *t, struct io_jw *w)
{
	if (t->n == 0) {
		return;
	}
	if (t->task->kind != IO_VALUE) {
		io_jw_obj(w, "calibration");
		write_reliability(&t->before, t->n, "before", w);
		write_reliability(&t->after, t->n, "after", w);
		io_jw_end_obj(w);
		io_jw_arr(w, "risk");
		for (size_t i = 0; i < TR_TRUST_SHARES; i++) {
			io_jw_obj(w, NULL);
			io_jw_num(w, "judged", SHARE[i]);
			io_jw_num(w, "error", tr_risk(t, SHARE[i]));
			io_jw_end_obj(w);
		}
		io_jw_end_arr(w);
	}
	io_jw_obj(w, "weights");
	for (size_t m = 0; m < t->task->parts; m++) {
		if (t->weight[m].n > 0) {
			io_jw_num(w, t->task->part[m].name,
				  t->weight[m].sum / (double)t->weight[m].n);
		}
	}
	io_jw_end_obj(w);
	if (t->coverage > 0) {
		write_sets(t, w);
	}
}

static void text_sets(const struct tr_trust *t, struct as_buf *out)
{
	as_buf_printf(out, "%-22s %12s %15s %12s\n", "sets", "covered", "expected",
		      t->task->kind == IO_VALUE ? "mean width" : "mean labels");
	for (size_t k = (size_t)1 << t->task->parts; k-- > 0;) {
		const struct tr_covered *c = &t->pattern[k];
		struct as_buf name = { 0 };
		double low;
		double high;

		if (c->n == 0) {
			continue;
		}
		band(c, &low, &high);
		fu_pattern_name(t->task, k, &name);
		as_buf_printf(out, "%-22s %12.3f %7.3f..%-6.3f %12.2f%s\n", name.data,
			      (double)c->covered / (double)c->n, low, high, c->size / (double)c->n,
			      c->unbounded > 0 ? " (some unbounded)" : "");
		as_buf_free(&name);
	}
}

void tr_trust_text(const struct tr_trust *t, struct as_buf *out)
{
	if (t->n == 0) {
		return;
	}
	if (t->task->kind != IO_VALUE) {
		as_buf_printf(out,
			      "calibration error %.3f, before calibration %.3f; Brier %.3f, "
			      "before %.3f\n",
			      tr_ece(&t->after), tr_ece(&t->before), t->after.brier / (double)t->n,
			      t->before.brier / (double)t->n);
		as_buf_puts(out, "error of the surest cases:");
		for (size_t i = 0; i < TR_TRUST_SHARES; i++) {
			as_buf_printf(out, "%s %.0f %% %.3f", i > 0 ? "," : "", 100 * SHARE[i],
				      tr_risk(t, SHARE[i]));
		}
		as_buf_puts(out, "\n");
	}
	if (t->coverage > 0) {
		text_sets(t, out);
	}
}
