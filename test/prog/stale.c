/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * stale PID SEEN FIRST N: puts entries for the N threads FIRST, FIRST + 1... into the in-flight
 * table of the sigfd that is process PID, as if these were within a call whose end will be missed.
 * SEEN: the hooks that the call has passed (enum sigfd_seen).
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sigfd.h"

/* Its one hash map; -1: there is none. */
static int find_table(int pid)
{
	char path[64], line[128];
	int type;

	for (int fd = 0; fd < 256; fd++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "map_type: %d", &type) == 1 && type == BPF_MAP_TYPE_HASH) {
				fclose(f);
				return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), fd,
					       0);
			}
		}
		if (f)
			fclose(f);
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct sigfd_event value = { .mask = ~0ULL, .user_mask = ~0ULL, .sizemask = 8, .ufd = -1 };
	unsigned key, first, n;
	union bpf_attr attr = { .flags = BPF_ANY };
	int fd;

	if (argc != 5)
		return 2;
	fd = find_table(atoi(argv[1]));
	value.seen = atoi(argv[2]);
	first = atoi(argv[3]);
	n = atoi(argv[4]);
	attr.map_fd = fd;
	attr.key = (unsigned long)&key;
	attr.value = (unsigned long)&value;
	for (key = first; key < first + n; key++) {
		if (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr))) {
			perror("stale");
			return 1;
		}
	}
	return 0;
}
