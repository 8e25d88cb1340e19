/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/image/image.h"
#include "tests/encoders/image/drawn.h"
#include "tests/encoders/image/samples.h"
#include "tests/encoders/kit.h"

#define TASK                 \
	"[task]\n"           \
	"name = t\n"         \
	"target = label\n"   \
	"kind = class\n"     \
	"labels = no, yes\n" \
	"[part.scan]\n"      \
	"modality = image\n" \
	"column = image\n"   \
	"[model]\n"          \
	"width = 16\n"       \
	"gate_threshold = 0\n"

static const char small[] = TASK "image_size = 32\n[train]\ndropout = 0\n";
static const char texture[] = TASK "image_size = 32\nimage_cells = 0\n[train]\ndropout = 0\n";
static const char colour[] =
    TASK "image_size = 32\nimage_colour = 1\nimage_views = 4\n[train]\ndropout = 0\n";

/* A grey picture without symmetry. */
static void put_picture(struct as_buf *b, uint32_t side)
{
	unsigned char *v = as_malloc((size_t)side * side);

	for (size_t i = 0; i < (size_t)side * side; i++) {
		v[i] = (unsigned char)((i * i / 7 + 3 * i) % 251);
	}
	put_png(b, side, side, 8, 0, v, side);
	free(v);
}

Test(image_kind, gradients_are_those_of_the_whole_encoder)
{
	struct as_buf png = { 0 };
	struct assay_item item;
	struct kit k;

	put_picture(&png, 40);
	item = kit_item("scan", png.data, png.len);
	kit_open(&k, &enc_image_kind, small, NULL);
	cr_assert(kit_gradients(&k, &item, 97, NULL) < 1e-2);
	kit_close(&k);
	kit_open(&k, &enc_image_kind, colour, NULL);
	cr_assert(kit_gradients(&k, &item, 131, NULL) < 1e-2);
	kit_close(&k);
	kit_open(&k, &enc_image_kind, texture, NULL);
	cr_assert(kit_gradients(&k, &item, 97, NULL) < 1e-2);
	kit_close(&k);
	as_buf_free(&png);
}

Test(image_kind, hidden_cells_are_guessed_and_the_gradient_is_the_guess_s)
{
	static const char *const task[] = { small, colour,
					    TASK "image_size = 112\n[train]\ndropout = 0\n" };
	struct as_buf png = { 0 };
	struct assay_item item;
	struct kit k;
	double fresh;

	put_picture(&png, 40);
	item = kit_item("scan", png.data, png.len);
	for (size_t i = 0; i < 3; i++) { /* the last has cells that reach beyond the picture */
		kit_open_to_guess(&k, &enc_image_kind, task[i], NULL);
		cr_assert(kit_guess_gradients(&k, &item, 997, &fresh) < 1e-2);
		cr_assert(epsilon_eq(dbl, fresh, 0.5, 0.5), "%g", fresh); /* means vary less */
		kit_close(&k);
	}
	as_buf_free(&png);
}

Test(image_kind, rows_are_the_fewest_cells_of_tokens_that_fit)
{
	static const struct {
		const char *ini;
		size_t rows;
	} size[] = {
		/* and one of the texture */
		{ TASK "image_size = 32\n", 4 + 1 },
		{ TASK "image_size = 64\n", 16 + 1 },
		{ TASK "image_size = 128\n", 16 + 1 },
		{ TASK "image_size = 128\nimage_texture = 0\n", 64 },
		{ TASK "image_size = 80\n", 25 + 1 },
		{ TASK "image_size = 96\n", 36 + 1 },
		{ TASK "image_size = 224\n", 49 + 1 },
		{ TASK "image_size = 96\nimage_cells = 0\n", 1 },
	};

	for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
		const struct assay_item item = kit_item("scan", jpeg, sizeof jpeg);
		struct enc_input in;
		struct kit k;
		float *rows;

		kit_open(&k, &enc_image_kind, size[i].ini, NULL);
		rows = kit_encode(&k, &item, &in);
		cr_assert(eq(sz, in.rows, size[i].rows));
		for (size_t j = 0; j < in.rows * 16; j++) {
			cr_assert(isfinite(rows[j]));
		}
		k.kind->input_free(&in);
		free(rows);
		kit_close(&k);
	}
}

/* Its convolutions unfold 66 MB, of which an inference keeps nothing. */
Test(image_kind, the_largest_picture_takes_few_bytes_to_judge)
{
	const struct assay_item item = kit_item("scan", jpeg, sizeof jpeg);
	struct as_err e = { 0 };
	struct enc_input in;
	struct kit k;
	float *rows;
	void *act;

	kit_open(&k, &enc_image_kind,
		 TASK "image_size = 224\nimage_channels = 64\nimage_colour = 1\n", NULL);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	rows = as_calloc(in.rows * 16, sizeof *rows);
	{
		const struct nn_step s = { .p = k.ps.v, .mem = &k.mem };

		k.kind->fwd(k.enc, &s, &in, rows, &act);
	}
	cr_assert(lt(sz, k.mem.used, (size_t)1 << 20), "%zu", k.mem.used);
	for (size_t i = 0; i < in.rows * 16; i++) {
		cr_assert(isfinite(rows[i]));
	}
	k.kind->input_free(&in);
	free(rows);
	kit_close(&k);
}

