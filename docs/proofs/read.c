/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * read.c: what read() does with a short, a long and a bad buffer, when it sleeps and what ends its
 * sleep. In the kernel a read is a loop (signalfd_read_iter() in fs/signalfd.c@v6.12,
 * signalfd_read() in v5.10 and v6.1):
 *
 *	how many records of 128 bytes fit? none: EINVAL
 *	take a signal; the first time sleep until there is one, unless NONBLOCK; later never
 *	copy its record to the buffer, and go on with the next
 *
 * What follows from the order of the last two steps is the one way to lose a signal by a read.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define RECORD ((ssize_t)sizeof(struct signalfd_siginfo))
#define REFUSED 128 /* the exit status of a child whose read failed: this plus errno */

/*
 * Two descriptors with one set, USR1 and USR2, which are blocked. Only children read the one that
 * can sleep: their alarm ends them.
 */
static int fd;          /* NONBLOCK */
static int sleeping_fd; /* not */
static int told[2];

/* Reads, and returns the size, or -errno. */
static ssize_t read_into(int from, void *buffer, size_t size)
{
	ssize_t got = read(from, buffer, size);

	return got < 0 ? -errno : got;
}

/* What a child does: one read that sleeps. It returns the signal that it got. */
static int read_one(void)
{
	struct signalfd_siginfo info;
	ssize_t got = read_into(sleeping_fd, &info, sizeof(info));

	return got == RECORD ? (int)info.ssi_signo : REFUSED - (int)got;
}

static void short_buffer(void)
{
	char buffer[RECORD];
	ssize_t shorter, none, full;

	raise(SIGUSR1);
	none = read_into(fd, buffer, 0);
	shorter = read_into(fd, buffer, RECORD - 1);
	ok(shorter == -EINVAL && is_pending(SIGUSR1),
	   "S75 a buffer shorter than 128 bytes gives EINVAL, and the signal stays pending");
	ok(none == -EINVAL, "S82 a read of zero bytes gives EINVAL");
	full = read_into(fd, buffer, RECORD);
	ok(full == 128 && !is_pending(SIGUSR1), "S81 a record is 128 bytes");
}

static int read_two_of_five(void)
{
	struct signalfd_siginfo infos[5];
	const char *rest = (const char *)&infos[2];

	memset(infos, 0x5a, sizeof(infos));
	raise(SIGUSR1);
	raise(SIGUSR2);
	if (read_into(sleeping_fd, infos, sizeof(infos)) != 2 * RECORD)
		return 0;
	for (size_t i = 0; i < 3 * sizeof(infos[0]); i++)
		if (rest[i] != 0x5a)
			return 1;
	return 2;
}

static void long_buffer(void)
{
	char buffer[2 * RECORD];
	int found = WEXITSTATUS(in_child(read_two_of_five));
	ssize_t got;

	ok(found > 0,
	   "S76 a read returns the records that are pending and fit, and does not wait for more, "
	   "even where it may sleep");
	ok(found > 1, "S76 what a read does not fill of the buffer stays as it was");

	memset(buffer, 0x5a, sizeof(buffer));
	raise(SIGUSR1);
	raise(SIGUSR2);
	got = read_into(fd, buffer, sizeof(buffer) - 1);
	ok(got == RECORD && buffer[RECORD] == 0x5a && buffer[sizeof(buffer) - 2] == 0x5a &&
		   is_pending(SIGUSR2),
	   "S81 a read never returns part of a record: 255 bytes get one, and the next signal "
	   "stays pending");
	next_signal(fd);
}

static void nothing_pending(void)
{
	struct signalfd_siginfo info;
	pid_t pid;

	ok(read_into(fd, &info, sizeof(info)) == -EAGAIN,
	   "S77 with nothing pending, a read of a NONBLOCK descriptor gives EAGAIN");
	pid = start_child(read_one);
	sleeps_in(pid, SYS_read);
	kill(pid, SIGUSR1);
	ok(WEXITSTATUS(end_of(pid)) == SIGUSR1,
	   "S77 with nothing pending, any other read sleeps until a signal of the set comes");
}

/*
 * Two pages, of which the second can't be written: a copy that reaches it faults. The address
 * outside user space fails earlier: vfs_read() in fs/read_write.c@v5.10 to v7.3 checks the range,
 * not what is mapped there, before it calls the descriptor's own read.
 */
