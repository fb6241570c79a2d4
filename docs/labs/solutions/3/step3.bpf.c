// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* step3.bpf.c: prints one line a call, with what it asked for and what it was answered. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

/* An entry: what `enter` knows of a call, and `leave` does not. */
struct call {
	__u64 mask;
	__s32 ufd;
	__u32 flags;
};

/* The entries, by thread number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

SEC("kprobe/do_signalfd4")
int BPF_KPROBE(enter, int ufd, sigset_t *mask, int flags)
{
	struct call call = { .ufd = ufd, .flags = flags };
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_probe_read_kernel(&call.mask, sizeof(call.mask), mask);
	bpf_map_update_elem(&calls, &tid, &call, BPF_ANY);
	return 0;
}

SEC("kretprobe/do_signalfd4")
int BPF_KRETPROBE(leave, int ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);

	if (!call)
		return 0;
	bpf_printk("ufd %d mask %llx flags %x result %d", call->ufd, call->mask, call->flags, ret);
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}
