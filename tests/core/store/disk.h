/* SPDX-License-Identifier: Apache-2.0
 * disk.h - the files below SQLite, whose calls fail with those of fault.h. It is SQLite's default
 * from disk_use on: the journal's layer of page sums is put on it. */
#ifndef TESTS_STORE_DISK_H
#define TESTS_STORE_DISK_H

#include "tests/support/check.h"
#include "tests/support/fault.h"

#include <sqlite3.h>

struct disk_file {
	sqlite3_file base;
	/* The system's follows. */
};

static inline sqlite3_file *disk_real(sqlite3_file *f)
{
	return (sqlite3_file *)((struct disk_file *)f + 1);
}

/* What SQLite is told: FULL where the disk is, else what the call says of itself. */
static inline int disk_code(int otherwise)
{
	return fault.number == ENOSPC ? SQLITE_FULL : otherwise;
}

static int disk_close(sqlite3_file *f)
{
	return disk_real(f)->pMethods->xClose(disk_real(f));
}

static int disk_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return fault.number != EINTR && fault_hits(FAULT_READ)
		   ? SQLITE_IOERR_READ
		   : disk_real(f)->pMethods->xRead(disk_real(f), p, n, at);
}

/* Half of it is there when it fails. */
static int disk_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (fault.number != EINTR && fault_hits(FAULT_WRITE)) {
		(void)disk_real(f)->pMethods->xWrite(disk_real(f), p, n / 2, at);
		return disk_code(SQLITE_IOERR_WRITE);
	}
	return disk_real(f)->pMethods->xWrite(disk_real(f), p, n, at);
}

static int disk_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fault_hits(FAULT_OTHER) ? SQLITE_IOERR_TRUNCATE
				       : disk_real(f)->pMethods->xTruncate(disk_real(f), size);
}

static int disk_sync(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	return fault_hits(FAULT_OTHER) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int disk_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return fault_hits(FAULT_OTHER) ? SQLITE_IOERR_FSTAT
				       : disk_real(f)->pMethods->xFileSize(disk_real(f), size);
}

static int disk_lock(sqlite3_file *f, int lock)
{
	return fault_hits(FAULT_OTHER) ? SQLITE_IOERR_LOCK
				       : disk_real(f)->pMethods->xLock(disk_real(f), lock);
}

static int disk_unlock(sqlite3_file *f, int lock)
{
	return disk_real(f)->pMethods->xUnlock(disk_real(f), lock);
}

static int disk_is_locked(sqlite3_file *f, int *out)
{
	return disk_real(f)->pMethods->xCheckReservedLock(disk_real(f), out);
}

static int disk_control(sqlite3_file *f, int op, void *arg)
{
	return disk_real(f)->pMethods->xFileControl(disk_real(f), op, arg);
}

static int disk_sector(sqlite3_file *f)
{
	return disk_real(f)->pMethods->xSectorSize(disk_real(f));
}

static int disk_traits(sqlite3_file *f)
{
	return disk_real(f)->pMethods->xDeviceCharacteristics(disk_real(f));
}

static const sqlite3_io_methods disk_methods = {
	.iVersion = 1,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_unlock,
	.xCheckReservedLock = disk_is_locked,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector,
	.xDeviceCharacteristics = disk_traits,
};

static inline sqlite3_vfs *disk_under(sqlite3_vfs *v)
{
	return v->pAppData;
}

static int disk_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out)
{
	int rc;

	f->pMethods = NULL;
	if (fault_hits(FAULT_ROOM)) {
		return SQLITE_CANTOPEN;
	}
	rc = disk_under(v)->xOpen(disk_under(v), path, disk_real(f), flags, out);
	f->pMethods = disk_real(f)->pMethods != NULL ? &disk_methods : NULL;
	return rc;
}

static int disk_delete(sqlite3_vfs *v, const char *path, int sync)
{
	(void)sync;
	return fault_hits(FAULT_OTHER) ? SQLITE_IOERR_DELETE
				       : disk_under(v)->xDelete(disk_under(v), path, 0);
}

static int disk_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
	return fault_hits(FAULT_OTHER) ? SQLITE_IOERR_ACCESS
				       : disk_under(v)->xAccess(disk_under(v), path, flags, out);
}

static int disk_full_path(sqlite3_vfs *v, const char *path, int n, char *out)
{
	return disk_under(v)->xFullPathname(disk_under(v), path, n, out);
}

/* SQLite's own allocator, which fails too. */
static inline sqlite3_mem_methods *disk_memory(void)
{
	static sqlite3_mem_methods memory;

	return &memory;
}

static void *disk_malloc(int n)
{
	return fault_hits(FAULT_MEMORY) ? NULL : disk_memory()->xMalloc(n);
}

static void *disk_realloc(void *p, int n)
{
	return fault_hits(FAULT_MEMORY) ? NULL : disk_memory()->xRealloc(p, n);
}

FAULT_WRAP(const unsigned char *, sqlite3_column_text, FAULT_COLUMN, NULL,
	   (sqlite3_stmt * q, int i), (q, i))

/* Before SQLite is started. */
static inline void disk_use_memory(void)
{
	sqlite3_mem_methods failing;

	cr_assert(zero(int, sqlite3_config(SQLITE_CONFIG_GETMALLOC, disk_memory())));
	failing = *disk_memory();
	failing.xMalloc = disk_malloc;
	failing.xRealloc = disk_realloc;
	cr_assert(zero(int, sqlite3_config(SQLITE_CONFIG_MALLOC, &failing)));
	/* Where each call fails, those for small pieces do too, which are otherwise cut from one
	 * that each connection asks for at once. */
	if (FAULT_STEP == 1) {
		cr_assert(zero(int, sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0)));
	}
}

/* Before the first journal is opened. */
static inline void disk_use(void)
{
	static sqlite3_vfs disk;
	sqlite3_vfs *system;

	disk_use_memory();
	system = sqlite3_vfs_find(NULL);
	cr_assert(ne(ptr, system, NULL));
	disk = *system;
	disk.pNext = NULL;
	disk.pAppData = system;
	disk.zName = "disk";
	disk.szOsFile = (int)sizeof(struct disk_file) + system->szOsFile;
	disk.xOpen = disk_open;
	disk.xDelete = disk_delete;
	disk.xAccess = disk_access;
	disk.xFullPathname = disk_full_path;
	cr_assert(zero(int, sqlite3_vfs_register(&disk, 1)));
}

#endif
