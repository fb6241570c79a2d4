/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * ways: every way into the kernel by which a program can make a signalfd.
 *
 *	signalfd(fd, &mask, flags)                       the C library's function
 *	    signalfd4(ufd, &mask, sizemask, flags)       the system call that it makes
 *	signalfd(ufd, &mask, sizemask)                   an older one, of some architectures
 *	both once more for 32-bit programs               int $0x80 on x86: other numbers
 *	both once more for x32 programs                  x86, where it is switched on
 *
 * All of them come together in do_signalfd4(ufd, &copy, flags), fs/signalfd.c@v5.10 to v7.3: each
 * has checked sizemask and copied the mask by then.
 *
 * Each call is printed as it was made, so that what a tracer says of this run can be compared:
 *
 *	# call compat_signalfd4(-1, 0x0000000000000003, 8, 0x0) = 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include "proof.h"

#define X32_BIT 0x40000000 /* __X32_SYSCALL_BIT, arch/x86/include/uapi/asm/unistd.h@v6.1 */

static uint64_t *asked; /* below 4 GiB where that can be had: a 32-bit call reaches no further */

static void print_call(const char *name, long ufd, size_t sizemask, long flags, long ret)
{
	if (name[strlen(name) - 1] == '4')
		note("call %s(%d, 0x%016lx, %zu, 0x%x) = %ld", name, (int)ufd, *asked, sizemask,
		     (int)flags, ret);
	else
		note("call %s(%d, 0x%016lx, %zu) = %ld", name, (int)ufd, *asked, sizemask, ret);
}

/* ---- The ways -------------------------------------------------------------------------------- */

static long call_signalfd4(long ufd, size_t sizemask, long flags)
{
	long ret = syscall(SYS_signalfd4, ufd, asked, sizemask, flags);

	ret = ret < 0 ? -errno : ret;
	print_call("signalfd4", ufd, sizemask, flags, ret);
	return ret;
}

#ifdef SYS_signalfd
/* It has no flags: what comes in their place is not looked at. */
static long call_signalfd(long ufd, size_t sizemask, long not_looked_at)
{
	long ret = syscall(SYS_signalfd, ufd, asked, sizemask, not_looked_at);

	ret = ret < 0 ? -errno : ret;
	print_call("signalfd", ufd, sizemask, 0, ret);
	return ret;
}
#endif

/* The numbers are those of arch/x86/entry/syscalls/syscall_32.tbl. */
static long int80(const char *name, long number, long ufd, size_t sizemask, long flags)
{
#ifdef __x86_64__
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "0"(number), "b"(ufd), "c"(asked), "d"(sizemask), "S"(flags)
			 : "memory", "r8", "r9", "r10", "r11");
	ret = (int)ret;
	print_call(name, ufd, sizemask, flags, ret);
	return ret;
#else
	(void)name, (void)number, (void)ufd, (void)sizemask, (void)flags;
	return -ENOSYS;
#endif
}

static long call_compat_signalfd(long ufd, size_t sizemask, long flags)
{
	return int80("compat_signalfd", 321, ufd, sizemask, flags);
}

static long call_compat_signalfd4(long ufd, size_t sizemask, long flags)
{
	return int80("compat_signalfd4", 327, ufd, sizemask, flags);
}

static long call_x32_signalfd4(long ufd, size_t sizemask, long flags)
{
#ifdef __x86_64__
	long ret = syscall(X32_BIT | SYS_signalfd4, ufd, asked, sizemask, flags);

	ret = ret < 0 ? -errno : ret;
	if (ret != -ENOSYS)
		print_call("x32_signalfd4", ufd, sizemask, flags, ret);
	return ret;
#else
	(void)ufd, (void)sizemask, (void)flags;
	return -ENOSYS;
#endif
}

/* ---- What is shown --------------------------------------------------------------------------- */

