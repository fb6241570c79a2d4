/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * handlers.c: what signalfd is compared with. System V's signal() is the one that is unreliable,
 * BSD's is not; sigwaitinfo() takes blocked signals as a read does; O_ASYNC is what notification by
 * a signal looks like, and signalfd has none.
 *
 * glibc's <signal.h> makes signal() System V's in a program that asks for POSIX alone, by
 * _POSIX_C_SOURCE or _XOPEN_SOURCE without _DEFAULT_SOURCE. sigaction() does what its flags say.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

static volatile sig_atomic_t handled; /* how often the handler ran */

static void count(int sig)
{
	(void)sig;
	handled++;
}

static int still_handler, blocked; /* what look() finds, while it runs */

static int is_handler(void (*handler)(int), int sig)
{
	struct sigaction now;

	must(sigaction(sig, NULL, &now));
	return now.sa_handler == handler;
}

static void look(int sig)
{
	sigset_t mask;

	must(sigprocmask(SIG_SETMASK, NULL, &mask));
	blocked = sigismember(&mask, sig);
	still_handler = is_handler(look, sig);
}

#ifdef __GLIBC__
static int system_v_is_reset(void)
{
	sysv_signal(SIGUSR1, look);
	raise(SIGUSR1);
	return !still_handler && !blocked && !is_handler(look, SIGUSR1);
}
#endif

static int bsd_stays(void)
{
	signal(SIGUSR1, look);
	raise(SIGUSR1);
	return still_handler && blocked && is_handler(look, SIGUSR1);
}

static void unreliable(void)
{
#ifdef __GLIBC__
	ok(true_in_child(system_v_is_reset),
	   "C16 S39 what was unreliable is System V's signal(), glibc's sysv_signal(): the handler "
	   "is gone after its first run, and the signal not blocked during it");
#else
	skip("C16 S39 System V's signal()", "sysv_signal() is glibc's");
#endif
	ok(true_in_child(bsd_stays),
	   "C16 S39 signal() is BSD's by default: the handler stays, and the signal is blocked "
	   "during it");
}

static void raise_five(void)
{
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
}

static int handled_once(void)
{
	signal(SIGUSR1, count);
	block(signals(SIGUSR1, 0));
	raise_five();
	unblock(signals(SIGUSR1, 0));
	return handled == 1;
}

static int read_once(void)
{
	struct signalfd_siginfo infos[5];
	sigset_t set = signals(SIGUSR1, 0);
	int fd = new_signalfd(set, SFD_NONBLOCK);

	block(set);
	raise_five();
	return read(fd, infos, sizeof(infos)) == sizeof(infos[0]);
}

static void repeats(void)
{
	ok(true_in_child(handled_once) && true_in_child(read_once),
	   "C16 S39 a descriptor loses repeats just as a handler does: of five that come while the "
	   "signal is blocked, it gives one record, and the handler runs once");
}

static int takes_by_wait(void)
{
	sigset_t set = signals(SIGUSR1, SIGRTMIN, 0);
	struct timespec now = { 0 };
	siginfo_t info;

	block(set);
	sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 7 });
	return sigwaitinfo(&set, &info) == SIGRTMIN && info.si_value.sival_int == 7 &&
	       info.si_pid == getpid() && sigtimedwait(&set, NULL, &now) < 0 && errno == EAGAIN;
}

static void without_descriptor(void)
{
	ok(true_in_child(takes_by_wait),
	   "C15 sigwaitinfo and sigtimedwait take blocked signals and their data without a "
	   "descriptor");
}

static int work[2]; /* a pipe: what the program waits for, while the signal comes */

/* The read of a pipe would be interrupted by the handler, were it run: it is without SA_RESTART. */
static int hears_when_it_asks(void)
{
	sigset_t set = signals(SIGUSR1, 0);
	struct pollfd query = { .fd = new_signalfd(set, SFD_NONBLOCK), .events = POLLIN };
	struct sigaction action = { .sa_handler = count };
	char byte;

	block(set);
	must(sigaction(SIGUSR1, &action, NULL));
	if (read(work[0], &byte, 1) != 1 || handled)
		return 0;
	return poll(&query, 1, 0) == 1 && !handled ? next_signal(query.fd) : 0;
}

/*
 * O_ASYNC would be notification: SIGIO when there is something to read. setfl() in
 * fs/fcntl.c@v5.10 to v7.3 leaves that flag to the file's own fasync method, and signalfd has none:
 * nothing is set, and no error tells.
 */
static int sends_no_sigio(void)
{
	int fd = new_signalfd(signals(SIGUSR1, 0), SFD_NONBLOCK);

	block(signals(SIGUSR1, SIGIO, 0));
	must(fcntl(fd, F_SETOWN, getpid()));
	must(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	raise(SIGUSR1);
	return !(must(fcntl(fd, F_GETFL)) & O_ASYNC) && !is_pending(SIGIO) &&
	       next_signal(fd) == SIGUSR1;
}

static void notification(void)
{
	pid_t pid;

	must(pipe(work));
	pid = start_child(hears_when_it_asks);
	sleeps_in(pid, SYS_read);
	kill(pid, SIGUSR1);
	must(write(work[1], "", 1));
	ok(WEXITSTATUS(end_of(pid)) == SIGUSR1,
	   "C13 C40 nothing tells the program that a blocked signal has come: no handler runs, no "
	   "call is interrupted; it learns of it when it asks");
	ok(true_in_child(sends_no_sigio),
	   "C13 F_SETFL takes O_ASYNC without an error and does not set it: no SIGIO comes");
}

int main(void)
{
	begin_afresh();
	unreliable();
	repeats();
	without_descriptor();
	notification();
	return done();
}
