/* SPDX-License-Identifier: Apache-2.0
 * encoders.h - the built-in encoders that a task's parts need: one a modality, shared by its parts.
 * What a modality is not encoded by here is frozen: its features come from somewhere else. */
#ifndef TR_ENCODERS_H
#define TR_ENCODERS_H

#include "encoders/kind.h"

#include <stdbool.h>

enum { TR_KINDS = 3, TR_FROZEN = -1 };

struct tr_encoders {
	const struct enc_kind *kind[TR_KINDS];
	void *enc[TR_KINDS];
	size_t n;
	int of[IO_PARTS_MAX]; /* which one encodes a part, or TR_FROZEN */
};

/* NULL: no built-in encoder. */
const struct enc_kind *tr_kind_of(const char *modality);
/* Whether what prepare makes of a page depends on the statistics of the training cells. */
bool tr_kind_learns(const struct enc_kind *kind);

/* Registers the weights in ps; the task is borrowed until close, which also follows a failure. The
 * first call in a process is main's thread's (libvips). */
int tr_encoders_open(struct tr_encoders *s, struct nn_params *ps, const struct io_task *task,
		     const bool frozen[IO_PARTS_MAX], const struct json_t *statistics,
		     struct as_err *e) AS_CHECKED;
void tr_encoders_close(struct tr_encoders *s);

#endif
