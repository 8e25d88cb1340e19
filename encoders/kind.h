/* SPDX-License-Identifier: Apache-2.0
 * kind.h - what a built-in encoder is: one constant a modality. Training, judging in process and
 * the plugin (encoders/plugin.c, compiled into each .so) all work through it, so that a part
 * gives the same features wherever it is encoded.
 *
 * An encoder reads one page into an input (prepare: bytes checked and decoded, no weights), then
 * maps the input to rows of features (fwd). bwd is fwd's adjoint. */
#ifndef ENC_KIND_H
#define ENC_KIND_H

#include "core/io/json.h"
#include "core/io/task.h"
#include "core/nn/param.h"
#include "core/nn/step.h"
#include "plugins/assay_plugin.h"

enum { ENC_ROWS_MAX = 64 }; /* rows that one page hands on */

/* One page, read. */
struct enc_input {
	size_t rows;               /* 1 .. ENC_ROWS_MAX */
	struct assay_place *place; /* [rows]; page is filled in from the item */
	void *data;                /* the encoder's own: tokens, pixels, cells */
	const char *limit;         /* when prepare fails on a limit: its name, static; else NULL */
	uint64_t replaced;         /* bytes that were not UTF-8 */
};

/* A limit of what prepare takes, that whoever runs the encoder may set: "image.pixels" of an
 * [encoder.NAME] section is limit "pixels" of the kind "image". */
struct enc_limit {
	const char *name;
	uint64_t usual, max; /* where nothing is set; what may be set, from 1 */
};

struct enc_kind {
	const char *modality;
	const char *name;
	const char *version;
	const struct enc_limit *limit; /* [limits] */
	size_t limits;
	/* Limit i is `most` from now on; before the first prepare. */
	void (*set_limit)(void *enc, size_t i, uint64_t most);

	/* Registers the weights in ps under "text.", "image.", "table." and returns the encoder.
	 * statistics is the model's "statistics" metadata or NULL. */
	int (*open)(void **enc, struct nn_params *ps, const struct io_task *task,
		    const struct json_t *statistics, struct as_err *e);
	void (*close)(void *enc); /* accepts NULL */

	/* AS_EFORMAT says what is wrong with the bytes and sets in->limit where it is a limit.
	 * Thread-safe on one encoder. Free the input with input_free also after a failure. */
	int (*prepare)(const void *enc, const struct assay_item *item, struct enc_input *in,
		       struct as_err *e);
	void (*input_free)(struct enc_input *in);

	/* rows [in->rows, width] is overwritten. *act is what bwd needs, carved from s->mem.
	 * With s->rng set the input is augmented. */
	void (*fwd)(const void *enc, const struct nn_step *s, const struct enc_input *in,
		    float *rows, void **act);
	/* Adds to s->g. */
	void (*bwd)(const void *enc, const struct nn_step *s, const struct enc_input *in,
		    const float *drows, void *act);
	/* Takes what fwd wants of training inputs [n] and no step learns into the weights p; NULL:
	 * there is no such thing. */
	void (*settle)(const void *enc, const struct enc_input *const *in, size_t n, float *p);

	/* Pretraining only. guess_open registers, after open, what guess needs under "guess.*". */
	void (*guess_open)(void *enc, struct nn_params *ps);
	/* After a fwd with s->hide: says from the features of the hidden rows what they held.
	 * Returns weight * the mean error, 1 for who knows nothing, 0 where nothing was hidden, and
	 * adds its gradient to drows and s->g unless s->g is NULL. */
	double (*guess)(const void *enc, const struct nn_step *s, const struct enc_input *in,
			const float *rows, const void *act, double weight, float *drows);
};

#endif
