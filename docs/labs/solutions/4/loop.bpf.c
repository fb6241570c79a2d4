// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * loop.bpf.c: prints the caller's own mask, or "unreadable" if it can't be read, as where its page
 * is not in memory. It stands at the system call's boundary.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

SEC("tracepoint/syscalls/sys_enter_signalfd4")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	const void *mask = (const void *)ctx->args[1];
	__u64 copy = 0;
	long err;

	err = bpf_probe_read_user(&copy, sizeof(copy), mask); /* a second try would find the same */
	if (err)
		bpf_printk("unreadable");
	else
		bpf_printk("mask %llx", copy);
	return 0;
}
