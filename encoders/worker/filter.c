/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/worker/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Seen in workers of all encoders at work (strace), and what the C library and libzmq call in
 * their place elsewhere. */
static const char *const allowed[] = {
	/* descriptors it has */
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"close",
	"lseek",
	"fcntl",
	"poll",
	"ppoll",
	"epoll_wait",
	"epoll_pwait",
	"epoll_ctl",
	"epoll_create1",
	"eventfd2",
	"sendto",
	"recvfrom",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"shutdown",
	/* files that Landlock lets it read */
	"fstat",
	"newfstatat",
	"stat",
	"lstat",
	"statx",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getdents64",
	"statfs",
	"fstatfs",
	"getcwd",
	"umask",
	/* memory */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"mbind",
	"get_mempolicy",
	"set_mempolicy",
	"membarrier",
	/* threads and time */
	"futex",
	"exit",
	"exit_group",
	"set_robust_list",
	"rseq",
	"set_tid_address",
	"sched_yield",
	"sched_getaffinity",
	"sched_setaffinity",
	"sched_getparam",
	"sched_getscheduler",
	"sched_setscheduler",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"getcpu",
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"timer_settime",
	"timer_gettime",
	"restart_syscall",
	/* signals of its own */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	/* what it is and where */
	"getpid",
	"getppid",
	"gettid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getrandom",
	"getrusage",
	"sysinfo",
	"uname",
};

/* What a program resolves a host's name with, and keeps the keys of a new connection in. */
static const char *const resolving[] = { "connect", "bind",  "sendmsg", "sendmmsg",
					 "recvmsg", "mlock", "munlock" };

struct rule {
	const char *call;
	uint32_t action;
	unsigned int n;
	struct scmp_arg_cmp arg[2];
};

static int allow(scmp_filter_ctx ctx, const char *const *call, size_t n)
{
	int bad = 0;

	for (size_t i = 0; i < n && bad == 0; i++) {
		bad =
		    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(call[i]), 0);
	}
	return bad;
}

static int add_rules(scmp_filter_ctx ctx)
{
	const scmp_datum_t wx = PROT_WRITE | PROT_EXEC;
	const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
	const scmp_datum_t me = (scmp_datum_t)getpid();
	const struct rule rules[] = {
		/* Memory is never executable once it was writable, and never made so without a
		 * file, which Landlock lets come from the system's libraries only. */
		{ "mmap", SCMP_ACT_ALLOW, 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) } },
		{ "mmap",
		  SCMP_ACT_ALLOW,
		  2,
		  { SCMP_A2(SCMP_CMP_MASKED_EQ, wx, PROT_EXEC),
		    SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0) } },
		{ "mmap", SCMP_ACT_ERRNO(EACCES), 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, wx, wx) } },
		{ "mmap",
		  SCMP_ACT_ERRNO(EACCES),
		  2,
		  { SCMP_A2(SCMP_CMP_MASKED_EQ, wx, PROT_EXEC),
		    SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS) } },
		{ "mprotect", SCMP_ACT_ALLOW, 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0) } },
		{ "mprotect",
		  SCMP_ACT_ERRNO(EACCES),
		  1,
		  { SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC) } },
		/* Files are read. */
		{ "openat", SCMP_ACT_ALLOW, 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0) } },
		{ "open", SCMP_ACT_ALLOW, 1, { SCMP_A1(SCMP_CMP_MASKED_EQ, writing, 0) } },
		/* Threads, no processes: clone3's flags cannot be seen, so that glibc is told to
		 * do without. */
		{ "clone",
		  SCMP_ACT_ALLOW,
		  1,
		  { SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD) } },
		{ "clone3", SCMP_ACT_ERRNO(ENOSYS), 0, { { 0 } } },
		/* abort() */
		{ "tgkill", SCMP_ACT_ALLOW, 1, { SCMP_A0(SCMP_CMP_EQ, me, 0) } },
		{ "prctl", SCMP_ACT_ALLOW, 1, { SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0) } },
		{ "ioctl", SCMP_ACT_ERRNO(ENOTTY), 0, { { 0 } } },
	};
	int bad = allow(ctx, allowed, sizeof allowed / sizeof *allowed);

	for (size_t i = 0; i < sizeof rules / sizeof *rules && bad == 0; i++) {
		bad = seccomp_rule_add_array(ctx, rules[i].action,
					     seccomp_syscall_resolve_name(rules[i].call),
					     rules[i].n, rules[i].arg);
	}
	return bad;
}

/* A file opened for writing is refused with an error, not a death: libraries try. */
static int refuse_writing(scmp_filter_ctx ctx)
{
	const int flags[] = { O_WRONLY, O_RDWR };
	const struct {
		const char *call;
		unsigned int arg;
	} opens[] = { { "openat", 2 }, { "open", 1 } };
	int bad = 0;

	for (size_t i = 0; i < 2 && bad == 0; i++) {
		const int nr = seccomp_syscall_resolve_name(opens[i].call);

		for (size_t k = 0; k < 2 && bad == 0; k++) {
			const struct scmp_arg_cmp arg = { opens[i].arg, SCMP_CMP_MASKED_EQ,
							  O_ACCMODE, (scmp_datum_t)flags[k] };

			bad = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EACCES), nr, 1, &arg);
		}
	}
	return bad;
}

static int allow_family(scmp_filter_ctx ctx, int family)
{
	const int inet[] = { AF_INET, AF_INET6, AF_NETLINK };
	const int socket_nr = seccomp_syscall_resolve_name("socket");
	int bad = 0;

	if (family == AF_UNSPEC) {
		return 0;
	}
	if (family == AF_UNIX) {
		bad = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, socket_nr, 1,
				       SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
		return bad != 0 ? bad : allow(ctx, resolving, 1);
	}
	for (size_t i = 0; i < sizeof inet / sizeof *inet && bad == 0; i++) {
		bad = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, socket_nr, 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)inet[i], 0));
	}
	if (bad == 0) { /* the C library asks a name server of this machine first */
		bad = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), socket_nr, 1,
				       SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	}
	return bad != 0 ? bad : allow(ctx, resolving, sizeof resolving / sizeof *resolving);
}

int enc_filter_load(int family, struct as_err *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int bad = ctx == NULL ? -ENOMEM : 0;

	if (bad == 0) {
		bad = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	}
	if (bad == 0) {
		bad = add_rules(ctx);
	}
	if (bad == 0) {
		bad = refuse_writing(ctx);
	}
	if (bad == 0) {
		bad = allow_family(ctx, family);
	}
	if (bad == 0) {
		bad = seccomp_load(ctx);
	}
	if (ctx != NULL) {
		seccomp_release(ctx);
	}
	return bad == 0 ? AS_OK : as_fail(e, AS_EUNAVAIL, "seccomp: %s", strerror(-bad));
}
