/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * blocking.c: block first. A descriptor takes signals that are pending; only a blocked signal stays
 * pending long enough to be read. To make the descriptor changes nothing in what the kernel does
 * with a signal (fs/signalfd.c touches neither a mask nor a disposition). So the order is:
 *
 *	block the signals, before any thread is made
 *	make the descriptor
 *	give the old mask back to each program that is started
 *
 * Each situation is a child of its own: some end in a death, and all leave a mask or a disposition
 * behind. The exceptions to all this are reads that wait already: asleep.c and uring.c.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>

static volatile sig_atomic_t handled; /* how often the handler ran */

static void count(int sig)
{
	(void)sig;
	handled++;
}

static int default_action(void)
{
	new_signalfd(signals(SIGUSR1, 0), 0);
	raise(SIGUSR1);
	return 0;
}

static int with_handler(void)
{
	int fd = new_signalfd(signals(SIGUSR1, 0), SFD_NONBLOCK);

	signal(SIGUSR1, count);
	raise(SIGUSR1);
	return handled == 1 && !next_signal(fd);
}

static int ignored(void)
{
	sigset_t set = signals(SIGUSR1, SIGWINCH, 0);
	int fd = new_signalfd(set, SFD_NONBLOCK);

	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	raise(SIGWINCH);
	block(set); /* too late for these two */
	return !is_pending(SIGUSR1) && !is_pending(SIGWINCH) && !next_signal(fd);
}

/* sig_ignored() in kernel/signal.c@v5.10 to v7.3: a blocked signal is never ignored when sent. */
static int ignored_and_blocked(void)
{
	sigset_t set = signals(SIGUSR1, SIGWINCH, 0);
	int fd = new_signalfd(set, SFD_NONBLOCK);

	signal(SIGUSR1, SIG_IGN);
	block(set);
	raise(SIGUSR1);
	raise(SIGWINCH);
	return next_signal(fd) == SIGUSR1 && next_signal(fd) == SIGWINCH;
}

static void not_blocked(void)
{
	ok(WTERMSIG(in_child(default_action)) == SIGUSR1,
	   "C04 S30 a signal of the set that is not blocked has its default action: it ends the "
	   "process");
	ok(true_in_child(with_handler),
	   "C04 S31 a signal that is not blocked and has a handler runs it, and the descriptor has "
	   "nothing");
	ok(true_in_child(ignored),
	   "C04 S32 a signal that is not blocked and is ignored, by SIG_IGN or by default, is "
	   "discarded when it is sent");
	ok(true_in_child(ignored_and_blocked),
	   "S32 blocked, an ignored signal is kept and can be read");
}

enum { COMES = 1, WAITS = 2 }; /* SIGCHLD, and the child itself for wait() */

/* do_notify_parent() in kernel/signal.c looks at the disposition alone, not at the mask. */
static int one_child_ends(void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	int fd = new_signalfd(signals(SIGCHLD, 0), SFD_NONBLOCK), found;
	pid_t pid;

	block(signals(SIGCHLD, 0));
	must(sigaction(SIGCHLD, &action, NULL));
	pid = must(fork());
	if (!pid)
		_exit(0);
	found = waitpid(pid, NULL, 0) == pid ? WAITS : 0; /* returns at its end, whoever reaps it */
	return found + (next_signal(fd) == SIGCHLD ? COMES : 0);
}

static int child_by_default(void)
{
	return one_child_ends(SIG_DFL, 0) == COMES + WAITS;
}

static int child_ignored(void)
{
	return one_child_ends(SIG_IGN, 0) == 0;
}

static int child_not_waited_for(void)
{
	return one_child_ends(SIG_DFL, SA_NOCLDWAIT) == COMES;
}

static void children(void)
{
	ok(true_in_child(child_by_default),
	   "S33 SIGCHLD is ignored by default; blocked, it is read all the same");
	ok(true_in_child(child_ignored),
	   "S33 with SIGCHLD set to SIG_IGN no signal is sent at all: children are reaped by "
	   "themselves, and the descriptor stays silent, CHLD blocked or not");
	ok(true_in_child(child_not_waited_for),
	   "S33 with SA_NOCLDWAIT children are reaped by themselves too, but SIGCHLD comes");
}

/* A mask belongs to a thread; a signal to the process goes to any thread that takes it. */

static int work[2]; /* a pipe: what the other thread waits for */

static void *wait_for_work(void *unused)
{
	char byte;

	must(read(work[0], &byte, 1));
	return unused;
}

/* The mistake as it happens: a library has made a thread, and main() blocks only then. */
static int block_too_late(void)
{
	pthread_t other;

	must(-pthread_create(&other, NULL, wait_for_work, NULL));
	block(signals(SIGUSR1, 0));
	return new_signalfd(signals(SIGUSR1, 0), SFD_NONBLOCK);
}

