/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/image/pixels.h"
#include "tests/encoders/image/drawn.h"
#include "tests/encoders/image/samples.h"
#include "tests/support/check.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/io/file.h"

static const struct enc_picture crop = { .size = 32, .channels = 1 };
static const struct enc_picture pad = { .size = 32, .channels = 1, .pad = true };

static void start(void)
{
	struct as_err e = { 0 };

	ok(enc_pixels_init(&e));
}

static void take(struct enc_pixels *px, const struct enc_picture *want, const void *data, size_t n)
{
	const char *limit;
	struct as_err e = { 0 };

	ok(enc_pixels_read(px, want, data, n, &limit, &e));
}

/* Refused with this limit (NULL: none) and a message that mentions text. */
static void refuse(const void *data, size_t n, const char *want, const char *text)
{
	struct enc_pixels px;
	const char *limit;
	struct as_err e = { 0 };

	fails(enc_pixels_read(&px, &crop, data, n, &limit, &e), AS_EFORMAT, text);
	same(limit != NULL ? limit : "none", want != NULL ? want : "none");
	enc_pixels_free(&px);
}

/* A grey picture whose left half is bright. */
static unsigned char *halves(size_t w, size_t h)
{
	unsigned char *v = as_malloc(w * h);

	for (size_t i = 0; i < w * h; i++) {
		v[i] = i % w < w / 2 ? 200 : 50;
	}
	return v;
}

Test(image_pixels, the_five_formats_are_read_by_their_content)
{
	static const struct {
		const unsigned char *data;
		size_t n;
	} file[] = { { jpeg, sizeof jpeg }, { webp, sizeof webp }, { gif, sizeof gif } };
	unsigned char *v = halves(16, 8);
	struct as_buf own[2] = { { 0 }, { 0 } };

	start();
	put_png(&own[0], 16, 8, 8, 0, v, 16);
	put_tiff(&own[1], 16, 8, 1, v);
	for (size_t i = 0; i < 5; i++) {
		struct enc_pixels px;

		take(&px, &crop, i < 3 ? (const void *)file[i].data : own[i - 3].data,
		     i < 3 ? file[i].n : own[i - 3].len);
		cr_assert(eq(sz, px.width, 16));
		cr_assert(eq(sz, px.height, 8));
		cr_assert(lt(flt, 0.8F, px.v[16 * 32 + 4]));
		cr_assert(lt(flt, px.v[16 * 32 + 27], -0.8F));
		enc_pixels_free(&px);
	}
	as_buf_free(&own[0]);
	as_buf_free(&own[1]);
	free(v);
}

Test(image_pixels, a_picture_has_mean_0_and_sd_1_and_a_flat_one_is_zero)
{
	unsigned char *v = halves(64, 64);
	struct as_buf png = { 0 };
	struct enc_pixels px;
	double sum = 0.0;
	double squares = 0.0;

	start();
	put_png(&png, 64, 64, 8, 0, v, 64);
	take(&px, &crop, png.data, png.len);
	for (size_t i = 0; i < 1024; i++) {
		sum += (double)px.v[i];
		squares += (double)px.v[i] * (double)px.v[i];
	}
	cr_assert(epsilon_eq(dbl, sum / 1024.0, 0.0, 1e-6));
	cr_assert(epsilon_eq(dbl, squares / 1024.0, 1.0, 1e-5));
	enc_pixels_free(&px);
	as_buf_free(&png);
	memset(v, 77, 64UL * 64UL);
	put_png(&png, 64, 64, 8, 0, v, 64);
	take(&px, &crop, png.data, png.len);
	for (size_t i = 0; i < 1024; i++) {
		cr_assert(eq(flt, px.v[i], 0.0F));
	}
	enc_pixels_free(&px);
	as_buf_free(&png);
	free(v);
}

Test(image_pixels, sixteen_bits_read_as_eight)
{
	struct enc_pixels px[2];
	struct as_buf png[2] = { { 0 }, { 0 } };
	unsigned char *v = as_malloc(32UL * 32UL);
	unsigned char *wide = as_malloc(2UL * 32UL * 32UL);

	start();
	for (size_t i = 0; i < 32UL * 32UL; i++) {
		v[i] = (unsigned char)(i * 7 % 256);
		wide[2 * i] = v[i];
		wide[2 * i + 1] = 0;
	}
	put_png(&png[0], 32, 32, 8, 0, v, 32);
	put_png(&png[1], 32, 32, 16, 0, wide, 64);
	take(&px[0], &crop, png[0].data, png[0].len);
	take(&px[1], &crop, png[1].data, png[1].len);
	for (size_t i = 0; i < 32UL * 32UL; i++) {
		/* one level of 256 is 0.014 of the sd */
		cr_assert(epsilon_eq(flt, px[0].v[i], px[1].v[i], 0.015F));
	}
	for (size_t i = 0; i < 2; i++) {
		enc_pixels_free(&px[i]);
		as_buf_free(&png[i]);
	}
	free(v);
	free(wide);
}

