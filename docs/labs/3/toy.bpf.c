// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* toy.bpf.c: step 4 done: sends each call that creates a signalfd to the loader, toy.c. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

/* The entries, by thread number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

SEC("kprobe/do_signalfd4")
int BPF_KPROBE(enter, int ufd, sigset_t *mask, int flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call call = { .flags = flags, .pid = id >> 32 };
	__u32 tid = id;

	if (ufd != -1)
		return 0;
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
	call->result = ret;
	bpf_ringbuf_output(&events, call, sizeof(*call), 0);
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}
