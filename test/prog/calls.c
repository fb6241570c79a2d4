/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * calls TRUTH [present]: makes a fixed list of signalfd calls, by every way into the kernel, first
 * in the main thread and then in a second one that blocks other signals. Writes to the file TRUTH
 * one JSON line a call: what was asked, and what the program itself then saw.
 *
 * With `present`, without the call whose mask lies on a page that is not in memory yet.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "entries.h"

#define BIT(sig) (1ULL << (-1 + (sig)))
#define SLACK_NS 2000000 /* the clocks are read one after the other */

static const char *const way_names[] = { "signalfd", "signalfd4", "compat-signalfd",
					 "compat-signalfd4" };

/* Descriptors that are known only at run time. */
enum { NEW = -1, LAST = -2, OTHER = -3, CLOSED = 999 };

/* Where the mask lies: in memory below 4 GiB, or elsewhere. */
enum where { LOW, NOWHERE, KERNEL, UNMAPPED, ABSENT };

struct call {
	enum way way;
	int ufd;
	uint64_t mask;
	unsigned flags;
	size_t sizemask; /* 0: 8, unless the cause is "bad sizemask" */
	enum where where;
	const char *cause; /* why it must fail */
};

#define FAULTS (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGSYS))
#define REALTIME (BIT(32) | BIT(33) | BIT(34) | BIT(35) | BIT(64))
#define DROPPED (BIT(SIGKILL) | BIT(SIGSTOP) | BIT(SIGUSR1))
#define SOME (BIT(SIGHUP) | BIT(SIGINT))

static const struct call calls[] = {
	{ SIGNALFD4, NEW, 0, .flags = 0 },
	{ SIGNALFD4, NEW, ~0ULL, .flags = SFD_CLOEXEC },
	{ SIGNALFD4, NEW, DROPPED, .flags = SFD_NONBLOCK },
	{ SIGNALFD4, NEW, REALTIME, .flags = SFD_CLOEXEC | SFD_NONBLOCK },
	{ SIGNALFD4, NEW, FAULTS, .flags = 0 },
	{ SIGNALFD4, NEW, BIT(SIGINT), .flags = 0 },
	{ SIGNALFD4, NEW, BIT(SIGIO) | BIT(SIGSTKFLT) | BIT(SIGABRT) | BIT(SIGCHLD), .flags = 0 },
	{ SIGNALFD4, LAST, SOME, .flags = 0 },
	{ SIGNALFD4, LAST, BIT(SIGWINCH), .flags = SFD_CLOEXEC | SFD_NONBLOCK },
	{ SIGNALFD4, -7, SOME, .cause = "bad descriptor" },
	{ SIGNALFD4, NEW, SOME, .flags = 0x1, .cause = "bad flags" },
	{ SIGNALFD4, NEW, DROPPED, .flags = 0x80000000, .cause = "bad flags" },
	{ SIGNALFD4, LAST, SOME, .flags = SFD_CLOEXEC | 0x4, .cause = "bad flags" },
	{ SIGNALFD4, OTHER, SOME, .cause = "not a signalfd" },
	{ SIGNALFD4, CLOSED, SOME, .cause = "bad descriptor" },
	{ SIGNALFD4, NEW, SOME, .sizemask = 0, .cause = "bad sizemask" },
	{ SIGNALFD4, NEW, SOME, .sizemask = 4, .cause = "bad sizemask" },
	{ SIGNALFD4, NEW, SOME, .sizemask = 16, .cause = "bad sizemask" },
	{ SIGNALFD4, LAST, SOME, .sizemask = 128, .cause = "bad sizemask" },
	{ SIGNALFD4, NEW, .where = NOWHERE, .cause = "bad pointer" },
	{ SIGNALFD4, NEW, .where = KERNEL, .cause = "bad pointer" },
	{ SIGNALFD4, NEW, .where = UNMAPPED, .flags = 0x1, .cause = "bad pointer" },
	{ SIGNALFD4, NEW, .where = ABSENT, .flags = 0 },
	{ SIGNALFD4, NEW, SOME, .cause = "no descriptor left" },
#ifdef SYS_signalfd
	{ SIGNALFD, NEW, SOME | FAULTS, .flags = 0 },
	{ SIGNALFD, LAST, ~0ULL, .flags = 0 },
	{ SIGNALFD, OTHER, SOME, .cause = "not a signalfd" },
	{ SIGNALFD, NEW, SOME, .sizemask = 4, .cause = "bad sizemask" },
	{ SIGNALFD, NEW, .where = UNMAPPED, .cause = "bad pointer" },
	{ COMPAT_SIGNALFD, NEW, SOME | REALTIME, .flags = 0 },
	{ COMPAT_SIGNALFD, CLOSED, SOME, .cause = "bad descriptor" },
	{ COMPAT_SIGNALFD4, NEW, ~0ULL, .flags = SFD_CLOEXEC },
	{ COMPAT_SIGNALFD4, LAST, DROPPED, .flags = SFD_NONBLOCK },
	{ COMPAT_SIGNALFD4, NEW, SOME, .flags = 0x2, .cause = "bad flags" },
	{ COMPAT_SIGNALFD4, NEW, SOME, .sizemask = 16, .cause = "bad sizemask" },
	{ COMPAT_SIGNALFD4, NEW, .where = NOWHERE, .cause = "bad pointer" },
#endif
	{ SIGNALFD4, LAST, BIT(SIGHUP), .flags = 0 }, /* still whole after all that */
};