Test(image_pixels, what_is_transparent_is_black)
{
	unsigned char v[32 * 32][4];
	struct enc_picture colour = crop;
	struct as_buf png = { 0 };
	struct enc_pixels px;

	start();
	colour.channels = 3;
	for (size_t i = 0; i < 1024; i++) {
		const unsigned char white[4] = { 255, 255, 255, i % 32 < 16 ? 255 : 0 };

		memcpy(v[i], white, 4);
	}
	put_png(&png, 32, 32, 8, 6, v[0], 128);
	take(&px, &colour, png.data, png.len);
	for (size_t k = 0; k < 3; k++) {
		cr_assert(lt(flt, 0.9F, px.v[3 * (5 * 32 + 5) + k]));
		cr_assert(lt(flt, px.v[3 * (5 * 32 + 27) + k], -0.9F));
	}
	enc_pixels_free(&px);
	as_buf_free(&png);
}

Test(image_pixels, exif_turns_the_picture_and_its_size)
{
	unsigned char *v = halves(300, 100);
	struct as_buf tiff = { 0 };
	struct enc_pixels px;

	start();
	put_tiff(&tiff, 300, 100, 6, v); /* the stored left is the upright top */
	take(&px, &pad, tiff.data, tiff.len);
	cr_assert(eq(sz, px.width, 100));
	cr_assert(eq(sz, px.height, 300));
	cr_assert(lt(flt, 0.8F, px.v[4 * 32 + 16]));
	cr_assert(lt(flt, px.v[27 * 32 + 16], -0.8F));
	cr_assert(eq(flt, px.v[4 * 32 + 2], 0.0F), "beside the picture is padding");
	enc_pixels_free(&px);
	take(&px, &pad, jpeg_turned, sizeof jpeg_turned);
	cr_assert(eq(sz, px.width, 8));
	cr_assert(eq(sz, px.height, 16));
	cr_assert(lt(flt, 0.8F, px.v[4 * 32 + 16]));
	enc_pixels_free(&px);
	as_buf_free(&tiff);
	free(v);
}

Test(image_pixels, boxes_of_the_centre_square_are_pixels_of_the_file)
{
	unsigned char *v = halves(300, 100);
	struct assay_place box = { 0 };
	struct as_buf png = { 0 };
	struct enc_pixels px;

	start();
	put_png(&png, 300, 100, 8, 0, v, 300);
	take(&px, &crop, png.data, png.len);
	cr_assert(enc_pixels_box(&px, 0, 0, 8, 8, &box));
	cr_assert(eq(u32, box.a, 100));
	cr_assert(eq(u32, box.b, 0));
	cr_assert(eq(u32, box.c, 25));
	cr_assert(eq(u32, box.d, 25));
	cr_assert(enc_pixels_box(&px, 24, 24, 32, 32, &box));
	cr_assert(eq(u32, box.a, 175));
	cr_assert(eq(u32, box.b, 75));
	cr_assert(eq(u32, box.a + box.c, 200));
	cr_assert(eq(u32, box.b + box.d, 100));
	enc_pixels_free(&px);
	as_buf_free(&png);
	free(v);
}

Test(image_pixels, boxes_of_a_padded_picture_are_cut_to_the_file)
{
	unsigned char *v = halves(64, 32);
	struct assay_place box = { 0 };
	struct as_buf png = { 0 };
	struct enc_pixels px;

	start();
	put_png(&png, 64, 32, 8, 0, v, 64);
	take(&px, &pad, png.data, png.len);
	cr_assert(not(enc_pixels_box(&px, 0, 0, 8, 8, &box)), "rows 0 to 8 are padding");
	cr_assert(eq(u32, box.a + box.b + box.c + box.d, 0));
	cr_assert(enc_pixels_box(&px, 24, 4, 32, 12, &box));
	cr_assert(eq(u32, box.a, 48));
	cr_assert(eq(u32, box.b, 0));
	cr_assert(eq(u32, box.c, 16));
	cr_assert(eq(u32, box.d, 8));
	enc_pixels_free(&px);
	as_buf_free(&png);
	free(v);
}

