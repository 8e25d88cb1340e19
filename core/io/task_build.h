/* SPDX-License-Identifier: Apache-2.0
 * task_build.h - what task.ini's and the model's readers of a task share. */
#ifndef IO_TASK_BUILD_H
#define IO_TASK_BUILD_H

#include "core/io/task.h"

/* Where the task does not say. */
static const double IO_COVERAGE = 0.9;

/* AS_ECONFIG names the value and what is known. */
int io_kind_parse(const char *s, enum io_kind *kind, struct as_err *e) AS_CHECKED;
int io_operate_parse(const char *s, enum io_operate *how, struct as_err *e) AS_CHECKED;
int io_abstain_parse(const char *s, enum io_abstain *why, struct as_err *e) AS_CHECKED;
bool io_cell_parse(const char *s, size_t n, enum io_cell *cell);

void io_part_add_column(struct io_part_spec *p, const char *name, size_t n, enum io_cell cell);
void io_part_clear(struct io_part_spec *p);

/* Whether the task is one that can be trained; AS_ECONFIG names the key. */
int io_task_check(const struct io_task *t, struct as_err *e) AS_CHECKED;

#endif
