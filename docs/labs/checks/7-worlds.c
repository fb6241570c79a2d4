/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * 7-worlds: for LD_PRELOAD, two worlds in which the claim of lab 7 is true, to see that a proof of
 * the opposite fails there. WORLD in the environment says which:
 *
 *	all     each signal that is sent comes, as a record of its own
 *	last    one comes, and has the value of the last
 *
 * What is sent is noted down as the C library's functions are called, here and in children; what a
 * signalfd gives is changed accordingly.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <stdio.h>
#include <unistd.h>

enum { SENT_MAX = 1000 };

struct sent {
	int sig, value, code;
};

struct notes {
	int count, taken;
	struct sent sent[SENT_MAX];
};

static struct notes *notes;

#define TRUE(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static int world_is(const char *name)
{
	const char *world = getenv("WORLD");

	return world && !strcmp(world, name);
}

__attribute__((constructor)) static void begin(void)
{
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (notes == MAP_FAILED)
		abort();
}

static void note(int sig, int value, int code)
{
	if (sig && notes->count < SENT_MAX)
		notes->sent[notes->count++] = (struct sent){ sig, value, code };
}

int kill(pid_t pid, int sig)
{
	note(sig, 0, SI_USER);
	return TRUE(kill)(pid, sig);
}

int raise(int sig)
{
	note(sig, 0, SI_TKILL);
	return TRUE(raise)(sig);
}

int pthread_kill(pthread_t thread, int sig)
{
	note(sig, 0, SI_TKILL);
	return TRUE(pthread_kill)(thread, sig);
}

int sigqueue(pid_t pid, int sig, const union sigval value)
{
	note(sig, value.sival_int, SI_QUEUE);
	return TRUE(sigqueue)(pid, sig, value);
}

static int is_signalfd(int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
	       !strcmp(target, "anon_inode:[signalfd]");
}

static ssize_t all_that_were_sent(struct signalfd_siginfo *record, size_t room)
{
	size_t n = 0;

	for (; n < room && notes->taken < notes->count; n++, notes->taken++) {
		record[n] = (struct signalfd_siginfo){ .ssi_pid = getpid(), .ssi_uid = getuid() };
		record[n].ssi_signo = notes->sent[notes->taken].sig;
		record[n].ssi_int = notes->sent[notes->taken].value;
		record[n].ssi_ptr = record[n].ssi_int;
		record[n].ssi_code = notes->sent[notes->taken].code;
	}
	return n * sizeof(*record);
}

static void give_last_value(struct signalfd_siginfo *record, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int s = 0; s < notes->count; s++)
			if (notes->sent[s].sig == (int)record[i].ssi_signo)
				record[i].ssi_int = record[i].ssi_ptr = notes->sent[s].value;
}

ssize_t read(int fd, void *buffer, size_t size)
{
	int changed = is_signalfd(fd) && size >= sizeof(struct signalfd_siginfo);
	ssize_t got = TRUE(read)(fd, buffer, size);

	if (changed && world_is("last") && got > 0)
		give_last_value(buffer, got / sizeof(struct signalfd_siginfo));
	if (changed && world_is("all") && notes->taken < notes->count)
		return all_that_were_sent(buffer, size / sizeof(struct signalfd_siginfo));
	return got;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	int waiting = world_is("all") && notes->taken < notes->count, ready;

	ready = TRUE(poll)(fds, count, waiting ? 0 : timeout);
	for (nfds_t i = 0; waiting && i < count; i++) {
		if (is_signalfd(fds[i].fd) && !fds[i].revents && fds[i].events & POLLIN) {
			fds[i].revents = POLLIN;
			ready++;
		}
	}
	return ready;
}

int sigpending(sigset_t *set)
{
	int result = TRUE(sigpending)(set);

	for (int s = notes->taken; world_is("all") && s < notes->count; s++)
		sigaddset(set, notes->sent[s].sig);
	return result;
}
