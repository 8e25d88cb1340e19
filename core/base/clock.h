/* SPDX-License-Identifier: Apache-2.0
 * clock.h - monotonic and wall time in nanoseconds. */
#ifndef AS_CLOCK_H
#define AS_CLOCK_H

#include <stdint.h>

enum { AS_TIME_SIZE = 32 }; /* "2026-11-24T01:43:17.123456Z" and a NUL */

/* Never goes back; only differences mean something. Counts while the machine sleeps. */
int64_t as_mono_ns(void);
/* Since the epoch, UTC. */
int64_t as_wall_ns(void);
/* RFC 3339, UTC, microseconds. */
void as_time_format(int64_t wall_ns, char out[AS_TIME_SIZE]);

#endif
