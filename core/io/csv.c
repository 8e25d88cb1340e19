/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/csv.h"

#include "core/text/utf8.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, CELL_STEP = 1 << 14, OPTIONS = CSV_APPEND_NULL };

struct io_csv {
	struct csv_parser parser;
	char *what; /* names the input in errors */
	char delimiter;
	int fd; /* -1: bytes in memory */
	char *chunk;
	const char *data; /* bytes not parsed yet: [at, size) */
	size_t at, size;
	bool begun;  /* the first bytes have been looked at */
	bool ended;  /* no more bytes will come */
	bool cr;     /* the last byte was a carriage return */
	bool fresh;  /* the next byte starts a row */
	size_t line; /* of the next byte */

	struct io_row row; /* the one being collected; cells are offsets until it is whole */
	size_t seen;       /* its cells, those beyond the limit included */
	size_t room;       /* cells there is room for */
	size_t *start;     /* [room] where they start in text */
	struct as_buf text;
	size_t limit; /* cells kept of a row */
	bool whole;
	bool too_long; /* the row breaks IO_ROW_MAX */
	uint64_t replaced;

	struct io_row header;
	struct as_buf names;
	struct as_map index; /* name -> its place in header.cell */
	size_t rows;
};

/* libcsv's realloc: the one place where the growth of a cell can be stopped. */
static void *capped_realloc(void *p, size_t n)
{
	return n > IO_CELL_MAX ? NULL : realloc(p, n);
}

/* RFC 4180: blanks belong to the cell. */
static int is_space(unsigned char c)
{
	(void)c;
	return 0;
}

static void on_cell(void *data, size_t n, void *ctx)
{
	struct io_csv *c = ctx;

	if (c->seen++ >= c->limit) {
		return;
	}
	if (n > IO_ROW_MAX - c->text.len) {
		c->too_long = true;
		return;
	}
	if (c->row.n == c->room) {
		c->room = c->room ? 2 * c->room : 32;
		c->start = as_realloc(c->start, c->room, sizeof *c->start);
		c->row.cell = as_realloc(c->row.cell, c->room, sizeof *c->row.cell);
		c->row.size = as_realloc(c->row.size, c->room, sizeof *c->row.size);
	}
	c->start[c->row.n] = c->text.len;
	c->replaced += tx_utf8_clean(data, n, true, &c->text);
	c->row.size[c->row.n] = c->text.len - c->start[c->row.n];
	as_buf_put(&c->text, "", 1);
	c->row.n++;
}

static void on_row(int end, void *ctx)
{
	struct io_csv *c = ctx;

	(void)end;
	c->whole = true;
}

/* Reads the next chunk where all of the last one is parsed. */
static int fill(struct io_csv *c, struct as_err *e)
{
	if (c->at < c->size || c->ended) {
		return AS_OK;
	}
	if (c->fd < 0) {
		c->ended = true;
		return AS_OK;
	}
	c->data = c->chunk;
	c->at = 0;
	c->size = 0;
	while (c->size < CHUNK) {
		const ssize_t n = read(c->fd, c->chunk + c->size, CHUNK - c->size);

		if (n < 0 && errno != EINTR) {
			return as_fail(e, AS_ENOINPUT, "%s: %s", c->what, strerror(errno));
		}
		if (n == 0) {
			break;
		}
		c->size += n > 0 ? (size_t)n : 0;
	}
	c->ended = c->size == 0;
	return AS_OK;
}

/* The byte order mark, if there is one. */
static int begin(struct io_csv *c, struct as_err *e)
{
	const unsigned char *p = (const unsigned char *)c->data;
	const size_t n = c->size;

	c->begun = true;
	if (n >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF) {
		c->at = 3;
	} else if (n >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF))) {
		return as_fail(e, AS_EFORMAT, "%s: UTF-16; save it as UTF-8", c->what);
	}
	return AS_OK;
}

