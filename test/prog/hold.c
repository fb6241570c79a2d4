/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * hold [COMM]: holds several signalfds, in a process of two threads that block different signals,
 * says `ready`, and ends with its standard input.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(sig) (1ULL << ((sig) + -1))

static const uint64_t masks[] = {
	0,
	~0ULL,
	BIT(SIGHUP) | BIT(SIGINT),                  /* blocked by both threads */
	BIT(SIGHUP) | BIT(SIGUSR1),                 /* USR1 by one only */
	BIT(SIGUSR2) | BIT(SIGKILL) | BIT(SIGSEGV), /* by none */
	BIT(SIGTERM) | BIT(32) | BIT(34) | BIT(64),
};

static void block(uint64_t blocked)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, 8);
}

static void *second(void *started)
{
	block(BIT(SIGHUP) | BIT(SIGINT) | BIT(64));
	pthread_barrier_wait(started);
	pause();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_barrier_t started;
	pthread_t thread;
	char c;

	block(BIT(SIGHUP) | BIT(SIGINT) | BIT(SIGUSR1) | BIT(34));
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++)
		syscall(SYS_signalfd4, -1, &masks[i], 8, i & 1 ? SFD_CLOEXEC : 0);
	pthread_barrier_init(&started, NULL, 2);
	pthread_create(&thread, NULL, second, &started);
	pthread_barrier_wait(&started);
	if (argc > 1)
		prctl(PR_SET_NAME, argv[1]);
	puts("ready");
	fflush(stdout);
	return read(STDIN_FILENO, &c, 1) < 0;
}
