/* SPDX-License-Identifier: Apache-2.0
 * pruned.h - what `assay compress` left of an encoder: its entry in member "pruned" of the model's
 * "statistics", which every encoder's open reads.
 *
 *   {"pruned":{"text":{"blocks":[{"heads":1,"hidden":26}],"buckets":"0f3c.."}}}
 *
 * blocks: heads and hidden units of each block. buckets: a hexadecimal digit for every four buckets
 * of hashed words, the first the lowest bit; a bucket whose bit is set has a row of its own, in
 * order, and all others share the row behind them. Without it every bucket has its row. */
#ifndef IO_PRUNED_H
#define IO_PRUNED_H

#include "core/io/json.h"
#include "core/io/task.h"
#include "core/nn/stack.h"

struct io_pruned {
	struct nn_block_size *size; /* [blocks]; NULL: whole */
	size_t rows;                /* of the embedding of hashed words */
	uint32_t *row;              /* [text_buckets] the row of each bucket; NULL: its own */
};

/* Of the encoder of this modality with so many blocks. statistics NULL or without an entry:
 * nothing was pruned. AS_EFORMAT says what is wrong with the entry. Free also after a failure. */
int io_pruned_parse(struct io_pruned *p, const struct json_t *statistics, const char *modality,
		    const struct io_hyper *h, size_t blocks, struct as_err *e) AS_CHECKED;
/* Accepts a zeroed struct, zeroes it. */
void io_pruned_free(struct io_pruned *p);

/* Writes the entry with the modality as its key. keep says which buckets have a row of their own,
 * NULL: all have. */
void io_pruned_write(struct io_jw *w, const char *modality, const struct nn_block_size *size,
		     size_t blocks, const bool *keep, size_t buckets);

#endif
