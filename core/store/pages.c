/* SPDX-License-Identifier: Apache-2.0
 * pages.c - a checksum on each page of the journal's file.
 *
 * SQLite leaves the last bytes of its pages alone where it is told to. This layer between it and
 * the system's files fills them when a page is written and compares them when one is read: a page
 * that is not what was written is an error (SQLITE_IOERR_DATA), never a row. The WAL has checksums
 * of its own. A journal that was made without them stays so. */
#include "core/base/buf.h"
#include "core/store/db.h"

#include <assert.h>
#include <string.h>

enum {
	HEADER = 100,   /* bytes of page 1 that are read alone */
	RESERVED = 20,  /* where they say how many bytes are left alone */
	PAGE_MIN = 512, /* bytes */
	PAGE_MAX = 65536,
};

static const char name[] = "assay";

/* An open file; the system's follows it. */
struct file {
	sqlite3_file base;
	bool paged;   /* it is a database, not its WAL */
	bool checked; /* its pages have sums */
};

static sqlite3_file *real(sqlite3_file *f)
{
	return (sqlite3_file *)((struct file *)f + 1);
}

static sqlite3_vfs *under(sqlite3_vfs *v)
{
	return v->pAppData;
}

/* Two sums over 32-bit words, each of the other's: no change of a few bits leaves both as they
 * were (Fletcher, "An arithmetic checksum for serial transmissions", 1982). */
static uint64_t sum_of(const void *data, size_t n)
{
	const char *at = data;
	uint32_t a = 1;
	uint32_t b = 0;

	for (size_t i = 0; i + sizeof a <= n; i += sizeof a) {
		uint32_t word;

		memcpy(&word, at + i, sizeof word);
		a += word;
		b += a;
	}
	return (uint64_t)b << 32 | a;
}

static void look_at_header(struct file *f, const void *data, int n, sqlite3_int64 at)
{
	if (f->paged && at == 0) {
		assert(n >= HEADER);
		f->checked = ((const unsigned char *)data)[RESERVED] == ST_SUM;
	}
}

static int file_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int file_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at)
{
	struct file *f = (struct file *)file;
	const int rc = real(file)->pMethods->xRead(real(file), data, n, at);
	uint64_t sum;

	if (rc != SQLITE_OK) {
		return rc;
	}
	look_at_header(f, data, n, at);
	/* What is shorter is a piece of the header: pages are read whole. */
	if (!f->checked || n < PAGE_MIN) {
		return SQLITE_OK;
	}
	memcpy(&sum, (const char *)data + n - ST_SUM, sizeof sum);
	return sum == sum_of(data, (size_t)n - ST_SUM) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int file_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	struct file *f = (struct file *)file;
	char page[PAGE_MAX];
	uint64_t sum;

	look_at_header(f, data, n, at);
	if (!f->checked) {
		return real(file)->pMethods->xWrite(real(file), data, n, at);
	}
	assert(n >= PAGE_MIN && n <= PAGE_MAX && at % n == 0); /* written, they are whole */
	memcpy(page, data, (size_t)n);
	sum = sum_of(page, (size_t)n - ST_SUM);
	memcpy(page + n - ST_SUM, &sum, sizeof sum);
	return real(file)->pMethods->xWrite(real(file), page, n, at);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return real(f)->pMethods->xTruncate(real(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
	return real(f)->pMethods->xSync(real(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int file_lock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xLock(real(f), lock);
}

static int file_unlock(sqlite3_file *f, int lock)
{
	return real(f)->pMethods->xUnlock(real(f), lock);
}

static int file_is_locked(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int file_traits(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

/* Version 1: no shared memory, which the exclusive lock makes needless, and no mapping. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_is_locked,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
};

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *file, int flags, int *out)
{
	struct file *f = (struct file *)file;
	int rc;

	*f = (struct file){ .paged = (flags & SQLITE_OPEN_MAIN_DB) != 0 };
	rc = under(v)->xOpen(under(v), path, real(file), flags, out);
	f->base.pMethods = real(file)->pMethods != NULL ? &methods : NULL;
	return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int sync)
{
	return under(v)->xDelete(under(v), path, sync);
}

static int vfs_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
	return under(v)->xAccess(under(v), path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *v, const char *path, int n, char *out)
{
	return under(v)->xFullPathname(under(v), path, n, out);
}

const char *st_pages(void)
{
	sqlite3_vfs *v = sqlite3_vfs_find(name);
	sqlite3_vfs *below = sqlite3_vfs_find(NULL);

	if (v == NULL && below != NULL) {
		v = as_malloc(sizeof *v); /* SQLite's from now on */
		*v = *below;
		v->pAppData = below;
		v->pNext = NULL;
		v->zName = name;
		v->szOsFile = (int)sizeof(struct file) + below->szOsFile;
		v->xOpen = vfs_open;
		v->xDelete = vfs_delete;
		v->xAccess = vfs_access;
		v->xFullPathname = vfs_full_path;
		(void)sqlite3_vfs_register(v, 0); /* fails only where there is none below */
	}
	return name;
}
