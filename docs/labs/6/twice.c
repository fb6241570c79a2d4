/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * twice: a crowd of threads, of which each makes two calls:
 *
 *	signalfd(-1, {HUP}, 0)      all at once; a new descriptor
 *	signalfd(9999, {INT}, 0)    when all are back; an update of what is not open: EBADF
 *
 * A tracer that is asked for HUP only (-s HUP) should show the first calls, and no EBADF.
 *
 * The first calls sleep in do_signalfd4, since the table of descriptors is full and must grow, and
 * while one thread makes it grow the others wait. So more of them are in the function than the
 * kernel keeps return addresses for, and of some the kretprobe misses the return. It keeps two for
 * each processor that there might be, or 10 if that is more.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static pthread_barrier_t barrier;

static void call(int fd, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	signalfd(fd, &set, 0);
}

static void *both_calls(void *unused)
{
	pthread_barrier_wait(&barrier);
	call(-1, SIGHUP);
	pthread_barrier_wait(&barrier);
	call(9999, SIGINT);
	return unused;
}

/* Such as 0-7; the number behind the last - or , is the last processor's. */
static int possible_processors(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/possible", "r");
	int number = 0;

	while (f && fscanf(f, "%d%*1[-,]", &number) == 1)
		;
	if (f)
		fclose(f);
	return number + 1;
}

/* The table begins with room for 64. */
static void fill_table(void)
{
	while (dup(STDIN_FILENO) < 63)
		;
}

int main(void)
{
	int threads = 60 + 2 * possible_processors();
	pthread_t *thread = calloc(threads, sizeof(*thread));

	if (!thread || pthread_barrier_init(&barrier, NULL, threads))
		return 1;
	fill_table();
	for (int i = 0; i < threads; i++) {
		if (pthread_create(&thread[i], NULL, both_calls, NULL)) {
			perror("twice: a thread");
			return 1;
		}
	}
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%d threads, 2 calls each\n", threads);
	return 0;
}
