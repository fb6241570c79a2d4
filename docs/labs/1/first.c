// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * first.c: five signalfd calls, of which two fail. Add your own at the end.
 */
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int main(void)
{
	sigset_t set;
	int fd, copy;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);

	sigaddset(&set, SIGUSR1);
	signalfd(fd, &set, SFD_NONBLOCK);

	copy = dup(fd);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signalfd(copy, &set, 0);

	signalfd(STDIN_FILENO, &set, 0);

	close(fd);
	signalfd(fd, &set, 0);
	return 0;
}
