/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * queue.c: which signals wait, which are dropped, and in what order they are read.
 *
 * Each thread has a queue of pending signals, and each process has one more. All that is shown here
 * is the doing of these queues (kernel/signal.c), and holds for sigwaitinfo() or a handler too:
 *
 *	sending     drops a standard signal of which an instance is pending in that queue;
 *	            drops the opposite, where one of SIGCONT and a stop signal is sent
 *	sigaction   drops what is pending, where the signal is to be ignored
 *	reading     takes the thread's own queue first, then the process's; of a queue the
 *	            synchronous signals first, then the lowest number, of one number the oldest
 *
 * A signalfd is a window on the two queues of the thread that reads: it holds no signal itself.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <poll.h>
#include <pthread.h>
#include <time.h>

/* Into the process's queue, with a value to tell the instances apart. */
static void queue(int sig, int value)
{
	must(sigqueue(getpid(), sig, (union sigval){ .sival_int = value }));
}

/* Into the process's queue. */
static void send_to_process(int sig)
{
	must(kill(getpid(), sig));
}

/* Into the queue of this thread. */
static void send_to_thread(int sig)
{
	must(-pthread_kill(pthread_self(), sig));
}

/* Must come first: no signalfd has been made yet. */
static void without_descriptor(void)
{
	const struct timespec at_once = { 0 };
	sigset_t set = signals(SIGRTMIN, 0);
	int values[4], i;
	siginfo_t info;

	for (i = 1; i <= 3; i++)
		queue(SIGRTMIN, i);
	for (i = 0; i < 4; i++)
		values[i] = sigtimedwait(&set, &info, &at_once) == SIGRTMIN ? info.si_int : 0;
	ok(values[0] == 1 && values[1] == 2 && values[2] == 3 && values[3] == 0,
	   "C11 S41 signals queue without any signalfd: sigtimedwait takes them in turn");
}

static void between_descriptors(void)
{
	int fd = new_signalfd(signals(SIGTERM, 0), SFD_NONBLOCK), left;

	send_to_process(SIGTERM);
	close(fd);
	left = is_pending(SIGTERM);
	fd = new_signalfd(signals(SIGTERM, 0), SFD_NONBLOCK);
	ok(left && next_signal(fd) == SIGTERM,
	   "C11 a closed signalfd takes nothing along: what is pending is read from the next");
	close(fd);
}

static void standard_signals(void)
{
	int fd = new_signalfd(signals(SIGTERM, 0), SFD_NONBLOCK), i;

	for (i = 1; i <= 5; i++)
		queue(SIGTERM, i);
	ok(read_all(fd) == 1 && records[0].ssi_int == 1,
	   "C09 of five instances of a standard signal the first is pending and read, and the "
	   "others are dropped");

	queue(SIGTERM, 6);
	ok(read_all(fd) == 1 && records[0].ssi_int == 6,
	   "C09 once the first is read, the next instance can be pending");
	close(fd);
}

static void two_queues(void)
{
	int fd = new_signalfd(signals(SIGHUP, SIGTERM, SIGSEGV, SIGRTMIN, 0), SFD_NONBLOCK), i;

	for (i = 0; i < 2; i++) {
		send_to_process(SIGTERM);
		send_to_thread(SIGTERM);
	}
	ok(read_all(fd) == 2 && records[0].ssi_code == SI_TKILL && records[1].ssi_code == SI_USER,
	   "S40 a standard signal can be pending once for the process and once for the thread");

	send_to_process(SIGHUP);
	send_to_process(SIGSEGV);
	send_to_thread(SIGRTMIN);
	ok(read_all(fd) == 3 && records[0].ssi_signo == (unsigned int)SIGRTMIN,
	   "S43 what is pending for the thread is read before what is pending for the process");
	close(fd);
}

