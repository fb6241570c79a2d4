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

/* TODO 1: the map `calls`, a hash from a thread's number (__u32) to its struct call, for 1024. */

SEC("kprobe/do_signalfd4")
int BPF_KPROBE(enter, int ufd, sigset_t *mask, int flags)
{
	__u64 asked = 0;

	/* TODO 2: print no longer; put an entry into `calls` (bpf_map_update_elem). */
	bpf_probe_read_kernel(&asked, sizeof(asked), mask);
	bpf_printk("ufd %d mask %llx flags %x", ufd, asked, flags);
	return 0;
}

SEC("kretprobe/do_signalfd4")
int BPF_KRETPROBE(leave, int ret)
{
	/*
	 * TODO 3: look the thread's entry up (bpf_map_lookup_elem; it may give NULL), print
	 * "ufd %d mask %llx flags %x result %d", and delete the entry (bpf_map_delete_elem).
	 */
	bpf_printk("result %d", ret);
	return 0;
}
