// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * 3-two: two threads of one process, for checks/3.sh. The first creates a signalfd, four times and
 * with a full table of descriptors: so it sleeps in its call until the table has grown. The
 * second calls all the while. Prints the first one's number.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

static atomic_bool done;

static void *call_on(void *set)
{
	while (!done) {
		signalfd(999, set, 0);
		usleep(300);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread;
	sigset_t hup;

	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	if (pthread_create(&thread, NULL, call_on, &hup))
		return 1;
	for (int places = 64; places <= 512; places *= 2) {
		while (dup(STDIN_FILENO) < places - 1)
			;
		if (signalfd(-1, &hup, 0) < 0)
			return 1;
	}
	done = true;
	printf("%d\n", getpid());
	return pthread_join(thread, NULL);
}