/* Bytes up to the next line end: libcsv cannot stop after a row, so it is fed a line at a time. */
static size_t line_length(struct io_csv *c)
{
	const char *p = c->data + c->at;
	const size_t n = c->size - c->at;
	size_t i = 0;

	while (i < n && p[i] != '\n' && p[i] != '\r') {
		i++;
	}
	if (c->fresh && !(c->cr && p[0] == '\n')) {
		c->row.line = c->line;
	}
	if (i == n) {
		c->cr = false;
		return n;
	}
	c->line += !(p[i] == '\n' && i == 0 && c->cr);
	c->cr = p[i] == '\r';
	return i + 1;
}

static int parse_failed(struct io_csv *c, struct as_err *e)
{
	if (csv_error(&c->parser) == CSV_EPARSE) {
		return as_fail(e, AS_EFORMAT, "%s:%zu: a quote is opened and never closed", c->what,
			       c->row.line);
	}
	return as_fail(e, AS_EFORMAT,
		       "%s:%zu: a cell of more than %d bytes (is a quote never closed?)", c->what,
		       c->row.line, (int)IO_CELL_MAX);
}

static void row_clear(struct io_csv *c)
{
	as_buf_clear(&c->text);
	c->row.n = 0;
	c->seen = 0;
	c->whole = false;
	c->too_long = false;
	c->fresh = true;
}

static int finish(struct io_csv *c, struct as_err *e)
{
	/* strict only now: a quote inside an unquoted cell is let pass */
	(void)csv_set_opts(&c->parser, OPTIONS | CSV_STRICT | CSV_STRICT_FINI);
	return csv_fini(&c->parser, on_cell, on_row, c) == 0 ? AS_OK : parse_failed(c, e);
}

/* Parses one line of what is there. */
static int parse_line(struct io_csv *c, struct as_err *e)
{
	const size_t n = line_length(c);

	if (csv_parse(&c->parser, c->data + c->at, n, on_cell, on_row, c) != n) {
		return parse_failed(c, e);
	}
	c->at += n;
	c->fresh = c->fresh && n == 1 && (c->data[c->at - 1] == '\n' || c->cr);
	return AS_OK;
}

/* Collects the cells of the next row; c->whole stays false at the end. */
static int collect(struct io_csv *c, struct as_err *e)
{
	int rc = AS_OK;

	row_clear(c);
	while (rc == AS_OK && !c->whole) {
		TRY(fill(c, e));
		if (!c->begun) {
			rc = begin(c, e);
		} else if (c->ended) {
			rc = finish(c, e);
			break;
		} else {
			rc = parse_line(c, e);
		}
	}
	if (rc == AS_OK && c->too_long) {
		rc = as_fail(e, AS_EFORMAT, "%s:%zu: a row of more than %d bytes", c->what,
			     c->row.line, (int)IO_ROW_MAX);
	}
	for (size_t i = 0; i < c->row.n; i++) {
		c->row.cell[i] = c->text.data + c->start[i];
	}
out:
	return rc;
}

static int take_header(struct io_csv *c, struct as_err *e)
{
	const struct io_row *h = &c->row;

	if (c->seen == 0) {
		return as_fail(e, AS_EFORMAT, "%s: empty: a header row is needed", c->what);
	}
	if (c->seen > IO_COLUMNS_MAX) {
		return as_fail(e, AS_ESHAPE, "%s:%zu: columns: %zu, the limit is %d", c->what,
			       h->line, c->seen, (int)IO_COLUMNS_MAX);
	}
	for (size_t i = 0; i < h->n; i++) {
		if (h->cell[i][strspn(h->cell[i], " \t\r\n")] == '\0') {
			return as_fail(
			    e, AS_EFORMAT,
			    "%s:%zu: column %zu has no name (is the header row missing?)", c->what,
			    h->line, i + 1);
		}
		if (as_map_find(&c->index, h->cell[i]) != NULL) {
			return as_fail(e, AS_EFORMAT, "%s:%zu: two columns are called \"%s\"",
				       c->what, h->line, h->cell[i]);
		}
		as_map_put(&c->index, h->cell[i], &h->cell[i]);
	}
	c->header = c->row;
	c->names = c->text;
	c->row = (struct io_row){ 0 };
	c->text = (struct as_buf){ 0 };
	c->room = 0;
	c->limit = c->header.n;
	return AS_OK;
}

