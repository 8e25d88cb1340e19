/* SPDX-License-Identifier: Apache-2.0
 * about.h - what the products are computed with here. */
#ifndef TN_ABOUT_H
#define TN_ABOUT_H

#include "core/base/buf.h"

/* Appends one line each: what float32 products use, oneDNN, the instructions that int8 products
 * use. */
void tn_about(struct as_buf *out);

#endif
