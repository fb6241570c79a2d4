/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * whose.c: whose signals a read of a signalfd returns.
 *
 * The open file holds a set and nothing else (struct signalfd_ctx, fs/signalfd.c@v5.10 to v7.3): no
 * signal, no process, no thread. A read takes from what is pending for the thread that reads, then
 * from what is pending for its process (dequeue_signal, kernel/signal.c@v5.10 to v7.3). So one
 * descriptor returns other signals in another process, in whichever way it came there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include "proof.h"

static sigset_t accepted; /* HUP and USR1: what every descriptor here accepts */
static int fd;

/* Not only "no signal": any other error than EAGAIN is none of these statements. */
static int is_empty(int descriptor)
{
	struct signalfd_siginfo info;

	return read(descriptor, &info, sizeof(info)) < 0 && errno == EAGAIN;
}

static int is_in(sigset_t of, int sig)
{
	return sigismember(&of, sig) == 1;
}

static sigset_t pending(void)
{
	sigset_t now;

	must(sigpending(&now));
	return now;
}

static void *call(void *what)
{
	return (void *)(intptr_t)(*(int (**)(void))what)();
}

static int in_thread(int (*what)(void))
{
	pthread_t thread;
	void *result;

	must(-pthread_create(&thread, NULL, call, &what));
	pthread_join(thread, &result);
	return (int)(intptr_t)result;
}

/* A negative: for how long "nothing comes" must hold. Under load it shows less, and never fails. */
static int stays_silent(int pipe)
{
	struct pollfd query = { .fd = pipe, .events = POLLIN };

	return must(poll(&query, 1, 200)) == 0;
}

static int read_own_signal(void)
{
	/* The parent has HUP pending; fork gave this process empty queues (copy_process). */
	if (!is_empty(fd))
		return 0;
	kill(getpid(), SIGUSR1);
	kill(getppid(), SIGUSR1);
	return next_signal(fd) == SIGUSR1 && is_empty(fd);
}

static void after_fork(void)
{
	kill(getpid(), SIGHUP);
	ok(true_in_child(read_own_signal),
	   "S55 a child reads its own signals by the inherited descriptor, none of the parent's");
	ok(next_signal(fd) == SIGHUP && next_signal(fd) == SIGUSR1 && is_empty(fd),
	   "S55 the parent's signals, pending before the fork or sent later, stay for the parent");
}

/* What the new program finds, as its exit status: one bit each. 1 is how must() ends a child. */
enum { BLOCKED = 2, PENDING = 4, READ = 8 };

static int new_program(int inherited)
{
	sigset_t blocked;
	int found;

	must(sigprocmask(SIG_BLOCK, NULL, &blocked));
	found = is_in(blocked, SIGHUP) * BLOCKED + is_in(pending(), SIGHUP) * PENDING;
	return found + (next_signal(inherited) == SIGHUP) * READ;
}

static int exec_with(int flags)
{
	int made = new_signalfd(accepted, SFD_NONBLOCK | flags);
	char number[16];

	snprintf(number, sizeof(number), "%d", made);
	kill(getpid(), SIGHUP);
	execl("/proc/self/exe", "whose", number, NULL);
	return 127;
}

static int exec_and_keep(void)
{
	return exec_with(0);
}

static int exec_and_close(void)
{
	return exec_with(SFD_CLOEXEC);
}

static void after_exec(void)
{
	ok(WEXITSTATUS(in_child(exec_and_close)) == BLOCKED + PENDING,
	   "S56 SFD_CLOEXEC: exec closes the descriptor; the signal stays pending and blocked");
	ok(WEXITSTATUS(in_child(exec_and_keep)) == BLOCKED + PENDING + READ,
	   "S56 by a descriptor kept over exec the new program reads what was pending before");
}

static int read_one(void)
{
	return next_signal(fd);
}

static int sees_nothing(void)
{
	return !is_readable(fd) && is_empty(fd);
}

