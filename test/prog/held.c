/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * held: what the kernel holds of BPF, a line each: "prog", "map" or "link", and the number. bpftool
 * tells it too, but first loads a program of its own to find out whose each is: seconds in an
 * emulated machine.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int list(const char *kind, int command)
{
	union bpf_attr attr = { .start_id = 0 };

	while (!syscall(SYS_bpf, command, &attr, sizeof(attr))) {
		printf("%s %u\n", kind, attr.next_id);
		attr.start_id = attr.next_id;
	}
	if (errno == ENOENT) /* there is no other */
		return 0;
	perror(kind);
	return 1;
}

int main(void)
{
	return list("prog", BPF_PROG_GET_NEXT_ID) || list("map", BPF_MAP_GET_NEXT_ID) ||
	       list("link", BPF_LINK_GET_NEXT_ID);
}
