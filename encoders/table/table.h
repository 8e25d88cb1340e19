/* SPDX-License-Identifier: Apache-2.0
 * table.h - the table encoder: every cell is a token, of a record (one row) as of a sheet; a row of
 * features is a cell, or, of more than 64 cells, a run of neighbouring ones.
 *
 * A cell is a number or words, as the training cells of its column were (encoders/table/stats.h);
 * an absent cell, and one without a number in a column of numbers, is the column's "missing". A
 * column that training has not seen is known by the hash of its name. The first column of a sheet
 * of two or more names the rows where none of its cells is absent or a number; rows without names
 * are told apart by their place.
 *
 * Places are row and column from 0, the header not counted; labels "row / column = value", of a
 * record "column = value". Refused by limit: table_empty (no bytes, no rows), table_bytes (over
 * 4 MiB), table_cells (over the task's). A record of more than one row and what is not CSV are
 * refused without a limit. */
#ifndef ENC_TABLE_H
#define ENC_TABLE_H

#include "encoders/kind.h"

/* Borrows the task given to open until it is closed. */
extern const struct enc_kind enc_table_kind;
/* Its name and version by themselves: addresses that a constant (plugin.c) can hold. */
extern const char enc_table_kind_name[];
extern const char enc_table_kind_version[];

#endif
