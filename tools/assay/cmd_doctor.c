/* SPDX-License-Identifier: Apache-2.0
 * cmd_doctor.c - assay doctor: what of Assay's protection and speed this machine has, and whether
 * a daemon's settings can be kept. It finds and does not mend. */
#include "core/base/buf.h"
#include "core/bus/bus.h"
#include "core/bus/clients.h"
#include "core/io/config.h"
#include "core/tensor/about.h"
#include "tools/assay/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

enum grade { GOOD, WARN, BAD };

enum {
	PATH_SIZE = 4096,
	OUTPUT_MAX = 8192,
	DISK_WARN = 1 << 30, /* bytes free beside what may be queued */
};

struct doctor {
	struct io_config config;
	bool has_config;
	size_t warned, bad;
};

static void say(struct doctor *d, enum grade g, const char *what, const char *fmt, ...)
    AS_PRINTF(4, 5);

static void say(struct doctor *d, enum grade g, const char *what, const char *fmt, ...)
{
	static const char *const word[] = { "ok", "warn", "FAIL" };
	va_list ap;

	printf("%-4s  %-10s ", word[g], what);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	d->warned += g == WARN;
	d->bad += g == BAD;
}

static void become(char *const *argv, int out)
{
	char self[PATH_SIZE] = "";
	char path[2 * PATH_SIZE];

	if (readlink("/proc/self/exe", self, sizeof self - 1) > 0 && dup2(out, 1) == 1 &&
	    dup2(out, 2) == 2) {
		(void)snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(self, '/') - self), self,
			       argv[0]);
		(void)execv(path, argv);
	}
	_exit(127);
}

/* Runs a program that lies beside this one: its output, and its exit code or -1. */
static int run_beside(char *const *argv, char out[OUTPUT_MAX])
{
	int ends[2];
	size_t len = 0;
	ssize_t n;
	int status;
	pid_t pid;

	out[0] = '\0';
	(void)fflush(stdout);
	if (pipe(ends) != 0) {
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		become(argv, ends[1]);
	}
	(void)close(ends[1]);
	while (len < OUTPUT_MAX - 1 && (n = read(ends[0], out + len, OUTPUT_MAX - 1 - len)) > 0) {
		len += (size_t)n;
	}
	(void)close(ends[0]);
	while (len > 0 && out[len - 1] == '\n') {
		len--;
	}
	out[len] = '\0';
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

/* Whether a worker's sandbox is whole here; require, or no settings, makes that a must. */
static void look_at_sandbox(struct doctor *d)
{
	static const char *const layers[] = { "no_new_privs", "landlock", "rlimits", "seccomp" };
	const char *mode = d->has_config ? d->config.daemon.sandbox : "require";
	char out[OUTPUT_MAX];
	const int code =
	    run_beside((char *[]){ (char[]){ "assay-worker" }, (char[]){ "--log-level" },
				   (char[]){ "error" }, (char[]){ "--check-sandbox" }, NULL },
		       out);
	const char *last = strrchr(out, '\n') ? strrchr(out, '\n') + 1 : out;
	size_t missing = 0;

	for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
		missing += strstr(last, layers[i]) == NULL;
	}
	if (code != 0) {
		say(d, BAD, "sandbox", "assay-worker --check-sandbox: exit %d: %s", code, out);
	} else if (missing > 0) {
		say(d, strcmp(mode, "require") == 0 ? BAD : WARN, "sandbox",
		    "there is %s, of 4 layers %zu are missing: sandbox = require cannot be kept",
		    last[0] ? last : "nothing", missing);
	} else if (strcmp(mode, "off") == 0) {
		say(d, WARN, "sandbox", "the machine has %s, and the settings say off", last);
	} else {
		say(d, GOOD, "sandbox", "%s", last);
	}
}

static void look_at_machine(struct doctor *d)
{
	struct as_buf b = { 0 };
	struct timex t = { 0 };
	char version[64];
	char *save = NULL;
	bool curve;

	tn_about(&b);
	say(d, GOOD, "library", "%s", strtok_r(b.data, "\n", &save));
	say(d, GOOD, "library", "%s", strtok_r(NULL, "\n", &save));
	say(d, GOOD, "cpu", "int8 products by %s", strtok_r(NULL, "\n", &save));
	as_buf_free(&b);
	bus_about(version, sizeof version, &curve);
	say(d, curve ? GOOD : BAD, "library", "%s, %s", version,
	    curve ? "with CURVE" : "built without CURVE: no tcp socket can ask for keys");
	if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC) != 0) {
		say(d, WARN, "clock", "not synchronised: times of judgments may be wrong");
	} else {
		say(d, GOOD, "clock", "synchronised");
	}
}

static void look_at_space(struct doctor *d, const char *path)
{
	const uint64_t queue = d->config.daemon.queue_bytes;
	struct statvfs fs;
	uint64_t left;

	if (statvfs(path, &fs) != 0) {
		return; /* not there yet */
	}
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	say(d,
	    left < queue               ? BAD
	    : left < queue + DISK_WARN ? WARN
				       : GOOD,
	    "disk", "%.1f GiB free, up to %.1f GiB may wait to be encoded",
	    (double)left / (1 << 30), (double)queue / (1 << 30));
}

