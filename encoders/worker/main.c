/* SPDX-License-Identifier: Apache-2.0
 * assay-worker: encodes parts for a daemon, with one plugin. */
#include "core/bus/keys.h"
#include "core/tensor/gemm.h"
#include "encoders/worker/stage.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { CPU_S = 30, MEMORY = 1 << 30 };

static const char usage[] =
    "usage: assay-worker --plugin FILE --work ENDPOINT [options]\n"
    "Encodes parts for assayd, with one encoder plugin. assayd starts its own workers; start\n"
    "this one to encode on another machine.\n"
    "\n"
    "  --plugin FILE      the encoder's shared object\n"
    "  --work ENDPOINT    the daemon's work socket, tcp://HOST:PORT\n"
    "  --models DIR       folder of <sha256>.safetensors (default: the daemon's path)\n"
    "  --key FILE         this worker's keys (assay keys generate)\n"
    "  --server-key FILE  the daemon's public key\n"
    "  --sandbox MODE     require, best-effort or off (default: best-effort)\n"
    "  --memory BYTES     address space over what it starts with (default: 1073741824)\n"
    "  --cpu SECONDS      CPU time of one page, 0 for any (default: 30)\n"
    "  --set KEY=VALUE    a setting of the plugin, as in [encoder.NAME]; may be repeated\n"
    "  --log-level LEVEL  debug, info, warn or error (default: info)\n"
    "  --check-sandbox    print the layers of the sandbox that there are, and exit\n"
    "  --version          print the version\n"
    "  --help             print this\n";

struct arguments {
	const char *plugin;
	struct enc_stage_options stage;
	struct pl_setting setting[ENC_SETTINGS_MAX];
	size_t settings;
	struct enc_sandbox sandbox;
	const char *key, *server_key;
	struct bus_keys own, server;
	struct bus_curve curve;
	bool check;   /* only say what sandbox there is */
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

static const struct option options[] = {
	{ "plugin", required_argument, NULL, 'p' },
	{ "work", required_argument, NULL, 'w' },
	{ "models", required_argument, NULL, 'm' },
	{ "set", required_argument, NULL, 's' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "sandbox", required_argument, NULL, 'S' },
	{ "memory", required_argument, NULL, 'M' },
	{ "cpu", required_argument, NULL, 'C' },
	{ "key", required_argument, NULL, 'K' },
	{ "server-key", required_argument, NULL, 'E' },
	{ "check-sandbox", no_argument, NULL, 'k' },
	/* Those that assayd gives to its own workers. */
	{ "features", required_argument, NULL, 'f' },
	{ "token", required_argument, NULL, 't' },
	{ "parent", required_argument, NULL, 'P' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int take_number(const char *text, uint64_t most, uint64_t *out, struct as_err *e)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || *out > most) {
		return as_fail(e, AS_EUSAGE, "%.40s: want a whole number up to %" PRIu64, text,
			       most);
	}
	return AS_OK;
}

/* An option with a value that is more than a text. */
static int take_value(struct arguments *a, int c, char *value, struct as_err *e)
{
	uint64_t n = 0;
	int rc;

	switch (c) {
	case 's':
		return add_setting(a, value, e);
	case 'K':
		a->key = value;
		return AS_OK;
	case 'E':
		a->server_key = value;
		return AS_OK;
	case 'l':
		return as_level_parse(value, &a->log.level, e);
	case 'S':
		return enc_sandbox_parse(value, &a->sandbox.mode, e);
	case 'M':
		return take_number(value, UINT64_MAX / 2, &a->sandbox.memory, e);
	case 'C':
		rc = take_number(value, UINT32_MAX, &n, e);
		a->stage.cpu_s = (uint32_t)n;
		return rc;
	case 'P':
		rc = take_number(value, INT32_MAX, &n, e);
		a->parent = (pid_t)n;
		return rc;
	default:
		return as_fail(e, AS_EUSAGE, "see assay-worker --help");
	}
}

static int parse(int argc, char **argv, struct arguments *a, struct as_err *e)
{
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
		case 'f':
			a->stage.features = optarg;
			break;
		case 't':
			a->stage.token = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 'V':
			(void)printf("assay-worker " ASSAY_VERSION "\n");
			exit(EX_OK);
		case 'h':
			(void)fputs(usage, stdout);
			exit(EX_OK);
		default:
			rc = take_value(a, c, optarg, e);
		}
	}
	if (rc == AS_OK && !a->check &&
	    (a->plugin == NULL || a->stage.work == NULL || optind != argc)) {
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
		return as_fail(e, AS_EUNAVAIL, "the daemon is gone");
	}
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	return AS_OK;
}

