/* SPDX-License-Identifier: Apache-2.0
 * progress.h - what a command that trains says while it runs, and how Ctrl-C reaches it. */
#ifndef ASSAY_PROGRESS_H
#define ASSAY_PROGRESS_H

#include "train/run.h"

#include <signal.h>

struct cmd_progress {
	const char *command; /* as in "assay COMMAND: interrupted" */
	const char *metric;  /* of the stop set */
	bool tty;
	const char *what;
	size_t run, runs;
	sigset_t signals; /* that end the training; blocked in all threads */
	bool stopped;
};

/* Before other threads are made: SIGINT and SIGTERM wait to be fetched. command is set. */
int cmd_progress_init(struct cmd_progress *p, struct as_err *e) AS_CHECKED;
struct tr_watch cmd_watch_of(struct cmd_progress *p);
void cmd_progress_end(const struct cmd_progress *p);
/* AS_ECLOSED where the training was interrupted: out is written, but whoever goes on with it should
 * know what it is. */
int cmd_progress_whole(bool interrupted, const char *out, struct as_err *e) AS_CHECKED;

/* A training may take hours: better to know now that its model cannot be written. */
int cmd_check_out(const char *path, struct as_err *e) AS_CHECKED;

#endif
