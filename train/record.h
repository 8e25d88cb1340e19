/* SPDX-License-Identifier: Apache-2.0
 * record.h - members of the "training" metadata that all stages write. */
#ifndef TR_RECORD_H
#define TR_RECORD_H

#include "train/run.h"

/* Member "data": digest of the table, and how many of its rows became cases. */
void tr_record_data(const struct tr_data *d, struct io_jw *w);
/* Members "epochs", "best" and "curve". */
void tr_record_outcome(const struct tr_outcome *o, struct io_jw *w);

#endif