static void between_threads(void)
{
	int by_thread;

	kill(getpid(), SIGHUP);
	by_thread = in_thread(read_one);
	kill(getpid(), SIGUSR1);
	ok(by_thread == SIGHUP && next_signal(fd) == SIGUSR1,
	   "S57 a signal sent to the process is read by whichever of its threads reads");

	pthread_kill(pthread_self(), SIGHUP);
	ok(in_thread(sees_nothing) == 1,
	   "S57 S62 of a signal to one thread another's poll tells nothing, its read gives EAGAIN");
	ok(is_readable(fd) && next_signal(fd) == SIGHUP,
	   "S57 S62 a signal to one thread is polled and read by that thread");
}

struct reader {
	int fd, say;
	pid_t tid;
};

/* Says once that it comes, and then what it has read; a blocking descriptor, unlike the others. */
static void *read_blocking(void *arg)
{
	struct reader *self = arg;
	char signo;

	self->tid = syscall(SYS_gettid);
	must(write(self->say, "", 1));
	signo = next_signal(self->fd);
	must(write(self->say, &signo, 1));
	return NULL;
}

static pthread_t start_reader(struct reader *reader, int hear)
{
	pthread_t thread;
	char come;

	must(-pthread_create(&thread, NULL, read_blocking, reader));
	must(read(hear, &come, 1));
	must(sleeps_in(reader->tid, SYS_read) ? 0 : -1);
	return thread;
}

/*
 * How often a thread has given up the processor by itself. Who has woken and finds nothing sleeps
 * again, and is counted once more; that it sleeps must be waited for.
 */
static long switches_of(pid_t tid)
{
	char path[64], line[128];
	long switches = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "voluntary_ctxt_switches: %ld", &switches) < 1)
		;
	if (file)
		fclose(file);
	return switches;
}

/*
 * What waits is a read, on its process's queue (sighand->signalfd_wqh). A signal wakes all who
 * sleep there (signalfd_dequeue adds itself as not exclusive), and the first to run takes it.
 */
static void nothing_queues(void)
{
	struct reader first, second;
	pthread_t threads[2];
	char signo = 0, other = 0;
	int pipes[2], blocking = new_signalfd(accepted, 0), made, left;
	long slept[2];

	must(pipe(pipes));
	first = second = (struct reader){ .fd = blocking, .say = pipes[1] };
	threads[0] = start_reader(&first, pipes[0]);
	made = new_signalfd(accepted, SFD_NONBLOCK);
	ok(sleeps_in(first.tid, SYS_read) && is_empty(made),
	   "C07 a call of signalfd returns while another thread sleeps in read: it waits for none");

	threads[1] = start_reader(&second, pipes[0]);
	slept[0] = switches_of(first.tid);
	slept[1] = switches_of(second.tid);
	kill(getpid(), SIGHUP);
	must(read(pipes[0], &signo, 1));
	ok(signo == SIGHUP && stays_silent(pipes[0]),
	   "C07 S57 of two threads asleep in read one gets the signal, and the other sleeps on");
	left = sleeps_in(first.tid, SYS_read) ? 0 : 1;
	must(sleeps_in(left ? second.tid : first.tid, SYS_read) ? 0 : -1);
	ok(switches_of(left ? second.tid : first.tid) > slept[left],
	   "S111 a signal wakes each thread that sleeps in read, though one takes it");
	kill(getpid(), SIGUSR1);
	must(read(pipes[0], &other, 1));
	ok(other == SIGUSR1, "C07 S57 the reader that slept on gets the next signal");

	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	close(pipes[0]);
	close(pipes[1]);
	close(blocking);
	close(made);
}

/* One descriptor through a socket, as SCM_RIGHTS; one byte must go with it. */
static void transfer(int socket, int *descriptor, int is_sender)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
				 .cmsg_level = SOL_SOCKET,
				 .cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };

	if (is_sender) {
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), descriptor, sizeof(*descriptor));
		must(sendmsg(socket, &message, 0));
	} else {
		must(recvmsg(socket, &message, 0));
		memcpy(descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*descriptor));
	}
}

static int sockets[2];

