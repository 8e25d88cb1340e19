/* SPDX-License-Identifier: Apache-2.0
 * assayd: takes cases, has them encoded, judges them and publishes the judgments. */
#include "core/base/buf.h"
#include "core/tensor/gemm.h"
#include "daemon/daemon.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { SELF_SIZE = 4096 };

static const char usage[] =
    "usage: assayd -c FILE [--check]\n"
    "Takes cases, has them encoded, judges them and publishes the judgments.\n"
    "\n"
    "  -c, --config FILE  the settings, an assayd.ini\n"
    "      --check        read the settings, open the models, find the plugins, and exit\n"
    "      --help-config  list the settings\n"
    "      --version      print the version\n"
    "      --help         print this\n"
    "\n"
    "SIGTERM finishes what is in hand and stops, a second one stops at once. SIGHUP reads the\n"
    "settings anew.\n";

static void print_settings(void)
{
	size_t n;
	const struct io_config_key *k = io_config_keys(&n);
	const char *section = "";

	for (size_t i = 0; i < n; i++) {
		if (strcmp(section, k[i].section) != 0) {
			section = k[i].section;
			(void)printf("%s[%s%s]\n", i ? "\n" : "", section,
				     strcmp(section, "daemon") == 0 ? "" : ".NAME");
		}
		(void)printf("%-12s = %-12s ; %s", k[i].key, k[i].def ? k[i].def : "",
			     k[i].meaning);
		if (k[i].max != 0) {
			(void)printf(", %" PRIu64 " to %" PRIu64, k[i].min, k[i].max);
		}
		(void)printf("\n");
	}
}

struct arguments {
	const char *config;
	bool check;
};

static int parse(int argc, char **argv, struct arguments *a, struct as_err *e)
{
	const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 'k' },
		{ "help-config", no_argument, NULL, 'H' },  { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },         { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			a->config = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 'H':
			print_settings();
			exit(EX_OK);
		case 'V':
			(void)printf("assayd " ASSAY_VERSION "\n");
			exit(EX_OK);
		case 'h':
			(void)fputs(usage, stdout);
			exit(EX_OK);
		default:
			return as_fail(e, AS_EUSAGE, "see assayd --help");
		}
	}
	if (a->config == NULL || optind != argc) {
		return as_fail(e, AS_EUSAGE, "want -c FILE; see assayd --help");
	}
	return AS_OK;
}

/* Everything that can be known to be wrong without starting; all of it is a matter of settings. */
static int check(const struct io_config *c, const char *self, struct as_err *e)
{
	int rc = dm_plugins_check(self, c, e);

	for (size_t i = 0; i < c->streams && rc == AS_OK; i++) {
		struct fu_judge *j = as_calloc(1, sizeof *j);

		rc = fu_judge_open(j, c->stream[i].model, e);
		if (rc != AS_OK) {
			rc = as_wrap(e, "%s: [stream.%s] model", c->path, c->stream[i].name);
		}
		fu_judge_close(j);
		free(j);
	}
	return rc;
}

static int read_settings(struct dm_daemon *d, const char *path, struct as_err *e)
{
	int rc = io_config_load(&d->config, path, e);

	if (rc != AS_OK) {
		return rc;
	}
	rc = as_level_parse(d->config.daemon.log_level, &d->log.level, e);
	return rc == AS_OK ? AS_OK : as_wrap(e, "%s: [daemon] log_level", path);
}

int main(int argc, char **argv)
{
	struct dm_daemon *d = as_calloc(1, sizeof *d);
	const char *watchdog_us = getenv("WATCHDOG_USEC");
	struct arguments a = { 0 };
	char self[SELF_SIZE] = "";
	struct as_err e = { 0 };
	int rc;

	d->log = (struct as_log){ .fd = STDERR_FILENO, .level = AS_INFO, .who = "assayd" };
	d->self = self;
	d->notify.path = getenv("NOTIFY_SOCKET");
	if (watchdog_us != NULL) {
		d->notify.watchdog = 1000 * (int64_t)strtoull(watchdog_us, NULL, 10);
	}
	TRY(parse(argc, argv, &a, &e));
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) {
		rc = as_fail(&e, AS_EIO, "/proc/self/exe cannot be read");
		goto out;
	}
	tn_init();
	rc = read_settings(d, a.config, &e);
	if (a.check) {
		rc = rc == AS_OK ? check(&d->config, self, &e) : rc;
		rc = rc == AS_OK ? AS_OK : AS_ECONFIG;
	} else if (rc == AS_OK) {
		rc = dm_start(d, &e);
		rc = rc == AS_OK ? dm_loop(d, &e) : rc;
		if (rc == AS_EIO || rc == AS_EFULL) {
			dm_failures_put(d, d->failures + 1);
		} else if (rc == AS_OK && d->failures > 0 && !d->read_only) {
			dm_failures_put(d, 0);
		}
		dm_stop(d);
	}
	io_config_free(&d->config);
out:
	free(d);
	if (rc != AS_OK) {
		(void)fprintf(stderr, "assayd: %s\n", e.msg);
	}
	return as_exit_code(rc);
}
