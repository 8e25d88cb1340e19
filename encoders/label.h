/* SPDX-License-Identifier: Apache-2.0
 * label.h - what a person reads of a place: one line, cut at a character. */
#ifndef ENC_LABEL_H
#define ENC_LABEL_H

#include "plugins/assay_plugin.h"

#include <stddef.h>

/* s[0, n) is valid UTF-8; control characters become blanks. */
static inline void enc_label_put(struct assay_place *p, const char *s, size_t n)
{
	if (n > sizeof p->label - 1) {
		n = sizeof p->label - 1;
		while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80) {
			n--;
		}
	}
	for (size_t i = 0; i < n; i++) {
		p->label[i] = s[i];
		if ((unsigned char)s[i] < ' ' || s[i] == '\x7f') {
			p->label[i] = ' ';
		}
	}
	p->label[n] = '\0';
}

#endif
