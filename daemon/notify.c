/* SPDX-License-Identifier: Apache-2.0
 * notify.c - what the service manager is told (sd_notify(3), by its socket): when cases are taken,
 * and again and again that all threads get on with what they have. A daemon whose journal or
 * fusion stands still says nothing, and is killed and started anew. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say(struct dm_daemon *d, const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const size_t n = d->notify.path != NULL ? strlen(d->notify.path) : 0;
	int fd;

	if (n == 0 || n >= sizeof to.sun_path) {
		return;
	}
	memcpy(to.sun_path, d->notify.path, n);
	if (to.sun_path[0] == '@') {
		to.sun_path[0] = '\0'; /* of the abstract ones */
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0) {
		as_log(&d->log, AS_DEBUG, "NOTIFY", "socket=%s cannot be reached", d->notify.path);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
}

/* Whether every stream takes cases. */
static bool all_open(const struct dm_daemon *d)
{
	for (const struct dm_stream *s = d->streams; s != NULL; s = s->next) {
		if (s->model != NULL && !s->open) {
			return false;
		}
	}
	return true;
}

void dm_notify_reload(struct dm_daemon *d, bool begins)
{
	say(d, begins ? "RELOADING=1" : "READY=1");
}

void dm_notify_stopping(struct dm_daemon *d)
{
	say(d, "STOPPING=1");
}

/* A thread that has nothing moves; one that has something moves when it gives something back. */
static int64_t note(int64_t *moved, size_t inside, bool gave, int64_t now)
{
	if (inside == 0 || gave || *moved == 0) {
		*moved = now;
	}
	return now - *moved;
}

void dm_notify(struct dm_daemon *d, int64_t now)
{
	struct dm_notify *n = &d->notify;
	int64_t still = note(&n->journal, d->journal.inside, n->journal_gave, now);

	n->journal_gave = false;
	for (size_t i = 0; i < d->fuse.threads; i++) {
		const int64_t t = note(&n->fusion[i], d->fuse.thread[i].inside,
				       (n->fusion_gave & (UINT64_C(1) << i)) != 0, now);

		still = t > still ? t : still;
	}
	n->fusion_gave = 0;
	if (!n->ready && all_open(d)) {
		n->ready = true;
		say(d, "READY=1\nSTATUS=takes cases");
	}
	if (n->watchdog == 0) {
		return;
	}
	if (still < n->watchdog) {
		say(d, "WATCHDOG=1");
	} else if (!n->told) {
		n->told = true;
		as_log(&d->log, AS_ERROR, "STILL", "a thread has not moved for %lld ms",
		       (long long)(still / 1000000));
	}
}
