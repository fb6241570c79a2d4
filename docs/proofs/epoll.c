/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * epoll.c: what epoll and poll see of a signalfd; select is in select.c.
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
 * keeps no list: each call asks, as in 2.
 *
 * kill has put the entry on the list before it returns, so a wait of 0 ms tells all there is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include "proof.h"

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
	ok(true_in_child(is_deaf_in_inherited),
	   "S67 an inherited instance reports no signal of the child; poll of the descriptor does");
	ok(true_in_child(hears_in_own),
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
	ok(true_in_child(finds_nothing),
	   "S68 a child's epoll_wait does not report the parent's signals");
	ok(!reports(instance) && is_readable(fd),
	   "S68 a child's epoll_wait takes the report away: the parent's is silent on a signal");
	send_self(SIGUSR1);
	ok(reports(instance),
	   "S68 the next signal that is queued to the parent is reported to it again");

	/* Level-triggered, the entry is still on the list: nobody has asked since the report. */
	while (next_signal(fd))
		;
	ok(true_in_child(hears_by_parent),
	   "S68 an entry that the parent left on the ready list reports a child's own signal");
	drain();
}

static int pipes[2]; /* by which a child tells how far it has come */

static int hand_over(void)
{
	must(drop(instance));
	must(add(instance, EPOLLIN));
	must(write(pipes[1], "", 1));
	return pause();
}

/*
 * signalfd(2), BUGS, would have a child add a signalfd of its own to the inherited instance. The
 * entry is then in the child's queue; but the ready list is still one, and 2. asks for the parent.
 */
static int adds_new(void)
{
	fd = new_signalfd(accepted, SFD_NONBLOCK);
	must(add(instance, EPOLLIN));
	send_self(SIGHUP);
	return reports(instance);
}

static int resume[2]; /* by which the parent tells the child to go on */

static int adds_new_and_loses_report(void)
{
	int is_told = adds_new(); /* level-triggered, the entry stays on the list */
	char come;

	must(write(pipes[1], "", 1));
	must(read(resume[0], &come, 1));
	return is_told && !reports(instance) && is_readable(fd);
}

static void new_in_inherited(void)
{
	int is_silent;
	pid_t pid;
	char come;

	ok(true_in_child(adds_new),
	   "S101 a signalfd that a child makes and adds to the inherited instance reports the "
	   "child's signals to it");
	must(pipe(pipes));
	must(pipe(resume));
	drain(); /* newer glibc blocks all in fork, so SIGCHLD may have put our entry on the list */
	pid = ask_child(adds_new_and_loses_report);
	must(read(pipes[0], &come, 1));
	is_silent = !reports(instance);
	must(write(resume[1], "", 1));
	ok(end_of(pid) == 0 && is_silent,
	   "S101 the parent's epoll_wait takes the report of a child's own signalfd away, and "
	   "reports nothing itself");
	close(pipes[0]);
	close(pipes[1]);
	close(resume[0]);
	close(resume[1]);
}

static void dead_entry(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	int is_told;
	pid_t pid;
	char come;

	must(pipe(pipes));
	pid = start_child(hand_over);
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

static int (*waits)(void);

static int say_and_wait(void)
{
	must(write(pipes[1], "", 1));
	return waits();
}

/* Stops and continues a child that waits, and then sends the signal that it waits for. */
static int holds_when_stopped(int (*what)(void))
{
	int status;
	pid_t pid;
	char come;

	waits = what;
	must(pipe(pipes));
	pid = ask_child(say_and_wait);
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

/*
 * Three children, each with a pidfd: a descriptor of the process itself, readable once it has
 * ended. SIGCHLD would tell of one of the three (S45 in queue.c).
 */
static void children_one_by_one(void)
{
	static const char *const text =
		"S109 epoll tells of each child's end by its pidfd, where one SIGCHLD stands for "
		"three";
	int all = must(epoll_create1(EPOLL_CLOEXEC)), told = 0, reaped = 0, fds[3];
	struct epoll_event event = { .events = EPOLLIN }, events[4];
	siginfo_t info;

	for (int i = 0; i < 3; i++) {
		event.data.u32 = start_child(pause);
		fds[i] = syscall(SYS_pidfd_open, event.data.u32, 0);
		if (fds[i] < 0) {
			skip(text, strerror(errno));
			return;
		}
		must(epoll_ctl(all, EPOLL_CTL_ADD, fds[i], &event));
		must(kill(event.data.u32, SIGKILL));
		must(waitid(P_PID, event.data.u32, &info, WEXITED | WNOWAIT));
	}
	told = must(epoll_wait(all, events, 4, 0));
	for (int i = 0; i < told; i++)
		reaped += waitpid(events[i].data.u32, NULL, 0) == (pid_t)events[i].data.u32;
	ok(told == 3 && reaped == 3, "%s", text);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(all);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return new_program(argv);
	begin_afresh();
	alarm(300); /* a signal that never came would be waited for for ever */
	accepted = signals(SIGHUP, SIGUSR1, 0);
	block(signals(SIGHUP, SIGUSR1, SIGUSR2, 0));
	fd = new_signalfd(accepted, SFD_NONBLOCK);
	instance = watch(EPOLLIN);

	level_and_edge();
	after_fork();
	two_ask();
	new_in_inherited();
	dead_entry();
	between_threads();
	ok(in_child(exec_new_program) == 0,
	   "S73 an entry outlives exec: the new program's epoll_wait reports its signals");
	ok(holds_when_stopped(is_ended_in_epoll_wait),
	   "S74 stop and continue end epoll_wait with EINTR, though no handler runs");
	ok(holds_when_stopped(goes_on_in_poll) && holds_when_stopped(goes_on_in_read),
	   "S74 stop and continue end neither poll nor read of the descriptor");
	children_one_by_one();
	return done();
}
