/* SPDX-License-Identifier: Apache-2.0
 * q8_onednn.h - the integer product of a layer by oneDNN, for processors whose matrix units (AMX)
 * do in one instruction what q8_vnni.c does in sixteen. core/tensor's own. */
#ifndef TN_Q8_ONEDNN_H
#define TN_Q8_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TN_ONEDNN_ROWS = 256 }; /* of x at a time */

struct tn_onednn; /* weights laid out for it; may serve any number of threads */

/* Asks the system for the state of the matrix units, once in a process and before it may lock
 * itself down; whether there are any. */
bool tn_has_amx(void);
/* w [out, in] is copied. NULL where oneDNN cannot, as where no memory may become code. */
struct tn_onednn *tn_onednn_open(const int8_t *w, size_t out, size_t in);
void tn_onednn_close(struct tn_onednn *q);
/* How many of n rows the next call takes, at most `most`. */
size_t tn_onednn_rows(size_t n, size_t most);
/* acc [rows, out] = x [rows, in] w'; false where oneDNN would not. rows: as tn_onednn_rows said. */
bool tn_onednn_mul(struct tn_onednn *q, const uint8_t *x, int32_t *acc, size_t rows);

#endif
