/* SPDX-License-Identifier: Apache-2.0
 * assay_plugin.h - the whole contract between assay and an encoder plugin.
 *
 * A plugin is one shared object that exports one constant, assay_plugin_entry. assay-worker loads
 * it in a process of its own; `assay train --plugin` loads it to train on its features. This
 * header includes nothing of assay's; a plugin needs no other file to build.
 *
 * Growth rule: struct assay_plugin and assay_host grow only at the end, and each append raises
 * ASSAY_ABI_MINOR; neither side reads beyond the other's size. Items, places and features travel in
 * arrays, so their layout is fixed until ASSAY_ABI_MAJOR. So is the order of everything.
 *
 * Threads: [main] never concurrent with anything on this plugin;
 *          [work] one thread at a time per encoder, different encoders in parallel;
 *          [any] whenever. */
#ifndef ASSAY_PLUGIN_H
#define ASSAY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define ASSAY_ABI_MAJOR 1U
#define ASSAY_ABI_MINOR 0U

enum assay_result {
	ASSAY_DONE = 0,
	ASSAY_BAD_CONFIG = 1, /* create() only */
	ASSAY_BROKEN = 2,     /* the host destroys the encoder and creates a new one */
};

enum assay_level { ASSAY_DEBUG, ASSAY_INFO, ASSAY_WARN, ASSAY_ERROR };

/* Lent by the host; valid from create() until destroy() returns. */
struct assay_host {
	uint32_t size; /* sizeof(struct assay_host) as the host was built */
	uint32_t abi_minor;
	void *ctx;
	/* Value of a key, or NULL: "model" is the path of the model file that the encoder serves
	 * (absent when features are made for training), every other key is as in the encoder's
	 * section of assayd.ini. [main] */
	const char *(*config)(void *ctx, const char *key);
	/* msg is one line without a newline; id is stable and upper-case, e.g. "ENC-OOV". [any] */
	void (*log)(void *ctx, enum assay_level level, const char *id, const char *msg);
	/* Optional to call, once an item, from within encode(): the bytes are decoded, what follows
	 * is encoding. Only divides the time that a judgment reports. [work] */
	void (*decoded)(void *ctx);
};

/* One page of a part. The host owns it; valid until encode() returns. */
struct assay_item {
	const void *data;
	size_t size;      /* bytes */
	const char *type; /* media type as submitted, e.g. "image/png" */
	const char *part; /* the part's name in the task, e.g. "scan" */
	uint32_t page;    /* from 0 */
};

/* The place in the item that a feature row came from, for explanations.
 *   text:  bytes [a, b) of the part as submitted
 *   image: x, y, w, h in pixels of the file, after its EXIF rotation
 *   table: row, column from 0, the header not counted */
struct assay_place {
	uint32_t page;
	uint32_t a, b, c, d;
	char label[44]; /* what a person reads: the words, "row / column"; UTF-8, NUL-terminated */
};

/* Where the features of one item go: row-major [rows, dim], float32. The host owns v and place. */
struct assay_features {
	float *v;                  /* room for rows_max * dim */
	struct assay_place *place; /* room for rows_max */
	uint32_t dim;
	uint32_t rows_max;
	uint32_t rows;     /* set by the plugin; 0 = this item is refused, the next ones are not */
	const char *limit; /* when rows is 0: the limit that was broken ("pixels"), or NULL */
	/* When rows is 0: what is wrong; plugin's memory, valid until the next call. */
	const char *why;
};

struct assay_encoder; /* the plugin's own state */

struct assay_plugin {
	uint32_t abi_major;
	uint32_t abi_minor;
	uint32_t size;        /* sizeof(struct assay_plugin) as the plugin was built */
	const char *modality; /* "text", "image", "table" or a name of its own, [a-z0-9._-]{1,40} */
	const char *name;     /* which encoder this is, e.g. "text" */
	const char *version;  /* the plugin's own: other features, other version */

	/* On failure writes a reason to why[why_len] and leaves *out NULL. [main] */
	int (*create)(const struct assay_host *host, struct assay_encoder **out, char *why,
		      size_t why_len);
	/* Accepts NULL. [main] */
	void (*destroy)(struct assay_encoder *enc);
	/* Output shape per item; constant for the life of enc. [main] */
	void (*shape)(const struct assay_encoder *enc, uint32_t *dim, uint32_t *rows_max);
	/* Encodes items[0..n) into out[0..n). ASSAY_DONE unless the encoder itself is BROKEN.
	 * [work] */
	int (*encode)(struct assay_encoder *enc, const struct assay_item *items,
		      struct assay_features *out, uint32_t n);
};

/* The one symbol a plugin exports. */
__attribute__((visibility("default"))) extern const struct assay_plugin assay_plugin_entry;

#endif
