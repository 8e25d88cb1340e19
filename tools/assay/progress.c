/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/progress.h"
#include "core/base/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void on_begin(void *ctx, const char *what, size_t run, size_t runs)
{
	struct cmd_progress *p = ctx;

	p->what = what;
	p->run = run;
	p->runs = runs;
}

/* Runs that are still to come take as long as this one would, at most. */
static double seconds_left(const struct cmd_progress *p, const struct tr_epoch *ep)
{
	const double each = ep->seconds / (double)ep->epoch;
	const double after = p->run < p->runs && p->runs > 1 ? (double)(p->runs - p->run) : 0;

	return each * ((double)(ep->epochs - ep->epoch) + after * (double)ep->epochs);
}

static void on_epoch(void *ctx, const struct tr_epoch *ep)
{
	struct cmd_progress *p = ctx;
	const double left = seconds_left(p, ep);

	fprintf(stderr, "%s%s", p->tty ? "\r" : "", p->what);
	if (p->run < p->runs && p->runs > 1) {
		fprintf(stderr, " %zu/%zu", p->run + 1, p->runs);
	}
	fprintf(stderr, "  epoch %zu/%zu  loss %.4f", ep->epoch, ep->epochs, ep->loss);
	if (ep->stop_loss == ep->stop_loss) { /* not NAN: there is a stop set */
		fprintf(stderr, "  stop %.4f", ep->stop_loss);
	}
	if (ep->metric == ep->metric) {
		fprintf(stderr, "  %s %.3f", p->metric, ep->metric);
	}
	fprintf(stderr, "  %d:%02d left%s", (int)(left / 60), (int)left % 60,
		p->tty ? "\033[K" : "\n");
	if (p->tty && ep->epoch == ep->epochs) {
		fprintf(stderr, "\n");
	}
}

static void on_note(void *ctx, const char *text)
{
	const struct cmd_progress *p = ctx;

	if (p->run == 0) { /* the other runs' are the same */
		fprintf(stderr, "%sassay %s: %s\n", p->tty ? "\n" : "", p->command, text);
	}
}

/* Whether Ctrl-C came: the signals are blocked and wait to be fetched. */
static bool on_stop(void *ctx)
{
	struct cmd_progress *p = ctx;
	const struct timespec now = { 0 };

	if (!p->stopped && sigtimedwait(&p->signals, NULL, &now) > 0) {
		p->stopped = true;
		fprintf(stderr, "%sassay %s: interrupted, keeping the best so far\n",
			p->tty ? "\n" : "", p->command);
	}
	return p->stopped;
}

int cmd_progress_init(struct cmd_progress *p, struct as_err *e)
{
	const int caught[] = { SIGINT, SIGTERM };

	p->tty = isatty(STDERR_FILENO) == 1;
	return as_signals_hold(caught, sizeof caught / sizeof *caught, &p->signals, e);
}

struct tr_watch cmd_watch_of(struct cmd_progress *p)
{
	return (struct tr_watch){ p, on_begin, on_epoch, on_stop, on_note };
}

void cmd_progress_end(const struct cmd_progress *p)
{
	if (p->tty) {
		fprintf(stderr, "\n");
	}
}

int cmd_progress_whole(bool interrupted, const char *out, struct as_err *e)
{
	return interrupted
		   ? as_fail(e, AS_ECLOSED,
			     "%s is the best so far; the same command with --resume goes on", out)
		   : AS_OK;
}

int cmd_check_out(const char *path, struct as_err *e)
{
	struct as_buf folder = { 0 };
	const char *slash = strrchr(path, '/');
	int rc = AS_OK;

	if (slash == NULL) {
		as_buf_puts(&folder, ".");
	} else {
		as_buf_put(&folder, path, (size_t)(slash - path) + 1);
	}
	if (access(folder.data, W_OK | X_OK) != 0) {
		rc = as_fail(e, AS_ECREATE, "cannot write %s: %s: %s", path, folder.data,
			     strerror(errno));
	}
	as_buf_free(&folder);
	return rc;
}
