/* SPDX-License-Identifier: Apache-2.0
 * card.h - the sections of a model card. */
#ifndef CMD_CARD_H
#define CMD_CARD_H

#include "core/io/model.h"
#include "core/io/task.h"
#include "tools/assay/doc.h"
#include "train/report.h"

struct cmd_card {
	const struct io_model *m;
	const struct io_task *task;
	const struct json_t *record;    /* the "training" metadata */
	const struct json_t *scores;    /* as tr_report_write has them; NULL: none are known */
	const char *on;                 /* what they are of */
	const struct tr_report *report; /* NULL: without answers of cases, no ROC */
};

void cmd_card_write(const struct cmd_card *c, struct cmd_doc *d);

#endif
