/* SPDX-License-Identifier: Apache-2.0
 * compress.h - a whole `assay compress`: a trained model is pruned, what is left learns from it,
 * and both are scored on cases that neither saw.
 *
 * A teacher that held cases out is scored on those. One that was trained on all cases with folds
 * has none: in each of the same folds a teacher is trained anew, compressed, and both are scored on
 * the cases that test. The student of the teacher itself then learns from all cases, for the folds'
 * median best epochs, and is calibrated by what the folds' students said of the cases. */
#ifndef TR_COMPRESS_H
#define TR_COMPRESS_H

#include "train/prune.h"
#include "train/report.h"
#include "train/teacher.h"

struct tr_compress_how {
	enum tr_importance importance;
	double size;     /* of the teacher's weights at most, 0 to 1 */
	bool curriculum; /* the student learns easy cases first: those of little loss to its teacher
			  */
	bool direct;     /* a network of the student's shape also learns without the teacher */
	uint64_t seed;
};

/* Networks beside each other. */
enum tr_rival { TR_TEACHER, TR_STUDENT, TR_STUDENT_INT8, TR_DIRECT, TR_RIVALS };

struct tr_cost {
	size_t weights;
	size_t bytes; /* of its file; without a record of its training, but for a teacher's own */
	double ms;    /* a case: encoders and fusion on one thread, the best of three rounds */
};

struct tr_compressed {
	/* A line for each rival, TR_DIRECT only where asked for. Of a student with no matrix of 16
	 * rows and columns the line in int8 has no figures, and no cost. */
	struct tr_report report;
	struct tr_cost cost[TR_RIVALS];
	double share; /* of each layer's structures that the student keeps */
};

/* s is open with the teacher's seed and folds and the teacher's cases; the student becomes its kept
 * model. AS_ECLOSED: interrupted between folds. Free out whatever the result. */
int tr_compress(struct tr_study *s, const struct tr_teacher *t, const struct tr_compress_how *how,
		struct tr_compressed *out, struct as_err *e) AS_CHECKED;
void tr_compressed_free(struct tr_compressed *c);

#endif
