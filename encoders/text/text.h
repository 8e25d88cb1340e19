/* SPDX-License-Identifier: Apache-2.0
 * text.h - the text encoder: every word is a token; a row is a word, or, of a text of more than 64
 * words, a run of neighbouring words.
 *
 * Places are bytes [a, b) of the part as submitted, labels the words there. Refused by limit:
 * text_empty (no bytes, or blanks only), text_bytes (more than 4 MiB), text_words (more than the
 * task's). A text of other signs than letters and digits is one row without a word. Invalid UTF-8
 * is read as U+FFFD and counted in enc_input.replaced. */
#ifndef ENC_TEXT_H
#define ENC_TEXT_H

#include "encoders/kind.h"

extern const struct enc_kind enc_text_kind;
/* Its name and version by themselves: addresses that a constant (plugin.c) can hold. */
extern const char enc_text_kind_name[];
extern const char enc_text_kind_version[];

#endif
