// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * crowd: 60 threads create a signalfd each, all at once, and four times. The table of descriptors
 * is full each time, so the calls sleep in the kernel until it has grown. Between, each thread asks
 * for the update of descriptor 999, which is not open. No create fails, and no update succeeds.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { THREADS = 60, ROUNDS = 4 };

static atomic_int created, refused;
static pthread_barrier_t barrier;
static sigset_t hup;

static void *call(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&barrier);
		created += signalfd(-1, &hup, 0) >= 0;
		pthread_barrier_wait(&barrier);
		refused += signalfd(999, &hup, 0) < 0 && errno == EBADF;
	}
	return unused;
}

/* The table begins with 64 places, and doubles. */
static void fill_table(int places)
{
	while (dup(STDIN_FILENO) < places - 1)
		;
}

int main(void)
{
	pthread_t threads[THREADS];

	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, call, NULL))
			return 1;
	for (int i = 0; i < ROUNDS; i++) {
		fill_table(64 << i);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d creates that succeeded, %d updates that failed with EBADF\n", created, refused);
	return 0;
}