Test(image_kind, places_are_boxes_that_cover_the_square)
{
	struct as_buf png = { 0 };
	struct assay_item item;
	struct enc_input in;
	struct kit k;
	struct as_err e = { 0 };

	put_picture(&png, 192);
	item = kit_item("scan", png.data, png.len);
	item.page = 2;
	kit_open(&k, &enc_image_kind, TASK "image_size = 96\n", NULL);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	for (size_t r = 0; r < 36; r++) {
		cr_assert(eq(u32, in.place[r].page, 2));
		cr_assert(eq(u32, in.place[r].a, (uint32_t)(r % 6 * 32)));
		cr_assert(eq(u32, in.place[r].b, (uint32_t)(r / 6 * 32)));
		cr_assert(eq(u32, in.place[r].c, 32));
		cr_assert(eq(u32, in.place[r].d, 32));
	}
	cr_assert(eq(sz, in.rows, 37)); /* the texture is of no place */
	cr_assert(eq(u32, in.place[36].page, 2));
	cr_assert(eq(u32, in.place[36].a, 0));
	cr_assert(eq(u32, in.place[36].b, 0));
	cr_assert(eq(u32, in.place[36].c, 0));
	cr_assert(eq(u32, in.place[36].d, 0));
	k.kind->input_free(&in);
	kit_close(&k);
	as_buf_free(&png);
}

Test(image_kind, the_declared_type_does_not_matter)
{
	struct as_buf png = { 0 };
	struct assay_item item;
	struct kit k;

	put_picture(&png, 40);
	item = kit_item("scan", png.data, png.len);
	item.type = "image/jpeg";
	kit_open(&k, &enc_image_kind, small, NULL);
	cr_assert(eq(sz, kit_takes(&k, &item), 4 + 1));
	kit_close(&k);
	as_buf_free(&png);
}

Test(image_kind, encoding_twice_gives_the_same_bits)
{
	struct as_buf png = { 0 };
	struct assay_item item;
	struct enc_input in[2];
	struct kit k;
	float *x[2];

	put_picture(&png, 333);
	item = kit_item("scan", png.data, png.len);
	kit_open(&k, &enc_image_kind, small, NULL);
	x[0] = kit_encode(&k, &item, &in[0]);
	x[1] = kit_encode(&k, &item, &in[1]);
	cr_assert(zero(int, memcmp(x[0], x[1], 5UL * 16 * sizeof(float))));
	for (size_t i = 0; i < 2; i++) {
		k.kind->input_free(&in[i]);
		free(x[i]);
	}
	kit_close(&k);
	as_buf_free(&png);
}

/* The rows of a grey picture; *n of them. Freed by the caller. */
static float *rows_of(const char *ini, const unsigned char *v, uint32_t side, size_t *n)
{
	struct as_buf png = { 0 };
	struct assay_item item;
	struct enc_input in;
	struct kit k;
	float *rows;

	put_png(&png, side, side, 8, 0, v, side);
	item = kit_item("scan", png.data, png.len);
	kit_open(&k, &enc_image_kind, ini, NULL);
	rows = kit_encode(&k, &item, &in);
	*n = in.rows;
	k.kind->input_free(&in);
	kit_close(&k);
	as_buf_free(&png);
	return rows;
}

/* The greatest difference between a picture's cells, `cells` a side, and those of its mirror
 * image. */
static float unlike_its_mirror(const char *ini, uint32_t side, size_t cells)
{
	enum { MOST = 144, WIDTH = 16 };
	static unsigned char v[2][MOST * MOST];
	float *rows[2];
	float most = 0.0F;
	size_t n;

	for (size_t i = 0; i < (size_t)side * side; i++) {
		v[0][i] = (unsigned char)((i * i / 7 + 3 * i) % 251);
		v[1][i / side * side + (side - 1 - i % side)] = v[0][i];
	}
	for (size_t i = 0; i < 2; i++) {
		rows[i] = rows_of(ini, v[i], side, &n);
		cr_assert(le(sz, cells * cells, n));
	}
	for (size_t i = 0; i < cells * cells * WIDTH; i++) {
		const size_t x = i / WIDTH % cells;
		const size_t other = i - x * WIDTH + (cells - 1 - x) * WIDTH;

		most = fmaxf(most, fabsf(rows[0][i] - rows[1][other]));
	}
	free(rows[0]);
	free(rows[1]);
	return most;
}

Test(image_kind, seen_mirrored_too_a_picture_s_cells_are_those_of_its_mirror_image)
{
	cr_assert(lt(flt, 0.01F, unlike_its_mirror(TASK "image_size = 32\n", 32, 2)));
	cr_assert(
	    lt(flt, unlike_its_mirror(TASK "image_size = 32\nimage_views = 2\n", 32, 2), 0.0001F));
}

