/* SPDX-License-Identifier: Apache-2.0
 * assay-worker: encodes parts for a daemon, with one plugin. */
#include "core/tensor/gemm.h"
#include "encoders/worker/stage.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
    "usage: assay-worker --plugin FILE --work ENDPOINT [options]\n"
    "Encodes parts for assayd, with one encoder plugin. assayd starts its own workers; start\n"
    "this one to encode on another machine.\n"
    "\n"
    "  --plugin FILE      the encoder's shared object\n"
    "  --work ENDPOINT    the daemon's work socket, tcp://HOST:PORT\n"
    "  --models DIR       folder of <sha256>.safetensors (default: the daemon's path)\n"
    "  --set KEY=VALUE    a setting of the plugin, as in [encoder.NAME]; may be repeated\n"
    "  --log-level LEVEL  debug, info, warn or error (default: info)\n"
    "  --version          print the version\n"
    "  --help             print this\n";

struct arguments {
	const char *plugin;
	struct enc_stage_options stage;
	struct pl_setting setting[ENC_SETTINGS_MAX];
	size_t settings;
	pid_t parent; /* the daemon that started this worker; 0: none */
	struct as_log log;
};

static int add_setting(struct arguments *a, char *text, struct as_err *e)
{
	char *value = strchr(text, '=');

	if (value == NULL || a->settings == ENC_SETTINGS_MAX) {
		return as_fail(e, AS_EUSAGE, "--set %s: want KEY=VALUE, at most %d of them", text,
			       ENC_SETTINGS_MAX);
	}
	*value = '\0';
	a->setting[a->settings++] = (struct pl_setting){ text, value + 1 };
	return AS_OK;
}

static int parse(int argc, char **argv, struct arguments *a, struct as_err *e)
{
	const struct option options[] = {
		{ "plugin", required_argument, NULL, 'p' },
		{ "work", required_argument, NULL, 'w' },
		{ "models", required_argument, NULL, 'm' },
		{ "set", required_argument, NULL, 's' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "token", required_argument, NULL, 't' },
		{ "parent", required_argument, NULL, 'P' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;
	int rc = AS_OK;

	while (rc == AS_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			a->plugin = optarg;
			break;
		case 'w':
			a->stage.work = optarg;
			break;
		case 'm':
			a->stage.models = optarg;
			break;
		case 's':
			rc = add_setting(a, optarg, e);
			break;
		case 'l':
			rc = as_level_parse(optarg, &a->log.level, e);
			break;
		case 't':
			a->stage.token = optarg;
			break;
		case 'P':
			a->parent = (pid_t)strtol(optarg, NULL, 10);
			break;
		case 'V':
			(void)printf("assay-worker " ASSAY_VERSION "\n");
			exit(EX_OK);
		case 'h':
			(void)fputs(usage, stdout);
			exit(EX_OK);
		default:
			return as_fail(e, AS_EUSAGE, "see assay-worker --help");
		}
	}
	if (rc == AS_OK && (a->plugin == NULL || a->stage.work == NULL || optind != argc)) {
		return as_fail(e, AS_EUSAGE, "want --plugin and --work; see assay-worker --help");
	}
	return rc;
}

/* A daemon's own worker ends with it, however it ends, and not before: signals for the whole
 * group are the daemon's to act on. */
static int bind_to_parent(pid_t parent, struct as_err *e)
{
	if (parent == 0) {
		return AS_OK;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
		return as_fail(e, AS_EIO, "prctl PR_SET_PDEATHSIG");
	}
	if (getppid() != parent) {
		return as_fail(e, AS_ECLOSED, "the daemon is gone");
	}
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	return AS_OK;
}

int main(int argc, char **argv)
{
	struct arguments a = { .log = {
				   .fd = STDERR_FILENO, .level = AS_INFO, .who = "assay-worker" } };
	struct pl_plugin plugin;
	struct bus *bus = NULL;
	struct as_err e = { 0 };
	int rc;

	TRY(parse(argc, argv, &a, &e));
	TRY(bind_to_parent(a.parent, &e));
	(void)signal(SIGPIPE, SIG_IGN);
	tn_init();
	a.stage.setting = a.setting;
	a.stage.settings = a.settings;
	a.stage.log = &a.log;
	TRY(pl_load(&plugin, a.plugin, &e));
	TRY(bus_open(&bus, &e));
	TRY(enc_stage_run(bus, &plugin, &a.stage, &e));
out:
	bus_close(bus);
	if (rc != AS_OK) {
		(void)fprintf(stderr, "assay-worker: %s\n", e.msg);
	}
	return as_exit_code(rc);
}
