// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* step1.bpf.c: prints what each signalfd call asks for, as the kernel's function begins. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL"; /* or some helpers could not be called */

/* TODO 1: the place: which function? */
SEC("kprobe/SOMEWHERE")
/* TODO 2: behind the program's name, the arguments with their types, as in the kernel. */
int BPF_KPROBE(enter)
{
	/*
	 * TODO 3: let the helper bpf_probe_read_kernel() copy the 64 bits that the mask points to
	 * into a variable of yours. Then: bpf_printk("ufd %d mask %llx flags %x", ...).
	 */
	return 0;
}
