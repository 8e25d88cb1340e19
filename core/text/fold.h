/* SPDX-License-Identifier: Apache-2.0
 * fold.h - characters to the form that is compared: case-folded and composed (NFC).
 *
 * utf8proc orders marks by insertion, which is quadratic in their number, and takes a whole string
 * at once. So characters are folded and decomposed one by one into a small window, and the window
 * is ordered, composed and written out when it is full: the text is in Unicode's stream-safe form
 * (UAX #15, section 13) and time is linear. The window's borders are counted after decomposition,
 * so composed and decomposed spellings of a word give the same bytes. */
#ifndef TX_FOLD_H
#define TX_FOLD_H

#include "core/base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum {
	TX_FOLD_SOFT =
	    64, /* characters after which the window is emptied before the next starter */
	TX_FOLD_HARD = 96, /* characters after which it is emptied in any case */
	TX_FOLD_CHAR = 24, /* what one character can become */
};

struct tx_fold {
	int32_t window[TX_FOLD_HARD + TX_FOLD_CHAR];
	size_t n;
	struct as_buf *out; /* borrowed; folded text is appended */
};

void tx_fold_put(struct tx_fold *f, uint32_t c);
/* Writes out what the window still holds: the end of a word. */
void tx_fold_end(struct tx_fold *f);

#endif
