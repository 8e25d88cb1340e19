/* SPDX-License-Identifier: Apache-2.0
 * task.h - what is asked of a case: its parts, its target, its labels. Read from task.ini (inih)
 * for training and from the model's metadata (JSON) for everything after. */
#ifndef IO_TASK_H
#define IO_TASK_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/io/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IO_PARTS_MAX = 8,
	IO_LABELS_MAX = 256,
	IO_PAGES_MAX = 16,
	IO_NAME_SIZE = 41, /* [a-z0-9._-]{1,40} and a NUL: parts, streams, modalities */
	IO_CASE_MAX = 256, /* bytes of a case id */
};

typedef uint32_t io_u32;
typedef float io_f32;

enum {
	IO_STAGES = 4, /* of the image encoder's convolutions, each halves the picture */
	IO_STRIDE = 1 << IO_STAGES, /* pixels a side of one of its tokens */
};

struct io_hyper {
#define HYPER(section, key, type, def, min, max, doc) io_##type key;
#include "core/io/hyper.def"
#undef HYPER
};

void io_hyper_defaults(struct io_hyper *h);
/* Sets one key of [section]; AS_ECONFIG names key, range and value, or the nearest known key. */
int io_hyper_set(struct io_hyper *h, const char *section, const char *key, const char *value,
		 struct as_err *e) AS_CHECKED;

enum io_kind { IO_CLASS, IO_MULTI, IO_VALUE };
enum io_cell {
	IO_AUTO,
	IO_NUMBER,
	IO_WORDS
}; /* what a table column holds; IO_WORDS: category or text */
enum io_operate { IO_YOUDEN, IO_SENSITIVITY, IO_SPECIFICITY };
/* What may make a judgment abstain, in the order in which it is looked at. */
enum io_abstain {
	IO_ABSTAIN_SET,      /* labels in the prediction set, or a label named outside of it */
	IO_ABSTAIN_CONFLICT, /* of the parts */
	IO_ABSTAIN_MARGIN,   /* how near the decision was; the only limit from below */
	IO_ABSTAIN_INTERVAL, /* width of a value's interval, in the target's unit */
	IO_ABSTAINS
};

struct io_column {
	char *name;
	enum io_cell cell;
};

struct io_part_spec {
	char name[IO_NAME_SIZE];
	char modality[IO_NAME_SIZE];
	struct io_column *column; /* image, sheet: one, holding paths. text: those joined by a
				   * newline. record: its cells. Any other modality: one, paths */
	size_t columns;
	bool every;      /* record with `columns = *`: column filled in by io_task_bind */
	bool sheet;      /* a table part given by `column`, a path to a CSV of its own */
	uint32_t repeat; /* pages at most; 1 unless `repeat` is given */
};

struct io_task {
	char *path; /* for messages; NULL when read from a model */
	char name[IO_NAME_SIZE];
	char *id;     /* column of case ids; NULL: "case" where there is one, else the row number */
	char *target; /* column */
	enum io_kind kind;
	char **label;   /* labels of them; for two, the last is the positive one */
	size_t labels;  /* 0 for IO_VALUE */
	char *group;    /* column or NULL */
	char *split;    /* column or NULL */
	char delimiter; /* 0: by the file's name */
	char **missing; /* cells that mean absent, beside the empty one */
	size_t missings;
	enum io_operate operate;
	double operate_at;           /* for IO_SENSITIVITY, IO_SPECIFICITY */
	double coverage;             /* of prediction sets and intervals, between 0 and 1 */
	double abstain[IO_ABSTAINS]; /* limits; 0: none */
	struct io_part_spec part[IO_PARTS_MAX];
	size_t parts;
	struct io_hyper hyper;
};

/* AS_ECONFIG names file, line and key; unknown keys name the nearest known one. */
int io_task_load(struct io_task *t, const char *path, struct as_err *e) AS_CHECKED;
/* The same from the "task" metadata of a model or a TASK answer. */
int io_task_parse(struct io_task *t, const struct json_t *doc, struct as_err *e) AS_CHECKED;
/* One object, as io_task_parse reads it; hyper-parameters included. */
void io_task_write(const struct io_task *t, struct io_jw *w, const char *key);
void io_task_free(struct io_task *t);

/* Names as they are written in files. */
const char *io_kind_name(enum io_kind kind);
const char *io_operate_name(enum io_operate how);
const char *io_abstain_name(enum io_abstain why);
const char *io_cell_name(enum io_cell cell);

/* What holds a part's bytes: the case's row (record), cells of text, or files named in cells. */
bool io_part_is_record(const struct io_part_spec *p);
bool io_part_is_text(const struct io_part_spec *p);
bool io_part_is_file(const struct io_part_spec *p);

/* Index of a part by name, or -1. */
int io_task_part(const struct io_task *t, const char *name);
/* Index of a label, or -1. */
int io_task_label(const struct io_task *t, const char *label);
/* Whether a cell means absent: empty, blank, or listed in `missing` (case-folded ASCII). */
bool io_task_missing(const struct io_task *t, const char *cell);
/* Whether the name is [a-z0-9._-]{1,40}. */
bool io_name_ok(const char *name);
/* The known name nearest to what was typed (Levenshtein at most 3), or NULL. */
const char *io_nearest(const char *typed, const char *const *known, size_t n);

#endif
