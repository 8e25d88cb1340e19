/* SPDX-License-Identifier: Apache-2.0
 * log.h - one line per event: level, stable id, key=value.
 *
 * A warning means that someone should act. Nothing per item above debug. Lines are written with
 * one write(2) each, so several threads and processes may share the descriptor. */
#ifndef AS_LOG_H
#define AS_LOG_H

#include "core/base/err.h"

#include <stddef.h>

enum as_level { AS_DEBUG, AS_INFO, AS_WARN, AS_ERROR };

struct as_log {
	int fd;              /* where lines go, usually 2 */
	enum as_level level; /* lines below are dropped */
	const char *who;     /* the program, borrowed: "assayd" */
};

/* "debug", "info", "warn" or "error". */
int as_level_parse(const char *s, enum as_level *level, struct as_err *e) AS_CHECKED;

/* id is upper-case and stable ("WORKER-DIED"), fmt a list of key=value. Control bytes in the
 * values are written as '?', so that nobody outside can forge a line. Any thread. */
void as_log(const struct as_log *l, enum as_level level, const char *id, const char *fmt, ...)
    AS_PRINTF(4, 5);

#endif
