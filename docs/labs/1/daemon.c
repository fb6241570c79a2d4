// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * daemon.c: a daemon that prints what its configuration holds.
 *
 *	daemon CONFIG
 *
 * The main thread reads signals from a signalfd: SIGHUP has the configuration read again, SIGTERM
 * and SIGINT end the daemon. A worker thread does the work.
 *
 * TODO 1: a SIGHUP ends this daemon. Make it do what is said above.
 */
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void read_config(const char *name)
{
	FILE *file = fopen(name, "re");
	char line[80] = "";

	if (!file)
		err(1, "%s", name);
	if (fscanf(file, "%79[^\n]", line) == 1)
		fprintf(stderr, "configuration: %s\n", line);
	fclose(file);
}

static void *work(void *unused)
{
	sigset_t hup;

	/* A HUP is for the main thread, never for this one. */
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &hup, NULL);
	for (;;)
		pause(); /* here would be the work */
	return unused;
}

int main(int argc, char **argv)
{
	struct signalfd_siginfo info = { 0 };
	pthread_t worker;
	sigset_t set;
	int fd;

	if (argc != 2)
		errx(2, "usage: daemon CONFIG");

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		err(1, "signalfd");
	if (pthread_create(&worker, NULL, work, NULL))
		errx(1, "no thread");

	/* From here on there is a configuration that can be read again. */
	read_config(argv[1]);
	sigaddset(&set, SIGHUP);
	if (signalfd(fd, &set, 0) < 0)
		err(1, "signalfd");

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			break;
		read_config(argv[1]);
	}
	fputs("ended\n", stderr);
	return 0;
}