static void realtime_signals(void)
{
	int fd = new_signalfd(signals(SIGRTMIN, SIGRTMIN + 1, 0), SFD_NONBLOCK), i, n, in_order = 0;

	for (i = 1; i <= 5; i++) {
		queue(SIGRTMIN + 1, i + 5);
		queue(SIGRTMIN, i);
	}
	n = read_all(fd);
	for (i = 0; i < n; i++)
		in_order += records[i].ssi_int == i + 1;
	ok(n == 10 && in_order == 10,
	   "S41 each instance of a real-time signal is pending; those of one number are read in "
	   "the order of sending");
	close(fd);
}

static int is_synchronous(int sig)
{
	return sig == SIGILL || sig == SIGTRAP || sig == SIGBUS || sig == SIGFPE ||
	       sig == SIGSEGV || sig == SIGSYS;
}

/* What can be pending together: not SIGCONT with a stop signal. 32 and 33 are the C library's. */
static int can_be_pending(int sig)
{
	return sig != SIGKILL && sig != SIGSTOP && sig != SIGCONT &&
	       (sig < 32 || (sig >= SIGRTMIN && sig <= SIGRTMAX));
}

/* SYNCHRONOUS_MASK first, then the lowest bit: next_signal(), kernel/signal.c@v5.10 to v7.3. */
static int is_in_order(int n)
{
	int expected = 0, in_order = 0, sig;

	for (sig = 1; sig <= SIGRTMAX; sig++)
		if (is_synchronous(sig) && expected < n)
			in_order += records[expected++].ssi_signo == (unsigned int)sig;
	for (sig = 1; sig <= SIGRTMAX; sig++)
		if (can_be_pending(sig) && !is_synchronous(sig) && expected < n)
			in_order += records[expected++].ssi_signo == (unsigned int)sig;
	return in_order == n;
}

static void order(void)
{
	sigset_t all;
	int fd, sig, sent = 0, up, down;

	sigfillset(&all);
	fd = new_signalfd(all, SFD_NONBLOCK);
	for (sig = 1; sig <= SIGRTMAX; sig++)
		if (can_be_pending(sig)) {
			send_to_process(sig);
			sent++;
		}
	up = read_all(fd) == sent && is_in_order(sent);
	for (sig = SIGRTMAX; sig; sig--)
		if (can_be_pending(sig))
			send_to_process(sig);
	down = read_all(fd) == sent && is_in_order(sent);
	ok(up && down,
	   "S42 SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE and SIGSYS are read first, then the "
	   "lowest number, whatever the order of sending");
	close(fd);
}

/* Every byte of a record: those that its kind of signal leaves unused are zero. */
static int is_record(const struct signalfd_siginfo *record, const struct signalfd_siginfo *expected)
{
	return !memcmp(record, expected, sizeof(*record));
}

static void fields(void)
{
	int fd = new_signalfd(signals(SIGHUP, SIGTERM, SIGCHLD, SIGRTMIN, 0), SFD_NONBLOCK);
	int by_kill, by_tgkill, n;
	union sigval value = { .sival_ptr = &fd };
	pid_t parent = getpid(), child = must(fork());
	struct signalfd_siginfo expected = { .ssi_pid = child, .ssi_uid = getuid() };

	if (!child) {
		kill(parent, SIGHUP);
		tgkill(parent, parent, SIGTERM);
		sigqueue(parent, SIGRTMIN, value);
		_exit(7);
	}
	must(waitpid(child, NULL, 0));
	memset(records, 0xff, sizeof(records));
	n = read_all(fd);

	expected.ssi_signo = SIGTERM;
	expected.ssi_code = SI_TKILL;
	by_tgkill = n == 4 && is_record(&records[0], &expected);
	expected.ssi_signo = SIGHUP;
	expected.ssi_code = SI_USER;
	by_kill = is_record(&records[1], &expected);
	ok(by_kill && by_tgkill,
	   "S44 ssi_code is SI_USER by kill and SI_TKILL by tgkill, ssi_pid and ssi_uid are the "
	   "sender's, unused bytes are zero");

	expected.ssi_signo = SIGRTMIN;
	expected.ssi_code = SI_QUEUE;
	expected.ssi_int = value.sival_int;
	expected.ssi_ptr = (uintptr_t)value.sival_ptr;
	ok(is_record(&records[3], &expected),
	   "S44 by sigqueue ssi_code is SI_QUEUE, and ssi_int and ssi_ptr are the value");

	expected = (struct signalfd_siginfo){ .ssi_signo = SIGCHLD,
					      .ssi_code = CLD_EXITED,
					      .ssi_pid = child,
					      .ssi_uid = getuid(),
					      .ssi_status = 7,
					      .ssi_utime = records[2].ssi_utime,
					      .ssi_stime = records[2].ssi_stime };
	ok(is_record(&records[2], &expected),
	   "S44 when a child exits ssi_code is CLD_EXITED, ssi_pid the child, ssi_status its exit "
	   "status");
	close(fd);
}