/* The sandbox gives the right to read what is there when it begins: a folder that came later would
 * never be read. */
static int check_models(const char *folder, struct as_err *e)
{
	return folder == NULL || access(folder, R_OK | X_OK) == 0
		   ? AS_OK
		   : as_fail(e, AS_ENOINPUT, "--models %s: %s", folder, strerror(errno));
}

static void set_up(struct arguments *a)
{
	a->stage.setting = a->setting;
	a->stage.settings = a->settings;
	a->stage.log = &a->log;
	a->stage.sandbox = &a->sandbox;
	a->sandbox.log = &a->log;
	a->sandbox.models = a->stage.models;
	if (a->stage.features == NULL && a->stage.work != NULL) {
		a->sandbox.family = strncmp(a->stage.work, "ipc:", 4) == 0 ? AF_UNIX : AF_INET;
	}
}

/* Before the sandbox, which lets nothing be read. */
static int take_keys(struct arguments *a, struct as_err *e)
{
	int rc;

	if ((a->key == NULL) != (a->server_key == NULL)) {
		return as_fail(e, AS_EUSAGE, "--key and --server-key: one without the other");
	}
	if (a->key == NULL) {
		return AS_OK;
	}
	TRY(bus_keys_load(&a->own, a->key, true, e));
	TRY(bus_keys_load(&a->server, a->server_key, false, e));
	a->curve = (struct bus_curve){ .own = &a->own, .server = a->server.public };
	a->stage.curve = &a->curve;
out:
	return rc;
}

/* The layers that there are, on standard output. */
static int print_sandbox(struct enc_sandbox *s, struct as_err *e)
{
	int rc;

	TRY(enc_sandbox_start(s, e));
	TRY(enc_sandbox_seal(s, e));
	(void)printf("%s\n", s->layers);
	(void)fflush(stdout);
out:
	return rc;
}

int main(int argc, char **argv)
{
	struct arguments a = {
		.log = { .fd = STDERR_FILENO, .level = AS_INFO, .who = "assay-worker" },
		.stage.cpu_s = CPU_S,
		.sandbox = { .mode = ENC_SANDBOX_BEST_EFFORT, .memory = MEMORY },
	};
	struct pl_plugin plugin;
	struct bus *bus = NULL;
	struct as_err e = { 0 };
	int rc;

	TRY(parse(argc, argv, &a, &e));
	TRY(bind_to_parent(a.parent, &e));
	(void)signal(SIGPIPE, SIG_IGN);
	set_up(&a);
	if (a.check) {
		tn_init();
		rc = print_sandbox(&a.sandbox, &e);
		goto out;
	}
	TRY(check_models(a.stage.models, &e));
	TRY(take_keys(&a, &e));
	TRY(pl_load(&plugin, a.plugin, &e));
	TRY(enc_sandbox_start(&a.sandbox, &e));
	tn_init();
	TRY(bus_open(&bus, &e));
	TRY(enc_stage_run(bus, &plugin, &a.stage, &e));
out:
	bus_close(bus);
	if (rc != AS_OK) {
		(void)fprintf(stderr, "assay-worker: %s\n", e.msg);
	}
	return as_exit_code(rc);
}
