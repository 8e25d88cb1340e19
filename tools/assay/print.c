/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/print.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BAR = 10, SIDE = 5, LABELS_SHOWN = 5, MULTI_SHOWN = 16 };

/* From here on the parts' own judgments differ enough to say so. */
static const double CONFLICT = 0.3;

static const char BOLD[] = "\033[1m";
static const char YELLOW[] = "\033[33m";
static const char PLAIN[] = "\033[0m";

/* Text from outside: control bytes could forge lines or drive the terminal. */
static void put_text(FILE *f, const char *s)
{
	for (; *s != '\0'; s++) {
		const unsigned char c = (unsigned char)*s;

		(void)fputc(c < 0x20 || c == 0x7F ? '?' : c, f);
	}
}

static void put_colour(FILE *f, bool colour, const char *sequence)
{
	if (colour) {
		(void)fputs(sequence, f);
	}
}

/* A bar of BAR cells for a share of 0 to 1. */
static void put_bar(FILE *f, double share)
{
	const int full = (int)lround(fmax(0, fmin(1, share)) * BAR);

	for (int i = 0; i < BAR; i++) {
		(void)fputs(i < full ? "█" : "·", f);
	}
}

/* A bar from the middle: to the right for what speaks for the label, to the left against. */
static void put_signed_bar(FILE *f, double share)
{
	const int full = (int)lround(fmax(-1, fmin(1, share)) * SIDE);

	for (int i = -SIDE; i < SIDE; i++) {
		(void)fputs(i == 0 ? "│" : "", f);
		(void)fputs((i < 0 && i >= full) || (i >= 0 && i < full) ? "█" : "·", f);
	}
}

static void print_verdict(FILE *f, const struct json_t *data, bool colour)
{
	const struct json_t *labels = io_json_find(data, "label");
	const char *label = io_json_find_str(data, "label", NULL);
	const double value = io_json_find_num(data, "value", (double)NAN);

	(void)fputs("  ", f);
	put_colour(f, colour, BOLD);
	if (!isnan(value)) {
		fprintf(f, "%.6g", value);
	} else if (label != NULL) {
		put_text(f, label);
		fprintf(f, "  %.1f %%", 100 * io_json_find_num(data, "probability", 0));
	} else {
		for (size_t i = 0; i < io_json_len(labels); i++) {
			const char *s = io_json_str(io_json_at(labels, i));

			(void)fputs(i > 0 ? ", " : "", f);
			put_text(f, s ? s : "?");
		}
		(void)fputs(io_json_len(labels) == 0 ? "no label" : "", f);
	}
	put_colour(f, colour, PLAIN);
}

/* Every label's probability, in the order of the task. */
static void print_labels(FILE *f, const struct json_t *data)
{
	const struct json_t *labels = io_json_find(data, "labels");
	const size_t max = io_json_is_arr(io_json_find(data, "label")) ? MULTI_SHOWN : LABELS_SHOWN;
	const char *name;
	struct json_t *p;
	void *it = NULL;
	size_t n = 0;

	if (io_json_len(labels) == 0) {
		(void)fputs("\n", f);
		return;
	}
	(void)fputs("   (", f);
	while (n < max && io_json_next(labels, &it, &name, &p)) {
		(void)fputs(n++ > 0 ? ", " : "", f);
		put_text(f, name);
		fprintf(f, " %.3f", io_json_num(p, 0));
	}
	(void)fputs(io_json_len(labels) > max ? ", ..." : "", f);
	if (io_json_find_num(data, "threshold", -1) >= 0) {
		fprintf(f, "; threshold %.3f", io_json_find_num(data, "threshold", 0));
	}
	(void)fputs(")\n", f);
}

/* What the part alone says: its likeliest label, or its value. */
static void print_own(FILE *f, const struct json_t *part)
{
	const struct json_t *labels = io_json_find(part, "labels");
	const double value = io_json_find_num(part, "value", (double)NAN);
	const char *best = NULL;
	double top = -1;
	const char *name;
	struct json_t *p;
	void *it = NULL;

	if (!isnan(value)) {
		fprintf(f, "  alone: %.6g", value);
	}
	while (io_json_next(labels, &it, &name, &p)) {
		if (io_json_num(p, 0) > top) {
			top = io_json_num(p, 0);
			best = name;
		}
	}
	if (best != NULL) {
		(void)fputs("  alone: ", f);
		put_text(f, best);
		fprintf(f, " %.1f %%", 100 * top);
	}
}

