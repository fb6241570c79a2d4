/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * alone: calls of which one vantage point tells more than the other.
 *
 *	alone early     one that the boundary shows, and that do_signalfd4 never gets
 *	alone absent    one that succeeds, and whose mask only the probe inside can tell
 *
 * As they stand here, both are ordinary calls, which -H pair and -H syscall show alike.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* TODO 1: what does the kernel look at before it calls do_signalfd4? */
static long early(void)
{
	uint64_t mask = 1 << (SIGHUP - 1);

	return syscall(SYS_signalfd4, -1, &mask, sizeof(mask), 0);
}

/* TODO 2: a mask in memory that is the process's own, but that has no page behind it yet. */
static long absent(void)
{
	uint64_t mask = 1 << (SIGHUP - 1);

	return syscall(SYS_signalfd4, -1, &mask, sizeof(mask), 0);
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
