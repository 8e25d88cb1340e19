/* SPDX-License-Identifier: Apache-2.0
 * file.h - whole files: mapped or read, and written beside then renamed. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stddef.h>

struct io_map {
	const void *data; /* read-only; NULL for an empty file */
	size_t size;
};

/* AS_ENOINPUT where it cannot be opened, AS_EFORMAT where it is larger than max bytes or not a
 * regular file. */
int io_map_open(struct io_map *m, const char *path, size_t max, struct as_err *e) AS_CHECKED;
void io_map_close(struct io_map *m);

/* Appends the file ("-": standard input) to out; more than max bytes is AS_EFORMAT. AS_EAGAIN:
 * there is no descriptor for it. */
int io_read_file(const char *path, size_t max, struct as_buf *out, struct as_err *e) AS_CHECKED;

/* Writes PATH.tmp-PID with the mode, fsyncs, renames it over path and fsyncs the folder. */
int io_write_file(const char *path, const void *data, size_t n, unsigned mode,
		  struct as_err *e) AS_CHECKED;

/* mkdir -p with the mode for what is made. */
int io_make_dirs(const char *path, unsigned mode, struct as_err *e) AS_CHECKED;

/* out = file where it is absolute, else the folder of base joined with file. */
void io_path_beside(const char *base, const char *file, struct as_buf *out);

#endif
