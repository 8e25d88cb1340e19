/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/image/pixels.h"

#include "core/base/buf.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

/* wants what vips.h defines */
#include <vips/vector.h>

enum { LONGER_MAX = 64 }; /* times the shorter side, where the centre square is taken */

/* Loaders by the class that libvips gives them, and by the name that it finds them under. */
static const char *const allowed[] = {
	"VipsForeignLoadJpeg", "VipsForeignLoadPng",   "VipsForeignLoadWebp",
	"VipsForeignLoadTiff", "VipsForeignLoadNsgif",
};

/* libvips warns of every flaw in a file it reads; what matters fails, with its own message. */
static void drop_warning(const gchar *domain, GLogLevelFlags level, const gchar *text,
			 gpointer data)
{
	(void)domain;
	(void)level;
	(void)text;
	(void)data;
}

int enc_pixels_init(struct as_err *e)
{
	/* libvips looks for modules below this: loaders of PDF, HEIF, JPEG XL, slides and what
	 * ImageMagick knows, none of which is allowed here, and forty libraries with them. */
	(void)setenv("VIPSHOME", "/dev/null", 1);
	if (VIPS_INIT("assay") != 0) {
		return as_fail(e, AS_EUNAVAIL, "libvips does not start: %s", vips_error_buffer());
	}
	(void)g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO, drop_warning, NULL);
	vips_concurrency_set(1);
	/* liborc would write machine code into a file and run it, which no sandbox allows; and its
	 * sums are of fewer bits than libvips' own. */
	vips_vector_set_enabled(FALSE);
	vips_cache_set_max(0);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		vips_operation_block_set(allowed[i], FALSE);
	}
	return AS_OK;
}

/* Fails with what libvips left in its error buffer, on one line. */
static int fail_vips(struct as_err *e, const char *what)
{
	char *said = vips_error_buffer_copy();
	size_t n = strlen(said);

	while (n > 0 && (unsigned char)said[n - 1] <= ' ') {
		said[--n] = '\0';
	}
	for (char *s = said; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ') {
			*s = ';';
		}
	}
	(void)as_fail(e, AS_EFORMAT, "%s: %s", what, *said != '\0' ? said : "damaged");
	g_free(said);
	return AS_EFORMAT;
}

static bool is_allowed(const char *loader)
{
	for (size_t i = 0; loader != NULL && i < sizeof allowed / sizeof *allowed; i++) {
		if (strncmp(loader, allowed[i], strlen(allowed[i])) == 0) {
			return true;
		}
	}
	return false;
}

static uint64_t most(uint64_t set, uint64_t usual)
{
	return set > 0 ? set : usual;
}

static int check_size(const VipsImage *header, const struct enc_picture *want, const char **limit,
		      struct as_err *e)
{
	const uint64_t side = most(want->side_max, ENC_IMAGE_SIDE_MAX);
	const uint64_t pixels = most(want->pixels_max, ENC_IMAGE_PIXELS_MAX);
	const uint64_t pages = most(want->pages_max, ENC_IMAGE_PAGES_MAX);
	const uint64_t w = (uint64_t)vips_image_get_width(header);
	const uint64_t h = (uint64_t)vips_image_get_height(header);
	int n = 1;

	if (w > side || h > side) {
		*limit = "side";
		return as_fail(e, AS_EFORMAT,
			       "side: the image is %" PRIu64 " x %" PRIu64 ", %" PRIu64
			       " a side at most",
			       w, h, side);
	}
	if (w * h > pixels) {
		*limit = "pixels";
		return as_fail(e, AS_EFORMAT,
			       "pixels: the image is %" PRIu64 " x %" PRIu64 " = %" PRIu64
			       " pixels, %" PRIu64 " at most",
			       w, h, w * h, pixels);
	}
	/* vips_image_get_n_pages answers 1 where the number is absurd */
	if (vips_image_get_typeof(header, VIPS_META_N_PAGES) == G_TYPE_INT) {
		(void)vips_image_get_int(header, VIPS_META_N_PAGES, &n);
	}
	if (n > 0 && (uint64_t)n > pages) {
		*limit = "pages";
		return as_fail(e, AS_EFORMAT, "pages: the image has %d pages, %" PRIu64 " at most",
			       n, pages);
	}
	return AS_OK;
}

