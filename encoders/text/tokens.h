/* SPDX-License-Identifier: Apache-2.0
 * tokens.h - bytes to tokens: words with their hashed ids, and the places of the rows. */
#ifndef ENC_TEXT_TOKENS_H
#define ENC_TEXT_TOKENS_H

#include "core/nn/embed.h"
#include "core/text/words.h"
#include "encoders/kind.h"

enum { ENC_TEXT_BYTES_MAX = 4 << 20 };

struct enc_tokens {
	struct tx_words words;
	uint32_t none[2];    /* the bag of a text without words */
	struct nn_bags bags; /* one bag a token, n > 0; borrows from words or none */
};

/* Limits of one text. */
struct enc_text_most {
	size_t words, bytes;
};

/* Fills in with tokens as its data; free with enc_tokens_free whatever the result. buckets: rows
 * of the hashed table. */
int enc_tokens_read(struct enc_input *in, const void *data, size_t size, uint32_t buckets,
		    struct enc_text_most most, struct as_err *e) AS_CHECKED;
void enc_tokens_free(struct enc_input *in);

#endif