/* open: how bad it is that others may enter. */
static void look_at_folder(struct doctor *d, const char *what, const char *path, enum grade open)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		say(d, errno == ENOENT ? GOOD : BAD, what, "%s: %s", path,
		    errno == ENOENT ? "not there yet, made at the start" : strerror(errno));
	} else if ((st.st_mode & 0077) != 0) {
		say(d, open, what, "%s has mode %03o, others may enter: want 700", path,
		    st.st_mode & 0777);
	} else if (st.st_uid != geteuid()) {
		say(d, WARN, what, "%s belongs to user %u, this is user %u", path,
		    (unsigned)st.st_uid, (unsigned)geteuid());
	} else {
		say(d, GOOD, what, "%s, mode %03o", path, st.st_mode & 0777);
	}
}

static bool is_stream(const struct io_config *c, const char *name)
{
	for (size_t k = 0; k < c->streams; k++) {
		if (strcmp(c->stream[k].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Keys without rights, and rights on streams that there are not. */
static void look_at_client(struct doctor *d, const struct bus_client *c, const char *own)
{
	bool any = c->work;

	for (size_t r = 0; r < BUS_RIGHTS; r++) {
		any = any || bus_client_may_some(c, (enum bus_right)r);
		for (size_t i = 0; i < c->may[r].streams; i++) {
			if (!is_stream(&d->config, c->may[r].stream[i])) {
				say(d, WARN, "client", "%s has a right on %s, which is no stream",
				    c->name, c->may[r].stream[i]);
			}
		}
	}
	if (!any) {
		say(d, WARN, "client", "%s has a key and no rights", c->name);
	}
	if (strcmp(c->key, own) == 0) {
		say(d, WARN, "client", "%s has the daemon's own key", c->name);
	}
}

static void look_at_keys(struct doctor *d)
{
	const struct io_config_daemon *c = &d->config.daemon;
	struct bus_clients *clients = NULL;
	const struct bus_client *k;
	struct bus_keys keys;
	struct as_err e;
	size_t n = 0;

	if (!io_config_is_given(c->key)) {
		return;
	}
	if (bus_keys_load(&keys, c->key, true, &e) != AS_OK) {
		say(d, BAD, "key", "%s", e.msg);
	} else {
		say(d, GOOD, "key", "%s", keys.public);
	}
	if (bus_clients_load(&clients, c->clients, &e) != AS_OK) {
		say(d, BAD, "clients", "%s", e.msg);
	} else {
		for (; (k = bus_clients_at(clients, n)) != NULL; n++) {
			look_at_client(d, k, keys.public);
		}
		say(d, n > 0 ? GOOD : WARN, "clients", "%zu in %s", n, c->clients);
	}
	bus_clients_free(clients);
	bus_keys_wipe(&keys);
}

static void look_at_sockets(struct doctor *d)
{
	const struct io_config_daemon *c = &d->config.daemon;
	const struct {
		const char *name, *at;
	} sockets[] = { { "front", c->front },
			{ "feed", c->feed },
			{ "work", c->work },
			{ "features", c->features },
			{ "control", c->control } };

	for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
		if (!io_config_is_tcp(sockets[i].at)) {
			say(d, GOOD, sockets[i].name, "%s/%s: who may open the folder", c->runtime,
			    sockets[i].name);
		} else {
			say(d, c->insecure ? WARN : GOOD, sockets[i].name, "%s: %s", sockets[i].at,
			    c->insecure ? "everybody, in the clear" : "by keys, encrypted");
		}
	}
}

/* Plugins and models are assayd's to open. */
static void look_at_settings(struct doctor *d, char *path)
{
	char out[OUTPUT_MAX];

	if (run_beside((char *[]){ (char[]){ "assayd" }, (char[]){ "--check" }, (char[]){ "-c" },
				   path, NULL },
		       out) == 0) {
		say(d, GOOD, "settings", "%s: %zu streams, %zu encoders", path, d->config.streams,
		    d->config.encoders);
	} else {
		say(d, BAD, "settings", "%s", out);
	}
}

/* The number of what fails. */
static size_t examine(const char *path)
{
	struct doctor d = { 0 };
	struct as_err e;

	if (path != NULL) {
		d.has_config = io_config_load(&d.config, path, &e) == AS_OK;
		if (d.has_config) {
			look_at_settings(&d, d.config.path);
		} else {
			say(&d, BAD, "settings", "%s", e.msg);
		}
	}
	look_at_sandbox(&d);
	look_at_machine(&d);
	if (d.has_config) {
		look_at_folder(&d, "state", d.config.daemon.state, WARN);
		look_at_space(&d, d.config.daemon.state);
		look_at_folder(&d, "runtime", d.config.daemon.runtime, BAD);
		look_at_sockets(&d);
		look_at_keys(&d);
	}
	io_config_free(&d.config);
	printf("%zu failed, %zu warnings\n", d.bad, d.warned);
	return d.bad;
}

int cmd_doctor(int argc, char **argv)
{
	const struct cmd_spec spec = {
		"doctor",
		"[ASSAYD.INI]",
		"What this machine has of Assay's sandbox, instructions and libraries; with a\n"
		"daemon's settings also whether they can be kept: folders, space, sockets, keys.\n"
		"Exit: 0, or 1 where something fails (a layer that sandbox = require wants).\n",
		NULL,
		0,
		0,
		1,
	};
	const char *word[1] = { NULL };
	size_t words;
	bool done;
	struct as_err e = { 0 };
	const int rc = cmd_parse(&spec, argc, argv, word, &words, &done, &e);

	if (rc != AS_OK || done) {
		return cmd_end(&spec, rc, &e);
	}
	return examine(words == 1 ? word[0] : NULL) > 0 ? 1 : 0;
}
