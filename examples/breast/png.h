/* SPDX-License-Identifier: Apache-2.0
 * png.h - the smallest PNG writer: 8-bit grey, stored without compression. */
#ifndef PHANTOM_PNG_H
#define PHANTOM_PNG_H

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* grey [h, w], row-major. AS_ECREATE names the path. */
int png_write(const char *path, const uint8_t *grey, size_t w, size_t h,
	      struct as_err *e) AS_CHECKED;

#endif
