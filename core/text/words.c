/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text/words.h"

#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/text/fold.h"
#include "core/text/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum {
	BYTES_MAX = 512 << 20, /* folding at most triples a text, and places are 32 bits */
	WORDS_FIRST = 64,      /* room at first */
};

enum sort {
	OTHER,  /* separates words */
	LETTER, /* letter or digit: makes runs */
	SINGLE, /* letter of a script without spaces: a word of its own */
	MARK,   /* belongs to the word before it */
	FORMAT, /* invisible: neither separates nor counts */
};

/* Blocks of scripts that are written without spaces, in order. */
static const struct range {
	uint32_t from, to;
} spaceless[] = {
	{ 0x0E00, 0x0FFF },   /* Thai, Lao, Tibetan */
	{ 0x1000, 0x109F },   /* Myanmar */
	{ 0x1780, 0x17FF },   /* Khmer */
	{ 0x1950, 0x19DF },   /* Tai Le, New Tai Lue */
	{ 0x1A20, 0x1AAF },   /* Tai Tham */
	{ 0x2E80, 0x312F },   /* radicals, Han signs, kana, Bopomofo */
	{ 0x31A0, 0x31BF },   /* Bopomofo extended */
	{ 0x31F0, 0x31FF },   /* Katakana extensions */
	{ 0x3400, 0x4DBF },   /* Han */
	{ 0x4E00, 0xA4CF },   /* Han, Yi */
	{ 0xA9E0, 0xA9FF },   /* Myanmar */
	{ 0xAA60, 0xAADF },   /* Myanmar, Tai Viet */
	{ 0xF900, 0xFAFF },   /* Han */
	{ 0xFF66, 0xFF9F },   /* half-width Katakana */
	{ 0x16FE0, 0x1B2FF }, /* Tangut, Khitan, kana, Nushu */
	{ 0x20000, 0x3FFFF }, /* Han */
};

static bool is_spaceless(uint32_t c)
{
	for (size_t i = 0; i < sizeof spaceless / sizeof *spaceless && c >= spaceless[i].from;
	     i++) {
		if (c <= spaceless[i].to) {
			return true;
		}
	}
	return false;
}