static void bad_buffer(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *bad = pages + page;
	char *volatile outside = (char *)(uintptr_t)-page;
	ssize_t got;

	must(pages == MAP_FAILED ? -1 : 0);
	must(mprotect(bad, page, PROT_READ));

	raise(SIGUSR1);
	got = read_into(fd, bad, RECORD);
	ok(got == -EFAULT && !is_pending(SIGUSR1) && !next_signal(fd),
	   "S78 a buffer that can't be written gives EFAULT, and the signal is lost: it was taken "
	   "before the copy");

	raise(SIGUSR1);
	raise(SIGUSR2);
	got = read_into(fd, bad - RECORD, 2 * RECORD);
	ok(got == RECORD && !is_pending(SIGUSR2) && !next_signal(fd),
	   "S78 where only the second record's place is bad, read returns the first, and the "
	   "second signal is lost without an error");

	raise(SIGUSR1);
	got = read_into(fd, outside, RECORD);
	ok(got == -EFAULT && next_signal(fd) == SIGUSR1,
	   "S78 an address outside user space gives EFAULT too, but before a signal is taken: it "
	   "stays pending");
	must(munmap(pages, 2 * page));
}

static void tell(int sig)
{
	(void)sig;
	if (write(told[1], "", 1) != 1)
		_exit(1);
}

static int read_with_handler(int flags)
{
	struct sigaction action = { .sa_handler = tell, .sa_flags = flags };

	must(sigaction(SIGTERM, &action, NULL));
	unblock(signals(SIGTERM, 0));
	return read_one();
}

static int read_interrupted(void)
{
	return read_with_handler(0);
}

static int read_restarted(void)
{
	return read_with_handler(SA_RESTART);
}

/* signalfd_dequeue() leaves its sleep with -ERESTARTSYS: the handler's flags say what follows. */
static void handler(void)
{
	int interrupted;
	char byte;
	pid_t pid;

	must(pipe(told));
	pid = start_child(read_interrupted);
	sleeps_in(pid, SYS_read);
	kill(pid, SIGTERM);
	interrupted = WEXITSTATUS(end_of(pid)) == REFUSED + EINTR;
	ok(interrupted && read(told[0], &byte, 1) == 1,
	   "S79 the handler of a signal that is not in the set and not blocked ends a sleeping "
	   "read by EINTR");

	pid = start_child(read_restarted);
	must(close(told[1])); /* so that the read below ends, should the child die */
	sleeps_in(pid, SYS_read);
	kill(pid, SIGTERM);
	must(read(told[0], &byte, 1));
	sleeps_in(pid, SYS_read);
	kill(pid, SIGUSR1);
	ok(WEXITSTATUS(end_of(pid)) == SIGUSR1,
	   "S79 with SA_RESTART a sleeping read goes on after the handler");
}

/*
 * No handler runs here, so -ERESTARTSYS makes the call begin anew, as for a read of a pipe. Other
 * calls that wait for signals, sigwaitinfo() and epoll_wait(), fail by EINTR then: man 7 signal.
 */
static void stopped(void)
{
	pid_t pid = start_child(read_one);
	int status;

	sleeps_in(pid, SYS_read);
	kill(pid, SIGSTOP);
	must(waitpid(pid, &status, WUNTRACED));
	kill(pid, SIGCONT);
	sleeps_in(pid, SYS_read);
	kill(pid, SIGUSR1);
	ok(WIFSTOPPED(status) && WEXITSTATUS(end_of(pid)) == SIGUSR1,
	   "S83 a sleeping read that is stopped and continued goes on: no EINTR");
}

static int readv_two_records(void)
{
	struct signalfd_siginfo infos[2];
	struct iovec segments[] = { { &infos[0], sizeof(infos[0]) },
				    { &infos[1], sizeof(infos[1]) } };

	raise(SIGUSR1);
	return readv(sleeping_fd, segments, 2) / RECORD;
}

/* What a child does: returns the error. */
static int read_without_sleep(void)
{
	char buffer[RECORD];
	struct iovec whole = { buffer, sizeof(buffer) };

	return preadv2(sleeping_fd, &whole, 1, -1, RWF_NOWAIT) < 0 ? errno : 0;
}

/*
 * Before 6.10 signalfd had .read alone, so that readv() was a loop of reads, one a segment
 * (do_loop_readv_writev() in fs/read_write.c@v6.1): each with its own check of the size, and each
 * with its own right to sleep. Since commit fbe38120eb1d ("signalfd: convert to ->read_iter()") the
 * segments are one buffer, and FMODE_NOWAIT says that RWF_NOWAIT may be asked for.
 * The first line finds out by readv() which kernel this is; the other two must agree with it, and
 * its name from 6.10 on: an earlier kernel may have the commit as a backport.
 */
