/* SPDX-License-Identifier: Apache-2.0
 * fault.h - the system's calls of what is linked into a runner (ours and the test's, not the shared
 * libraries') can be made to fail, one by its number or all from it on. For a runner that is linked
 * with the Makefile's `counted` for it; each file that includes this has the same, and the linker
 * takes one (weak). */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

/* Calls are counted from 1 while at is not 0. */
struct fault {
	size_t at;    /* the call that fails; 0: none does */
	bool on;      /* those after it too */
	int number;   /* errno: ENOSPC only where room is taken, EINTR only in read and write */
	size_t calls; /* that could have failed so far */
	size_t fired; /* that did */
};
__attribute__((weak)) _Thread_local struct fault fault; /* of the thread that sets it */

enum fault_class {
	FAULT_OTHER,
	FAULT_ROOM,
	FAULT_READ,
	FAULT_WRITE,
	FAULT_AGAIN, /* is only interrupted */
	FAULT_STATEMENT,
	FAULT_MEMORY,
	FAULT_COLUMN
};

/* From one call that fails to the next that does. `make coverage`, and so `make nightly`, fails
 * each; a sanitizer makes each five times as long. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { FAULT_STEP = 7 };
#elif defined AS_INSTRUMENTED
enum { FAULT_STEP = 1 };
#else
enum { FAULT_STEP = 3 };
#endif

/* No calls fail, but statements, or SQLite's memory (ENOMEM), or that of a text that it gives. */
enum { FAULT_INTERRUPT = ECANCELED, FAULT_TEXT = ENODATA };

/* Whether this call fails; then errno is set. */
__attribute__((weak)) bool fault_hits(enum fault_class class);
bool fault_hits(enum fault_class class)
{
	bool counts = class <= FAULT_WRITE;

	switch (fault.number) {
	case ENOSPC:
		counts = class == FAULT_ROOM || class == FAULT_WRITE;
		break;
	case EINTR:
		counts = class >= FAULT_READ && class <= FAULT_AGAIN;
		break;
	case FAULT_INTERRUPT:
		counts = class == FAULT_STATEMENT;
		break;
	case ENOMEM:
		counts = class == FAULT_MEMORY;
		break;
	case FAULT_TEXT:
		counts = class == FAULT_COLUMN;
		break;
	default:
		break;
	}
	if (fault.at == 0 || !counts) {
		return false;
	}
	fault.calls++;
	if (fault.calls != fault.at && (fault.calls < fault.at || !fault.on)) {
		return false;
	}
	fault.fired++;
	errno = fault.number;
	return true;
}

/* NAME(...) returns BAD where it is to fail. */
#define FAULT_WRAP(type, name, class, bad, params, args)               \
	type __real_##name params;                                     \
	__attribute__((weak)) type __wrap_##name params;               \
	type __wrap_##name params                                      \
	{                                                              \
		return fault_hits(class) ? (bad) : __real_##name args; \
	}

FAULT_WRAP(ssize_t, read, FAULT_READ, -1, (int fd, void *p, size_t n), (fd, p, n))
FAULT_WRAP(ssize_t, pread, FAULT_READ, -1, (int fd, void *p, size_t n, off_t at), (fd, p, n, at))
FAULT_WRAP(ssize_t, pwrite, FAULT_WRITE, -1, (int fd, const void *p, size_t n, off_t at),
	   (fd, p, n, at))
FAULT_WRAP(int, rename, FAULT_ROOM, -1, (const char *from, const char *to), (from, to))
FAULT_WRAP(int, renameat2, FAULT_ROOM, -1,
	   (int a, const char *from, int b, const char *to, unsigned flags),
	   (a, from, b, to, flags))
FAULT_WRAP(int, unlink, FAULT_OTHER, -1, (const char *path), (path))
FAULT_WRAP(int, access, FAULT_OTHER, -1, (const char *path, int mode), (path, mode))
FAULT_WRAP(int, stat, FAULT_OTHER, -1, (const char *path, struct stat *st), (path, st))
FAULT_WRAP(int, fstat, FAULT_OTHER, -1, (int fd, struct stat *st), (fd, st))
FAULT_WRAP(int, fstatvfs, FAULT_OTHER, -1, (int fd, struct statvfs *st), (fd, st))
FAULT_WRAP(int, ftruncate, FAULT_ROOM, -1, (int fd, off_t size), (fd, size))
FAULT_WRAP(int, posix_fallocate, FAULT_ROOM, fault.number, (int fd, off_t at, off_t n), (fd, at, n))
FAULT_WRAP(int, mkdir, FAULT_ROOM, -1, (const char *path, mode_t mode), (path, mode))
FAULT_WRAP(DIR *, opendir, FAULT_OTHER, NULL, (const char *path), (path))
FAULT_WRAP(struct dirent *, readdir, FAULT_OTHER, NULL, (DIR * dir), (dir))
FAULT_WRAP(void *, mmap, FAULT_OTHER, MAP_FAILED,
	   (void *p, size_t n, int prot, int flags, int fd, off_t at), (p, n, prot, flags, fd, at))
FAULT_WRAP(ssize_t, getrandom, FAULT_OTHER, -1, (void *p, size_t n, unsigned flags), (p, n, flags))

int __real_fsync(int fd);
__attribute__((weak)) int __wrap_fsync(int fd);
/* Nobody pulls the plug of a test: what does not fail is not waited for. */
int __wrap_fsync(int fd)
{
	(void)fd;
	return fault_hits(FAULT_OTHER) ? -1 : 0;
}

ssize_t __real_write(int fd, const void *p, size_t n);
__attribute__((weak)) ssize_t __wrap_write(int fd, const void *p, size_t n);
/* The first half is there before the disk is full, and the call before it says so. */
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (fault_hits(FAULT_WRITE)) {
		const int number = errno;

		if (number != EINTR && __real_write(fd, p, n / 2) < 0) {
			perror("write");
		}
		errno = number;
		return -1;
	}
	/* And any other may take less than it was given. */
	return __real_write(fd, p, fault.at != 0 && n > 4096 ? n / 2 : n);
}

int __real_open(const char *path, int flags, ...);
__attribute__((weak)) int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fault_hits((flags & O_CREAT) != 0 ? FAULT_ROOM : FAULT_OTHER)
		   ? -1
		   : __real_open(path, flags, mode);
}

#endif
