/* SPDX-License-Identifier: Apache-2.0
 * filter.h - the system calls of a worker that is at work. filter.c is the only file that knows
 * libseccomp. */
#ifndef ENC_FILTER_H
#define ENC_FILTER_H

#include "core/base/err.h"

/* Closes all other calls for every thread of the process, for good. family: of the sockets that may
 * still be made and connected, AF_UNSPEC for none. AS_EUNAVAIL: the kernel has no filters. */
int enc_filter_load(int family, struct as_err *e) AS_CHECKED;

#endif