/* The contributions of a judgment of one label or of a value; NULL: it has none. */
static const struct json_t *shares_of(const struct json_t *data)
{
	return io_json_is_arr(io_json_find(data, "label")) ? NULL
							   : io_json_find(data, "contributions");
}

static double largest(const struct json_t *shares)
{
	const char *name;
	struct json_t *v;
	void *it = NULL;
	double most = 0;

	while (io_json_next(shares, &it, &name, &v)) {
		most = fmax(most, fabs(io_json_num(v, 0)));
	}
	return most;
}

static void print_parts(FILE *f, const struct json_t *data)
{
	const struct json_t *shares = shares_of(data);
	const double most = largest(shares);
	const bool value = !isnan(io_json_find_num(data, "value", (double)NAN));
	const char *name;
	struct json_t *part;
	void *it = NULL;

	while (io_json_next(io_json_find(data, "parts"), &it, &name, &part)) {
		const double weight = io_json_find_num(part, "weight", 0);
		const double share = io_json_find_num(shares, name, 0);

		(void)fputs("  ", f);
		put_text(f, name);
		for (size_t n = strlen(name); n < 12; n++) {
			(void)fputc(' ', f);
		}
		if (!io_json_find_bool(part, "present", false)) {
			(void)fputs("missing\n", f);
			continue;
		}
		put_bar(f, weight);
		fprintf(f, " %3.0f %%", 100 * weight);
		if (shares != NULL) {
			(void)fputs("  ", f);
			put_signed_bar(f, most > 0 ? share / most : 0);
			fprintf(f, value ? " %+.4g" : " %+6.2f", share);
		}
		print_own(f, part);
		(void)fputs("\n", f);
	}
}

/* The labels, or the values, that the truth is among. */
static void print_set(FILE *f, const struct json_t *data)
{
	const struct json_t *set = io_json_find(data, "set");
	const struct json_t *interval = io_json_find(data, "interval");
	const double low = io_json_num(io_json_at(interval, 0), (double)NAN);
	const double high = io_json_num(io_json_at(interval, 1), (double)NAN);
	char name[32];

	if (set == NULL && interval == NULL) {
		return;
	}
	(void)snprintf(name, sizeof name, "%g %%", 100 * io_json_find_num(data, "coverage", 0));
	fprintf(f, "  %-10s  ", name);
	if (interval != NULL && (isnan(low) || isnan(high))) {
		(void)fputs("any value: too few cases to tell", f);
	} else if (interval != NULL) {
		fprintf(f, "%.6g to %.6g", low, high);
	} else if (io_json_len(set) == 0) {
		(void)fputs("no label fits", f);
	}
	for (size_t i = 0; i < io_json_len(set); i++) {
		const char *s = io_json_str(io_json_at(set, i));

		(void)fputs(i > 0 ? " or " : "", f);
		put_text(f, s ? s : "?");
	}
	(void)fputs("\n", f);
}

/* Which of the task's limits does not hold. */
static void print_abstention(FILE *f, const struct json_t *abstain, bool colour)
{
	const char *reason = io_json_find_str(abstain, "reason", "?");
	const double is = io_json_find_num(abstain, "is", (double)NAN);
	const double limit = io_json_find_num(abstain, "limit", (double)NAN);

	if (abstain == NULL) {
		return;
	}
	put_colour(f, colour, YELLOW);
	(void)fputs("  ? abstains: ", f);
	if (strcmp(reason, "set") != 0) {
		put_text(f, reason);
		fprintf(f, " %.4g, limit %.4g\n", is, limit);
	} else if (is > limit) {
		fprintf(f, "%.0f labels in the set, limit %.0f\n", is, limit);
	} else {
		(void)fputs("the set does not hold the label\n", f);
	}
	put_colour(f, colour, PLAIN);
}

static void put_numbers(FILE *f, const struct json_t *v)
{
	for (size_t i = 0; i < io_json_len(v); i++) {
		fprintf(f, "%s%.0f", i > 0 ? ", " : "", io_json_num(io_json_at(v, i), 0));
	}
}

