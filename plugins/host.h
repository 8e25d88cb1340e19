/* SPDX-License-Identifier: Apache-2.0
 * host.h - loads an encoder plugin and encodes with it: what assay-worker and
 * `assay train --plugin` stand on. Nothing of a plugin is trusted that can be checked. */
#ifndef PL_HOST_H
#define PL_HOST_H

#include "core/base/err.h"
#include "core/base/log.h"
#include "plugins/assay_plugin.h"

#include <stddef.h>
#include <stdint.h>

struct pl_plugin {
	void *dso; /* never closed before exit: libraries leave threads and destructors in it */
	const struct assay_plugin *entry;
};

/* Whether this host can work with the entry. AS_EFORMAT names path, field and both versions. */
int pl_check(const struct assay_plugin *entry, const char *path, struct as_err *e) AS_CHECKED;
/* AS_ENOINPUT: not there or not loadable. AS_EFORMAT: no plugin of ours. path has a slash in it,
 * else the system's library folders are searched. */
int pl_load(struct pl_plugin *p, const char *path, struct as_err *e) AS_CHECKED;

/* What a plugin reads through host->config. */
struct pl_setting {
	const char *key, *value;
};

/* One encoder made by a plugin, with room for the features of one page. */
struct pl_encoder {
	const struct assay_plugin *entry;
	struct assay_encoder *state; /* the plugin's own */
	struct assay_host host;
	const struct pl_setting *setting; /* borrowed, as is log, until close */
	size_t settings;
	const struct as_log *log;
	uint32_t dim, rows_max;
	float *v;                  /* [rows_max, dim] */
	struct assay_place *place; /* [rows_max] */
	int64_t started, decoded;  /* monotonic ns of the page in hand; decoded 0: not said */
};

/* c must not move until it is closed (the plugin holds its address). setting holds "model" where
 * the encoder serves one. AS_ECONFIG: the plugin refused, with its reason. AS_ESHAPE: its shape is
 * out of bounds. */
int pl_encoder_open(struct pl_encoder *c, const struct pl_plugin *p,
		    const struct pl_setting *setting, size_t settings, const struct as_log *log,
		    struct as_err *e) AS_CHECKED;
void pl_encoder_close(struct pl_encoder *c); /* accepts a zeroed one */

/* How the time of a page was spent, in milliseconds. */
struct pl_spent {
	double decode, encode; /* decode 0: the plugin does not tell them apart */
};
struct pl_spent pl_encoder_spent(const struct pl_encoder *c);

/* Encodes one page. out->v and out->place are c's, valid until the next call.
 * AS_EFORMAT: the page is refused; e->msg says why, out->limit names the limit or is NULL.
 * AS_EIO: the encoder is broken; close it and open another.
 * AS_ESHAPE: it broke the contract (too many rows, NaN or infinity); refuse the page. */
int pl_encode(struct pl_encoder *c, const struct assay_item *item, struct assay_features *out,
	      struct as_err *e) AS_CHECKED;

#endif
