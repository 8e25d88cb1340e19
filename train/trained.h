/* SPDX-License-Identifier: Apache-2.0
 * trained.h - one network from its training cases to its calibration, and into a model file. */
#ifndef TR_TRAINED_H
#define TR_TRAINED_H

#include "train/calibrate.h"
#include "train/run.h"

struct tr_trained {
	struct tr_net net;
	struct tr_inputs in;
	struct as_buf statistics; /* JSON: of the training cells */
	struct json_t *doc;       /* the same, parsed */
	struct tr_outcome outcome;
	double mean, sd;                 /* of a value's target */
	float temperature[IO_PARTS_MAX]; /* of each part's own logits on the stop set */
	struct fu_calibration calibration;
};

/* Trains on plan->train; plan's in, mean and sd are filled in here. With a stop set the parts are
 * scaled on it. Free whatever the result. */
int tr_trained_fit(struct tr_trained *t, const struct tr_data *d, struct tr_plan *plan,
		   struct as_err *e) AS_CHECKED;
/* The same with the statistics that t has already, and nothing else: what they say was pruned is
 * not there. */
int tr_trained_fit_to(struct tr_trained *t, const struct tr_data *d, struct tr_plan *plan,
		      struct as_err *e) AS_CHECKED;
void tr_trained_free(struct tr_trained *t);

/* Scores under all patterns of the task's parts. */
int tr_trained_score(struct tr_trained *t, const size_t *cases, size_t n, struct tr_pool *pool,
		     struct tr_scores *s, struct as_err *e) AS_CHECKED;
/* Fits the calibration on these cases. */
int tr_trained_calibrate(struct tr_trained *t, const size_t *cases, size_t n, struct tr_pool *pool,
			 struct as_err *e) AS_CHECKED;

/* The "encoders" metadata: whose features each part has. */
void tr_write_encoders(const struct tr_net *net, const struct tr_data *d, struct as_buf *b);

/* Appends the model file. record: the "training" metadata, JSON. */
int tr_trained_put(const struct tr_trained *t, const char *record, struct as_buf *out,
		   struct as_err *e) AS_CHECKED;

#endif
