/* SPDX-License-Identifier: Apache-2.0
 * reserve.c - a file that only takes room: it is given up when the disk is full, so that what was
 * accepted can still be judged, and taken again when there is room. */
#include "core/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FILE_MODE = 0600, SLACK = 1 << 20, BLOCK = 512 };

/* Room for what is missing of it and as much as all of it again: one that is taken from the last
 * bytes would be given up at once. */
static bool has_room(int fd, uint64_t missing, uint64_t bytes)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 &&
	       (uint64_t)fs.f_bavail * fs.f_frsize >= missing + bytes + SLACK;
}

static int fail(const struct st_store *s, int number, struct as_err *e)
{
	return as_fail(e, AS_EIO, "%s: %s", s->reserve, strerror(number));
}

static int take(const struct st_store *s, int fd, uint64_t bytes, bool *held, struct as_err *e)
{
	struct stat st;
	uint64_t there;
	int wrong;

	if (fstat(fd, &st) != 0) {
		return fail(s, errno, e);
	}
	there = (uint64_t)st.st_blocks * BLOCK;
	*held = bytes > 0 && (uint64_t)st.st_size == bytes && there >= bytes;
	if (*held || !has_room(fd, bytes > there ? bytes - there : 0, bytes)) {
		return AS_OK;
	}
	if (ftruncate(fd, (off_t)bytes) != 0) {
		return fail(s, errno, e);
	}
	wrong = bytes > 0 ? posix_fallocate(fd, 0, (off_t)bytes) : 0;
	*held = wrong == 0;
	if (*held) {
		return AS_OK;
	}
	(void)unlink(s->reserve);
	return st_lacks_room(wrong) ? AS_OK : fail(s, wrong, e);
}

int st_reserve(struct st_store *s, uint64_t bytes, bool *held, struct as_err *e)
{
	const int fd = open(s->reserve, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
	int rc;

	*held = false;
	if (fd < 0) {
		return st_lacks_room(errno) ? AS_OK : fail(s, errno, e);
	}
	rc = take(s, fd, bytes, held, e);
	(void)close(fd);
	return rc;
}

int st_reserve_give_up(struct st_store *s, struct as_err *e)
{
	return unlink(s->reserve) == 0 || errno == ENOENT ? AS_OK : fail(s, errno, e);
}
