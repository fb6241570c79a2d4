// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * 8-calls: 8-calls nice|update FILE makes signalfd calls, one after the other, and writes to FILE
 * what is true of each, as the kernel itself tells: for `nice` the thread and its nice value, for
 * `update` the set that the descriptor has before the call, as sigfd's JSON has sets, or null.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(sig) (1ULL << (-1 + (sig)))

static FILE *truth;

static int call(int fd, uint64_t mask)
{
	return syscall(SYS_signalfd4, fd, &mask, sizeof(mask), 0);
}

static void call_as(int nice)
{
	setpriority(PRIO_PROCESS, 0, nice);
	fprintf(truth, "%ld %d\n", (long)gettid(), getpriority(PRIO_PROCESS, 0));
	call(-1, BIT(SIGINT));
}

/* In real time a thread's priority is another number, and its nice value the same. */
static void *in_real_time(void *unused)
{
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 10 });
	call_as(3);
	return unused;
}

static void *beside(void *unused)
{
	call_as(11);
	call_as(0);
	call_as(-20);
	return unused;
}

static void in_thread(void *(*start)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, start, NULL))
		exit(2);
	pthread_join(thread, NULL);
}

static void nice_values(void)
{
	call_as(0);
	call_as(7);
	in_thread(beside);
	call_as(-5);
	in_thread(in_real_time);
	call_as(0);
}

/* The line sigmask: of fdinfo, which only a signalfd has. */
static void update(int fd, uint64_t mask)
{
	char path[64], line[128];
	uint64_t set;
	bool found = false;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "r");
	while (info && !found && fgets(line, sizeof(line), info))
		found = sscanf(line, "sigmask: %" SCNx64, &set) == 1;
	if (info)
		fclose(info);
	if (found)
		fprintf(truth, "\"0x%016" PRIx64 "\"\n", set);
	else
		fputs("null\n", truth);
	call(fd, mask);
}

/* A pipe of that name: what is behind private_data is a pipe's. */
static int of_that_name(void)
{
	char folder[] = "/tmp/8-calls.XXXXXX";
	int fd = -1;

	if (mkdtemp(folder) && !chdir(folder) && !mkfifo("[signalfd]", 0600))
		fd = open("[signalfd]", O_RDWR);
	unlink("[signalfd]");
	rmdir(folder);
	return fd;
}

static void updates(void)
{
	int fd = call(-1, BIT(SIGHUP) | BIT(SIGUSR1)), high = fcntl(fd, F_DUPFD, 300),
	    closed = dup(fd);
	int others[] = { eventfd(0, 0), of_that_name(), open("/proc/self/maps", O_RDONLY), -2,
			 1 << 20 };

	fputs("null\n", truth);
	close(closed);
	update(fd, BIT(SIGTERM));
	update(fd, BIT(SIGKILL) | BIT(SIGSTOP) | BIT(64));
	update(high, ~0ULL);
	update(fd, 0);
	update(closed, BIT(SIGINT));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		update(others[i], BIT(SIGINT));
	update(high, BIT(SIGINT));
}

int main(int argc, char **argv)
{
	truth = argc == 3 ? fopen(argv[2], "w") : NULL;
	if (!truth)
		return 2;
	if (strcmp(argv[1], "nice"))
		updates();
	else
		nice_values();
	return fclose(truth) ? 2 : 0;
}
