/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/image/augment.h"
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

/* The rows of the four cells, and one of texture, of a picture of 32 pixels a side. */
static float *rows_of(const char *ini, const unsigned char v[32 * 32])
{
	struct as_buf png = { 0 };
	struct assay_item item;
	struct enc_input in;
	struct kit k;
	float *rows;

	put_png(&png, 32, 32, 8, 0, v, 32);
	item = kit_item("scan", png.data, png.len);
	kit_open(&k, &enc_image_kind, ini, NULL);
	rows = kit_encode(&k, &item, &in);
	cr_assert(eq(sz, in.rows, 4 + 1));
	k.kind->input_free(&in);
	kit_close(&k);
	as_buf_free(&png);
	return rows;
}

/* The greatest difference between a picture's cells and those of its mirror image. */
static float unlike_its_mirror(const char *ini)
{
	enum { SIDE = 32, WIDTH = 16 };
	unsigned char v[2][SIDE * SIDE];
	float *rows[2];
	float most = 0.0F;

	for (size_t i = 0; i < sizeof v[0]; i++) {
		v[0][i] = (unsigned char)((i * i / 7 + 3 * i) % 251);
		v[1][i / SIDE * SIDE + (SIDE - 1 - i % SIDE)] = v[0][i];
	}
	for (size_t i = 0; i < 2; i++) {
		rows[i] = rows_of(ini, v[i]);
	}
	for (size_t i = 0; i < (size_t)4 * WIDTH; i++) {
		const size_t other = (i / WIDTH ^ 1) * WIDTH + i % WIDTH;

		most = fmaxf(most, fabsf(rows[0][i] - rows[1][other]));
	}
	free(rows[0]);
	free(rows[1]);
	return most;
}

Test(image_kind, seen_mirrored_too_a_picture_s_cells_are_those_of_its_mirror_image)
{
	cr_assert(lt(flt, 0.01F, unlike_its_mirror(TASK "image_size = 32\n")));
	cr_assert(lt(flt, unlike_its_mirror(TASK "image_size = 32\nimage_views = 2\n"), 0.0001F));
}

Test(image_kind, a_judged_picture_is_the_mean_of_its_views)
{
	enum { N = 4 * 16 };
	unsigned char v[32 * 32];
	float *rows[3];
	float most = 0.0F;

	for (size_t i = 0; i < sizeof v; i++) {
		v[i] = (unsigned char)(i * i / 7 % 251);
	}
	rows[0] = rows_of(TASK "image_size = 32\n", v);
	rows[1] = rows_of(TASK "image_size = 32\nimage_views = 2\n", v);
	rows[2] = rows_of(TASK "image_size = 32\nimage_views = 8\n", v);
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
}

Test(image_augment, views_differ_and_keep_the_picture_s_scale)
{
	enum { SIDE = 50, N = SIDE * SIDE };
	float x[N];
	float y[N];
	float before[N] = { 0 };
	struct as_rng rng;

	as_rng_seed(&rng, 1, 0);
	for (size_t i = 0; i < N; i++) {
		x[i] = i % SIDE < SIDE / 2 ? 1.0F : -1.0F;
	}
	for (int view = 0; view < 20; view++) {
		double squares = 0.0;

		enc_augment(&rng, x, y, SIDE, 1, view % 2 == 0 ? 0.0F : 0.5F);
		cr_assert(ne(int, memcmp(y, before, sizeof y), 0));
		memcpy(before, y, sizeof y);
		for (size_t i = 0; i < N; i++) {
			squares += (double)y[i] * (double)y[i];
		}
		cr_assert(lt(dbl, 0.4, squares / N));
		cr_assert(lt(dbl, squares / N, 2.0));
	}
}

