/* SPDX-License-Identifier: Apache-2.0
 * cmd_purge.c - assay purge: has a daemon forget a judged case, through RUNTIME/control. */
#include "tools/assay/cmd.h"
#include "tools/assay/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int purge(const struct cmd_door *door, const char *stream, const char *id, struct as_err *e)
{
	struct cmd_link l = { 0 };
	int rc;

	if (stream == NULL || id == NULL) {
		return as_fail(e, AS_EUSAGE, "want --stream and --case");
	}
	TRY(cmd_link_open_control(&l, door, e));
	rc = cmd_link_ask_case(&l, "PURGE", stream, id, e);
	if (rc == AS_EPROTO && cmd_link_blames(&l, "case")) {
		rc = e->code = AS_ENOINPUT;
	}
	TRY(rc);
	printf("%s %" PRIu64 ": purged\n", stream, io_json_find_u64(l.answer.doc, "seq", 0));
out:
	cmd_link_close(&l);
	return rc;
}

int cmd_purge(const char *runtime, int argc, char **argv)
{
	struct cmd_door door = { .runtime = runtime };
	const char *stream = NULL;
	const char *id = NULL;
	const struct cmd_option option[] = {
		{ "stream", "NAME", "the stream", CMD_TEXT, &stream, 0, 0 },
		{ "case", "ID", "the case", CMD_TEXT, &id, 0, 0 },
		{ "to", "ENDPOINT", "the daemon's control socket (ipc://$ASSAY_RUNTIME/control)",
		  CMD_TEXT, &door.endpoint, 0, 0 },
		CMD_KEY_OPTIONS(door),
	};
	const struct cmd_spec spec = {
		"purge",
		"--stream NAME --case ID",
		"Has the daemon of $ASSAY_RUNTIME forget the parts and the judgment of a case. "
		"Its\n"
		"number and the digest of its judgment stay; a tombstone is replayed in its "
		"place.\n"
		"What subscribers and backups have is not touched.\n"
		"Exit: 0, 66 where the case is not there or not judged, 69 no daemon, 77 no right "
		"to.\n",
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
		rc = purge(&door, stream, id, &e);
	}
	return cmd_end(&spec, rc, &e);
}
