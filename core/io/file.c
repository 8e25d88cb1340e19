/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

int io_map_open(struct io_map *m, const char *path, size_t max, struct as_err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat s;
	int rc = AS_OK;
	void *p;

	*m = (struct io_map){ 0 };
	if (fd < 0 || fstat(fd, &s) != 0) {
		rc = as_fail(e, AS_ENOINPUT, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(s.st_mode)) {
		rc = as_fail(e, AS_EFORMAT, "%s: not a regular file", path);
		goto out;
	}
	if ((uint64_t)s.st_size > max) {
		rc = as_fail(e, AS_EFORMAT, "%s: %lld bytes, the limit is %zu", path,
			     (long long)s.st_size, max);
		goto out;
	}
	if (s.st_size > 0) {
		p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			rc = as_fail(e, AS_EIO, "%s: mmap: %s", path, strerror(errno));
			goto out;
		}
		*m = (struct io_map){ p, (size_t)s.st_size };
	}
out:
	if (fd >= 0) {
		(void)close(fd);
	}
	return rc;
}

void io_map_close(struct io_map *m)
{
	if (m->size > 0) {
		(void)munmap((void *)m->data, m->size);
	}
	*m = (struct io_map){ 0 };
}

static int read_all(int fd, const char *path, size_t max, struct as_buf *out, struct as_err *e)
{
	size_t total = 0;

	for (;;) {
		const ssize_t n = read(fd, as_buf_reserve(out, CHUNK), CHUNK);

		if (n == 0) {
			as_buf_put(out, "", 0); /* so that an empty file gives a C string too */
			return AS_OK;
		}
		if (n < 0 && errno != EINTR) {
			return as_fail(e, AS_ENOINPUT, "%s: %s", path, strerror(errno));
		}
		if (n > 0) {
			total += (size_t)n;
			if (total > max) {
				return as_fail(e, AS_EFORMAT,
					       "%s: bytes: more than the limit of %zu", path, max);
			}
			out->len += (size_t)n;
			out->data[out->len] = '\0';
		}
	}
}

int io_read_file(const char *path, size_t max, struct as_buf *out, struct as_err *e)
{
	int fd;
	int rc;

	if (strcmp(path, "-") == 0) {
		return read_all(STDIN_FILENO, "standard input", max, out, e);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return as_fail(e, errno == EMFILE || errno == ENFILE ? AS_EAGAIN : AS_ENOINPUT,
			       "%s: %s", path, strerror(errno));
	}
	rc = read_all(fd, path, max, out, e);
	(void)close(fd);
	return rc;
}

/* The folder that path lies in. Free the result. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		return as_strdup(".");
	}
	return as_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int sync_folder(const char *path, struct as_err *e)
{
	char *folder = folder_of(path);
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = AS_OK;

	if (fd < 0 || fsync(fd) != 0) {
		rc = as_fail(e, AS_EIO, "%s: fsync: %s", folder, strerror(errno));
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	free(folder);
	return rc;
}

static int write_all(int fd, const char *path, const char *p, size_t n, struct as_err *e)
{
	while (n > 0) {
		const ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR) {
			return as_fail(e, AS_EIO, "%s: write: %s", path, strerror(errno));
		}
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	if (fsync(fd) != 0) {
		return as_fail(e, AS_EIO, "%s: fsync: %s", path, strerror(errno));
	}
	return AS_OK;
}

int io_write_file(const char *path, const void *data, size_t n, unsigned mode, struct as_err *e)
{
	struct as_buf beside = { 0 };
	int rc;
	int fd;

	as_buf_printf(&beside, "%s.tmp-%ld", path, (long)getpid());
	(void)unlink(beside.data);
	fd = open(beside.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0) {
		rc = as_fail(e, AS_ECREATE, "%s: %s", beside.data, strerror(errno));
		as_buf_free(&beside);
		return rc;
	}
	rc = write_all(fd, beside.data, data, n, e);
	(void)close(fd);
	if (rc == AS_OK && rename(beside.data, path) != 0) {
		rc = as_fail(e, AS_ECREATE, "%s: %s", path, strerror(errno));
	}
	if (rc == AS_OK) {
		rc = sync_folder(path, e);
	} else {
		(void)unlink(beside.data);
	}
	as_buf_free(&beside);
	return rc;
}

int io_make_dirs(const char *path, unsigned mode, struct as_err *e)
{
	char *p = as_strdup(path);
	struct stat s;
	int rc = AS_OK;

	for (char *at = p + 1; rc == AS_OK && *p != '\0'; at++) {
		const char end = *at;

		if (end != '/' && end != '\0') {
			continue;
		}
		*at = '\0';
		if (mkdir(p, mode) != 0 && errno != EEXIST) {
			rc = as_fail(e, AS_ECREATE, "%s: %s", p, strerror(errno));
		}
		*at = end;
		if (end == '\0') {
			break;
		}
	}
	if (rc == AS_OK && (stat(path, &s) != 0 || !S_ISDIR(s.st_mode))) {
		rc = as_fail(e, AS_ECREATE, "%s: not a folder", path);
	}
	free(p);
	return rc;
}

void io_path_beside(const char *base, const char *file, struct as_buf *out)
{
	const char *slash = strrchr(base, '/');

	if (file[0] != '/' && slash != NULL) {
		as_buf_put(out, base, (size_t)(slash + 1 - base));
	}
	as_buf_puts(out, file);
}
