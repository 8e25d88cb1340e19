/* SPDX-License-Identifier: Apache-2.0
 * cmd_get.c - assay get: the judgment of one case, or where the case is. */
#include "tools/assay/cmd.h"
#include "tools/assay/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_pending(const struct json_t *d)
{
	const struct json_t *parts = io_json_find(d, "parts");
	const struct json_t *missing = io_json_find(d, "missing");

	printf("%s: %s\n", io_json_find_str(d, "case", ""),
	       io_json_find_str(d, "state", "waiting"));
	for (size_t i = 0; i < io_json_len(parts); i++) {
		const struct json_t *p = io_json_at(parts, i);
		const uint64_t page = io_json_find_u64(p, "page", 0);
		const uint64_t attempts = io_json_find_u64(p, "attempts", 0);

		printf("  %s", io_json_find_str(p, "name", ""));
		if (page > 0) {
			printf(" page %" PRIu64, page + 1);
		}
		printf(": %s", io_json_find_str(p, "state", "queued"));
		if (attempts > 1) {
			printf(", tried %" PRIu64 " times", attempts);
		}
		printf("\n");
	}
	for (size_t i = 0; i < io_json_len(missing); i++) {
		const char *name = io_json_str(io_json_at(missing, i));

		printf("  %s: not submitted\n", name ? name : "");
	}
}

/* Prints the answer; a case without a judgment is an error of its own, for scripts. */
static int show(const struct cmd_link *l, bool json, struct as_err *e)
{
	const struct bus_call *a = &l->answer;
	struct as_buf body = { 0 };
	int rc = AS_OK;

	if (strcmp(a->verb, "JUDGMENT") != 0 && strcmp(a->verb, "PENDING") != 0) {
		return as_fail(e, strcmp(a->verb, "UNKNOWN") == 0 ? AS_ENOINPUT : AS_EPROTO, "%s",
			       io_json_find_str(a->doc, "message", a->verb));
	}
	cmd_link_body(l, &body);
	if (json || strcmp(a->verb, "JUDGMENT") == 0) {
		rc = cmd_link_print(a->doc, body.data, body.len, json, e);
	} else {
		print_pending(a->doc);
	}
	if (rc == AS_OK && strcmp(a->verb, "PENDING") == 0) {
		rc = as_fail(e, AS_EAGAIN, "not judged yet");
	}
	as_buf_free(&body);
	return rc;
}

static int get(const struct cmd_door *door, const char *stream, const char *id, bool json,
	       struct as_err *e)
{
	struct cmd_link l = { 0 };
	int rc;

	if (stream == NULL || id == NULL) {
		return as_fail(e, AS_EUSAGE, "want --stream and --case");
	}
	TRY(cmd_link_open(&l, door, e));
	TRY(cmd_link_why(&l, stream, cmd_link_ask_case(&l, "GET", stream, id, e), e));
	TRY(show(&l, json, e));
out:
	cmd_link_close(&l);
	return rc;
}

int cmd_get(const char *runtime, int argc, char **argv)
{
	struct cmd_door door = { .runtime = runtime };
	const char *stream = NULL;
	const char *id = NULL;
	bool json = false;
	const struct cmd_option option[] = {
		{ "from", "ENDPOINT", "the daemon's front socket (ipc://$ASSAY_RUNTIME/front)",
		  CMD_TEXT, &door.endpoint, 0, 0 },
		CMD_KEY_OPTIONS(door),
		{ "stream", "NAME", "the stream", CMD_TEXT, &stream, 0, 0 },
		{ "case", "ID", "the case", CMD_TEXT, &id, 0, 0 },
		{ "json", NULL, "the daemon's answer as JSON", CMD_FLAG, &json, 0, 0 },
	};
	const struct cmd_spec spec = {
		"get",
		"--stream NAME --case ID [options]",
		"The judgment of a case, or where the case is: parts here, waiting, tried.\n"
		"Exit: 0, 66 where the case is not known, 69 no daemon, 75 not judged yet.\n",
		option,
		sizeof option / sizeof *option,
		0,
		0,
	};
	size_t words;
	bool done;
	struct as_err e = { 0 };
	int rc = cmd_parse(&spec, argc, argv, NULL, &words, &done, &e);

	if (rc == AS_OK && !done) {
		rc = get(&door, stream, id, json, &e);
	}
	return cmd_end(&spec, rc, &e);
}
