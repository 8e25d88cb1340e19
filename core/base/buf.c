/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST = 256, /* bytes of a first allocation */
	SHORT = 63,  /* most numbers and names */
};

void as_no_memory(size_t n)
{
	(void)fprintf(stderr, "out of memory: %zu bytes\n", n);
	abort();
}

static void *checked(void *p, size_t n)
{
	if (p == NULL && n > 0) {
		as_no_memory(n);
	}
	return p;
}

void *as_malloc(size_t n)
{
	return checked(malloc(n), n);
}

void *as_calloc(size_t count, size_t size)
{
	return checked(calloc(count, size), count * size);
}

void *as_realloc(void *p, size_t count, size_t size)
{
	return checked(reallocarray(p, count, size), count * size);
}

char *as_strdup(const char *s)
{
	return as_strndup(s, strlen(s));
}

char *as_strndup(const char *s, size_t n)
{
	char *p = as_malloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void as_buf_free(struct as_buf *b)
{
	free(b->data);
	*b = (struct as_buf){ 0 };
}

void as_buf_clear(struct as_buf *b)
{
	b->len = 0;
	if (b->data != NULL) {
		b->data[0] = '\0';
	}
}

char *as_buf_reserve(struct as_buf *b, size_t n)
{
	if (b->data == NULL || n >= b->cap - b->len) {
		size_t cap = b->cap < FIRST ? FIRST : b->cap * 2;

		if (cap < b->len + n + 1) {
			cap = b->len + n + 1;
		}
		b->data = as_realloc(b->data, cap, 1);
		b->cap = cap;
	}
	return b->data + b->len;
}

void as_buf_put(struct as_buf *b, const void *data, size_t n)
{
	char *at = as_buf_reserve(b, n);

	if (n > 0) {
		memcpy(at, data, n);
	}
	b->len += n;
	b->data[b->len] = '\0';
}

void as_buf_puts(struct as_buf *b, const char *s)
{
	as_buf_put(b, s, strlen(s));
}

/* Most of what is printed is short: it is printed once, where it belongs. */
void as_buf_printf(struct as_buf *b, const char *fmt, ...)
{
	char *at = as_buf_reserve(b, SHORT);
	const size_t room = b->cap - b->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(at, room, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n >= room) {
		at = as_buf_reserve(b, (size_t)n);
		va_start(args, fmt);
		n = vsnprintf(at, (size_t)n + 1, fmt, args);
		va_end(args);
	}
	b->len += n > 0 ? (size_t)n : 0;
	b->data[b->len] = '\0';
}
