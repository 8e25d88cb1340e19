/* SPDX-License-Identifier: Apache-2.0
 * keys.h - CURVE keys and the files they are kept in.
 *
 * FILE holds both keys, mode 0600; FILE.pub the public one, for others. Both are certificates as
 * CZMQ and pyzmq write and read them. */
#ifndef BUS_KEYS_H
#define BUS_KEYS_H

#include "core/base/err.h"

#include <stdbool.h>

enum { BUS_KEY_SIZE = 41 }; /* 40 characters of Z85 (ZeroMQ RFC 32) and a NUL */

struct bus_keys {
	char public[BUS_KEY_SIZE];
	char secret[BUS_KEY_SIZE]; /* "" where only the public one is known */
};

int bus_keys_make(struct bus_keys *k, struct as_err *e) AS_CHECKED;
/* Writes FILE and FILE.pub, neither of which may be there: AS_ECREATE. */
int bus_keys_save(const struct bus_keys *k, const char *file, struct as_err *e) AS_CHECKED;
/* secret: both keys must be there, belong together, and the file be nobody else's to read, else
 * AS_EPERM. Without it either file does. AS_ENOINPUT, AS_EFORMAT. */
int bus_keys_load(struct bus_keys *k, const char *file, bool secret, struct as_err *e) AS_CHECKED;
void bus_keys_wipe(struct bus_keys *k);
/* Whether the text can be a key. */
bool bus_key_ok(const char *text);

#endif
