/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * epoll.c: what epoll, poll and select see of a signalfd.
 *
 * Before epoll_wait reports an entry, two things happen, and each has its own idea of whose signals
 * are meant:
 *
 *	1. The entry was put on the instance's ready list. That does a wake-up of the queue that
 *	   EPOLL_CTL_ADD hooked the entry into: the one of the process that called it, for good
 *	   (current->sighand->signalfd_wqh in signalfd_poll). Each signal that is queued to this
 *	   process wakes it, in the set or not (signalfd_notify, include/linux/signalfd.h); one that
 *	   is pending already is not queued again and wakes nobody (legacy_queue comes before it in
 *	   __send_signal, kernel/signal.c@v5.10; v6.1 to v7.3: __send_signal_locked).
 *	2. epoll_wait took it off the list and asked signalfd_poll, which answers for the thread
 *	   that asks. Not readable for that one: the entry is reported to nobody and stays off the
 *	   list. Readable: it is reported, and put back if it is level-triggered
 *	   (ep_send_events_proc, fs/eventpoll.c@v5.10; v6.1, v6.12: ep_send_events; v7.3:
 *	   ep_deliver_event).
 *
 * A process of one thread that makes its own instance doesn't notice: both mean its signals. poll
 * and select keep no list: each call asks, as in 2.
 *
 * kill has put the entry on the list before it returns, so a wait of 0 ms tells all there is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include "lab.h"

static sigset_t accepted; /* HUP and USR1: what the descriptor accepts */
static int fd, instance;

static int add(int to, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(to, EPOLL_CTL_ADD, fd, &event);
}

static int drop(int from)
{
	return epoll_ctl(from, EPOLL_CTL_DEL, fd, NULL);
}

/* A new instance with the descriptor in it. */
static int watch(uint32_t events)
{
	int made = must(epoll_create1(EPOLL_CLOEXEC));

	must(add(made, events));
	return made;
}

static int reports(int from)
{
	struct epoll_event event;
	int count = must(epoll_wait(from, &event, 1, 0));

	return count == 1 && event.events == EPOLLIN && event.data.fd == fd;
}

static int is_readable(int descriptor)
{
	struct pollfd query = { .fd = descriptor, .events = POLLIN };

	return must(poll(&query, 1, 0)) == 1 && query.revents == POLLIN;
}

static void send_self(int sig)
{
	must(kill(getpid(), sig));
}

/* Back to the beginning: nothing is pending, and nothing is on the ready list. */
static void drain(void)
{
	while (next_signal(fd))
		;
	reports(instance);
}

static int (*question)(void);

static int answer(void)
{
	return question() ? 0 : 2; /* 1 is how must() ends a child */
}

/* Whether what() holds in a child that inherits the descriptor and the instances. */
static int holds_in_child(int (*what)(void))
{
	question = what;
	return in_child(answer) == 0;
}

static void level_and_edge(void)
{
	sigset_t all = signals(SIGHUP, SIGUSR1, SIGUSR2, 0);
	int level = watch(EPOLLIN), edge = watch(EPOLLIN | EPOLLET);

	ok(signalfd(-1, &accepted, EPOLLET) < 0 && errno == EINVAL,
	   "C10 C27 signalfd has no flag for a trigger: EPOLLET gives EINVAL");
	send_self(SIGHUP);
	ok(reports(level) && reports(level) && reports(edge) && !reports(edge),
	   "C10 C27 S65 one descriptor is level-triggered in one instance and edge- in another");

	send_self(SIGHUP);
	ok(!reports(edge), "S66 edge: a signal that is pending already is not reported again");
	send_self(SIGUSR1);
	ok(reports(edge), "S66 edge: a signal that is queued besides is reported");
	send_self(SIGUSR2);
	ok(reports(edge),
	   "S66 edge: a signal outside the set has one of the set reported again that is pending");
	ok(next_signal(fd) && !reports(edge) && is_readable(fd),
	   "S66 edge: what a read has left is not reported");
	ok(reports(level), "S65 level: what a read has left is reported");
	ok(next_signal(fd) && !reports(level), "S65 level: once all is read nothing is reported");

	/* do_signalfd4 wakes the caller's queue: no signal comes, and USR2 is there to be seen. */
	must(signalfd(fd, &all, 0));
	ok(reports(level) && reports(edge),
	   "S65 S66 level or edge: a pending signal that an update takes into the set is reported");
	must(signalfd(fd, &accepted, 0));
	must(sigwaitinfo(&all, NULL));
	drain();
	close(level);
	close(edge);
}

