// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * sigfd.bpf.c: the kernel half. It watches signalfd calls from two places:
 *
 *	user:    signalfd(fd, &mask, flags)
 *	         -- boundary --    [K4] sys_enter: the arguments, *mask still in user memory
 *	kernel:  sizemask right? copy *mask
 *	         do_signalfd4()    [K5] kprobe: the arguments, *mask as the kernel copied it
 *	           flags, descriptor
 *	         return            [K6] kretprobe: the result, and no arguments
 *	         -- boundary --    [K7] sys_exit: the result
 *
 * No hook sees a whole call. The first hook of a call fills the thread's entry; the last one
 * completes it, sends it and clears `seen`. What must hold:
 *
 *  - A thread has one entry: it is in one system call at a time. Made at its first call that
 *    passes, the entry is kept for the next, until the thread ends.
 *  - `seen` is not 0 only while a call is in flight, and the entry is of the call that runs now. So
 *    each first hook clears what an earlier call left, even for a call that the filters refuse:
 *    else the return hook would complete the old call with the new one's result.
 *  - A call that passed the filters is sent, or counted under what lost it; never both.
 *
 * What this gets wrong: the kernel skips a hook where a BPF program runs on that CPU already: from
 * an interrupt (trace_call_bpf(), kernel/trace/bpf_trace.c@v5.10 to v7.3), or, in a syscall
 * tracepoint, preempted there (trace_call_bpf_faultable(), v7.3; not in v6.12). Likewise where a
 * process is preempted in bpf(2) on a map (bpf_disable_instrumentation(), include/linux/bpf.h).
 * A missed return is found by the thread's next call. Of missed entries nothing is known but their
 * number, which the kernel counts (v6.12, not v6.1); the user half adds it to the summary.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "sigfd.h"

/* What comes after ___ is ours (CO-RE); vmlinux.h may be of a kernel without this helper. */
enum bpf_func_id___new {
	BPF_FUNC_get_current_task_btf___new = 158,
};

/*
 * Several helpers below (bpf_probe_read_kernel, bpf_get_current_task) are for GPL-compatible
 * programs only; the kernel takes this string for one.
 */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Constants by the time the verifier reads the program: it drops the filters that are not set. */
const volatile struct sigfd_settings settings = {};

/* Written by the user half. SIGFD_CLOSED until all hooks are attached, and when the run ends. */
enum sigfd_phase phase = SIGFD_CLOSED;
__u32 self_tgid; /* sigfd's own process in the initial PID namespace; 0: not known yet */

/* The two maps below whose size or content the user half sets: `events` and `cgroup`. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cgroup SEC(".maps");

/*
 * The threads' entries. A thread takes the slot of its number; where another has that already, its
 * entry goes into the hash below. With all of them there, two lookups a call would add an eighth to
 * the cost.
 */
struct sigfd_slot slots[SIGFD_SLOTS];

/*
 * Under SIGFD_SLOT and a slot's number: that the slot is taken. The hash lets in each key once, so
 * no two threads take the same slot (an atomic exchange would do, but BPF has none before 5.12),
 * and there is one limit for all. Under a thread's number: its entry, where it has no slot.
 *
 * Not an LRU hash: that would make room by dropping a call in flight without a word. Task storage
 * would need neither slots nor [K9], but comes with 5.11 only.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SIGFD_INFLIGHT_MAX);
	__type(key, __u32);
	__type(value, struct sigfd_event);
} inflight SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sigfd_counters);
} counters SEC(".maps");

/*
 * [K1] Counting. A set a CPU, so that none waits for another's. Atomic all the same, since a
 * program that is preempted (see above) may be followed there by another one of ours. Never a
 * marked call: one of another sigfd may begin as our trace opens, and end in it.
 */
#define COUNT(cause, flags)                                                                        \
	({                                                                                         \
		__u32 zero = 0;                                                                    \
		struct sigfd_counters *c = bpf_map_lookup_elem(&counters, &zero);                  \
		if (c && (flags) != SIGFD_MARK_FLAGS)                                              \
			__sync_fetch_and_add(&c->cause, 1);                                        \
	})

