// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * eventfd.bpf.c: the kernel half of a tracer of eventfd2(count, flags), from nothing, with what
 * most textbooks show: a hash by thread number, and a ring buffer.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "eventfd.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * The calls in flight, by thread number. Each entry is made and deleted with its call; one whose
 * exit was skipped by the kernel stays until that thread calls again, or for good.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct eventfd_call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

__u64 lost; /* the hash was full, or the ring buffer */

SEC("tracepoint/syscalls/sys_enter_eventfd2")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct eventfd_call call = { .pid = id >> 32, .tid = id };

	call.count = ctx->args[0];
	call.flags = ctx->args[1];
	if (bpf_map_update_elem(&calls, &call.tid, &call, BPF_ANY))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_eventfd2")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct eventfd_call *call = bpf_map_lookup_elem(&calls, &tid);

	if (!call) /* it began before we were attached */
		return 0;
	call->ret = ctx->ret;
	if (bpf_ringbuf_output(&events, call, sizeof(*call), 0))
		__sync_fetch_and_add(&lost, 1);
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}