/* Nine tokens a side, two a cell and one in the last. The mirrored view of a picture that is its
 * own mirror image has the same tokens: cells change, but not the sum of the tokens of a line of
 * them. */
Test(image_kind, no_token_of_a_mirrored_view_is_lost_or_counted_twice)
{
	enum { SIDE = 144, CELLS = 5, WIDTH = 16 };
	static const char once[] = TASK "image_size = 144\n";
	static const char twice[] = TASK "image_size = 144\nimage_views = 2\n";
	static unsigned char v[SIDE * SIDE];
	float *rows[2];
	float changed = 0.0F;
	size_t n;

	for (size_t i = 0; i < sizeof v; i++) {
		const size_t x = i % SIDE < SIDE / 2 ? i % SIDE : SIDE - 1 - i % SIDE;

		v[i] = (unsigned char)((x * x / 7 + 3 * x + i / SIDE) % 251);
	}
	rows[0] = rows_of(once, v, SIDE, &n);
	rows[1] = rows_of(twice, v, SIDE, &n);
	cr_assert(eq(sz, n, CELLS * CELLS + 1));
	for (size_t line = 0; line < CELLS; line++) {
		for (size_t k = 0; k < WIDTH; k++) {
			float sum = 0.0F;

			for (size_t x = 0; x < CELLS; x++) {
				const size_t at = (line * CELLS + x) * WIDTH + k;
				const float change = rows[1][at] - rows[0][at];

				sum += change * (x + 1 < CELLS ? 2.0F : 1.0F);
				changed = fmaxf(changed, fabsf(change));
			}
			cr_assert(lt(flt, fabsf(sum), 0.001F));
		}
	}
	cr_assert(lt(flt, 0.01F, changed));
	free(rows[0]);
	free(rows[1]);
}

Test(image_kind, a_judged_picture_is_the_mean_of_its_views)
{
	enum { N = 4 * 16 };
	unsigned char v[32 * 32];
	float *rows[3];
	float most = 0.0F;
	size_t n;

	for (size_t i = 0; i < sizeof v; i++) {
		v[i] = (unsigned char)(i * i / 7 % 251);
	}
	rows[0] = rows_of(TASK "image_size = 32\n", v, 32, &n);
	rows[1] = rows_of(TASK "image_size = 32\nimage_views = 2\n", v, 32, &n);
	rows[2] = rows_of(TASK "image_size = 32\nimage_views = 8\n", v, 32, &n);
	cr_assert(eq(sz, n, 4 + 1));
	for (size_t i = 0; i < N; i++) { /* eight are near to two, if they are a mean */
		cr_assert(lt(flt, fabsf(rows[2][i] - rows[1][i]), 2.0F));
		most = fmaxf(most, fabsf(rows[2][i] - rows[1][i]));
	}
	cr_assert(lt(flt, 0.001F, most));
	cr_assert(zero(int, memcmp(rows[0] + N, rows[2] + N, 16 * sizeof(float)))); /* texture */
	for (size_t i = 0; i < 3; i++) {
		free(rows[i]);
	}
}

Test(image_kind, a_damaged_file_is_refused_with_a_reason)
{
	struct as_buf png = { 0 };
	struct assay_item item;
	struct kit k;

	put_picture(&png, 40);
	item = kit_item("scan", png.data, png.len / 2);
	kit_open(&k, &enc_image_kind, small, NULL);
	kit_refuses(&k, &item, NULL, "cannot be decoded");
	kit_close(&k);
	as_buf_free(&png);
}

Test(image_kind, a_width_that_is_no_multiple_of_4_is_refused_and_a_model_without_rows)
{
	struct io_task task = { 0 };
	struct nn_params ps = { 0 };
	struct as_err e = { 0 };
	void *enc;

	io_hyper_defaults(&task.hyper);
	task.hyper.width = 18;
	fails(enc_image_kind.open(&enc, &ps, &task, NULL, &e), AS_ECONFIG, "width = 18");
	task.hyper.width = 16;
	task.hyper.image_cells = task.hyper.image_texture = 0;
	fails(enc_image_kind.open(&enc, &ps, &task, NULL, &e), AS_ECONFIG,
	      "nothing is left of a picture");
	task.hyper.image_texture = 1;
	task.hyper.image_views = 2;
	fails(enc_image_kind.open(&enc, &ps, &task, NULL, &e), AS_ECONFIG,
	      "image_views = 2: with image_cells = 0 there are no cells to see again");
}

Test(image_plugin, gives_the_bits_of_the_kind_and_refuses_by_item)
{
	const struct assay_item bad = kit_item("scan", "GIF", 3);
	struct as_buf png = { 0 };
	struct assay_item good;
	struct kit k;

	put_picture(&png, 100);
	good = kit_item("scan", png.data, png.len);
	kit_open(&k, &enc_image_kind, small, NULL);
	kit_plugin_agrees(&k, NULL, &good, &bad, "image_format");
	kit_close(&k);
	as_buf_free(&png);
}
