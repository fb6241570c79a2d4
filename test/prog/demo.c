// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * demo.c: a small daemon's life with a signalfd, good and bad, for the README: one call every
 * 300 ms, so that the events can be watched as they come.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t set_of(int first, int second)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, first);
	if (second)
		sigaddset(&set, second);
	return set;
}

static void pause_a_little(void)
{
	usleep(300000);
}

int main(void)
{
	sigset_t terms = set_of(SIGTERM, SIGINT), hup = set_of(SIGHUP, SIGTERM), all;
	sigset_t fault = set_of(SIGSEGV, SIGUSR1);
	int fd, file = open("/dev/null", O_RDONLY);

	sigprocmask(SIG_BLOCK, &terms, NULL);
	fd = signalfd(-1, &terms, SFD_CLOEXEC | SFD_NONBLOCK); /* as it should be */
	pause_a_little();
	signalfd(fd, &hup, 0); /* HUP is not blocked: it will kill this process */
	pause_a_little();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signalfd(-1, &all, 0); /* KILL and STOP can't be had */
	pause_a_little();
	signalfd(-1, &fault, SFD_CLOEXEC); /* a real fault won't come by a descriptor */
	pause_a_little();
	signalfd(file, &terms, 0); /* open, but no signalfd */
	pause_a_little();
	signalfd(-1, &terms, O_APPEND); /* no such flag */
	return fd < 0;
}