static FILE *truth;
static uint64_t *low; /* a page below 4 GiB */
static int last = -1, other;
static bool has_compat, only_present;

static void *page(int more)
{
	void *p =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | more, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static void *place(const struct call *c)
{
	void *p;

	switch (c->where) {
	case NOWHERE:
		return NULL;
	case KERNEL:
		return (void *)0xffff800000000000;
	case UNMAPPED:
		p = page(0);
		munmap(p, 4096);
		return p;
	case ABSENT:
		return page(0);
	default:
		*low = c->mask;
		return low;
	}
}

static void limit_descriptors(bool on)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = on ? 0 : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* The names that glibc's users know; sigabbrev_np() has none for 32 and up. */
static void print_names(const char *key, uint64_t set)
{
	const char *gap = "";

	fprintf(truth, ",\"%s\":[", key);
	for (int sig = 1; sig <= 64; sig++) {
		if (!(set & BIT(sig)))
			continue;
		if (sig < 32)
			fprintf(truth, "%s\"SIG%s\"", gap, sigabbrev_np(sig));
		else if (sig < 34)
			fprintf(truth, "%s\"SIG%d\"", gap, sig);
		else
			fprintf(truth, sig == 34 ? "%s\"SIGRTMIN\"" : "%s\"SIGRTMIN+%d\"", gap,
				sig - 34);
		gap = ",";
	}
	fprintf(truth, "]");
}

static void print_mask(uint64_t mask, uint64_t blocked)
{
	uint64_t dropped = BIT(SIGKILL) | BIT(SIGSTOP);

	fprintf(truth, ",\"mask\":\"0x%016" PRIx64 "\"", mask);
	print_names("signals", mask);
	print_names("ignored", mask & dropped);
	print_names("unblocked", mask & ~blocked & ~dropped);
	print_names("synchronous", mask & FAULTS);
}

static void print_fdinfo(int fd)
{
	char path[64], line[128];
	uint64_t mask;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "sigmask: %" SCNx64, &mask) == 1)
			print_names("fdinfo", mask);
	if (f)
		fclose(f);
}

static void print_time(const char *key, struct timespec t, long more)
{
	char text[32];
	struct tm tm;

	t.tv_nsec += more;
	t.tv_sec += t.tv_nsec >= 1000000000 ? 1 : t.tv_nsec < 0 ? -1 : 0;
	t.tv_nsec = (t.tv_nsec + 1000000000) % 1000000000;
	strftime(text, sizeof(text), "%FT%T", gmtime_r(&t.tv_sec, &tm));
	fprintf(truth, ",\"%s\":\"%s.%09ldZ\"", key, text, t.tv_nsec);
}

static void make(const struct call *c)
{
	bool limit = c->cause && !strcmp(c->cause, "no descriptor left");
	bool bad_size = c->cause && !strcmp(c->cause, "bad sizemask");
	int ufd = c->ufd == LAST ? last : c->ufd == OTHER ? other : c->ufd;
	size_t sizemask = bad_size ? c->sizemask : 8;
	struct timespec before, after;
	uint64_t blocked = 0;
	const void *mask = place(c);
	long ret;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, 8);
	if (limit)
		limit_descriptors(true);
	clock_gettime(CLOCK_REALTIME, &before);
	ret = enter_kernel(c->way, ufd, mask, sizemask, c->flags);
	clock_gettime(CLOCK_REALTIME, &after);
	if (limit)
		limit_descriptors(false);
	if (ret >= 0)
		last = ret;

	fprintf(truth, "{\"way\":\"%s\",\"pid\":%d,\"tid\":%d,\"ufd\":%d", way_names[c->way],
		getpid(), gettid(), ufd);
	if (c->where == LOW || c->where == ABSENT)
		print_mask(c->mask, blocked);
	fprintf(truth, ",\"absent\":%s,\"sizemask\":%zu,\"flags\":%u,\"ret\":%ld",
		c->where == ABSENT ? "true" : "false", sizemask, c->flags, ret);
	if (ret < 0)
		fprintf(truth, ",\"errno\":\"%s\"", strerrorname_np(-ret));
	else
		print_fdinfo(ret);
	if (c->cause)
		fprintf(truth, ",\"cause\":\"%s\"", c->cause);
	print_time("before", before, -SLACK_NS);
	print_time("after", after, SLACK_NS);
	fprintf(truth, "}\n");
}

/* Blocks by the raw call: the C library would keep 32 and 33 out. */
static void *make_all(void *blocked)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, blocked, NULL, 8);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (calls[i].way >= COMPAT_SIGNALFD && !has_compat)
			continue;
		if (calls[i].where == ABSENT && only_present)
			continue;
		make(&calls[i]);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t in_main = BIT(SIGINT) | BIT(SIGUSR1) | BIT(SIGSEGV) | BIT(35);
	uint64_t in_second = BIT(SIGHUP) | BIT(SIGCHLD) | BIT(SIGBUS) | BIT(32) | BIT(64);
	pthread_t second;

	if (argc < 2 || !(truth = fopen(argv[1], "we"))) {
		fprintf(stderr, "usage: calls TRUTH [present]\n");
		return 2;
	}
	only_present = argc > 2;
	has_compat = try_compat();
	other = open("/dev/null", O_RDONLY | O_CLOEXEC);
#ifdef MAP_32BIT
	low = page(MAP_32BIT);
#else
	low = page(0);
#endif
	make_all(&in_main);
	pthread_create(&second, NULL, make_all, &in_second);
	pthread_join(second, NULL);
	return fclose(truth) ? 1 : 0;
}
