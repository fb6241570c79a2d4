/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * daemon.c: a daemon that takes its signals from a signalfd, in its epoll loop.
 *
 *	daemon CONFIG COMMAND [ARG...]
 *
 * CONFIG holds a number: so many workers run COMMAND. SIGHUP has it read again and the missing
 * workers started, SIGCHLD has the ended ones reaped, SIGTERM or SIGINT ends all workers (a second
 * one kills them) and then the daemon. Each event is a line on the standard output.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 64

static char *config, **command;
static pid_t workers[WORKERS_MAX]; /* 0: a free place */
static int running, stopping;

/* As the daemon found them, and as its workers get them back. */
static sigset_t mask_before;
static struct sigaction pipe_before;

static int check(int result, const char *call)
{
	if (result < 0)
		err(1, "%s", call);
	return result;
}

static void start(pid_t *worker)
{
	pid_t pid = fork();

	if (!pid) {
		/* exec keeps both, and COMMAND knows nothing of them. */
		check(sigaction(SIGPIPE, &pipe_before, NULL), "sigaction");
		check(sigprocmask(SIG_SETMASK, &mask_before, NULL), "sigprocmask");
		execvp(command[0], command);
		warn("%s", command[0]);
		_exit(127);
	}
	if (pid < 0) {
		warn("fork"); /* the next SIGHUP tries again */
		return;
	}
	*worker = pid;
	running++;
	printf("worker %d started\n", pid);
}

static void read_config(void)
{
	FILE *file = fopen(config, "re");
	int number = -1;

	if (!file || fscanf(file, "%d", &number) != 1 || number < 0 || number > WORKERS_MAX)
		warnx("%s: no number from 0 to %d", config, WORKERS_MAX);
	else
		printf("configuration: %d workers\n", number);
	if (file)
		fclose(file);
	for (int i = 0; i < number && i < WORKERS_MAX; i++)
		if (!workers[i] && !stopping)
			start(&workers[i]);
}

/* One SIGCHLD may stand for several ends, and names one of them. */
static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < WORKERS_MAX; i++) {
			if (workers[i] != pid)
				continue;
			workers[i] = 0;
			running--;
		}
		printf("worker %d ended with status %d\n", pid, status);
	}
	if (pid < 0 && errno != ECHILD)
		err(1, "waitpid");
}

static void stop(void)
{
	int sig = stopping++ ? SIGKILL : SIGTERM;

	for (int i = 0; i < WORKERS_MAX; i++)
		if (workers[i] && kill(workers[i], sig))
			warn("kill");
}

/* excerpt begins */
static void take_signals(int fd)
{
	struct signalfd_siginfo infos[8];
	ssize_t size;

	while ((size = read(fd, infos, sizeof(infos))) > 0)
		for (size_t i = 0; i < size / sizeof(infos[0]); i++) {
			printf("signal %u\n", infos[i].ssi_signo);
			if (infos[i].ssi_signo == SIGHUP)
				read_config();
			else if (infos[i].ssi_signo == SIGCHLD)
				reap();
			else
				stop();
		}
	if (size == 0 || errno != EAGAIN)
		err(1, "read");
}

static void run(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd, epoll;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	/* Before any thread is started: each begins with the mask of the one that starts it. */
	check(sigprocmask(SIG_BLOCK, &set, &mask_before), "sigprocmask");
	fd = check(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
	epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	read_config();
	while (!stopping || running) {
		if (epoll_wait(epoll, &event, 1, -1) > 0)
			take_signals(fd);
		else if (errno != EINTR) /* as stop and continue give, without any handler */
			err(1, "epoll_wait");
	}
	close(epoll);
	close(fd);
}
/* excerpt ends */

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, standard = { .sa_handler = SIG_DFL };

	if (argc < 3)
		errx(2, "usage: daemon CONFIG COMMAND [ARG...]");
	config = argv[1];
	command = argv + 2;
	setvbuf(stdout, NULL, _IOLBF, 0);

	/* Nobody may read the lines any more: no reason to end. */
	check(sigaction(SIGPIPE, &ignore, &pipe_before), "sigaction");
	/*
	 * Who started us may have left SIGCHLD ignored. Then it isn't sent, blocked or not, and the
	 * kernel reaps: do_notify_parent, kernel/signal.c@v5.10 to v7.3.
	 */
	check(sigaction(SIGCHLD, &standard, NULL), "sigaction");
	run();
	puts("ended");
	return 0;
}
