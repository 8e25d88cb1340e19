/* SPDX-License-Identifier: Apache-2.0
 * poison.c - a plugin that ends its process on parts that begin with "poison". Of others it makes
 * one row of one feature, the number of bytes. */
#include <assay_plugin.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int create(const struct assay_host *host, struct assay_encoder **out, char *why, size_t n)
{
	(void)host;
	(void)why;
	(void)n;
	*out = malloc(1);
	return ASSAY_DONE;
}

static void destroy(struct assay_encoder *enc)
{
	free(enc);
}

static void shape(const struct assay_encoder *enc, uint32_t *dim, uint32_t *rows_max)
{
	(void)enc;
	*dim = 1;
	*rows_max = 1;
}

static int encode(struct assay_encoder *enc, const struct assay_item *items,
		  struct assay_features *out, uint32_t n)
{
	(void)enc;
	for (uint32_t i = 0; i < n; i++) {
		if (items[i].size >= 6 && memcmp(items[i].data, "poison", 6) == 0) {
			_exit(3);
		}
		out[i].v[0] = (float)items[i].size;
		memset(out[i].place, 0, sizeof *out[i].place);
		out[i].rows = 1;
	}
	return ASSAY_DONE;
}

const struct assay_plugin assay_plugin_entry = {
	.abi_major = ASSAY_ABI_MAJOR,
	.abi_minor = ASSAY_ABI_MINOR,
	.size = sizeof(struct assay_plugin),
	.modality = "poisoned",
	.name = "poison",
	.version = "1",
	.create = create,
	.destroy = destroy,
	.shape = shape,
	.encode = encode,
};
