// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* step2.bpf.c: prints also what each call is answered, as the kernel's function returns. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

SEC("kprobe/do_signalfd4")
int BPF_KPROBE(enter, int ufd, sigset_t *mask, int flags)
{
	__u64 asked = 0;

	bpf_probe_read_kernel(&asked, sizeof(asked), mask);
	bpf_printk("ufd %d mask %llx flags %x", ufd, asked, flags);
	return 0;
}

SEC("kretprobe/do_signalfd4")
int BPF_KRETPROBE(leave, int ret)
{
	bpf_printk("result %d", ret);
	return 0;
}
