/* SPDX-License-Identifier: Apache-2.0
 * The systemd unit: its score, and a daemon with workers that is started under its filter of system
 * calls. Both are skipped aloud where systemd's own tool is absent. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <ctype.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(e2e_service, .timeout = 300);

static const char TOOL[] = "/usr/bin/systemd-analyze";

enum { CALLS_MAX = 1024, NAME_SIZE = 48, DEEP = 8 };

static bool has_tool(void)
{
	if (access(TOOL, X_OK) == 0) {
		return true;
	}
	(void)fprintf(stderr, "skipped: no %s (apt-get install systemd)\n", TOOL);
	return false;
}

Test(e2e_service, unit_scores_1_5_or_better)
{
	const char *score;
	struct proc p;

	if (!has_tool()) {
		return;
	}
	proc_start(&p,
		   (const char *const[]){ TOOL, "security", "--offline=true", "--no-pager",
					  BUILD_DIR "/assayd.service", NULL },
		   NULL);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data ? p.err.data : "");
	score = strstr(p.out.data, "exposure level for assayd.service: ");
	cr_assert(ne(ptr, (void *)(uintptr_t)score, NULL), "%s", p.out.data);
	cr_assert(strtod(strchr(score, ':') + 1, NULL) <= 1.5, "%s", score);
	proc_free(&p);
}

/* The names that may be called. */
struct list {
	char name[CALLS_MAX][NAME_SIZE];
	size_t n;
};

static void put(struct list *l, const char *name, bool in)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->name[i], name) == 0) {
			if (!in) {
				memcpy(l->name[i], l->name[--l->n], NAME_SIZE);
			}
			return;
		}
	}
	if (in) {
		cr_assert(lt(sz, l->n, (size_t)CALLS_MAX));
		(void)snprintf(l->name[l->n++], NAME_SIZE, "%s", name);
	}
}

/* Adds or takes away a call, or what systemd says is in a set of them ("@process"). */
static void apply(struct list *l, const char *sets, const char *name, bool in, int deep)
{
	const char *at;
	char head[NAME_SIZE + 2];

	if (name[0] != '@') {
		put(l, name, in);
		return;
	}
	cr_assert(lt(int, deep, DEEP));
	(void)snprintf(head, sizeof head, "\n%s\n", name);
	at = strstr(sets, head);
	cr_assert(ne(ptr, (void *)(uintptr_t)at, NULL), "%s", name);
	at += strlen(head);
	while (*at == ' ') {
		char word[NAME_SIZE];
		size_t n;

		at += strspn(at, " ");
		n = strcspn(at, "\n");
		(void)snprintf(word, sizeof word, "%.*s", (int)n, at);
		if (word[0] != '#') {
			apply(l, sets, word, in, deep + 1);
		}
		at += n + (at[n] == '\n');
	}
}

/* The unit's SystemCallFilter= lines, in their order. */
static void read_unit(struct list *l, const char *sets)
{
	FILE *f = fopen(BUILD_DIR "/assayd.service", "r");
	char line[512];

	cr_assert(ne(ptr, f, NULL));
	while (fgets(line, sizeof line, f) != NULL) {
		const bool in = strncmp(line, "SystemCallFilter=~", 18) != 0;
		char *save = NULL;

		if (strncmp(line, "SystemCallFilter=", 17) != 0) {
			continue;
		}
		for (char *w = strtok_r(line + (in ? 17 : 18), " \n", &save); w != NULL;
		     w = strtok_r(NULL, " \n", &save)) {
			apply(l, sets, w, in, 0);
		}
	}
	(void)fclose(f);
}

/* As systemd does: what is not listed fails with EPERM. Names that this machine's kernel does not
 * have are left out. */
static int confine(const struct list *l)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int bad = ctx == NULL;

	for (size_t i = 0; i < l->n && !bad; i++) {
		const int nr = seccomp_syscall_resolve_name(l->name[i]);

		bad = nr >= 0 && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0) != 0;
	}
	return bad || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || seccomp_load(ctx) != 0;
}

static char *read_sets(void)
{
	struct proc p;
	struct as_buf text = { 0 };

	proc_start(&p, (const char *const[]){ TOOL, "syscall-filter", "--no-pager", NULL }, NULL);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data ? p.err.data : "");
	as_buf_puts(&text, "\n");
	as_buf_puts(&text, p.out.data);
	proc_free(&p);
	return text.data;
}

#ifdef AS_INSTRUMENTED
static const bool INSTRUMENTED = true; /* such a build traces itself, and lacks layers */
#else
static const bool INSTRUMENTED = false;
#endif

static const char *settings_of(void)
{
	static const char *const kind[] = { "image", "text", "table" };
	const char *ini = world_format("[daemon]\nstate = %s/state\nruntime = %s/run\n"
				       "sandbox = require\n[stream.breast]\nmodel = %s\n",
				       tmpdir(), tmpdir(), world_model());

	for (size_t i = 0; i < 3; i++) {
		ini = world_format("%s[encoder.%s]\nplugin = %s/plugins/%s.so\n", ini, kind[i],
				   BUILD_DIR, kind[i]);
	}
	return tmpdir_file("assayd.ini", ini);
}

Test(e2e_service, workers_start_and_judge_under_the_units_filter)
{
	static struct list l;
	const char *settings;
	char *sets;
	struct proc p;
	pid_t pid;
	int status;

	if (INSTRUMENTED) {
		cr_skip_test("an instrumented build has no sandbox");
	}
	if (!has_tool()) {
		return;
	}
	sets = read_sets();
	read_unit(&l, sets);
	free(sets);
	cr_assert(lt(sz, 200, l.n));
	settings = settings_of();
	cr_assert(zero(int, setenv("ASSAY_RUNTIME", tmpdir_path("run"), 1)));
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (confine(&l) == 0) {
			(void)execl(BUILD_DIR "/bin/assayd", "assayd", "-c", settings, NULL);
		}
		_exit(127);
	}
	cr_assert(lt(int, 0, pid));
	cr_assert(eq(int, proc_run(&p, "assay", "status", "--wait-ready", "50"), 0), "%s",
		  p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "breast", "--data", world_cases(),
			      "--wait"),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	cr_assert(zero(int, kill(pid, SIGTERM)));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
}
