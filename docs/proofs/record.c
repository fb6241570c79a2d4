/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * record.c: which fields of a record are filled. That depends on who sent the signal and why, so on
 * its number and ssi_code: siginfo_layout(), kernel/signal.c@v5.10 to v7.3, says which union of
 * siginfo_t is meant, and signalfd_copyinfo(), fs/signalfd.c, copies its fields. All others are 0.
 *
 * A process may send itself any siginfo_t. So each kind can be shown here, a fault's too, though
 * the signal of a real fault is seldom read (faults.c, uring.c).
 */
#define _GNU_SOURCE
#include "proof.h"
#include <err.h>
#include <fcntl.h>
#include <sys/syscall.h>

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1 /* asm-generic/siginfo.h: glibc 2.36 lacks it */
#endif

/* The fields of a record, as far as they are not in all: a bit each. */
enum {
	PID = 1,
	UID = 2,
	FD = 4,
	BAND = 8,
	TID = 16,
	OVERRUN = 32,
	STATUS = 64,
	UTIME = 128,
	STIME = 256,
	INT = 512,
	PTR = 1024,
	ADDR = 2048,
	ADDR_LSB = 4096,
	SYSCALL = 8192,
	CALL_ADDR = 16384,
	ARCH = 32768,
	TRAPNO = 65536,
};

static unsigned int filled(const struct signalfd_siginfo *record)
{
	struct signalfd_siginfo rest = *record;
	unsigned int fields = 0;

#define FIELD(name, flag) (fields |= rest.name ? (flag) : 0, rest.name = 0)
	FIELD(ssi_pid, PID);
	FIELD(ssi_uid, UID);
	FIELD(ssi_fd, FD);
	FIELD(ssi_band, BAND);
	FIELD(ssi_tid, TID);
	FIELD(ssi_overrun, OVERRUN);
	FIELD(ssi_trapno, TRAPNO);
	FIELD(ssi_status, STATUS);
	FIELD(ssi_utime, UTIME);
	FIELD(ssi_stime, STIME);
	FIELD(ssi_int, INT);
	FIELD(ssi_ptr, PTR);
	FIELD(ssi_addr, ADDR);
	FIELD(ssi_addr_lsb, ADDR_LSB);
	FIELD(ssi_syscall, SYSCALL);
	FIELD(ssi_call_addr, CALL_ADDR);
	FIELD(ssi_arch, ARCH);
	rest.ssi_signo = 0;
	rest.ssi_errno = rest.ssi_code = 0;
	for (size_t i = 0; i < sizeof(rest); i++)
		if (((const char *)&rest)[i])
			return ~0U; /* in the padding */
	return fields;
}

static int all_fd; /* of all signals */

/* Which fields are filled, of a signal to ourselves whose siginfo_t has a bit in each byte. */
static unsigned int fields_of(int sig, int code)
{
	siginfo_t info;

	memset(&info, 0x11, sizeof(info));
	info.si_signo = sig;
	info.si_errno = 0x22;
	info.si_code = code;
	must(syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info));
	if (read_all(all_fd) != 1 || records[0].ssi_signo != (unsigned int)sig ||
	    records[0].ssi_code != code || records[0].ssi_errno != 0x22)
		return ~0U;
	return filled(&records[0]);
}

static void each_kind(void)
{
	int faults =
		fields_of(SIGSEGV, SEGV_MAPERR) == ADDR && fields_of(SIGBUS, BUS_ADRALN) == ADDR &&
		fields_of(SIGFPE, FPE_INTDIV) == ADDR && fields_of(SIGILL, ILL_ILLOPC) == ADDR &&
		fields_of(SIGTRAP, TRAP_BRKPT) == ADDR;

	ok(fields_of(SIGTERM, SI_USER) == (PID | UID),
	   "S113 ssi_pid and ssi_uid: by kill, SI_USER");
	ok(fields_of(SIGTERM, SI_QUEUE) == (PID | UID | INT | PTR) &&
		   fields_of(SIGTERM, SI_MESGQ) == (PID | UID | INT | PTR),
	   "S113 ssi_int and ssi_ptr besides: by sigqueue and by mq_notify, SI_QUEUE and SI_MESGQ");
	ok(fields_of(SIGTERM, SI_TIMER) == (TID | OVERRUN | INT | PTR),
	   "S113 ssi_tid, ssi_overrun, ssi_int and ssi_ptr: by a POSIX timer, SI_TIMER");
	ok(fields_of(SIGCHLD, CLD_EXITED) == (PID | UID | STATUS | UTIME | STIME),
	   "S113 ssi_pid, ssi_uid, ssi_status, ssi_utime and ssi_stime: SIGCHLD of a child");
	ok(fields_of(SIGIO, POLL_IN) == (FD | BAND), "S113 ssi_fd and ssi_band: SIGIO of a file");
	ok(faults, "S113 ssi_addr: a fault's SEGV, BUS, FPE, ILL or TRAP");
	ok(fields_of(SIGBUS, BUS_MCEERR_AO) == (ADDR | ADDR_LSB),
	   "S113 ssi_addr_lsb besides: a BUS of bad memory, BUS_MCEERR_AO or BUS_MCEERR_AR");
	ok(fields_of(SIGSYS, SYS_SECCOMP) == (SYSCALL | CALL_ADDR | ARCH),
	   "S113 ssi_syscall, ssi_call_addr and ssi_arch: a SYS of a seccomp filter, SYS_SECCOMP");
}

/* The same of a real one: a pipe that tells of its input by a signal. */
static void of_a_file(void)
{
	int ends[2];

	must(pipe(ends));
	must(fcntl(ends[0], F_SETOWN, getpid()));
	must(fcntl(ends[0], F_SETSIG, SIGRTMIN));
	must(fcntl(ends[0], F_SETFL, O_ASYNC));
	must(write(ends[1], "", 1));
	ok(read_all(all_fd) == 1 && filled(&records[0]) == (FD | BAND) &&
		   records[0].ssi_code == POLL_IN && records[0].ssi_fd == ends[0] &&
		   records[0].ssi_band & POLLIN,
	   "S113 with F_SETSIG another signal of a file has them too: ssi_fd is the descriptor, "
	   "ssi_band what poll would say");
}

/* The page's shortest example. It prints as it would for a reader, and so no plan may follow it. */
static int shortest(void)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL); /* or it would end the process */
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		err(1, "signalfd");
	if (read(fd, &info, sizeof(info)) == sizeof(info)) /* sleeps until it comes */
		printf("# signal %u from process %u\n", info.ssi_signo, info.ssi_pid);
	return info.ssi_signo == SIGTERM && info.ssi_pid == (unsigned int)getppid();
}

static void example(void)
{
	pid_t pid;

	fflush(stdout);
	pid = ask_child(shortest);
	sleeps_in(pid, SYS_read);
	kill(pid, SIGTERM);
	ok(end_of(pid) == 0, "S116 a program that blocks a signal and reads it goes on after it");
}

int main(void)
{
	sigset_t all;

	begin_afresh();
	sigfillset(&all);
	block(all);
	all_fd = new_signalfd(all, SFD_NONBLOCK);
	each_kind();
	of_a_file();
	unblock(all);
	example();
	return done();
}
