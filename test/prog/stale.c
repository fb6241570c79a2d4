/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * stale PID SEEN FIRST N: makes entries for the N threads FIRST, FIRST + 1... in the sigfd that is
 * process PID, as if these were within a call whose end will be missed. SEEN: the hooks that the
 * call has passed (enum sigfd_seen).
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
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

/* The map of that type, with values of that size at least, that process PID holds. */
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
		if (has_type == type && has_size >= size)
			return syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), fd, 0);
	}
	errno = ENOENT;
	return -1;
}

/* False: it has this key already, if it is not to be overwritten. */
static bool update(int map, unsigned key, const struct sigfd_event *value, unsigned flags)
{
	union bpf_attr attr = {
		.map_fd = map,
		.key = (unsigned long)&key,
		.value = (unsigned long)value,
		.flags = flags,
	};

	if (!syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
		return true;
	if (errno != EEXIST)
		fail("stale");
	return false;
}

/* As new_entry() does. (It would give a thread two: one in the hash whose slot has become free.) */
static void make_entry(int map, struct sigfd_bpf__bss *bss, unsigned tid,
		       const struct sigfd_event *value)
{
	static const struct sigfd_event blank;
	unsigned number = tid % SIGFD_SLOTS;
	struct sigfd_slot *slot = &bss->slots[number];

	if (slot->tid == tid || update(map, SIGFD_SLOT | number, &blank, BPF_NOEXIST)) {
		slot->entry = *value;
		slot->tid = tid;
	} else {
		update(map, tid, value, BPF_ANY);
		slot->shared = 1;
	}
}

int main(int argc, char **argv)
{
	struct sigfd_event value = { .mask = ~0ULL, .user_mask = ~0ULL, .sizemask = 8, .ufd = -1 };
	struct sigfd_bpf__bss *bss;
	unsigned first, n;
	int map, pid;

	if (argc != 5)
		return 2;
	pid = atoi(argv[1]);
	value.seen = atoi(argv[2]);
	first = atoi(argv[3]);
	n = atoi(argv[4]);
	map = find_map(pid, BPF_MAP_TYPE_HASH, sizeof(value));
	bss = mmap(NULL, sizeof(*bss), PROT_READ | PROT_WRITE, MAP_SHARED,
		   find_map(pid, BPF_MAP_TYPE_ARRAY, sizeof(bss->slots)), 0);
	if (map < 0 || bss == MAP_FAILED)
		fail("stale: sigfd's maps");
	for (unsigned tid = first; tid < first + n; tid++)
		make_entry(map, bss, tid, &value);
	return 0;
}
