/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * execs N: a thread other than the main one makes a signalfd call, then executes this program anew
 * with N - 1. The thread takes the number of the main one at each exec (de_thread(), fs/exec.c).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *call_and_execute(void *program)
{
	static const uint64_t mask = 1;
	long fd = syscall(SYS_signalfd4, -1, &mask, 8, 0);
	char *const *argv = program;

	close(fd);
	if (fd < 0 || execv(argv[0], argv))
		perror("execs");
	exit(1);
}

int main(int argc, char **argv)
{
	long left = argc == 2 ? atol(argv[1]) : 0;
	pthread_t thread;

	if (left < 1)
		return 0;
	sprintf(argv[1], "%ld", left - 1); /* no longer than what is there */
	pthread_create(&thread, NULL, call_and_execute, argv);
	pthread_join(thread, NULL);
	return 1;
}
