/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/cmd.h"

#include "core/io/task.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTIONS_MAX = 32,
	WORD = 1,    /* getopt_long's answer for what is no option */
	FIRST = 256, /* that for the first option of the table */
	HELP = FIRST + OPTIONS_MAX,
};

static void print_help(const struct cmd_spec *s)
{
	printf("usage: assay %s %s\n%s\n", s->name, s->usage, s->about);
	for (size_t i = 0; i < s->options; i++) {
		const struct cmd_option *o = &s->option[i];
		char left[64];

		(void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
			       o->value ? o->value : "");
		printf("  %-22s %s\n", left, o->about);
	}
	printf("  %-22s %s\n", "--help", "this");
}

static int unknown(const struct cmd_spec *s, const char *typed, struct as_err *e)
{
	const char *known[OPTIONS_MAX + 1];
	char name[64];
	const char *near;

	for (size_t i = 0; i < s->options; i++) {
		known[i] = s->option[i].name;
	}
	known[s->options] = "help";
	(void)snprintf(name, sizeof name, "%s", typed + strspn(typed, "-"));
	name[strcspn(name, "=")] = '\0';
	near = io_nearest(name, known, s->options + 1);
	return as_fail(e, AS_EUSAGE, "no option %.64s%s%s%s", typed,
		       near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "");
}

static int put_whole(const struct cmd_option *o, const char *value, struct as_err *e)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(value, &end, 10);
	if (errno != 0 || *end != '\0' || value[0] < '0' || value[0] > '9' || v < o->min ||
	    v > o->max) {
		return as_fail(e, AS_EUSAGE,
			       "--%s %.64s: want a whole number from %" PRIu64 " to %" PRIu64,
			       o->name, value, o->min, o->max);
	}
	*(uint64_t *)o->to = v;
	return AS_OK;
}

static int put_number(const struct cmd_option *o, const char *value, struct as_err *e)
{
	char *end;
	const double v = strtod(value, &end);

	if (end == value || *end != '\0' || !(v >= (double)o->min && v <= (double)o->max)) {
		return as_fail(e, AS_EUSAGE,
			       "--%s %.64s: want a number from %" PRIu64 " to %" PRIu64, o->name,
			       value, o->min, o->max);
	}
	*(double *)o->to = v;
	return AS_OK;
}

static int put(const struct cmd_option *o, const char *value, struct as_err *e)
{
	struct cmd_list *list = o->to;

	switch (o->type) {
	case CMD_FLAG:
		*(bool *)o->to = true;
		return AS_OK;
	case CMD_TEXT:
		*(const char **)o->to = value;
		return AS_OK;
	case CMD_WHOLE:
		return put_whole(o, value, e);
	case CMD_NUMBER:
		return put_number(o, value, e);
	case CMD_LIST:
		break;
	}
	if (list->n == CMD_LIST_MAX) {
		return as_fail(e, AS_EUSAGE, "--%s: more than %d times", o->name,
			       (int)CMD_LIST_MAX);
	}
	list->v[list->n++] = value;
	return AS_OK;
}

/* getopt's view of the table. */
static void fill(const struct cmd_spec *s, struct option known[OPTIONS_MAX + 2])
{
	for (size_t i = 0; i < s->options; i++) {
		known[i] = (struct option){ s->option[i].name,
					    s->option[i].value ? required_argument : no_argument,
					    NULL, FIRST + (int)i };
	}
	known[s->options] = (struct option){ "help", no_argument, NULL, HELP };
	known[s->options + 1] = (struct option){ NULL, 0, NULL, 0 };
}

/* What getopt_long complained about: it leaves ':' for a missing value, else '?'. */
static int refuse(const struct cmd_spec *s, int c, const char *typed, struct as_err *e)
{
	if (c == ':') {
		return as_fail(e, AS_EUSAGE, "%.64s: needs a value", typed);
	}
	if (optopt >= FIRST && (size_t)(optopt - FIRST) < s->options) {
		return as_fail(e, AS_EUSAGE, "--%s: takes no value",
			       s->option[optopt - FIRST].name);
	}
	return unknown(s, typed, e);
}

int cmd_parse(const struct cmd_spec *s, int argc, char **argv, const char **word, size_t *words,
	      bool *done, struct as_err *e)
{
	struct option known[OPTIONS_MAX + 2];
	int c;
	int rc;

	fill(s, known);
	*words = 0;
	*done = false;
	optind = 0; /* starts over: glibc */
	opterr = 0;
	for (;;) {
		const int at = optind > 0 ? optind : 1;

		optopt = -1;
		c = getopt_long(argc, argv, "-:", known, NULL);
		if (c == -1) {
			break;
		}
		if (c == HELP) {
			print_help(s);
			*done = true;
			return AS_OK;
		}
		if (c == '?' || c == ':') {
			return refuse(s, c, argv[at], e);
		}
		if (c == WORD) {
			if (*words == s->words_max) {
				return as_fail(e, AS_EUSAGE, "%.64s: one argument too many",
					       optarg);
			}
			word[(*words)++] = optarg;
			continue;
		}
		TRY(put(&s->option[c - FIRST], optarg, e));
	}
	rc = AS_OK;
	for (; optind < argc && *words < s->words_max; optind++) {
		word[(*words)++] = argv[optind];
	}
	if (optind < argc) {
		return as_fail(e, AS_EUSAGE, "%.64s: one argument too many", argv[optind]);
	}
	if (*words < s->words_min) {
		return as_fail(e, AS_EUSAGE, "want: assay %s %s", s->name, s->usage);
	}
out:
	return rc;
}

int cmd_end(const struct cmd_spec *s, int rc, const struct as_err *e)
{
	if (rc == AS_OK) {
		return 0;
	}
	fprintf(stderr, "assay %s: %s\n", s->name, e->msg);
	if (rc == AS_EUSAGE) {
		fprintf(stderr, "assay %s --help lists the options\n", s->name);
	}
	return as_exit_code(rc);
}

int cmd_run(const struct cmd_spec *s, int argc, char **argv, cmd_run_fn *run, void *options)
{
	const char *word[1] = { NULL };
	size_t words;
	bool done;
	struct as_err e = { 0 };
	int rc;

	assert(s->words_min == 1 && s->words_max == 1);
	TRY(cmd_parse(s, argc, argv, word, &words, &done, &e));
	if (!done) {
		TRY(run(options, word[0], &e));
	}
out:
	return cmd_end(s, rc, &e);
}
