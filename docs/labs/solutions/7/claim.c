/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * claim: of C09, "when a signal comes again, the earlier one is packed into the structure until it
 * is read". A standard signal that is pending is dropped when it is sent again.
 */
#include "proof.h"

int main(void)
{
	int fd, count;

	begin_afresh();
	block(signals(SIGUSR1, 0));
	fd = new_signalfd(signals(SIGUSR1, 0), SFD_CLOEXEC | SFD_NONBLOCK);

	for (int i = 1; i <= 5; i++)
		must(sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = i }));
	count = read_all(fd);
	ok(count == 1, "C09 of five that were sent one came");
	ok(records[0].ssi_int == 1 && !next_signal(fd),
	   "C09 it is the first, and no other follows");

	close(fd);
	return done();
}