/* Returns when the child has ended and SIGCHLD is sent; the child is left to be waited for. */
static pid_t child_that_ended(void)
{
	pid_t child = must(fork());
	siginfo_t info;

	if (!child)
		_exit(0);
	must(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	return child;
}

static void children(void)
{
	int fd = new_signalfd(signals(SIGCHLD, 0), SFD_NONBLOCK), n, left = 0;
	pid_t first = child_that_ended();

	child_that_ended();
	child_that_ended();
	n = read_all(fd);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		left++;
	ok(n == 1 && records[0].ssi_pid == (unsigned int)first && left == 3,
	   "S45 of three children that end only the first is told: a reader must wait() in a loop "
	   "until none is left");
	close(fd);
}

/* Is SIGCHLD the next that is read, with this code? It comes some time after wait() can tell. */
static int is_told(int fd, int code)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	must(poll(&ready, 1, 60000));
	return read_all(fd) == 1 && records[0].ssi_code == code;
}

static pid_t child_to_signal(int flags)
{
	struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = flags };

	must(sigaction(SIGCHLD, &action, NULL));
	return start_child(pause);
}

static void stops_of_children(void)
{
	int fd = new_signalfd(signals(SIGCHLD, 0), SFD_NONBLOCK), told;
	pid_t child = child_to_signal(0);
	siginfo_t info;

	must(kill(child, SIGSTOP));
	told = is_told(fd, CLD_STOPPED);
	must(kill(child, SIGCONT));
	told = told && is_told(fd, CLD_CONTINUED);
	must(kill(child, SIGKILL));
	told = told && is_told(fd, CLD_KILLED);
	must(waitpid(child, NULL, 0));
	ok(told,
	   "S108 SIGCHLD comes when a child is stopped and when it is continued too; ssi_code is "
	   "CLD_STOPPED or CLD_CONTINUED");

	/* Had the stop been told, its signal would be the first, and the only one. */
	child = child_to_signal(SA_NOCLDSTOP);
	must(kill(child, SIGSTOP));
	must(waitid(P_PID, child, &info, WSTOPPED));
	must(kill(child, SIGCONT));
	sleeps_in(child, ANY_CALL);
	must(kill(child, SIGKILL));
	ok(is_told(fd, CLD_KILLED), "S108 with SA_NOCLDSTOP it comes at the end alone");
	must(waitpid(child, NULL, 0));
	signal(SIGCHLD, SIG_DFL);
	close(fd);
}

static void stop_and_continue(void)
{
	int fd = new_signalfd(signals(SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, 0), SFD_NONBLOCK);
	int continued, stopped;

	send_to_process(SIGTSTP);
	send_to_process(SIGTTIN);
	send_to_thread(SIGTTOU);
	send_to_process(SIGCONT);
	continued = read_all(fd) == 1 && records[0].ssi_signo == SIGCONT;

	send_to_process(SIGCONT);
	send_to_thread(SIGCONT);
	send_to_process(SIGTSTP);
	stopped = read_all(fd) == 1 && records[0].ssi_signo == SIGTSTP;
	ok(continued && stopped,
	   "S46 sending SIGCONT drops all pending stop signals, and sending one of these drops a "
	   "pending SIGCONT");
	close(fd);
}