/*
 * [K2] Is the thread one that we were asked for? With `-- COMMAND` sigfd is a child subreaper
 * (PR_SET_CHILD_SUBREAPER, since 3.4), so a descendant whose parents have died hangs from sigfd
 * again, and the walk up real_parent finds it. Reads of the tree may race with a reparenting;
 * either parent leads to sigfd.
 */
static __always_inline bool descends_from_sigfd(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	for (int i = 0; i < SIGFD_ANCESTORS_MAX; i++) {
		task = BPF_CORE_READ(task, real_parent);
		__u32 tgid = BPF_CORE_READ(task, tgid);

		if (tgid == self_tgid)
			return true;
		if (tgid <= 1)
			return false;
	}
	return false;
}

/* Up to the NUL: behind it v6.1's helper leaves what was there (strscpy; v6.12: strscpy_pad). */
static __always_inline bool has_comm(void)
{
	char comm[SIGFD_COMM_LEN];

	bpf_get_current_comm(comm, sizeof(comm));
	for (int i = 0; i < SIGFD_COMM_LEN; i++) {
		if (comm[i] != settings.comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

static __always_inline bool wanted(int flags)
{
	if (phase != SIGFD_OPEN || flags == SIGFD_MARK_FLAGS)
		return phase == SIGFD_PROOF && flags == SIGFD_MARK_FLAGS;
	if (settings.tgid && settings.tgid != bpf_get_current_pid_tgid() >> 32)
		return false;
	if (settings.tid && settings.tid != (__u32)bpf_get_current_pid_tgid())
		return false;
	if (settings.by_uid && settings.uid != (__u32)bpf_get_current_uid_gid())
		return false;
	if (settings.by_comm && !has_comm())
		return false;
	if (settings.by_cgroup && bpf_current_task_under_cgroup(&cgroup, 0) != 1)
		return false;
	return !settings.follow || descends_from_sigfd();
}

static __always_inline bool holds_signals(__u64 mask)
{
	return !settings.signals || mask & settings.signals;
}

static __always_inline struct sigfd_slot *slot_of(__u32 tid)
{
	return &slots[tid % SIGFD_SLOTS];
}

/* The thread's entry; NULL: it has none, as most threads whose calls are refused. */
static __always_inline struct sigfd_event *entry_of(__u32 tid)
{
	struct sigfd_slot *slot = slot_of(tid);

	if (slot->tid == tid)
		return &slot->entry;
	return slot->shared ? bpf_map_lookup_elem(&inflight, &tid) : NULL;
}

/* NULL: there is no room for one more. */
static __always_inline struct sigfd_event *new_entry(__u32 tid)
{
	static const struct sigfd_event blank;
	__u32 key = SIGFD_SLOT | tid % SIGFD_SLOTS;
	struct sigfd_slot *slot = slot_of(tid);

	if (!bpf_map_update_elem(&inflight, &key, &blank, BPF_NOEXIST)) {
		slot->tid = tid;
		return &slot->entry;
	}
	slot->shared = 1;
	bpf_map_update_elem(&inflight, &tid, &blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&inflight, &tid);
}

/*
 * [K3] A call begins: the thread's entry, for the first hook to fill; NULL where the call does not
 * pass, or there is no room. To make and delete an entry a call would add two thirds to the cost.
 */
static __always_inline struct sigfd_event *begin(bool pass, int flags)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct sigfd_event *entry = entry_of(tid);

	if (entry && entry->seen) {
		COUNT(calls, entry->flags);
		COUNT(missed, entry->flags);
		entry->seen = 0;
	}
	if (!pass)
		return NULL;
	if (!entry)
		entry = new_entry(tid);
	if (!entry) {
		COUNT(calls, flags);
		COUNT(table_full, flags);
	}
	return entry;
}

/* What the first hook began, for those that follow; NULL where no call is in flight that passed. */
static __always_inline struct sigfd_event *in_flight(void)
{
	struct sigfd_event *entry = entry_of(bpf_get_current_pid_tgid());

	return entry && entry->seen ? entry : NULL;
}

/*
 * [K4] The boundary, inwards. The kernel has checked nothing yet. *mask is in user memory, where
 * another thread may change it before the kernel copies it; and a BPF program can't wait for a
 * page, so the read fails (EFAULT) on one that is not in memory though the kernel's own will not.
 */
static __always_inline int boundary_enter(int ufd, const void *mask, __u64 sizemask, int flags,
					  enum sigfd_syscall syscall)
{
	struct sigfd_event *entry;
	bool pass = wanted(flags);
	__u64 user_mask = 0;
	int err = 0;

	if (pass)
		err = bpf_probe_read_user(&user_mask, sizeof(user_mask), mask);
	if (settings.hooks == SIGFD_SYSCALL) /* else the kernel's copy decides, at the end */
		pass = pass && holds_signals(user_mask);
	entry = begin(pass, flags);
	if (entry)
		*entry = (struct sigfd_event){
			.ktime_ns = bpf_ktime_get_ns(),
			.user_mask = user_mask,
			.sizemask = sizemask,
			.user_err = err,
			.ufd = ufd,
			.flags = flags,
			.syscall = syscall,
			.seen = SIGFD_ENTER,
		};
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_signalfd")
int enter_signalfd(struct trace_event_raw_sys_enter *ctx)
{
	return boundary_enter(ctx->args[0], (void *)ctx->args[1], ctx->args[2], 0, SIGFD_SIGNALFD);
}

SEC("tracepoint/syscalls/sys_enter_signalfd4")
int enter_signalfd4(struct trace_event_raw_sys_enter *ctx)
{
	return boundary_enter(ctx->args[0], (void *)ctx->args[1], ctx->args[2], ctx->args[3],
			      SIGFD_SIGNALFD4);
}

/*
 * Does this thread's system call come by a 32-bit entry? The kernel keeps such calls from the
 * syscall tracepoints by the same bits (arch_trace_is_compat_syscall), since their numbers are of
 * another table. Not seen: the x32 entries, which Debian's kernels refuse unless told otherwise.
 */
static __always_inline bool is_compat_call(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

#if defined(__TARGET_ARCH_x86)
	/* TS_COMPAT, arch/x86/include/asm/thread_info.h@v5.10 to v7.3 */
	return BPF_CORE_READ(task, thread_info.status) & 0x0002;
#elif defined(__TARGET_ARCH_arm64)
	/* TIF_32BIT, arch/arm64/include/asm/thread_info.h@v5.10 to v7.3 */
	return BPF_CORE_READ(task, thread_info.flags) & 1 << 22;
#else
#error "say here how a 32-bit system call is told on this architecture"
#endif
}

/*
 * [K5] do_signalfd4 begins. *mask is on the kernel's stack: what is read here is what the kernel
 * uses. It must be read now: the function takes KILL and STOP out and inverts the rest in place
 * (sigdelsetmask, signotset; fs/signalfd.c@v5.10 to v7.3), so at [K6] it would be the complement.
 */
SEC("kprobe/do_signalfd4")
int BPF_KPROBE(kernel_enter, int ufd, sigset_t *mask, int flags)
{
	struct sigfd_event *entry;
	__u64 asked = 0;
	bool pass;

	if (settings.hooks == SIGFD_BOTH && !is_compat_call()) {
		/* Joins what the boundary saw. Not in flight: refused or lost there. */
		entry = in_flight();
		if (entry) {
			bpf_probe_read_kernel(&entry->mask, sizeof(entry->mask), mask);
			entry->seen |= SIGFD_KPROBE;
		}
		return 0;
	}
	pass = wanted(flags);
	if (pass)
		bpf_probe_read_kernel(&asked, sizeof(asked), mask);
	entry = begin(pass && holds_signals(asked), flags);
	if (entry)
		*entry = (struct sigfd_event){
			.ktime_ns = bpf_ktime_get_ns(),
			.mask = asked,
			.ufd = ufd,
			.flags = flags,
			.seen = SIGFD_KPROBE,
		};
	return 0;
}

/*
 * Whose call it is, and which signals it blocks: the thread can't have changed its own blocked set
 * since the call began. Since v5.11 (3ca1032ab7ab) a program may read the kernel's structs as C
 * does; a helper for each would add an eighth to the whole call.
 */
static __always_inline void identify(struct sigfd_event *entry)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___new,
				       BPF_FUNC_get_current_task_btf___new)) {
		struct task_struct *task = bpf_get_current_task_btf();

		entry->blocked = task->blocked.sig[0];
		entry->tgid = task->tgid;
		entry->tid = task->pid;
		entry->uid = task->cred->uid.val;
		__builtin_memcpy(entry->comm, task->comm, sizeof(entry->comm));
	} else {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();
		__u64 id = bpf_get_current_pid_tgid();

		entry->blocked = BPF_CORE_READ(task, blocked.sig[0]);
		entry->tgid = id >> 32;
		entry->tid = id;
		entry->uid = bpf_get_current_uid_gid();
		bpf_get_current_comm(entry->comm, sizeof(entry->comm));
	}
	/* By the struct it would take three more types, each looked up at start for 1.5 ms. */
	entry->cgroup_id = bpf_get_current_cgroup_id();
}

