/* SPDX-License-Identifier: Apache-2.0
 * main.c - assay COMMAND: finds the command; what concerns the whole process is done here. */
#include "core/io/task.h"
#include "core/tensor/gemm.h"
#include "tools/assay/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct command {
	const char *name, *about;
	int (*run)(int argc, char **argv);
	int (*talk)(const char *runtime, int argc, char **argv); /* to a daemon */
};

static const struct command commands[] = {
	{ "task", "check a task file against a table of cases", cmd_task, NULL },
	{ "pretrain", "train encoders on cases without labels", cmd_pretrain, NULL },
	{ "train", "train a model on a table of cases", cmd_train, NULL },
	{ "compress", "prune and distil a model into a smaller one", cmd_compress, NULL },
	{ "eval", "score a model on a table of cases", cmd_eval, NULL },
	{ "judge", "judge cases in this process", cmd_judge, NULL },
	{ "quantize", "write a model in int8, a quarter of the size", cmd_quantize, NULL },
	{ "card", "write a model card: Markdown, and a page with plots", cmd_card, NULL },
	{ "inspect", "show what a model file holds", cmd_inspect, NULL },
	{ "doctor", "what this machine has, and whether settings can be kept", cmd_doctor, NULL },
	{ "keys", "make a pair of keys, or show the public one", cmd_keys, NULL },
	{ "submit", "send cases to a daemon", NULL, cmd_submit },
	{ "watch", "follow a daemon's judgments", NULL, cmd_watch },
	{ "get", "one case's judgment, or where it is", NULL, cmd_get },
	{ "status", "what a daemon is doing", NULL, cmd_status },
	{ "dlq", "cases that a daemon has given up", NULL, cmd_dlq },
	{ "purge", "forget a judged case", NULL, cmd_purge },
	{ "journal", "verify, back up and restore a daemon's journal", NULL, cmd_journal },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_usage(FILE *f)
{
	fprintf(f, "usage: assay COMMAND ...\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].about);
	}
	fprintf(f, "assay COMMAND --help says more; assay --version prints the version.\n");
}

static int unknown(const char *typed)
{
	const char *known[COMMANDS];
	const char *near;

	for (size_t i = 0; i < COMMANDS; i++) {
		known[i] = commands[i].name;
	}
	near = io_nearest(typed, known, COMMANDS);
	fprintf(stderr, "assay: no command \"%.60s\"%s%s%s\n", typed,
		near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
	print_usage(stderr);
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("assay %s\n", ASSAY_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	/* A reader that goes away (assay watch | head) is an error to report, not a death. */
	(void)signal(SIGPIPE, SIG_IGN);
	tn_init();
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run != NULL
				   ? commands[i].run(argc - 1, argv + 1)
				   : commands[i].talk(getenv("ASSAY_RUNTIME"), argc - 1, argv + 1);
		}
	}
	return unknown(argv[1]);
}
