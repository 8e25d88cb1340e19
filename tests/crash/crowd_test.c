/* SPDX-License-Identifier: Apache-2.0
 * crowd_test.c - more strangers at an address than the daemon may have descriptors. */
#include "core/base/clock.h"
#include "tests/crash/life.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(crash_crowd, .timeout = 120);

enum { DESCRIPTORS = 128, STRANGERS = 300, CASES = 12 };

#define LIMIT "/usr/bin/prlimit", "--nofile=128:128"

/* The daemon behind these words, with one case judged. */
static void begin(struct life *l, const char *const *wrap, size_t n)
{
	life_init(l, "crowd",
		  "work = tcp://127.0.0.1:*\nfeatures = tcp://127.0.0.1:*\ninsecure = true");
	memcpy(l->wrap, wrap, n);
	life_start(l);
	life_submit(l, "first", LIFE_SPOOLED);
	life_wait(l, 1);
}

/* Where workers of other machines connect, which the log warns of. */
static struct sockaddr_in address_of(struct life *l)
{
	static const char mark[] = "socket=work endpoint=tcp://127.0.0.1:";
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	cr_assert(proc_says(&l->daemon, mark, LIFE_MS), "%s", l->daemon.err.data);
	to.sin_port =
	    htons((uint16_t)strtoul(strstr(l->daemon.err.data, mark) + strlen(mark), NULL, 10));
	return to;
}

/* Connects and says nothing, until the daemon has no descriptor left. */
static void crowd(struct life *l, int fd[STRANGERS])
{
	const struct sockaddr_in to = address_of(l);
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;

	for (int i = 0; i < STRANGERS; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		cr_assert(fd[i] >= 0);
		(void)connect(fd[i], (const struct sockaddr *)&to, sizeof to);
	}
	while (life_descriptors(l) < DESCRIPTORS) {
		cr_assert(lt(i64, as_mono_ns(), late), "%d descriptors", life_descriptors(l));
		(void)life_is(l, "ready");
	}
}

static void leave(const int fd[STRANGERS])
{
	for (int i = 0; i < STRANGERS; i++) {
		(void)close(fd[i]);
	}
}

/* Every case has a page that becomes a file, and is judged while there is no descriptor. */
Test(crash_crowd, attack_06_connections_do_not_take_the_journals_descriptors)
{
	const char *const wrap[] = { LIMIT, NULL };
	int fd[STRANGERS];
	struct life l;
	char id[16];

	begin(&l, wrap, sizeof wrap);
	crowd(&l, fd);
	for (int i = 0; i < CASES; i++) {
		(void)snprintf(id, sizeof id, "c%d", i);
		same(life_try(&l, id, LIFE_SPOOLED), "ACCEPTED");
		ledger_accepted(&l.ledger, id);
	}
	life_wait(&l, 1 + CASES);
	cr_assert(eq(int, life_descriptors(&l), DESCRIPTORS), "the crowd has gone");
	leave(fd);
	life_audit(&l);
	cr_assert(zero(int, l.ended));
	life_free(&l);
}

/* A system that gives no thread a table of its own: nothing is accepted, until the crowd goes. */
Test(crash_crowd, attack_06_without_a_table_of_its_own_the_daemon_waits_for_one)
{
	const char *const wrap[] = { LIFE_STRACE("trace=unshare", "inject=unshare:error=EPERM"),
				     LIMIT, NULL };
	int fd[STRANGERS];
	struct life l;

	begin(&l, wrap, sizeof wrap);
	crowd(&l, fd);
	same(life_try(&l, "second", LIFE_SPOOLED), "UNAVAILABLE");
	cr_assert(life_is(&l, "disk_full"));
	cr_assert(proc_says(&l.daemon, "Too many open files", LIFE_MS), "%s", l.daemon.err.data);
	same(life_try(&l, "third", 10), "UNAVAILABLE");
	leave(fd);
	life_submit(&l, "second", LIFE_SPOOLED);
	life_submit(&l, "third", 10);
	life_wait(&l, 3);
	cr_assert(zero(int, l.ended), "%s", l.daemon.err.data);
	life_audit(&l);
	life_free(&l);
}
