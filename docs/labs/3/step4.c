// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/* step4.c: the loader of step4.bpf.c. It ends by a signal, and the programs go with it. */
#include <bpf/libbpf.h>
#include <stdio.h>

#include "call.h"
#include "step4.skel.h"

/*
 * TODO 4: a function that libbpf calls with each event (ring_buffer_sample_fn in bpf/libbpf.h has
 * its arguments; `data` is the struct call). It prints "%-7u mask %llx flags %x result %d\n",
 * where the first number is the process's, and returns 0.
 */

int main(void)
{
	struct step4 *skel = step4__open_and_load();

	if (!skel || step4__attach(skel))
		return 1;
	setlinebuf(stdout);
	puts("tracing");
	/*
	 * TODO 5: make a reader of skel->maps.events (ring_buffer__new; bpf_map__fd has the map's
	 * descriptor), and poll it without end (ring_buffer__poll).
	 */
	return 1;
}