static int told[2]; /* a pipe: which thread runs the handler */

static void tell_thread(int sig)
{
	pid_t tid = gettid();

	(void)sig;
	must(write(told[1], &tid, sizeof(tid)));
}

static int other_thread_handles(void)
{
	pid_t tid;
	int fd;

	must(pipe(told));
	signal(SIGUSR1, tell_thread);
	fd = block_too_late();
	kill(getpid(), SIGUSR1);
	must(read(told[0], &tid, sizeof(tid)));
	return tid != gettid() && !next_signal(fd);
}

/* The kill() of one's own process may return before its end: nothing may follow it here. */
static int other_thread_dies(void)
{
	block_too_late();
	kill(getpid(), SIGUSR1);
	wait_for_work(NULL);
	return 0;
}

/* Did the signal go to the other thread, it would run the handler before it ends. */
static int block_in_time(void)
{
	pthread_t other;
	int fd = new_signalfd(signals(SIGUSR1, 0), SFD_NONBLOCK);

	block(signals(SIGUSR1, 0));
	signal(SIGUSR1, count);
	must(-pthread_create(&other, NULL, wait_for_work, NULL));
	kill(getpid(), SIGUSR1);
	must(write(work[1], "", 1));
	pthread_join(other, NULL);
	return next_signal(fd) == SIGUSR1 && !handled;
}

static void threads(void)
{
	must(pipe(work));
	ok(true_in_child(other_thread_handles),
	   "C04 S34 blocked in one thread of two, a signal to the process goes to the other: the "
	   "handler runs there, and the descriptor has nothing");
	ok(WTERMSIG(in_child(other_thread_dies)) == SIGUSR1,
	   "S34 a signal that one thread of two does not block, and that has no handler, ends the "
	   "whole process");
	ok(true_in_child(block_in_time),
	   "S34 a thread inherits the mask of its maker: blocked before threads are made, the "
	   "signal waits for the descriptor");
}

/*
 * Blocked by some, and ignored: of two threads one reads and does not block the signal, the other
 * blocks it and sends. Which of the two is the main thread, and which has forked, tells whose mask
 * is asked: sig_ignored() in kernel/signal.c@v5.10 to v7.3 is given the thread that the signal is
 * for. That is for kill() the main thread, and for SIGCHLD the child's parent (do_notify_parent()),
 * which in the kernel is a thread.
 *
 * What is not discarded the reader takes, since it sleeps in read (asleep.c). RTMIN, which is sent
 * last and has the highest number, ends a read that nothing else has ended. That the reader sleeps
 * says too that its mask is its own: glibc blocks all signals in pthread_create(), and the new
 * thread may run before they are unblocked in its maker.
 */
static int descriptor;
static pid_t reading_tid, forked;
static int hello[2]; /* a pipe: the reading thread says which it is */

static void *kill_process(void *unused)
{
	must(sleeps_in(reading_tid, SYS_read) ? 0 : -1);
	must(kill(getpid(), SIGUSR1));
	must(kill(getpid(), SIGRTMIN));
	return unused;
}

static void *end_child(void *unused)
{
	must(sleeps_in(reading_tid, SYS_read) ? 0 : -1);
	must(kill(forked, SIGKILL));
	must(waitpid(forked, NULL, 0)); /* SIGCHLD comes first, or never */
	must(kill(getpid(), SIGRTMIN));
	return unused;
}

static void *fork_and_end_child(void *unused)
{
	forked = start_child(pause);
	return end_child(unused);
}

static int read_unblocked(void)
{
	unblock(signals(SIGUSR1, SIGCHLD, 0));
	return next_signal(descriptor);
}

static void block_and_ignore(void)
{
	sigset_t set = signals(SIGUSR1, SIGCHLD, SIGRTMIN, 0);

	block(set);
	signal(SIGUSR1, SIG_IGN); /* as CHLD is by default */
	descriptor = new_signalfd(set, 0);
}

/* The signal that the main thread reads, when another sends. */
static int main_reads(void *(*send)(void *))
{
	pthread_t sender;

	block_and_ignore();
	reading_tid = gettid();
	must(-pthread_create(&sender, NULL, send, NULL));
	return read_unblocked();
}

static void *say_and_read(void *unused)
{
	pid_t tid = gettid();

	(void)unused;
	must(write(hello[1], &tid, sizeof(tid)));
	return (void *)(intptr_t)read_unblocked();
}

static void *fork_and_read(void *unused)
{
	forked = start_child(pause);
	return say_and_read(unused);
}

/* The signal that another thread reads, when the main thread sends. */
static int other_reads(void *(*read_one)(void *), void *(*send)(void *))
{
	pthread_t reader;
	void *result;

	block_and_ignore();
	must(pipe(hello));
	must(-pthread_create(&reader, NULL, read_one, NULL));
	must(read(hello[0], &reading_tid, sizeof(reading_tid)));
	send(NULL);
	pthread_join(reader, &result);
	return (int)(intptr_t)result;
}

