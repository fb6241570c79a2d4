/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * sigfd.h: what crosses between the kernel half and the user half.
 *
 *	user half (sigfd.c)                      kernel half (sigfd.bpf.c)
 *	  struct sigfd_settings  ---- once, before the programs load ---->
 *	  phase, self_tgid       ---- as the run goes on ---------------->
 *	  <--- one struct sigfd_event a call, by the ring buffer ---------
 *	  <--- struct sigfd_counters, read whenever the user half likes --
 *
 * Both halves are compiled from this file, so its structs have no holes and hold only types of
 * fixed width: the two compilers can't lay them out differently.
 */
#ifndef SIGFD_H
#define SIGFD_H

/* The kernel half has these types from vmlinux.h, which can't stand beside this header. */
#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* TASK_COMM_LEN, include/linux/sched.h@v6.12: 15 bytes and a NUL. */
#define SIGFD_COMM_LEN 16

/*
 * Threads that have made a call which passed the filters: each keeps its entry, in which a call is
 * in flight or none, until it ends. One is sigfd itself.
 */
#define SIGFD_INFLIGHT_MAX 8192

/* Entries that are found by the thread's number alone; 128 bytes each, in memory from the start. */
#define SIGFD_SLOTS 2048

/*
 * Tells a slot's number from a thread's, as keys of the map `inflight`. Thread numbers have 30
 * bits at most (FUTEX_TID_MASK, include/uapi/linux/futex.h).
 */
#define SIGFD_SLOT 0x80000000

/*
 * How far up the family tree a process is followed to sigfd (`-- COMMAND`). The verifier wants a
 * bound; a descendant deeper than this is not seen.
 */
#define SIGFD_ANCESTORS_MAX 64

/*
 * The start-up call, by which sigfd proves that its probes fire, bears this mark. The flags are
 * invalid, so the kernel answers EINVAL before it looks at the descriptor: the call does nothing.
 * A marked call is never shown nor counted, by this sigfd or by another one on the same machine;
 * its mask tells whose it is.
 */
#define SIGFD_MARK_FLAGS 0x51f0d000

/* Which calls pass: the variable `phase` of the kernel half, written by the user half. */
enum sigfd_phase {
	SIGFD_CLOSED = 0, /* none: while the hooks are attached, and at the end */
	SIGFD_PROOF = 1,  /* marked ones only */
	SIGFD_OPEN = 2,   /* those that pass the filters, never marked ones */
};

/* A signal's bit in the kernel's sigset_t, on every 64-bit architecture with 64 signals. */
#define SIGFD_BIT(sig) (1ULL << ((sig) + -1))

/* Which hooks a call passed: struct sigfd_event.seen. */
enum sigfd_seen {
	SIGFD_ENTER = 1,     /* sys_enter: the boundary, on the way in */
	SIGFD_KPROBE = 2,    /* do_signalfd4 begins */
	SIGFD_KRETPROBE = 4, /* do_signalfd4 has returned */
	SIGFD_EXIT = 8,      /* sys_exit: the boundary, on the way out */
};

#define SIGFD_PAIR (SIGFD_KPROBE | SIGFD_KRETPROBE)
#define SIGFD_SYSCALL (SIGFD_ENTER | SIGFD_EXIT)
#define SIGFD_BOTH (SIGFD_PAIR | SIGFD_SYSCALL)

/* struct sigfd_event.syscall: the number of arguments tells the two calls apart. */
enum sigfd_syscall {
	SIGFD_UNKNOWN = 0, /* not seen at the boundary */
	SIGFD_SIGNALFD = 3,
	SIGFD_SIGNALFD4 = 4,
};

/*
 * One call. Also the thread's entry while a call is in flight: the entry hooks fill the first
 * group, the return hooks the second, so an entry is complete only with its last hook.
 */
struct sigfd_event {
	/* Written on the way in. */
	__u64 ktime_ns;  /* CLOCK_MONOTONIC at the first hook, ns */
	__u64 mask;      /* the kernel's copy, before KILL and STOP go; valid with SIGFD_KPROBE */
	__u64 user_mask; /* what *mask held at sys_enter; valid with SIGFD_ENTER and user_err 0 */
	__u64 sizemask;  /* bytes the caller said *mask has; valid with SIGFD_ENTER */
	__s32 user_err;  /* why user_mask could not be read: 0 (it was) or -errno */
	__s32 ufd;       /* -1 creates, another descriptor is updated */
	__u32 flags;     /* SFD_*, as passed; 0 for signalfd, which has none */
	__u32 syscall;   /* enum sigfd_syscall */

	/* Written on the way out. */
	__u64 duration_ns;         /* first hook to last */
	__u64 blocked;             /* signals that the calling thread blocks */
	__u64 cgroup_id;           /* inode of the thread's v2 cgroup; 1 in the root cgroup */
	__u32 tgid;                /* process, in the initial PID namespace */
	__u32 tid;                 /* thread, in the initial PID namespace */
	__u32 uid;                 /* real, in the initial user namespace */
	__s32 ret;                 /* descriptor, or -errno */
	__u32 seen;                /* enum sigfd_seen, ORed by each hook; 0: none in flight */
	__u32 unused;              /* 0; keeps the size a multiple of 8 */
	char comm[SIGFD_COMM_LEN]; /* of the thread; any bytes up to a NUL, any behind it */
};

/* A place for one thread's entry, on cache lines that it shares with no other. */
struct sigfd_slot {
	__u32 tid;    /* the thread that has it; 0: none */
	__u32 shared; /* 0 or 1: a thread did not get it, so its entry may be in the hash */
	struct sigfd_event entry;
	__u64 unused; /* 0 */
} __attribute__((aligned(128)));

/* What the user half asks for. All zero: every call, by no hook. Constant once loaded. */
struct sigfd_settings {
	__u64 signals;  /* only calls whose mask holds one of these; 0: any mask */
	__u64 wake_at;  /* bytes in the ring buffer that wake the reader before its time */
	__u32 hooks;    /* SIGFD_PAIR, SIGFD_SYSCALL or SIGFD_BOTH */
	__u32 tgid;     /* only this process; 0: any */
	__u32 tid;      /* only this thread; 0: any */
	__u32 uid;      /* only this user, if by_uid */
	__u8 by_uid;    /* 0 or 1: uid 0 is a user too */
	__u8 by_comm;   /* 0 or 1 */
	__u8 by_cgroup; /* 0 or 1: only below the folder in the map `cgroup` */
	__u8 follow;    /* 0 or 1: only descendants of sigfd */
	__u8 failed;    /* 0 or 1: only calls that failed */
	__u8 unused[3]; /* 0 */
	char comm[SIGFD_COMM_LEN]; /* only threads of this name, if by_comm; NUL-padded */
};

/*
 * What became of the calls that passed the filters, one set a CPU, summed by the user half:
 *	calls = events in the ring buffer + ring_full + table_full + missed
 * A call whose result is not known when it is lost counts even with `failed` set.
 */
struct sigfd_counters {
	__u64 calls;
	__u64 ring_full;  /* the reader was too slow */
	__u64 table_full; /* no room for one more thread's entry */
	__u64 missed;     /* the return was not seen, found at the thread's next call */
};

#endif
