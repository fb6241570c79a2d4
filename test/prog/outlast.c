/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * outlast: marked calls (sigfd.h) that last. Begins one every 20 ms, each in a thread of its own,
 * with a mask in memory that userfaultfd keeps from being filled, so that the kernel waits in
 * copy_from_user(). A line on standard input ends the earlier half of them, and prints how many.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../sigfd.h"

enum { CALLS_MAX = 1024 };

static void *call(void *mask)
{
	syscall(SYS_signalfd4, -1, mask, 8, SIGFD_MARK_FLAGS);
	return NULL;
}

static int check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE), n = 0;
	char *masks = mmap(NULL, CALLS_MAX * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int uffd = check(syscall(SYS_userfaultfd, O_CLOEXEC), "userfaultfd");
	struct pollfd line = { .fd = STDIN_FILENO, .events = POLLIN };
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register all = { .range = { (unsigned long)masks, CALLS_MAX * page },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage half = { .range = { (unsigned long)masks, 0 } };
	pthread_t thread[CALLS_MAX];

	check(ioctl(uffd, UFFDIO_API, &api), "UFFDIO_API");
	check(ioctl(uffd, UFFDIO_REGISTER, &all), "UFFDIO_REGISTER");
	for (; !poll(&line, 1, 20) && n < CALLS_MAX; n++)
		check(-pthread_create(&thread[n], NULL, call, masks + n * page), "thread");
	half.range.len = n / 2 * page;
	check(ioctl(uffd, UFFDIO_ZEROPAGE, &half), "UFFDIO_ZEROPAGE");
	for (size_t i = 0; i < n / 2; i++)
		pthread_join(thread[i], NULL);
	printf("%zu\n", n / 2);
	fflush(stdout);
	pause();
	return 0;
}
