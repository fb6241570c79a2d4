// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* step4.c: the loader of step4.bpf.c. It ends by a signal, and the programs go with it. */
#include <bpf/libbpf.h>
#include <stdio.h>

#include "call.h"
#include "step4.skel.h"

static int on_event(void *context, void *data, size_t size)
{
	const struct call *call = data;

	(void)context, (void)size;
	printf("%-7u mask %llx flags %x result %d\n", call->pid, call->mask, call->flags,
	       call->result);
	return 0;
}

int main(void)
{
	struct step4 *skel = step4__open_and_load();
	struct ring_buffer *ring;

	if (!skel || step4__attach(skel))
		return 1;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring)
		return 1;
	setlinebuf(stdout);
	puts("tracing");
	while (ring_buffer__poll(ring, -1) >= 0)
		;
	return 1;
}
