/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* shortest.c: the shortest use of a signalfd. record.c runs it, and sends it the signal. */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

int main(void)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL); /* or it would end the process */
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		err(1, "signalfd");
	if (read(fd, &info, sizeof(info)) != sizeof(info)) /* sleeps until it comes */
		err(1, "read");
	printf("signal %u from process %u\n", info.ssi_signo, info.ssi_pid);
	return 0;
}
