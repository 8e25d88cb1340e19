/* SPDX-License-Identifier: Apache-2.0
 * buf.h - bytes that grow; always followed by a NUL, so text needs no copy to be a C string.
 *
 * A failed allocation aborts the program: sizes are bounded where they enter. */
#ifndef AS_BUF_H
#define AS_BUF_H

#include "core/base/err.h"

#include <stddef.h>

struct as_buf {
	char *data; /* NULL or len bytes and a NUL */
	size_t len, cap;
};

void as_buf_free(struct as_buf *b);
/* Empties without giving memory back. */
void as_buf_clear(struct as_buf *b);
/* Room for n more bytes; returns where they go. len is unchanged. */
char *as_buf_reserve(struct as_buf *b, size_t n);
void as_buf_put(struct as_buf *b, const void *data, size_t n);
void as_buf_puts(struct as_buf *b, const char *s);
void as_buf_printf(struct as_buf *b, const char *fmt, ...) AS_PRINTF(2, 3);

/* Says so and aborts. */
_Noreturn void as_no_memory(size_t n);
/* malloc family that does this where memory is exhausted. */
void *as_malloc(size_t n);
void *as_calloc(size_t count, size_t size);
void *as_realloc(void *p, size_t count, size_t size);
char *as_strdup(const char *s);
char *as_strndup(const char *s, size_t n);

#endif
