// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * sigfd.bpf.c: the kernel half. It watches signalfd calls by two hooks at the system call's
 * boundary, and by the pair: two around do_signalfd4.
 *
 *	user:    signalfd(fd, &mask, flags)
 *	         -- boundary --    [B6] sys_enter: the arguments, *mask still in user memory
 *	kernel:  sizemask right? copy *mask
 *	         do_signalfd4()    [B1] kprobe: the arguments, *mask as the kernel copied it
 *	           flags, descriptor
 *	         return            [B4] kretprobe: the result, and no arguments
 *	         -- boundary --    [B7] sys_exit: the result
 *
 * BPF is a way to run a program of one's own in the kernel, safely. Each function below that has a
 * SEC() is one: the kernel runs it each time that a thread passes the place that SEC() names, on
 * that thread's processor, in the middle of its system call; then the thread goes on. Nothing of it
 * runs by itself. Before the kernel takes a program in, its verifier follows every path through it
 * and refuses one that might read where it should not, or not end. What a program can't do, such as
 * to copy from user memory, it asks of the kernel by helpers, the functions named bpf_*.
 *
 * To add a field to what is shown, or to trace another call: docs/walkthrough.md has both as
 * recipes that the tests run. To see programs and maps live, it says what to type.
 *
 * No hook sees a whole call: one sees the arguments, another the result. What must hold:
 *
 *  - A thread has one entry, since it is in one system call at a time. The first hook of a call
 *    fills it; the last one completes it, sends it, and clears `seen`.
 *  - A hook on the way out must find `seen` set by the call that runs now, or 0. A missed return
 *    leaves it set. So each first hook clears it, even for a call that the filters turn away:
 *    else the return hook would complete the old call with the new one's result.
 *  - A call that passed the filters is sent, or counted under what lost it; never both.
 */

/*
 * The kernel's own types, written by bpftool from the kernel's type information (BTF). Fields lie
 * elsewhere in other kernels; that is mended when the program is loaded: clang notes down each
 * access to a field by name, and libbpf puts the right offset in, from the BTF of the kernel at
 * hand. Compile once, run everywhere: CO-RE.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "sigfd.h"

/* BTF knows types, not macros. These two are the same on x86-64 and arm64. */
#define SIGCHLD 17
#define SIG_IGN ((void *)1)

/*
 * libbpf tells the kernel, which keeps some helpers, such as bpf_probe_read_kernel, for programs
 * whose license goes with the GPL, as it does with symbols for modules.
 */
char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Constants, but chosen at run time: `const volatile` keeps clang from using the zeros here, the
 * user half writes its values before loading, and the kernel then freezes them. The verifier knows
 * them, so it drops the code of each filter that is not set: only the reading of the setting stays.
 */
const volatile struct sigfd_settings settings = {};

/*
 * Variables of both halves. A global variable of a BPF program lies in a map, memory that the
 * kernel keeps for it, and the user half has this map mapped: what one writes, the other reads in
 * the same instant, with no call in between.
 *
 * One set of counters for all processors, though they share its cache line: they share the ring
 * buffer's lock with each event anyway.
 */
enum sigfd_phase phase = SIGFD_CLOSED; /* which calls pass; the user half writes it */
__s32 self_tgid;                       /* sigfd's own process; 0: not known yet */
struct sigfd_counters counters;        /* the account; the kernel half writes it */

/*
 * Maps of the other kinds are declared as structs that no code ever reads: their fields' types tell
 * libbpf what to make, since a program itself can make none. (A number is a type too: __uint(max,
 * 4096) declares `int (*max)[4096]`.)
 *
 * This one is the queue to the user half: one for all processors, so that events come in the order
 * in which the calls returned. A hook copies an event in; the user half has the same memory mapped,
 * and says there how far it has read. Where there is no room the event is lost, and counted; the
 * thread that made the call is never held up. The user half sets the size, in bytes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/*
 * The entries, in task storage (for tracing programs since v5.13, a10787e6d58c): a value that the
 * kernel hangs on the thread itself and frees with it. A hash by thread number would be known from
 * more textbooks, but it can fill up, must be told of each thread's end, and goes wrong where a
 * number changes, as it does when a thread other than the main one executes a program.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* made as they are asked for: the only way here */
	__type(key, int); /* a process finds an entry by a pidfd; a program, by the task itself */
	__type(value, struct sigfd_event);
} entries SEC(".maps");

