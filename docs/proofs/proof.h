/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * proof.h: what the proofs share. A proof is a program that shows what the kernel does with
 * signalfd. Each line of its output names the claim (C09, docs/corrections.md) or the statement
 * (S41, docs/signalfd.md) that it shows. The lines are TAP, as of tests:
 *
 *	ok 3 - C09 the first of five kills survives
 */
#ifndef PROOF_H
#define PROOF_H

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int proof_count, proof_failed;

static inline void proof_result(int holds)
{
	proof_failed += !holds;
	printf("%s %d - ", holds ? "ok" : "not ok", ++proof_count);
}

static inline void proof_end_line(void)
{
	printf("\n");
	fflush(stdout); /* a child that is forked later would print it again */
}

/* A line of TAP: `holds` is what the kernel did, the text, as for printf, what it should do. */
#define ok(holds, ...) (proof_result(holds), printf(__VA_ARGS__), proof_end_line())

/* What can't be shown on this host, and why. */
#define skip(what, why) ok(1, "%s # SKIP %s", what, why)

/* A line to read, not to test. */
#define note(...) (printf("# "), printf(__VA_ARGS__), proof_end_line())

/* The end of a proof: its plan, and the exit status for main. */
static inline int done(void)
{
	printf("1..%d\n", proof_count);
	return proof_failed != 0;
}

/* must(CALL): its result; a proof can't go on where what it stands on fails. */
#define must(call) proof_must((long)(call), #call)

static inline long proof_must(long result, const char *call)
{
	if (result >= 0)
		return result;
	printf("Bail out! %s: %s\n", call, strerror(errno));
	exit(1);
}

/* signals(SIGHUP, SIGTERM, 0): a set. */
#define signals(...) proof_signals((const int[]){ __VA_ARGS__ })

static inline sigset_t proof_signals(const int *sig)
{
	sigset_t set;

	sigemptyset(&set);
	while (*sig)
		sigaddset(&set, *sig++);
	return set;
}

static inline void block(sigset_t set)
{
	must(sigprocmask(SIG_BLOCK, &set, NULL));
}

static inline void unblock(sigset_t set)
{
	must(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static inline int is_pending(int sig)
{
	sigset_t set;

	must(sigpending(&set));
	return sigismember(&set, sig);
}

/*
 * All as after a login: a proof, like any program, inherits a mask and ignored signals (S36);
 * where SIGCHLD is ignored even wait() fails.
 */
static inline void begin_afresh(void)
{
	sigset_t none = signals(0);

	must(sigprocmask(SIG_SETMASK, &none, NULL));
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		signal(sig, SIG_DFL); /* fails for KILL, STOP and the C library's own */
}

static inline int new_signalfd(sigset_t set, int flags)
{
	return must(signalfd(-1, &set, flags));
}

/* By the kernel's name: a stable kernel may have, and some do, what came later. */
static inline int is_since(int major, int minor)
{
	struct utsname name;
	int here = 0, here_minor = 0;

	must(uname(&name));
	sscanf(name.release, "%d.%d", &here, &here_minor);
	return here > major || (here == major && here_minor >= minor);
}

/* A signal's bit in a set, as kernel_set() returns it. */
static inline uint64_t bit(int sig)
{
	return 1ULL << (sig - 1);
}

/* The set that the kernel keeps for this descriptor. ~0: there is none. */
static inline uint64_t kernel_set(int fd)
{
	char line[128];
	uint64_t set = ~0ULL;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "r");
	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "sigmask: %" SCNx64, &set) < 1)
		;
	if (file)
		fclose(file);
	return set;
}

/* The signal that a read returns now, 0 where none waits; the descriptor should be NONBLOCK. */
static inline int next_signal(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

static struct signalfd_siginfo records[80]; /* more than there are signals */

/* Takes all that is pending into `records`, and returns how many that are; NONBLOCK too. */
static inline int read_all(int fd)
{
	ssize_t size = read(fd, records, sizeof(records));

	return size < 0 ? 0 : size / (ssize_t)sizeof(records[0]);
}

static inline int is_readable(int fd)
{
	struct pollfd query = { .fd = fd, .events = POLLIN };

	return must(poll(&query, 1, 0)) == 1 && query.revents == POLLIN;
}

/*
 * A child that inherits all that a child does. SIGALRM ends it, should it wait for ever; the time
 * is for an emulated processor under load. Nor does it leave a core: with RLIMIT_CORE 0 the program
 * in core_pattern would be started all the same, with 1 it is not (fs/coredump.c@v5.10 to v7.3).
 * Where the hard limit is 0 it stays so.
 *
 * It waits until the parent has left fork(): in there glibc 2.41 (not 2.36) blocks all signals.
 */
static inline pid_t start_child(int (*what)(void))
{
	const struct rlimit no_core = { 1, 1 };
	char none;
	int gate[2];
	pid_t child;

	must(pipe(gate));
	child = must(fork());
	if (!child) {
		close(gate[1]);
		must(read(gate[0], &none, 1)); /* until the parent has closed it too */
		close(gate[0]);
		unblock(signals(SIGALRM, 0));
		alarm(60);
		setrlimit(RLIMIT_CORE, &no_core);
		_exit(what());
	}
	close(gate[0]);
	close(gate[1]);
	return child;
}

/* How the child ends, as wait() tells it. A stop counts as an end: nobody would continue it. */
static inline int end_of(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, WUNTRACED));
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0));
	}
	return status;
}

/* How a child ends that runs what(), whose result is its exit status. */
static inline int in_child(int (*what)(void))
{
	return end_of(start_child(what));
}

static int (*proof_question)(void);

static inline int proof_answer(void)
{
	return proof_question() ? 0 : 2; /* 1 is how must() ends a child */
}

/* A child that ends with status 0 if what() returns true in it. */
static inline pid_t ask_child(int (*what)(void))
{
	proof_question = what;
	return start_child(proof_answer);
}

static inline int true_in_child(int (*what)(void))
{
	return end_of(ask_child(what)) == 0;
}

/* The first line of /proc/TID/NAME; 0 if it can't be read. */
static inline int proof_proc(pid_t tid, const char *name, char *line, int size)
{
	char path[64];
	FILE *file;
	int got;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	file = fopen(path, "r");
	got = file && fgets(line, size, file);
	if (file)
		fclose(file);
	return got;
}

/* S is asleep; Z has ended, or is gone altogether, as a thread is then. */
static inline char proof_state(pid_t tid)
{
	char line[128], state = 'Z';

	if (proof_proc(tid, "stat", line, sizeof(line)))
		sscanf(line, "%*d (%*[^)]) %c", &state);
	return state;
}

/*
 * Waits until the thread sleeps in that system call; 0 if it ends before. This is exact: the file
 * syscall tells the number only of a thread that is off the processor, and else says "running"
 * (task_current_syscall() in lib/syscall.c@v5.10 to v7.3). State S tells sleep from a stop, in
 * which the number is shown too. Who may not trace the thread may not read that file.
 */
#define ANY_CALL (-1)

static inline int sleeps_in(pid_t tid, long call)
{
	char state, line[256], *end;
	long number;

	for (; (state = proof_state(tid)) != 'Z'; usleep(1000)) {
		if (state != 'S')
			continue;
		if (proof_proc(tid, "syscall", line, sizeof(line))) {
			number = strtol(line, &end, 10);
			if (end != line && (call == ANY_CALL || number == call))
				return 1;
		} else if (proof_state(tid) == 'S') { /* it has not ended meanwhile */
			printf("Bail out! /proc/%d/syscall can't be read\n", tid);
			exit(1);
		}
	}
	return 0;
}

#endif
