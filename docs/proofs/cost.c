/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * cost [ROUNDS]: what it costs to take a signal, by a handler, by sigwaitinfo(), by a signalfd.
 *
 * The unit is the CPU time of the whole process for one signal. The sending is in it, since it is
 * the same for all. Each round measures every way once, so that whatever slows the machine down
 * hits all of them alike. Compare the ratios within one run, not nanoseconds between machines.
 *
 * What the figures don't say: they come from one processor, with all that is needed in its caches;
 * no wake-up crosses to another one, and the handler interrupts nothing. A program that does some
 * work for each signal will see little of the difference. And an emulated processor knows other
 * costs: what a handler takes, to save all registers on the stack and load them again, is dear
 * there above all.
 *
 * The TAP lines test that no signal is lost on any way. None depends on a time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "proof.h"

#define SIGNALS 1000 /* a round, for each way */
#define WAKES 300    /* the same, where each signal wakes a sleeper */
#define MANY 100     /* divides SIGNALS */
#define ROUNDS_MAX 1000

/* Is the signal there when it is taken, or does who takes it sleep until it comes? */
enum scene { THERE, ASLEEP, SCENES };

static pid_t pid; /* kept, as getpid() is a system call */
static sigset_t usr1;
static int signal_fd, epoll_fd, pipe_fds[2];
static volatile sig_atomic_t arrived;
static long taken;

/* ---- The ways -------------------------------------------------------------------------------- */

static void send_usr1(void)
{
	must(kill(pid, SIGUSR1));
}

static void dispose(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	must(sigaction(SIGUSR1, &action, NULL));
}

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	epoll_fd = must(epoll_create1(EPOLL_CLOEXEC));
	must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
}

/*
 * A handler. Who sleeps for it blocks the signal and leaves it to sigsuspend() to unblock it: else
 * the signal may come between the look at `arrived` and the sleep, which nothing would end then.
 */
static void note_arrival(int sig)
{
	(void)sig;
	arrived = 1;
}

static void open_handler(enum scene scene)
{
	dispose(note_arrival);
	if (scene == ASLEEP)
		block(usr1);
}

static void take_handled(void)
{
	sigset_t none;

	sigemptyset(&none);
	while (!arrived)
		sigsuspend(&none);
	arrived = 0;
	taken++;
}

static void close_handler(void)
{
	unblock(usr1);
	dispose(SIG_DFL);
}

/* sigwaitinfo(). */
static void open_wait(enum scene scene)
{
	(void)scene;
	block(usr1);
}

static void take_waited(void)
{
	taken += sigwaitinfo(&usr1, NULL) == SIGUSR1;
}

static void close_wait(void)
{
	unblock(usr1);
}

/* A signalfd, read without asking whether there is something. */
static void open_signalfd(enum scene scene)
{
	(void)scene;
	block(usr1);
	signal_fd = must(signalfd(-1, &usr1, SFD_CLOEXEC));
}

static void take_record(void)
{
	struct signalfd_siginfo info;

	taken += read(signal_fd, &info, sizeof(info)) == sizeof(info);
}

static void close_signalfd(void)
{
	close(signal_fd);
	unblock(usr1);
}

/* A signalfd in an event loop. */
static void open_loop(enum scene scene)
{
	open_signalfd(scene);
	watch(signal_fd);
}

static void take_loop(void)
{
	struct epoll_event event;

	must(epoll_wait(epoll_fd, &event, 1, -1));
	take_record();
}

static void close_loop(void)
{
	close(epoll_fd);
	close_signalfd();
}

/* The self-pipe, as an event loop does it without signalfd: a handler passes a byte on to it. */
static void pass_on(int sig)
{
	int error = errno;
	ssize_t n = write(pipe_fds[1], "", 1); /* if the pipe is full, the loop will wake as well */

	(void)sig, (void)n;
	errno = error;
}

static void open_piped(enum scene scene)
{
	(void)scene;
	must(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK));
	watch(pipe_fds[0]);
	dispose(pass_on);
}

static void take_byte(void)
{
	char byte;

	taken += read(pipe_fds[0], &byte, 1) == 1;
}

static void take_piped(void)
{
	struct epoll_event event;

	while (epoll_wait(epoll_fd, &event, 1, -1) < 0)
		; /* EINTR, by our own handler */
	take_byte();
}

