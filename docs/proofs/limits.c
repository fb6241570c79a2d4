/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * limits.c: the two limits that a user of signalfd meets.
 *
 *	RLIMIT_NOFILE       descriptors of a process; a signalfd is one like any other
 *	RLIMIT_SIGPENDING   pending signals, counted by real user
 *
 * The second limits records of pending signals. Where one more is one too many, the kernel has
 * three answers (__send_signal_locked(), kernel/signal.c@v6.1 to v7.3; __send_signal() in v5.10):
 *
 *	a standard signal by kill() or by the kernel itself    makes one all the same
 *	a real-time signal by sigqueue() or tgkill()           fails: EAGAIN
 *	all others                                             send the signal without a record
 *
 * A signal without a record is read as one by kill() from process 0 of user 0.
 */
#include "proof.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static int fails_with(int result, int error)
{
	return result == -1 && errno == error;
}

static void descriptors(void)
{
	sigset_t set = signals(SIGHUP, 0);
	struct rlimit limit, before, after;
	int hole, fd, full, updated;

	must(getrlimit(RLIMIT_NOFILE, &limit));
	hole = must(dup(1));
	close(hole);
	before = limit;
	before.rlim_cur = hole + 1;
	must(setrlimit(RLIMIT_NOFILE, &before));

	fd = new_signalfd(set, SFD_NONBLOCK);
	must(getrlimit(RLIMIT_NOFILE, &after));
	ok(fd == hole && after.rlim_cur == before.rlim_cur && after.rlim_max == before.rlim_max,
	   "C12 a signalfd takes one descriptor, and leaves the limit of descriptors as it was");

	full = fails_with(signalfd(-1, &set, 0), EMFILE);
	updated = signalfd(fd, &set, 0) == fd;
	close(fd);
	fd = new_signalfd(set, SFD_NONBLOCK);
	ok(full && updated && fd == hole,
	   "C12 at RLIMIT_NOFILE creating fails with EMFILE until a descriptor is closed; an "
	   "update needs none");
	close(fd);
	must(setrlimit(RLIMIT_NOFILE, &limit));
}

static void set_limit(rlim_t pending)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_SIGPENDING, &limit));
	limit.rlim_cur = pending < limit.rlim_max ? pending : limit.rlim_max;
	must(setrlimit(RLIMIT_SIGPENDING, &limit));
}

static int queue(pid_t pid, int sig)
{
	return sigqueue(pid, sig, (union sigval){ .sival_int = 5 });
}

/* By tgkill(), to this thread. */
static int queue_here(int sig)
{
	errno = pthread_kill(pthread_self(), sig);
	return errno ? -1 : 0;
}

static pid_t peer;
static int to_peer;

/* Starts another process, and returns what it found; it stays until end_peer() or our own end. */
static int start_peer(int (*what)(void))
{
	int ends[2];
	char found = 0;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	peer = must(fork());
	if (!peer) {
		close(ends[0]);
		found = what();
		must(write(ends[1], &found, 1));
		_exit(read(ends[1], &found, 1) != 0);
	}
	close(ends[1]);
	to_peer = ends[0];
	must(read(to_peer, &found, 1));
	return found;
}

static void end_peer(void)
{
	close(to_peer);
	must(waitpid(peer, NULL, 0));
}

static int limited_peer(void)
{
	set_limit(0);
	return queue(getppid(), SIGRTMIN) == 0;
}

/*
 * Limit, count and user are those of the task that is sent to: __sigqueue_alloc(),
 * kernel/signal.c@v5.10 to v6.12; sig_get_ucounts() in v7.3.
 */
static void whose_limit(void)
{
	int fd = new_signalfd(signals(SIGRTMIN, 0), SFD_NONBLOCK), sent = start_peer(limited_peer);
	int refused = fails_with(queue(peer, SIGRTMIN), EAGAIN);

	ok(sent && read_all(fd) == 1 && refused,
	   "S53 the limit that counts is the receiver's, not the sender's");
	end_peer();
	close(fd);
}

