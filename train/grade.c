/* SPDX-License-Identifier: Apache-2.0 */
#include "train/grade.h"

#include <stdlib.h>

int tr_grade(const struct tr_reader *r, struct tr_report *report, size_t first, size_t lines,
	     struct tr_pool *pool, struct as_err *e)
{
	const struct fu_calibration *c = &r->judge.calibration;
	const struct tr_data *d = report->d;
	size_t *cases = as_malloc((d->n + 1) * sizeof *cases);
	float *p = as_malloc((d->n * report->c + 1) * sizeof *p);
	struct tr_inputs in = { 0 };
	struct tr_scores s = { 0 };
	uint32_t mask[FU_PATTERNS];
	const size_t masks = tr_patterns(d->task->parts, mask);
	float *y = as_malloc((d->n * report->c + 1) * sizeof *y);
	int rc;

	for (size_t i = 0; i < d->n; i++) {
		cases[i] = i;
	}
	TRY(tr_inputs_init(&in, d, &r->net.enc, e));
	TRY(tr_score(&s, &r->net, &in, &(struct tr_question){ cases, d->n, mask, masks }, pool, e));
	for (size_t i = first; i < first + lines; i++) {
		tr_answers(c, d->task, &s, report->line[i].pattern, p);
		tr_report_put(report, i, 0, cases, d->n, p, c->threshold);
	}
	if (report->trust.pattern != NULL) {
		tr_heads_add(&report->heads, &s.heads);
		tr_truth(d, cases, d->n, y);
		tr_trust_add(&report->trust, c, &s, y);
	}
out:
	free(y);
	tr_scores_free(&s);
	tr_inputs_free(&in);
	free(p);
	free(cases);
	return rc;
}