/*
 * The folder of --cgroup, as the one element; the user half puts it in. A cgroup can't be had by
 * its path in the kernel, and a descriptor means nothing outside its process: this kind of map
 * turns the one into the other. Empty without --cgroup, and then no code looks.
 */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cgroup SEC(".maps");

/*
 * The pair comes first, then the boundary; most functions stand behind the hook that calls them.
 * Only a function with a SEC() is a program: clang puts what it calls inside it, or next to it.
 */
static __always_inline bool wanted(struct task_struct *task, int flags);
static bool holds_signals(__u64 mask, int flags);
static struct sigfd_event *begin(struct task_struct *task, bool pass, int flags);
static struct sigfd_event *in_flight(struct task_struct *task);
static int leave(enum sigfd_seen hook, int ret);

/* ---- The pair: around do_signalfd4 ---------------------------------------------------------- */

/*
 * For [B1] in `both`: does this thread's system call come by a 32-bit entry? The kernel keeps such
 * calls from the syscall tracepoints by the same bits (arch_trace_is_compat_syscall), since their
 * numbers are of another table; so the kprobe is their first hook also in `both`. Not seen: the x32
 * entries, which Debian's kernels refuse unless told otherwise.
 */
static bool is_compat_call(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	/* TS_COMPAT, arch/x86/include/asm/thread_info.h@v5.13 to v7.3 */
	return task->thread_info.status & 0x0002;
#elif defined(__TARGET_ARCH_arm64)
	/* TIF_32BIT, arch/arm64/include/asm/thread_info.h@v5.13 to v7.3 */
	return task->thread_info.flags & 1 << 22;
#else
#error "say here how a 32-bit system call is told on this architecture"
#endif
}

/*
 * [B1] do_signalfd4 begins. SEC() says what kind of program this is and where it belongs: libbpf
 * takes the kind from what is before the slash, and the place from what is behind it. The kind
 * decides what the program is given as `ctx`, and which helpers it may call.
 *
 * A kprobe is a breakpoint that the kernel plants at an instruction, here the function's first. Its
 * program is given the processor's registers, nothing else; here they still hold the function's
 * arguments. BPF_KPROBE names these: the body below becomes that of ____kernel_enter(), called by
 *
 *	int kernel_enter(struct pt_regs *ctx)
 *	{ return ____kernel_enter(ctx, (int)ctx->di, (sigset_t *)ctx->si, (int)ctx->dx); }
 *
 * on x86, with other registers on arm64: so the build must say for which processor it is
 * (-D__TARGET_ARCH_x86). Nothing checks the types that we give the arguments: a wrong one reads the
 * wrong bits of the right register.
 *
 * *mask is on the kernel's stack: what is read here is what the kernel uses. It must be read now:
 * the function takes KILL and STOP out and inverts the rest in place (sigdelsetmask, signotset;
 * fs/signalfd.c@v5.13 to v7.3), so at [B4] it would be the complement, in which form the kernel
 * keeps it. It is read by a helper, because to the verifier `mask` is a number from a register, and
 * might point anywhere.
 *
 * Not fentry and fexit, which cost less: docs/walkthrough.md says why, and why not six others.
 */
