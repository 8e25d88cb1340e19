/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/pruned.h"

#include <stdlib.h>
#include <string.h>

static const char hex[] = "0123456789abcdef";

static int parse_size(struct nn_block_size *s, const struct json_t *block, const struct io_hyper *h,
		      struct as_err *e)
{
	const uint64_t heads = io_json_find_u64(block, "heads", 0);
	const uint64_t hidden = io_json_find_u64(block, "hidden", 0);

	if (heads < 1 || heads > h->heads) {
		return as_fail(e, AS_EFORMAT, "heads: want 1 to %u", h->heads);
	}
	if (hidden < 1 || hidden > (uint64_t)h->mlp * h->width) {
		return as_fail(e, AS_EFORMAT, "hidden: want 1 to %u", h->mlp * h->width);
	}
	*s = (struct nn_block_size){ (size_t)heads, (size_t)hidden };
	return AS_OK;
}

static int parse_blocks(struct io_pruned *p, const struct json_t *doc, const struct io_hyper *h,
			size_t blocks, struct as_err *e)
{
	const struct json_t *list = io_json_find(doc, "blocks");

	if (!io_json_is_arr(list) || io_json_len(list) != blocks) {
		return as_fail(e, AS_EFORMAT, "blocks: want an array of %zu", blocks);
	}
	p->size = as_calloc(blocks + 1, sizeof *p->size);
	for (size_t i = 0; i < blocks; i++) {
		if (parse_size(&p->size[i], io_json_at(list, i), h, e) != AS_OK) {
			return as_wrap(e, "block %zu", i);
		}
	}
	return AS_OK;
}

static int parse_buckets(struct io_pruned *p, const char *text, size_t buckets, struct as_err *e)
{
	uint32_t kept = 0;

	if (strlen(text) != (buckets + 3) / 4 || strspn(text, hex) != strlen(text)) {
		return as_fail(e, AS_EFORMAT, "buckets: want %zu hexadecimal digits",
			       (buckets + 3) / 4);
	}
	p->row = as_malloc(buckets * sizeof *p->row);
	for (size_t i = 0; i < buckets; i++) {
		const size_t digit = (size_t)(strchr(hex, text[i / 4]) - hex);

		p->row[i] = (digit >> i % 4 & 1U) != 0 ? kept++ : UINT32_MAX;
	}
	for (size_t i = 0; i < buckets; i++) {
		p->row[i] = p->row[i] == UINT32_MAX ? kept : p->row[i];
	}
	p->rows = (size_t)kept + 1;
	return AS_OK;
}

int io_pruned_parse(struct io_pruned *p, const struct json_t *statistics, const char *modality,
		    const struct io_hyper *h, size_t blocks, struct as_err *e)
{
	const struct json_t *doc = io_json_find(io_json_find(statistics, "pruned"), modality);
	const char *buckets = io_json_find_str(doc, "buckets", NULL);
	int rc = AS_OK;

	*p = (struct io_pruned){ .rows = h->text_buckets };
	if (doc == NULL) {
		return AS_OK;
	}
	TRY(parse_blocks(p, doc, h, blocks, e));
	TRY(buckets != NULL ? parse_buckets(p, buckets, h->text_buckets, e) : AS_OK);
out:
	return rc == AS_OK ? rc : as_wrap(e, "statistics: pruned: %s", modality);
}

void io_pruned_free(struct io_pruned *p)
{
	free(p->size);
	free(p->row);
	*p = (struct io_pruned){ 0 };
}

void io_pruned_write(struct io_jw *w, const char *modality, const struct nn_block_size *size,
		     size_t blocks, const bool *keep, size_t buckets)
{
	struct as_buf text = { 0 };

	io_jw_obj(w, modality);
	io_jw_arr(w, "blocks");
	for (size_t i = 0; i < blocks; i++) {
		io_jw_obj(w, NULL);
		io_jw_u64(w, "heads", size[i].heads);
		io_jw_u64(w, "hidden", size[i].hidden);
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
	if (keep != NULL) {
		for (size_t i = 0; i < buckets; i += 4) {
			size_t digit = 0;

			for (size_t k = 0; k < 4 && i + k < buckets; k++) {
				digit |= (size_t)keep[i + k] << k;
			}
			as_buf_put(&text, hex + digit, 1);
		}
		io_jw_str(w, "buckets", text.data);
		as_buf_free(&text);
	}
	io_jw_end_obj(w);
}
