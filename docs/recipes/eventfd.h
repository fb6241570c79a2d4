/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/* eventfd.h: what crosses from eventfd.bpf.c to eventfd.c: one call. */
#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

struct eventfd_call {
	__u32 pid, tid;     /* process and thread */
	__u32 count, flags; /* the arguments */
	__s32 ret;          /* descriptor, or -errno */
};
