/* SPDX-License-Identifier: Apache-2.0
 * ledger.h - what clients were told, what subscribers saw and what the journal holds, and whether
 * these fit the contract. It knows no daemon: whoever drives one writes down what happens.
 *
 *   I1  every accepted case has exactly one judgment, and every judgment is of a submitted case
 *   I2  numbers are 1..N without gap, repetition or disorder: in the journal, at each subscriber
 *   I3  the same question gets the same bytes, whenever it is asked
 *   I4  what anyone has seen is what the journal holds, byte for byte
 *   I5  each body names the digest of the one before
 *   I7  a case that nothing is wrong with is not rejected; one with poison is */
#ifndef TESTS_LEDGER_H
#define TESTS_LEDGER_H

#include "core/base/buf.h"
#include "core/base/map.h"

#include <stdbool.h>

enum { LEDGER_READERS = 8, LEDGER_NAME = 64 };

/* Bodies in the order in which somebody saw them. */
struct ledger_roll {
	char name[LEDGER_NAME];
	struct as_buf *body;
	size_t n, cap;
};

struct ledger {
	struct as_map cases;        /* id -> struct ledger_case, of ledger.c */
	struct ledger_roll journal; /* read at the end, from number 1 */
	struct ledger_roll reader[LEDGER_READERS];
	size_t readers;
	struct as_buf answers; /* what ledger_answered found at once */
};

void ledger_free(struct ledger *l);
/* A client is about to send the case. bad: it has a part that must be rejected. */
void ledger_submitted(struct ledger *l, const char *id, bool bad);
void ledger_accepted(struct ledger *l, const char *id);
/* A client was sent the judgment of a case (GET, or wait). */
void ledger_answered(struct ledger *l, const char *id, const void *body, size_t n);
/* A subscriber that follows the replay rule has taken this body as its next. */
void ledger_saw(struct ledger *l, const char *reader, const void *body, size_t n);
/* What a replay from 0 gives when all is over; whatever was read before is forgotten. */
void ledger_journal_start(struct ledger *l);
void ledger_journal(struct ledger *l, const void *body, size_t n);

/* Whether all holds; else why gets a line for each thing that does not, "I2 ...". */
bool ledger_check(const struct ledger *l, struct as_buf *why);

#endif
