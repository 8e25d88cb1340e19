/* SPDX-License-Identifier: Apache-2.0
 * pruned.h - what `assay compress` left of an encoder: its entry in member "pruned" of the model's
 * "statistics", which every encoder's open reads.
 *
 *   {"pruned":{"text":{"blocks":[{"heads":1,"hidden":26}],"buckets":"0f3c.."},
 *              "image":{"blocks":[..],"channels":[8,16,24,40],"texture":"81e0.."}}}
 *
 * blocks: heads and hidden units of each block. buckets: a hexadecimal digit for every four buckets
 * of hashed words, the first the lowest bit; a bucket whose bit is set has a row of its own, in
 * order, and all others share the row behind them. Without it every bucket has its row. channels:
 * after each stage of the image encoder's convolutions, multiples of NN_GROUPS. texture: the
 * numbers of the texture that its map reads, written like buckets. */
#ifndef IO_PRUNED_H
#define IO_PRUNED_H

#include "core/io/json.h"
#include "core/io/task.h"
#include "core/nn/stack.h"

struct io_pruned {
	struct nn_block_size *size; /* [blocks]; NULL: whole */
	size_t rows;                /* of the embedding of hashed words */
	uint32_t *row;              /* [text_buckets] the row of each bucket; NULL: its own */
	size_t channels[IO_STAGES]; /* after each stage */
	size_t numbers;             /* of the texture that are read */
	uint32_t *number;           /* [numbers] which; NULL: all */
};

/* An encoder's parts that may be pruned, as the model's task says them. */
struct io_whole {
	const struct io_hyper *hyper;
	size_t blocks;
	size_t numbers; /* of the texture; 0: no texture */
};

/* Of the encoder of this modality. statistics NULL or without an entry: nothing was pruned.
 * AS_EFORMAT says what is wrong with the entry. Free also after a failure. */
int io_pruned_parse(struct io_pruned *p, const struct json_t *statistics, const char *modality,
		    const struct io_whole *whole, struct as_err *e) AS_CHECKED;
/* Accepts a zeroed struct, zeroes it. */
void io_pruned_free(struct io_pruned *p);

/* What is left of an encoder: what io_pruned is read from. */
struct io_left {
	const struct nn_block_size *size; /* [blocks] */
	size_t blocks;
	const bool *bucket; /* [buckets] has a row of its own; NULL: all have */
	size_t buckets;
	const size_t *channels; /* [IO_STAGES]; NULL: no convolutions, or whole ones */
	const bool *number;     /* [numbers] is read; NULL: all are */
	size_t numbers;
};

/* Writes the entry with the modality as its key. */
void io_pruned_write(struct io_jw *w, const char *modality, const struct io_left *left);

#endif
