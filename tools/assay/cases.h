/* SPDX-License-Identifier: Apache-2.0
 * cases.h - what train, eval and judge have in common on the command line. */
#ifndef CMD_CASES_H
#define CMD_CASES_H

#include "core/io/task.h"
#include "tools/assay/cmd.h"
#include "train/data.h"

/* The parts named by --without; AS_EUSAGE names the nearest part of the task. */
int cmd_without(const struct io_task *t, const struct cmd_list *names, bool without[IO_PARTS_MAX],
		struct as_err *e) AS_CHECKED;

/* Processors that this process may use, TR_THREADS_MAX at most. */
uint64_t cmd_threads(void);

/* Says on stderr which cases were left out and why. */
void cmd_say_data(const char *command, const struct tr_data *d);

/* Says how many bytes were not UTF-8, where some were. */
void cmd_say_replaced(const char *command, uint64_t bytes);

/* Says which labels no case has, and which record columns no cell. */
int cmd_say_gaps(const char *command, const struct tr_data *d, struct as_err *e) AS_CHECKED;

/* Writes a file, or to standard output where path is "-". */
int cmd_write(const char *path, const struct as_buf *b, struct as_err *e) AS_CHECKED;

#endif
