/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * asleep.c: a reader asleep in read, and a signal that is not blocked. The sender wakes the reader
 * by signalfd_notify() (include/linux/signalfd.h), and on waking signalfd_dequeue() (fs/signalfd.c)
 * takes the signal before it looks whether there is one to handle. Only two kinds don't get that
 * far: ignored signals, and those with which complete_signal() (kernel/signal.c) kills the process
 * at once. A signal that dumps core is not among these: it is left to its receiver.
 *
 * So a program that forgets to block seems to work, as long as it sleeps in read.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

enum { HANDLED = 64 }; /* added to the exit status of a reader whose handler ran */

static volatile sig_atomic_t handled; /* how often the handler ran */

static void count(int sig)
{
	(void)sig;
	handled++;
}

/* What a child does: its exit status is the signal that it read. */
static int read_one(void)
{
	sigset_t set = signals(SIGUSR1, SIGUSR2, SIGTERM, SIGQUIT, SIGTSTP, 0);

	return next_signal(new_signalfd(set, 0)) + (handled ? HANDLED : 0);
}

static pid_t sleeper(int (*reader)(void))
{
	pid_t pid = start_child(reader);

	sleeps_in(pid, SYS_read);
	return pid;
}

static int sent_to_sleeper(int (*reader)(void), int sig)
{
	pid_t pid = sleeper(reader);

	kill(pid, sig);
	return end_of(pid);
}

static int has_read(int status, int sig)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == sig;
}

static int read_with_handler(void)
{
	struct sigaction action = { .sa_handler = count };

	must(sigaction(SIGUSR1, &action, NULL));
	return read_one();
}

static void *block_and_send(void *unused)
{
	block(signals(SIGUSR1, 0));
	must(sleeps_in(getpid(), SYS_read) ? 0 : -1); /* the main thread */
	must(kill(getpid(), SIGUSR1));
	return unused;
}

static int read_while_other_blocks(void)
{
	pthread_t other;

	must(-pthread_create(&other, NULL, block_and_send, NULL));
	return read_with_handler();
}

static void one_thread(void)
{
	int core, stop;

	ok(has_read(sent_to_sleeper(read_with_handler, SIGUSR1), SIGUSR1),
	   "S35 the read in which the only thread sleeps takes a signal that is not blocked: its "
	   "handler does not run");
	ok(has_read(in_child(read_while_other_blocks), SIGUSR1),
	   "S35 where all other threads block it, too");
	ok(WTERMSIG(sent_to_sleeper(read_one, SIGTERM)) == SIGTERM,
	   "S35 a signal that by default ends the process does so, though its only thread sleeps "
	   "in read");
	core = sent_to_sleeper(read_one, SIGQUIT);
	stop = sent_to_sleeper(read_one, SIGTSTP);
	ok(has_read(core, SIGQUIT) && has_read(stop, SIGTSTP),
	   "S35 the sleeping read takes a signal whose default action is to dump core or to stop, "
	   "and neither happens");
}

/*
 * A tracer is to see each signal before it has effect, so complete_signal() leaves even a fatal one
 * to its receiver. What strace shows of such a program is not what happens without strace.
 */
static void traced(void)
{
	const char *text = "S35 in a traced process, as under strace, the sleeping read takes even "
			   "a signal that by default ends the process";
	pid_t pid = sleeper(read_one);
	int is_traced = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0, status;

	kill(pid, SIGTERM);
	status = end_of(pid);
	if (is_traced)
		ok(has_read(status, SIGTERM), "%s", text);
	else
		skip(text, "a tracer is there already, or ptrace is forbidden");
}

/* Of the two signals, USR1 would be read first, since its number is lower. */
static int read_ignoring(void)
{
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, count);
	return read_one();
}

static void ignoring(void)
{
	pid_t pid = sleeper(read_ignoring);

	kill(pid, SIGUSR1);
	kill(pid, SIGUSR2);
	ok(has_read(end_of(pid), SIGUSR2),
	   "S35 an ignored signal does not reach the sleeping read");
}

static volatile sig_atomic_t times_read;
static volatile pid_t reader_tid;

static int reader_blocks;

static void *read_for_ever(void *fd)
{
	if (reader_blocks)
		block(signals(SIGUSR1, 0));
	reader_tid = gettid();
	while (next_signal(*(int *)fd) == SIGUSR1)
		times_read++;
	return NULL;
}

static void send_self(void)
{
	kill(getpid(), SIGUSR1);
}

/* From outside, so that no thread is about to return from its own kill(). */
static void send_by_child(void)
{
	pid_t pid = must(fork());

	if (!pid) {
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	must(waitpid(pid, NULL, 0));
}

/* The woken reader and the thread that is to run the handler race for each signal. */
static int each_is_taken_once(void (*send)(void))
{
	int fd = new_signalfd(signals(SIGUSR1, 0), 0);
	struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESTART };
	pthread_t reader;

	must(sigaction(SIGUSR1, &action, NULL));
	must(-pthread_create(&reader, NULL, read_for_ever, &fd));
	while (!reader_tid)
		usleep(1000);
	for (int sent = 1; sent <= 20; sent++) {
		sleeps_in(reader_tid, SYS_read);
		send();
		while (handled + times_read < sent)
			usleep(1000);
	}
	sleeps_in(reader_tid, SYS_read);
	note("of 20 signals the handler took %d, the read %d", (int)handled, (int)times_read);
	return handled + times_read == 20;
}

static int sent_by_itself(void)
{
	reader_blocks = 1;
	return each_is_taken_once(send_self);
}

static int sent_from_outside(void)
{
	reader_blocks = 0;
	return each_is_taken_once(send_by_child);
}

static void two_threads(void)
{
	ok(true_in_child(sent_by_itself),
	   "S107 where the thread that sleeps in read blocks a signal and a second does not, each "
	   "goes to the read or to the handler, never to both");
	ok(true_in_child(sent_from_outside), "S107 where neither of the two blocks it, too");
}

int main(void)
{
	begin_afresh();
	one_thread();
	traced();
	ignoring();
	two_threads();
	return done();
}
