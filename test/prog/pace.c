/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * pace RATE SECONDS: makes RATE signalfd calls a second for so long, as evenly as a thread can that
 * sleeps a millisecond in between; one that comes late makes up for it. Prints how many calls it
 * made, and how many a second that was.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	double rate = argc == 3 ? atof(argv[1]) : 0, seconds = argc == 3 ? atof(argv[2]) : 0;
	uint64_t mask = 1, start, all = rate * seconds, made = 0;
	long fd = syscall(SYS_signalfd4, -1, &mask, 8, 0);

	if (fd < 0 || !all) {
		fprintf(stderr, "usage: pace RATE SECONDS\n");
		return 2;
	}
	made++;
	start = now();
	while (made < all) {
		uint64_t due = (now() - start) * rate / 1e9;

		for (; made < all && made < due; made++)
			syscall(SYS_signalfd4, fd, &mask, 8, 0);
		usleep(1000);
	}
	printf("%ju %.0f\n", (uintmax_t)made, made * 1e9 / (now() - start));
	return 0;
}
