/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int as_fail_at(struct as_err *e, const char *file, int line, int code, const char *fmt, ...)
{
	va_list args;

	e->code = code;
	e->file = file;
	e->line = line;
	va_start(args, fmt);
	(void)vsnprintf(e->msg, sizeof e->msg, fmt, args);
	va_end(args);
	return code;
}

int as_wrap(struct as_err *e, const char *fmt, ...)
{
	char inner[sizeof e->msg];
	va_list args;
	size_t n;

	memcpy(inner, e->msg, sizeof inner);
	va_start(args, fmt);
	(void)vsnprintf(e->msg, sizeof e->msg, fmt, args);
	va_end(args);
	n = strlen(e->msg);
	(void)snprintf(e->msg + n, sizeof e->msg - n, ": %s", inner);
	return e->code;
}

/* What a shell says of a program that SIGINT ended. */
enum { EXIT_INTERRUPTED = 130 };

int as_exit_code(int code)
{
	switch (code) {
	case AS_OK:
		return EX_OK;
	case AS_EUSAGE:
		return EX_USAGE;
	case AS_EFORMAT:
	case AS_ESHAPE:
	case AS_EDAMAGE:
		return EX_DATAERR;
	case AS_ENOINPUT:
		return EX_NOINPUT;
	case AS_EUNAVAIL:
		return EX_UNAVAILABLE;
	case AS_ECREATE:
		return EX_CANTCREAT;
	case AS_EIO:
	case AS_EFULL:
		return EX_IOERR;
	case AS_EAGAIN:
		return EX_TEMPFAIL;
	case AS_EPROTO:
		return EX_PROTOCOL;
	case AS_EPERM:
		return EX_NOPERM;
	case AS_ECONFIG:
		return EX_CONFIG;
	case AS_ECLOSED:
		return EXIT_INTERRUPTED;
	default:
		return EX_SOFTWARE;
	}
}
