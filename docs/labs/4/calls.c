// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * calls [N]: makes signalfd calls, in its first thread N (4) and eight odd ones, in a second thread
 * two. Prints a line a call: TID UFD SIZEMASK MASK. The mask's bytes are all alike, and behind its
 * 8 there are more of them; "unreadable" is a mask at an address where nothing is.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned char set[4096];

static int call(int ufd, unsigned sizemask, unsigned char byte)
{
	char *text = "unreadable", digits[17];

	memset(set, byte, sizeof(set));
	for (int i = 0; i < 8; i++)
		sprintf(digits + 2 * i, "%02x", byte);
	if (byte)
		text = digits;
	printf("%ld %d %u %s\n", syscall(SYS_gettid), ufd, sizemask, text);
	return syscall(SYS_signalfd4, ufd, byte ? set : NULL, sizemask, 0);
}

static void *second(void *fd)
{
	call(*(int *)fd, 8, 0x33);
	call(-1, 8, 0x44);
	return NULL;
}

int main(int argc, char **argv)
{
	/* The kernel refuses all sizes but 8, and before do_signalfd4. */
	static const unsigned sizes[] = { 4, 16, 17, 1000, 4096, 0 };
	int n = argc > 1 ? atoi(argv[1]) : 4, fd = call(-1, 8, 0x11);
	pthread_t thread;

	for (int i = 1; i < n; i++)
		call(i % 3 ? fd : 999, 8, 0x20 + i % 16); /* 999 is not open */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		call(fd, sizes[i], 0x55);
	call(fd, 8, 0);
	call(fd, 8, 0x66);
	fflush(stdout);
	return pthread_create(&thread, NULL, second, &fd) || pthread_join(thread, NULL);
}
