/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/csv.h"

#include "core/io/file.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdlib.h>

/* Reads n bytes and writes the cells as "a|b\n". */
static int read_bytes(const char *text, size_t n, struct as_buf *out, struct as_err *e)
{
	struct io_csv *c = NULL;
	const struct io_row *h;
	struct io_row row;
	bool more = true;
	int rc;

	as_buf_clear(out);
	TRY(io_csv_open_mem(&c, text, n, "t.csv", 0, e));
	h = io_csv_header(c);
	for (size_t i = 0; i < h->n; i++) {
		as_buf_printf(out, "%s%s", i ? "|" : "", h->cell[i]);
	}
	for (;;) {
		TRY(io_csv_next(c, &row, &more, e));
		if (!more) {
			break;
		}
		as_buf_puts(out, "\n");
		for (size_t i = 0; i < row.n; i++) {
			cr_assert(eq(sz, row.size[i], strlen(row.cell[i])));
			as_buf_printf(out, "%s%s", i ? "|" : "", row.cell[i]);
		}
	}
	as_buf_printf(out, "~%d", (int)io_csv_replaced(c));
out:
	io_csv_close(c);
	return rc;
}

static void reads(const char *text, const char *want)
{
	struct as_buf out = { 0 };
	struct as_err e;

	ok(read_bytes(text, strlen(text), &out, &e));
	same(out.data, want);
	as_buf_free(&out);
}

static void refuses(const char *text, const char *why)
{
	struct as_buf out = { 0 };
	struct as_err e;

	fails(read_bytes(text, strlen(text), &out, &e), AS_EFORMAT, why);
	as_buf_free(&out);
}

Test(io_csv, rows_end_in_any_line_end_or_none)
{
	reads("a,b\n1,2\n3,4\n", "a|b\n1|2\n3|4~0");
	reads("a,b\r\n1,2\r\n3,4", "a|b\n1|2\n3|4~0");
	reads("a,b\r1,2\r3,4\r", "a|b\n1|2\n3|4~0");
	reads("a,b\n1,\n", "a|b\n1|~0");
	reads("a,b\n,", "a|b\n|~0");
}

Test(io_csv, quotes_hold_delimiters_quotes_and_line_ends)
{
	reads("a,\"b \"\"c\"\"\"\n\"x,y\",\"1\r\n2\n\"\n", "a|b \"c\"\nx,y|1\r\n2\n~0");
}

Test(io_csv, blanks_belong_to_the_cell)
{
	reads("a, b\n 1 ,\t2\n", "a| b\n 1 |\t2~0");
}

Test(io_csv, blank_lines_and_lone_empty_cells_are_skipped)
{
	reads("\n\na,b\n\n1,2\n\r\n\n", "a|b\n1|2~0");
	reads("a\n\"\"\n1\n", "a\n1~0");
}

Test(io_csv, a_byte_order_mark_is_dropped)
{
	reads("\xEF\xBB\xBF"
	      "a,b\n1,2\n",
	      "a|b\n1|2~0");
	reads("\xEF\xBB\xBF\"a\",b\n1,2\n", "a|b\n1|2~0");
	refuses("\xFF\xFE"
		"a",
		"t.csv: UTF-16");
}

Test(io_csv, invalid_bytes_are_replaced_and_counted)
{
	struct as_buf out = { 0 };
	struct as_err e;

	reads("a\n\xC3\xA9\xFFz\xE2\x82\n", "a\n\xC3\xA9\xEF\xBF\xBDz\xEF\xBF\xBD~3");
	ok(read_bytes("a,b\n1\0"
		      "2,3\n",
		      10, &out, &e));
	same(out.data, "a|b\n1\xEF\xBF\xBD"
		       "2|3~1");
	as_buf_free(&out);
}

Test(io_csv, ragged_rows_name_line_and_counts)
{
	refuses("a,b\n1,2\n1\n", "t.csv:3: 1 cells, the header has 2");
	refuses("a,b\n1,2,3\n", "t.csv:2: 3 cells, the header has 2");
	/* the line is where the row starts, whatever cells hold before it */
	refuses("a,b\r\n\"x\r\ny\",2\r\n\r\n1\r\n", "t.csv:5: 1 cells");
}

Test(io_csv, the_header_is_needed_and_names_are_unique)
{
	refuses("", "t.csv: empty: a header row is needed");
	refuses("\n\n", "t.csv: empty");
	refuses("\xEF\xBB\xBF", "t.csv: empty");
	refuses("a,,c\n", "t.csv:1: column 2 has no name");
	refuses("a, \n", "column 2 has no name");
	refuses("a,b,a\n", "t.csv:1: two columns are called \"a\"");
}

Test(io_csv, columns_have_a_limit)
{
	struct as_buf text = { 0 };
	struct as_buf out = { 0 };
	struct as_err e;

	for (int i = 0; i < 10000; i++) {
		as_buf_printf(&text, "%sc%d", i ? "," : "", i);
		if (i == IO_COLUMNS_MAX - 1) {
			ok(read_bytes(text.data, text.len, &out, &e));
		}
	}
	fails(read_bytes(text.data, text.len, &out, &e), AS_ESHAPE,
	      "columns: 10000, the limit is 4096");
	as_buf_free(&text);
	as_buf_free(&out);
}

