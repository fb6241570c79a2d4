/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * uring.c: a read of a signalfd that io_uring makes. It waits, though no thread sleeps, and though
 * the descriptor may be NONBLOCK. When a signal comes, signalfd_notify() wakes the request, whose
 * read is made as task work by the thread that submitted it; and get_signal() (in kernel/signal.c,
 * v6.1 to v7.3) does all task work before it looks for a signal to act on. So the read takes even
 * what is not blocked, and what the thread itself has caused by a bad access.
 *
 * Before 6.10 that holds for a NONBLOCK descriptor only. Any other read might sleep, as far as
 * io_uring knows, so the thread does not make it (io_read(), io_uring/rw.c@v6.1), and goes on to
 * the signal. Therefore most of what is shown here is shown with NONBLOCK.
 *
 * The ring is made by raw system calls: liburing need not be there. It has one request at most.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define RECORD ((int)sizeof(struct signalfd_siginfo))
#define NO_RESULT 1 /* no read has it: it returns 128 or -errno */

static int ring;
static struct io_uring_params params;
static char *queues; /* the submission queue; the completion queue may lie elsewhere */
static char *results;
static struct io_uring_sqe *requests;
static struct signalfd_siginfo *record; /* shared with the parent */
static volatile sig_atomic_t handled;

static void count(int sig)
{
	(void)sig;
	handled++;
}

static void *map(size_t size, off_t offset)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, offset);

	must(p == MAP_FAILED ? -1 : 0);
	return p;
}

static int setup_ring(void)
{
	memset(&params, 0, sizeof(params));
	ring = syscall(SYS_io_uring_setup, 1, &params);
	return ring < 0 ? -1 : 0;
}

static int ring_is_refused(void)
{
	return setup_ring() ? errno : 0;
}

/* The ring's counters are shared with the kernel. */
static uint32_t load(const char *queue, uint32_t offset)
{
	return __atomic_load_n((const uint32_t *)(queue + offset), __ATOMIC_ACQUIRE);
}

static void store(char *queue, uint32_t offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)(queue + offset), value, __ATOMIC_RELEASE);
}

/* Submits a read of one record into *record, and returns without waiting for it. */
static void begin_read(int fd)
{
	must(setup_ring());
	queues =
		map(params.sq_off.array + params.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
	results = map(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
		      IORING_OFF_CQ_RING);
	requests = map(params.sq_entries * sizeof(*requests), IORING_OFF_SQES);
	requests[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.fd = fd,
		.addr = (uintptr_t)record,
		.len = sizeof(*record),
		.off = (uint64_t)-1,
	};
	store(queues, params.sq_off.array, 0);
	store(queues, params.sq_off.tail, load(queues, params.sq_off.tail) + 1);
	must(syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0));
}

/* What has come of it by now. */
static int result(void)
{
	uint32_t head = load(results, params.cq_off.head);
	const struct io_uring_cqe *cqes = (void *)(results + params.cq_off.cqes);

	return head == load(results, params.cq_off.tail) ? NO_RESULT : cqes[0].res;
}