Test(image_pixels, lines_and_single_pixels_are_pictures)
{
	static const uint32_t side[][2] = { { 1, 1 }, { 1, 5000 }, { 5000, 1 }, { 3, 2 } };
	unsigned char *v = halves(5000, 1);

	start();
	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 2; k++) {
			struct as_buf png = { 0 };
			struct assay_place box = { 0 };
			struct enc_pixels px;

			put_png(&png, side[i][0], side[i][1], 8, 0, v, side[i][0]);
			take(&px, k == 0 ? &crop : &pad, png.data, png.len);
			cr_assert(enc_pixels_box(&px, 0, 0, 32, 32, &box));
			cr_assert(le(u32, box.a + box.c, side[i][0]));
			cr_assert(le(u32, box.b + box.d, side[i][1]));
			enc_pixels_free(&px);
			as_buf_free(&png);
		}
	}
	free(v);
}

Test(image_pixels, the_limits_hold_exactly_before_anything_is_decoded)
{
	static const struct {
		uint32_t w, h;
		const char *limit, *text;
	} header[] = {
		{ 10000, 10000, NULL, "the image" },
		{ 10001, 10000, "pixels", "10001 x 10000 = 100010000 pixels, 100000000 at most" },
		{ 32768, 1, NULL, "the image" },
		{ 32769, 1, "side", "32769 x 1, 32768 a side" },
		{ 1, 32769, "side", "1 x 32769" },
		{ 1000000, 1000000, "side", "1000000 x 1000000" },
	};

	start();
	for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
		struct as_buf data = { 0 };
		struct as_buf png = { 0 };

		put_png_header(&png, header[i].w, header[i].h, 8, 0);
		as_buf_put(&data, "\x78\x01\x01", 3);
		put_chunk(&png, "IDAT", &data);
		refuse(png.data, png.len, header[i].limit, header[i].text);
		as_buf_free(&data);
		as_buf_free(&png);
	}
}

Test(image_pixels, limits_that_are_set_hold_at_one_less_and_one_more)
{
	static const struct {
		struct enc_picture want;
		const char *limit;
	} tried[] = {
		{ { .size = 32, .channels = 1, .side_max = 41, .pixels_max = 1200 }, NULL },
		{ { .size = 32, .channels = 1, .side_max = 40, .pixels_max = 1201 }, NULL },
		{ { .size = 32, .channels = 1, .side_max = 39 }, "side" },
		{ { .size = 32, .channels = 1, .pixels_max = 1199 }, "pixels" },
		{ { .size = 32, .channels = 1, .pages_max = 1 }, NULL },
	};
	unsigned char *v = halves(40, 30);
	struct as_buf png = { 0 };

	start();
	put_png(&png, 40, 30, 8, 0, v, 40);
	for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
		struct enc_pixels px;
		const char *limit = NULL;
		struct as_err e = { 0 };
		const int rc = enc_pixels_read(&px, &tried[i].want, png.data, png.len, &limit, &e);

		cr_assert(eq(int, rc, tried[i].limit ? AS_EFORMAT : AS_OK), "%zu: %s", i, e.msg);
		same(limit ? limit : "none", tried[i].limit ? tried[i].limit : "none");
		enc_pixels_free(&px);
	}
	as_buf_free(&png);
	free(v);
}

Test(image_pixels, of_up_to_200_pages_the_first_is_read)
{
	struct enc_pixels px;
	struct as_buf frames = { 0 };

	start();
	put_gif(&frames, 200);
	take(&px, &crop, frames.data, frames.len);
	cr_assert(eq(sz, px.height, 1));
	enc_pixels_free(&px);
	as_buf_clear(&frames);
	put_gif(&frames, 201);
	refuse(frames.data, frames.len, "pages", "201 pages, 200 at most");
	as_buf_free(&frames);
}

