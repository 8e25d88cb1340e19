/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "encoders/text/model.h"
#include "encoders/text/text.h"
#include "encoders/text/tokens.h"

#include <stdlib.h>

const char enc_text_kind_name[] = "text";
const char enc_text_kind_version[] = "1";

struct text {
	struct enc_text_model model;
	struct io_pruned pruned;
	uint32_t buckets; /* of words */
	struct enc_text_most most;
};

static void text_close(void *enc)
{
	struct text *t = enc;

	if (t != NULL) {
		enc_text_model_free(&t->model);
		io_pruned_free(&t->pruned);
	}
	free(t);
}

static int text_open(void **enc, struct nn_params *ps, const struct io_task *task,
		     const struct json_t *statistics, struct as_err *e)
{
	const struct io_hyper *h = &task->hyper;
	struct text *t;
	int rc;

	*enc = NULL;
	if (h->width % 2 != 0) {
		return as_fail(e, AS_ECONFIG, "width = %u: the text encoder wants an even width",
			       h->width);
	}
	t = as_calloc(1, sizeof *t);
	t->most = (struct enc_text_most){ h->text_words, ENC_TEXT_BYTES_MAX };
	t->buckets = h->text_buckets;
	rc = io_pruned_parse(&t->pruned, statistics, "text",
			     &(struct io_whole){ .hyper = h, .blocks = h->text_blocks }, e);
	if (rc != AS_OK) {
		text_close(t);
		return rc;
	}
	enc_text_model_init(&t->model, ps, h, &t->pruned);
	*enc = t;
	return AS_OK;
}

static const struct enc_limit text_limits[] = {
	{ "bytes", ENC_TEXT_BYTES_MAX, 64 << 20 },
};

static void text_set_limit(void *enc, size_t i, uint64_t most)
{
	struct text *t = enc;

	(void)i; /* there is one */
	t->most.bytes = most;
}

static int text_prepare(const void *enc, const struct assay_item *item, struct enc_input *in,
			struct as_err *e)
{
	const struct text *t = enc;
	const int rc = enc_tokens_read(in, item->data, item->size, t->buckets, t->most, e);

	for (size_t r = 0; rc == AS_OK && r < in->rows; r++) {
		in->place[r].page = item->page;
	}
	return rc;
}

static void text_fwd(const void *enc, const struct nn_step *s, const struct enc_input *in,
		     float *rows, void **act)
{
	const struct text *t = enc;
	const struct enc_tokens *tokens = in->data;
	struct enc_text_act *a;

	enc_text_model_fwd(&t->model, s, &tokens->bags, rows, &a);
	*act = a;
}

static void text_bwd(const void *enc, const struct nn_step *s, const struct enc_input *in,
		     const float *drows, void *act)
{
	const struct text *t = enc;
	const struct enc_tokens *tokens = in->data;

	enc_text_model_bwd(&t->model, s, &tokens->bags, drows, act);
}

static void text_guess_open(void *enc, struct nn_params *ps)
{
	struct text *t = enc;

	enc_text_model_guess_open(&t->model, ps);
}

static double text_guess(const void *enc, const struct nn_step *s, const struct enc_input *in,
			 const float *rows, const void *act, double weight, float *drows)
{
	const struct text *t = enc;
	const struct enc_tokens *tokens = in->data;

	return enc_text_model_guess(&t->model, s, &tokens->bags, rows, act, weight, drows);
}

const struct enc_kind enc_text_kind = {
	.modality = "text",
	.name = enc_text_kind_name,
	.version = enc_text_kind_version,
	.limit = text_limits,
	.limits = sizeof text_limits / sizeof *text_limits,
	.set_limit = text_set_limit,
	.open = text_open,
	.close = text_close,
	.prepare = text_prepare,
	.input_free = enc_tokens_free,
	.fwd = text_fwd,
	.bwd = text_bwd,
	.guess_open = text_guess_open,
	.guess = text_guess,
};
