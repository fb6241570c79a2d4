/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * create.c: what signalfd() makes, and what an update of it changes.
 *
 *	fd = signalfd(-1, &set, flags);   creates: a file, a set in it, and a descriptor of it
 *	signalfd(fd, &other, 0);          updates: the set in the file of fd is replaced
 *
 * The set belongs to the open file description: all descriptors of it have the same set. Signals
 * don't: they are pending in the queues of threads and processes, and the set says which of them a
 * read may take. So creating takes no signal in, and updating throws none away.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int update(int fd, sigset_t set)
{
	return must(signalfd(fd, &set, 0));
}

static void new_descriptor(void)
{
	int fd, hole;

	must(raise(SIGHUP));
	fd = new_signalfd(signals(SIGHUP, SIGTERM, 0), SFD_NONBLOCK);
	ok(next_signal(fd) == SIGHUP,
	   "C04 S28 a signal that was pending before the descriptor was made is read from it");
	must(raise(SIGTERM));
	ok(next_signal(fd) == SIGTERM,
	   "C01 C03 the call returns a descriptor from which signals are read");
	close(fd);

	hole = must(dup(1));
	close(hole);
	fd = new_signalfd(signals(SIGHUP, 0), SFD_NONBLOCK);
	ok(fd == hole, "C20 the result of creating is the lowest free descriptor");
	close(fd);
}

