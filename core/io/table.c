/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/csv.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 20 }; /* bytes that cells are copied into at a time */

/* Room for n bytes that never move. */
static char *carve(struct io_table *t, size_t *left, size_t n)
{
	if (n > *left) {
		*left = n > BLOCK ? n : BLOCK;
		t->block = as_realloc(t->block, t->block_n + 1, sizeof *t->block);
		t->block[t->block_n++] = as_malloc(*left);
	}
	*left -= n;
	return t->block[t->block_n - 1] + (n > BLOCK ? 0 : BLOCK - *left - n);
}

static void take_names(struct io_table *t, const struct io_row *header)
{
	t->cols = header->n;
	t->name = as_calloc(header->n, sizeof *t->name);
	for (size_t i = 0; i < header->n; i++) {
		t->name[i] = as_strndup(header->cell[i], header->size[i]);
		as_map_put(&t->index, t->name[i], &t->name[i]);
	}
}

static int take_row(struct io_table *t, const struct io_row *row, size_t *cap, size_t *left,
		    struct as_err *e)
{
	if (t->rows == IO_ROWS_MAX || (t->rows + 1) * t->cols > IO_CELLS_MAX) {
		return as_fail(e, AS_EFORMAT, "%s:%zu: rows: more than %zu of %zu columns", t->path,
			       row->line, t->rows, t->cols);
	}
	if (t->rows == *cap) {
		*cap = *cap ? 2 * *cap : 64;
		t->cell = as_realloc(t->cell, *cap * t->cols, sizeof *t->cell);
		t->line = as_realloc(t->line, *cap, sizeof *t->line);
	}
	for (size_t i = 0; i < t->cols; i++) {
		char *at = carve(t, left, row->size[i] + 1);

		memcpy(at, row->cell[i], row->size[i] + 1);
		t->cell[t->rows * t->cols + i] = at;
	}
	t->line[t->rows++] = row->line;
	return AS_OK;
}

int io_table_load(struct io_table *t, const char *path, char delimiter, struct as_err *e)
{
	struct io_csv *c = NULL;
	struct io_row row;
	size_t cap = 0;
	size_t left = 0;
	bool more = true;
	int rc;

	*t = (struct io_table){ .path = as_strdup(path) };
	TRY(io_csv_open(&c, path, delimiter, e));
	take_names(t, io_csv_header(c));
	for (;;) {
		TRY(io_csv_next(c, &row, &more, e));
		if (!more) {
			break;
		}
		TRY(take_row(t, &row, &cap, &left, e));
	}
	t->replaced = io_csv_replaced(c);
out:
	io_csv_close(c);
	if (rc != AS_OK) {
		io_table_free(t);
	}
	return rc;
}

void io_table_free(struct io_table *t)
{
	for (size_t i = 0; t->name != NULL && i < t->cols; i++) {
		free(t->name[i]);
	}
	for (size_t i = 0; i < t->block_n; i++) {
		free(t->block[i]);
	}
	free(t->path);
	free(t->name);
	free(t->cell);
	free(t->line);
	free(t->block);
	as_map_free(&t->index);
	*t = (struct io_table){ 0 };
}

int io_table_column(const struct io_table *t, const char *name)
{
	char **at = as_map_find(&t->index, name);

	return at != NULL ? (int)(at - t->name) : -1;
}

struct io_row io_table_header(const struct io_table *t)
{
	return (struct io_row){ .cell = t->name, .n = t->cols, .line = 1 };
}

struct io_row io_table_row(const struct io_table *t, size_t i)
{
	return (struct io_row){
		.cell = t->cell + i * t->cols, .n = t->cols, .line = t->line[i], .number = i + 1
	};
}
