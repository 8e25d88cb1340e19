/* SPDX-License-Identifier: Apache-2.0
 * words.h - bytes to words, and words to rows of a hashed table.
 *
 * Text is read as UTF-8 (invalid bytes are U+FFFD, see utf8.h), case-folded and composed (NFC).
 * A word is a run of letters, marks and digits. A character of a script that is written without
 * spaces (Han, kana, Thai, Lao, Khmer, Myanmar, Tibetan and their kin) is a word of its own, with
 * the marks that follow it; neighbours are joined by the n-grams of tx_words.ids: the bag of such a
 * word also holds the pair it makes with the next one. Everything else separates words and is
 * dropped. Time is linear in the size on any input. Any thread. */
#ifndef TX_WORDS_H
#define TX_WORDS_H

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
	TX_GRAM_BYTES = 64, /* bytes of a folded word that n-grams are taken from */
	TX_IDS_MAX = 512,   /* ids of one word at most */
};

struct tx_word {
	uint32_t a, b;     /* bytes [a, b) of the text as submitted */
	uint32_t at, size; /* the folded word in tx_words.folded */
};

struct tx_words {
	struct tx_word *word; /* [n] */
	size_t n;
	uint32_t *start;   /* [n + 1] word i has ids[start[i] .. start[i + 1]), as struct nn_bags */
	uint32_t *ids;     /* each below buckets; NULL and start all 0 where buckets is 0 */
	char *folded;      /* the folded words one after another, each followed by a NUL */
	uint64_t replaced; /* bytes that were not UTF-8 */
};

/* The words of size bytes (less than 4 GiB) and their ids in a table of buckets rows (0: no ids).
 * AS_EFORMAT starting with "words:" where there are more than words_max; w->n is 0 for a text
 * without words. Free with tx_words_free whatever the result. */
int tx_words_read(struct tx_words *w, const void *data, size_t size, uint32_t buckets,
		  size_t words_max, struct as_err *e) AS_CHECKED;
void tx_words_free(struct tx_words *w); /* accepts a zeroed struct, zeroes it */

/* Ids of one folded word: the word itself and its n-grams of 3 to 5 bytes of "<word>", two hashes
 * each, all below buckets. salt keeps uses of one table apart (0 for text; a column's hash for its
 * cells). Writes at most ids_max (TX_IDS_MAX is always enough) and returns how many. */
size_t tx_hash_word(const char *folded, size_t n, uint64_t salt, uint32_t buckets, uint32_t *ids,
		    size_t ids_max);

#endif
