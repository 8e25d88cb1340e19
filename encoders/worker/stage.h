/* SPDX-License-Identifier: Apache-2.0
 * stage.h - a worker: takes jobs from a daemon's work socket, encodes them with one plugin and
 * pushes the features. The protocol is in docs/protocol.md; any program that speaks it is one.
 *
 * One thread. A model's encoder is made when the daemon names the model and kept by its digest. */
#ifndef ENC_STAGE_H
#define ENC_STAGE_H

#include "core/base/log.h"
#include "core/bus/bus.h"
#include "encoders/worker/sandbox.h"
#include "plugins/host.h"

struct enc_stage_options {
	const char *work;     /* the daemon's work socket */
	const char *models;   /* folder of <sha256>.safetensors; NULL: the daemon's path */
	const char *features; /* where its features go; NULL: MODEL says so. Given, nothing is
			       * connected later and a lost connection ends the worker */
	const struct bus_curve *curve; /* keys for both sockets; NULL: in the clear */
	const char *token; /* which of the daemon's own workers this is; NULL: none of them */
	struct enc_sandbox *sandbox; /* started, sealed before READY; NULL: none */
	uint32_t cpu_s; /* CPU time of one job, at most; then SIGXCPU ends the worker */
	const struct pl_setting *setting; /* of the encoder's section */
	size_t settings;                  /* at most ENC_SETTINGS_MAX */
	const struct as_log *log;
};

enum { ENC_SETTINGS_MAX = 32, ENC_CREDIT = 32 };

/* Works until the daemon says STOP (AS_OK) or the bus closes. AS_EIO: a plugin that stays broken.
 * A daemon that is not there yet, or goes away, is waited for, unless `features` is given:
 * AS_EUNAVAIL. */
int enc_stage_run(struct bus *bus, const struct pl_plugin *plugin,
		  const struct enc_stage_options *o, struct as_err *e) AS_CHECKED;

#endif
