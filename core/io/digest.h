/* SPDX-License-Identifier: Apache-2.0
 * digest.h - SHA-256 (OpenSSL EVP) as 64 hexadecimal digits: the identity of models, parts,
 * submissions and judgments. */
#ifndef IO_DIGEST_H
#define IO_DIGEST_H

#include "core/base/err.h"

#include <stddef.h>

enum { IO_DIGEST_SIZE = 65 }; /* 64 digits and a NUL */

void io_digest(const void *data, size_t n, char out[IO_DIGEST_SIZE]);
int io_digest_file(const char *path, char out[IO_DIGEST_SIZE], struct as_err *e) AS_CHECKED;

#endif
