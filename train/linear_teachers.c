/* SPDX-License-Identifier: Apache-2.0 */
#include "train/linear_teachers.h"

#include <stdlib.h>

/* Who is asked first. */
static const enum tr_base order[] = { TR_BOTH, TR_RECORD, TR_WORDS, TR_TEXTURE };

int tr_linear_teachers_fit(struct tr_linear_teachers *l, const struct tr_data *d, uint32_t parts,
			   const struct tr_cases *on, double *penalty, struct as_err *e)
{
	uint32_t there = 0;
	int rc = AS_OK;

	for (size_t i = 0; i < on->trains; i++) {
		there |= d->v[on->train[i]].parts;
	}
	*l = (struct tr_linear_teachers){ .c = d->task->kind == IO_VALUE ? 1 : d->task->labels };
	for (size_t i = 0; i < sizeof order / sizeof *order && rc == AS_OK; i++) {
		const enum tr_base b = order[i];

		l->parts[b] = tr_base_parts(d, b) & there;
		if (tr_base_fits(d, b) && l->parts[b] != 0 && (l->parts[b] & ~parts) == 0) {
			l->z[b] = as_malloc((d->n * l->c + 1) * sizeof *l->z[b]);
			rc = tr_base_outputs(d, b, on, &penalty[b], l->z[b], e);
		}
	}
	return rc;
}

void tr_linear_teachers_free(struct tr_linear_teachers *l)
{
	for (size_t b = 0; b < TR_BASES; b++) {
		free(l->z[b]);
	}
	*l = (struct tr_linear_teachers){ 0 };
}

const float *tr_linear_teachers_of(const struct tr_linear_teachers *l, uint32_t shown, size_t index)
{
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		const enum tr_base b = order[i];

		if (l->z[b] != NULL && (l->parts[b] & ~shown) == 0) {
			return l->z[b] + index * l->c;
		}
	}
	return NULL;
}
