/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/pruned.h"

#include "core/nn/gnorm.h"

#include <math.h>
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

/* n bits, four a hexadecimal digit, the first the lowest. */
static int parse_bits(bool *bit, const char *text, size_t n, const char *what, struct as_err *e)
{
	if (strlen(text) != (n + 3) / 4 || strspn(text, hex) != strlen(text)) {
		return as_fail(e, AS_EFORMAT, "%s: want %zu hexadecimal digits", what, (n + 3) / 4);
	}
	for (size_t i = 0; i < n; i++) {
		const size_t digit = (size_t)(strchr(hex, text[i / 4]) - hex);

		bit[i] = (digit >> i % 4 & 1U) != 0;
	}
	return AS_OK;
}

static void write_bits(struct io_jw *w, const char *key, const bool *bit, size_t n)
{
	struct as_buf text = { 0 };

	for (size_t i = 0; i < n; i += 4) {
		size_t digit = 0;

		for (size_t k = 0; k < 4 && i + k < n; k++) {
			digit |= (size_t)bit[i + k] << k;
		}
		as_buf_put(&text, hex + digit, 1);
	}
	io_jw_str(w, key, text.data);
	as_buf_free(&text);
}

static int parse_buckets(struct io_pruned *p, const struct json_t *doc, size_t buckets,
			 struct as_err *e)
{
	const char *text = io_json_find_str(doc, "buckets", NULL);
	uint32_t kept = 0;
	bool *own;
	int rc;

	if (text == NULL) {
		return AS_OK;
	}
	own = as_calloc(buckets, sizeof *own);
	TRY(parse_bits(own, text, buckets, "buckets", e));
	for (size_t i = 0; i < buckets; i++) {
		kept += own[i];
	}
	p->row = as_malloc(buckets * sizeof *p->row);
	p->rows = (size_t)kept + 1;
	for (size_t i = buckets; i-- > 0;) {
		kept -= own[i];
		p->row[i] = own[i] ? kept : (uint32_t)p->rows - 1;
	}
out:
	free(own);
	return rc;
}

static int parse_texture(struct io_pruned *p, const struct json_t *doc, size_t numbers,
			 struct as_err *e)
{
	const char *text = io_json_find_str(doc, "texture", NULL);
	bool *read;
	int rc;

	if (text == NULL) {
		return AS_OK;
	}
	read = as_calloc(numbers + 1, sizeof *read);
	TRY(parse_bits(read, text, numbers, "texture", e));
	p->number = as_calloc(numbers + 1, sizeof *p->number);
	p->numbers = 0;
	for (size_t i = 0; i < numbers; i++) {
		if (read[i]) {
			p->number[p->numbers++] = (uint32_t)i;
		}
	}
	rc = p->numbers > 0 ? AS_OK : as_fail(e, AS_EFORMAT, "texture: no number is read");
out:
	free(read);
	return rc;
}

static int parse_channels(struct io_pruned *p, const struct json_t *doc, struct as_err *e)
{
	const struct json_t *list = io_json_find(doc, "channels");

	if (list == NULL) {
		return AS_OK;
	}
	if (!io_json_is_arr(list) || io_json_len(list) != IO_STAGES) {
		return as_fail(e, AS_EFORMAT, "channels: want an array of %d", IO_STAGES);
	}
	for (size_t i = 0; i < IO_STAGES; i++) {
		const double n = io_json_num(io_json_at(list, i), 0);

		if (!(n >= NN_GROUPS && n <= (double)p->channels[i]) || fmod(n, NN_GROUPS) != 0) {
			return as_fail(e, AS_EFORMAT,
				       "channels: stage %zu: want a multiple of %d up to %zu", i,
				       NN_GROUPS, p->channels[i]);
		}
		p->channels[i] = (size_t)n;
	}
	return AS_OK;
}

int io_pruned_parse(struct io_pruned *p, const struct json_t *statistics, const char *modality,
		    const struct io_whole *whole, struct as_err *e)
{
	const struct json_t *doc = io_json_find(io_json_find(statistics, "pruned"), modality);
	const struct io_hyper *h = whole->hyper;
	int rc = AS_OK;

	*p = (struct io_pruned){ .rows = h->text_buckets, .numbers = whole->numbers };
	for (size_t i = 0; i < IO_STAGES; i++) {
		p->channels[i] = (size_t)h->image_channels << i;
	}
	if (doc == NULL) {
		return AS_OK;
	}
	TRY(parse_blocks(p, doc, h, whole->blocks, e));
	TRY(parse_buckets(p, doc, h->text_buckets, e));
	TRY(parse_channels(p, doc, e));
	TRY(parse_texture(p, doc, whole->numbers, e));
out:
	return rc == AS_OK ? rc : as_wrap(e, "statistics: pruned: %s", modality);
}

void io_pruned_free(struct io_pruned *p)
{
	free(p->size);
	free(p->row);
	free(p->number);
	*p = (struct io_pruned){ 0 };
}

void io_pruned_write(struct io_jw *w, const char *modality, const struct io_left *left)
{
	io_jw_obj(w, modality);
	io_jw_arr(w, "blocks");
	for (size_t i = 0; i < left->blocks; i++) {
		io_jw_obj(w, NULL);
		io_jw_u64(w, "heads", left->size[i].heads);
		io_jw_u64(w, "hidden", left->size[i].hidden);
		io_jw_end_obj(w);
	}
	io_jw_end_arr(w);
	if (left->bucket != NULL) {
		write_bits(w, "buckets", left->bucket, left->buckets);
	}
	if (left->channels != NULL) {
		io_jw_arr(w, "channels");
		for (size_t i = 0; i < IO_STAGES; i++) {
			io_jw_u64(w, NULL, left->channels[i]);
		}
		io_jw_end_arr(w);
	}
	if (left->number != NULL) {
		write_bits(w, "texture", left->number, left->numbers);
	}
	io_jw_end_obj(w);
}
