/* SPDX-License-Identifier: Apache-2.0
 * survey.h - what a task understands of a case table: counts, ranges and what is wrong, without
 * training anything. `assay task check` prints it. */
#ifndef IO_SURVEY_H
#define IO_SURVEY_H

#include "core/base/err.h"
#include "core/base/map.h"
#include "core/io/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IO_DISTINCT_MAX = 100000, /* distinct values counted of one column, group or text */
	IO_BAD_NAMED = 10,        /* faults told in words; the others are counted */
	IO_NOTES_MAX = 64,        /* warnings told in words */
};

/* A value and how often it came. */
struct io_count {
	char *name;
	size_t n;
};

struct io_counts {
	struct io_count **v; /* in the order in which they came first */
	size_t n, cap;
	struct as_map index; /* name -> its count */
	bool full;           /* there are more than IO_DISTINCT_MAX */
};

struct io_survey_column {
	const char *name;  /* borrowed from the task */
	enum io_cell cell; /* given in the task, else as io_column_type has it; never IO_AUTO */
	size_t present, numbers;
	double min, max, sum; /* of the numbers */
	size_t targets;       /* cells that are the target's very text */
	struct io_counts values;
};

struct io_survey_part {
	size_t present; /* cases that have it */
	size_t pages, pages_max;
	uint64_t bytes;
	size_t words, words_max;         /* text: all, and of the longest case */
	size_t rows, cells_max;          /* sheet: all, and cells of the largest */
	struct io_counts seen;           /* text: the words */
	struct io_survey_column *column; /* record and text: one for each of the part's columns */
	size_t columns;
};

struct io_survey {
	size_t cases, labelled; /* rows; rows with a target that is one */
	size_t targetless;      /* rows without a target */
	struct io_counts ids, groups, splits;
	size_t label[IO_LABELS_MAX]; /* cases of each label */
	double min, max, sum;        /* IO_VALUE: of the target */
	struct io_survey_part part[IO_PARTS_MAX];
	size_t parts;
	uint64_t replaced; /* bytes of the table that were not UTF-8 */
	size_t bad;        /* files that cannot be read, targets that are none */
	char *bad_named[IO_BAD_NAMED];
	char *note[IO_NOTES_MAX]; /* warnings */
	size_t notes;
};

/* Reads the whole table and every file that it names. t is bound, so `columns = *` is filled in.
 * Fails only where the table itself cannot be read; what is wrong with single cases is counted in
 * bad. Free with io_survey_free whatever the result. */
int io_survey_read(struct io_survey *s, struct io_task *t, const char *path,
		   const bool without[IO_PARTS_MAX], struct as_err *e) AS_CHECKED;
void io_survey_free(struct io_survey *s);

#endif
