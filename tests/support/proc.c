/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/proc.h"

#include "core/base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *const *argv, const char *input, const int *to)
{
	const int in = open(input ? input : "/dev/null", O_RDONLY);
	char path[4096];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)fcntl(to[0], F_SETFL, 0);
	(void)fcntl(to[1], F_SETFL, 0);
	(void)snprintf(path, sizeof path, "%s%s", strchr(argv[0], '/') ? "" : BUILD_DIR "/bin/",
		       argv[0]);
	if (in < 0 || dup2(in, 0) < 0 || dup2(to[0], 1) < 0 || dup2(to[1], 2) < 0) {
		_exit(127);
	}
	(void)execv(path, (char *const *)(uintptr_t)argv);
	(void)dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

void proc_start(struct proc *p, const char *const *argv, const char *input)
{
	int ends[2][2];
	int to[2];

	*p = (struct proc){ .code = -1 };
	for (int i = 0; i < 2; i++) {
		cr_assert(pipe2(ends[i], O_CLOEXEC | O_NONBLOCK) == 0, "pipe2: %s",
			  strerror(errno));
		p->pipe[i] = ends[i][0];
		to[i] = ends[i][1];
	}
	p->pid = fork();
	cr_assert(p->pid >= 0, "fork: %s", strerror(errno));
	if (p->pid == 0) {
		become(argv, input, to);
	}
	p->fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	cr_assert(p->fd >= 0, "pidfd_open: %s", strerror(errno));
	(void)close(to[0]);
	(void)close(to[1]);
}

/* Takes what a pipe holds. */
static void drain(struct proc *p, int i)
{
	struct as_buf *b = i == 0 ? &p->out : &p->err;
	ssize_t n;

	while ((n = read(p->pipe[i], as_buf_reserve(b, 65536), 65536)) > 0) {
		b->len += (size_t)n;
		b->data[b->len] = '\0';
	}
	if (n == 0) {
		(void)close(p->pipe[i]);
		p->pipe[i] = -1;
	}
}

/* Takes in what has been said, waiting for it until the deadline; false when the program has ended
 * and all is read. Others may hold the pipes open longer than the program lives, so it is the
 * process that is watched. */
static bool pump(struct proc *p, int64_t deadline, bool *late)
{
	const int64_t left = (deadline - as_mono_ns()) / 1000000;
	struct pollfd fds[3] = { { p->pipe[0], POLLIN, 0 },
				 { p->pipe[1], POLLIN, 0 },
				 { p->fd, POLLIN, 0 } };

	*late = false;
	if (p->pid == 0) {
		return false;
	}
	(void)poll(fds, 3, left > 0 ? (int)left : 0);
	drain(p, 0);
	drain(p, 1);
	*late = left <= 0 && fds[2].revents == 0;
	return fds[2].revents == 0;
}

static void reap(struct proc *p)
{
	int status = 0;

	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
	}
	p->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	p->pid = 0;
	(void)close(p->fd);
}

int proc_wait(struct proc *p, int ms)
{
	const int64_t deadline = as_mono_ns() + (int64_t)ms * 1000000;
	bool late = false;

	while (p->pid > 0 && pump(p, deadline, &late) && !late) {
	}
	cr_assert(not(late), "still running after %d ms; it said:\n%s%s", ms,
		  p->out.data ? p->out.data : "", p->err.data ? p->err.data : "");
	if (p->pid > 0) {
		reap(p);
	}
	return p->code;
}

void proc_signal(struct proc *p, int sig)
{
	cr_assert(p->pid > 0 && kill(p->pid, sig) == 0);
}

const char *proc_line(struct proc *p, int ms)
{
	const int64_t deadline = as_mono_ns() + (int64_t)ms * 1000000;
	bool late = false;
	bool more = true;

	for (;;) {
		char *start = p->out.data ? p->out.data + p->line_at : NULL;
		char *end = start ? strchr(start, '\n') : NULL;

		if (end != NULL) {
			*end = '\0';
			p->line_at = (size_t)(end + 1 - p->out.data);
			return start;
		}
		if (!more) {
			return NULL;
		}
		more = pump(p, deadline, &late);
		cr_assert(not(late), "no line after %d ms; on standard error:\n%s", ms,
			  p->err.data ? p->err.data : "");
	}
}

bool proc_says(struct proc *p, const char *text, int ms)
{
	const int64_t deadline = as_mono_ns() + (int64_t)ms * 1000000;
	bool late = false;

	bool more = true;

	while (p->err.data == NULL || strstr(p->err.data, text) == NULL) {
		if (!more || late) {
			return false;
		}
		more = pump(p, deadline, &late);
	}
	return true;
}

void proc_free(struct proc *p)
{
	if (p->pid > 0) {
		(void)kill(p->pid, SIGKILL);
		reap(p);
	}
	for (int i = 0; i < 2; i++) {
		if (p->pipe[i] > 0) {
			(void)close(p->pipe[i]);
		}
	}
	as_buf_free(&p->out);
	as_buf_free(&p->err);
	*p = (struct proc){ .pipe = { -1, -1 } };
}
