/* SPDX-License-Identifier: Apache-2.0 */
#include "train/encoders.h"

#include "encoders/image/image.h"
#include "encoders/table/table.h"
#include "encoders/text/text.h"

#include <string.h>

const struct enc_kind *tr_kind_of(const char *modality)
{
	const struct enc_kind *const known[TR_KINDS] = { &enc_text_kind, &enc_image_kind,
							 &enc_table_kind };

	for (size_t i = 0; i < TR_KINDS; i++) {
		if (strcmp(known[i]->modality, modality) == 0) {
			return known[i];
		}
	}
	return NULL;
}

bool tr_kind_learns(const struct enc_kind *kind)
{
	return kind == &enc_table_kind;
}

int tr_encoders_open(struct tr_encoders *s, struct nn_params *ps, const struct io_task *task,
		     const bool frozen[IO_PARTS_MAX], const struct json_t *statistics,
		     struct as_err *e)
{
	int rc = AS_OK;

	*s = (struct tr_encoders){ 0 };
	for (size_t m = 0; rc == AS_OK && m < task->parts; m++) {
		const struct enc_kind *kind = tr_kind_of(task->part[m].modality);
		size_t i = 0;

		s->of[m] = TR_FROZEN;
		if (frozen[m]) {
			continue;
		}
		while (i < s->n && s->kind[i] != kind) {
			i++;
		}
		if (i == s->n) {
			s->kind[s->n++] = kind;
			rc = kind->open(&s->enc[i], ps, task, statistics, e);
		}
		s->of[m] = (int)i;
	}
	return rc;
}

void tr_encoders_close(struct tr_encoders *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->kind[i]->close(s->enc[i]);
	}
	*s = (struct tr_encoders){ 0 };
}