static void arguments(void)
{
	bool refused = call_signalfd4(-1, SFD_CLOEXEC, 0) == -EINVAL &&
		       call_signalfd4(-1, 0, SFD_CLOEXEC) == -EINVAL;
	long fd = call_signalfd4(-1, 8, SFD_CLOEXEC);

	ok(refused && fd >= 0,
	   "C28 S01 the third argument of signalfd4 is sizemask, the fourth is flags");
	close(fd);
	fd = call_signalfd4(0x5ffffffff, 8, 0x500000000);
	ok(fd >= 0,
	   "C18 C25 S01 ufd and flags are ints: the upper half of a register is not looked at");
	close(fd);
}

static void old_call(void)
{
#ifdef SYS_signalfd
	long fd = call_signalfd(-1, 8, -1L);

	ok(fd >= 0 && call_signalfd4(-1, 8, -1L) == -EINVAL,
	   "C28 S01 signalfd has three arguments: what would be the fourth is not looked at");
	ok(kernel_set(fd) == *asked, "S03 signalfd makes a descriptor of the same set");
	ok(!(fcntl(fd, F_GETFD) & FD_CLOEXEC) && !(fcntl(fd, F_GETFL) & O_NONBLOCK),
	   "S07 what signalfd made is kept over exec, and its reads block");
	close(fd);
	fd = call_signalfd4(-1, 8, SFD_CLOEXEC | SFD_NONBLOCK);
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK,
	   "S07 signalfd4 with both flags makes the reverse");
	close(fd);
	note("numbers here: signalfd %d, signalfd4 %d", SYS_signalfd, SYS_signalfd4);
#else
	skip("S03 signalfd makes a descriptor of the same set",
	     "this architecture has signalfd4 only");
	note("number here: signalfd4 %d", SYS_signalfd4);
#endif
}

static bool makes_signalfd(uint64_t number)
{
#ifdef SYS_signalfd
	if (number == SYS_signalfd)
		return true;
#endif
	return number == SYS_signalfd4;
}

/* Runs the child to its next entry into a system call or return from one; false: it has ended. */
static bool step(pid_t child, struct __ptrace_syscall_info *info)
{
	int status;

	must(ptrace(PTRACE_SYSCALL, child, 0, 0));
	must(waitpid(child, &status, 0));
	if (WIFSTOPPED(status))
		must(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(*info), info));
	return WIFSTOPPED(status);
}

/*
 * What the C library makes of signalfd(-1, mask, flags): the call's entry, from outside. Returns 0,
 * or an error: where a tracer is there already, none can come besides.
 */
static int entry_of_library(const sigset_t *mask, int flags, struct __ptrace_syscall_info *entry)
{
	struct __ptrace_syscall_info leave = { 0 };
	pid_t child = must(fork());
	int status;

	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(errno);
		kill(getpid(), SIGSTOP);
		_exit(signalfd(-1, mask, flags) < 0);
	}
	must(waitpid(child, &status, 0));
	if (!WIFSTOPPED(status))
		return WEXITSTATUS(status);
	must(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
	while (step(child, entry))
		if (entry->op == PTRACE_SYSCALL_INFO_ENTRY && makes_signalfd(entry->entry.nr))
			break;
	step(child, &leave);
	print_call(entry->entry.nr == SYS_signalfd4 ? "signalfd4" : "signalfd",
		   entry->entry.args[0], entry->entry.args[2], entry->entry.args[3],
		   leave.exit.rval);
	while (step(child, &leave))
		;
	return 0;
}

static void library(void)
{
	struct __ptrace_syscall_info plain = { 0 }, with_flags = { 0 };
	sigset_t mask = signals(SIGHUP, SIGINT, 0);
	int error;

	memcpy(asked, &mask, sizeof(*asked)); /* what print_call prints */
	error = entry_of_library(&mask, 0, &plain);
	if (!error)
		error = entry_of_library(&mask, SFD_CLOEXEC | SFD_NONBLOCK, &with_flags);
	if (error) {
		skip("C21 C28 S02 what the C library makes of signalfd()", strerror(error));
		return;
	}
	ok(plain.entry.nr == SYS_signalfd4 && with_flags.entry.nr == SYS_signalfd4,
	   "S02 the C library's signalfd() makes the system call signalfd4, without flags too");
	ok(plain.entry.args[2] == 8 && sizeof(mask) > 8 && plain.entry.args[1] == (uintptr_t)&mask,
	   "C21 S02 it passes its larger sigset_t as it is, and 8 as sizemask");
	ok((int)with_flags.entry.args[3] == (SFD_CLOEXEC | SFD_NONBLOCK),
	   "C28 S02 its third argument, flags, is the system call's fourth");
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), more = strlen(end);

	return length >= more && !strcmp(text + length - more, end);
}