static int start(struct io_csv **out, struct io_csv *c, char delimiter, struct as_err *e)
{
	const size_t n = strlen(c->what);
	int rc;

	*out = c;
	if (delimiter == 0) {
		delimiter = n > 4 && strcmp(c->what + n - 4, ".tsv") == 0 ? '\t' : ',';
	}
	c->delimiter = delimiter;
	c->line = 1;
	c->limit = IO_COLUMNS_MAX;
	if (csv_init(&c->parser, OPTIONS) != 0) {
		rc = as_fail(e, AS_ENOMEM, "%s: libcsv cannot start", c->what);
		goto out;
	}
	csv_set_delim(&c->parser, (unsigned char)delimiter);
	csv_set_realloc_func(&c->parser, capped_realloc);
	csv_set_space_func(&c->parser, is_space);
	csv_set_blk_size(&c->parser, CELL_STEP);
	TRY(collect(c, e));
	TRY(take_header(c, e));
out:
	if (rc != AS_OK) {
		io_csv_close(c);
		*out = NULL;
	}
	return rc;
}

int io_csv_open(struct io_csv **out, const char *path, char delimiter, struct as_err *e)
{
	const bool std = strcmp(path, "-") == 0;
	const int fd = std ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct io_csv *c;

	*out = NULL;
	if (fd < 0) {
		return as_fail(e, AS_ENOINPUT, "%s: %s", path, strerror(errno));
	}
	c = as_calloc(1, sizeof *c);
	c->what = as_strdup(std ? "standard input" : path);
	c->fd = fd;
	c->chunk = as_malloc(CHUNK);
	return start(out, c, delimiter, e);
}

int io_csv_open_mem(struct io_csv **out, const void *data, size_t n, const char *what,
		    char delimiter, struct as_err *e)
{
	struct io_csv *c = as_calloc(1, sizeof *c);

	c->what = as_strdup(what);
	c->fd = -1;
	c->data = data;
	c->size = n;
	return start(out, c, delimiter, e);
}

void io_csv_close(struct io_csv *c)
{
	if (c == NULL) {
		return;
	}
	csv_free(&c->parser);
	if (c->fd >= 0) {
		(void)close(c->fd);
	}
	free(c->what);
	free(c->chunk);
	free(c->start);
	free(c->row.cell);
	free(c->row.size);
	free(c->header.cell);
	free(c->header.size);
	as_buf_free(&c->text);
	as_buf_free(&c->names);
	as_map_free(&c->index);
	free(c);
}

const struct io_row *io_csv_header(const struct io_csv *c)
{
	return &c->header;
}

int io_csv_column(const struct io_csv *c, const char *name)
{
	char **at = as_map_find(&c->index, name);

	return at != NULL ? (int)(at - c->header.cell) : -1;
}

int io_csv_next(struct io_csv *c, struct io_row *row, bool *more, struct as_err *e)
{
	int rc;

	do {
		TRY(collect(c, e));
	} while (c->whole && c->seen == 1 && c->row.size[0] == 0);
	*more = c->whole;
	if (!c->whole) {
		goto out;
	}
	if (c->seen != c->header.n) {
		rc = as_fail(e, AS_EFORMAT, "%s:%zu: %zu cells, the header has %zu", c->what,
			     c->row.line, c->seen, c->header.n);
		goto out;
	}
	c->row.number = ++c->rows;
	*row = c->row;
out:
	return rc;
}

uint64_t io_csv_replaced(const struct io_csv *c)
{
	return c->replaced;
}

void io_csv_put(struct as_buf *b, const char *cell, size_t n, char delimiter)
{
	bool quote = false;

	for (size_t i = 0; i < n && !quote; i++) {
		quote =
		    cell[i] == delimiter || cell[i] == '"' || cell[i] == '\n' || cell[i] == '\r';
	}
	if (!quote) {
		as_buf_put(b, cell, n);
		return;
	}
	as_buf_put(b, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		as_buf_put(b, cell[i] == '"' ? "\"\"" : cell + i, cell[i] == '"' ? 2 : 1);
	}
	as_buf_put(b, "\"", 1);
}
