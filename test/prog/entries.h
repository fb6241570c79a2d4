/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * entries.h: the kernel's entries for signalfd, called without the C library, so with registers of
 * any content. Those for 32-bit programs serve 64-bit ones too, by int 0x80 on x86; such a mask
 * must lie below 4 GiB.
 */
#ifndef ENTRIES_H
#define ENTRIES_H

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum way { SIGNALFD, SIGNALFD4, COMPAT_SIGNALFD, COMPAT_SIGNALFD4, WAYS };

#ifdef __x86_64__
static inline long compat(long number, long a, long b, long c, long d)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}
#else
static inline long compat(long number, long a, long b, long c, long d)
{
	(void)number, (void)a, (void)b, (void)c, (void)d;
	return -ENOSYS;
}
#endif

/* Where the kernel has no 32-bit entry, the attempt is a fault. */
static inline bool try_compat(void)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid)
		_exit(compat(20, 0, 0, 0, 0) != getpid()); /* 20: getpid */
	waitpid(pid, &status, 0);
	return !status;
}

/* The descriptor, or -errno. */
static inline long enter_kernel(enum way way, long ufd, const void *mask, long size, long flags)
{
	long ret = -1;

	errno = ENOSYS;
	switch (way) {
	case SIGNALFD:
#ifdef SYS_signalfd
		ret = syscall(SYS_signalfd, ufd, mask, size);
#endif
		break;
	case SIGNALFD4:
		ret = syscall(SYS_signalfd4, ufd, mask, size, flags);
		break;
	case COMPAT_SIGNALFD:
		return compat(321, ufd, (long)mask, size, 0);
	case COMPAT_SIGNALFD4:
		return compat(327, ufd, (long)mask, size, flags);
	default:
		break;
	}
	return ret < 0 ? -errno : ret;
}

#endif
