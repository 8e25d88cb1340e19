/* SPDX-License-Identifier: Apache-2.0
 * data.h - a case table in memory, read once: every case with its target and its parts made ready
 * for the encoders. */
#ifndef TR_DATA_H
#define TR_DATA_H

#include "core/io/case.h"
#include "core/io/digest.h"
#include "train/encoders.h"
#include "train/frozen.h"
#include "train/pool.h"

enum { TR_BAD_NAMED = 10 };

/* One page of a part. */
struct tr_page {
	uint32_t part, page;
	const char *type;  /* media type, static */
	struct as_buf raw; /* the bytes; empty for what is no table or text */
	struct enc_input
	    in; /* built-in encoder that learns nothing: read once, for all trainings */
	struct tr_rows frozen; /* a frozen part: its features */
};

struct tr_case {
	char *id, *group;
	char *split; /* or NULL */
	size_t line;
	const char *path; /* of the table, borrowed from the data */
	bool targeted;
	float *label; /* [labels] 0 or 1; a value: NULL */
	double value;
	struct tr_page *page; /* ordered by part, then page */
	size_t pages;
	size_t first;   /* number of page[0] among all cases' pages */
	uint32_t parts; /* bits of the parts that are there */
};

struct tr_data {
	struct io_task *task; /* borrowed */
	char *path;
	char digest[IO_DIGEST_SIZE]; /* of the table's file; empty where it was standard input */
	struct tr_case *v;
	size_t n, pages;
	struct tr_encoders enc; /* that read the pages: without statistics, their weights unused */
	struct nn_params ps;
	struct tr_frozen frozen;
	size_t rows;               /* of the table */
	size_t targetless;         /* rows left out for want of a target */
	size_t elsewhere;          /* rows left out because their split is another */
	size_t bad;                /* rows that cannot be read */
	bool absent[IO_PARTS_MAX]; /* parts whose columns the table lacks */
	char *bad_named[TR_BAD_NAMED];
	uint64_t replaced; /* bytes that were not UTF-8, of the table and its files */
};

struct tr_data_how {
	const char *path;           /* the table, "-": standard input */
	const char *split;          /* only rows of this split; NULL: all */
	bool without[IO_PARTS_MAX]; /* parts to leave out */
	bool keep;                  /* parts left out stay in the task, absent from all cases */
	bool skip_bad;              /* leave bad cases out */
	/* Pretraining: targets are not read; with keep, parts whose columns the table lacks are
	 * absent from its cases; where it has no column of splits, all rows are taken. */
	bool unlabelled;
	struct tr_origin origin;         /* of frozen parts */
	const struct fu_source *sources; /* [parts] what a model was trained with, or NULL */
};

/* Reads the table. Cases that cannot be read are counted and the first named in bad_named; unless
 * skip_bad is set they make the call fail with AS_EFORMAT. Unless keep is set the parts of
 * `without` leave the task. Free whatever the result. */
int tr_data_load(struct tr_data *d, struct io_task *task, const struct tr_data_how *how,
		 struct tr_pool *pool, struct as_err *e) AS_CHECKED;
void tr_data_free(struct tr_data *d);

/* Some cases of a table: only [n]; NULL: all. */
struct tr_some {
	const struct tr_data *d;
	const size_t *only;
	size_t n;
};
/* Cases of several tables of one task as one table, which borrows what they hold. Free with
 * tr_data_view_free, before them. */
void tr_data_view(struct tr_data *view, const struct tr_some *of, size_t tables);
void tr_data_view_free(struct tr_data *view);

/* The item as encoders take it. */
struct assay_item tr_item(const struct tr_data *d, const struct tr_page *p);

/* What the encoder of one training makes of the pages: those that learn from training cells read
 * theirs anew, the others share the data's. */
struct tr_inputs {
	const struct enc_input **of; /* [pages], NULL for a frozen part */
	struct enc_input *own;       /* [pages] */
	const struct tr_encoders *enc;
	const struct tr_data *data;
};

/* enc and d are borrowed until free, which also follows a failure. */
int tr_inputs_init(struct tr_inputs *x, const struct tr_data *d, const struct tr_encoders *enc,
		   struct as_err *e) AS_CHECKED;
void tr_inputs_free(struct tr_inputs *x);

/* Takes what the encoders want of these training cases and no step learns into the weights p. */
void tr_inputs_settle(const struct tr_inputs *x, const size_t *cases, size_t n, float *p);

/* The "statistics" of the training cells of these cases as JSON text, into out. */
int tr_statistics(const struct tr_data *d, const size_t *cases, size_t n, struct as_buf *out,
		  struct as_err *e) AS_CHECKED;

#endif
