/* SPDX-License-Identifier: Apache-2.0
 * study.h - a whole `assay train`: splits, trainings, scores beside baselines, and the model that
 * is kept. */
#ifndef TR_STUDY_H
#define TR_STUDY_H

#include "train/from.h"
#include "train/pretrain.h"
#include "train/report.h"
#include "train/trained.h"

enum { TR_FOLDS_MIN = 3, TR_FOLDS_MAX = 100 }; /* one tests, one stops and calibrates, one trains */

enum { TR_TEACHERS_MAX = 64 };

struct tr_options {
	size_t folds;    /* 0: one training on a part of the cases */
	size_t shuffles; /* with folds: permutations of each part over a fold's test cases */
	uint64_t seed;
	bool retrain; /* train a network for each line of parts, instead of masking the others */
	struct tr_pool *pool;
	const struct tr_watch *watch;
	struct tr_checkpoint *checkpoint; /* of every training; NULL: none is kept */
	const struct tr_from *from;       /* whose weights every training starts with, or NULL */
	/* Before every training a base is made of its own training cases and of all of `more`. Its
	 * epochs, 0: the task's. */
	bool pretrain;
	size_t pretrain_epochs;
	const struct tr_data *more; /* [mores] */
	size_t mores;
	/* Every training learns beside the target from so many others of the same cases, which
	 * begin and go otherwise: the mean of their logits for the same parts. 0: from none. */
	size_t teachers;
	struct tr_shares gates;   /* the test cases are scored with these heads closed, too */
	struct tr_shares missing; /* and with each part missing from these shares of them */
	/* Labels of so many cases are used in each fold, 0: of all. The base sees the others. */
	size_t labelled;
};

/* How one training of the study went. */
struct tr_run_record {
	struct tr_split split; /* empty where all cases trained */
	size_t *seen;          /* [seens] that a base may see: those that train, labelled or not */
	size_t seens;
	struct tr_outcome outcome;
	float temperature[IO_PARTS_MAX]; /* of the parts' own logits */
};

struct tr_study {
	const struct tr_data *d;    /* borrowed */
	const struct tr_options *o; /* borrowed */
	const char **group;         /* [n] */
	uint32_t *stratum;          /* [n] */
	struct tr_units units;
	size_t groups;
	uint32_t *fold;            /* [n] with folds */
	size_t runs;               /* folds, or 1 */
	struct tr_run_record *run; /* [runs + 1]: the last trained on all cases */
	size_t done;               /* runs that are in the report */
	struct tr_scores pooled;   /* of every case by a network that never saw it */
	struct tr_report report;
	struct tr_trained kept;     /* the model */
	bool whole;                 /* kept was trained on all cases */
	struct tr_pretrained base;  /* of the run in hand */
	struct tr_from made;        /* the same, read */
	const struct tr_from *from; /* what the run in hand starts with, or NULL */
	bool interrupted;
	struct as_buf compressed; /* JSON: from what and how the model was compressed, or empty */
};

/* The cases and their splits alone. As for tr_study_run. */
int tr_study_open(struct tr_study *s, const struct tr_data *d, const struct tr_options *o,
		  struct as_err *e) AS_CHECKED;
/* A training of a split with these parts (bits). */
struct tr_plan tr_study_plan(const struct tr_study *s, const struct tr_split *p, uint32_t parts);
/* AS_EFORMAT: the cases do not do for training (one label, fewer groups than folds, ...).
 * AS_ECLOSED: interrupted before there was a model. Free whatever the result. */
int tr_study_run(struct tr_study *s, const struct tr_data *d, const struct tr_options *o,
		 struct as_err *e) AS_CHECKED;
void tr_study_free(struct tr_study *s);

/* The mean logits of o->teachers networks trained as the plan says, on all cases under all patterns
 * (train/teachers.c). AS_ECLOSED: interrupted. */
int tr_study_teach(const struct tr_study *s, const struct tr_plan *plan, size_t k,
		   struct tr_scores *mean, struct as_err *e) AS_CHECKED;

/* What commands that train networks for a study of their own share with tr_study_run. */
/* Puts the scores (under all patterns) of cases that their network never saw among those of all. */
void tr_study_pool(struct tr_study *s, const size_t *cases, const struct tr_scores *from);
/* Run k came to this network: its outcome is recorded, it becomes the one that is kept, t is
 * empty. */
void tr_study_take(struct tr_study *s, struct tr_trained *t, size_t k);
/* The cases of a model of all cases, and its epochs: the runs' median best and one more, because
 * the last three are averaged as the runs' best three were. Free with tr_split_free. */
size_t tr_study_whole(const struct tr_study *s, struct tr_split *all);
/* Calibrates a model of all cases by the runs' scores of them. */
void tr_study_calibrate(const struct tr_study *s, struct tr_trained *t);

/* Appends the file of the model that was kept, with the record of the study. */
int tr_study_put(const struct tr_study *s, struct as_buf *out, struct as_err *e) AS_CHECKED;
/* Writes it. */
int tr_study_save(const struct tr_study *s, const char *path, struct as_err *e) AS_CHECKED;

#endif
