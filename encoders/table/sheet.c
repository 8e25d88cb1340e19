/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/table/sheet.h"

#include "core/io/cell.h"
#include "core/io/csv.h"

#include <stdlib.h>
#include <string.h>

static size_t keep(struct enc_sheet *s, const char *text, size_t n)
{
	const size_t at = s->text.len;

	as_buf_put(&s->text, text, n);
	as_buf_put(&s->text, "", 1);
	return at;
}

/* Whether one more row may be taken. */
static int check_row(const struct enc_sheet *s, size_t cells_max, const struct enc_table_most *most,
		     const char **limit, struct as_err *e)
{
	if (s->rows == most->rows) {
		*limit = "table_rows";
		return as_fail(e, AS_EFORMAT, "table_rows: the table has more than %zu rows",
			       most->rows);
	}
	if ((s->rows + 1) * s->cols > cells_max) {
		*limit = "table_cells";
		return as_fail(e, AS_EFORMAT,
			       "table_cells: the table has more than %zu cells (%zu rows "
			       "of %zu and more)",
			       cells_max, s->rows, s->cols);
	}
	return AS_OK;
}

static int read_header(struct enc_sheet *s, const struct io_row *header,
		       const struct enc_table_most *most, const char **limit, struct as_err *e)
{
	if (header->n > most->columns) {
		*limit = "table_columns";
		return as_fail(e, AS_EFORMAT,
			       "table_columns: the table has %zu columns, %zu at most", header->n,
			       most->columns);
	}
	s->cols = header->n;
	s->name = as_calloc(s->cols, sizeof *s->name);
	for (size_t c = 0; c < s->cols; c++) {
		s->name[c] = keep(s, header->cell[c], strlen(header->cell[c]));
	}
	return AS_OK;
}

static int read_cells(struct enc_sheet *s, struct io_csv *csv, size_t cells_max,
		      const struct enc_table_most *most, const char **limit, struct as_err *e)
{
	struct io_row row;
	bool more;
	size_t cap = 0;
	int rc;

	TRY(read_header(s, io_csv_header(csv), most, limit, e));
	for (;;) {
		TRY(io_csv_next(csv, &row, &more, e));
		if (!more) {
			break;
		}
		TRY(check_row(s, cells_max, most, limit, e));
		if (s->rows == cap) {
			cap = cap > 0 ? 2 * cap : 8;
			s->cell = as_realloc(s->cell, cap * s->cols, sizeof *s->cell);
		}
		for (size_t c = 0; c < s->cols; c++) {
			s->cell[s->rows * s->cols + c] = keep(s, row.cell[c], row.size[c]);
		}
		s->rows++;
	}
	s->replaced = io_csv_replaced(csv);
out:
	return rc;
}

/* Whether column 0 holds nothing but words. */
static bool has_names(const struct enc_sheet *s, const struct io_task *task)
{
	double x;

	for (size_t r = 0; r < s->rows; r++) {
		const char *cell = enc_sheet_cell(s, r, 0);

		if (io_task_missing(task, cell) || io_cell_number(cell, &x)) {
			return false;
		}
	}
	return s->cols > 1;
}

static int check_item(struct enc_sheet *s, const struct io_task *task,
		      const struct assay_item *item, const struct enc_table_most *most,
		      const char **limit, struct as_err *e)
{
	const int part = io_task_part(task, item->part);

	if (part < 0 || strcmp(task->part[part].modality, "table") != 0) {
		return as_fail(e, AS_EFORMAT, "the task has no table part \"%s\"", item->part);
	}
	s->part = (size_t)part;
	if (item->size == 0) {
		*limit = "table_empty";
		return as_fail(e, AS_EFORMAT, "table_empty: the table is empty (0 bytes)");
	}
	if (item->size > most->bytes) {
		*limit = "table_bytes";
		return as_fail(e, AS_EFORMAT, "table_bytes: the table has %zu bytes, %zu at most",
			       item->size, most->bytes);
	}
	return AS_OK;
}

int enc_sheet_read(struct enc_sheet *s, const struct io_task *task, const struct assay_item *item,
		   const struct enc_table_most *most, const char **limit, struct as_err *e)
{
	const bool tabs =
	    item->type != NULL && strncmp(item->type, "text/tab-separated-values", 25) == 0;
	struct io_csv *csv = NULL;
	int rc;

	*s = (struct enc_sheet){ 0 };
	*limit = NULL;
	TRY(check_item(s, task, item, most, limit, e));
	rc = io_csv_open_mem(&csv, item->data, item->size, item->part, tabs ? '\t' : ',', e);
	if (rc == AS_ESHAPE) { /* more than the reader takes, which no setting can allow */
		*limit = "table_columns";
		(void)as_wrap(e, "table_columns");
		rc = e->code = AS_EFORMAT;
	}
	TRY(rc);
	TRY(read_cells(s, csv, task->hyper.table_cells, most, limit, e));
	if (s->rows == 0) {
		*limit = "table_empty";
		rc = as_fail(e, AS_EFORMAT, "table_empty: the table has a header and no rows");
		goto out;
	}
	if (io_part_is_record(&task->part[s->part])) {
		if (s->rows > 1) {
			rc = as_fail(e, AS_EFORMAT, "the record has %zu rows, one wanted", s->rows);
		}
	} else {
		s->named = has_names(s, task);
	}
out:
	io_csv_close(csv);
	return rc;
}

void enc_sheet_free(struct enc_sheet *s)
{
	free(s->name);
	free(s->cell);
	as_buf_free(&s->text);
	*s = (struct enc_sheet){ 0 };
}

const char *enc_sheet_name(const struct enc_sheet *s, size_t col)
{
	return s->text.data + s->name[col];
}

const char *enc_sheet_cell(const struct enc_sheet *s, size_t row, size_t col)
{
	return s->text.data + s->cell[row * s->cols + col];
}