SEC("kprobe/do_signalfd4")
int BPF_KPROBE(kernel_enter, int ufd, sigset_t *mask, int flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sigfd_event *entry;
	__u64 asked = 0;
	bool pass;

	if (settings.hooks == SIGFD_BOTH && !is_compat_call(task)) {
		/* Joins what [B6] began. Nothing in flight: turned away or lost there. */
		entry = in_flight(task);
		if (entry) {
			bpf_probe_read_kernel(&entry->mask, sizeof(entry->mask), mask);
			entry->seen |= SIGFD_KPROBE;
		}
		return 0;
	}
	pass = wanted(task, flags);
	if (pass)
		bpf_probe_read_kernel(&asked, sizeof(asked), mask);
	entry = begin(task, pass && holds_signals(asked, flags), flags);
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
 * Is the thread one of --pid and --tid? In the proof every thread is, or entry_of() would have no
 * entry for sigfd's own call.
 *
 * `task` is the kernel's own struct of the thread, whole and live. The verifier knows its type from
 * BTF, so its fields are read as C reads them; the kernel makes such a read harmless where a
 * pointer turns out to be wrong. Asking a helper for each would cost a call.
 */
static bool is_target(struct task_struct *task)
{
	return phase == SIGFD_PROOF || ((!settings.tgid || settings.tgid == task->tgid) &&
					(!settings.tid || settings.tid == task->pid));
}

/*
 * Up to the NUL: behind it a comm may hold what was there before (strscpy in __set_task_comm(),
 * fs/exec.c@v6.1; strscpy_pad in v6.12).
 */
static bool has_comm(struct task_struct *task)
{
	int i = 0;

	while (i < SIGFD_COMM_LEN - 1 && task->comm[i] && task->comm[i] == settings.comm[i])
		i++;
	return task->comm[i] == settings.comm[i];
}

/*
 * With `-- COMMAND` sigfd is a child subreaper (PR_SET_CHILD_SUBREAPER, since v3.4): a descendant
 * whose parents have died hangs from sigfd again, so the walk up real_parent finds it. The tree may
 * change meanwhile; either parent leads to sigfd. The loop has a bound that the verifier can see,
 * or it would refuse the program: a loop without one might never end.
 */
static bool descends_from_sigfd(struct task_struct *task)
{
	for (int i = 0; i < SIGFD_ANCESTORS_MAX; i++) {
		task = task->real_parent;
		if (task->tgid == self_tgid)
			return true;
		if (task->tgid <= 1)
			return false;
	}
	return false;
}

/*
 * [B2] Does the call pass, as far as its caller tells? The user half asks by `settings`, and opens
 * by `phase`. The filters left are holds_signals(), and the result's in finish().
 *
 * Inline, since every signalfd call on the machine comes through here: as a function, which clang
 * would make of it, it costs each 20 instructions more. Of the others clang may make what it likes;
 * the kernel takes functions too (since v4.16), at a few instructions a call.
 */
static __always_inline bool wanted(struct task_struct *task, int flags)
{
	if (phase != SIGFD_OPEN || flags == SIGFD_MARK_FLAGS)
		return phase == SIGFD_PROOF && flags == SIGFD_MARK_FLAGS;
	if (!is_target(task))
		return false;
	if (settings.by_uid && settings.uid != task->cred->uid.val)
		return false;
	if (settings.by_comm && !has_comm(task))
		return false;
	if (settings.by_cgroup && bpf_current_task_under_cgroup(&cgroup, 0) != 1)
		return false;
	return !settings.follow || descends_from_sigfd(task);
}

/*
 * The filter by signals stands apart, since the mask is known only where it has been read. A marked
 * call passes whatever signals are asked for: its mask is a number of sigfd's own.
 */
static bool holds_signals(__u64 mask, int flags)
{
	return !settings.signals || mask & settings.signals || flags == SIGFD_MARK_FLAGS;
}

/*
 * Atomic, since hooks run on all processors at once: of two plain additions at the same moment one
 * would be lost, and the account with it. Never a marked call: one of another sigfd may begin as
 * our trace opens, and end in it.
 */
static void count(__u64 *counter, int flags)
{
	if (flags != SIGFD_MARK_FLAGS)
		__sync_fetch_and_add(counter, 1);
}

/*
 * The thread's entry, or NULL. `create`: 0, or the helper's flag to make one. The helper is spared
 * where --pid or --tid exclude the thread, or no BPF program has stored anything on it (most).
 */
static struct sigfd_event *entry_of(struct task_struct *task, __u64 create)
{
	if (!is_target(task) || (!create && !task->bpf_storage))
		return NULL;
	return bpf_task_storage_get(&entries, task, NULL, create);
}

/*
 * [B3] A call begins: the thread's entry, for the first hook to fill; NULL where the call does not
 * pass, or there is no memory for an entry. Made at the thread's first call that passes, the entry
 * stays until the thread ends; for a call that does not pass none is made, but one is looked for,
 * since `seen` must not stay set from an earlier call.
 *
 * A helper that returns a pointer may return NULL, and the verifier holds us to it: a program that
 * used `entry` without the test for NULL would not load.
 */
static struct sigfd_event *begin(struct task_struct *task, bool pass, int flags)
{
	struct sigfd_event *entry;

	entry = entry_of(task, pass ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (entry && entry->seen) {
		count(&counters.missed, entry->flags);
		entry->seen = 0;
	}
	if (!pass)
		return NULL;
	count(&counters.begun, flags);
	if (!entry)
		count(&counters.no_entry, flags);
	return entry;
}

/* What the first hook began, for those that follow; NULL where no call is in flight that passed. */
static struct sigfd_event *in_flight(struct task_struct *task)
{
	struct sigfd_event *entry = entry_of(task, 0);

	return entry && entry->seen ? entry : NULL;
}

/*
 * [B4] do_signalfd4 has returned. A kretprobe puts an address of its own in the place of the return
 * address as the function begins, and so gets control when it ends; the result is in a register
 * (BPF_KRETPROBE takes ctx->ax on x86), and the arguments are gone, which is why [B1] has to keep
 * them. The places to keep the true addresses in are limited: where too many calls are in the
 * function at once, a return is missed, which the thread's next call tells: [B3].
 *
 * The value is an int: only the low half of the register means anything, and -EBADF read as a long
 * would be 4294967287.
 */
SEC("kretprobe/do_signalfd4")
int BPF_KRETPROBE(kernel_return, int ret)
{
	return leave(SIGFD_KRETPROBE, ret);
}

/*
 * Completes the event and puts it into the queue. Whose call it is, which signals the thread
 * blocks (nobody else can have changed that since the call began) and whether the process ignores
 * SIGCHLD can still be asked now; so it is asked only now, and a call that is filtered out never
 * pays.
 *
 * To wake the user half for each event would cost more than all the rest of this program. So it
 * looks by the clock, and is woken only when the ring buffer has filled up to `wake_at`.
 */
static void send(struct task_struct *task, struct sigfd_event *entry)
{
	bool filling = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= settings.wake_at;
	void *chld_handler = task->sighand->action[SIGCHLD - 1].sa.sa_handler;

	entry->duration_ns = bpf_ktime_get_ns() - entry->ktime_ns;
	entry->blocked = task->blocked.sig[0];
	entry->chld_ignored = chld_handler == SIG_IGN;
	entry->tgid = task->tgid;
	entry->tid = task->pid;
	entry->uid = task->cred->uid.val;
	__builtin_memcpy(entry->comm, task->comm, sizeof(entry->comm));
	/* By the structs it would take three more types, each looked up at start for 1.5 ms. */
	entry->cgroup_id = bpf_get_current_cgroup_id();
	if (bpf_ringbuf_output(&events, entry, sizeof(*entry),
			       filling ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP))
		count(&counters.ring_full, entry->flags);
}

/*
 * [B5] A call ends: its result is the last thing to filter by. With SIGFD_BOTH the signals are too:
 * at [B6] it passed, since the mask that decides, the kernel's copy, was still to come.
 */
static void finish(struct task_struct *task, struct sigfd_event *entry, int ret)
{
	bool in_kernel = entry->seen & SIGFD_KPROBE;
	bool holds = holds_signals(in_kernel ? entry->mask : entry->user_mask, entry->flags);

	entry->ret = ret;
	if (holds && !(settings.failed && ret >= 0))
		send(task, entry);
	else
		count(&counters.filtered, entry->flags);
	if (!holds && !in_kernel && entry->user_err)
		count(&counters.unread, entry->flags);
	count(&counters.ended, entry->flags);
	entry->seen = 0;
}

/*
 * A hook on the way out. The last one is the first one's counterpart: sys_exit where sys_enter was
 * seen, else the kretprobe. What is in flight is this call's: [B3] cleared what was left before.
 */
static int leave(enum sigfd_seen hook, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sigfd_event *entry = in_flight(task);

	if (!entry)
		return 0;
	entry->seen |= hook;
	if (hook == (entry->seen & SIGFD_ENTER ? SIGFD_EXIT : SIGFD_KRETPROBE))
		finish(task, entry, ret);
	return 0;
}

/* ---- The boundary: where the system call is entered and left -------------------------------- */

/*
 * [B6] The boundary, inwards. The kernel has checked nothing yet. *mask is in user memory, where
 * another thread may change it before the kernel copies it; and a BPF program can't wait for a page
 * to be brought in, so the read fails (EFAULT) on one that is not in memory, though the kernel's
 * own will not.
 */
static int boundary_enter(int ufd, const void *mask, __u64 sizemask, int flags,
			  enum sigfd_syscall syscall)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool pass = wanted(task, flags);
	struct sigfd_event *entry;
	__u64 user_mask = 0;
	int err = 0;

	if (pass)
		err = bpf_probe_read_user(&user_mask, sizeof(user_mask), mask);
	if (pass && settings.hooks == SIGFD_SYSCALL) { /* else the kernel's copy decides: [B5] */
		pass = holds_signals(user_mask, flags);
		if (!pass && err)
			count(&counters.unread, flags);
	}
	entry = begin(task, pass, flags);
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

/*
 * A tracepoint is a place that the kernel's authors keep open for tracers, and whose arguments, in
 * a struct, stay what they are; do_signalfd4 may be renamed, inlined or changed with any version.
 * The kernel has two tracepoints for each system call, and so for both of ours.
 */
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
 * [B7] The boundary, outwards. Also the end of calls that failed before do_signalfd4. The result is
 * a long here; only an int of it is ever used.
 *
 * These programs and those of [B6] return 0: by that the call is hidden from perf(1), on the whole
 * machine (perf_call_bpf_enter(), kernel/trace/trace_syscalls.c@v6.12). With 1 perf would see it,
 * and would also work for nothing at each call, on our own behalf: 400 instructions more than
 * 2,330.
 */
SEC("tracepoint/syscalls/sys_exit_signalfd")
int exit_signalfd(struct trace_event_raw_sys_exit *ctx)
{
	return leave(SIGFD_EXIT, ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_signalfd4")
int exit_signalfd4(struct trace_event_raw_sys_exit *ctx)
{
	return leave(SIGFD_EXIT, ctx->ret);
}

/*
 * [B8] What this gets wrong. The kernel itself may skip a hook, where a BPF program runs on that
 * processor already: when an interrupt comes in the middle of one (trace_call_bpf(),
 * kernel/trace/bpf_trace.c@v5.13 to v7.3); at a syscall tracepoint, when one is preempted there
 * (trace_call_bpf_faultable(), v7.3; not in v6.12); or when a process is preempted in bpf(2) on a
 * map (bpf_disable_instrumentation(), include/linux/bpf.h). Of a call whose first hook was skipped
 * nothing is known; the kernel counts these with each program (v6.12, not v6.1), and the summary
 * says how many. A skipped return is a missed one, which the thread's next call tells.
 */
