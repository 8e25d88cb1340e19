/* SPDX-License-Identifier: Apache-2.0 */
#include "train/heads.h"

void tr_heads_add(struct nn_heads *sum, const struct nn_heads *h)
{
	sum->all += h->all;
	sum->computed += h->computed;
	sum->work += h->work;
	sum->done += h->done;
}

static double heads_skipped(const struct nn_heads *h)
{
	return 1.0 - (double)h->computed / (double)h->all;
}

static double work_skipped(const struct nn_heads *h)
{
	return 1.0 - h->done / h->work;
}

void tr_heads_write(const struct nn_heads *h, struct io_jw *w)
{
	if (h->all == 0) {
		return;
	}
	io_jw_obj(w, "heads");
	io_jw_u64(w, "all", h->all);
	io_jw_num(w, "skipped", heads_skipped(h));
	io_jw_num(w, "arithmetic_skipped", work_skipped(h));
	io_jw_end_obj(w);
}

void tr_heads_text(const struct nn_heads *h, struct as_buf *out)
{
	if (h->all > h->computed) {
		as_buf_printf(out,
			      "skipped: %.1f %% of the attention heads, %.1f %% of the attention's "
			      "arithmetic\n",
			      100 * heads_skipped(h), 100 * work_skipped(h));
	}
}