static int become_own_user(void)
{
	return setuid(1000000000 + getpid()) == 0;
}

static int with_three_pending(void)
{
	int queued = 0, i;

	for (i = 0; i < 3; i++)
		queued += queue(getpid(), SIGRTMIN) == 0;
	return queued == 3;
}

/* An exact count needs a user that has no other processes. All the rest runs as this one. */
static void counting(void)
{
	const char *each = "S50 each record counts, of standard signals too: at the limit sigqueue "
			   "fails with EAGAIN until one is read";
	const char *shared = "S50 the count is one for all processes of the receiver's real user";
	int fd, full, freed;

	if (!become_own_user()) {
		const char *why = "needs root, to become a user without other processes";

		skip(each, why);
		skip(shared, why);
		return;
	}
	fd = new_signalfd(signals(SIGHUP, SIGRTMIN, 0), SFD_NONBLOCK);
	set_limit(3);
	must(kill(getpid(), SIGHUP));
	must(queue(getpid(), SIGRTMIN));
	must(queue(getpid(), SIGRTMIN));
	full = fails_with(queue(getpid(), SIGRTMIN), EAGAIN);
	next_signal(fd);
	freed = queue(getpid(), SIGRTMIN) == 0;
	ok(full && freed && read_all(fd) == 3, "%s", each);

	full = start_peer(with_three_pending) && fails_with(queue(getpid(), SIGRTMIN), EAGAIN);
	end_peer();
	freed = queue(getpid(), SIGRTMIN) == 0;
	ok(full && freed && read_all(fd) == 1, "%s", shared);
	close(fd);
}

/* collect_signal(), kernel/signal.c@v5.10 to v7.3, makes one up for a signal without a record. */
static int is_bare(const struct signalfd_siginfo *record, int sig)
{
	struct signalfd_siginfo expected = { .ssi_signo = sig, .ssi_code = SI_USER };

	return !memcmp(record, &expected, sizeof(expected));
}

/* The limit is 0 where it is to be reached: others of this user may come and go. */
static void realtime_signals(void)
{
	int fd = new_signalfd(signals(SIGRTMIN, 0), SFD_NONBLOCK), refused;

	set_limit(0);
	refused = fails_with(queue(getpid(), SIGRTMIN), EAGAIN);
	refused += fails_with(queue_here(SIGRTMIN), EAGAIN);
	ok(refused == 2 && read_all(fd) == 0,
	   "S51 at the limit sigqueue and tgkill of a real-time signal fail with EAGAIN");

	must(kill(getpid(), SIGRTMIN));
	must(kill(getpid(), SIGRTMIN));
	ok(read_all(fd) == 1 && is_bare(&records[0], SIGRTMIN),
	   "S51 at the limit kill of a real-time signal succeeds, but several leave one instance, "
	   "whose sender is lost: ssi_pid and ssi_uid are 0");

	set_limit(RLIM_INFINITY);
	must(queue(getpid(), SIGRTMIN));
	set_limit(0);
	must(kill(getpid(), SIGRTMIN));
	ok(read_all(fd) == 1 && records[0].ssi_code == SI_QUEUE,
	   "S51 at the limit a real-time signal by kill is lost where an instance is pending");
	close(fd);
}

static void standard_signals(void)
{
	int fd = new_signalfd(signals(SIGHUP, SIGINT, SIGTERM, SIGCHLD, 0), SFD_NONBLOCK), n,
	    by_kill, by_others;
	pid_t child;

	signal(SIGCHLD, SIG_DFL); /* drops what earlier children have sent, see S47 in queue.c */
	child = must(fork());
	if (!child)
		_exit(7);
	must(waitpid(child, NULL, 0));
	must(kill(getpid(), SIGHUP));
	must(queue(getpid(), SIGINT));
	must(queue_here(SIGTERM));
	n = read_all(fd);

	/* The thread's own comes first. */
	by_others = is_bare(&records[0], SIGTERM) && is_bare(&records[2], SIGINT);
	by_kill = records[1].ssi_signo == SIGHUP && records[1].ssi_pid == (unsigned int)getpid() &&
		  records[3].ssi_code == CLD_EXITED && records[3].ssi_pid == (unsigned int)child;
	ok(n == 4 && by_kill,
	   "S52 at the limit standard signals by kill, and SIGCHLD, keep their fields");
	ok(n == 4 && by_others,
	   "S52 at the limit sigqueue and tgkill of a standard signal succeed, but value and "
	   "sender are lost");
	close(fd);
}

