/* SPDX-License-Identifier: BSD-2-Clause */
/* A program outside the tree: built by tests/api/install.py and subproject.py. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zring/zring.h>

int main(void)
{
	struct zring_capture *capture = NULL;
	struct zring_diag diag = {.error = 0};
	struct zring_batch batch;
	int err;

	/* One call of each layer: none of these needs a privilege. */
	if (zring_batch_init(&batch, ZRING_BATCH_DEFAULT) < 0)
		return 1;
	zring_batch_fini(&batch);
	err = zring_capture_open("no-such-if0", NULL, &diag, &capture);
	if ((err != -ENODEV && err != -EPERM) || diag.error != -err || !diag.message[0]) {
		fprintf(stderr, "open: %s (%s)\n", strerror(-err), diag.message);
		return 1;
	}
	zring_capture_close(capture);
	printf("zring %s\n", zring_version());
	return 0;
}
