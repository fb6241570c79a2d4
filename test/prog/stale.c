/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * stale PID SEEN TARGET...: makes an entry for the main thread of each process TARGET in the sigfd
 * that is process PID, as if it were within a call whose end will be missed. SEEN: the hooks that
 * the call has passed (enum sigfd_seen).
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sigfd.h"
#include "sigfd.skel.h"

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* The map of that type, with values of that size, that process PID holds. */
static int find_map(int pid, int type, unsigned size)
{
	char path[64], line[128];

	for (int fd = 0; fd < 256; fd++) {
		int has_type = -1;
		unsigned has_size = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			sscanf(line, "map_type: %d", &has_type);
			sscanf(line, "value_size: %u", &has_size);
		}
		if (f)
			fclose(f);
		if (has_type == type && has_size == size)
			return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), fd, 0);
	}
	errno = ENOENT;
	fail("stale: sigfd's maps");
	return -1;
}

/* In task storage a key is the pidfd of the thread. */
static void make_entry(int entries, int target, const struct sigfd_event *value)
{
	int key = syscall(SYS_pidfd_open, target, 0);
	union bpf_attr attr = {
		.map_fd = entries,
		.key = (unsigned long)&key,
		.value = (unsigned long)value,
	};

	if (key < 0 || syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
		fail("stale: an entry");
	close(key);
}

int main(int argc, char **argv)
{
	struct sigfd_event value = { .mask = ~0ULL, .user_mask = ~0ULL, .sizemask = 8, .ufd = -1 };
	struct sigfd_bpf__bss *bss;
	int entries, pid;

	if (argc < 4)
		return 2;
	pid = atoi(argv[1]);
	value.seen = atoi(argv[2]);
	entries = find_map(pid, BPF_MAP_TYPE_TASK_STORAGE, sizeof(value));
	bss = mmap(NULL, sizeof(*bss), PROT_READ | PROT_WRITE, MAP_SHARED,
		   find_map(pid, BPF_MAP_TYPE_ARRAY, sizeof(*bss)), 0);
	if (bss == MAP_FAILED)
		fail("stale: sigfd's variables");
	for (int i = 3; i < argc; i++) {
		make_entry(entries, atoi(argv[i]), &value);
		__sync_fetch_and_add(&bss->counters.begun, 1);
	}
	return 0;
}