static int killed_unblocked_in_main(void)
{
	return main_reads(kill_process) == SIGRTMIN;
}

static int killed_blocked_in_main(void)
{
	return other_reads(say_and_read, kill_process) == SIGUSR1;
}

static int child_of_unblocked(void)
{
	return other_reads(fork_and_read, end_child) == SIGRTMIN;
}

static int child_of_blocked(void)
{
	return main_reads(fork_and_end_child) == SIGCHLD;
}

static void blocked_by_some(void)
{
	ok(true_in_child(killed_unblocked_in_main),
	   "S99 an ignored signal by kill is discarded if the main thread does not block it, "
	   "though another does");
	ok(true_in_child(killed_blocked_in_main),
	   "S99 an ignored signal by kill is kept if the main thread blocks it, though another "
	   "does not; a read takes it");
	ok(true_in_child(child_of_unblocked),
	   "S99 SIGCHLD, ignored by default, is discarded if the thread that forked does not block "
	   "it, though the main thread does");
	ok(true_in_child(child_of_blocked),
	   "S99 SIGCHLD, ignored by default, is kept if the thread that forked blocks it, though "
	   "the main thread does not; a read takes it");
}

/*
 * PID 1 of a PID namespace, as a container's first process is. sig_task_ignored() in
 * kernel/signal.c@v5.10 to v7.3 ignores for it all that has the default action; only KILL and STOP
 * from outside, which no descriptor has, are done. Blocked, a signal is not ignored when sent.
 */
static int signalled_by_itself(void)
{
	raise(SIGTERM);
	raise(SIGQUIT); /* would dump core */
	raise(SIGTSTP);
	block(signals(SIGTERM, 0));
	return getpid() == 1 && !is_pending(SIGTERM);
}

/* No SIGALRM ends PID 1: it has to see the pipe's end, should nobody be left to write. */
static int wait_as_first(void)
{
	close(work[1]);
	wait_for_work(NULL);
	return getpid() == 1;
}

static int read_by_first(void)
{
	int fd = new_signalfd(signals(SIGTERM, 0), SFD_NONBLOCK);

	block(signals(SIGTERM, 0));
	raise(SIGTERM);
	return getpid() == 1 && next_signal(fd) == SIGTERM;
}

static int new_namespace(void)
{
	return unshare(CLONE_NEWPID) ? errno : 0;
}

/* After unshare() the next child is PID 1, and the one after it an ordinary process. */
static int first_lives_on(void)
{
	pid_t first, second;
	int is_ended;

	must(unshare(CLONE_NEWPID));
	first = ask_child(wait_as_first);
	second = start_child(pause);
	must(kill(first, SIGTERM));
	must(kill(second, SIGTERM));
	is_ended = WTERMSIG(end_of(second)) == SIGTERM; /* PID 1 ends after all others are reaped */
	must(write(work[1], "", 1));
	return end_of(first) == 0 && is_ended;
}

static int first_signals_itself(void)
{
	must(unshare(CLONE_NEWPID));
	return true_in_child(signalled_by_itself);
}

static int first_reads(void)
{
	must(unshare(CLONE_NEWPID));
	return true_in_child(read_by_first);
}

static void first_process(void)
{
	int refused = WEXITSTATUS(in_child(new_namespace));

	if (refused) {
		skip("S102 PID 1 of a PID namespace", strerror(refused));
		return;
	}
	ok(true_in_child(first_signals_itself),
	   "S102 PID 1 of a PID namespace survives signals to itself whose default action ends or "
	   "stops a process: they are discarded when sent");
	ok(true_in_child(first_lives_on),
	   "S102 PID 1 of a PID namespace survives TERM from outside, which ends another process "
	   "of the namespace");
	ok(true_in_child(first_reads),
	   "S102 blocked, a signal to PID 1 of a PID namespace is kept and can be read");
}

/*
 * The program that is started is this one again, with an argument: what main() hands to started().
 * exec resets handlers, since their code is gone, but neither the mask nor SIG_IGN.
 */
static int started(const char *question)
{
	struct sigaction action;

	if (!strcmp(question, "is SIGTERM blocked")) {
		raise(SIGTERM);
		return is_pending(SIGTERM);
	}
	if (!strcmp(question, "has SIGTERM its default")) {
		must(sigaction(SIGTERM, NULL, &action));
		return action.sa_handler == SIG_DFL;
	}
	must(sigaction(SIGCHLD, NULL, &action));
	return action.sa_handler == SIG_IGN;
}

static int start_program(void)
{
	return execl("/proc/self/exe", "blocking", "is SIGTERM blocked", NULL);
}

