/* SPDX-License-Identifier: Apache-2.0
 * cmd_dlq.c - assay dlq: cases that a daemon has given up, through RUNTIME/control. */
#include "tools/assay/cmd.h"
#include "tools/assay/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
	struct cmd_door door;
	const char *as;
	bool json;
	const char *word[2];
	size_t words;
	uint64_t id;
};

static void print_letter(const struct json_t *l)
{
	printf("%6" PRIu64 "  %-20s %-24s %s page %" PRIu64 ": %s, %" PRIu64 " attempts, %s, %s\n",
	       io_json_find_u64(l, "id", 0), io_json_find_str(l, "stream", "?"),
	       io_json_find_str(l, "case", "?"), io_json_find_str(l, "part", "?"),
	       io_json_find_u64(l, "page", 0), io_json_find_str(l, "limit", "?"),
	       io_json_find_u64(l, "attempts", 0), io_json_find_str(l, "ended", "?"),
	       io_json_find_str(l, "time", "?"));
}

static int ask(struct cmd_link *l, const struct options *o, uint64_t after, struct as_err *e)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };
	int rc;

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "do", o->word[0]);
	io_jw_u64(&w, "id", o->id);
	io_jw_u64(&w, "after", after);
	io_jw_str(&w, "as", o->as ? o->as : "");
	io_jw_end_obj(&w);
	rc = cmd_link_ask(l, "DLQ", &b, e);
	as_buf_free(&b);
	return rc;
}

/* list and show: a page of letters after the other. *last is the id of the last one. */
static size_t print_letters(const struct cmd_link *l, bool json, uint64_t *last)
{
	const struct json_t *letters = io_json_find(l->answer.doc, "letters");
	const size_t n = io_json_len(letters);
	struct as_buf body = { 0 };

	if (json && n > 0) {
		cmd_link_body(l, &body);
		puts(body.data);
	}
	for (size_t i = 0; i < n; i++) {
		if (!json) {
			print_letter(io_json_at(letters, i));
		}
		*last = io_json_find_u64(io_json_at(letters, i), "id", 0);
	}
	as_buf_free(&body);
	return n;
}

static int list_all(struct cmd_link *l, const struct options *o, struct as_err *e)
{
	uint64_t last = 0;
	size_t n = 1;
	int rc = AS_OK;

	while (rc == AS_OK && n > 0) {
		rc = ask(l, o, last, e);
		n = rc == AS_OK ? print_letters(l, o->json, &last) : 0;
	}
	return rc;
}

static int dlq(const struct options *o, struct as_err *e)
{
	struct cmd_link l = { 0 };
	uint64_t last = 0;
	int rc = AS_OK;

	TRY(cmd_link_open_control(&l, &o->door, e));
	if (strcmp(o->word[0], "list") == 0) {
		TRY(list_all(&l, o, e));
		goto out;
	}
	TRY(ask(&l, o, 0, e));
	if (strcmp(o->word[0], "show") == 0) {
		const size_t n = print_letters(&l, o->json, &last);

		rc = n == 1 && last == o->id
			 ? AS_OK
			 : as_fail(e, AS_ENOINPUT, "no dead letter %" PRIu64, o->id);
	} else if (strcmp(o->word[0], "retry") == 0) {
		printf("%s\n", io_json_find_str(l.answer.doc, "case", ""));
	}
out:
	cmd_link_close(&l);
	return rc;
}

static int check_words(struct options *o, struct as_err *e)
{
	const char *const known[] = { "list", "show", "retry", "drop" };
	char *end = NULL;
	size_t i = 0;

	while (i < sizeof known / sizeof *known && strcmp(known[i], o->word[0]) != 0) {
		i++;
	}
	if (i == sizeof known / sizeof *known) {
		return as_fail(e, AS_EUSAGE, "%.64s: want list, show, retry or drop", o->word[0]);
	}
	if ((i == 0) != (o->words == 1)) {
		return as_fail(e, AS_EUSAGE, i == 0 ? "list takes no number" : "which letter?");
	}
	if (o->as != NULL && strcmp(o->word[0], "retry") != 0) {
		return as_fail(e, AS_EUSAGE, "--as goes with retry");
	}
	if (o->words == 2) {
		errno = 0;
		o->id = strtoull(o->word[1], &end, 10);
		if (errno != 0 || *end != '\0' || o->word[1][0] < '0' || o->word[1][0] > '9') {
			return as_fail(e, AS_EUSAGE, "%.64s: want the number of a dead letter",
				       o->word[1]);
		}
	}
	return AS_OK;
}

int cmd_dlq(const char *runtime, int argc, char **argv)
{
	struct options o = { .door.runtime = runtime };
	const struct cmd_option option[] = {
		{ "to", "ENDPOINT", "the daemon's control socket (ipc://$ASSAY_RUNTIME/control)",
		  CMD_TEXT, &o.door.endpoint, 0, 0 },
		CMD_KEY_OPTIONS(o.door),
		{ "as", "NAME", "retry: the new case's name (ID~2, ID~3...)", CMD_TEXT, &o.as, 0,
		  0 },
		{ "json", NULL, "list, show: the daemon's answers as JSON", CMD_FLAG, &o.json, 0,
		  0 },
	};
	const struct cmd_spec spec = {
		"dlq",
		"list | show ID | retry ID [--as NAME] | drop ID",
		"Cases that were given up after three attempts, on the daemon of $ASSAY_RUNTIME.\n"
		"Their rejection stands: retry submits the same pages as a new case and prints\n"
		"its name; drop lets the pages go.\n"
		"Exit: 0, 69 no daemon, 76 it says no.\n",
		option,
		sizeof option / sizeof *option,
		1,
		2,
	};
	bool done;
	struct as_err e = { 0 };
	int rc;

	TRY(cmd_parse(&spec, argc, argv, o.word, &o.words, &done, &e));
	if (done) {
		return 0;
	}
	TRY(check_words(&o, &e));
	TRY(dlq(&o, &e));
out:
	return cmd_end(&spec, rc, &e);
}
