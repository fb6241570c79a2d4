/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * burst: makes signalfd calls, as many as asked.
 *
 *	-n N    each thread makes N calls that succeed (0, alone: without end, until SIGTERM)
 *	-x N    and N, among them, that fail
 *	-m      those that fail bear the mark of sigfd's start-up call
 *	-t N    threads (1: the main thread only)
 *	-l      never two calls at once: Linux 7.3 may skip a tracer's hooks for one of them
 *	-o      each call in a thread of its own, one after the other
 *	-f      all in a child by fork, without exec
 *	-N PID  all in a child of that process number (EEXIST: it is taken)
 *	-g      wait for lines on standard input, each the N of one more round
 *	-p      print after each round how many calls were made
 *	-w      fill the descriptor table first: the next calls widen it, and sleep in the kernel
 *	-s SET  the mask, in hex (1: SIGHUP)
 *	-c COMM the name of all its threads
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../sigfd.h"

static long good = 23, bad, threads = 1;
static pid_t number; /* of the child; 0: the kernel's choice */
static bool own_thread, one_by_one, in_child, on_demand, print, quit;
static uint64_t mask = 1;
static unsigned bad_flags = 1;
static atomic_long made;
static volatile sig_atomic_t stop;
static pthread_barrier_t barrier;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void on_term(int sig)
{
	stop = sig;
}

static void *call(void *fails)
{
	long fd;

	if (one_by_one)
		pthread_mutex_lock(&turn);
	fd = syscall(SYS_signalfd4, -1, &mask, 8, fails ? bad_flags : 0);
	if (one_by_one)
		pthread_mutex_unlock(&turn);
	if ((fd < 0) != !!fails) {
		perror("signalfd4");
		exit(1);
	}
	if (fd >= 0)
		close(fd);
	made++;
	return NULL;
}

static void calls_of_one(void)
{
	long g = 0, b = 0;

	while (!stop && (!good || g < good || b < bad)) {
		if (!good || g++ < good)
			call(NULL);
		if (b++ < bad)
			call(&mask);
	}
}

/* A worker's rounds begin and end together with those of the main thread. */
static void *work(void *unused)
{
	for (;;) {
		pthread_barrier_wait(&barrier);
		if (quit)
			return unused;
		calls_of_one();
		pthread_barrier_wait(&barrier);
	}
}

static void round_of_all(void)
{
	pthread_t thread;

	for (long i = 0; own_thread && i < good; i++) {
		if (pthread_create(&thread, NULL, call, NULL) || pthread_join(thread, NULL)) {
			perror("thread");
			exit(1);
		}
	}
	if (own_thread)
		return;
	pthread_barrier_wait(&barrier);
	calls_of_one();
	pthread_barrier_wait(&barrier);
}

/* The table starts with 64. */
static void fill_table(void)
{
	while (dup(STDIN_FILENO) < 63)
		;
}

static void run(void)
{
	pthread_t thread[64];

	pthread_barrier_init(&barrier, NULL, threads);
	for (long i = 1; i < threads; i++)
		pthread_create(&thread[i], NULL, work, NULL);
	do {
		if (on_demand && scanf("%ld", &good) != 1)
			break;
		round_of_all();
		if (print)
			printf("%ld\n", made);
		fflush(stdout);
	} while (on_demand);
	quit = true;
	pthread_barrier_wait(&barrier);
	for (long i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
}

static pid_t fork_child(void)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&number,
		.set_tid_size = 1,
	};

	return number ? syscall(SYS_clone3, &args, sizeof(args)) : fork();
}

int main(int argc, char **argv)
{
	int c, status = 0;

	while ((c = getopt(argc, argv, "n:x:mt:lofN:gpws:c:")) != -1) {
		switch (c) {
		case 'n':
			good = atol(optarg);
			break;
		case 'x':
			bad = atol(optarg);
			break;
		case 'm':
			bad_flags = SIGFD_MARK_FLAGS;
			break;
		case 't':
			threads = atol(optarg);
			break;
		case 'l':
			one_by_one = true;
			break;
		case 'o':
			own_thread = true;
			break;
		case 'f':
			in_child = true;
			break;
		case 'N':
			in_child = true;
			number = atoi(optarg);
			break;
		case 'g':
			on_demand = true;
			break;
		case 'p':
			print = true;
			break;
		case 'w':
			fill_table();
			break;
		case 's':
			mask = strtoull(optarg, NULL, 16);
			break;
		case 'c':
			prctl(PR_SET_NAME, optarg);
			break;
		default:
			return 2;
		}
	}
	signal(SIGTERM, on_term);
	if (in_child) {
		c = fork_child();
		if (c < 0)
			perror("child");
		if (c)
			return wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	run();
	return 0;
}
