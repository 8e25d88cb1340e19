/* SPDX-License-Identifier: Apache-2.0
 * cases.h - what train, eval, judge and quantize have in common on the command line. */
#ifndef CMD_CASES_H
#define CMD_CASES_H

#include "core/io/task.h"
#include "tools/assay/options.h"
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

/* Loads cases to score a model's task on and says what was left out. The columns that only training
 * needs are forgotten, but for the splits where how names one. AS_EFORMAT: no case. Free d also
 * after a failure. */
int cmd_load(const char *command, struct io_task *task, const struct tr_data_how *how,
	     struct tr_pool *pool, struct tr_data *d, struct as_err *e) AS_CHECKED;

/* Loads cases without reading a target, whatever parts of the task the table has, and says so. */
int cmd_load_unlabelled(const char *command, struct io_task *task, const char *path,
			const struct cmd_job *job, struct tr_pool *pool, struct tr_data *d,
			struct as_err *e) AS_CHECKED;

/* Says which labels no case has, and which record columns no cell. */
int cmd_say_gaps(const char *command, const struct tr_data *d, struct as_err *e) AS_CHECKED;

/* Writes a file, or to standard output where path is "-". */
int cmd_write(const char *path, const struct as_buf *b, struct as_err *e) AS_CHECKED;

#endif