static void close_pipe(void)
{
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void close_piped(void)
{
	dispose(SIG_DFL);
	close(epoll_fd);
	close_pipe();
}

/* Many at once: real-time signals queue, and a read takes as many as it has room for. */
static void open_rt(enum scene scene)
{
	sigset_t set = signals(SIGRTMIN, 0);

	(void)scene;
	block(set);
	signal_fd = must(signalfd(-1, &set, SFD_CLOEXEC));
}

static void send_rt(void)
{
	for (int i = 0; i < MANY; i++)
		must(kill(pid, SIGRTMIN));
}

static void take_rt(void)
{
	struct signalfd_siginfo info[MANY];

	if (read(signal_fd, info, sizeof(info)) == sizeof(info))
		taken += MANY;
}

static void close_rt(void)
{
	close(signal_fd);
	unblock(signals(SIGRTMIN, 0));
}

/*
 * To compare with: a signal that is ignored, which the kernel drops while it is sent
 * (prepare_signal(), kernel/signal.c), and a word from one to the other that is no signal.
 */
static void open_ignored(enum scene scene)
{
	(void)scene;
	dispose(SIG_IGN);
}

static void take_nothing(void)
{
}

static void close_ignored(void)
{
	dispose(SIG_DFL);
}

static void open_pipe(enum scene scene)
{
	(void)scene;
	must(pipe2(pipe_fds, O_CLOEXEC));
}

static void send_byte(void)
{
	must(write(pipe_fds[1], "", 1));
}

/*
 * Each way is opened, used as often as a round wants it, and closed. `calls` are the system calls
 * that it takes to take a signal, the return from a handler (rt_sigreturn) among them; NONE where
 * the way is not used in that scene.
 */
#define NONE -1

static const struct way {
	const char *name;
	double calls[SCENES];
	int at_once; /* signals that it sends, and then takes */
	void (*open)(enum scene scene);
	void (*send)(void);
	void (*take)(void);
	void (*close)(void);
} ways[] = {
	{ "handler", { 1, 2 }, 1, open_handler, send_usr1, take_handled, close_handler },
	{ "sigwaitinfo", { 1, 1 }, 1, open_wait, send_usr1, take_waited, close_wait },
	{ "signalfd: read", { 1, 1 }, 1, open_signalfd, send_usr1, take_record, close_signalfd },
	{ "signalfd: epoll, read", { 2, 2 }, 1, open_loop, send_usr1, take_loop, close_loop },
	{ "self-pipe: epoll, read", { 4, 5 }, 1, open_piped, send_usr1, take_piped, close_piped },
	{ "signalfd: 100 a read", { .01, NONE }, MANY, open_rt, send_rt, take_rt, close_rt },
	{ "(ignored)", { 0, NONE }, 1, open_ignored, send_usr1, take_nothing, close_ignored },
	{ "(a byte by a pipe)", { 1, 1 }, 1, open_pipe, send_byte, take_byte, close_pipe },
};

#define WAYS (sizeof(ways) / sizeof(*ways))

/* ---- The measurement ------------------------------------------------------------------------- */

static struct result {
	long sent, taken;
	double ns[ROUNDS_MAX];    /* for a signal, by rounds; those of the scene measured last */
	double ratio[ROUNDS_MAX]; /* to the handler, in the same round */
} results[WAYS];

static long sleeps, wakes; /* how often the one who takes slept, and was to be woken */

/* Of all threads, inside the kernel and outside. While another process runs, it stands still. */
static double cpu_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static long times_slept(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_THREAD, &usage));
	return usage.ru_nvcsw;
}

static double measure_there(const struct way *way)
{
	double begin = cpu_ns();

	for (int i = 0; i < SIGNALS; i += way->at_once) {
		way->send();
		way->take();
	}
	return (cpu_ns() - begin) / SIGNALS;
}

static int turn[2]; /* a pipe: who takes asks for the next one */

/* As SCHED_BATCH the sender never preempts whom it shall wake, and so finds it asleep. */
static void *send_in_turn(void *way)
{
	struct sched_param none = { 0 };
	char byte;

	must(sched_setscheduler(0, SCHED_BATCH, &none));
	for (int i = 0; i < WAKES; i++) {
		must(read(turn[0], &byte, 1));
		((const struct way *)way)->send();
	}
	return NULL;
}

