// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * index.bpf.c: counts the updates of each descriptor below 64, of all processes together, and
 * prints with each how many it is. Calls with another number, among them those that create, it
 * leaves out.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

__u64 updates[64];

SEC("kprobe/do_signalfd4")
int BPF_KPROBE(enter, int ufd)
{
	if (ufd < 64) { /* TODO 2 */
		updates[ufd]++;
		bpf_printk("descriptor %d: update %llu", ufd, updates[ufd]);
	}
	return 0;
}
