// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * eventfd.c: the user half of a tracer of eventfd2, from nothing. It ends by a signal, and the
 * kernel then takes the programs away.
 */
#include <bpf/libbpf.h>
#include <stdio.h>

#include "eventfd.h"
#include "eventfd.skel.h"

static int on_event(void *context, void *data, size_t size)
{
	const struct eventfd_call *call = data;

	(void)context, (void)size;
	printf("%-7u %-7u %-10u %#-10x %d\n", call->pid, call->tid, call->count, call->flags,
	       call->ret);
	return 0;
}

int main(void)
{
	struct eventfd_bpf *skel = eventfd_bpf__open_and_load();
	struct ring_buffer *ring;
	__u64 told = 0;

	if (!skel || eventfd_bpf__attach(skel))
		return 1;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring)
		return 1;
	setlinebuf(stdout);
	puts("PID     TID     COUNT      FLAGS      RESULT");
	while (ring_buffer__poll(ring, 1000) >= 0) {
		if (skel->bss->lost > told)
			fprintf(stderr, "lost: %llu calls\n", skel->bss->lost);
		told = skel->bss->lost;
	}
	return 1;
}