static int is_deaf_in_inherited(void)
{
	send_self(SIGHUP);
	return !reports(instance) && is_readable(fd) && next_signal(fd) == SIGHUP;
}

static int hears_in_own(void)
{
	int own = watch(EPOLLIN);

	send_self(SIGHUP);
	return reports(own);
}

static void after_fork(void)
{
	ok(holds_in_child(is_deaf_in_inherited),
	   "S67 an inherited instance reports no signal of the child; poll of the descriptor does");
	ok(holds_in_child(hears_in_own),
	   "S69 an instance that the child makes itself reports the child's signals");
}

static int finds_nothing(void)
{
	return !reports(instance) && !is_readable(fd);
}

static int hears_by_parent(void)
{
	send_self(SIGHUP);
	return reports(instance);
}

static void two_ask(void)
{
	send_self(SIGHUP);
	ok(holds_in_child(finds_nothing),
	   "S68 a child's epoll_wait does not report the parent's signals");
	ok(!reports(instance) && is_readable(fd),
	   "S68 a child's epoll_wait takes the report away: the parent's is silent on a signal");
	send_self(SIGUSR1);
	ok(reports(instance),
	   "S68 the next signal that is queued to the parent is reported to it again");

	/* Level-triggered, the entry is still on the list: nobody has asked since the report. */
	while (next_signal(fd))
		;
	ok(holds_in_child(hears_by_parent),
	   "S68 an entry that the parent left on the ready list reports a child's own signal");
	drain();
}

static void hand_over(int say)
{
	must(drop(instance));
	must(add(instance, EPOLLIN));
	must(write(say, "", 1));
	pause();
}

static void dead_entry(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	int pipes[2], is_told;
	pid_t pid;
	char come;

	must(pipe(pipes));
	pid = must(fork());
	if (!pid) {
		alarm(10);
		hand_over(pipes[1]);
		_exit(1);
	}
	must(read(pipes[0], &come, 1));
	send_self(SIGHUP);
	ok(!reports(instance) && is_readable(fd),
	   "S69 EPOLL_CTL_DEL and ADD by a child in the inherited instance make the parent deaf");

	/*
	 * The queue goes with its process, when that is reaped: signalfd_cleanup wakes it with
	 * POLLFREE, which readies the entry for a last time and unhooks it (ep_poll_callback).
	 */
	must(kill(pid, SIGKILL));
	must(waitpid(pid, NULL, 0));
	drain();
	send_self(SIGHUP);
	ok(!reports(instance) && is_readable(fd),
	   "S70 an entry is dead once the process that added it is reaped; poll works");
	ok(add(instance, EPOLLIN) < 0 && errno == EEXIST,
	   "S70 a dead entry is still there: EPOLL_CTL_ADD gives EEXIST");
	must(epoll_ctl(instance, EPOLL_CTL_MOD, fd, &event));
	is_told = reports(instance);
	drain();
	send_self(SIGHUP);
	ok(is_told && !reports(instance),
	   "S70 EPOLL_CTL_MOD has a dead entry report what is pending, and does not revive it");
	must(drop(instance));
	must(add(instance, EPOLLIN));
	drain();
	send_self(SIGHUP);
	ok(reports(instance), "S70 EPOLL_CTL_DEL and ADD revive a dead entry");
	drain();
	close(pipes[0]);
	close(pipes[1]);
}

static void *call_finds_nothing(void *found)
{
	*(int *)found = finds_nothing();
	return NULL;
}

