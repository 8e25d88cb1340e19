/* SPDX-License-Identifier: Apache-2.0
 * options.h - the options that several of the commands that load cases have, in one table. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "tools/assay/cmd.h"
#include "train/checkpoint.h"
#include "train/frozen.h"
#include "train/report.h"

struct cmd_job {
	const char *data, *out, *split, *predictions;
	struct tr_origin origin;
	struct cmd_list without, gates, missing;
	uint64_t seed, threads, epochs;
	bool skip_bad, json, resume;
};

enum { CMD_JOB_OPTIONS = 24 }; /* room for a command's options, these and its own */

/* What holds where no option is given. */
struct cmd_job cmd_job_defaults(void);
/* Appends the options of these names, separated by blanks, to option [*n] in the order of the
 * table. */
void cmd_job_options(struct cmd_job *j, const char *names, struct cmd_option *option, size_t *n);

/* AS_EUSAGE: --data or --out is not given, or there is no place for --out. */
int cmd_job_check(const struct cmd_job *j, struct as_err *e) AS_CHECKED;

/* The shares of --gate-threshold and --missing; without: what cmd_without made of the parts.
 * AS_EUSAGE: not above 0 or more than 1, given twice, too many, or --missing where one part is
 * left. */
int cmd_job_shares(const struct cmd_job *j, const struct io_task *task, const bool *without,
		   struct tr_shares *gates, struct tr_shares *missing, struct as_err *e) AS_CHECKED;

/* Opens OUT.checkpoint, to go on from it with --resume, and says which. about: what the command was
 * asked, as tr_checkpoint_open compares it. */
int cmd_job_checkpoint(const struct cmd_job *j, const char *command, const char *about,
		       struct tr_checkpoint *c, struct as_err *e) AS_CHECKED;

#endif
