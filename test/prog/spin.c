/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * spin: makes signalfd4 calls in a loop, and says what one took. For test/bench.sh.
 *
 *	-n N    each thread makes N calls that are measured (100000), after N / 10 that are not
 *	-t N    threads (1)
 *	-r N    calls a second, of all threads together (as many as it can)
 *
 * Each thread updates a signalfd of its own, to the mask that it has: the shortest way through the
 * call. One line is printed: calls made in all, ns a call by the clock, ns of processor time a
 * call, and calls a second.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define MASK_SIZE 8 /* of the kernel's sigset_t */
#define THREADS_MAX 64

static long calls = 100000, threads = 1, rate;
static const uint64_t mask = 1ULL << (SIGUSR1 - 1);
static pthread_barrier_t warm;

struct times {
	long long begin, end, cpu;
};

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static long long now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void update(int fd)
{
	must(syscall(SYS_signalfd4, fd, &mask, MASK_SIZE, 0) == fd, "signalfd4");
}

/*
 * In batches, each at a time fixed from the start: a sleep costs more than many calls, and one that
 * ends late must not lower the rate.
 */
static void paced_updates(int fd, long n)
{
	long long next = now(CLOCK_MONOTONIC);
	long long own_rate = rate / threads > 0 ? rate / threads : 1;
	long batch = own_rate / 1000 > 0 ? own_rate / 1000 : 1;

	for (long i = 0; i < n; i++) {
		if (i % batch == 0) {
			struct timespec t = { next / SECOND, next % SECOND };

			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
			next += batch * SECOND / own_rate;
		}
		update(fd);
	}
}

static void updates(int fd, long n)
{
	if (rate)
		return paced_updates(fd, n);
	while (n--)
		update(fd);
}

/* The clock is read by the thread itself: another would have to be woken first. */
static void *spin(void *argument)
{
	struct times *times = argument;
	long fd = syscall(SYS_signalfd4, -1, &mask, MASK_SIZE, 0);

	must(fd >= 0, "signalfd4");
	updates(fd, calls / 10);
	pthread_barrier_wait(&warm);
	times->cpu = now(CLOCK_THREAD_CPUTIME_ID);
	times->begin = now(CLOCK_MONOTONIC);
	updates(fd, calls);
	times->end = now(CLOCK_MONOTONIC);
	times->cpu = now(CLOCK_THREAD_CPUTIME_ID) - times->cpu;
	return NULL;
}

static void measure(void)
{
	pthread_t thread[THREADS_MAX];
	struct times times[THREADS_MAX];
	long long begin = LLONG_MAX, end = 0, wall = 0, cpu = 0;
	double all = (double)calls * threads;

	pthread_barrier_init(&warm, NULL, threads);
	for (long i = 0; i < threads; i++)
		must(!pthread_create(&thread[i], NULL, spin, &times[i]), "pthread_create");
	for (long i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		begin = times[i].begin < begin ? times[i].begin : begin;
		end = times[i].end > end ? times[i].end : end;
		wall += times[i].end - times[i].begin;
		cpu += times[i].cpu;
	}
	printf("%ld %.1f %.1f %.0f\n", threads * (1 + calls / 10 + calls), wall / all, cpu / all,
	       all * SECOND / (end - begin));
}

int main(int argc, char **argv)
{
	sigset_t blocked;
	int c;

	while ((c = getopt(argc, argv, "n:t:r:")) != -1) {
		switch (c) {
		case 'n':
			calls = atol(optarg);
			break;
		case 't':
			threads = atol(optarg);
			break;
		case 'r':
			rate = atol(optarg);
			break;
		default:
			return 2;
		}
	}
	if (calls < 1 || threads < 1 || threads > THREADS_MAX)
		return 2;
	/* A signal in the mask that is not blocked would give a tracer one more thing to say. */
	sigfillset(&blocked);
	sigdelset(&blocked, SIGINT);
	sigdelset(&blocked, SIGTERM);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	measure();
	return 0;
}
