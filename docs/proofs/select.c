/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * select.c: what select and pselect do for a program with a signalfd. They keep no list, unlike
 * epoll: each call asks signalfd_poll(), fs/signalfd.c@v5.10 to v7.3, which answers for the thread
 * that calls. What they add, a timeout and a mask for the wait, is theirs, not signalfd's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include "proof.h"

static int fd; /* accepts HUP */

static int number_of(fd_set ready, int other)
{
	return FD_ISSET(fd, &ready) + 2 * FD_ISSET(other, &ready);
}

static void select_waits(void)
{
	struct timeval timeout = { .tv_usec = 10000 };
	fd_set both, ready;
	int pipes[2], first, second, size;

	must(pipe(pipes));
	FD_ZERO(&both);
	FD_SET(fd, &both);
	FD_SET(pipes[0], &both);
	size = pipes[0] + 1;

	raise(SIGHUP);
	ready = both;
	must(select(size, &ready, NULL, NULL, NULL));
	first = number_of(ready, pipes[0]);
	must(write(pipes[1], "", 1));
	ready = both;
	must(select(size, &ready, NULL, NULL, NULL));
	second = number_of(ready, pipes[0]);
	ok(first == 1 && second == 3,
	   "C45 S72 one select waits for several descriptors, here a signalfd and a pipe");

	must(next_signal(fd) == SIGHUP ? 0 : -1);
	FD_CLR(pipes[0], &both);
	ok(select(size, &both, NULL, NULL, &timeout) == 0,
	   "C46 S72 select has a timeout of its own: with nothing pending it returns 0");
	close(pipes[0]);
	close(pipes[1]);
}

static volatile sig_atomic_t handled;

static void handle(int sig)
{
	handled = sig;
}

static void pselect_waits(void)
{
	struct sigaction action = { .sa_handler = handle };
	struct timespec libc = { .tv_nsec = 10000000 }, kernel = libc, none = { 0 };
	struct timeval left = { .tv_usec = 10000 };
	sigset_t during, after;
	int is_held, is_interrupted;

	must(select(0, NULL, NULL, NULL, &left));
	must(pselect(0, NULL, NULL, NULL, &libc, NULL));
	must(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &kernel, NULL));
	ok(left.tv_usec == 0 && kernel.tv_nsec == 0 && libc.tv_nsec == 10000000,
	   "C46 S72 select and pselect6 write back the time left, which libc's pselect hides");

	must(sigaction(SIGUSR2, &action, NULL));
	must(sigprocmask(SIG_BLOCK, NULL, &during));
	sigdelset(&during, SIGUSR2);
	raise(SIGUSR2);
	must(select(0, NULL, NULL, NULL, &(struct timeval){ 0 }));
	is_held = !handled;
	is_interrupted = pselect(0, NULL, NULL, NULL, &none, &during) < 0 && errno == EINTR;
	must(sigprocmask(SIG_BLOCK, NULL, &after));
	ok(is_held && is_interrupted && handled == SIGUSR2 && sigismember(&after, SIGUSR2),
	   "C46 S72 pselect adds a signal mask for the wait: the handler of a blocked signal runs");
}

static void beyond_select(void)
{
	const char *text = "S72 poll and epoll take a descriptor of FD_SETSIZE or above";
	struct epoll_event event = { .events = EPOLLIN };
	struct rlimit limit;
	int high, own;

	must(getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_max <= FD_SETSIZE) {
		skip(text, "RLIMIT_NOFILE leaves no such descriptor");
		return;
	}
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit));
	high = must(fcntl(fd, F_DUPFD, FD_SETSIZE));
	own = must(epoll_create1(EPOLL_CLOEXEC));
	must(epoll_ctl(own, EPOLL_CTL_ADD, high, &event));
	raise(SIGHUP);
	ok(is_readable(high) && epoll_wait(own, &event, 1, 0) == 1, "%s", text);
	next_signal(fd);
	close(high);
	close(own);
}

int main(void)
{
	begin_afresh();
	alarm(300); /* a select that is told of nothing would wait for ever */
	block(signals(SIGHUP, SIGUSR2, 0));
	fd = new_signalfd(signals(SIGHUP, 0), SFD_NONBLOCK);
	select_waits();
	pselect_waits();
	beyond_select();
	return done();
}