static void kind_of_file(void)
{
	int fd = new_signalfd(signals(SIGHUP, 0), SFD_NONBLOCK), other = must(eventfd(0, 0));
	char path[64], target[64], buffer[sizeof(struct signalfd_siginfo)] = "";
	int refused;
	struct stat its, others;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	target[must(readlink(path, target, sizeof(target) - 1))] = '\0';
	ok(!strcmp(target, "anon_inode:[signalfd]"),
	   "C02 the descriptor's link in /proc shows anon_inode:[signalfd]");

	/* Such files share one inode: anon_inode_getfile(), fs/anon_inodes.c@v5.10 to v7.3. */
	must(fstat(fd, &its));
	must(fstat(other, &others));
	ok(!(its.st_mode & S_IFMT) && its.st_dev == others.st_dev && its.st_ino == others.st_ino,
	   "C02 fstat shows no file type, and the same inode as of an eventfd");

	/* The inode is root's alone, mode 0600: others fail on that before. */
	refused = open(path, O_RDONLY) == -1 && (errno == ENXIO || errno == EACCES);
	ok(refused, "S29 the link in /proc can't be opened: ENXIO for root, EACCES for others");

	refused = write(fd, buffer, sizeof(buffer)) == -1 && errno == EINVAL;
	ok((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR && refused,
	   "S29 the file is open for reading and writing, but write gives EINVAL");
	ok(pread(fd, buffer, sizeof(buffer), 0) == -1 && errno == ESPIPE,
	   "S29 the file has no positions: pread gives ESPIPE");
	close(fd);
	close(other);
}

static void argument_fd(void)
{
	sigset_t set = signals(SIGHUP, 0);
	int fd = new_signalfd(set, SFD_NONBLOCK), other = must(eventfd(0, 0)), refused;

	refused = signalfd(-2, &set, 0) == -1 && errno == EBADF;
	refused += signalfd(other, &set, 0) == -1 && errno == EINVAL;
	close(other);
	refused += signalfd(other, &set, 0) == -1 && errno == EBADF;
	ok(update(fd, set) == fd && refused == 3,
	   "C18 the argument fd is -1 or a signalfd: no descriptor gives EBADF, others EINVAL");
	ok(update(fd, set) == fd, "C20 the result of an update equals the argument fd");
	close(fd);
}

static int has_flags(int fd, int flags)
{
	int cloexec = must(fcntl(fd, F_GETFD)) & FD_CLOEXEC;
	int nonblock = must(fcntl(fd, F_GETFL)) & O_NONBLOCK;

	return !cloexec == !(flags & SFD_CLOEXEC) && !nonblock == !(flags & SFD_NONBLOCK);
}

static void argument_flags(void)
{
	const int known[] = { 0, SFD_CLOEXEC, SFD_NONBLOCK, SFD_CLOEXEC | SFD_NONBLOCK };
	sigset_t set = signals(SIGHUP, 0);
	int as_asked = 0, refused = 0, i;

	for (i = 0; i < 4; i++) {
		int fd = new_signalfd(set, known[i]);

		as_asked += has_flags(fd, known[i]);
		close(fd);
	}
	ok(as_asked == 4, "C25 C26 the caller's flags decide: SFD_CLOEXEC sets FD_CLOEXEC, and "
			  "SFD_NONBLOCK sets O_NONBLOCK");

	for (i = 0; i < 32; i++) {
		int flag = (int)(1U << i);

		if (!(flag & (SFD_CLOEXEC | SFD_NONBLOCK)))
			refused += signalfd(-1, &set, flag) == -1 && errno == EINVAL;
	}
	ok(refused == 30, "C06 C27 every other bit gives EINVAL: no flag tells how signals are "
			  "handled, nor edge or level");
}

/* A set by its bits, since sigaddset() refuses 32 and 33, which the C library keeps to itself. */
static sigset_t by_bits(uint64_t bits)
{
	sigset_t set;

	sigemptyset(&set);
	memcpy(&set, &bits, sizeof(bits));
	return set;
}

static void argument_mask(void)
{
	const uint64_t refused = bit(SIGKILL) | bit(SIGSTOP);
	int fd = new_signalfd(by_bits(~0ULL), SFD_NONBLOCK), same = kernel_set(fd) == ~refused, sig;

	for (sig = 1; sig <= 64; sig++) {
		update(fd, by_bits(bit(sig)));
		same += kernel_set(fd) == (bit(sig) & ~refused);
	}
	ok(same == 65,
	   "C24 S20 fdinfo shows the argument's set, each of the signals 1 to 64 but SIGKILL "
	   "and SIGSTOP");
	close(fd);

	/* sigdelsetmask() in do_signalfd4(), fs/signalfd.c@v5.10 to v7.3, takes them out. */
	fd = new_signalfd(signals(SIGKILL, SIGSTOP, 0), SFD_NONBLOCK);
	must(raise(SIGHUP));
	ok(kernel_set(fd) == 0 && !next_signal(fd) && errno == EAGAIN,
	   "S27 SIGKILL and SIGSTOP in the set are no error: they alone make an empty set");
	update(fd, signals(SIGHUP, 0));
	next_signal(fd);
	close(fd);
}

static void set_by_update(void)
{
	int fd = new_signalfd(signals(SIGHUP, SIGINT, 0), SFD_NONBLOCK), first, left, second;

	update(fd, signals(SIGTERM, 0));
	ok(kernel_set(fd) == bit(SIGTERM),
	   "S21 an update replaces the set, and adds nothing to it");

	must(raise(SIGHUP));
	must(raise(SIGINT));
	update(fd, signals(SIGINT, 0));
	first = next_signal(fd);
	left = !next_signal(fd) && is_pending(SIGHUP);
	update(fd, signals(SIGHUP, 0));
	second = next_signal(fd);
	ok(first == SIGINT && left && second == SIGHUP,
	   "S24 an update leaves pending signals alone: those in the new set are read, the others "
	   "stay");
	close(fd);
}

/* What an update takes out of the set, and what a program may have meant by it. */
static void taken_out(void)
{
	int fd = new_signalfd(signals(SIGHUP, SIGTERM, 0), SFD_NONBLOCK), silent;
	sigset_t blocked, hup = signals(SIGHUP, 0);

	update(fd, signals(SIGTERM, 0));
	must(sigprocmask(SIG_BLOCK, NULL, &blocked));
	must(raise(SIGHUP)); /* would end this process */
	silent = !is_readable(fd) && !next_signal(fd);
	ok(sigismember(&blocked, SIGHUP) && silent && is_pending(SIGHUP),
	   "S115 a signal that an update takes out of the set stays blocked: it is neither read "
	   "nor acted on");
	must(sigwaitinfo(&hup, NULL));
	close(fd);
}

static void flags_of_update(void)
{
	const int both = SFD_CLOEXEC | SFD_NONBLOCK;
	sigset_t set = signals(SIGHUP, 0), other = signals(SIGTERM, 0);
	int without = new_signalfd(set, 0), with = new_signalfd(set, both);
	int ignored;

	must(signalfd(without, &set, both));
	must(signalfd(with, &set, 0));
	ignored = has_flags(without, 0) && has_flags(with, both);
	ok(ignored, "S22 an update neither sets nor clears CLOEXEC and NONBLOCK");

	ok(signalfd(with, &other, both | 1) == -1 && errno == EINVAL &&
		   kernel_set(with) == bit(SIGHUP),
	   "S22 any other flag fails an update: EINVAL, and the set stays");

	must(fcntl(without, F_SETFD, FD_CLOEXEC));
	must(fcntl(without, F_SETFL, O_NONBLOCK));
	ok(has_flags(without, both), "S22 fcntl changes FD_CLOEXEC and O_NONBLOCK after creation");
	close(without);
	close(with);
}

/* For in_child() and for the reader, which take no arguments. */
static int shared_fd;

static int update_to_term(void)
{
	sigset_t set = signals(SIGTERM, 0);

	return signalfd(shared_fd, &set, 0) != shared_fd;
}

static void sharing(void)
{
	int copy;

	shared_fd = new_signalfd(signals(SIGHUP, 0), SFD_NONBLOCK);
	copy = must(dup(shared_fd));
	update(copy, signals(SIGINT, 0));
	ok(kernel_set(shared_fd) == bit(SIGINT),
	   "S23 a dup has the same set: an update shows in both");
	ok(in_child(update_to_term) == 0 && kernel_set(shared_fd) == bit(SIGTERM),
	   "S23 a child's inherited descriptor has the same set: the child's update shows here");
	close(copy);
	close(shared_fd);
}

/* Two messages: which thread it is, and the signal that its read returned. */
static int from_reader[2];

static void *reader(void *unused)
{
	struct signalfd_siginfo info;
	int message = gettid();

	must(write(from_reader[1], &message, sizeof(message)));
	must(read(shared_fd, &info, sizeof(info)));
	message = info.ssi_signo;
	must(write(from_reader[1], &message, sizeof(message)));
	return unused;
}

/* The reader's next message, 0 if none comes in that time. */
static int reader_says(int milliseconds)
{
	struct pollfd ready = { .fd = from_reader[0], .events = POLLIN };
	int message;

	if (!must(poll(&ready, 1, milliseconds)))
		return 0;
	must(read(from_reader[0], &message, sizeof(message)));
	return message;
}

/*
 * A reader asleep in read, with a set that lacks the pending signal. A sleeper looks at the
 * queues again when it is woken; do_signalfd4(), fs/signalfd.c@v5.10 to v7.3, wakes those in
 * current->sighand->signalfd_wqh: the sleepers of the process that calls, whichever signalfd they
 * read, and no others.
 */
static void start_reader(void)
{
	pthread_t thread;

	shared_fd = new_signalfd(signals(SIGHUP, 0), 0);
	must(pipe(from_reader));
	must(kill(getpid(), SIGTERM));
	must(-pthread_create(&thread, NULL, reader, NULL));
	pthread_detach(thread);
	sleeps_in(reader_says(-1), SYS_read);
}

/* A thread that waits in poll or epoll_wait, and then takes the signal. */
static int from_poller[2], instance;

static void *poller(void *unused)
{
	struct pollfd query = { .fd = shared_fd, .events = POLLIN };
	pid_t tid = gettid();

	(void)unused;
	must(write(from_poller[1], &tid, sizeof(tid)));
	must(poll(&query, 1, -1));
	return (void *)(intptr_t)next_signal(shared_fd);
}

static void *epoll_waiter(void *unused)
{
	struct epoll_event event;
	pid_t tid = gettid();

	(void)unused;
	must(write(from_poller[1], &tid, sizeof(tid)));
	must(epoll_wait(instance, &event, 1, -1));
	return (void *)(intptr_t)next_signal(shared_fd);
}

/* Asked of a child, so that SIGALRM ends it if the update wakes nobody. */
static int update_wakes(void *(*waiter)(void *))
{
	struct epoll_event event = { .events = EPOLLIN };
	pthread_t thread;
	void *taken;
	pid_t tid;

	shared_fd = new_signalfd(signals(SIGHUP, 0), SFD_NONBLOCK);
	instance = must(epoll_create1(0));
	must(epoll_ctl(instance, EPOLL_CTL_ADD, shared_fd, &event));
	must(pipe(from_poller));
	must(kill(getpid(), SIGTERM));
	must(-pthread_create(&thread, NULL, waiter, NULL));
	must(read(from_poller[0], &tid, sizeof(tid)));
	must(sleeps_in(tid, ANY_CALL) ? 0 : -1); /* its next call is the one meant */
	must(update_to_term() ? -1 : 0);
	must(-pthread_join(thread, &taken));
	return (intptr_t)taken == SIGTERM;
}

static int update_wakes_poll(void)
{
	return update_wakes(poller);
}

static int update_wakes_epoll(void)
{
	return update_wakes(epoll_waiter);
}

static void waking(void)
{
	int updated, early;

	start_reader();
	update_to_term();
	ok(reader_says(-1) == SIGTERM,
	   "S25 an update wakes a thread asleep in read, which then takes what the new set allows");
	ok(true_in_child(update_wakes_poll),
	   "S100 an update wakes a thread asleep in poll, for a pending signal of the new set");
	ok(true_in_child(update_wakes_epoll),
	   "S100 an update wakes a thread asleep in epoll_wait, for a pending signal of the new "
	   "set");

	/*
	 * That nothing comes can't be awaited. A reader that is woken has 200 ms to say so; a slow
	 * machine only makes this weaker. The child's end is a signal too, SIGCHLD: not blocked,
	 * it is ignored when it is sent, and wakes none (sig_ignored(), kernel/signal.c@v5.10 to
	 * v7.3).
	 */
	start_reader();
	updated = in_child(update_to_term) == 0 && kernel_set(shared_fd) == bit(SIGTERM);
	early = reader_says(200);
	ok(updated && !early && is_pending(SIGTERM),
	   "S26 an update by another process leaves a reader asleep, though the new set has a "
	   "signal pending for it");
	must(kill(getpid(), SIGHUP));
	ok(!early && reader_says(-1) == SIGTERM && is_pending(SIGHUP),
	   "S26 the next signal that becomes pending for the reader, of the set or not, wakes it");
}

int main(void)
{
	begin_afresh();
	block(signals(SIGHUP, SIGINT, SIGTERM, 0));
	new_descriptor();
	kind_of_file();
	argument_fd();
	argument_flags();
	argument_mask();
	set_by_update();
	taken_out();
	flags_of_update();
	sharing();
	waking();
	return done();
}
