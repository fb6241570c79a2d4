/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * random.h: what random.c writes of a call and model.c reads: one line of text, by TRUTH_PRINT.
 * All of it is what was passed, and what the caller then asked the kernel about itself; nothing is
 * what random.c thinks must come back.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <inttypes.h>
#include <stdint.h>

#include "entries.h"

/*
 * What memory the pointer leads to; up to ZERO the mask can be read by the kernel; up to TOGGLED by
 * a BPF program as well, which can't wait for a page to be brought in.
 */
enum where {
	PLAIN,         /* memory that has just been written, at any address */
	CROSSING,      /* the same, over the end of a page */
	READ_ONLY,     /* that can't be written to */
	TOGGLED,       /* that another thread writes to all the time: two masks in turns */
	FILE_PAGE,     /* of a file, mapped and not touched yet: not present */
	FILE_CROSSING, /* the first half is present, the second is such a page: not present */
	ZERO,          /* anonymous memory, not touched yet: not present; empty mask */
	NOWHERE,       /* NULL */
	UNMAPPED,      /* nothing is mapped there */
	UNREADABLE,    /* PROT_NONE */
	HALF,          /* the first half is plain, the second unmapped */
	KERNEL,        /* of the kernel's half */
	BEYOND,        /* of neither half */
	PLACES
};

/* What the caller's table holds at the place of the descriptor argument. */
enum kind { CLOSED, SIGNAL_FD, OTHER_FILE, PATH_ONLY };

struct truth {
	unsigned way, where, kind;
	unsigned pid, tid, uid;
	char comm[34];             /* in hex, behind an x */
	uint64_t blocked;          /* the calling thread's */
	unsigned chld_ignored;     /* 1: SIG_IGN */
	uint64_t ufd, size, flags; /* the registers, whole */
	uint64_t mask, other;      /* what memory held; `other` is another mask only if TOGGLED */
	unsigned free, limit;      /* the lowest descriptor that is free; RLIMIT_NOFILE */
	long ret;
	unsigned known; /* 1: `kept` is what fdinfo then said */
	uint64_t kept;
	uint64_t before, after; /* CLOCK_MONOTONIC around the call */
	uint64_t offset;        /* CLOCK_REALTIME less CLOCK_MONOTONIC */
};

#define TRUTH_FIELDS 22
#define TRUTH_PRINT                                                                                \
	"%u %u %u %u %u %u %s %" PRIx64 " %u %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64         \
	" %" PRIx64 " %u %u %ld %u %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n"
#define TRUTH_SCAN                                                                                 \
	"%u %u %u %u %u %u %33s %" SCNx64 " %u %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64       \
	" %" SCNx64 " %u %u %ld %u %" SCNx64 " %" SCNu64 " %" SCNu64 " %" SCNu64

#endif
