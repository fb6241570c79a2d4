// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * length.bpf.c: prints the caller's own mask, as many bytes of it as the caller says that there are
 * (sizemask), at most 16. It stands at the system call's boundary, where nothing is checked yet.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

SEC("tracepoint/syscalls/sys_enter_signalfd4")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	const void *mask = (const void *)ctx->args[1];
	__u64 size = ctx->args[2];
	__u64 copy[2] = {};

	bpf_probe_read_user(copy, size, mask); /* TODO 3 */
	bpf_printk("size %llu mask %llx %llx", ctx->args[2], copy[0], copy[1]);
	return 0;
}
