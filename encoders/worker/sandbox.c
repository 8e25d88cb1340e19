/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/worker/sandbox.h"

#include "encoders/worker/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS = 128 };

/* Instrumented builds (sanitizers, coverage) write files, read /proc and trace themselves: there
 * the limits and no_new_privs alone are set. */
#ifdef AS_INSTRUMENTED
static const bool instrumented = true;
#else
static const bool instrumented = false;
#endif

int enc_sandbox_parse(const char *text, enum enc_sandbox_mode *mode, struct as_err *e)
{
	static const char *const known[] = { "off", "best-effort", "require" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(text, known[i]) == 0) {
			*mode = (enum enc_sandbox_mode)i;
			return AS_OK;
		}
	}
	return as_fail(e, AS_EUSAGE, "sandbox %.40s: want require, best-effort or off", text);
}

/* Notes the layer, or that it is missing and why. */
static int note(struct enc_sandbox *s, int rc, const char *layer, struct as_err *e)
{
	const size_t n = strlen(s->layers);

	if (rc == AS_OK) {
		(void)snprintf(s->layers + n, sizeof s->layers - n, "%s%s", n > 0 ? "," : "",
			       layer);
		return AS_OK;
	}
	if (s->mode == ENC_SANDBOX_REQUIRE) {
		return as_wrap(e, "sandbox = require, and a layer is missing");
	}
	as_log(s->log, AS_WARN, "SANDBOX-MISSING", "layer=%s error=\"%s\"", layer, e->msg);
	return AS_OK;
}

static int drop_rights(struct as_err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return as_fail(e, AS_EUNAVAIL, "no_new_privs: %s", strerror(errno));
	}
	if (syscall(SYS_capset, &header, none) != 0) {
		return as_fail(e, AS_EUNAVAIL, "capset: %s", strerror(errno));
	}
	return AS_OK;
}

/* struct landlock_ruleset_attr as kernels after 6.1 have it; older ones take its beginning. */
struct ruleset {
	uint64_t fs;    /* ABI 1 */
	uint64_t net;   /* ABI 4 */
	uint64_t scope; /* ABI 6 */
};

enum {
	FS_ABI1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,    /* ABI 2 */
	FS_TRUNCATE = 1 << 14, /* ABI 3 */
	FS_IOCTL = 1 << 15,    /* ABI 5 */
	NET_BIND = 1 << 0,
	NET_CONNECT = 1 << 1,
	SCOPE_ABSTRACT = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};

static void allow_reading(int ruleset, const char *path)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE };
	struct stat st;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0) {
		return; /* what is not there needs no right */
	}
	if (fstat(rule.parent_fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	}
	(void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	(void)close(rule.parent_fd);
}

/* What libraries open after a worker has started: each other, their tables, the processors. */
static const char *const readable[] = {
	"/usr/lib",
	"/lib",
	"/lib64",
	"/usr/local/lib",
	"/usr/share",
	"/etc/ld.so.cache",
	"/etc/localtime",
	"/dev/urandom",
	"/sys/devices/system/cpu",
	"/sys/devices/system/node",
};

/* And to find a host by its name. */
static const char *const resolver[] = { "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
					"/etc/host.conf", "/etc/gai.conf" };

static int restrict_files(const struct enc_sandbox *s, long abi, struct as_err *e)
{
	const struct ruleset attr = {
		.fs = FS_ABI1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
		      (abi >= 5 ? FS_IOCTL : 0),
		.net = abi < 4 ? 0 : NET_BIND | (s->family == AF_INET ? 0 : NET_CONNECT),
		.scope = abi < 6 ? 0 : SCOPE_ABSTRACT | SCOPE_SIGNAL,
	};
	const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	long bad;

	if (ruleset < 0) {
		return as_fail(e, AS_EUNAVAIL, "landlock_create_ruleset: %s", strerror(errno));
	}
	for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
		allow_reading(ruleset, readable[i]);
	}
	for (size_t i = 0; i < sizeof resolver / sizeof *resolver && s->family == AF_INET; i++) {
		allow_reading(ruleset, resolver[i]);
	}
	if (s->models != NULL) {
		allow_reading(ruleset, s->models);
	}
	bad = syscall(SYS_landlock_restrict_self, ruleset, 0);
	(void)close(ruleset);
	return bad == 0 ? AS_OK
			: as_fail(e, AS_EUNAVAIL, "landlock_restrict_self: %s", strerror(errno));
}

