/* SPDX-License-Identifier: Apache-2.0
 * err.h - one error value, filled at the point of failure, wrapped on the way up. */
#ifndef AS_ERR_H
#define AS_ERR_H

enum as_code {
	AS_OK = 0,
	AS_ENOMEM = -1,
	AS_EIO = -2,      /* the system refused: errno is in the message */
	AS_EFORMAT = -3,  /* bytes from outside do not parse, or break a limit */
	AS_ESHAPE = -4,   /* tensors or model sizes that do not fit together */
	AS_ECONFIG = -5,  /* a settings or task file is wrong */
	AS_ECLOSED = -6,  /* asked to stop */
	AS_ENOINPUT = -7, /* a named file does not exist or cannot be opened */
	AS_EUSAGE = -8,   /* wrong command line */
	AS_EUNAVAIL = -9, /* the other side is not there or does not answer */
	AS_ECREATE = -10, /* an output file cannot be made */
	AS_EPROTO = -11,  /* a message breaks the wire protocol */
	AS_EPERM = -12,   /* not allowed */
	AS_EAGAIN = -13,  /* busy: try again later */
	AS_EDAMAGE = -14, /* what we wrote ourselves is there no more as we wrote it */
	AS_EFULL = -15,   /* no room on the disk, or no descriptor; nothing was done */
};

struct as_err {
	int code;
	int line;
	const char *file;
	char msg[512];
};

#define AS_CHECKED           __attribute__((warn_unused_result))
#define AS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Fills e with the message and returns code. */
int as_fail_at(struct as_err *e, const char *file, int line, int code, const char *fmt, ...)
    AS_PRINTF(5, 6);

/* Puts "what: " in front of the message already in e; returns e->code. */
int as_wrap(struct as_err *e, const char *fmt, ...) AS_PRINTF(2, 3);

/* The exit code of sysexits(3) that a code ends a program with; 0 for AS_OK. */
int as_exit_code(int code);

#define as_fail(e, code, ...) as_fail_at((e), __FILE__, __LINE__, (code), __VA_ARGS__)

/* The only macro in the tree that hides control flow. Needs `int rc` and `out:`. */
#define TRY(expr)                  \
	do {                       \
		rc = (expr);       \
		if (rc != AS_OK) { \
			goto out;  \
		}                  \
	} while (0)

#endif
