/* SPDX-License-Identifier: Apache-2.0
 * cmd.h - the commands of `assay`, and the one table of options per command from which its
 * parsing (getopt_long), its --help and its errors come.
 *
 *	const struct cmd_option option[] = {
 *		{ "data", "FILE", "the case table; - is standard input", CMD_TEXT, &data, 0, 0 },
 *		{ "json", NULL, "one JSON object instead of text", CMD_FLAG, &json, 0, 0 },
 *	};
 *	const struct cmd_spec spec = { "eval", "MODEL --data FILE [options]", "Scores a model.", ...
 *};
 *
 *	return cmd_run(&spec, argc, argv, run, &options);
 *
 * Where a command goes on to work, stdout has data, stderr has talk. */
#ifndef CMD_H
#define CMD_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CMD_LIST_MAX = 256 };

enum cmd_type {
	CMD_FLAG,   /* bool */
	CMD_TEXT,   /* const char *: borrowed from argv */
	CMD_WHOLE,  /* uint64_t, min .. max */
	CMD_NUMBER, /* double, min .. max */
	CMD_LIST,   /* struct cmd_list: the option may come again */
};

struct cmd_list {
	const char *v[CMD_LIST_MAX]; /* borrowed from argv, in the order given */
	size_t n;
};

struct cmd_option {
	const char *name;  /* without the dashes */
	const char *value; /* how help names the value; NULL for a CMD_FLAG */
	const char *about; /* one line of help; what holds without the option */
	enum cmd_type type;
	void *to; /* left alone where the option is not given */
	uint64_t min, max;
};

struct cmd_spec {
	const char *name;
	const char *usage; /* what stands behind "assay NAME" */
	const char *about; /* sentences of help, each line ended by a newline */
	const struct cmd_option *option;
	size_t options;
	size_t words_min, words_max; /* arguments that are no options, anywhere on the line */
};

/* argv[0] is the command's name. word[0 .. *words) are the arguments that are no options, borrowed.
 * *done: --help was asked for and printed. AS_EUSAGE names the option, the value and the nearest
 * known option. */
int cmd_parse(const struct cmd_spec *s, int argc, char **argv, const char **word, size_t *words,
	      bool *done, struct as_err *e) AS_CHECKED;

/* The command's exit code; says what went wrong on stderr, where something did. */
int cmd_end(const struct cmd_spec *s, int rc, const struct as_err *e);

typedef int cmd_run_fn(void *options, const char *word, struct as_err *e);
/* All of a command of one word: parses, runs it unless --help was asked for, ends it. */
int cmd_run(const struct cmd_spec *s, int argc, char **argv, cmd_run_fn *run, void *options);

/* argv[0] is the command's name; each returns the exit code of the program. */
int cmd_train(int argc, char **argv);
int cmd_pretrain(int argc, char **argv);
int cmd_compress(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_judge(int argc, char **argv);
int cmd_quantize(int argc, char **argv);
int cmd_task(int argc, char **argv);
int cmd_card(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
/* Those that talk to a daemon: runtime is $ASSAY_RUNTIME, or NULL. */
int cmd_submit(const char *runtime, int argc, char **argv);
int cmd_watch(const char *runtime, int argc, char **argv);
int cmd_get(const char *runtime, int argc, char **argv);
int cmd_status(const char *runtime, int argc, char **argv);
int cmd_dlq(const char *runtime, int argc, char **argv);
int cmd_purge(const char *runtime, int argc, char **argv);
int cmd_journal(const char *runtime, int argc, char **argv);

#endif
