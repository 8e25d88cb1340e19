/* SPDX-License-Identifier: Apache-2.0 */
#include "train/reader.h"

#include "core/base/clock.h"
#include "core/io/model.h"
#include "core/nn/team.h"

#include <stdlib.h>
#include <string.h>

static const size_t ARENA_BYTES = (size_t)4 << 30; /* reserved: 8 parts of 16 pages */

/* Every weight of the file belongs to the net, and the other way round. */
static int open_net(struct tr_reader *r, const struct io_model *m, struct as_err *e)
{
	int rc;

	TRY(io_model_meta(m, "statistics", &r->statistics, e));
	TRY(tr_net_open(&r->net, &r->judge.task, r->judge.source, r->statistics, 0, e));
	TRY(io_model_bind(m, &r->net.ps, NULL, e));
out:
	return rc;
}

/* Weights trained for another version of an encoder would mean something else. */
static int check_encoders(const struct tr_reader *r, const char *path, struct as_err *e)
{
	for (size_t m = 0; m < r->judge.task.parts; m++) {
		const struct fu_source *s = &r->judge.source[m];
		const struct enc_kind *kind = s->frozen ? NULL : tr_kind_of(s->modality);

		if (!s->frozen && kind == NULL) {
			return as_fail(e, AS_EFORMAT, "%s: part %s: no encoder of modality %s",
				       path, r->judge.task.part[m].name, s->modality);
		}
		if (kind != NULL &&
		    (strcmp(kind->name, s->name) != 0 || strcmp(kind->version, s->version) != 0)) {
			return as_fail(e, AS_EFORMAT,
				       "%s: part %s: trained with encoder %s, version %s; this is "
				       "%s, version %s",
				       path, r->judge.task.part[m].name, s->name, s->version,
				       kind->name, kind->version);
		}
	}
	return AS_OK;
}

int tr_reader_read(struct tr_reader *r, const struct io_model *m, const struct tr_origin *origin,
		   struct as_err *e)
{
	int rc;

	*r = (struct tr_reader){ 0 };
	TRY(fu_judge_read(&r->judge, m, e));
	TRY(check_encoders(r, m->path, e));
	TRY(open_net(r, m, e));
	if (origin != NULL) {
		TRY(tr_frozen_open(&r->frozen, &r->judge.task, origin, r->judge.source, e));
	}
	TRY(as_arena_init(&r->mem, "reader", ARENA_BYTES, e));
out:
	return rc;
}

int tr_reader_open(struct tr_reader *r, const char *path, const struct tr_origin *origin,
		   struct as_err *e)
{
	struct io_model m = { 0 };
	int rc;

	*r = (struct tr_reader){ 0 };
	TRY(io_model_open(&m, path, e));
	TRY(tr_reader_read(r, &m, origin, e));
out:
	io_model_close(&m);
	return rc;
}

int tr_reader_serve(struct tr_reader *r, size_t threads, struct as_err *e)
{
	nn_params_serve(&r->net.ps);
	return nn_team_open(&r->team, threads, ARENA_BYTES, e);
}

void tr_reader_close(struct tr_reader *r)
{
	nn_team_close(r->team);
	as_arena_free(&r->mem);
	tr_frozen_close(&r->frozen);
	tr_net_close(&r->net);
	io_json_free(r->statistics);
	fu_judge_close(&r->judge);
	*r = (struct tr_reader){ 0 };
}

static double since(int64_t *from)
{
	const int64_t now = as_mono_ns();
	const double ms = (double)(now - *from) * 1e-6;

	*from = now;
	return ms;
}

/* The features of one page, in the arena. */
static int read_page(struct tr_reader *r, const struct io_case *c, const struct io_part *part,
		     struct fu_page *page, struct tr_times *ms, const char **limit,
		     struct as_err *e)
{
	const struct io_task *task = &r->judge.task;
	const struct assay_item item = { part->data.data ? part->data.data : "", part->data.len,
					 part->type, task->part[part->spec].name, part->page };
	const struct nn_step step = { .p = r->net.ps.v, .mem = &r->mem, .team = r->team };
	const int k = r->net.enc.of[part->spec];
	struct enc_input in = { 0 };
	struct tr_rows rows = { 0 };
	int64_t at = as_mono_ns();
	struct assay_place *place;
	float *v;
	void *act;
	int rc;

	if (k == TR_FROZEN) {
		TRY(tr_frozen_encode(&r->frozen, task, c->id, &item, part->spec, &rows, limit, e));
	} else {
		rc = r->net.enc.kind[k]->prepare(r->net.enc.enc[k], &item, &in, e);
		ms->decode += since(&at);
		*limit = in.limit;
		TRY(rc);
		rows = (struct tr_rows){ (uint32_t)in.rows, task->hyper.width, NULL, NULL };
	}
	v = as_alloc(&r->mem, (size_t)rows.rows * rows.dim, sizeof *v);
	place = as_alloc(&r->mem, rows.rows, sizeof *place);
	if (k == TR_FROZEN) {
		memcpy(v, rows.v, sizeof *v * rows.rows * rows.dim);
	} else {
		r->net.enc.kind[k]->fwd(r->net.enc.enc[k], &step, &in, v, &act);
	}
	memcpy(place, k == TR_FROZEN ? rows.place : in.place, sizeof *place * rows.rows);
	ms->encode += since(&at);
	*page = (struct fu_page){ part->spec, part->page, rows.rows, rows.dim, v, place };
out:
	if (k != TR_FROZEN) {
		r->replaced += in.replaced;
		r->net.enc.kind[k]->input_free(&in);
	}
	tr_rows_free(&rows);
	return rc;
}

int tr_reader_judge(struct tr_reader *r, const struct io_case *c, struct fu_judgment *out,
		    struct tr_times *ms, struct tr_refusal *why, struct as_err *e)
{
	struct fu_page page[IO_PARTS_MAX * IO_PAGES_MAX];
	int64_t at;
	int rc = AS_OK;

	*ms = (struct tr_times){ 0 };
	*why = (struct tr_refusal){ 0 };
	as_arena_reset(&r->mem, 0);
	for (size_t i = 0; i < c->parts; i++) {
		why->part = r->judge.task.part[c->part[i].spec].name;
		rc = read_page(r, c, &c->part[i], &page[i], ms, &why->limit, e);
		if (rc != AS_OK) {
			return as_wrap(e, "part %s", why->part);
		}
	}
	why->part = NULL;
	at = as_mono_ns();
	TRY(fu_judge_case(&r->judge, page, c->parts, out, e));
	ms->fuse = since(&at);
out:
	return rc;
}
