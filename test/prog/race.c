/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * race N: makes N signalfd calls while another thread keeps changing the mask in memory, and
 * prints for each which mask the kernel took, from /proc/self/fdinfo.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile uint64_t mask = 1;
static volatile int done;

static void *change(void *unused)
{
	while (!done)
		mask ^= 3; /* 1: HUP, 2: INT */
	return unused;
}

static void print_fdinfo(int fd)
{
	char path[64], line[128];
	uint64_t used;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "sigmask: %" SCNx64, &used) == 1)
			printf("0x%016" PRIx64 "\n", used);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	int fd = -1, n = argc > 1 ? atoi(argv[1]) : 23;
	pthread_t thread;

	pthread_create(&thread, NULL, change, NULL);
	while (n--) {
		fd = syscall(SYS_signalfd4, fd, &mask, 8, 0);
		print_fdinfo(fd);
	}
	done = 1;
	pthread_join(thread, NULL);
	return 0;
}
