/* SPDX-License-Identifier: Apache-2.0
 * cmd_keys.c - assay keys: pairs of keys for daemons, clients and workers. */
#include "core/bus/keys.h"
#include "tools/assay/cmd.h"

#include <stdio.h>
#include <string.h>

static int generate(const char *file, struct as_err *e)
{
	struct bus_keys k;
	int rc;

	TRY(bus_keys_make(&k, e));
	TRY(bus_keys_save(&k, file, e));
	printf("%s\n", k.public);
out:
	bus_keys_wipe(&k);
	return rc;
}

static int show(const char *file, struct as_err *e)
{
	struct bus_keys k;
	const int rc = bus_keys_load(&k, file, false, e);

	if (rc == AS_OK) {
		printf("%s\n", k.public);
	}
	return rc;
}

int cmd_keys(int argc, char **argv)
{
	const struct cmd_spec spec = {
		"keys",
		"generate FILE | show FILE",
		"generate makes a pair of keys: FILE has both (mode 600; keep it), FILE.pub the\n"
		"public one (for the other side). show prints the public key of either file.\n"
		"Exit: 0, 66 no such file, 73 a file is there already.\n",
		NULL,
		0,
		2,
		2,
	};
	const char *word[2];
	size_t words;
	bool done;
	struct as_err e = { 0 };
	int rc = cmd_parse(&spec, argc, argv, word, &words, &done, &e);

	if (rc != AS_OK || done) {
		return cmd_end(&spec, rc, &e);
	}
	if (strcmp(word[0], "generate") == 0) {
		rc = generate(word[1], &e);
	} else if (strcmp(word[0], "show") == 0) {
		rc = show(word[1], &e);
	} else {
		rc = as_fail(&e, AS_EUSAGE, "%.64s: want generate or show", word[0]);
	}
	return cmd_end(&spec, rc, &e);
}
