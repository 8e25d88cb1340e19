/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.h - what a command has trained so far, in a folder beside its model, so that a kill
 * anywhere costs little and changes nothing.
 *
 * FOLDER/about says what the command was asked, a line "name value" each: to go on, every line must
 * be the same. FOLDER/NNN is the state of the command's training NNN between two epochs,
 * FOLDER/NNN.done what it came to. What follows from trained weights alone (scores, calibrations)
 * is not kept: it is computed again, to the same bits. Each file is written beside, fsynced and
 * renamed, and holds the digests of `about` and of itself. */
#ifndef TR_CHECKPOINT_H
#define TR_CHECKPOINT_H

#include "core/base/buf.h"
#include "core/io/digest.h"

#include <stdbool.h>
#include <stdint.h>

struct tr_checkpoint {
	char *folder;
	char key[IO_DIGEST_SIZE]; /* digest of `about` */
	size_t trainings;         /* begun */
	int64_t due;              /* when a state is worth writing again (ns, as_mono_ns) */
	bool resumed;             /* there was something to go on from */
};

/* One piece of a state: memory that is written as it is, on the machine that reads it. */
struct tr_piece {
	void *at;
	size_t size;
};

/* resume: goes on from the folder where it is there; AS_EUSAGE names the line of about that
 * differs. Else the folder begins empty. */
int tr_checkpoint_open(struct tr_checkpoint *c, const char *folder, const char *about, bool resume,
		       struct as_err *e) AS_CHECKED;
void tr_checkpoint_close(struct tr_checkpoint *c);
/* The work is done: the folder goes. */
int tr_checkpoint_remove(struct tr_checkpoint *c, struct as_err *e) AS_CHECKED;

/* The number of the training that begins. */
size_t tr_checkpoint_begin(struct tr_checkpoint *c);
/* Whether enough time has passed: writing takes a tenth of it at most. */
bool tr_checkpoint_due(const struct tr_checkpoint *c);
/* done: the training is over; its state goes. */
int tr_checkpoint_save(struct tr_checkpoint *c, size_t training, bool done,
		       const struct tr_piece *piece, size_t pieces, struct as_err *e) AS_CHECKED;
/* *found: the pieces were filled. AS_EFORMAT where the file is damaged or its pieces have other
 * sizes. */
int tr_checkpoint_load(const struct tr_checkpoint *c, size_t training, bool done,
		       const struct tr_piece *piece, size_t pieces, bool *found,
		       struct as_err *e) AS_CHECKED;

#endif
