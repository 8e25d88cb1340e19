/* SPDX-License-Identifier: Apache-2.0
 * prune.h - which structures of a trained network matter least, and the weights without them.
 *
 * A structure is a head, a hidden unit of a block's MLP, a row of an embedding of hashed words, a
 * channel of a picture's convolutions in each of its norms' groups, or a number of its texture.
 * With a mask m on what it hands on, dL/dm at m = 1 is the sum of w dL/dw over the weights that
 * read it: the head's columns of W_o, the unit's column of W_down, the row itself, columns of the
 * next convolution, the number's column of the texture's map. */
#ifndef TR_PRUNE_H
#define TR_PRUNE_H

#include "train/run.h"

/* Of a structure, summed over batches where gradients are asked for. */
enum tr_importance {
	TR_TAYLOR,    /* |sum of w dL/dw| = |dL/dm| */
	TR_GRADIENT,  /* sum of |dL/dw| */
	TR_MAGNITUDE, /* sum of |w| */
	TR_RANDOM,
	TR_IMPORTANCES
};
/* "taylor", "gradient", "magnitude", "random" */
const char *tr_importance_name(enum tr_importance i);

enum tr_structure { TR_HEAD, TR_UNIT, TR_ROW, TR_CHANNEL, TR_NUMBER };

/* The structures of one kind in one place. */
struct tr_layer {
	enum tr_structure kind;
	char prefix[NN_NAME_SIZE]; /* "text.block.0", "text.embed", "image.stem.1" */
	char reader[NN_NAME_SIZE]; /* the parameter that reads what they hand on */
	size_t n;
	size_t per;    /* neighbouring lines of a parameter that one has; then comes the next, and
			* after the last the first again */
	double *score; /* [n] */
	bool *keep;    /* [n] */
	size_t kept;   /* of them; fewer rows than n have one more behind them, which all others
			* share and which is zero at first */
};

struct tr_prune {
	const struct tr_net *net; /* borrowed */
	struct tr_layer *layer;
	size_t layers;
	double share;   /* of each layer's structures that is kept */
	size_t weights; /* that are left */
};

/* Finds the structures; all are kept. */
void tr_prune_init(struct tr_prune *p, const struct tr_net *net);
void tr_prune_free(struct tr_prune *p);
/* Scores them over plan->train in batches, with nothing hidden, dropped or augmented. The net's
 * weights are not changed. */
int tr_prune_score(struct tr_prune *p, enum tr_importance how, const struct tr_plan *plan,
		   struct as_err *e) AS_CHECKED;
/* Keeps of every layer the same share, the largest with which at most `size` of the weights remain
 * (0 to 1), and at least one structure. AS_EUSAGE where even that is more. */
int tr_prune_cut(struct tr_prune *p, double size, struct as_err *e) AS_CHECKED;
/* The object of member "pruned" (core/io/pruned.h). */
void tr_prune_write(const struct tr_prune *p, struct io_jw *w);
/* The weights that are left, into a net opened with what tr_prune_write wrote. */
void tr_prune_copy(const struct tr_prune *p, struct tr_net *to);

#endif
