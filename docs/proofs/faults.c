/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * faults.c: SIGSEGV and its like, when they come of an instruction of the program itself. The
 * instruction can't be gone past, so its signal can't wait to be read. Where it is blocked or
 * ignored, force_sig_info_to_task() (kernel/signal.c@v5.10 to v7.3) sets its default action, and
 * unblocks it. The one read that comes before that is in uring.c.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <sys/mman.h>

static void bad_access(void)
{
	volatile char *page = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*page = 1;
}

static void access_behind_end(void)
{
	int file = must(memfd_create("empty", 0));
	const volatile char *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);

	(void)*page;
}

#if defined(__x86_64__) || defined(__i386__)
static void division_by_zero(void)
{
	volatile int one = 1, zero = 0;

	one /= zero; /* cppcheck-suppress zerodiv */
	(void)one;
}
#endif

static const struct fault {
	int sig;
	const char *name;
	void (*make)(void);
} faults[] = {
	{ SIGSEGV, "SIGSEGV by a bad access", bad_access },
	{ SIGBUS, "SIGBUS by an access behind a file's end", access_behind_end },
#if defined(__x86_64__) || defined(__i386__)
	{ SIGFPE, "SIGFPE by a division by zero", division_by_zero },
#endif
};

static const struct fault *fault;
static int fd;

/* It may not return: the instruction would fault again. 0 says that the descriptor has nothing. */
static void end_in_handler(int sig)
{
	(void)sig;
	_exit(next_signal(fd));
}

static int fault_unblocked(void)
{
	fd = new_signalfd(signals(fault->sig, 0), SFD_NONBLOCK);
	signal(fault->sig, end_in_handler);
	fault->make();
	return 1;
}

static int fault_blocked(void)
{
	block(signals(fault->sig, 0));
	return fault_unblocked();
}

static int fault_sent(void)
{
	sigset_t set = signals(fault->sig, 0);

	block(set);
	kill(getpid(), fault->sig);
	return next_signal(new_signalfd(set, SFD_NONBLOCK)) == fault->sig;
}

static void each_fault(void)
{
	int handled_each = 1, sent_each = 1;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		fault = &faults[i];
		ok(WTERMSIG(in_child(fault_blocked)) == fault->sig,
		   "C24 S38 %s, blocked and in the set, kills the process, though it has a handler",
		   fault->name);
		handled_each &= in_child(fault_unblocked) == 0;
		sent_each &= true_in_child(fault_sent);
	}
#if !defined(__x86_64__) && !defined(__i386__)
	skip("C24 S38 SIGFPE by a division by zero", "only on x86 is it sure to be a fault");
#endif
	ok(handled_each,
	   "S38 a fault whose signal is not blocked runs the handler, and the descriptor has "
	   "nothing");
	ok(sent_each, "S38 a fault's signal, sent by kill, is blocked and read like any other");
}

/* pipe_write() in fs/pipe.c sends it to the thread, as a kill would, and forces nothing. */
static int reads_own_pipe_signal(void)
{
	sigset_t set = signals(SIGPIPE, 0);
	int ends[2];

	fd = new_signalfd(set, SFD_NONBLOCK);
	block(set);
	must(pipe(ends));
	must(close(ends[0]));
	return write(ends[1], "", 1) < 0 && errno == EPIPE && next_signal(fd) == SIGPIPE;
}

static void broken_pipe(void)
{
	ok(true_in_child(reads_own_pipe_signal),
	   "S38 SIGPIPE is no fault in this sense: blocked, the one of a thread's own write is "
	   "read");
}

int main(void)
{
	begin_afresh();
	each_fault();
	broken_pipe();
	return done();
}
