/* SPDX-License-Identifier: Apache-2.0
 * frozen.h - features of parts that no built-in encoder is trained for: from a plugin, or read from
 * files `<case>.<part>.safetensors` (tensor v [rows, dim], F32; metadata may name modality, name
 * and version of the encoder). */
#ifndef TR_FROZEN_H
#define TR_FROZEN_H

#include "fusion/judge.h"
#include "plugins/host.h"

#include <stdbool.h>

/* What the command line says. */
struct tr_origin {
	const char *plugin;   /* path of a plugin or NULL: encodes the parts of its modality */
	const char *features; /* folder or NULL: parts of modalities without built-in encoder */
	bool unused[IO_PARTS_MAX]; /* parts that no case will have */
};

struct tr_frozen {
	bool part[IO_PARTS_MAX];               /* which parts are frozen */
	struct fu_source source[IO_PARTS_MAX]; /* of frozen parts; dim 0 until known */
	const char *features;                  /* borrowed */
	struct pl_plugin plugin;
	struct pl_encoder encoder;
	struct as_log log;
};

/* The features of one page. */
struct tr_rows {
	uint32_t rows, dim;
	float *v;                  /* [rows, dim] */
	struct assay_place *place; /* [rows] */
};

/* AS_EUSAGE where a part has neither a built-in encoder, nor a plugin, nor features. want: what the
 * model was trained with (features of any other are refused), or NULL: what comes first. */
int tr_frozen_open(struct tr_frozen *f, const struct io_task *task, const struct tr_origin *o,
		   const struct fu_source *want, struct as_err *e) AS_CHECKED;
void tr_frozen_close(struct tr_frozen *f);

/* One thread at a time. limit: as in assay_features. Free v and place of rows with tr_rows_free. */
int tr_frozen_encode(struct tr_frozen *f, const struct io_task *task, const char *id,
		     const struct assay_item *item, size_t part, struct tr_rows *rows,
		     const char **limit, struct as_err *e) AS_CHECKED;
void tr_rows_free(struct tr_rows *rows);

#endif