/*
 * On x86 __x64_sys_signalfd4, on arm64 __arm64_sys_signalfd4, and others of the same end for 32-bit
 * programs. v6.12 and v7.3 have symbols for the padding before a function too (__pfx_).
 */
static bool is_entry(const char *symbol)
{
	return strncmp(symbol, "__pfx_", 6) &&
	       (ends_with(symbol, "_sys_signalfd4") || ends_with(symbol, "_sys_signalfd"));
}

static void symbols(void)
{
	bool do_signalfd = false, do_signalfd4 = false;
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], symbol[512];
	int entries = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %*s %511s", symbol) != 1)
			continue;
		do_signalfd |= !strcmp(symbol, "do_signalfd");
		do_signalfd4 |= !strcmp(symbol, "do_signalfd4");
		if (is_entry(symbol)) {
			note("an entry: %s", symbol);
			entries++;
		}
	}
	if (file)
		fclose(file);
	if (!entries) {
		skip("C33 C36 C38 S04 the kernel's functions", "no /proc/kallsyms");
		return;
	}
	ok(do_signalfd4, "C36 S04 the kernel has a function do_signalfd4");
	ok(!do_signalfd, "C33 S04 it has no function do_signalfd");
	ok(entries >= 2, "C38 S04 the entries of the system calls are other functions, several");
}

static int tries_compat(void)
{
	long fd = call_compat_signalfd4(-1, 8, 0);

	return fd < 0;
}

/* Makes one by that way, and changes its set by another. */
static bool is_the_same(long fd)
{
	bool same = fd >= 0 && kernel_set(fd) == *asked;

	*asked ^= bit(SIGTERM);
	same &= call_signalfd4(fd, 8, 0) == fd && kernel_set(fd) == *asked;
	close(fd);
	return same;
}

static void compat(void)
{
	long fd;

	/* In a child, since the attempt is a fault where the kernel has no such entry. */
	if (in_child(tries_compat)) {
		skip("S05 32-bit programs get the same by numbers of their own",
		     "a 64-bit program can't make a 32-bit call here (x86: ia32_emulation)");
		return;
	}
	ok(is_the_same(call_compat_signalfd(-1, 8, 0)) &&
		   is_the_same(call_compat_signalfd4(-1, 8, 0)),
	   "S05 what a 32-bit call made is the same, and a 64-bit call can update it");
	ok(call_compat_signalfd(-1, 4, 0) == -EINVAL && call_compat_signalfd4(-1, 4, 0) == -EINVAL,
	   "S05 sizemask is 8 for 32-bit calls too");
	fd = call_compat_signalfd4(-1, 8, SFD_CLOEXEC | SFD_NONBLOCK);
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK,
	   "S05 the flags are the same for 32-bit calls");
	close(fd);
}

static void x32(void)
{
	long fd = call_x32_signalfd4(-1, 8, 0);

	if (fd == -ENOSYS)
		skip("S06 an x32 program gets the same by signalfd4",
		     "this kernel has no x32 entry (syscall.x32)");
	else
		ok(is_the_same(fd), "S06 an x32 program gets the same by signalfd4");
}

int main(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	begin_afresh();
#ifdef MAP_32BIT
	flags |= MAP_32BIT;
#endif
	asked = mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, flags, -1, 0);
	must(asked == MAP_FAILED ? -1 : 0);
	*asked = bit(SIGHUP) | bit(SIGINT);

	arguments();
	old_call();
	library();
	symbols();
	compat();
	x32();
	return done();
}