/* The other threads would go free. */
static int check_alone(struct as_err *e)
{
	struct stat st;

	if (stat("/proc/self/task", &st) != 0) {
		return as_fail(e, AS_EUNAVAIL, "/proc/self/task: %s", strerror(errno));
	}
	if (st.st_nlink != 3) { /* the folder, its dot, and one thread */
		return as_fail(e, AS_EUNAVAIL,
			       "landlock: a library has made %ju threads before main",
			       (uintmax_t)st.st_nlink - 3);
	}
	return AS_OK;
}

static int lock_files(struct enc_sandbox *s, struct as_err *e)
{
	const long abi =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	char layer[32];
	int rc;

	(void)snprintf(layer, sizeof layer, "landlock:%ld", abi > 0 ? abi : 0);
	rc = abi > 0 ? check_alone(e)
		     : as_fail(e, AS_EUNAVAIL, "this kernel has no Landlock: %s", strerror(errno));
	if (rc == AS_OK) {
		rc = restrict_files(s, abi, e);
	}
	return note(s, rc, layer, e);
}

int enc_sandbox_start(struct enc_sandbox *s, struct as_err *e)
{
	int rc;

	s->layers[0] = '\0';
	s->size = -1;
	if (s->mode == ENC_SANDBOX_OFF) {
		return AS_OK;
	}
	if (instrumented) {
		rc = as_fail(e, AS_EUNAVAIL, "an instrumented build has no Landlock and seccomp");
		TRY(note(s, rc, "landlock", e));
		TRY(note(s, drop_rights(e), "no_new_privs", e));
		goto out;
	}
	s->size = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	TRY(note(s, drop_rights(e), "no_new_privs", e));
	TRY(lock_files(s, e));
	/* Last: /proc/self is root's from here on. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		rc = as_fail(e, AS_EIO, "PR_SET_DUMPABLE: %s", strerror(errno));
	}
out:
	return rc;
}

static int limit(int resource, rlim_t most, struct as_err *e)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)resource, &r) == 0) {
		r.rlim_max = most < r.rlim_max ? most : r.rlim_max;
		r.rlim_cur = r.rlim_max;
		if (setrlimit((__rlimit_resource_t)resource, &r) == 0) {
			return AS_OK;
		}
	}
	return as_fail(e, AS_EUNAVAIL, "setrlimit: %s", strerror(errno));
}

/* Bytes of address space in use; 0 where that cannot be read. */
static uint64_t address_space(int statm)
{
	char text[128];
	const ssize_t n = statm < 0 ? -1 : pread(statm, text, sizeof text - 1, 0);

	if (n <= 0) {
		return 0;
	}
	text[n] = '\0';
	return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit_all(const struct enc_sandbox *s, struct as_err *e)
{
	const uint64_t has = address_space(s->size);
	struct stat st;
	int rc;

	(void)signal(SIGXFSZ, SIG_IGN);
	TRY(limit(RLIMIT_CORE, 0, e));
	TRY(limit(RLIMIT_NOFILE, DESCRIPTORS, e));
	if (instrumented) {
		goto out;
	}
	if (has == 0) {
		rc = as_fail(e, AS_EUNAVAIL, "/proc/self/statm cannot be read");
		goto out;
	}
	TRY(limit(RLIMIT_AS, has + s->memory, e));
	if (fstat(STDERR_FILENO, &st) != 0 || !S_ISREG(st.st_mode)) {
		rc = limit(RLIMIT_FSIZE, 0, e); /* where the log is no file itself */
	}
out:
	return rc;
}

int enc_sandbox_seal(struct enc_sandbox *s, struct as_err *e)
{
	int rc;

	if (s->mode == ENC_SANDBOX_OFF) {
		return AS_OK;
	}
	TRY(note(s, limit_all(s, e), "rlimits", e));
	if (!instrumented) {
		TRY(note(s, enc_filter_load(s->family, e), "seccomp", e));
	}
out:
	if (s->size >= 0) {
		(void)close(s->size);
		s->size = -1;
	}
	return rc;
}
