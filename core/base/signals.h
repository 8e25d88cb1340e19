/* SPDX-License-Identifier: Apache-2.0
 * signals.h - signals that are fetched (sigtimedwait, signalfd) instead of interrupting. */
#ifndef AS_SIGNALS_H
#define AS_SIGNALS_H

#include "core/base/err.h"

#include <signal.h>
#include <stddef.h>

/* Blocks the n signals in this thread, the process's first, and in those it makes afterwards; *set
 * is what was blocked. A thread that a library made before main blocks nothing:
 * what it is given it passes on to the first. */
int as_signals_hold(const int *sig, size_t n, sigset_t *set, struct as_err *e) AS_CHECKED;

#endif
