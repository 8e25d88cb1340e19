/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/stage/stage.h"

#include "core/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void fu_stage_judge(struct fu_judge *judge, const struct fu_case *c, struct fu_outcome *out)
{
	const int64_t start = as_mono_ns();
	struct fu_page *page = as_calloc(c->slots ? c->slots : 1, sizeof *page);
	struct fu_judgment *judgment = as_calloc(1, sizeof *judgment);
	struct io_jw w = { .b = &out->members };
	struct as_err e = { 0 };

	*out = (struct fu_outcome){ 0 };
	for (size_t i = 0; i < c->slots; i++) {
		const struct fu_slot *s = c->slot[i];

		page[i] = (struct fu_page){ .part = s->part,
					    .page = s->page,
					    .rows = s->rows,
					    .dim = s->dim,
					    .v = s->v,
					    .place = s->place };
	}
	if (fu_judge_case(judge, page, c->slots, judgment, &e) == AS_OK) {
		fu_judgment_write(judge, judgment, &w);
	} else {
		out->rejected = true;
		(void)snprintf(out->message, sizeof out->message, "%s", e.msg);
	}
	free(judgment);
	free(page);
	out->ms = (double)(as_mono_ns() - start) / 1e6;
}

struct fu_times fu_case_times(const struct fu_case *c)
{
	struct fu_times t = { 0 };

	for (size_t i = 0; i < c->slots; i++) {
		t.queue = fmax(t.queue, c->slot[i]->queue);
		t.decode = fmax(t.decode, c->slot[i]->decode);
		t.encode = fmax(t.encode, c->slot[i]->encode);
	}
	return t;
}
