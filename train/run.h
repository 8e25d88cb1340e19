/* SPDX-License-Identifier: Apache-2.0
 * run.h - one training: AdamW over batches shared out over threads, early stopping, the average of
 * the best three checkpoints. The same seed and threads give the same weights, bit for bit. */
#ifndef TR_RUN_H
#define TR_RUN_H

#include "train/checkpoint.h"
#include "train/linear_teachers.h"
#include "train/net.h"
#include "train/pool.h"
#include "train/score.h"

/* What one epoch came to. Losses are per case; NAN where there is no stop set. */
struct tr_epoch {
	size_t epoch, epochs; /* done so far; at most */
	double loss;          /* on the training cases, part and alignment losses included */
	double stop_loss;     /* the task's loss on the stop set; pretraining: what it trains */
	double metric;        /* there: class, multi: AUC; value: R2; pretraining: NAN */
	double seconds;       /* since the run began */
};

/* Who is told, and who may end it. */
struct tr_watch {
	void *ctx;
	/* Run `run` (from 0) of `runs` begins. */
	void (*begin)(void *ctx, const char *what, size_t run, size_t runs);
	void (*epoch)(void *ctx, const struct tr_epoch *ep); /* after every epoch */
	bool (*stop)(void *ctx);                   /* asked before every batch: true ends the run */
	void (*note)(void *ctx, const char *text); /* of what is done beside */
};

struct tr_from;

struct tr_plan {
	const struct tr_inputs *in;
	const size_t *train, *stop; /* indices of cases; stops 0: all `epochs` are run */
	size_t trains, stops;
	uint32_t parts;  /* bits: the others are never shown */
	double mean, sd; /* of a value's target */
	size_t epochs;   /* to run at most */
	size_t schedule; /* epochs that the rate's cosine spans */
	uint64_t seed;
	struct tr_pool *pool;
	const struct tr_watch *watch;
	struct tr_checkpoint *checkpoint; /* NULL: none is kept */
	const struct tr_scores *teacher;  /* of all cases under all patterns: its logits are learned
					   * beside the target; NULL: none */
	const struct tr_linear_teachers
	    *linear;              /* with linear_loss: learned likewise; NULL: none */
	double penalty[TR_BASES]; /* of the linear teachers; 0: each is chosen on the stop set */
	/* [cases of the data] Easy cases come first, then ever harder ones; NULL: at random. */
	const double *hardness;
	const struct tr_from *from; /* whose weights it starts with; NULL: its own */
	bool guess; /* pretraining: the parts' own content is the target (net opened to guess) */
	bool still; /* nothing is hidden, dropped or augmented: gradients only, not a training */
};

struct tr_outcome {
	struct tr_epoch *curve; /* [epochs] */
	size_t epochs;          /* done */
	size_t best;            /* epoch with the lowest loss on the stop set, from 1 */
	bool interrupted;
	double penalty[TR_BASES]; /* of the linear teachers; 0 where there was none */
};

/* Trains net and leaves the averaged weights in it. With a checkpoint it goes on from where that
 * has this run. AS_EFORMAT names the batch whose loss or gradient is no number. AS_ECLOSED:
 * interrupted before the first epoch was done. Free out whatever the result. */
int tr_run(struct tr_net *net, const struct tr_plan *plan, struct tr_outcome *out,
	   struct as_err *e) AS_CHECKED;
void tr_outcome_free(struct tr_outcome *out);

/* Mean and standard deviation of the target of these cases (a value's; sd 1 where they are all
 * the same). */
void tr_target_scale(const struct tr_data *d, const size_t *cases, size_t n, double *mean,
		     double *sd);

#endif
