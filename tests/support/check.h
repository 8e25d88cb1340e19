/* SPDX-License-Identifier: Apache-2.0
 * check.h - the few verbs every suite uses. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include "core/base/err.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

/* The call must succeed; prints the error it left in the local `e`. */
#define ok(call) cr_assert(eq(int, (call), AS_OK), "%s:%d %s", e.file ? e.file : "?", e.line, e.msg)
/* The call must fail with this code and mention this text. */
#define fails(call, want, text)                                               \
	do {                                                                  \
		cr_assert(eq(int, (call), (want)), "%s", e.msg);              \
		cr_assert(ne(ptr, strstr(e.msg, (text)), NULL), "%s", e.msg); \
	} while (0)

/* Two texts must be the same; prints both. */
#define same(got, want)                                                                   \
	do {                                                                              \
		const char *const same_got = (got);                                       \
		const char *const same_want = (want);                                     \
                                                                                          \
		cr_assert(zero(int, strcmp(same_got, same_want)), "\"%s\" is not \"%s\"", \
			  same_got, same_want);                                           \
	} while (0)

#endif
