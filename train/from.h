/* SPDX-License-Identifier: Apache-2.0
 * from.h - a network that starts with the weights of another model: a base of `assay pretrain`, or
 * any model. */
#ifndef TR_FROM_H
#define TR_FROM_H

#include "core/io/model.h"
#include "train/run.h"

struct tr_from {
	struct io_model file;
	struct io_task task;
	struct json_t *statistics;
};

/* AS_EFORMAT: no model or base of this program's encoders. Close also after a failure. */
int tr_from_open(struct tr_from *f, const char *path, struct as_err *e) AS_CHECKED;
/* The same over a file's bytes in memory, borrowed. */
int tr_from_read(struct tr_from *f, const void *data, size_t n, const char *what,
		 struct as_err *e) AS_CHECKED;
void tr_from_close(struct tr_from *f);

/* Takes over every weight of the same name and shape, with these limits: what judges (head, late
 * judgments, base) where target and labels are the same, what weighs the parts where these are the
 * same, rows of the tables' columns where part, name and type of the column are the same; scales of
 * the parts never. statistics: the net's. Sets net->given and notes what was taken and what not.
 * AS_EUSAGE: the width or the number of heads is another, or nothing fits. */
int tr_from_copy(const struct tr_from *f, struct tr_net *net, const struct json_t *statistics,
		 const struct tr_watch *watch, struct as_err *e) AS_CHECKED;

/* Whether a weight gives judgments, and is of no use for other labels. */
bool tr_from_judges(const char *name);

#endif