/* Reads the header only; width and height are those after the EXIF rotation. */
static int read_header(struct enc_pixels *px, const struct enc_picture *want, const void *data,
		       size_t size, const char **limit, struct as_err *e)
{
	VipsImage *header = NULL;
	int rc;

	if (size == 0) {
		*limit = "image_empty";
		return as_fail(e, AS_EFORMAT, "image_empty: the file is empty (0 bytes)");
	}
	if (!is_allowed(vips_foreign_find_load_buffer(data, size))) {
		*limit = "image_format";
		return as_fail(e, AS_EFORMAT,
			       "image_format: the file (%zu bytes) is not JPEG, PNG, WebP, TIFF "
			       "or GIF",
			       size);
	}
	header = vips_image_new_from_buffer(data, size, "", "access", VIPS_ACCESS_SEQUENTIAL,
					    "fail_on", VIPS_FAIL_ON_ERROR, NULL);
	if (header == NULL) {
		return fail_vips(e, "the image's header cannot be read");
	}
	TRY(check_size(header, want, limit, e));
	px->width = (size_t)vips_image_get_width(header);
	px->height = (size_t)vips_image_get_height(header);
	if (vips_image_get_orientation_swap(header)) {
		px->width = (size_t)vips_image_get_height(header);
		px->height = (size_t)vips_image_get_width(header);
	}
out:
	g_object_unref(header);
	return rc;
}

/* How large the whole file is once its shorter (pad: longer) side fits the square, and where it
 * then lies. Of a picture that is a mere line the longer side is squeezed: it would become millions
 * of pixels of which a square is seen. */
static void place_square(struct enc_pixels *px, const struct enc_picture *want)
{
	const size_t fit = (px->width < px->height) == want->pad ? px->height : px->width;
	const double scale = (double)want->size / (double)fit;
	const double most = LONGER_MAX * (double)want->size;

	px->wide = (size_t)fmin(most, fmax(1.0, round((double)px->width * scale)));
	px->high = (size_t)fmin(most, fmax(1.0, round((double)px->height * scale)));
	px->left = ((long)want->size - (long)px->wide) / 2;
	px->top = ((long)want->size - (long)px->high) / 2;
}

/* Lets go of *at; *next, what an operation made of it, takes its place. */
static int step(int failed, VipsImage **at, VipsImage **next)
{
	g_object_unref(*at);
	*at = failed != 0 ? NULL : *next;
	return failed;
}

static int in_memory(VipsImage *in, VipsImage **out)
{
	*out = vips_image_copy_memory(in);
	return *out == NULL ? -1 : 0;
}

/* The part of the scaled file that the square shows, as floats of luminance or RGB. */
static int render(const struct enc_pixels *px, const struct enc_picture *want, const void *data,
		  size_t size, VipsImage **out)
{
	const int x = (int)(px->left < 0 ? -px->left : 0);
	const int y = (int)(px->top < 0 ? -px->top : 0);
	const int w = (int)(px->wide < want->size ? px->wide : want->size);
	const int h = (int)(px->high < want->size ? px->high : want->size);
	const VipsInterpretation space =
	    want->channels == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
	VipsImage *at = NULL;
	VipsImage *next = NULL;

	/* thumbnail_buffer takes a fail_on and does not pass it on:
	 * github.com/libvips/libvips/issues/5195
	 * All of it is made, so that damage beside the square is seen too. */
	if (vips_thumbnail_buffer((void *)data, size, &at, (int)px->wide, "height", (int)px->high,
				  "size", VIPS_SIZE_FORCE, "option_string", "[fail_on=error]",
				  NULL) != 0 ||
	    step(in_memory(at, &next), &at, &next) != 0 ||
	    step(vips_extract_area(at, &next, x, y, w, h, NULL), &at, &next) != 0 ||
	    (vips_image_hasalpha(at) && step(vips_flatten(at, &next, NULL), &at, &next) != 0) ||
	    step(vips_colourspace(at, &next, space, NULL), &at, &next) != 0 ||
	    step(vips_cast(at, &next, VIPS_FORMAT_FLOAT, NULL), &at, &next) != 0) {
		return -1;
	}
	*out = at;
	return 0;
}

