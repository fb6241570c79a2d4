/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * race: the time-of-check/time-of-use race, and who is open to it. signalfd itself is not: the
 * kernel copies the eight bytes of *mask once and works on its copy (SYSCALL_DEFINE4(signalfd4),
 * fs/signalfd.c@v5.10 to v7.3). Open is whoever reads the caller's memory beside that copy: a
 * tracer or a supervisor at the boundary of the system call may read another mask than the kernel.
 *
 *	user:    *mask = A
 *	-- boundary --  a reader stops the call and reads A
 *	user:    *mask = B, by another thread or process, or by who supplies the page
 *	kernel:  copies B
 *
 * Where a process makes the change, each step waits for the one before it: the order is certain. A
 * thread that keeps changing the mask hits the moment by luck, and no test needs that it does.
 *
 * Three more modes make calls for a tracer (test/race.sh). They print the set that the kernel
 * keeps after each call, a line a call:
 *
 *	race flip N       N calls, while a thread keeps changing the mask
 *	race untouched    one call, with a mask on a page that is not in the page table
 *	race userfault    one call, with a mask that is supplied only when the kernel copies it
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "proof.h"

#define A bit(SIGHUP)
#define B bit(SIGINT)

#define CALLS 5000 /* some 10 ms; a second on an emulated processor */

/* What came of a call that was watched. */
struct outcome {
	uint64_t read; /* by the watcher, at the boundary */
	uint64_t used; /* by the kernel */
	int refused;   /* errno, where no such watcher is allowed here */
};

/* Each on a page of its own, which the children that are forked below share. */
static volatile uint64_t *mask;
static struct outcome *outcome;
static size_t page_size;

static void *page(int flags, int fd)
{
	void *p = mmap(NULL, page_size, PROT_READ | PROT_WRITE, flags, fd, 0);

	must(p == MAP_FAILED ? -1 : 0);
	return p;
}

/* The system call as it is: the C library's function would take a sigset_t of 128 bytes. */
static int call(int fd)
{
	return must(syscall(SYS_signalfd4, fd, mask, sizeof(*mask), 0));
}

/* ---- The kernel ------------------------------------------------------------------------------ */

static volatile int flipping;

static void *flip(void *masks)
{
	for (unsigned int i = 0; flipping; i++)
		*mask = ((uint64_t *)masks)[i % 2];
	return NULL;
}

static pthread_t start_flipping(uint64_t masks[2])
{
	pthread_t thread;

	*mask = masks[0];
	flipping = 1;
	must(-pthread_create(&thread, NULL, flip, masks));
	return thread;
}

static void stop_flipping(pthread_t thread)
{
	flipping = 0;
	pthread_join(thread, NULL);
}

/*
 * KILL and STOP are all that the kernel changes in a mask (sigdelsetmask() in do_signalfd4()). If
 * it did that in the caller's memory, or read this a second time, one of them would get in sooner
 * or later. On a single processor the thread seldom has its turn within a call, and the test is
 * weaker.
 *
 * A and B lie in one byte, since it is nowhere promised that the eight bytes are copied in one
 * piece. An aligned mask is, where the copy is one load: by ldtr on arm64 (copy_from_user.S), by
 * movq on x86-64 (copy_user_64.S). Not so by cpyfprt on an arm64 processor with MOPS (v7.3, not
 * v6.12), nor by rep movsb on x86-64 with FSRM (arch/x86/include/asm/uaccess_64.h@v6.12, not v6.1).
 * Of a mask that crosses a cache line the kernel may take one half before a change and the other
 * after it.
 */
static void kernel_copies_once(void)
{
	uint64_t masks[2] = { A | bit(SIGKILL), B | bit(SIGSTOP) };
	pthread_t thread = start_flipping(masks);
	int fd = -1, a = 0, b = 0;
	uint64_t used;

	for (int i = 0; i < CALLS; i++) {
		fd = call(fd);
		used = kernel_set(fd);
		a += used == A;
		b += used == B;
	}
	stop_flipping(thread);
	note("%d calls while the mask changed: %d took one mask, %d the other", CALLS, a, b);
	ok(a + b == CALLS,
	   "C42 S90 the kernel takes the mask once: no change under way brings KILL or STOP in");

	*mask = ~used;
	ok(kernel_set(fd) == used, "C22 S90 a change of the memory after the call changes nothing");
	close(fd);
}