Test(image_augment, the_views_of_a_judged_picture_are_itself_mirrored_and_moved)
{
	enum { SIDE = 50, BY = 2, N = SIDE * SIDE }; /* 4 % of 50 */
	static const int move[ENC_VIEWS_MAX][3] = {  /* mirrored, right, down */
						    { 0, 0, 0 },     { 1, 0, 0 },    { 0, BY, BY },
						    { 0, -BY, -BY }, { 1, BY, -BY }, { 1, -BY, BY },
						    { 0, BY, -BY },  { 0, -BY, BY }
	};
	float x[N * 2];
	float y[N * 2];

	for (size_t i = 0; i < (size_t)N * 2; i++) {
		x[i] = (float)(i + 1);
	}
	for (size_t k = 0; k < ENC_VIEWS_MAX; k++) {
		cr_assert(eq(int, enc_view_mirrored(k), move[k][0]));
		enc_view(k, x, y, SIDE, 2);
		for (int i = 0; i < N; i++) {
			const int u = move[k][0] == 1 ? SIDE - 1 - i % SIDE : i % SIDE;
			const int row = i / SIDE - move[k][2];
			const int col = u - move[k][1];
			const bool in = row >= 0 && row < SIDE && col >= 0 && col < SIDE;

			for (int c = 0; c < 2; c++) {
				const int at = (row * SIDE + col) * 2 + c;

				cr_assert(eq(flt, y[i * 2 + c], in ? x[at] : 0.0F));
			}
		}
	}
}

Test(image_augment, a_moved_picture_brings_zeros_in_and_channels_stay_apart)
{
	enum { SIDE = 50 };
	float x[SIDE * SIDE * 3];
	float y[SIDE * SIDE * 3];
	struct as_rng rng;
	bool moved = false;

	as_rng_seed(&rng, 2, 0);
	for (size_t i = 0; i < SIDE * SIDE; i++) {
		x[3 * i] = 10.0F;
		x[3 * i + 1] = 20.0F;
		x[3 * i + 2] = 30.0F;
	}
	for (int view = 0; view < 20; view++) {
		enc_augment(&rng, x, y, SIDE, 3, 0.0F);
		for (size_t i = 0; i < SIDE * SIDE; i++) {
			const size_t row = i / SIDE;
			const size_t col = i % SIDE;

			if (y[3 * i] == 0.0F) {
				moved = true;
				cr_assert(row < 4 || row >= SIDE - 4 || col < 4 || col >= SIDE - 4);
				cr_assert(eq(flt, y[3 * i + 2], 0.0F));
			}
		}
	}
	cr_assert(moved);
	cr_assert(lt(flt, y[3 * 1275], y[3 * 1275 + 2]));
}

/* Two halves, one above the other: their border is level until the picture is turned. */
Test(image_augment, a_warped_picture_is_turned_resized_and_partly_hidden)
{
	enum { SIDE = 50, VIEWS = 60 };
	float x[SIDE * SIDE];
	float y[SIDE * SIDE];
	struct as_rng rng;
	size_t slanted = 0;
	size_t hidden = 0;

	as_rng_seed(&rng, 3, 0);
	for (size_t i = 0; i < SIDE * SIDE; i++) {
		x[i] = i / SIDE < SIDE / 2 ? 10.0F : 20.0F;
	}
	for (int view = 0; view < VIEWS; view++) {
		size_t inside = 0;
		size_t left = 0;
		size_t right = 0;

		enc_augment(&rng, x, y, SIDE, 1, 1.0F);
		for (size_t row = 15; row < 35; row++) { /* rows of 20 start lower on one side */
			left += y[row * SIDE + 10] > 15.0F;
			right += y[row * SIDE + 40] > 15.0F;
			for (size_t col = 15; col < 35; col++) {
				inside += y[row * SIDE + col] == 0.0F;
			}
		}
		slanted += left > right + 3 || right > left + 3;
		hidden += inside > 0;
	}
	cr_assert(slanted > VIEWS / 3, "%zu of %d", slanted, VIEWS);
	cr_assert(hidden > VIEWS / 12 && hidden < VIEWS / 2, "%zu of %d", hidden, VIEWS);
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
