/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/text/tokens.h"

#include "core/base/buf.h"
#include "core/text/utf8.h"
#include "encoders/chunks.h"
#include "encoders/label.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CLEANED = 64 }; /* bytes that more than fill a label: none of them is dropped */

static bool is_blank(const unsigned char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] != ' ' && (s[i] < '\t' || s[i] > '\r')) {
			return false;
		}
	}
	return true;
}

/* The text's bytes [a, b), as they read. */
static void put_label(struct assay_place *p, const char *text)
{
	const size_t size = p->b - p->a;
	struct as_buf line = { 0 };

	(void)tx_utf8_clean(text + p->a, size < CLEANED ? size : CLEANED, true, &line);
	enc_label_put(p, line.data, line.len);
	as_buf_free(&line);
}

static void put_places(struct enc_input *in, const struct enc_tokens *t, const char *text,
		       size_t size)
{
	const struct tx_words *w = &t->words;

	in->rows = enc_chunk_rows(t->bags.n);
	in->place = as_calloc(in->rows, sizeof *in->place);
	for (size_t r = 0; r < in->rows; r++) {
		struct assay_place *p = &in->place[r];

		p->b = (uint32_t)size;
		if (w->n > 0) {
			p->a = w->word[enc_chunk_first(w->n, r)].a;
			p->b = w->word[enc_chunk_first(w->n, r + 1) - 1].b;
		}
		put_label(p, text);
	}
}

int enc_tokens_read(struct enc_input *in, const void *data, size_t size, uint32_t buckets,
		    struct enc_text_most most, struct as_err *e)
{
	struct enc_tokens *t = as_calloc(1, sizeof *t);
	int rc;

	*in = (struct enc_input){ .data = t };
	if (is_blank(data, size)) {
		in->limit = "text_empty";
		return as_fail(e, AS_EFORMAT,
			       "text_empty: the text is empty (%zu bytes, all blank)", size);
	}
	if (size > most.bytes) {
		in->limit = "text_bytes";
		return as_fail(e, AS_EFORMAT, "text_bytes: the text has %zu bytes, %zu at most",
			       size, most.bytes);
	}
	rc = tx_words_read(&t->words, data, size, buckets, most.words, e);
	if (rc != AS_OK) {
		in->limit = "text_words";
		return as_wrap(e, "text_words");
	}
	t->bags = (struct nn_bags){ 1, t->none, NULL };
	if (t->words.n > 0) {
		t->bags = (struct nn_bags){ t->words.n, t->words.start, t->words.ids };
	}
	in->replaced = t->words.replaced;
	put_places(in, t, data, size);
	return AS_OK;
}

void enc_tokens_free(struct enc_input *in)
{
	struct enc_tokens *t = in->data;

	if (t != NULL) {
		tx_words_free(&t->words);
	}
	free(t);
	free(in->place);
	*in = (struct enc_input){ 0 };
}