/* x -> (x - mean) / sd over n numbers. */
static int normalise(float *v, size_t n, struct as_err *e)
{
	double sum = 0.0;
	double squares = 0.0;
	double mean;
	double sd;

	for (size_t i = 0; i < n; i++) {
		sum += (double)v[i];
	}
	mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) {
		squares += ((double)v[i] - mean) * ((double)v[i] - mean);
	}
	sd = sqrt(squares / (double)n);
	if (!isfinite(sd)) {
		return as_fail(e, AS_EFORMAT, "the image has pixels that are not numbers");
	}
	if (sd < 1e-6 * fmax(1.0, fabs(mean))) {
		sd = 1.0; /* a flat picture is all zeros, not amplified rounding */
	}
	for (size_t i = 0; i < n; i++) {
		v[i] = (float)(((double)v[i] - mean) / sd);
	}
	return AS_OK;
}

/* Normalises the rendered part and puts it into the square, whose padding stays 0, the mean. */
static int fill(struct enc_pixels *px, const struct enc_picture *want, VipsImage *image,
		struct as_err *e)
{
	const size_t w = (size_t)vips_image_get_width(image);
	const size_t h = (size_t)vips_image_get_height(image);
	const size_t c = want->channels;
	const size_t x = (size_t)(px->left > 0 ? px->left : 0);
	const size_t y = (size_t)(px->top > 0 ? px->top : 0);
	float *v;
	size_t bytes;
	int rc;

	if ((size_t)vips_image_get_bands(image) != c) {
		return as_fail(e, AS_EFORMAT, "the image has %d bands, %zu wanted",
			       vips_image_get_bands(image), c);
	}
	v = vips_image_write_to_memory(image, &bytes);
	if (v == NULL) {
		return fail_vips(e, "the image cannot be decoded");
	}
	TRY(normalise(v, w * h * c, e));
	px->v = as_calloc(want->size * want->size * c, sizeof *px->v);
	for (size_t row = 0; row < h; row++) {
		memcpy(px->v + ((y + row) * want->size + x) * c, v + row * w * c,
		       w * c * sizeof *v);
	}
out:
	g_free(v);
	return rc;
}

int enc_pixels_read(struct enc_pixels *px, const struct enc_picture *want, const void *data,
		    size_t size, const char **limit, struct as_err *e)
{
	VipsImage *image = NULL;
	int rc;

	*px = (struct enc_pixels){ 0 };
	*limit = NULL;
	TRY(read_header(px, want, data, size, limit, e));
	place_square(px, want);
	if (render(px, want, data, size, &image) != 0) {
		rc = fail_vips(e, "the image cannot be decoded");
		goto out;
	}
	TRY(fill(px, want, image, e));
out:
	if (image != NULL) {
		g_object_unref(image);
	}
	vips_error_clear();
	vips_thread_shutdown();
	return rc;
}

void enc_pixels_free(struct enc_pixels *px)
{
	free(px->v);
	free(px->texture);
	*px = (struct enc_pixels){ 0 };
}

/* Pixels [a, b) of the square, whose pixel `at` is the first of n that show side pixels of the
 * file, as pixels [*from, *to) of the file. */
static bool span(long a, long b, long at, size_t n, size_t side, uint32_t *from, uint32_t *to)
{
	const long first = a > at ? a - at : 0;
	const long end = b - at < (long)n ? b - at : (long)n;

	if (first >= end) {
		return false;
	}
	*from = (uint32_t)((size_t)first * side / n);
	*to = (uint32_t)(((size_t)end * side + n - 1) / n);
	return true;
}

bool enc_pixels_box(const struct enc_pixels *px, size_t x0, size_t y0, size_t x1, size_t y1,
		    struct assay_place *box)
{
	uint32_t x;
	uint32_t y;
	uint32_t right;
	uint32_t bottom;

	if (!span((long)x0, (long)x1, px->left, px->wide, px->width, &x, &right) ||
	    !span((long)y0, (long)y1, px->top, px->high, px->height, &y, &bottom)) {
		return false;
	}
	box->a = x;
	box->b = y;
	box->c = right - x;
	box->d = bottom - y;
	return true;
}