/*
 * [K8] A call ends: what the thread can still be asked for now is asked only now, so that a call
 * that is filtered out never pays for it.
 */
static __always_inline void finish(struct sigfd_event *entry, int ret)
{
	__u64 mask = entry->seen & SIGFD_KPROBE ? entry->mask : entry->user_mask;
	__u64 flags = BPF_RB_NO_WAKEUP;

	if ((settings.failed && ret >= 0) || !holds_signals(mask))
		goto out;

	entry->ret = ret;
	entry->duration_ns = bpf_ktime_get_ns() - entry->ktime_ns;
	identify(entry);

	/*
	 * Waking the reader costs more than all the rest of this program, so it wakes by the
	 * clock, and by us only when it falls behind.
	 */
	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= settings.wake_at)
		flags = BPF_RB_FORCE_WAKEUP;
	COUNT(calls, entry->flags);
	if (bpf_ringbuf_output(&events, entry, sizeof(*entry), flags))
		COUNT(ring_full, entry->flags);
out:
	entry->seen = 0;
}

/*
 * [K6] do_signalfd4 has returned. The value is an int: only the low half of the register means
 * anything, and -EBADF read as a long would be 4294967287.
 */
SEC("kretprobe/do_signalfd4")
int BPF_KRETPROBE(kernel_return, int ret)
{
	struct sigfd_event *entry = in_flight();

	if (!entry)
		return 0;
	entry->seen |= SIGFD_KRETPROBE;
	if (!(entry->seen & SIGFD_ENTER)) /* else sys_exit comes yet */
		finish(entry, ret);
	return 0;
}

