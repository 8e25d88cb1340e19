/* SPDX-License-Identifier: Apache-2.0
 * What a worker may still call once its filter is loaded, in every build: the filter is loaded in a
 * child that shares this process's memory, so that what it does is also measured. The address
 * sanitizer's notes of this process's stacks are none of such a child's: under it the memory is
 * copied. */
#include "encoders/worker/filter.h"
#include "tests/support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(worker_filter, .timeout = 60);

enum { STACK = 1 << 20, NOT_LOADED = 200 };

/* 0, or errno. */
typedef int (*call_fn)(void);

struct attempt {
	int family;
	call_fn call;
};

static int told(long rc)
{
	return rc < 0 ? errno : 0;
}

static int open_to_write(void)
{
	return told(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static int open_both_ways(void)
{
	return told(open("/dev/null", O_RDWR | O_CLOEXEC));
}

static int open_to_read(void)
{
	return told(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static int make_unix(void)
{
	return told(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_inet(void)
{
	return told(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_packet(void)
{
	return told(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int listen_anywhere(void)
{
	return told(listen(0, 1));
}

static int make_process(void)
{
	return told(syscall(SYS_fork));
}

static int make_process_anew(void)
{
	return told(syscall(SYS_clone3, NULL, 0));
}

static int run_program(void)
{
	return told(execl("/bin/true", "true", (char *)NULL));
}

static int signal_another(void)
{
	return told(syscall(SYS_kill, getppid(), 0));
}

static int map(int prot, int flags)
{
	return mmap(NULL, 4096, prot, flags | MAP_PRIVATE, -1, 0) == MAP_FAILED ? errno : 0;
}

static int map_memory(void)
{
	return map(PROT_READ | PROT_WRITE, MAP_ANONYMOUS);
}

static int map_code_to_write(void)
{
	return map(PROT_WRITE | PROT_EXEC, MAP_ANONYMOUS);
}

static int map_code_of_no_file(void)
{
	return map(PROT_READ | PROT_EXEC, MAP_ANONYMOUS);
}

static int make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);

	return p == MAP_FAILED ? errno : told(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int trace_itself(void)
{
	return told(syscall(SYS_ptrace, 0, 0, 0, 0));
}

static int ask_a_device(void)
{
	int n;

	return told(ioctl(0, FIONREAD, &n));
}

static int child(void *arg)
{
	const struct attempt *a = arg;
	struct as_err e = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    enc_filter_load(a->family, &e) != AS_OK) {
		_exit(NOT_LOADED);
	}
	_exit(a->call());
}

static pid_t start(struct attempt *a, char *stack)
{
#ifdef __SANITIZE_ADDRESS__
	const pid_t pid = fork();

	(void)stack;
	return pid != 0 ? pid : child(a);
#else
	return clone(child, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, a);
#endif
}

/* What it came to: errno, or minus the signal that ended the child. */
static int outcome(int family, call_fn call)
{
	struct attempt a = { family, call };
	char *stack = malloc(STACK);
	int status = 0;
	pid_t pid;

	/* A core is that of all who share the memory. */
	cr_assert(zero(int, prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));
	pid = start(&a, stack);
	cr_assert(lt(int, 0, (int)pid));
	cr_assert(eq(int, (int)waitpid(pid, &status, 0), (int)pid));
	free(stack);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

Test(worker_filter, work_goes_on_and_the_rest_is_refused_or_ends_it)
{
	static const struct {
		const char *what;
		call_fn call;
		int unix_, inet, unspec; /* where it is of that family */
	} all[] = {
		{ "read a file", open_to_read, 0, 0, 0 },
		{ "write a file", open_to_write, EACCES, EACCES, EACCES },
		{ "read and write a file", open_both_ways, EACCES, EACCES, EACCES },
		{ "memory", map_memory, 0, 0, 0 },
		{ "code to be written", map_code_to_write, EACCES, EACCES, EACCES },
		{ "code of no file", map_code_of_no_file, EACCES, EACCES, EACCES },
		{ "memory made code", make_code, EACCES, EACCES, EACCES },
		{ "a device", ask_a_device, ENOTTY, ENOTTY, ENOTTY },
		{ "clone3", make_process_anew, ENOSYS, ENOSYS, ENOSYS },
		{ "a unix socket", make_unix, 0, EACCES, -SIGSYS },
		{ "an inet socket", make_inet, -SIGSYS, 0, -SIGSYS },
		{ "a packet socket", make_packet, -SIGSYS, -SIGSYS, -SIGSYS },
		{ "listen", listen_anywhere, -SIGSYS, -SIGSYS, -SIGSYS },
		{ "a process", make_process, -SIGSYS, -SIGSYS, -SIGSYS },
		{ "a program", run_program, -SIGSYS, -SIGSYS, -SIGSYS },
		{ "a signal", signal_another, -SIGSYS, -SIGSYS, -SIGSYS },
		{ "ptrace", trace_itself, -SIGSYS, -SIGSYS, -SIGSYS },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		cr_assert(eq(int, outcome(AF_UNIX, all[i].call), all[i].unix_), "%s", all[i].what);
		cr_assert(eq(int, outcome(AF_INET, all[i].call), all[i].inet), "%s", all[i].what);
		cr_assert(eq(int, outcome(AF_UNSPEC, all[i].call), all[i].unspec), "%s",
			  all[i].what);
	}
}