/* Waits for it. */
static int end_of_read(void)
{
	must(syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	return result();
}

static int has_read(int sig)
{
	return end_of_read() == RECORD && record->ssi_signo == (unsigned int)sig;
}

/* What these children do: all of it with a read under way of signals that are not blocked. */
static void begin(int flags)
{
	begin_read(new_signalfd(signals(SIGUSR1, SIGQUIT, SIGTERM, SIGSEGV, SIGSYS, 0), flags));
	must(result() == NO_RESULT ? 0 : -1);
}

static int handler_does_not_run(void)
{
	begin(SFD_NONBLOCK);
	signal(SIGUSR1, count);
	raise(SIGUSR1);
	return has_read(SIGUSR1) && !handled;
}

static int core_is_not_dumped(void)
{
	begin(SFD_NONBLOCK);
	raise(SIGQUIT);
	return has_read(SIGQUIT);
}

static int ends(void)
{
	begin(SFD_NONBLOCK);
	raise(SIGTERM);
	return 0;
}

enum { READ = 2, HANDLED = 3 };

/*
 * What becomes of a signal, where the descriptor is not NONBLOCK. It is sent to this thread alone:
 * a kernel thread to which io_uring may have given the read can't have it (S62 in whose.c).
 */
static int read_or_handled(void)
{
	begin(0);
	signal(SIGUSR1, count);
	raise(SIGUSR1);
	if (handled)
		return HANDLED;
	return has_read(SIGUSR1) ? READ : 0;
}

static void not_blocked(void)
{
	int end;

	ok(true_in_child(handler_does_not_run),
	   "S103 while an io_uring read waits, a signal that is not blocked is read, and its "
	   "handler does not run");
	ok(true_in_child(core_is_not_dumped),
	   "S103 while an io_uring read waits, a signal whose default action is to dump core is "
	   "read, and the process lives on");
	ok(WTERMSIG(in_child(ends)) == SIGTERM,
	   "S103 a signal that by default ends the process does so, though an io_uring read waits");
	ok(true_in_child(handler_does_not_run),
	   "S104 an io_uring read waits for a signal, though the descriptor is NONBLOCK");
	end = WEXITSTATUS(in_child(read_or_handled));
	ok(end == (is_since(6, 10) ? READ : HANDLED),
	   "S104 from 6.10 on an io_uring read of any other descriptor takes the signal too; "
	   "before, the handler runs");
}

/* The access is made again after the read, and then no read is there to take its signal. */
static volatile char *page;

static void end_in_handler(int sig)
{
	_exit(has_read(sig) && record->ssi_addr == (uintptr_t)page ? 0 : 2);
}

static int first_fault_is_read(void)
{
	page = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	signal(SIGSEGV, end_in_handler);
	begin(SFD_NONBLOCK);
	*page = 1;
	return 1;
}

static void fault(void)
{
	ok(in_child(first_fault_is_read) == 0,
	   "S105 while an io_uring read waits, the SIGSEGV of a bad access is read, and the "
	   "handler runs when the access, made again, fails again");
}

/* A filter that ends who calls getppid(). */
static void forbid_getppid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
}

/*
 * Who lives on must not make a system call: the kernel would warn in its log, and end it with KILL
 * (SECCOMP_MODE_DEAD, kernel/seccomp.c@v6.1 to v7.3). So it waits for its parent's.
 */
static volatile sig_atomic_t *lives;

static int break_filter(void)
{
	begin(SFD_NONBLOCK);
	forbid_getppid();
	syscall(SYS_getppid);
	*lives = 1;
	while (*lives)
		;
	return 0;
}

/*
 * A signal that no program may keep from ending it has SA_IMMUTABLE in the kernel, and since the
 * change "signalfd: don't dequeue the forced fatal signals" no signalfd takes or shows such a one:
 * refine_sigmask(), fs/signalfd.c@v7.3. Debian's 6.12.117 has it too; 6.1.176 and 7.2.13 don't.
 */
static void forced(void)
{
	pid_t pid = start_child(break_filter);
	int status;

	while (!*lives && waitpid(pid, &status, WNOHANG) == 0)
		usleep(1000);
	if (*lives) {
		must(kill(pid, SIGKILL));
		must(waitpid(pid, &status, 0));
		note("this kernel is without the change");
		ok(record->ssi_signo == SIGSYS && !is_since(7, 3),
		   "S106 before the change an io_uring read could take the SIGSYS of a seccomp "
		   "filter that kills, and the process lived on");
	} else {
		note("this kernel has the change");
		ok(WTERMSIG(status) == SIGSYS,
		   "S106 since the change the SIGSYS of a seccomp filter that kills ends the "
		   "process, though an io_uring read waits for it");
	}
}

int main(void)
{
	int refused;

	begin_afresh();
	record = mmap(NULL, sizeof(*record) + sizeof(*lives), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must((void *)record == MAP_FAILED ? -1 : 0);
	lives = (void *)(record + 1);
	refused = WEXITSTATUS(in_child(ring_is_refused));
	if (refused) {
		skip("S103 S104 S105 S106 a read by io_uring", strerror(refused));
		return done();
	}
	not_blocked();
	fault();
	forced();
	return done();
}
