/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *trim(const char *s, const char *end, size_t *n)
{
	while (s < end && is_blank(*s)) {
		s++;
	}
	while (end > s && is_blank(end[-1])) {
		end--;
	}
	*n = (size_t)(end - s);
	return s;
}

const char *io_cell_trim(const char *cell, size_t *n)
{
	return trim(cell, cell + strlen(cell), n);
}

bool io_cell_next(const char **at, char sep, const char **item, size_t *n)
{
	while (**at != '\0') {
		const char *end = strchr(*at, sep);

		if (end == NULL) {
			end = *at + strlen(*at);
		}
		*item = trim(*at, end, n);
		*at = *end != '\0' ? end + 1 : end;
		if (*n > 0) {
			return true;
		}
	}
	return false;
}

bool io_cell_number(const char *cell, double *out)
{
	size_t n;
	const char *s = io_cell_trim(cell, &n);
	char *end;
	double v;

	/* strtod would also take "inf", "nan(...)" and hexadecimal */
	if (n == 0 || strspn(s, "0123456789+-.eE") < n) {
		return false;
	}
	v = strtod(s, &end);
	if (end != s + n || !isfinite(v)) {
		return false;
	}
	*out = v;
	return true;
}

enum io_cell io_column_type(size_t present, size_t numbers)
{
	return present > 0 && numbers * 100 >= present * 95 ? IO_NUMBER : IO_WORDS;
}
