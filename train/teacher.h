/* SPDX-License-Identifier: Apache-2.0
 * teacher.h - a model that is to be compressed, and what its record says of its training. */
#ifndef TR_TEACHER_H
#define TR_TEACHER_H

#include "train/reader.h"
#include "train/study.h"

struct tr_teacher {
	struct tr_reader reader;
	struct as_buf statistics; /* as in the file */
	char digest[IO_DIGEST_SIZE];
	uint64_t seed, cases;
	size_t folds; /* 0: some of the cases were held out */
	size_t bytes; /* of the file */
	bool skipped; /* cases that could not be read were left out */
	bool based;   /* it did not begin by chance but with a base or another model */
};

/* AS_EUSAGE where the model was trained from standard input, has learned spans, or is a student
 * itself. Close also after a failure. Must not move. */
int tr_teacher_open(struct tr_teacher *t, const char *path, struct as_err *e) AS_CHECKED;
void tr_teacher_close(struct tr_teacher *t);
/* AS_EUSAGE where the data are not those that it was trained on. */
int tr_teacher_check(const struct tr_teacher *t, const struct tr_data *d,
		     struct as_err *e) AS_CHECKED;

#endif
