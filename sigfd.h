/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * sigfd.h: the contract of the two halves. sigfd is two programs. The kernel half (sigfd.bpf.c) is
 * BPF: code that the kernel itself runs, here at each signalfd call. The user half (sigfd.c) is an
 * ordinary process. Neither can call the other; all that crosses is memory, and all of it is here:
 *
 *	user half (sigfd.c)                      kernel half (sigfd.bpf.c)
 *	  struct sigfd_settings  ---- once, before the programs load ---->
 *	  phase, self_tgid       ---- as the run goes on ---------------->
 *	  <--- one struct sigfd_event a call, by the ring buffer ---------
 *	  <--- struct sigfd_counters, read whenever the user half likes --
 *
 * The halves are built by two compilers for two machines: cc for this processor, clang for BPF's
 * own 64-bit instruction set. So the structs hold only types of fixed width and have no holes, and
 * both compilers lay them out alike.
 *
 * In the comments: tgid is what users call a process's number, tid a thread's. The kernel numbers
 * anew in each PID namespace; all numbers here are those of the initial one.
 */
#ifndef SIGFD_H
#define SIGFD_H

/* The kernel half has __u64 and its like from vmlinux.h, which can't stand beside this header. */
#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* TASK_COMM_LEN, include/linux/sched.h@v6.12: 15 bytes and a NUL. */
#define SIGFD_COMM_LEN 16

/*
 * How far up the family tree a process is followed to sigfd (`-- COMMAND`). A BPF program may not
 * run without end, so a loop needs a bound; a descendant deeper than this is not seen.
 */
#define SIGFD_ANCESTORS_MAX 64

/*
 * The flags of the calls by which sigfd proves that its hooks fire ([L3] in sigfd.c). They are
 * invalid, so the kernel answers EINVAL before it looks at the descriptor: the call does nothing.
 * A call so marked is never shown nor counted, by this sigfd or by another one on the machine.
 */
#define SIGFD_MARK_FLAGS 0x51f0d000

/* Which calls pass: the variable `phase` of the kernel half, written by the user half. */
enum sigfd_phase {
	SIGFD_CLOSED = 0, /* none: while the hooks are attached, and at the end */
	SIGFD_PROOF = 1,  /* marked ones only, whatever the filters are */
	SIGFD_OPEN = 2,   /* those that pass the filters, never marked ones */
};

/* A signal's bit in a set: the kernel's sigset_t is one 64-bit word, and signal 1 is bit 0. */
#define SIGFD_BIT(sig) (1ULL << (-1 + (sig)))

/*
 * The four places at which a call is seen. A program that the kernel runs at a place is a hook.
 * struct sigfd_event.seen says which of them a call has passed.
 */
enum sigfd_seen {
	SIGFD_ENTER = 1,     /* sys_enter: the system call's boundary, on the way in */
	SIGFD_KPROBE = 2,    /* do_signalfd4, the function behind it, begins */
	SIGFD_KRETPROBE = 4, /* do_signalfd4 has returned */
	SIGFD_EXIT = 8,      /* sys_exit: the boundary, on the way out */
};

/* The three sets of hooks that --hook offers. */
#define SIGFD_PAIR (SIGFD_KPROBE | SIGFD_KRETPROBE)
#define SIGFD_SYSCALL (SIGFD_ENTER | SIGFD_EXIT)
#define SIGFD_BOTH (SIGFD_PAIR | SIGFD_SYSCALL)

/* struct sigfd_event.syscall: each system call by its number of arguments. */
enum sigfd_syscall {
	SIGFD_UNKNOWN = 0, /* not seen at the boundary */
	SIGFD_SIGNALFD = 3,
	SIGFD_SIGNALFD4 = 4,
};

/*
 * One call, as it crosses to the user half: an event. While the call is in flight this struct is
 * also the thread's entry, the kernel half's notes on it: the hooks on the way in write the first
 * group, those on the way out the second, and it is whole only with the last hook.
 */
struct sigfd_event {
	/* Written on the way in. */
	__u64 ktime_ns;  /* CLOCK_MONOTONIC at the first hook, ns; never 0 */
	__u64 mask;      /* the kernel's copy, KILL and STOP still in it; valid with SIGFD_KPROBE */
	__u64 user_mask; /* what *mask held at sys_enter; valid with SIGFD_ENTER and user_err 0 */
	__u64 sizemask;  /* bytes the caller said *mask has; valid with SIGFD_ENTER */
	__s32 user_err;  /* why user_mask could not be read: 0 (it was) or -errno */
	__s32 ufd;       /* -1 creates; any other value names the descriptor to update */
	__u32 flags;     /* SFD_*, as passed; 0 for signalfd, which has none */
	__u32 syscall;   /* enum sigfd_syscall */

	/* Written on the way out; `seen` by every hook. */
	__u64 duration_ns;         /* first hook to last, ns */
	__u64 blocked;             /* the set that the calling thread blocks; 0: none */
	__u64 cgroup_id;           /* inode of the thread's v2 cgroup; 1 in the root cgroup */
	__u32 tgid;                /* process */
	__u32 tid;                 /* thread */
	__u32 uid;                 /* real, in the initial user namespace; 0 is root */
	__s32 ret;                 /* descriptor, or -errno */
	__u32 seen;                /* enum sigfd_seen, ORed by each hook; 0: no call in flight */
	__u32 chld_ignored;        /* 0 or 1: the process ignores SIGCHLD (SIG_IGN) */
	char comm[SIGFD_COMM_LEN]; /* the thread's name; any bytes up to a NUL, any behind it */
};

/* What the user half asks for. All zero: every call, by no hook. Constant once loaded. */
struct sigfd_settings {
	__u64 signals;             /* only calls whose mask holds one of these; 0: any mask */
	__u64 wake_at;             /* bytes in the ring buffer that wake the user half early */
	__u32 hooks;               /* SIGFD_PAIR, SIGFD_SYSCALL or SIGFD_BOTH */
	__s32 tgid;                /* only this process; 0: any */
	__s32 tid;                 /* only this thread; 0: any */
	__u32 uid;                 /* only this user, if by_uid */
	__u8 by_uid;               /* 0 or 1: uid 0 is a user too */
	__u8 by_comm;              /* 0 or 1 */
	__u8 by_cgroup;            /* 0 or 1: only in or below the folder in the map `cgroup` */
	__u8 follow;               /* 0 or 1: only descendants of sigfd */
	__u8 failed;               /* 0 or 1: only calls that failed */
	__u8 unused[3];            /* 0 */
	char comm[SIGFD_COMM_LEN]; /* only threads of this name, if by_comm; NUL-padded */
};

/*
 * The kernel half's account. It counts what it began and how each call ended, the user half what it
 * got, and the two must agree (see account() in sigfd.c):
 *
 *	begun - filtered = events got + ring_full + no_entry + missed + in flight
 *	in flight        = begun - ended - no_entry - missed
 */
struct sigfd_counters {
	__u64 begun;     /* calls that passed the filters on the way in */
	__u64 ended;     /* of these, those whose last hook found their entry */
	__u64 filtered;  /* of the ended, those that a filter turned away only then */
	__u64 ring_full; /* of the ended, those lost because the user half was too slow */
	__u64 no_entry;  /* of the begun, those lost because there was no memory for an entry */
	__u64 missed;    /* of the begun, those whose end was not seen, as the next call told */
	__u64 unread;    /* left out by `signals`, *mask being unreadable; in `both` filtered too */
};

#endif
