/* SPDX-License-Identifier: Apache-2.0
 * hyper.h - walks the lines of hyper.def, for those who read, write or list all settings. */
#ifndef IO_HYPER_H
#define IO_HYPER_H

#include "core/base/err.h"
#include "core/io/task.h"

#include <stdbool.h>
#include <stddef.h>

struct io_hyper_key {
	const char *section; /* "model" or "train" */
	const char *key;
	bool whole; /* u32, else f32 */
	size_t at;  /* offset in struct io_hyper */
	double def, min, max;
	const char *doc;
};

const struct io_hyper_key *io_hyper_keys(size_t *n);
const struct io_hyper_key *io_hyper_find(const char *section, const char *key); /* NULL: none */
double io_hyper_get(const struct io_hyper *h, const struct io_hyper_key *k);
/* AS_ECONFIG names key, value and range. */
int io_hyper_check(const struct io_hyper_key *k, double v, struct as_err *e) AS_CHECKED;
/* v has been checked. */
void io_hyper_put(struct io_hyper *h, const struct io_hyper_key *k, double v);

#endif