/* A place in words: whose it is, what stands there, and where. */
static void print_place(FILE *f, const struct json_t *place)
{
	const char *label = io_json_find_str(place, "label", NULL);
	const uint64_t page = io_json_find_u64(place, "page", 0);
	const struct json_t *box = io_json_find(place, "box");
	const struct json_t *cell = io_json_find(place, "cell");
	const struct json_t *bytes = io_json_find(place, "bytes");

	put_text(f, io_json_find_str(place, "part", "?"));
	if (page > 0) {
		fprintf(f, " page %" PRIu64, page + 1);
	}
	if (label != NULL) {
		(void)fputs(bytes != NULL ? " \"" : " ", f);
		put_text(f, label);
		(void)fputs(bytes != NULL ? "\"" : "", f);
	}
	if (io_json_len(box) == 4) {
		fprintf(f, " at x %.0f, y %.0f, %.0f x %.0f pixels",
			io_json_num(io_json_at(box, 0), 0), io_json_num(io_json_at(box, 1), 0),
			io_json_num(io_json_at(box, 2), 0), io_json_num(io_json_at(box, 3), 0));
	} else if (label == NULL && io_json_len(cell) > 0) {
		(void)fputs(" cell ", f);
		put_numbers(f, cell);
	} else if (label == NULL && bytes != NULL) {
		(void)fputs(" bytes ", f);
		put_numbers(f, bytes);
	}
}

static void print_alignments(FILE *f, const struct json_t *alignments)
{
	for (size_t i = 0; i < io_json_len(alignments); i++) {
		const struct json_t *a = io_json_at(alignments, i);

		(void)fputs(i == 0 ? "  together    " : "              ", f);
		print_place(f, io_json_find(a, "from"));
		(void)fputs(" ~ ", f);
		print_place(f, io_json_find(a, "to"));
		fprintf(f, " (x %.1f)\n", io_json_find_num(a, "strength", 0));
	}
}

/* The part that is furthest from what the others say together, if any is: of two, neither. */
static const char *odd_one_out(const struct json_t *parts, double *conflict)
{
	void *it = NULL;
	const char *name;
	const char *odd = NULL;
	struct json_t *part;
	size_t present = 0;

	*conflict = 0;
	while (io_json_next(parts, &it, &name, &part)) {
		present += io_json_find_bool(part, "present", false);
		if (io_json_find_num(part, "conflict", 0) > *conflict) {
			*conflict = io_json_find_num(part, "conflict", 0);
			odd = name;
		}
	}
	return present > 2 ? odd : NULL;
}

static void print_conflict(FILE *f, const struct json_t *data, bool colour)
{
	const double conflict = io_json_find_num(data, "conflict", 0);
	double most;
	const char *odd = odd_one_out(io_json_find(data, "parts"), &most);

	if (conflict < CONFLICT) {
		return;
	}
	put_colour(f, colour, YELLOW);
	fprintf(f, "  ! the parts disagree (conflict %.2f)", conflict);
	if (odd != NULL) {
		(void)fputs(", most of all ", f);
		put_text(f, odd);
		fprintf(f, " (%.2f)", most);
	}
	(void)fputs(": look at this case\n", f);
	put_colour(f, colour, PLAIN);
}

static void print_result(FILE *f, const struct json_t *data, bool colour)
{
	(void)fputs("\n", f);
	print_verdict(f, data, colour);
	print_labels(f, data);
	print_set(f, data);
	print_parts(f, data);
	print_conflict(f, data, colour);
	print_abstention(f, io_json_find(data, "abstain"), colour);
	print_alignments(f, io_json_find(data, "alignments"));
}

void cmd_print_judgment(FILE *f, const struct json_t *body, bool colour)
{
	const struct json_t *data = io_json_find(body, "data");
	const char *kind = io_json_find_str(data, "kind", "");
	const char *stream = io_json_find_str(data, "stream", NULL);

	put_colour(f, colour, BOLD);
	put_text(f, io_json_find_str(body, "subject", "?"));
	put_colour(f, colour, PLAIN);
	if (stream != NULL) {
		(void)fputs("  ", f);
		put_text(f, stream);
		fprintf(f, " %" PRIu64, io_json_find_u64(data, "seq", 0));
	}
	if (strcmp(kind, "result") == 0) {
		print_result(f, data, colour);
	} else if (strcmp(kind, "rejected") == 0) {
		put_colour(f, colour, YELLOW);
		(void)fputs("  rejected: ", f);
		put_text(f, io_json_find_str(data, "message", "?"));
		put_colour(f, colour, PLAIN);
		(void)fputs("\n", f);
	} else if (strcmp(kind, "purged") == 0) {
		(void)fputs("  purged\n", f);
	} else {
		(void)fputs("  a judgment of a kind that is not known here\n", f);
	}
}
