/* SPDX-License-Identifier: Apache-2.0
 * mark.c - STATE/journal.mark: how many commits there have been.
 *
 * A WAL that is cut, or has a changed byte, looks like one whose last commits never were: SQLite
 * takes what stands before it. The count, which each commit raises in the journal too, is written
 * to a mapped page after the commit: it may be late, but it never tells of a commit that was not
 * synced. A journal with fewer has lost what was acknowledged. */
#include "core/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARK_MODE = 0600, MARK_SIZE = 4096 };

/* Two by turns: one that a kill cut short leaves the other. */
struct st_mark {
	struct {
		char journal[ST_JOURNAL_SIZE - 1];
		uint64_t commits, sum;
	} slot[2];
};

/* So that nobody takes for a count what is none. */
static uint64_t sum_of(const char *journal, uint64_t commits)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ commits; /* FNV-1a */

	for (size_t i = 0; i < ST_JOURNAL_SIZE - 1; i++) {
		h = (h ^ (unsigned char)journal[i]) * UINT64_C(1099511628211);
	}
	return h;
}

/* The highest count of the slots that are whole; *other: one is of another journal. */
static uint64_t read_count(const struct st_store *s, bool *other)
{
	uint64_t most = 0;

	*other = false;
	for (int i = 0; i < 2; i++) {
		const char *journal = s->mark->slot[i].journal;
		const uint64_t n = s->mark->slot[i].commits;

		if (s->mark->slot[i].sum != sum_of(journal, n)) {
			continue;
		}
		*other = *other || memcmp(journal, s->journal, ST_JOURNAL_SIZE - 1) != 0;
		most = n > most ? n : most;
	}
	return most;
}

/* One that cannot be read is not taken for one that is not there: what it knows would be lost. */
static int make_file(int fd)
{
	static const char empty[MARK_SIZE];
	char there;
	const ssize_t n = pread(fd, &there, 1, MARK_SIZE - 1);

	if (n != 0) {
		return n > 0 ? 0 : -1;
	}
	return pwrite(fd, empty, sizeof empty, 0) == (ssize_t)sizeof empty ? 0 : -1;
}

int st_mark_check(const char *db, const char *mark, struct as_err *e)
{
	struct stat st;
	const bool empty = stat(db, &st) != 0 || st.st_size == 0;

	return empty && stat(mark, &st) == 0 && st.st_size > 0
		   ? as_fail(e, AS_EDAMAGE, "%s has nothing in it, and %s is of a journal", db,
			     mark)
		   : AS_OK;
}

int st_mark_open(struct st_store *s, const char *path, struct as_err *e)
{
	const int fd =
	    open(path, s->look ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, MARK_MODE);
	uint64_t seen;
	bool other;
	void *at = MAP_FAILED;

	if (fd < 0 && s->look && errno == ENOENT) {
		return AS_OK;
	}
	if (fd >= 0 && (s->look || make_file(fd) == 0)) {
		at = mmap(NULL, MARK_SIZE, s->look ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	if (at == MAP_FAILED) {
		return as_fail(e, errno == ENOSPC ? AS_EFULL : AS_EIO, "%s: %s", path,
			       strerror(errno));
	}
	s->mark = at;
	seen = read_count(s, &other);
	if (other) {
		return as_fail(e, AS_EDAMAGE, "%s is of another journal than journal.db", path);
	}
	if (seen > s->commits) {
		return as_fail(e, AS_EDAMAGE,
			       "journal.db has %" PRIu64 " commits of %" PRIu64
			       " that were made: it, or its WAL, was cut or changed",
			       s->commits, seen);
	}
	return AS_OK;
}

void st_mark_put(struct st_store *s)
{
	const int i = (int)(s->commits & 1);

	if (!s->look) {
		memcpy(s->mark->slot[i].journal, s->journal, ST_JOURNAL_SIZE - 1);
		s->mark->slot[i].commits = s->commits;
		s->mark->slot[i].sum = sum_of(s->journal, s->commits);
	}
}

void st_mark_close(struct st_store *s)
{
	if (s->mark != NULL) {
		(void)munmap(s->mark, MARK_SIZE);
		s->mark = NULL;
	}
}
