/* SPDX-License-Identifier: Apache-2.0
 * reader.h - a model file opened to judge in this process: its encoders before its fusion. */
#ifndef TR_READER_H
#define TR_READER_H

#include "fusion/judge.h"
#include "train/net.h"

struct tr_reader {
	struct fu_judge judge; /* task, calibration, fusion; judge.task is the model's */
	struct tr_net net;     /* all weights again, for the encoders */
	struct json_t *statistics;
	struct tr_frozen frozen;
	struct as_arena mem;  /* of the case in hand */
	struct nn_team *team; /* threads that share it; NULL: the caller alone */
	uint64_t replaced;    /* bytes of parts that were not UTF-8, so far */
};

/* AS_EFORMAT and AS_ESHAPE name the file; AS_EUSAGE: a frozen part's features come from nowhere.
 * origin may be NULL: features are read elsewhere. Close also after a failure. The reader must not
 * move while it is open. */
int tr_reader_open(struct tr_reader *r, const char *path, const struct tr_origin *origin,
		   struct as_err *e) AS_CHECKED;
/* The same from a file that is open; it may be closed after. */
int tr_reader_read(struct tr_reader *r, const struct io_model *m, const struct tr_origin *origin,
		   struct as_err *e) AS_CHECKED;
/* To judge only: lays the weights out, which must not change any more, and lets this many threads
 * share the encoding of a case. The same bits, sooner. */
int tr_reader_serve(struct tr_reader *r, size_t threads, struct as_err *e) AS_CHECKED;
void tr_reader_close(struct tr_reader *r);

/* Why a case was refused; the error says it in words. */
struct tr_refusal {
	const char *part;  /* borrowed from the task, or NULL */
	const char *limit; /* static, or NULL */
};

/* Times in ms. */
struct tr_times {
	double decode, encode, fuse;
};

/* Judges one case; its parts may come in any order. AS_EFORMAT, AS_ESHAPE: the case is refused. */
int tr_reader_judge(struct tr_reader *r, const struct io_case *c, struct fu_judgment *out,
		    struct tr_times *ms, struct tr_refusal *why, struct as_err *e) AS_CHECKED;

#endif
