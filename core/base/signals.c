/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/signals.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The first thread has the process's number. */
static void pass_on(int sig)
{
	(void)tgkill(getpid(), getpid(), sig);
}

int as_signals_hold(const int *sig, size_t n, sigset_t *set, struct as_err *e)
{
	const struct sigaction pass = { .sa_handler = pass_on };

	(void)sigemptyset(set);
	for (size_t i = 0; i < n; i++) {
		(void)sigaddset(set, sig[i]);
		(void)sigaction(sig[i], &pass, NULL);
	}
	errno = pthread_sigmask(SIG_BLOCK, set, NULL);
	return errno == 0 ? AS_OK : as_fail(e, AS_EIO, "cannot block signals: %s", strerror(errno));
}