static double measure_asleep(const struct way *way)
{
	pthread_t sender;
	sigset_t before;
	double begin, end;

	/* Blocked in the sender, so that the signal finds the one who takes it. */
	pthread_sigmask(SIG_BLOCK, &usr1, &before);
	must(-pthread_create(&sender, NULL, send_in_turn, (void *)way));
	pthread_sigmask(SIG_SETMASK, &before, NULL);

	sleeps -= times_slept();
	begin = cpu_ns();
	for (int i = 0; i < WAKES; i++) {
		must(write(turn[1], "", 1));
		way->take();
	}
	end = cpu_ns();
	sleeps += times_slept();
	wakes += WAKES;
	pthread_join(sender, NULL);
	return (end - begin) / WAKES;
}

/* A signal that was not taken would end the process when it is unblocked. To ignore it drops it. */
static void drop_rest(void)
{
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGRTMIN, SIG_IGN);
	signal(SIGRTMIN, SIG_DFL);
}

static void measure(int i, enum scene scene, int round)
{
	const struct way *way = &ways[i];
	struct result *result = &results[i];
	double ns;

	taken = 0;
	way->open(scene);
	ns = scene == THERE ? measure_there(way) : measure_asleep(way);
	drop_rest();
	way->close();
	result->taken += taken;
	result->sent += scene == THERE ? SIGNALS : WAKES;
	result->ns[round] = ns;
	result->ratio[round] = ns / results[0].ns[round];
}

/* ---- The table ------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_table(enum scene scene, int rounds)
{
	note("%-25s %6s %7s %17s %6s", "", "calls", "median", "half of rounds", "ratio");
	for (size_t i = 0; i < WAYS; i++) {
		double *ns = results[i].ns, *ratio = results[i].ratio;

		if (ways[i].calls[scene] == NONE)
			continue;
		qsort(ns, rounds, sizeof(*ns), by_size);
		qsort(ratio, rounds, sizeof(*ratio), by_size);
		note("%-25s %6.4g %7.0f %8.0f..%-7.0f %6.2f", ways[i].name, ways[i].calls[scene],
		     ns[rounds / 2], ns[rounds / 4], ns[rounds * 3 / 4], ratio[rounds / 2]);
	}
}

static void compare(enum scene scene, int rounds, const char *title)
{
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < WAYS; i++)
			if (ways[i].calls[scene] != NONE)
				measure(i, scene, round);
	note("%s; CPU time in ns:", title);
	print_table(scene, rounds);
}

/* (Who takes nothing can't lose anything.) */
static int loses(int i)
{
	return ways[i].take != take_nothing && results[i].taken != results[i].sent;
}

static void run_on_one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(must(sched_getcpu()), &set);
	must(sched_setaffinity(0, sizeof(set), &set));
}

int main(int argc, char **argv)
{
	const char *text =
		"C17 S98 a read of a signalfd takes as many queued signals as it has room for";
	int rounds = argc > 1 ? atoi(argv[1]) : 15, one_by_one = 0, many = 0;
	struct rlimit pending;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: cost [ROUNDS], from 1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	begin_afresh();
	alarm(300 + rounds); /* a lost signal would be waited for for ever */
	pid = getpid();
	usr1 = signals(SIGUSR1, 0);
	must(pipe2(turn, O_CLOEXEC));
	run_on_one_processor();

	compare(THERE, rounds, "a process sends itself a signal, and takes it");
	compare(ASLEEP, rounds, "a thread asks for a signal and sleeps, another sends it");
	note("the one who takes it slept %ld times for %ld of them", sleeps, wakes);

	must(getrlimit(RLIMIT_SIGPENDING, &pending));
	for (size_t i = 0; i < WAYS; i++)
		*(ways[i].at_once > 1 ? &many : &one_by_one) += loses(i);
	ok(!one_by_one, "C17 S98 no way loses a signal that is taken before the next is sent");
	if (pending.rlim_cur < MANY)
		skip(text, "RLIMIT_SIGPENDING is below 100");
	else
		ok(!many, "%s", text);
	return done();
}
