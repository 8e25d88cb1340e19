/* SPDX-License-Identifier: Apache-2.0
 * judge.h - from the features of a case to its judgment, with everything a served model needs:
 * task, weights, calibration, digest. The daemon's fusion stage and `assay judge` both call this.
 */
#ifndef FU_JUDGE_H
#define FU_JUDGE_H

#include "core/base/arena.h"
#include "core/io/digest.h"
#include "core/io/json.h"
#include "core/io/model.h"
#include "core/io/task.h"
#include "fusion/model.h"
#include "fusion/verdict.h"
#include "plugins/assay_plugin.h"

/* Which encoder a part's features must come from: the model's "encoders" metadata, an entry
 * {"modality","name","version","dim","frozen"} for every part of the task. */
struct fu_source {
	char modality[IO_NAME_SIZE];
	char name[IO_NAME_SIZE];
	char version[IO_NAME_SIZE];
	uint32_t dim;
	bool frozen; /* not trained with the model: any encoder of this name, version, dim */
};

/* One model, opened to judge. const while judging but for mem: one thread at a time. */
struct fu_judge {
	struct io_task task;
	char name[128]; /* the model's name */
	char sha256[IO_DIGEST_SIZE];
	struct nn_params params; /* fusion weights only */
	struct fu_model model;
	struct fu_calibration calibration;
	struct fu_source source[IO_PARTS_MAX];
	struct as_arena mem; /* of the case in hand */
};

/* AS_EFORMAT or AS_ESHAPE name the file and what in it is wrong. Close also after a failure. */
int fu_judge_open(struct fu_judge *j, const char *path, struct as_err *e) AS_CHECKED;
/* The same from a file that is open; it may be closed after. */
int fu_judge_read(struct fu_judge *j, const struct io_model *m, struct as_err *e) AS_CHECKED;
void fu_judge_close(struct fu_judge *j);

/* Features of one page of a part, as a worker or an encoder gives them. */
struct fu_page {
	uint32_t part; /* index in the task */
	uint32_t page;
	uint32_t rows, dim;
	const float *v;                  /* [rows, dim] */
	const struct assay_place *place; /* [rows] */
};

/* Judges one case; the pages of a part may come in any order and are joined in page order, above
 * FU_ROWS_MAX rows neighbours are averaged. No pages at all is a case of its own: the base.
 * AS_ESHAPE names part and page where features do not fit the model: unknown part, page beyond
 * the task's `repeat` or given twice, other dim, no rows, NaN, infinity or
 * numbers beyond 1e9; and where the weights make a judgment overflow. */
int fu_judge_case(struct fu_judge *j, const struct fu_page *page, size_t pages,
		  struct fu_judgment *out, struct as_err *e) AS_CHECKED;

/* Members of "data" that come from the model, into an open object:
 *   class   label, probability, threshold (two labels only), labels {label: p}
 *   multi   label [those from their threshold up], labels {label: p}, thresholds {label: t}
 *   value   value
 *   all     set (value: interval) and coverage where the model has them, parts, missing,
 *           contributions, base, conflict, abstain where it does, alignments, model
 * `probability` is that of the label named in `label`; of two labels `threshold` is the positive
 * (last) one's: it is named when its own entry in `labels` is at least `threshold`. */
void fu_judgment_write(const struct fu_judge *j, const struct fu_judgment *out, struct io_jw *w);

#endif
