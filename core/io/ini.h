/* SPDX-License-Identifier: Apache-2.0
 * ini.h - settings files: [section] and key = value (inih), with errors that name file, line, key.
 *
 * A value may be empty. A comment starts with ; or # at the start of a line, or with ; after a
 * blank. inih as packaged cuts long lines in silence, so a line over IO_INI_LINE_MAX bytes and a
 * section name over IO_INI_SECTION_MAX are refused. A repeated key is refused unless the
 * caller allows it; a repeated section and an indented (continued) line are refused. */
#ifndef IO_INI_H
#define IO_INI_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	IO_INI_LINE_MAX = 198,   /* bytes without the line end */
	IO_INI_SECTION_MAX = 49, /* bytes */
	IO_INI_BYTES_MAX = 1 << 20,
};

/* One key. key NULL: a section starts (also one that has no keys). */
struct io_ini_item {
	const char *section; /* "" before the first section */
	const char *key;
	const char *value;
	int line; /* from 1 */
};

/* Called in the order of the file; a failure ends the reading and is given "FILE:LINE" in front. */
typedef int (*io_ini_fn)(void *ctx, const struct io_ini_item *item, struct as_err *e);

/* repeats: keys that may come more than once in a section, ended by NULL; or NULL for none.
 * AS_ENOINPUT where the file cannot be opened, AS_ECONFIG for everything in it. */
int io_ini_read(const char *path, const char *const *repeats, io_ini_fn fn, void *ctx,
		struct as_err *e) AS_CHECKED;

#endif
