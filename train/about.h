/* SPDX-License-Identifier: Apache-2.0
 * about.h - what a command was asked, in the lines that a checkpoint compares. Files that a table
 * names (pictures, sheets) are not read for it: who changes them changes the training. */
#ifndef TR_ABOUT_H
#define TR_ABOUT_H

#include "train/study.h"

/* "name DIGEST, N cases" */
void tr_about_data(const struct tr_data *d, const char *name, struct as_buf *out);
void tr_about_task(const struct io_task *task, struct as_buf *out);
/* All that a study's trainings depend on. */
void tr_about_study(const struct tr_data *d, const struct tr_options *o, const char *command,
		    struct as_buf *out);

#endif