static enum sort sort_of(uint32_t c)
{
	if (c < 0x80) {
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
			   ? LETTER
			   : OTHER;
	}
	switch (utf8proc_category((utf8proc_int32_t)c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
		return is_spaceless(c) ? SINGLE : LETTER;
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO:
		return LETTER;
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
		return MARK;
	case UTF8PROC_CATEGORY_CF:
		return FORMAT;
	default:
		return OTHER;
	}
}

/* A text on its way to words. */
struct reader {
	struct tx_words *w;
	size_t cap; /* words there is room for */
	size_t max;
	bool open;      /* the last word may still grow */
	bool single;    /* and is a letter of a script without spaces */
	uint32_t *next; /* [cap] 1: word i and word i + 1 are such letters side by side */
	struct as_buf folded;
	struct tx_fold fold;
};

static void word_close(struct reader *r)
{
	struct tx_word *w;

	if (!r->open) {
		return;
	}
	tx_fold_end(&r->fold);
	w = &r->w->word[r->w->n - 1];
	w->size = (uint32_t)(r->folded.len - w->at);
	as_buf_put(&r->folded, "", 1);
	r->open = false;
}

static int word_open(struct reader *r, size_t a, bool single, struct as_err *e)
{
	struct tx_words *w = r->w;
	const bool beside = single && r->open && r->single;

	word_close(r);
	if (w->n == r->max) {
		return as_fail(e, AS_EFORMAT, "words: the text has more than %zu words", r->max);
	}
	if (w->n == r->cap) {
		r->cap *= 2;
		w->word = as_realloc(w->word, r->cap, sizeof *w->word);
		r->next = as_realloc(r->next, r->cap, sizeof *r->next);
	}
	if (beside && w->n > 0) {
		r->next[w->n - 1] = 1;
	}
	r->next[w->n] = 0;
	w->word[w->n++] = (struct tx_word){ (uint32_t)a, (uint32_t)a, (uint32_t)r->folded.len, 0 };
	r->open = true;
	r->single = single;
	return AS_OK;
}

/* One character at bytes [a, b). */
static int take(struct reader *r, uint32_t c, size_t a, size_t b, struct as_err *e)
{
	const enum sort sort = sort_of(c);

	if (sort == FORMAT || (sort == MARK && !r->open)) {
		return AS_OK;
	}
	if (sort == OTHER) {
		word_close(r);
		return AS_OK;
	}
	if (sort == SINGLE || (sort == LETTER && (!r->open || r->single))) {
		const int rc = word_open(r, a, sort == SINGLE, e);

		if (rc != AS_OK) {
			return rc;
		}
	}
	tx_fold_put(&r->fold, c);
	r->w->word[r->w->n - 1].b = (uint32_t)b;
	return AS_OK;
}

static size_t put_hashes(const char *s, size_t n, uint64_t salt, uint32_t buckets, uint32_t *ids,
			 size_t room)
{
	if (room < 2) {
		return 0;
	}
	ids[0] = (uint32_t)(as_hash(s, n, salt) % buckets);
	ids[1] = (uint32_t)(as_hash(s, n, ~salt) % buckets);
	return 2;
}

size_t tx_hash_word(const char *folded, size_t n, uint64_t salt, uint32_t buckets, uint32_t *ids,
		    size_t ids_max)
{
	const size_t head = n < TX_GRAM_BYTES ? n : TX_GRAM_BYTES;
	char s[TX_GRAM_BYTES + 2];
	size_t size = 0;
	size_t out = put_hashes(folded, n, salt, buckets, ids, ids_max);

	s[size++] = '<';
	memcpy(s + size, folded, head);
	size += head;
	if (head == n) {
		s[size++] = '>';
	}
	for (size_t gram = 3; gram <= 5; gram++) {
		for (size_t i = 0; i + gram <= size; i++) {
			out +=
			    put_hashes(s + i, gram, salt ^ gram, buckets, ids + out, ids_max - out);
		}
	}
	return out;
}

/* The ids of every word; a letter of a script without spaces also has those of the pair it makes
 * with the next one. */
static void hash_all(struct reader *r, uint32_t buckets)
{
	struct tx_words *w = r->w;
	uint32_t id[TX_IDS_MAX];
	size_t n = 0;
	size_t cap = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct tx_word *word = &w->word[i];
		const char *s = w->folded + word->at;
		size_t got = tx_hash_word(s, word->size, 0, buckets, id, TX_IDS_MAX - 2);

		if (r->next[i]) {
			const size_t both = word->size + 1 + word[1].size; /* with the NUL */

			got += put_hashes(s, both, 0, buckets, id + got, 2);
		}
		if (cap - n < got) {
			cap = 2 * cap + TX_IDS_MAX;
			w->ids = as_realloc(w->ids, cap, sizeof *w->ids);
		}
		memcpy(w->ids + n, id, got * sizeof *id);
		n += got;
		w->start[i + 1] = (uint32_t)n;
	}
}

int tx_words_read(struct tx_words *w, const void *data, size_t size, uint32_t buckets,
		  size_t words_max, struct as_err *e)
{
	struct reader r = { .w = w, .max = words_max, .cap = WORDS_FIRST };
	size_t at = 0;
	int rc = AS_OK;

	*w = (struct tx_words){ 0 };
	r.fold.out = &r.folded;
	if (size > BYTES_MAX) {
		return as_fail(e, AS_EFORMAT, "bytes: the text has %zu, at most %d are read", size,
			       (int)BYTES_MAX);
	}
	w->word = as_malloc(r.cap * sizeof *w->word);
	r.next = as_malloc(r.cap * sizeof *r.next);
	as_buf_put(&r.folded, "", 0);
	while (at < size) {
		const size_t a = at;
		const uint32_t c = tx_utf8_next(data, size, &at, &w->replaced);

		TRY(take(&r, c, a, at, e));
	}
	word_close(&r);
out:
	w->folded = r.folded.data;
	if (rc == AS_OK) {
		w->start = as_calloc(w->n + 1, sizeof *w->start);
		if (buckets > 0) {
			hash_all(&r, buckets);
		}
	}
	free(r.next);
	return rc;
}

void tx_words_free(struct tx_words *w)
{
	free(w->word);
	free(w->start);
	free(w->ids);
	free(w->folded);
	*w = (struct tx_words){ 0 };
}
