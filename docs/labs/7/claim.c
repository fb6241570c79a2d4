/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * claim: of C09, "when a signal comes again, the earlier one is packed into the structure until it
 * is read". A proof says what the kernel does, and fails where a kernel does otherwise: so it must
 * not hold in a world where the claim is true.
 *
 * docs/proofs/proof.h has what proofs share; ok(CONDITION, TEXT) prints a line of TAP.
 */
#include "proof.h"

int main(void)
{
	int fd;

	begin_afresh();
	block(signals(SIGUSR1, 0));
	fd = new_signalfd(signals(SIGUSR1, 0), SFD_CLOEXEC | SFD_NONBLOCK);

	/* TODO 1: send SIGUSR1 to this process five times, with the values 1 to 5: sigqueue(3). */

	/* TODO 2: read all that is there: read_all() in proof.h. */

	/* TODO 3: how many records did the kernel keep? */
	ok(0, "C09 of five that were sent ... came");

	/* TODO 4: whose value has it, in ssi_int? And is nothing behind it? */
	ok(0, "C09 it is the ...");

	close(fd);
	return done();
}
