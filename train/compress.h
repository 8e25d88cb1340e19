/* SPDX-License-Identifier: Apache-2.0
 * compress.h - a whole `assay compress`: a trained model is pruned, what is left learns from it,
 * and both are scored on the cases that the teacher's training held out. */
#ifndef TR_COMPRESS_H
#define TR_COMPRESS_H

#include "train/metric.h"
#include "train/prune.h"
#include "train/reader.h"
#include "train/study.h"

/* A model opened to be compressed, and what its record says of its training. */
struct tr_teacher {
	struct tr_reader reader;
	struct as_buf statistics; /* as in the file */
	char digest[IO_DIGEST_SIZE];
	uint64_t seed, cases;
	bool skipped; /* cases that could not be read were left out */
};

/* AS_EUSAGE where the model was trained on all cases, so that none could tell how good a student
 * is, from standard input, or is a student itself. Close also after a failure. Must not move. */
int tr_teacher_open(struct tr_teacher *t, const char *path, struct as_err *e) AS_CHECKED;
void tr_teacher_close(struct tr_teacher *t);
/* AS_EUSAGE where the data are not those that it was trained on. */
int tr_teacher_check(const struct tr_teacher *t, const struct tr_data *d,
		     struct as_err *e) AS_CHECKED;

struct tr_compress_how {
	enum tr_importance importance;
	double size; /* of the teacher's weights at most, 0 to 1 */
	uint64_t seed;
};

/* One model on the held-out cases. */
struct tr_held_out {
	size_t weights;
	struct tr_metrics metrics;
	double ms; /* a case: encoders and fusion on one thread, the best of three rounds */
};

/* s is open with the teacher's seed; the student becomes its kept model. */
int tr_compress(struct tr_study *s, const struct tr_teacher *t, const struct tr_compress_how *how,
		struct tr_held_out *teacher, struct tr_held_out *student,
		struct as_err *e) AS_CHECKED;

#endif
