/* SPDX-License-Identifier: Apache-2.0
 * null.c - the smallest complete plugin: the template to copy.
 *
 * One row a page, the share of each value of the high half of a byte, so that pages differ and
 * the same page is always the same. It needs no model; "null.scale" multiplies the shares. */
#include "plugins/assay_plugin.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIM = 16, ROWS_MAX = 1 };

struct assay_encoder {
	float scale;
};

static int create(const struct assay_host *host, struct assay_encoder **out, char *why,
		  size_t why_len)
{
	const char *scale = host->config(host->ctx, "null.scale");

	*out = calloc(1, sizeof **out);
	if (*out == NULL) {
		(void)snprintf(why, why_len, "out of memory");
		return ASSAY_BROKEN;
	}
	(*out)->scale = scale ? strtof(scale, NULL) : 1.0F;
	if (!((*out)->scale > 0.0F && (*out)->scale < 1e6F)) {
		(void)snprintf(why, why_len, "null.scale = %s: want a number above 0", scale);
		free(*out);
		*out = NULL;
		return ASSAY_BAD_CONFIG;
	}
	return ASSAY_DONE;
}

static void destroy(struct assay_encoder *enc)
{
	free(enc);
}

static void shape(const struct assay_encoder *enc, uint32_t *dim, uint32_t *rows_max)
{
	(void)enc;
	*dim = DIM;
	*rows_max = ROWS_MAX;
}

static void encode_page(const struct assay_encoder *enc, const struct assay_item *item,
			struct assay_features *out)
{
	const unsigned char *data = item->data;
	size_t count[DIM] = { 0 };

	if (item->size == 0) {
		out->rows = 0;
		out->limit = "bytes";
		out->why = "an empty page";
		return;
	}
	for (size_t i = 0; i < item->size; i++) {
		count[data[i] >> 4]++;
	}
	for (size_t j = 0; j < DIM; j++) {
		out->v[j] = enc->scale * (float)((double)count[j] / (double)item->size);
	}
	out->rows = 1;
	out->place[0] = (struct assay_place){ .page = item->page, .b = (uint32_t)item->size };
	(void)snprintf(out->place[0].label, sizeof out->place[0].label, "%zu bytes", item->size);
}

static int encode(struct assay_encoder *enc, const struct assay_item *items,
		  struct assay_features *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		encode_page(enc, &items[i], &out[i]);
	}
	return ASSAY_DONE;
}

const struct assay_plugin assay_plugin_entry = {
	.abi_major = ASSAY_ABI_MAJOR,
	.abi_minor = ASSAY_ABI_MINOR,
	.size = sizeof(struct assay_plugin),
	.modality = "null",
	.name = "null",
	.version = "1",
	.create = create,
	.destroy = destroy,
	.shape = shape,
	.encode = encode,
};
