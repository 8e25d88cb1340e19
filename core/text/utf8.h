/* SPDX-License-Identifier: Apache-2.0
 * utf8.h - UTF-8 from outside: every invalid sequence is read as U+FFFD.
 *
 * One U+FFFD stands for a maximal subpart of an ill-formed sequence (Unicode 15, section 3.9,
 * "U+FFFD Substitution of Maximal Subparts", also the WHATWG decoder's practice). */
#ifndef TX_UTF8_H
#define TX_UTF8_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TX_REPLACEMENT = 0xFFFD };

/* Reads one character at s[*at], *at < n, and steps over it. An invalid sequence gives
 * TX_REPLACEMENT and adds its bytes to *replaced. */
uint32_t tx_utf8_next(const void *s, size_t n, size_t *at, uint64_t *replaced);

/* Appends the text with every invalid sequence replaced; returns the bytes replaced. With nul set a
 * NUL byte is replaced too, so that out is a C string without surprises. */
uint64_t tx_utf8_clean(const void *s, size_t n, bool nul, struct as_buf *out);

/* The longest prefix of s[0, n) of at most max bytes that does not cut a character; s is valid. */
size_t tx_utf8_cut(const char *s, size_t n, size_t max);

#endif