/* POSIX wants it so: do_sigaction(), kernel/signal.c@v5.10 to v7.3, empties all queues of it. */
static void ignoring(void)
{
	int fd = new_signalfd(signals(SIGTERM, SIGCHLD, 0), SFD_NONBLOCK), kept;

	send_to_process(SIGTERM);
	signal(SIGTERM, SIG_DFL);
	kept = read_all(fd);
	send_to_process(SIGTERM);
	send_to_thread(SIGTERM);
	signal(SIGTERM, SIG_IGN);
	ok(kept == 1 && read_all(fd) == 0,
	   "S47 setting the disposition to SIG_IGN drops what is pending, though it is blocked and "
	   "in a signalfd's set");

	send_to_process(SIGTERM);
	ok(read_all(fd) == 1, "S47 an ignored signal is pending when it is sent while blocked");
	signal(SIGTERM, SIG_DFL);

	send_to_process(SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	ok(read_all(fd) == 0,
	   "S47 SIG_DFL drops what is pending where that means to ignore, as with SIGCHLD");
	close(fd);
}

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void reading(void)
{
	int fd = new_signalfd(signals(SIGTERM, 0), SFD_NONBLOCK), shown, is_read, left, before;

	signal(SIGTERM, handler);
	send_to_process(SIGTERM);
	shown = is_pending(SIGTERM);
	is_read = next_signal(fd) == SIGTERM;
	left = is_pending(SIGTERM);
	ok(shown && is_read && !left,
	   "S48 sigpending shows what is pending, and a read takes it away");

	unblock(signals(SIGTERM, 0));
	before = handled;
	send_to_process(SIGTERM);
	ok(before == 0 && handled == 1 && !next_signal(fd),
	   "C14 S48 no handler runs for a signal that was read, even when it is unblocked");
	block(signals(SIGTERM, 0));
	signal(SIGTERM, SIG_DFL);
	close(fd);
}

/*
 * A timer that should have expired first ten and a half hours ago, and each hour since. While its
 * signal is pending, a timer stands still; when it is read, the kernel counts what has passed
 * (common_hrtimer_rearm(), kernel/time/posix-timers.c@v5.10 to v7.3).
 */
static void timers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGRTMIN,
				  .sigev_value.sival_int = 5 };
	struct itimerspec hourly = { .it_interval.tv_sec = 3600 };
	int fd = new_signalfd(signals(SIGRTMIN, 0), SFD_NONBLOCK);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	timer_t timer;

	must(timer_create(CLOCK_REALTIME, &event, &timer));
	must(clock_gettime(CLOCK_REALTIME, &hourly.it_value));
	hourly.it_value.tv_sec -= 10 * 3600 + 1800;
	must(timer_settime(timer, TIMER_ABSTIME, &hourly, NULL));
	must(poll(&ready, 1, -1));
	ok(read_all(fd) == 1 && records[0].ssi_code == SI_TIMER && records[0].ssi_int == 5 &&
		   records[0].ssi_overrun == 10,
	   "S49 a timer has one signal pending at most: ssi_overrun counts the expiries after it");
	must(timer_delete(timer));
	close(fd);
}

int main(void)
{
	sigset_t all;

	begin_afresh();
	sigfillset(&all);
	block(all);
	without_descriptor();
	between_descriptors();
	standard_signals();
	two_queues();
	realtime_signals();
	order();
	fields();
	children();
	stops_of_children();
	stop_and_continue();
	ignoring();
	reading();
	timers();
	return done();
}
