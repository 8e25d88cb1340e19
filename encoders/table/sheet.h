/* SPDX-License-Identifier: Apache-2.0
 * sheet.h - the cells of a table part, bounded. */
#ifndef ENC_TABLE_SHEET_H
#define ENC_TABLE_SHEET_H

#include "core/base/buf.h"
#include "core/io/task.h"
#include "plugins/assay_plugin.h"

enum {
	ENC_TABLE_BYTES_MAX = 4 << 20,
	ENC_TABLE_ROWS_MAX = 65536,
	ENC_TABLE_COLUMNS_MAX = 2048,
};

/* Limits of one table; its cells are the task's. */
struct enc_table_most {
	size_t bytes, rows, columns;
};

static const struct enc_table_most enc_table_usual = { ENC_TABLE_BYTES_MAX, ENC_TABLE_ROWS_MAX,
						       ENC_TABLE_COLUMNS_MAX };

struct enc_sheet {
	size_t part; /* index in the task */
	size_t rows, cols;
	size_t *name; /* [cols] offsets in text */
	size_t *cell; /* [rows * cols] */
	bool named;   /* column 0 holds the names of the rows, no cells */
	uint64_t replaced;
	struct as_buf text;
};

/* AS_EFORMAT says what is wrong and sets *limit (NULL: no limit). Free with enc_sheet_free whatever
 * the result. */
int enc_sheet_read(struct enc_sheet *s, const struct io_task *task, const struct assay_item *item,
		   const struct enc_table_most *most, const char **limit,
		   struct as_err *e) AS_CHECKED;
void enc_sheet_free(struct enc_sheet *s);

const char *enc_sheet_name(const struct enc_sheet *s, size_t col);
const char *enc_sheet_cell(const struct enc_sheet *s, size_t row, size_t col);

#endif
