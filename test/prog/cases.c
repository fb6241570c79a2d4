/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * cases CASE [FILE]: what programs do with signalfd, as their users have reported it.
 *
 *	update   like sd-event: the second signal by an update with the flags that there are already
 *	order    like libwayland: makes the descriptor first, and blocks the signal then
 *	child    waits for SIGCHLD by a descriptor; whether that is ignored was inherited
 *	absent   the mask lies in a file, on a page that has not been touched
 *	goodbye  takes SIGINT by a descriptor, says so, and at a line of input makes one more call
 *	         and ends with 3
 *
 * They say `ready` when all is set up, in FILE if it is given, and end with their standard input.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static sigset_t set;

static int check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static void add(int sig, bool block)
{
	sigaddset(&set, sig);
	if (block)
		sigprocmask(SIG_BLOCK, &set, NULL);
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static void wait_for_line(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
}

static int in_update(void)
{
	int fd;

	add(SIGTERM, true);
	fd = check(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
	add(SIGINT, true);
	return check(signalfd(fd, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
}

static int in_order(void)
{
	int fd;

	add(SIGTERM, false);
	fd = check(signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
	sigprocmask(SIG_BLOCK, &set, NULL);
	return fd;
}

static int for_child(void)
{
	add(SIGCHLD, true);
	return check(signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
}

static int from_absent(void)
{
	FILE *file = tmpfile();
	uint64_t mask = 1ULL << (SIGTERM - 1);
	void *page;

	add(SIGTERM, true);
	if (!file || fwrite(&mask, sizeof(mask), 1, file) != 1 || fflush(file))
		check(-1, "tmpfile");
	page = mmap(NULL, sizeof(mask), PROT_READ, MAP_PRIVATE, fileno(file), 0);
	return check(syscall(SYS_signalfd4, -1, page, sizeof(mask), 0), "signalfd4");
}

/* How often SIGINT has come by now. */
static int taken(int fd)
{
	struct signalfd_siginfo info;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int n = 0;

	while (poll(&ready, 1, n ? 0 : -1) == 1 && read(fd, &info, sizeof(info)) > 0)
		n++;
	return n;
}

/* In the second half one that comes late is awaited, too. */
static int with_goodbye(void)
{
	int fd, n;

	add(SIGINT, true);
	fd = check(signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
	say("ready");
	n = taken(fd);
	add(SIGTERM, true);
	say("shutting down");
	wait_for_line();
	check(signalfd(fd, &set, 0), "signalfd");
	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1)
		n += taken(fd);
	printf("SIGINT has come: %d\n", n);
	return 3;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*make)(void);
	} cases[] = {
		{ "update", in_update },
		{ "order", in_order },
		{ "child", for_child },
		{ "absent", from_absent },
	};

	if (argc < 2 || (argc > 2 && !freopen(argv[2], "w", stdout)))
		return 2;
	if (!strcmp(argv[1], "goodbye"))
		return with_goodbye();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (strcmp(argv[1], cases[i].name))
			continue;
		cases[i].make();
		say("ready");
		wait_for_line();
		return 0;
	}
	return 2;
}
