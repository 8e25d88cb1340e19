/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "encoders/image/image.h"
#include "encoders/image/model.h"
#include "encoders/image/pixels.h"
#include "encoders/image/scatter.h"

#include <stdlib.h>

const char enc_image_kind_name[] = "image";
const char enc_image_kind_version[] = "3";

struct image {
	struct enc_image_model model;
	struct io_pruned pruned;
	struct enc_picture want;
};

static void image_close(void *enc)
{
	struct image *m = enc;

	if (m != NULL) {
		enc_image_model_free(&m->model);
		io_pruned_free(&m->pruned);
	}
	free(m);
}

static int image_open(void **enc, struct nn_params *ps, const struct io_task *task,
		      const struct json_t *statistics, struct as_err *e)
{
	const struct io_hyper *h = &task->hyper;
	struct image *m;
	int rc;

	*enc = NULL;
	if (h->width % 4 != 0) {
		return as_fail(e, AS_ECONFIG, "width = %u: the image encoder wants a multiple of 4",
			       h->width);
	}
	if (h->image_cells == 0 && h->image_texture == 0) {
		return as_fail(e, AS_ECONFIG,
			       "image_cells = 0, image_texture = 0: nothing is left of a picture");
	}
	if (h->image_cells == 0 && h->image_views > 1) {
		return as_fail(
		    e, AS_ECONFIG,
		    "image_views = %u: with image_cells = 0 there are no cells to see again",
		    h->image_views);
	}
	rc = enc_pixels_init(e);
	if (rc != AS_OK) {
		return rc;
	}
	m = as_calloc(1, sizeof *m);
	rc = io_pruned_parse(
	    &m->pruned, statistics, "image",
	    &(struct io_whole){ .hyper = h,
				.blocks = h->image_blocks,
				.numbers = h->image_texture == 1 ? ENC_SCATTER_N : 0 },
	    e);
	if (rc != AS_OK) {
		image_close(m);
		return rc;
	}
	enc_image_model_init(&m->model, ps, h, &m->pruned);
	m->want = (struct enc_picture){ .size = h->image_size,
					.channels = m->model.channels,
					.pad = h->image_pad == 1 };
	*enc = m;
	return AS_OK;
}

static void image_input_free(struct enc_input *in)
{
	if (in->data != NULL) {
		enc_pixels_free(in->data);
	}
	free(in->data);
	free(in->place);
	*in = (struct enc_input){ 0 };
}

/* A row's place is what of the file its cell of tokens shows; none where that is only padding, and
 * none of the texture, which is of the whole. */
static void put_places(const struct enc_image_model *m, const struct enc_pixels *px, uint32_t page,
		       struct enc_input *in)
{
	const size_t cell = m->factor * ENC_STEM_STRIDE;

	in->rows = enc_image_model_rows(m);
	in->place = as_calloc(in->rows, sizeof *in->place);
	for (size_t r = 0; r < m->side * m->side; r++) {
		const size_t x = r % m->side * cell;
		const size_t y = r / m->side * cell;

		in->place[r].page = page;
		(void)enc_pixels_box(px, x, y, x + cell, y + cell, &in->place[r]);
	}
	in->place[in->rows - 1].page = page;
}

static void read_texture(const struct enc_image_model *m, struct enc_pixels *px)
{
	float *scratch = as_malloc(enc_scatter_scratch(m->size) * sizeof *scratch);

	px->texture = as_malloc(ENC_SCATTER_N * sizeof *px->texture);
	enc_scatter(px->v, m->size, m->channels, scratch, px->texture);
	free(scratch);
}

enum { SIDE, PIXELS, PAGES };

static const struct enc_limit image_limits[] = {
	[SIDE] = { "side", ENC_IMAGE_SIDE_MAX, 100000 },
	[PIXELS] = { "pixels", ENC_IMAGE_PIXELS_MAX, 1000000000 },
	[PAGES] = { "pages", ENC_IMAGE_PAGES_MAX, 100000 },
};

static void image_set_limit(void *enc, size_t i, uint64_t most)
{
	struct image *m = enc;
	uint64_t *const to[] = { &m->want.side_max, &m->want.pixels_max, &m->want.pages_max };

	*to[i] = most;
}

static int image_prepare(const void *enc, const struct assay_item *item, struct enc_input *in,
			 struct as_err *e)
{
	const struct image *m = enc;
	struct enc_pixels *px = as_calloc(1, sizeof *px);
	int rc;

	*in = (struct enc_input){ .data = px };
	rc = enc_pixels_read(px, &m->want, item->data, item->size, &in->limit, e);
	if (rc == AS_OK) {
		put_places(&m->model, px, item->page, in);
		if (m->model.textured) {
			read_texture(&m->model, px);
		}
	}
	return rc;
}

static void image_fwd(const void *enc, const struct nn_step *s, const struct enc_input *in,
		      float *rows, void **act)
{
	const struct image *m = enc;
	struct enc_image_act *a;

	enc_image_model_fwd(&m->model, s, in->data, rows, &a);
	*act = a;
}

static void image_bwd(const void *enc, const struct nn_step *s, const struct enc_input *in,
		      const float *drows, void *act)
{
	const struct image *m = enc;

	(void)in;
	enc_image_model_bwd(&m->model, s, drows, act);
}

static void image_settle(const void *enc, const struct enc_input *const *in, size_t n, float *p)
{
	const struct image *m = enc;
	const float **texture;

	if (!m->model.textured) {
		return;
	}
	texture = as_malloc(n * sizeof *texture);
	for (size_t i = 0; i < n; i++) {
		texture[i] = ((const struct enc_pixels *)in[i]->data)->texture;
	}
	enc_texture_settle(&m->model.texture, texture, n, p);
	free(texture);
}

static void image_guess_open(void *enc, struct nn_params *ps)
{
	struct image *m = enc;

	enc_image_model_guess_open(&m->model, ps);
}

static double image_guess(const void *enc, const struct nn_step *s, const struct enc_input *in,
			  const float *rows, const void *act, double weight, float *drows)
{
	const struct image *m = enc;

	(void)in;
	return enc_image_model_guess(&m->model, s, rows, act, weight, drows);
}

const struct enc_kind enc_image_kind = {
	.modality = "image",
	.name = enc_image_kind_name,
	.version = enc_image_kind_version,
	.limit = image_limits,
	.limits = sizeof image_limits / sizeof *image_limits,
	.set_limit = image_set_limit,
	.open = image_open,
	.close = image_close,
	.prepare = image_prepare,
	.input_free = image_input_free,
	.fwd = image_fwd,
	.bwd = image_bwd,
	.settle = image_settle,
	.guess_open = image_guess_open,
	.guess = image_guess,
};