/*
 * The kernel's copy may sleep until a page has come. A reader that may not sleep, as BPF's
 * bpf_probe_read_user() (copy_from_user_nofault(), mm/maccess.c), has nothing of such a page.
 */
static int is_mapped(const volatile void *address)
{
	int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t entry;

	must(pread(fd, &entry, sizeof(entry), (uintptr_t)address / page_size * sizeof(entry)));
	close(fd);
	return entry >> 63; /* Documentation/admin-guide/mm/pagemap.rst */
}

/* A file whose page has been written, but not by way of this new mapping of it. */
static void map_untouched(uint64_t set)
{
	int fd = must(memfd_create("mask", MFD_CLOEXEC));

	must(write(fd, &set, sizeof(set)));
	mask = page(MAP_SHARED, fd);
	close(fd);
}

static void kernel_waits_for_page(void)
{
	volatile uint64_t *before = mask;
	int fd, was_mapped;

	map_untouched(B);
	was_mapped = is_mapped(mask);
	fd = call(-1);
	ok(!was_mapped && is_mapped(mask) && kernel_set(fd) == B,
	   "S95 the kernel copies a mask whose page is not in the page table yet");
	close(fd);
	munmap((void *)mask, page_size);
	mask = before;
}

/* ---- The watchers ---------------------------------------------------------------------------- */

/* The watched process. */
static int caller(void)
{
	outcome->used = kernel_set(call(-1));
	return 0;
}

/* Processes that share the mask's page, and are neither the watcher nor the watched. */
static int change_nothing(void)
{
	return 0;
}

static int write_other_mask(void)
{
	*mask = B;
	return 0;
}

static uint64_t read_from(pid_t pid, uint64_t address)
{
	uint64_t word;
	struct iovec here = { &word, sizeof(word) }, there = { (void *)address, sizeof(word) };

	must(process_vm_readv(pid, &here, 1, &there, 1, 0));
	return word;
}

/*
 * As strace does: stops the process at the entry to its signalfd call, reads the mask, lets the
 * call go on. In between runs `change`, in a process of its own.
 */
static void watch_by_ptrace(int (*what)(void), int (*change)(void))
{
	struct __ptrace_syscall_info info;
	int status;
	pid_t pid;

	*outcome = (struct outcome){ 0 };
	pid = must(fork());
	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0)) {
			outcome->refused = errno;
			_exit(1);
		}
		raise(SIGSTOP);
		_exit(what());
	}
	must(waitpid(pid, &status, 0));
	if (!WIFSTOPPED(status))
		return;
	must(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	do {
		must(ptrace(PTRACE_SYSCALL, pid, 0, 0));
		must(waitpid(pid, &status, 0));
		must(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info));
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_signalfd4);

	outcome->read = read_from(pid, info.entry.args[1]);
	must(in_child(change) ? -1 : 0);
	must(ptrace(PTRACE_DETACH, pid, 0, 0));
	must(waitpid(pid, &status, 0));
}

/* Was the watcher shown one mask, and the kernel another? */
static void report_change(const char *text)
{
	if (outcome->refused)
		skip(text, strerror(outcome->refused));
	else
		ok(outcome->read == A && outcome->used == B, "%s", text);
}

static void tracer_is_open(void)
{
	*mask = A;
	watch_by_ptrace(caller, change_nothing);
	if (!outcome->refused)
		ok(outcome->read == A && outcome->used == A,
		   "S91 a ptrace tracer reads the mask that the kernel uses if nobody changes it");
	watch_by_ptrace(caller, write_other_mask);
	report_change("C23 C43 S91 a ptrace tracer reads another mask if it is changed under way");
}

/*
 * A supervisor by seccomp is told of the call and the mask's address, and answers that it may go
 * on: seccomp_do_user_notification(), kernel/seccomp.c, before the system call itself begins. It
 * runs in a child, since a filter can't be taken off again. (A filter that is to guard must look at
 * seccomp_data.arch first: the numbers of the calls depend on it.)
 */
static int supervise(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_signalfd4, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };
	struct seccomp_notif request = { 0 };
	struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	int listener;
	pid_t pid;

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			   &filter);
	if (listener < 0) {
		outcome->refused = errno;
		return 1;
	}
	pid = must(fork());
	if (!pid)
		_exit(caller());

	must(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request));
	outcome->read = read_from(request.pid, request.data.args[1]);
	must(in_child(write_other_mask) ? -1 : 0);
	answer.id = request.id;
	must(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer));
	must(waitpid(pid, NULL, 0));
	return 0;
}