/* [K7] The boundary, outwards. Also the end of calls that failed before do_signalfd4. */
static __always_inline int boundary_exit(int ret)
{
	struct sigfd_event *entry = in_flight();

	if (entry && entry->seen & SIGFD_ENTER) {
		entry->seen |= SIGFD_EXIT;
		finish(entry, ret);
	}
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_signalfd")
int exit_signalfd(struct trace_event_raw_sys_exit *ctx)
{
	return boundary_exit(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_signalfd4")
int exit_signalfd4(struct trace_event_raw_sys_exit *ctx)
{
	return boundary_exit(ctx->ret);
}

/*
 * [K9] A thread ends, and with it its entry. A thread that executes a program takes the number of
 * the main thread (de_thread(), fs/exec.c@v6.12); its entry waits for a thread of its old number,
 * as does one whose thread's end the kernel has skipped.
 */
SEC("raw_tracepoint/sched_process_exit")
int thread_exit(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), key = tid;
	struct sigfd_slot *slot = slot_of(tid);

	begin(false, 0);
	if (slot->tid == tid) {
		slot->tid = 0; /* before another thread may take it */
		key = SIGFD_SLOT | tid % SIGFD_SLOTS;
	} else if (!slot->shared) {
		return 0;
	}
	bpf_map_delete_elem(&inflight, &key);
	return 0;
}
