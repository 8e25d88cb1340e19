/* SPDX-License-Identifier: Apache-2.0
 * cell.h - what a cell holds: the one rule by which a table's columns are numbers or words. */
#ifndef IO_CELL_H
#define IO_CELL_H

#include "core/io/task.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the cell is one finite decimal number, blanks around it allowed; sets *out. Neither
 * "nan", "inf", hexadecimal nor a comma is a number. */
bool io_cell_number(const char *cell, double *out);

/* What a column holds of whose present cells so many are numbers: IO_NUMBER where they are at
 * least 95 %, else IO_WORDS (also where no cell is present). */
enum io_cell io_column_type(size_t present, size_t numbers);

/* The cell without the blanks around it; *n is its size. */
const char *io_cell_trim(const char *cell, size_t *n);

/* Walks a list separated by sep: the next item without blanks, empty ones left out. Start with
 * *at = the list; false at the end. */
bool io_cell_next(const char **at, char sep, const char **item, size_t *n);

#endif