static void supervisor_is_open(void)
{
	*mask = A;
	*outcome = (struct outcome){ 0 };
	in_child(supervise);
	report_change("C43 S97 a seccomp supervisor approves one mask, and the call uses another");
}

/* ---- Who supplies the page ------------------------------------------------------------------- */

/*
 * Answers each miss of the page with a mask: A, from then on B. One miss may be told twice, and the
 * page is there when the second is answered: EEXIST. For PTRACE_DETACH leaves TIF_SIGPENDING set
 * (__ptrace_unlink(), kernel/ptrace.c@v5.10 to v7.3), and with that the process does not sleep in
 * handle_userfault() (fs/userfaultfd.c@v5.10 to v6.12, mm/userfaultfd.c@v7.3), but faults again
 * until the page has come. Each time it queues the miss first, and looks for the page then.
 */
static void *supply(void *uffd)
{
	uint64_t *source = page(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct uffd_msg miss;

	for (*source = A;; *source = B) {
		struct uffdio_copy copy = {
			.dst = (uintptr_t)mask,
			.src = (uintptr_t)source,
			.len = page_size,
		};

		must(read(*(int *)uffd, &miss, sizeof(miss)));
		must(ioctl(*(int *)uffd, UFFDIO_COPY, &copy) && errno != EEXIST ? -1 : 0);
	}
	return NULL;
}

/*
 * Without UFFD_USER_MODE_ONLY, as the one to miss the page is the kernel. That takes CAP_SYS_PTRACE
 * or the sysctl vm.unprivileged_userfaultfd (its default is 1 in v5.10 and 0 in v6.1).
 */
static int open_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC);
}

static void supply_on_demand(void)
{
	static int uffd;
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)mask, .len = page_size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	pthread_t thread;

	uffd = must(open_userfaultfd());
	must(ioctl(uffd, UFFDIO_API, &api));
	must(ioctl(uffd, UFFDIO_REGISTER, &range));
	must(-pthread_create(&thread, NULL, supply, &uffd));
}

static int caller_with_supply(void)
{
	supply_on_demand();
	return caller();
}

/* The page is gone for all who share it: the next who reads it asks for it anew. */
static int drop_page(void)
{
	return madvise((void *)mask, page_size, MADV_REMOVE);
}

/*
 * Nobody needs to hit a moment here: who supplies the page is told of each reader, and answers each
 * as he likes.
 */
static void supplier_chooses(void)
{
	static const char *const text =
		"C43 S96 userfaultfd can show a tracer one mask, and the kernel another";
	int fd = open_userfaultfd();

	if (fd < 0) {
		skip(text, strerror(errno));
		return;
	}
	close(fd);
	must(drop_page());
	watch_by_ptrace(caller_with_supply, drop_page);
	report_change(text);
}

/* ---- For a tracer ---------------------------------------------------------------------------- */

static void print_set(int fd)
{
	printf("0x%016lx\n", kernel_set(fd));
}

static void flip_for_tracer(int calls)
{
	uint64_t masks[2] = { A, B };
	pthread_t thread = start_flipping(masks);
	int fd = -1;

	while (calls--) {
		fd = call(fd);
		print_set(fd);
	}
	stop_flipping(thread);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	begin_afresh();
	page_size = sysconf(_SC_PAGESIZE);
	mask = page(MAP_SHARED | MAP_ANONYMOUS, -1);
	outcome = page(MAP_SHARED | MAP_ANONYMOUS, -1);

	if (!strcmp(mode, "flip") && argc > 2) {
		flip_for_tracer(atoi(argv[2]));
		return 0;
	}
	if (!strcmp(mode, "untouched")) {
		map_untouched(B);
		print_set(call(-1));
		return 0;
	}
	if (!strcmp(mode, "userfault")) {
		supply_on_demand();
		print_set(call(-1));
		return 0;
	}

	alarm(300); /* a watched process that fails could be waited for for ever */
	kernel_copies_once();
	kernel_waits_for_page();
	tracer_is_open();
	supervisor_is_open();
	supplier_chooses();
	return done();
}