static int start_with_old_mask(void)
{
	unblock(signals(SIGTERM, 0));
	return start_program();
}

static int spawn_with_old_mask(void)
{
	char *arguments[] = { "blocking", "is SIGTERM blocked", NULL };
	posix_spawnattr_t attributes;
	sigset_t old = signals(0);
	pid_t pid;

	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &old);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	must(-posix_spawn(&pid, "/proc/self/exe", NULL, &attributes, arguments, NULL));
	posix_spawnattr_destroy(&attributes);
	return WTERMSIG(end_of(pid)) == SIGTERM;
}

static int start_with_child_ignored(void)
{
	signal(SIGCHLD, SIG_IGN);
	return execl("/proc/self/exe", "blocking", "is SIGCHLD ignored", NULL);
}

/* The shell's own mask: dash, unlike bash, gives its commands an empty one. */
static int popen_blocks_term(void)
{
	FILE *output = popen("while read -r name set; do [ $name != SigBlk: ] || echo $set; done "
			     "</proc/$$/status",
			     "re");
	uint64_t set = 0;

	if (!output || fscanf(output, "%" SCNx64, &set) != 1)
		return 0;
	pclose(output);
	return (set & bit(SIGTERM)) != 0;
}

static void give_mask_back(void)
{
	unblock(signals(SIGTERM, 0));
}

static int at_fork(void)
{
	must(-pthread_atfork(NULL, NULL, give_mask_back));
	return WTERMSIG(in_child(start_program)) == SIGTERM;
}

static int at_popen(void)
{
	must(-pthread_atfork(NULL, NULL, give_mask_back));
	return popen_blocks_term();
}

static int start_with_handler(void)
{
	signal(SIGTERM, count);
	return execl("/proc/self/exe", "blocking", "has SIGTERM its default", NULL);
}

/* Programs that a library starts: nobody asks us between its fork and its exec. */
static void helpers(void)
{
	ok(true_in_child(popen_blocks_term),
	   "S112 popen does not give the old mask back: its command begins with TERM blocked");
	ok(true_in_child(at_fork),
	   "S112 a handler by pthread_atfork gives it back to who is forked");
#ifdef __GLIBC__
	ok(true_in_child(at_popen), "S112 popen does not call such a handler");
#endif
	ok(in_child(start_with_handler) == 0,
	   "S112 exec sets a handler back to the default: who takes signals by a handler, which "
	   "blocks nothing, leaves its programs nothing");
}

static void programs(void)
{
	block(signals(SIGTERM, 0)); /* as a daemon does for its descriptor */
	ok(in_child(start_program) == 0,
	   "S36 a child inherits the mask and exec keeps it: a program started by a daemon that "
	   "blocks TERM begins with TERM blocked, and TERM does not end it");
	ok(WTERMSIG(in_child(start_with_old_mask)) == SIGTERM && true_in_child(spawn_with_old_mask),
	   "S36 a program that is given the old mask, between fork and exec or by "
	   "posix_spawnattr_setsigmask, is ended by TERM");
	helpers();
	unblock(signals(SIGTERM, 0));
	ok(in_child(start_with_child_ignored) == 0,
	   "S36 SIG_IGN is kept over exec too: a program can begin with the silent SIGCHLD of S33");
}

/* sigprocmask() and do_signalfd4() each delete the two from what they are given. */
static int block_unblockable(void)
{
	sigset_t set = signals(SIGUSR1, SIGKILL, SIGSTOP, 0);

	must(sigprocmask(SIG_SETMASK, &set, NULL));
	must(sigprocmask(SIG_SETMASK, NULL, &set));
	return sigismember(&set, SIGUSR1) && !sigismember(&set, SIGKILL) &&
	       !sigismember(&set, SIGSTOP);
}

static int read_unblockable(void)
{
	sigset_t set = signals(SIGKILL, SIGSTOP, 0);

	block(set);
	return next_signal(new_signalfd(set, 0));
}

static int end_of_reader(int sig)
{
	pid_t pid = start_child(read_unblockable);

	sleeps_in(pid, SYS_read);
	kill(pid, sig);
	return end_of(pid);
}

static void unblockable(void)
{
	ok(true_in_child(block_unblockable),
	   "S37 KILL and STOP are left out of a thread's mask without an error");
	ok(WTERMSIG(end_of_reader(SIGKILL)) == SIGKILL && WIFSTOPPED(end_of_reader(SIGSTOP)),
	   "C24 S37 KILL and STOP never come by a descriptor: KILL kills the reader, STOP stops "
	   "it");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return started(argv[1]) ? 0 : 2;
	begin_afresh();
	not_blocked();
	children();
	threads();
	blocked_by_some();
	first_process();
	programs();
	unblockable();
	return done();
}