/* The child makes the descriptor, so that the parent has it from the socket and not by fork. */
static int send_descriptor(void)
{
	int own = new_signalfd(signals(SIGUSR1, 0), SFD_NONBLOCK);
	char word;

	kill(getpid(), SIGUSR1);
	transfer(sockets[1], &own, 1);
	must(read(sockets[1], &word, 1));
	return next_signal(own) == SIGUSR1 && is_empty(own);
}

static void through_a_socket(void)
{
	int received = -1, empty;
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = ask_child(send_descriptor);
	transfer(sockets[0], &received, 0);
	empty = is_empty(received);
	kill(getpid(), SIGUSR1);
	ok(empty && kernel_set(received) == bit(SIGUSR1) && next_signal(received) == SIGUSR1,
	   "S58 who gets a descriptor by SCM_RIGHTS reads its own signals, with the sender's set");
	must(write(sockets[0], "", 1));
	ok(end_of(pid) == 0, "S58 the signals of the sender stay with the sender");
	close(received);
	close(sockets[0]);
	close(sockets[1]);
}

static void two_descriptors(void)
{
	int other = new_signalfd(accepted, SFD_NONBLOCK);
	sigset_t usr2 = signals(SIGUSR2, 0);
	struct pollfd both[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = other, .events = POLLIN },
	};

	kill(getpid(), SIGHUP);
	ok(poll(both, 2, 0) == 2,
	   "S59 one pending signal makes every descriptor of its set readable");
	ok(next_signal(other) == SIGHUP && is_empty(fd) && poll(both, 2, 0) == 0,
	   "S59 one read takes the signal, and then no other descriptor has it");

	must(signalfd(other, &usr2, 0));
	must(fcntl(other, F_SETFL, 0));
	ok(kernel_set(fd) == (bit(SIGHUP) | bit(SIGUSR1)) && must(fcntl(fd, F_GETFL)) & O_NONBLOCK,
	   "C08 two calls make two open files: one's set or mode can change, the other's stays");
	close(other);
}

/*
 * sigtimedwait and read end in the same dequeue_signal: the descriptor has no queue of its own that
 * a signal could have been moved to.
 */
static void beside_sigtimedwait(void)
{
	struct timespec now = { 0 };
	int taken;

	kill(getpid(), SIGHUP);
	taken = sigtimedwait(&accepted, NULL, &now);
	ok(taken == SIGHUP && is_empty(fd),
	   "S60 what sigtimedwait has taken, the descriptor no longer has");
	kill(getpid(), SIGHUP);
	taken = next_signal(fd);
	ok(taken == SIGHUP && sigtimedwait(&accepted, NULL, &now) < 0 && errno == EAGAIN,
	   "S60 what read has taken, sigtimedwait no longer gets");
}

static void after_close(void)
{
	sigset_t blocked;

	kill(getpid(), SIGHUP);
	close(fd);
	must(sigprocmask(SIG_BLOCK, NULL, &blocked));
	ok(is_in(pending(), SIGHUP) && is_in(blocked, SIGHUP),
	   "S61 close of the descriptor leaves its signals pending and blocked");
	fd = new_signalfd(accepted, SFD_NONBLOCK);
	must(next_signal(fd) == SIGHUP ? 0 : -1);
}

static int shows_the_set(void)
{
	return kernel_set(fd) == (bit(SIGHUP) | bit(SIGUSR1));
}

static void one_set_for_all(void)
{
	ok(true_in_child(shows_the_set), "S63 a child finds the parent's set in its fdinfo");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return new_program(atoi(argv[1]));
	begin_afresh();
	alarm(300); /* where a signal never came, this proof would wait for it */
	accepted = signals(SIGHUP, SIGUSR1, 0);
	block(signals(SIGHUP, SIGUSR1, SIGUSR2, 0));
	fd = new_signalfd(accepted, SFD_NONBLOCK);

	after_fork();
	after_exec();
	between_threads();
	nothing_queues();
	through_a_socket();
	two_descriptors();
	beside_sigtimedwait();
	after_close();
	one_set_for_all();
	return done();
}
