/* SPDX-License-Identifier: Apache-2.0
 * csv_fuzz.c - delimited text; every row that comes out has as many cells as the header. */
#include "core/io/csv.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int FUZZ(const uint8_t *data, size_t n)
{
	struct as_err e = { 0 };
	struct io_csv *c = NULL;
	struct io_row row;
	bool more = true;
	int rc = io_csv_open_mem(&c, data, n, "table", ',', &e);

	while (rc == AS_OK && more) {
		rc = io_csv_next(c, &row, &more, &e);
		if (rc == AS_OK && more && row.n != io_csv_header(c)->n) {
			abort();
		}
		for (size_t i = 0; rc == AS_OK && more && i < row.n; i++) {
			if (strlen(row.cell[i]) != row.size[i]) {
				abort();
			}
		}
	}
	fuzz_said_why(rc, &e);
	io_csv_close(c);
	return 0;
}
