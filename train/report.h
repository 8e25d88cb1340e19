/* SPDX-License-Identifier: Apache-2.0
 * report.h - the scores of a training or an evaluation: one line for all parts, each part alone,
 * each pair, all but each, and each baseline. */
#ifndef TR_REPORT_H
#define TR_REPORT_H

#include "core/base/buf.h"
#include "core/io/json.h"
#include "train/baseline.h"
#include "train/calibrate.h"
#include "train/heads.h"
#include "train/metric.h"
#include "train/trust.h"

enum {
	TR_VIEWS_MAX = 1 + 2 * IO_PARTS_MAX + IO_PARTS_MAX * (IO_PARTS_MAX - 1) / 2,
	TR_LINE_NAME = 2 * IO_NAME_SIZE,
};

enum { TR_SHARES_MAX = 16 };

/* Shares that are tried beside each other: above 0, 1 at most, each once. */
struct tr_shares {
	float v[TR_SHARES_MAX];
	size_t n;
};

/* Whether a line's answers are its own, or made of other lines' (train/derived.h). */
enum tr_derived { TR_ITSELF, TR_AVERAGE, TR_MISSING };

/* Mean Shapley value of a part (fusion/contribution.h) for the true labels of cases that have it:
 * as it is, and exchanged. */
struct tr_toward {
	double own, exchanged;
};

/* One way of answering, scored in every fold. */
struct tr_line {
	char name[TR_LINE_NAME];
	bool baseline;
	size_t pattern;     /* index of the parts shown (tr_pattern); not of a baseline */
	enum tr_base base;  /* of a baseline */
	float closed_below; /* all parts, with heads of a lower share closed; else 0 */
	enum tr_derived derived;
	size_t part;           /* TR_MISSING: which, index, */
	float missing;         /* and from what share of the cases */
	struct nn_heads heads; /* of such a line, all runs together */
	struct tr_metrics *m;  /* [runs] */
	float *p;              /* [cases of the data, c] answers on cases that it was scored on */
	uint32_t *label;       /* [cases] class: the label named */
	double difference;     /* of the main metric to line 0 (tr_compare); NAN: not compared */
	double difference_se;
};

struct tr_report {
	const struct tr_data *d; /* borrowed */
	size_t c;                /* labels, or 1 */
	size_t runs;             /* folds, or 1 */
	size_t scored;           /* cases that the scores are of */
	uint32_t *fold;          /* [cases] the run that scored it, from 1; 0: none */
	float *threshold;        /* [runs, IO_LABELS_MAX] of line 0 */
	/* Views first, all parts at 0, then the baselines, then closed heads, then missing parts.
	 */
	struct tr_line
	    line[TR_VIEWS_MAX + TR_BASES + 1 + TR_SHARES_MAX + IO_PARTS_MAX * TR_SHARES_MAX];
	size_t lines, views;
	/* [runs] all parts, one of them exchanged between cases; NULL: not asked for */
	struct tr_metrics *shuffled[IO_PARTS_MAX];
	size_t shuffles; /* permutations of each part */
	/* [runs] mean contribution of the part towards the true labels, before and after its
	 * exchange; NAN for a value */
	struct tr_toward *toward[IO_PARTS_MAX];
	struct nn_heads heads; /* of the encoders, all parts, all runs together */
	struct tr_trust trust; /* of all parts; empty for models beside each other */
};

/* parts: bits of those that are shown. baselines: with lines for those that read no others, and for
 * late averaging where there are several parts. */
void tr_report_init(struct tr_report *r, const struct tr_data *d, size_t runs, uint32_t parts,
		    bool baselines);
/* n models shown all parts, a line each. */
void tr_report_init_models(struct tr_report *r, const struct tr_data *d, size_t runs,
			   const char *const *name, size_t n);
void tr_report_free(struct tr_report *r);

/* A line more for each of these shares, with heads below it closed. After init. */
void tr_report_gates(struct tr_report *r, const struct tr_shares *g);
/* A line more for each part that is shown, of several, and each of these shares: that part missing
 * from so many of the cases. After init. */
void tr_report_missing(struct tr_report *r, const struct tr_shares *s);

/* The view of just these parts (bits), or NULL. */
const struct tr_line *tr_report_view(const struct tr_report *r, uint32_t parts);

/* Takes the answers p [n, c] of line i in a run to these cases. */
void tr_report_put(struct tr_report *r, size_t i, size_t run, const size_t *cases, size_t n,
		   const float *p, const float *thresholds);

/* Room for the scores of every part exchanged between cases, in so many permutations. */
void tr_report_shuffles(struct tr_report *r, size_t permutations);

/* How much lower the main metric is with this part exchanged: the mean over the runs, and its
 * standard error, sd / sqrt(runs). */
void tr_report_drop(const struct tr_report *r, size_t part, double *drop, double *se);
/* Of tr_report_shuffles: the part's mean contributions, over the runs. */
struct tr_toward tr_report_toward(const struct tr_report *r, size_t part);

/* Members task, cases, metrics, parts, baselines, into an open object. Scores of several runs are
 * their mean, with members "sd" and "folds"; lines that were compared have "difference" (to all
 * parts, of the metric that "compared" names) and "difference_se". "shuffled": each part
 * exchanged, with "drop" and "se", and its mean contribution towards the true label before
 * ("contribution") and after ("contribution_shuffled"). "heads": how many attention heads
 * there were, and the shares of them and of the attention's arithmetic that were skipped.
 * "closed_below": the same and the scores for each share of tr_report_gates. "missing": the scores
 * for each part and share of tr_report_missing. What tr_trust_write writes. */
void tr_report_write(const struct tr_report *r, struct io_jw *w);
/* The same as a table for people. */
void tr_report_text(const struct tr_report *r, struct as_buf *out);
/* CSV: case, fold, by (the line), target, label, and the probability of each label or the value. */
void tr_report_predictions(const struct tr_report *r, struct as_buf *out);

#endif
