/* SPDX-License-Identifier: Apache-2.0
 * What the service manager hears. */
#include "tests/daemon/hall.h"

#include <sys/socket.h>
#include <sys/un.h>

TestSuite(daemon_notify, .timeout = 120);

/* The manager's end, bound in this test's folder. */
static int listen_here(char path[108])
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = HALL_MS / 1000 };

	(void)snprintf(path, 108, "%s", tmpdir_path("notify"));
	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)));
	return fd;
}

/* The next thing said begins with want. */
static void hears(int fd, const char *want)
{
	char text[256] = "";
	const ssize_t n = recv(fd, text, sizeof text - 1, 0);

	cr_assert(n > 0, "nothing, want %s", want);
	cr_assert(zero(int, strncmp(text, want, strlen(want))), "%s, want %s", text, want);
}

static void start(struct hall *h, const char *path, int64_t watchdog_ms)
{
	struct as_err e = { 0 };

	*h = (struct hall){ .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	h->d.self = "/nonexistent/assayd";
	h->d.notify.path = path;
	h->d.notify.watchdog = watchdog_ms * 1000000;
	ok(io_config_load(&h->d.config, hall_settings("grace_ms = 0", hall_model("m", 1)), &e));
	ok(dm_start(&h->d, &e));
	ok(bus_open(&h->bus, &e));
}

static void run(struct hall *h)
{
	cr_assert(zero(int, pthread_create(&h->thread, NULL, hall_run, h)));
	h->control = hall_connect(h, BUS_DEALER, "control");
}

/* WATCHDOG=1 may stand between. */
static void hears_after_dogs(int fd, const char *want)
{
	char text[256];
	ssize_t n;

	do {
		n = recv(fd, text, sizeof text - 1, 0);
		cr_assert(lt(i64, 0, (int64_t)n));
		text[n] = '\0';
	} while (strncmp(text, "WATCHDOG=1", 10) == 0);
	cr_assert(zero(int, strncmp(text, want, strlen(want))), "%s, want %s", text, want);
}

Test(daemon_notify, ready_reload_and_stop_are_said_and_the_dog_is_fed)
{
	struct hall h;
	char path[108];
	const int fd = listen_here(path);

	start(&h, path, 30000);
	run(&h);
	hears_after_dogs(fd, "READY=1");
	hears(fd, "WATCHDOG=1");
	hears(fd, "WATCHDOG=1");
	same(hall_ask(&h, h.control, "RELOAD", "{}"), "OK");
	hears_after_dogs(fd, "RELOADING=1");
	hears_after_dogs(fd, "READY=1");
	same(hall_ask(&h, h.control, "DRAIN", "{}"), "OK");
	hears_after_dogs(fd, "STOPPING=1");
	hall_join(&h);
	(void)close(fd);
}

/* A case that a fusion thread was given never comes back. */
Test(daemon_notify, dog_is_not_fed_while_a_thread_stands_still)
{
	const struct timeval patience = { .tv_sec = 3 };
	struct hall h;
	char path[108];
	char text[256];
	const int fd = listen_here(path);
	ssize_t n;
	int fed = 0;

	start(&h, path, 1500);
	h.d.fuse.thread[0].inside++;
	run(&h);
	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)));
	while ((n = recv(fd, text, sizeof text, 0)) > 0) {
		fed += memcmp(text, "WATCHDOG=1", 10) == 0;
	}
	cr_assert(lt(int, fed, 4)); /* until it had stood still for a second and a half */
	same(hall_ask(&h, h.control, "DRAIN", "{}"), "OK");
	hall_join(&h);
	(void)close(fd);
}
