/* SPDX-License-Identifier: Apache-2.0
 * case.h - from a row of a case table to the parts of a case, the same for train, eval, judge and
 * submit.
 *
 * A record becomes text/csv: a header and one row of raw cells. A sheet is its file's bytes as
 * text/csv, text is text/plain; charset=utf-8 (columns joined by a newline, absent ones left out),
 * an image and any other modality its file's bytes (application/octet-stream; the content says
 * which format). A file whose name ends in .tsv is text/tab-separated-values. A part whose cells
 * are all absent is absent. */
#ifndef IO_CASE_H
#define IO_CASE_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/io/csv.h"
#include "core/io/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IO_PART_BYTES_MAX = 64 << 20 }; /* of one part */

struct io_part {
	uint32_t spec;    /* index in the task's parts */
	uint32_t page;    /* from 0 */
	const char *type; /* media type, static */
	struct as_buf data;
	char *path; /* the file it came from, or NULL */
};

struct io_case {
	char id[IO_CASE_MAX + 1];
	size_t line;  /* of the table, for messages */
	char *target; /* raw cell; NULL where absent or the column is not there */
	char *group;  /* raw cell, or the id */
	char *split;  /* raw cell or NULL */
	struct io_part *part;
	size_t parts;
};

/* Where the task's columns stand in one table. */
struct io_binding {
	int id, target, group, split; /* column or -1 */
	int *column[IO_PARTS_MAX];    /* per part, per column of the part; NULL: part left out */
};

/* Finds the task's columns by name. without[i]: part i is left out (its columns need not be
 * there; without NULL: none is). need_target: the target column must be there, and those of group
 * and split where the task has them (to do without them, clear them in t). Fills in the columns of
 * a `columns = *` record (all that the task names nowhere else) unless they are known from
 * training. AS_EFORMAT names file and column. Free with io_binding_free whatever the result. */
int io_task_bind(struct io_task *t, const struct io_row *header, const char *path,
		 const bool without[IO_PARTS_MAX], bool need_target, struct io_binding *b,
		 struct as_err *e) AS_CHECKED;
void io_binding_free(struct io_binding *b);

/* Makes the parts of a row; files are read beside the table's path. The error names file, line,
 * case and column. Free with io_case_free whatever the result. */
int io_case_make(const struct io_task *t, const struct io_binding *b, const struct io_row *row,
		 const char *path, struct io_case *c, struct as_err *e) AS_CHECKED;
/* The same from files given one by one (`--part NAME=FILE`, "-" standard input). */
int io_case_add_file(const struct io_task *t, struct io_case *c, const char *part, const char *file,
		     struct as_err *e) AS_CHECKED;
void io_case_free(struct io_case *c);

/* The target of a case: labels[k] = 1 for its labels (class: one; multi: any), or *value.
 * AS_EFORMAT names case and cell. */
int io_case_target(const struct io_task *t, const struct io_case *c, float *labels, double *value,
		   struct as_err *e) AS_CHECKED;

#endif