static void vectors(void)
{
	char buffer[RECORD] = "";
	struct iovec halves[] = { { buffer, RECORD / 2 }, { buffer + RECORD / 2, RECORD / 2 } };
	struct iovec nothing = { buffer, 0 };
	int one_buffer, refused, slept, taken;
	ssize_t got;
	pid_t pid;

	raise(SIGUSR1);
	got = readv(fd, halves, 2);
	one_buffer = got == RECORD;
	refused = got < 0 && errno == EINVAL && next_signal(fd) == SIGUSR1;
	ok(one_buffer ? !is_pending(SIGUSR1) : refused && !is_since(6, 10),
	   "S80 a readv of two segments of 64 bytes gets a record from 6.10 on; before, each "
	   "segment is a read of its own: EINVAL");

	pid = start_child(readv_two_records);
	slept = sleeps_in(pid, SYS_readv);
	if (slept)
		kill(pid, SIGUSR2);
	taken = WEXITSTATUS(end_of(pid));
	ok(one_buffer ? !slept && taken == 1 : slept && taken == 2,
	   "S80 a readv of two whole records returns with the one that is pending from 6.10 on; "
	   "before, it sleeps for the second, the first in its hands");

	ok(WEXITSTATUS(in_child(read_without_sleep)) == (one_buffer ? EAGAIN : EOPNOTSUPP),
	   "S80 preadv2 with RWF_NOWAIT reads a descriptor that is not NONBLOCK without a sleep "
	   "from 6.10 on: EAGAIN; before: EOPNOTSUPP");
	ok(readv(fd, &nothing, 1) == 0,
	   "S82 a readv of zero bytes in all returns 0: the kernel does not ask the descriptor");
}

static int events(int asked)
{
	struct pollfd poll_fd = { .fd = fd, .events = asked };

	must(poll(&poll_fd, 1, 0));
	return poll_fd.revents;
}

static void polling(void)
{
	int all = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND;
	int before = events(all);

	raise(SIGUSR1);
	ok(!before && events(all) == POLLIN,
	   "S84 poll reports POLLIN where a signal waits, and nothing else, nor ever POLLOUT");
	ok(!events(POLLRDNORM), "S84 a poll for POLLRDNORM alone is never told of a signal");
	next_signal(fd);
}

/* The flag is looked at when a read begins, not in its sleep. */
static void toggle(void)
{
	int flags = must(fcntl(sleeping_fd, F_GETFL)), refused;
	pid_t pid = start_child(read_one);

	sleeps_in(pid, SYS_read);
	must(fcntl(sleeping_fd, F_SETFL, flags | O_NONBLOCK));
	refused = WEXITSTATUS(in_child(read_one)) == REFUSED + EAGAIN;
	kill(pid, SIGUSR1);
	ok(refused && WEXITSTATUS(end_of(pid)) == SIGUSR1,
	   "S84 O_NONBLOCK can be set later, by fcntl(), for reads that begin after it: one that "
	   "sleeps then sleeps on");

	must(fcntl(sleeping_fd, F_SETFL, flags));
	pid = start_child(read_one);
	sleeps_in(pid, SYS_read);
	kill(pid, SIGUSR1);
	ok(WEXITSTATUS(end_of(pid)) == SIGUSR1, "S84 O_NONBLOCK can be cleared later too");
}

/* dequeue_signal() takes from the same two lists for a read, a sigtimedwait() and a handler. */
static void without_descriptor(void)
{
	sigset_t set = signals(SIGUSR1, SIGUSR2, 0);
	struct timespec now = {};
	int taken;

	raise(SIGUSR1);
	raise(SIGUSR2);
	must(close(fd));
	must(close(sleeping_fd));
	taken = sigtimedwait(&set, NULL, &now);
	ok(taken == SIGUSR1 && is_pending(SIGUSR2),
	   "C41 it is the process that receives a signal: with the descriptor closed it is still "
	   "pending, and sigtimedwait takes it");
}

int main(void)
{
	sigset_t set = signals(SIGUSR1, SIGUSR2, 0);

	begin_afresh();
	block(set);
	fd = new_signalfd(set, SFD_NONBLOCK);
	sleeping_fd = new_signalfd(set, 0);
	short_buffer();
	long_buffer();
	nothing_pending();
	bad_buffer();
	handler();
	vectors();
	stopped();
	polling();
	toggle();
	without_descriptor();
	return done();
}
