/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * call.h: a call as it crosses from the kernel half to the loader. Types of fixed width, and no
 * hole: two compilers must lay it out alike.
 */
#ifndef CALL_H
#define CALL_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

struct call {
	__u64 mask;
	__u32 flags;
	__s32 result;
	__u32 pid;    /* what users call a process's number; the kernel calls it tgid */
	__u32 unused; /* 0; fills the struct up to whole 8 bytes */
};

#endif
