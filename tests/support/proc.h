/* SPDX-License-Identifier: Apache-2.0
 * proc.h - runs the real programs: start, read, wait, kill. Nobody outlives the test: children get
 * SIGKILL when the test process dies. A deadline that passes fails the test. */
#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

enum { PROC_MS = 60000 }; /* deadline of everything that is not said to be quicker */

struct proc {
	pid_t pid;         /* 0: not running */
	int code;          /* exit code, or 128 + signal; -1 while running */
	int fd;            /* pidfd while it runs */
	int pipe[2];       /* read ends: standard output, standard error; -1 when closed */
	struct as_buf out; /* all that was read so far */
	struct as_buf err;
	size_t line_at; /* where proc_line goes on in out */
};

/* argv[0] is a path, or a name without a slash: BUILD_DIR/bin/NAME. The last is NULL. Standard
 * input is the file input, or empty. */
void proc_start(struct proc *p, const char *const *argv, const char *input);
/* Reads until the program ends; returns p->code. */
int proc_wait(struct proc *p, int ms);
void proc_signal(struct proc *p, int signal);
/* The next line of standard output without its newline, valid until the next call. NULL at the
 * program's end. */
const char *proc_line(struct proc *p, int ms);
/* Whether text shows up on standard error before ms have passed or the program ends. */
bool proc_says(struct proc *p, const char *text, int ms);
/* Kills what still runs and frees. */
void proc_free(struct proc *p);

/* Starts, waits, and returns the code; out and err can be read after. */
#define proc_run(p, ...) \
	(proc_start((p), (const char *const[]){ __VA_ARGS__, NULL }, NULL), proc_wait((p), PROC_MS))

#endif
