/* SPDX-License-Identifier: Apache-2.0
 * net.h - the whole network of a task: its encoders and the fusion in one list of weights, forward
 * and backward for one case. */
#ifndef TR_NET_H
#define TR_NET_H

#include "fusion/merge.h"
#include "fusion/model.h"
#include "train/data.h"

struct tr_net {
	const struct io_task *task; /* borrowed */
	struct nn_params ps;
	struct tr_encoders enc;
	struct fu_model fuse;
	bool given[TR_KINDS]; /* encoders all of whose weights came from another model */
	bool still[TR_KINDS]; /* encoders that get no gradient: they stay as they came */
	float closed_below;   /* tr_score closes heads of a lower share, too */
};

/* frozen: which parts' features come from elsewhere, dim: their columns. Weights have their first
 * values, drawn with the seed. Close also after a failure. */
int tr_net_open(struct tr_net *net, const struct io_task *task, const struct fu_source *frozen,
		const struct json_t *statistics, uint64_t seed, struct as_err *e) AS_CHECKED;
/* The same with what pretraining needs to say what was hidden: weights "guess.*". */
int tr_net_open_to_guess(struct tr_net *net, const struct io_task *task,
			 const struct fu_source *frozen, const struct json_t *statistics,
			 uint64_t seed, struct as_err *e) AS_CHECKED;
void tr_net_close(struct tr_net *net);

/* One case on its way through the net. All in the step's memory. */
struct tr_pass {
	const struct tr_case *c;
	uint32_t parts; /* bits: those present and not hidden */
	struct fu_rows rows[IO_PARTS_MAX];
	struct fu_merge merge[IO_PARTS_MAX];
	float *page_rows[IO_PARTS_MAX][IO_PAGES_MAX];
	void *act[IO_PARTS_MAX][IO_PAGES_MAX];
	size_t first[IO_PARTS_MAX]; /* page of the case */
	size_t pages[IO_PARTS_MAX];
	struct fu_act fuse;
	/* of tr_net_fuse_alone or tr_net_guess_fwd; n 0 where there is none */
	struct fu_act alone[IO_PARTS_MAX];
};

/* Encodes the parts of the case that are in mask. */
void tr_net_encode(const struct tr_net *net, const struct nn_step *s, const struct tr_inputs *in,
		   const struct tr_case *c, uint32_t mask, struct tr_pass *p);
/* Fuses those of the encoded parts that are in mask. */
void tr_net_fuse(const struct tr_net *net, const struct nn_step *s, uint32_t mask,
		 struct tr_pass *p);

/* Fuses each part that the pass shows by itself, where it shows more than one: what the net would
 * say of that part without the others. */
void tr_net_fuse_alone(const struct tr_net *net, const struct nn_step *s, struct tr_pass *p);

/* Derivatives of the loss by what tr_net_fuse and tr_net_fuse_alone gave. */
struct tr_slopes {
	float *logits;                           /* [c] */
	float *alone[IO_PARTS_MAX];              /* [c] of parts fused alone */
	float *late[IO_PARTS_MAX];               /* [c] of present parts */
	float *z[IO_PARTS_MAX];                  /* [d] of present parts */
	float *page[IO_PARTS_MAX][IO_PAGES_MAX]; /* rows of pages; NULL: none but the fusion's */
};
/* Zeroed slopes for the pass, from the step's memory. */
void tr_slopes_init(struct tr_slopes *g, const struct tr_net *net, const struct nn_step *s,
		    const struct tr_pass *p);
/* Adds to s->g. The pass was made with the same step, all of whose parts were fused. */
void tr_net_bwd(const struct tr_net *net, const struct nn_step *s, const struct tr_inputs *in,
		struct tr_pass *p, const struct tr_slopes *g);

/* Pretraining, of a net opened to guess: encodes all parts of the case with rows hidden (s->hide),
 * and fuses each part by itself. Returns weight * the sum over the parts of the mean error of what
 * is said of the hidden rows of their pages; the slopes hold its gradient (s->g NULL: zeros). */
double tr_net_guess_fwd(const struct tr_net *net, const struct nn_step *s,
			const struct tr_inputs *in, const struct tr_case *c, double weight,
			struct tr_pass *p, struct tr_slopes *g);
/* Adds to s->g; g->z is what came to the parts' vectors since. */
void tr_net_guess_bwd(const struct tr_net *net, const struct nn_step *s, const struct tr_inputs *in,
		      struct tr_pass *p, const struct tr_slopes *g);

/* What a case's target is to the loss. */
struct tr_target {
	const float *label; /* [c], class and multi */
	float value;        /* standardised */
};
/* weight * (task loss + part_loss * sum of the parts' own losses + alone_loss * sum of the losses
 * of the parts fused alone); adds its slopes (g NULL: not wanted, and the task's loss alone). */
double tr_net_loss(const struct tr_net *net, const struct tr_pass *p, const struct tr_target *t,
		   double weight, struct tr_slopes *g);
/* weight * the distance of the logits from a teacher's [c]: of soft labels at temperature 4, of a
 * value half the square. Adds its slopes to d [c]. */
double tr_net_distil(const struct tr_net *net, const float *logits, const float *teacher,
		     double weight, float *d);

#endif
