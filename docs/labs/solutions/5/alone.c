/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * alone: calls of which one vantage point tells more than the other.
 *
 *	alone early     one that the boundary shows, and that do_signalfd4 never gets
 *	alone absent    one that succeeds, and whose mask only the probe inside can tell
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* sizemask is looked at first: it must be 8. A mask that can't be read would do as well. */
static long early(void)
{
	uint64_t mask = 1 << (SIGHUP - 1);

	return syscall(SYS_signalfd4, -1, &mask, sizeof(mask) / 2, 0);
}

/* A new mapping has no page until it is touched. All zeros is a mask too: no signal. */
static long absent(void)
{
	void *mask = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return syscall(SYS_signalfd4, -1, mask, sizeof(uint64_t), 0);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "early"))
		printf("%ld\n", early());
	else if (argc == 2 && !strcmp(argv[1], "absent"))
		printf("%ld\n", absent());
	else
		return 2;
	return 0;
}
