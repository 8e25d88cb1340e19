/* SPDX-License-Identifier: Apache-2.0
 * wicked.c - the null plugin, but what a page begins with is done to it: "kill" ends the daemon,
 * "hang" never ends, "bomb" takes memory until there is none, "nan" gives features that are no
 * numbers, "many" gives more rows than it may. */
#include <assay_plugin.h>

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 16, ROWS_MAX = 4 };

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
	*dim = DIM;
	*rows_max = ROWS_MAX;
}

static int begins(const struct assay_item *item, const char *with)
{
	return item->size > strlen(with) && memcmp(item->data, with, strlen(with)) == 0;
}

static void wait_for_ever(void)
{
	for (;;) {
		(void)poll(NULL, 0, 1000);
	}
}

static void encode_page(const struct assay_item *item, struct assay_features *out)
{
	for (int i = 0; i < DIM; i++) {
		out->v[i] = begins(item, "nan") ? NAN : (float)(item->size % 7);
	}
	out->rows = begins(item, "many") ? ROWS_MAX + 1 : 1;
	memset(out->place, 0, sizeof *out->place);
	if (begins(item, "kill")) {
		(void)poll(NULL, 0, 300); /* until its case is accepted for sure */
		(void)kill(getppid(), SIGKILL);
		wait_for_ever();
	} else if (begins(item, "hang")) {
		wait_for_ever();
	} else if (begins(item, "bomb")) {
		while (malloc((size_t)16 << 20) != NULL) {
		}
		abort();
	}
}

static int encode(struct assay_encoder *enc, const struct assay_item *items,
		  struct assay_features *out, uint32_t n)
{
	(void)enc;
	for (uint32_t i = 0; i < n; i++) {
		encode_page(&items[i], &out[i]);
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