Test(io_csv, a_quote_that_is_never_closed_is_refused_where_it_opens)
{
	refuses("a,b\n1,\"2\n3,4\n", "t.csv:2: a quote is opened and never closed");
}

Test(io_csv, an_open_quote_in_a_big_file_stops_at_the_cap)
{
	const size_t n = (size_t)IO_CELL_MAX + (1 << 20);
	char *text = as_malloc(n);
	struct as_buf out = { 0 };
	struct as_err e;

	memset(text, 'x', n);
	for (size_t i = 99; i < n; i += 100) {
		text[i] = '\n';
	}
	memcpy(text, "a\n\"", 3);
	fails(read_bytes(text, n, &out, &e), AS_EFORMAT, "t.csv:2: a cell of more than 8388608");
	free(text);
	as_buf_free(&out);
}

Test(io_csv, a_row_has_a_limit_of_its_own)
{
	const size_t cell = 8000000;
	struct as_buf text = { 0 };
	struct as_buf out = { 0 };
	struct as_err e;

	as_buf_puts(&text, "a,b,c,d,e,f,g,h,i,j\n");
	for (int i = 0; i < 10; i++) {
		as_buf_puts(&text, i ? "," : "");
		memset(as_buf_reserve(&text, cell), 'x', cell);
		text.len += cell;
		text.data[text.len] = '\0';
	}
	fails(read_bytes(text.data, text.len, &out, &e), AS_EFORMAT, "t.csv:2: a row of more than");
	as_buf_free(&text);
	as_buf_free(&out);
}

Test(io_csv, files_are_read_by_name)
{
	struct io_csv *c;
	struct io_row row;
	bool more;
	struct as_err e;

	ok(io_csv_open(&c, tmpdir_file("t.tsv", "a\tb,c\n1\t2\n"), 0, &e));
	cr_assert(eq(int, io_csv_column(c, "b,c"), 1));
	cr_assert(eq(int, io_csv_column(c, "b"), -1));
	ok(io_csv_next(c, &row, &more, &e));
	cr_assert(more);
	cr_assert(eq(sz, row.line, 2));
	cr_assert(eq(sz, row.number, 1));
	ok(io_csv_next(c, &row, &more, &e));
	cr_assert(not(more));
	ok(io_csv_next(c, &row, &more, &e));
	cr_assert(not(more));
	io_csv_close(c);
	ok(io_csv_open(&c, tmpdir_file("t.csv", "a;b\n1;2\n"), ';', &e));
	cr_assert(eq(int, io_csv_column(c, "b"), 1));
	io_csv_close(c);
	fails(io_csv_open(&c, tmpdir_path("gone.csv"), 0, &e), AS_ENOINPUT, "gone.csv: No such");
	fails(io_csv_open(&c, tmpdir(), 0, &e), AS_ENOINPUT, "Is a directory");
}

Test(io_csv, rows_longer_than_a_chunk_are_whole)
{
	struct as_buf text = { 0 };
	struct as_buf rows = { 0 };
	struct io_table t;
	struct as_err e;

	as_buf_puts(&text, "n,x\r\n");
	for (int i = 0; i < 3000; i++) {
		as_buf_printf(&text, "%d,\"%0*d\r\n\"\"\"\r\n", i, 1 + i % 90, i);
	}
	ok(io_table_load(&t, tmpdir_file("big.csv", text.data), 0, &e));
	cr_assert(eq(sz, t.rows, 3000));
	for (size_t i = 0; i < t.rows; i++) {
		as_buf_clear(&rows);
		as_buf_printf(&rows, "%0*d\r\n\"", 1 + (int)i % 90, (int)i);
		same(t.cell[2 * i + 1], rows.data);
		cr_assert(eq(sz, t.line[i], 2 + 2 * i));
	}
	io_table_free(&t);
	as_buf_free(&text);
	as_buf_free(&rows);
}

Test(io_csv, a_table_holds_all_of_it)
{
	struct io_table t;
	struct io_row row;
	struct as_err e;

	ok(io_table_load(&t, tmpdir_file("t.csv", "a,b\n1,2\n3,4\n"), 0, &e));
	cr_assert(eq(sz, t.rows, 2));
	cr_assert(eq(int, io_table_column(&t, "b"), 1));
	cr_assert(eq(int, io_table_column(&t, "z"), -1));
	row = io_table_row(&t, 1);
	same(row.cell[1], "4");
	cr_assert(eq(sz, row.number, 2));
	same(io_table_header(&t).cell[0], "a");
	io_table_free(&t);
	fails(io_table_load(&t, tmpdir_file("t.csv", "a,b\n1\n"), 0, &e), AS_EFORMAT, "t.csv:2:");
	cr_assert(zero(ptr, t.cell));
}

Test(io_csv, cells_are_quoted_where_they_have_to_be)
{
	struct as_buf b = { 0 };

	io_csv_put(&b, "plain x", 7, ',');
	as_buf_puts(&b, "|");
	io_csv_put(&b, "a,b", 3, ',');
	as_buf_puts(&b, "|");
	io_csv_put(&b, "a,b", 3, '\t');
	as_buf_puts(&b, "|");
	io_csv_put(&b, "say \"x\"", 7, ',');
	as_buf_puts(&b, "|");
	io_csv_put(&b, "1\n2", 3, ',');
	same(b.data, "plain x|\"a,b\"|a,b|\"say \"\"x\"\"\"|\"1\n2\"");
	as_buf_free(&b);
}