/*
 * A timer's one record is made with it: do_timer_create(), kernel/time/posix-timers.c@v5.10 to
 * v7.3.
 */
static void timers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGRTMIN,
				  .sigev_value.sival_int = 5 };
	const struct itimerspec at_once = { .it_value.tv_nsec = 1 };
	int fd = new_signalfd(signals(SIGRTMIN, 0), SFD_NONBLOCK), refused;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	timer_t timer, other;

	set_limit(RLIM_INFINITY);
	must(timer_create(CLOCK_MONOTONIC, &event, &timer));
	set_limit(0);
	refused = fails_with(timer_create(CLOCK_MONOTONIC, &event, &other), EAGAIN);
	must(timer_settime(timer, 0, &at_once, NULL));
	must(poll(&ready, 1, -1));
	ok(refused && read_all(fd) == 1 && records[0].ssi_int == 5,
	   "S54 at the limit timer_create fails with EAGAIN, and older timers send their signals");
	must(timer_delete(timer));
	close(fd);
}

/* A message to an empty queue of which this process wants to be told by that signal. */
static mqd_t queue_with_message(int sig)
{
	struct mq_attr size = { .mq_maxmsg = 1, .mq_msgsize = 1 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = sig,
				  .sigev_value.sival_int = 5 };
	char name[32];
	mqd_t mq;

	snprintf(name, sizeof(name), "/sigfd-proof-%d", getpid());
	mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &size);
	if (mq < 0)
		return mq;
	must(mq_unlink(name));
	must(mq_notify(mq, &event));
	must(mq_send(mq, "m", 1, 0));
	return mq;
}

static int has_message(mqd_t mq)
{
	char message;
	int got = mq_receive(mq, &message, 1, NULL) == 1;

	mq_close(mq);
	return got;
}

/* __do_notify(), ipc/mqueue.c@v6.1 to v7.3, does not look at what became of the signal. */
static void message_queues(void)
{
	const char *lost = "S110 at the limit a message comes into its queue, and the real-time "
			   "signal that mq_notify has asked for does not";
	int fd = new_signalfd(signals(SIGHUP, SIGRTMIN, 0), SFD_NONBLOCK), whole;
	mqd_t mq;

	set_limit(RLIM_INFINITY);
	mq = queue_with_message(SIGRTMIN);
	if (mq < 0) {
		skip(lost, strerror(errno));
		return;
	}
	whole = read_all(fd) == 1 && records[0].ssi_code == SI_MESGQ && records[0].ssi_int == 5 &&
		records[0].ssi_pid == (unsigned int)getpid();
	whole = has_message(mq) && whole;
	set_limit(0);
	mq = must(queue_with_message(SIGRTMIN));
	ok(whole && has_message(mq) && read_all(fd) == 0, "%s", lost);
	mq = must(queue_with_message(SIGHUP));
	ok(has_message(mq) && read_all(fd) == 1 && is_bare(&records[0], SIGHUP),
	   "S110 at the limit a standard signal by mq_notify comes, but value and sender are lost");
	close(fd);
}

int main(void)
{
	sigset_t all;

	begin_afresh();
	sigfillset(&all);
	block(all);
	descriptors();
	whose_limit();
	counting();
	realtime_signals();
	standard_signals();
	timers();
	message_queues();
	return done();
}
