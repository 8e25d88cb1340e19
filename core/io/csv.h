/* SPDX-License-Identifier: Apache-2.0
 * csv.h - delimited text (libcsv), a row at a time or a whole table.
 *
 * RFC 4180 with LF or CRLF. The first row is the header; a byte order mark is dropped; a row whose
 * only cell is empty is skipped. More than IO_COLUMNS_MAX columns are AS_ESHAPE. Every row has as
 * many cells as the header, else AS_EFORMAT names file, line and both counts. Blanks around a cell
 * belong to it. A quote that is never closed is AS_EFORMAT. Invalid UTF-8 and NUL bytes become
 * U+FFFD and are counted; UTF-16 is refused. libcsv keeps a cell in memory without limit, so its
 * growth is capped at IO_CELL_MAX. */
#ifndef IO_CSV_H
#define IO_CSV_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IO_COLUMNS_MAX = 4096,
	IO_CELL_MAX = 8 << 20, /* bytes of one cell: a text part must fit, and be refused later */
	IO_ROW_MAX = 64 << 20, /* bytes of one row */
	IO_ROWS_MAX = 5000000,
	IO_CELLS_MAX = 1 << 28, /* of a whole table */
};

struct io_csv; /* an open reader */

/* delimiter 0: tab where path ends in .tsv, else comma. path "-" is standard input. */
int io_csv_open(struct io_csv **out, const char *path, char delimiter, struct as_err *e) AS_CHECKED;
/* The same over bytes in memory, which must outlive the reader; what names them in errors. */
int io_csv_open_mem(struct io_csv **out, const void *data, size_t n, const char *what,
		    char delimiter, struct as_err *e) AS_CHECKED;
void io_csv_close(struct io_csv *c); /* accepts NULL */

struct io_row {
	char **cell;  /* borrowed, until the next call */
	size_t *size; /* bytes of each cell */
	size_t n;
	size_t line;   /* where the row starts, from 1 */
	size_t number; /* of the row, from 1, the header not counted (0 for the header) */
};

/* The header: names, unique and non-empty (else AS_EFORMAT names the column). */
const struct io_row *io_csv_header(const struct io_csv *c);
/* Index of a column, or -1. */
int io_csv_column(const struct io_csv *c, const char *name);
/* *more is false at the end. */
int io_csv_next(struct io_csv *c, struct io_row *row, bool *more, struct as_err *e) AS_CHECKED;
/* Bytes replaced by U+FFFD so far. */
uint64_t io_csv_replaced(const struct io_csv *c);

/* A whole table in memory. */
struct io_table {
	char *path;   /* for messages and for files named in cells */
	char **name;  /* cols column names */
	char **cell;  /* rows * cols, row-major */
	size_t *line; /* rows */
	size_t rows, cols;
	uint64_t replaced;
	struct as_map index; /* name -> its place in name */
	char **block;        /* what the cells point into; block_n of them */
	size_t block_n;
};

int io_table_load(struct io_table *t, const char *path, char delimiter,
		  struct as_err *e) AS_CHECKED;
void io_table_free(struct io_table *t);
int io_table_column(const struct io_table *t, const char *name); /* -1: none */
/* The header, and row i, borrowed: what io_task_bind and io_case_make take. size is NULL. */
struct io_row io_table_header(const struct io_table *t);
struct io_row io_table_row(const struct io_table *t, size_t i);

/* Appends one cell quoted where it has to be. */
void io_csv_put(struct as_buf *b, const char *cell, size_t n, char delimiter);

#endif
