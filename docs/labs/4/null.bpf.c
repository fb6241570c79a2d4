// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * null.bpf.c: counts the signalfd calls of each thread, and prints with each call how many it is.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

SEC("kprobe/do_signalfd4")
int enter(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 zero = 0, *count;

	bpf_map_update_elem(&counts, &tid, &zero, BPF_NOEXIST); /* for the thread's first call */
	count = bpf_map_lookup_elem(&counts, &tid);
	*count += 1; /* TODO 1 */
	bpf_printk("call %llu", *count);
	return 0;
}