static void between_threads(void)
{
	pthread_t thread;
	int found = 0;

	must(-pthread_kill(pthread_self(), SIGHUP));
	ok(reports(instance) && is_readable(fd),
	   "S71 a signal sent to one thread is reported to that thread by epoll_wait and poll");
	drain();

	must(-pthread_kill(pthread_self(), SIGHUP));
	must(-pthread_create(&thread, NULL, call_finds_nothing, &found));
	must(-pthread_join(thread, NULL));
	ok(found,
	   "S71 a signal sent to one thread is not reported to another by epoll_wait or poll");
	ok(!reports(instance) && is_readable(fd),
	   "S71 another thread's epoll_wait takes the report away from the signal's thread");
	drain();
}

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

	send_self(SIGHUP);
	ready = both;
	must(select(size, &ready, NULL, NULL, NULL));
	first = number_of(ready, pipes[0]);
	must(write(pipes[1], "", 1));
	ready = both;
	must(select(size, &ready, NULL, NULL, NULL));
	second = number_of(ready, pipes[0]);
	ok(first == 1 && second == 3,
	   "C45 S72 one select waits for several descriptors, here a signalfd and a pipe");

	drain();
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
	send_self(SIGUSR2);
	must(select(0, NULL, NULL, NULL, &(struct timeval){ 0 }));
	is_held = !handled;
	is_interrupted = pselect(0, NULL, NULL, NULL, &none, &during) < 0 && errno == EINTR;
	must(sigprocmask(SIG_BLOCK, NULL, &after));
	ok(is_held && is_interrupted && handled == SIGUSR2 && sigismember(&after, SIGUSR2),
	   "C46 S72 pselect adds a signal mask for the wait: the handler of a blocked signal runs");
}

static void beyond_select(void)
{
	const char *text =
		"S72 poll and epoll take a descriptor of FD_SETSIZE or above, an fd_set can't";
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
	send_self(SIGHUP);
	ok(is_readable(high) && epoll_wait(own, &event, 1, 0) == 1, "%s", text);
	drain();
	close(high);
	close(own);
}

static int exec_new_program(void)
{
	char numbers[2][16];
	int own = must(epoll_create1(0));

	must(add(own, EPOLLIN));
	snprintf(numbers[0], sizeof(numbers[0]), "%d", fd);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", own);
	execl("/proc/self/exe", "epoll", numbers[0], numbers[1], NULL);
	return 0;
}

/* The process is the same one, and so is its queue (unshare_sighand, fs/exec.c@v5.10 to v7.3). */
static int new_program(char **argv)
{
	fd = atoi(argv[1]);
	instance = atoi(argv[2]);
	send_self(SIGHUP);
	return reports(instance) ? 0 : 2;
}

static int is_ended_in_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(watch(EPOLLIN), &event, 1, -1) < 0 && errno == EINTR;
}

static int goes_on_in_poll(void)
{
	struct pollfd query = { .fd = fd, .events = POLLIN };

	return poll(&query, 1, -1) == 1;
}

static int goes_on_in_read(void)
{
	must(fcntl(fd, F_SETFL, 0));
	return next_signal(fd) == SIGHUP;
}

/* Stops and continues a child that waits, and then sends the signal that it waits for. */
static int holds_when_stopped(int (*what)(void))
{
	int pipes[2], status;
	pid_t pid;
	char come;

	must(pipe(pipes));
	pid = must(fork());
	if (!pid) {
		alarm(10);
		must(write(pipes[1], "", 1));
		_exit(what() ? 0 : 2);
	}
	must(read(pipes[0], &come, 1));
	must(sleeps_in(pid, ANY_CALL) ? 0 : -1); /* it has said that it comes to its call */
	must(kill(pid, SIGSTOP));
	must(waitpid(pid, &status, WUNTRACED)); /* stopped: it has left its call, for good or not */
	must(kill(pid, SIGCONT));
	must(kill(pid, SIGHUP));
	must(waitpid(pid, &status, 0));
	must(fcntl(fd, F_SETFL, O_NONBLOCK)); /* which the reader took from all */
	close(pipes[0]);
	close(pipes[1]);
	return status == 0;
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return new_program(argv);
	unblock(signals(SIGALRM, 0));
	alarm(60);
	accepted = signals(SIGHUP, SIGUSR1, 0);
	block(signals(SIGHUP, SIGUSR1, SIGUSR2, 0));
	fd = must(signalfd(-1, &accepted, SFD_NONBLOCK));
	instance = watch(EPOLLIN);

	level_and_edge();
	after_fork();
	two_ask();
	dead_entry();
	between_threads();
	select_waits();
	pselect_waits();
	beyond_select();
	ok(in_child(exec_new_program) == 0,
	   "S73 an entry outlives exec: the new program's epoll_wait reports its signals");
	ok(holds_when_stopped(is_ended_in_epoll_wait),
	   "S74 stop and continue end epoll_wait with EINTR, though no handler runs");
	ok(holds_when_stopped(goes_on_in_poll) && holds_when_stopped(goes_on_in_read),
	   "S74 stop and continue end neither poll nor read of the descriptor");
	return done();
}
