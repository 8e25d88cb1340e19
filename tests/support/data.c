/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *data_path(const char *name)
{
	static char *kept[64]; /* so that the paths stay reachable */
	static size_t n;
	const char *folder = getenv("ASSAY_DATA");
	char *path;

	if (folder == NULL || folder[0] == '\0') {
		folder = SOURCE_DIR "/../shared/data";
	}
	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		abort();
	}
	free(kept[n % 64]);
	kept[n++ % 64] = path;
	if (access(path, R_OK) != 0) {
		(void)fprintf(stderr, "skipped: no data at %s\n", path);
		return NULL;
	}
	return path;
}
