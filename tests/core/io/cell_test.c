/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/cell.h"

#include "tests/support/check.h"

Test(io_cell, finite_decimal_numbers_are_numbers)
{
	const char *const yes[] = { "1", " -2.5 ", "1e5", "+.5", "0", "1.", "1e-300" };
	const char *const no[] = { "",     " ",    "nan",   "inf", "-inf",  "0x1A", "1,5",
				   "1 2",  "12 %", "1e999", "e5",  "1e+",   ".",    "--1",
				   "four", "1e5x", "1-2",   "3+",  "NAN(1)" };
	double v = 0;

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		cr_assert(io_cell_number(yes[i], &v), "%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		cr_assert(not(io_cell_number(no[i], &v)), "%s", no[i]);
	}
	cr_assert(io_cell_number("\t-2.5\n", &v));
	cr_assert(eq(dbl, v, -2.5));
}

Test(io_cell, a_column_is_numbers_from_95_in_100_on)
{
	cr_assert(eq(int, io_column_type(100, 95), IO_NUMBER));
	cr_assert(eq(int, io_column_type(100, 94), IO_WORDS));
	cr_assert(eq(int, io_column_type(1, 1), IO_NUMBER));
	cr_assert(eq(int, io_column_type(0, 0), IO_WORDS));
}

Test(io_cell, lists_lose_blanks_and_empty_items)
{
	const char *at = " a b ;; c;";
	const char *item;
	size_t n;

	cr_assert(io_cell_next(&at, ';', &item, &n));
	cr_assert(eq(sz, n, 3));
	cr_assert(zero(int, memcmp(item, "a b", 3)));
	cr_assert(io_cell_next(&at, ';', &item, &n));
	cr_assert(eq(sz, n, 1));
	cr_assert(not(io_cell_next(&at, ';', &item, &n)));
}

Test(io_cell, names_are_checked_and_likened)
{
	const char *const known[] = { "columns", "column", "modality" };

	cr_assert(io_name_ok("a.b_c-9"));
	cr_assert(not(io_name_ok("")));
	cr_assert(not(io_name_ok("A")));
	cr_assert(not(io_name_ok("a/b")));
	cr_assert(io_name_ok("0123456789012345678901234567890123456789"));
	cr_assert(not(io_name_ok("01234567890123456789012345678901234567890")));
	same(io_nearest("colum", known, 3), "column");
	same(io_nearest("modalty", known, 3), "modality");
	cr_assert(zero(ptr, (void *)io_nearest("x", known, 3)));
	cr_assert(zero(ptr, (void *)io_nearest("nothing-like-it", known, 3)));
}
