/* SPDX-License-Identifier: Apache-2.0
 * cmd_journal.c - assay journal: verifies, backs up and restores the journal of a daemon. */
#include "core/store/store.h"
#include "tools/assay/cmd.h"
#include "tools/assay/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *state;
	struct cmd_door door;
	const char *word[2];
	size_t words;
};

static void print_verified(const char *journal, uint64_t epoch, const struct st_verify *v)
{
	printf("journal %s, epoch %" PRIu64 ": %" PRIu64 " streams, %" PRIu64 " judgments (%" PRIu64
	       " purged), %" PRIu64 " cases, %" PRIu64 " pages: intact\n",
	       journal, epoch, v->streams, v->judgments, v->purged, v->cases, v->pages);
	if (!v->structure) {
		printf("the file is too large to look at its structure while a daemon runs\n");
	}
}

static int verify_stopped(const char *state, struct as_err *e)
{
	struct st_verify v = { .whole = true };
	struct st_store *s = NULL;
	int rc;

	TRY(st_look(&s, state, e));
	TRY(st_begin(s, e));
	TRY(st_verify_all(s, &v, e));
	print_verified(st_journal(s), st_epoch(s), &v);
out:
	st_close(s);
	return rc;
}

/* What the daemon says of the journal or the file is no broken protocol. */
static int verdict_of(const struct cmd_link *l, int rc, struct as_err *e)
{
	if (rc == AS_EPROTO && cmd_link_blames(l, "journal")) {
		rc = e->code = AS_EFORMAT;
	} else if (rc == AS_EPROTO && cmd_link_blames(l, "file")) {
		rc = e->code = AS_ECREATE;
	}
	return rc;
}

/* The daemon tells every second how far it is. */
static int verify_live(const struct cmd_door *door, struct as_err *e)
{
	struct cmd_link l = { 0 };
	const struct json_t *a;
	int rc;

	TRY(cmd_link_open_control(&l, door, e));
	TRY(verdict_of(&l, cmd_link_ask(&l, "VERIFY", NULL, e), e));
	while (!io_json_find_bool(l.answer.doc, "done", false)) {
		TRY(verdict_of(&l, cmd_link_next(&l, CMD_ANSWER_MS, e), e));
	}
	a = l.answer.doc;
	print_verified(io_json_find_str(a, "journal", ""), io_json_find_u64(a, "epoch", 0),
		       &(struct st_verify){ .structure = io_json_find_bool(a, "structure", false),
					    .streams = io_json_find_u64(a, "streams", 0),
					    .judgments = io_json_find_u64(a, "judgments", 0),
					    .purged = io_json_find_u64(a, "purged", 0),
					    .cases = io_json_find_u64(a, "cases", 0),
					    .pages = io_json_find_u64(a, "pages", 0) });
out:
	cmd_link_close(&l);
	return rc;
}

/* The file as the daemon, which has another working folder, is to find it. */
static int make_absolute(const char *file, struct as_buf *out, struct as_err *e)
{
	char *here = NULL;

	if (file[0] != '/') {
		here = getcwd(NULL, 0);
		if (here == NULL) {
			return as_fail(e, AS_EIO, "the working folder cannot be told");
		}
		as_buf_printf(out, "%s/", here);
		free(here);
	}
	as_buf_puts(out, file);
	return AS_OK;
}

/* A large journal takes longer than an answer may: STATUS tells that the daemon is there. */
static int wait_for(struct cmd_link *l, const char *verb, struct as_err *e)
{
	int rc = AS_OK;

	while (rc == AS_OK && strcmp(l->answer.verb, verb) != 0) {
		rc = cmd_link_next(l, CMD_ANSWER_MS, e);
		if (rc == AS_EUNAVAIL) {
			rc = cmd_link_ask(l, "STATUS", NULL, e);
		}
	}
	return rc;
}

static int backup(const struct options *o, struct as_err *e)
{
	struct cmd_link l = { 0 };
	struct as_buf file = { 0 };
	struct as_buf ask = { 0 };
	struct io_jw w = { .b = &ask };
	int rc;

	TRY(make_absolute(o->word[1], &file, e));
	TRY(cmd_link_open_control(&l, &o->door, e));
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "file", file.data);
	io_jw_end_obj(&w);
	rc = cmd_link_ask(&l, "BACKUP", &ask, e);
	rc = rc == AS_EUNAVAIL ? cmd_link_ask(&l, "STATUS", NULL, e) : rc;
	TRY(verdict_of(&l, rc, e));
	TRY(verdict_of(&l, wait_for(&l, "BACKUP", e), e));
	printf("%s: journal %s, %" PRIu64 " pages, %" PRIu64 " files of the spool\n", file.data,
	       io_json_find_str(l.answer.doc, "journal", ""),
	       io_json_find_u64(l.answer.doc, "pages", 0),
	       io_json_find_u64(l.answer.doc, "files", 0));
out:
	as_buf_free(&ask);
	as_buf_free(&file);
	cmd_link_close(&l);
	return rc;
}

static int restore(const struct options *o, struct as_err *e)
{
	struct st_restored r;
	int rc;

	if (o->state == NULL) {
		return as_fail(e, AS_EUSAGE, "want --state DIR, a folder without a journal");
	}
	rc = st_restore(o->word[1], o->state, &r, e);
	if (rc == AS_OK) {
		print_verified(r.journal, r.epoch, &r.verified);
	}
	return rc;
}

static int run(const struct options *o, struct as_err *e)
{
	const bool verify = strcmp(o->word[0], "verify") == 0;

	if (verify && o->words == 1) {
		return o->state != NULL ? verify_stopped(o->state, e) : verify_live(&o->door, e);
	}
	if (strcmp(o->word[0], "backup") == 0 && o->words == 2 && o->state == NULL) {
		return backup(o, e);
	}
	if (strcmp(o->word[0], "restore") == 0 && o->words == 2) {
		return restore(o, e);
	}
	return as_fail(e, AS_EUSAGE,
		       "want verify [--state DIR], backup FILE or restore FILE --state DIR");
}

int cmd_journal(const char *runtime, int argc, char **argv)
{
	struct options o = { .door.runtime = runtime };
	const struct cmd_option option[] = {
		{ "state", "DIR", "verify: of a daemon that is not running; restore: where to",
		  CMD_TEXT, &o.state, 0, 0 },
		{ "to", "ENDPOINT", "the daemon's control socket (ipc://$ASSAY_RUNTIME/control)",
		  CMD_TEXT, &o.door.endpoint, 0, 0 },
		CMD_KEY_OPTIONS(o.door),
	};
	const struct cmd_spec spec = {
		"journal",
		"verify [--state DIR] | backup FILE | restore FILE --state DIR",
		"verify looks whether the journal is what was written: numbers without a gap, "
		"each\n"
		"judgment naming the digest of the one before, each page its bytes. Without "
		"--state\n"
		"the daemon of $ASSAY_RUNTIME looks while it works; with it nothing is changed.\n"
		"backup has that daemon write its journal and spool to a new FILE.\n"
		"restore makes a state of a backup, in a new epoch: see docs/operations.md.\n"
		"Exit: 0, 65 damaged (the first break is named), 66 not there, 69 no daemon,\n"
		"73 cannot be written, 75 a daemon has the state, 77 no right to.\n",
		option,
		sizeof option / sizeof *option,
		1,
		2,
	};
	bool done;
	struct as_err e = { 0 };
	int rc;

	TRY(cmd_parse(&spec, argc, argv, o.word, &o.words, &done, &e));
	if (!done) {
		TRY(run(&o, &e));
	}
out:
	return cmd_end(&spec, rc, &e);
}
