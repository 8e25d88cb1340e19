/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/signals.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* A thread that blocks nothing gets the signal, as a library's may. */
static void *open_thread(void *arg)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	(void)pthread_kill(pthread_self(), SIGTERM);
	return arg;
}

Test(as_signals, one_given_to_a_thread_that_blocks_nothing_waits_for_the_first)
{
	const int caught[] = { SIGINT, SIGTERM };
	const struct timespec none = { 0 };
	struct as_err e = { 0 };
	sigset_t set;
	pthread_t t;

	ok(as_signals_hold(caught, 2, &set, &e));
	cr_assert(eq(int, sigtimedwait(&set, NULL, &none), -1));
	cr_assert(zero(int, pthread_create(&t, NULL, open_thread, NULL)));
	cr_assert(zero(int, pthread_join(t, NULL)));
	cr_assert(eq(int, sigtimedwait(&set, NULL, &none), SIGTERM));
	cr_assert(zero(int, kill(getpid(), SIGINT)));
	cr_assert(eq(int, sigtimedwait(&set, NULL, &none), SIGINT));
}
