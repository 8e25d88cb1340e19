/* SPDX-License-Identifier: Apache-2.0
 * sandbox.h - what a worker gives up before it reads a byte of a case.
 *
 *   no_new_privs   no program that it could start gains rights; no capabilities are left
 *   landlock       files: system libraries and the models' folder may be read, nothing be written;
 *                  where the kernel can, no TCP, no abstract sockets, no signals to others
 *   rlimits        address space: what it has and `memory`; no file grows, no core, few descriptors
 *   seccomp        the system calls of a worker that has its connections; any other ends it with
 *                  SIGSYS (no new process, program, socket of another kind, or executable memory)
 *
 * Landlock holds for the thread that asks and those it makes later: enc_sandbox_start comes before
 * the first thread, enc_sandbox_seal after the warm-up and the connections. */
#ifndef ENC_SANDBOX_H
#define ENC_SANDBOX_H

#include "core/base/log.h"

#include <stdbool.h>
#include <stdint.h>

enum enc_sandbox_mode { ENC_SANDBOX_OFF, ENC_SANDBOX_BEST_EFFORT, ENC_SANDBOX_REQUIRE };

enum { ENC_LAYERS_SIZE = 128 };

struct enc_sandbox {
	enum enc_sandbox_mode mode;
	const char *models;           /* folder that may be read; NULL: none */
	int family;                   /* of sockets it may still make; AF_UNSPEC: none */
	uint64_t memory;              /* address space over what the warm worker has (bytes) */
	const struct as_log *log;     /* told of layers that are missing */
	char layers[ENC_LAYERS_SIZE]; /* active ones, as "no_new_privs,landlock:2"; "" : none */
	int size;                     /* /proc/self/statm, opened before it is out of reach */
};

/* "off", "best-effort" or "require"; else AS_EUSAGE. */
int enc_sandbox_parse(const char *text, enum enc_sandbox_mode *mode, struct as_err *e) AS_CHECKED;
/* AS_EUNAVAIL: a layer is missing and required. */
int enc_sandbox_start(struct enc_sandbox *s, struct as_err *e) AS_CHECKED;
int enc_sandbox_seal(struct enc_sandbox *s, struct as_err *e) AS_CHECKED;

#endif