Test(image_pixels, other_formats_are_refused)
{
	static const char *const other[] = {
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>",
		"<?xml version=\"1.0\"?><svg width=\"9\" height=\"9\"></svg>",
		"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF",
		"P2\n2 2\n255\n0 1 2 3\n",
		"1,2,3\n4,5,6\n",
		"BM6\1",
		"not an image at all",
		"\x89PNX\r\n",
	};
	static const char heif[] = "\0\0\0\x18"
				   "ftypheic\0\0\0\0mif1heic\0\0\0\x0cmeta";
	static const char avif[] = "\0\0\0\x18"
				   "ftypavif\0\0\0\0mif1avif\0\0\0\x0cmeta";

	start();
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		refuse(other[i], strlen(other[i]), "image_format",
		       "not JPEG, PNG, WebP, TIFF or GIF");
	}
	refuse(heif, sizeof heif, "image_format", "not JPEG");
	refuse(avif, sizeof avif, "image_format", "not JPEG");
	refuse("", 0, "image_empty", "0 bytes");
}

Test(image_pixels, libvips_brings_no_modules)
{
	char line[512];
	bool vips = false;
	FILE *maps;

	cr_assert(zero(int, setenv("VIPSHOME", "/usr", 1)));
	start();
	maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, maps) != NULL) {
		vips = vips || strstr(line, "/libvips.so") != NULL;
		cr_assert(zero(ptr, strstr(line, "/vips-modules-")), "%s", line);
	}
	cr_assert(eq(int, vips, true));
	(void)fclose(maps);
}

Test(image_pixels, any_truncation_is_refused_or_read_and_half_a_file_is_refused)
{
	unsigned char *v = halves(40, 40);
	struct as_buf own = { 0 };

	start();
	put_png(&own, 40, 40, 8, 0, v, 40);
	for (size_t n = 0; n < own.len + sizeof jpeg; n += 5) {
		const bool is_png = n < own.len;
		struct enc_pixels px;
		const char *limit;
		struct as_err e = { 0 };
		const int rc = is_png ? enc_pixels_read(&px, &crop, own.data, n, &limit, &e)
				      : enc_pixels_read(&px, &crop, jpeg, n - own.len, &limit, &e);

		if (rc != AS_OK) {
			cr_assert(lt(sz, 10, strlen(e.msg)));
			cr_assert(eq(ptr, strchr(e.msg, '\n'), NULL), "%s", e.msg);
		}
		enc_pixels_free(&px);
	}
	refuse(own.data, own.len / 2, NULL, "the image cannot be decoded");
	refuse(jpeg, sizeof jpeg * 3 / 4, NULL, "the image");
	as_buf_free(&own);
	free(v);
}

Test(image_pixels, damage_beside_the_square_is_seen)
{
	unsigned char *v = halves(100, 300);
	struct as_buf png = { 0 };

	start();
	put_png(&png, 100, 300, 8, 0, v, 100);
	refuse(png.data, png.len * 9 / 10, NULL, "the image cannot be decoded");
	as_buf_free(&png);
	free(v);
}

/* One file of PngSuite: those whose name begins with x are damaged. */
static void read_suite_file(const char *path, bool damaged)
{
	struct as_buf data = { 0 };
	struct enc_pixels px;
	const char *limit;
	struct as_err e = { 0 };

	ok(io_read_file(path, 1 << 20, &data, &e));
	if (!damaged) {
		cr_assert(
		    eq(int, enc_pixels_read(&px, &crop, data.data, data.len, &limit, &e), AS_OK),
		    "%s: %s", path, e.msg);
	} else if (enc_pixels_read(&px, &crop, data.data, data.len, &limit, &e) != AS_OK) {
		cr_assert(lt(sz, 10, strlen(e.msg)));
	}
	enc_pixels_free(&px);
	as_buf_free(&data);
}

Test(image_pixels, pngsuite_is_read_and_its_damaged_files_do_no_harm)
{
	const char *root = getenv("ASSAY_DATA");
	struct as_buf path = { 0 };
	struct dirent *f;
	size_t files = 0;
	size_t at;
	DIR *dir;

	start();
	as_buf_printf(&path, "%s/robustness/pngsuite/png/",
		      root != NULL ? root : SOURCE_DIR "/../shared/data");
	at = path.len;
	dir = opendir(path.data);
	if (dir == NULL) {
		(void)fprintf(stderr, "skipped: no data at %s\n", path.data);
		as_buf_free(&path);
		return;
	}
	while ((f = readdir(dir)) != NULL) {
		const size_t n = strlen(f->d_name);

		if (n > 4 && strcmp(f->d_name + n - 4, ".png") == 0) {
			path.len = at;
			as_buf_puts(&path, f->d_name);
			read_suite_file(path.data, f->d_name[0] == 'x');
			files++;
		}
	}
	cr_assert(lt(sz, 100, files));
	(void)closedir(dir);
	as_buf_free(&path);
}
