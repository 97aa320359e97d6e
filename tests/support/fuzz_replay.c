/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libFuzzer: gives every file of a corpus to the target, once. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The heap block ends where the input ends, so that a sanitizer sees one byte too many. */
static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat status;
	size_t size;
	int err = 0;

	if (!file || fstat(fileno(file), &status) < 0)
		goto failed;
	size = (size_t)status.st_size;
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, file) != size)
		goto failed;
	LLVMFuzzerTestOneInput(data, size);
	goto out;
failed:
	err = -EIO;
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
out:
	free(data);
	if (file)
		fclose(file);
	return err;
}

static int replay_directory(const char *path, unsigned int *nr_files)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[4096];
	int err = 0;

	if (!directory) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	while (!err && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		err = replay_file(name);
		(*nr_files)++;
	}
	closedir(directory);
	return err;
}

int main(int argc, char **argv)
{
	unsigned int nr_files = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
		return 2;
	}
	if (replay_directory(argv[1], &nr_files) < 0)
		return 1;
	if (!nr_files) {
		fprintf(stderr, "%s: no inputs\n", argv[1]);
		return 1;
	}
	printf("%u inputs replayed\n", nr_files);
	return 0;
}
