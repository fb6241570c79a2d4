/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * random TRUTH SEED CALLS: makes random signalfd calls, by every entry that the kernel has, valid
 * and not, from threads and processes that come, go and execute programs; and writes to the file
 * TRUTH one line a call (random.h). The same seed makes the same calls.
 *
 * The first process only directs: it draws what is to be done next and by whom, and keeps account
 * of each process's descriptors. The actors, threads of its descendants, do as they are told, one
 * at a time: so what must come back follows from the rules alone, and no two calls meet on a
 * processor, where Linux 7.3 may skip a tracer's hooks.
 *
 * They share a page of memory, a memfd that each holds as descriptor SHARED_FD; by it, who has
 * executed a program anew (random --again) finds back to its place.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../sigfd.h"
#include "random.h"

#define ACTORS 10
#define TABLE 40 /* of descriptors, no more are ever open but SHARED_FD */
#define SHARED_FD 50
#define LIMIT_MAX 64 /* enough for the loader of programs to open libraries */
#define PATIENCE_S 60

enum command {
	CALL,
	BLOCK,      /* argument: the set */
	RENAME,     /* text */
	SET_CHLD,   /* argument: enum disposition */
	SET_UID,    /* argument */
	SET_LIMIT,  /* argument */
	OPEN,       /* argument: open(2)'s flags */
	CLOSE,      /* argument: the descriptor */
	ADD_THREAD, /* argument: the actor that it is to be */
	FORK,       /* the same */
	EXECUTE,
	END_THREAD,
	END_PROCESS,
};

enum disposition { DEFAULT, IGNORED, HANDLED, NO_ZOMBIES, DISPOSITIONS };

/*
 * Whose turn it is: `turn` is TOLD while the actor has the word, DONE when the director has; above
 * these two bits is a number that is new for each actor in this place, so that one whose process
 * just ends takes no word that is not for it.
 */
enum { DONE = 1, TOLD = 2, NEXT_ACTOR = 4 };

struct place {
	_Atomic uint32_t turn;
	enum command command;
	uint64_t argument;
	long result;
	char text[16];
	struct truth truth;
};

static struct place *places;
static pid_t *director; /* behind the places */

/* Behind them in the same memory, two pages of masks, wherever the largest pages begin and end. */
#define FILE_PAGE_AT 65536
#define SHARED_SIZE (3 * FILE_PAGE_AT)

static size_t page_size;
static bool has_compat;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void map_shared(void)
{
	page_size = sysconf(_SC_PAGESIZE);
	places = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
	if (places == MAP_FAILED)
		die("random: the shared memory");
	director = (pid_t *)&places[ACTORS];
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void futex(_Atomic uint32_t *word, int what, uint32_t value)
{
	const struct timespec second = { .tv_sec = 1 };

	syscall(SYS_futex, word, what, value, &second, NULL, 0);
}

static void give_turn(struct place *place, uint32_t turn)
{
	place->turn = turn;
	futex(&place->turn, FUTEX_WAKE, ACTORS);
}

/* ---- An actor -------------------------------------------------------------------------------- */

/* Memory at an address that 32-bit entries can be given too. */
static char *pages(int count, int protection, int fd, off_t offset)
{
	int flags = MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0);
	char *p;

#ifdef MAP_32BIT
	flags |= MAP_32BIT;
#endif
	p = mmap(NULL, count * page_size, protection, flags, fd, offset);
	if (p == MAP_FAILED)
		die("random: memory");
	return p;
}

/* Memory of the kind asked for: the pointer to pass. What is mapped, at *base, goes after. */
static char *put_mask(const struct truth *t, char **base)
{
	size_t at = t->mask % (page_size - 8); /* any address will do */
	const char *mask = (const char *)&t->mask;
	char *p;

	switch (t->where) {
	case NOWHERE:
		return NULL;
	case KERNEL:
		return (char *)0xffff800000000000;
	case BEYOND:
		return (char *)0x000f000000000000;
	case FILE_PAGE:
	case FILE_CROSSING:
		at = t->where == FILE_PAGE ? at : page_size - 4;
		memcpy((char *)places + FILE_PAGE_AT + at, mask, 8);
		*base = p = pages(2, PROT_READ | PROT_WRITE, SHARED_FD, FILE_PAGE_AT);
		if (t->where == FILE_CROSSING)
			memcpy(p + at, mask, 4); /* a copy of the first page, by writing */
		return p + at;
	}
	*base = p = pages(2, PROT_READ | PROT_WRITE, -1, 0);
	if (t->where == ZERO)
		return p + at;
	if (t->where == CROSSING || t->where == HALF)
		at = page_size - 4;
	if (t->where == TOGGLED)
		at &= ~7UL;
	memcpy(p + at, mask, 8);
	if (t->where == HALF)
		munmap(p + page_size, page_size);
	if (t->where == UNMAPPED)
		munmap(p, page_size);
	if (t->where == READ_ONLY || t->where == UNREADABLE)
		mprotect(p, page_size, t->where == READ_ONLY ? PROT_READ : PROT_NONE);
	return p + at;
}

/* Another thread, that writes to the mask all the time. */
static struct {
	_Atomic uint64_t *at;
	uint64_t masks[2];
	atomic_bool runs, stop;
} toggled;

static void *toggle(void *unused)
{
	for (unsigned i = 0; !toggled.stop; i++) {
		*toggled.at = toggled.masks[i & 1];
		toggled.runs = true;
	}
	return unused;
}

static pthread_t start_toggling(const struct truth *t, char *mask)
{
	pthread_t thread;

	toggled.at = (_Atomic uint64_t *)mask;
	toggled.masks[0] = t->mask;
	toggled.masks[1] = t->other;
	toggled.runs = toggled.stop = false;
	if (pthread_create(&thread, NULL, toggle, NULL))
		die("random: thread");
	while (!toggled.runs)
		sched_yield();
	return thread;
}

/* What the kernel says of the caller, which nobody changes while it has the turn. */
static void look_at_self(struct truth *t)
{
	struct {
		void (*handler)(int);
		/* cppcheck-suppress unusedStructMember ; the kernel writes them */
		unsigned long flags, restorer, mask;
	} chld = { 0 };
	char comm[17] = "", *p = t->comm;
	uid_t uid, unused;

	t->pid = getpid();
	t->tid = gettid();
	getresuid(&uid, &unused, &unused);
	t->uid = uid;
	prctl(PR_GET_NAME, comm);
	*p++ = 'x';
	for (const char *c = comm; *c; c++)
		p += sprintf(p, "%02x", (unsigned char)*c);
	*p = '\0';
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &t->blocked, 8);
	syscall(SYS_rt_sigaction, SIGCHLD, NULL, &chld, 8);
	t->chld_ignored = chld.handler == SIG_IGN;
}

static void make_call(struct truth *t)
{
	char *base = NULL, *mask = put_mask(t, &base);
	pthread_t toggler = 0;

	if (t->where == TOGGLED)
		toggler = start_toggling(t, mask);
	look_at_self(t); /* pthread_create() has unblocked signals 32 and 33 */
	do {
		t->before = now(CLOCK_MONOTONIC);
		t->offset = now(CLOCK_REALTIME) - t->before;
	} while (now(CLOCK_MONOTONIC) - t->before > 500000); /* else we were stopped in between */
	t->before = now(CLOCK_MONOTONIC);
	t->ret = enter_kernel(t->way, t->ufd, mask, t->size, t->flags);
	t->after = now(CLOCK_MONOTONIC);
	if (t->where == TOGGLED) {
		toggled.stop = true;
		pthread_join(toggler, NULL);
	}
	if (base)
		munmap(base, 2 * page_size);
}

static void do_nothing(int sig)
{
	(void)sig;
}

static void set_chld(enum disposition disposition)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	if (disposition == IGNORED)
		action.sa_handler = SIG_IGN;
	if (disposition == HANDLED)
		action.sa_handler = do_nothing;
	if (disposition == NO_ZOMBIES)
		action.sa_flags = SA_NOCLDWAIT;
	sigaction(SIGCHLD, &action, NULL);
}

static void act(struct place *place);

static void *begin_thread(void *place)
{
	act(place);
	return NULL;
}

static long add_thread(struct place *place)
{
	pthread_attr_t detached;
	pthread_t thread;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	return -pthread_create(&thread, &detached, begin_thread, place);
}

static long fork_actor(struct place *place)
{
	pid_t pid;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	pid = fork();
	if (!pid) {
		act(place);
		syscall(SYS_exit, 0);
	}
	return pid;
}

static long execute(const struct place *place)
{
	char number[24];

	sprintf(number, "%td", place - places);
	execl("/proc/thread-self/exe", "random", "--again", number, NULL);
	return -errno;
}

static long do_command(struct place *place)
{
	struct rlimit limit;
	long fd;

	switch (place->command) {
	case CALL:
		make_call(&place->truth);
		return 0;
	case BLOCK:
		return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &place->argument, NULL, 8);
	case RENAME:
		return prctl(PR_SET_NAME, place->text);
	case SET_CHLD:
		set_chld(place->argument);
		return 0;
	case SET_UID: /* the thread's real one only: root remains root */
		return syscall(SYS_setresuid, place->argument, -1, -1);
	case SET_LIMIT:
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = place->argument;
		return setrlimit(RLIMIT_NOFILE, &limit);
	case OPEN:
		fd = open("/dev/null", place->argument);
		return fd < 0 ? -errno : fd;
	case CLOSE:
		return close(place->argument);
	case ADD_THREAD:
		return add_thread(&places[place->argument]);
	case FORK:
		return fork_actor(&places[place->argument]);
	case EXECUTE:
		return execute(place);
	default:
		return 0;
	}
}

/* Takes word after word. The first is given before it is there; that it is, it says itself. */
static void act(struct place *place)
{
	uint32_t number = place->turn / NEXT_ACTOR * NEXT_ACTOR;

	give_turn(place, number | DONE);
	for (;;) {
		enum command command;
		uint32_t turn;

		while ((turn = place->turn) == (number | DONE)) {
			futex(&place->turn, FUTEX_WAIT, turn);
			if (kill(*director, 0))
				_exit(1);
		}
		while (turn != (number | TOLD))
			pause(); /* the end is near */
		command = place->command;
		place->result = do_command(place);
		if (command == EXECUTE)
			fprintf(stderr, "random: can't execute: %s\n", strerror(-place->result));
		give_turn(place, number | DONE);
		if (command == END_THREAD)
			return;
		if (command == END_PROCESS)
			_exit(0);
	}
}

/* ---- The director ---------------------------------------------------------------------------- */

static struct process {
	unsigned threads, limit;
	enum kind table[SHARED_FD + 1];
	bool closes[SHARED_FD + 1]; /* when a program is executed */
} processes[ACTORS];

static int process_of[ACTORS]; /* by actor: its process; -1: no such actor */
static FILE *output;

static uint64_t state; /* of the random numbers; Steele, Lea, Flood: SplitMix64 */

static uint64_t random64(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
	return random64() % n;
}

static bool one_in(unsigned n)
{
	return !below(n);
}

static uint64_t random_set(void)
{
	switch (below(6)) {
	case 0:
		return one_in(2) ? 0 : ~0ULL;
	case 1:
		return SIGFD_BIT(1 + below(64));
	case 2:
		return ~SIGFD_BIT(1 + below(64));
	case 3:
		return random64() & random64() & random64();
	case 4:
		return random64() | random64();
	default:
		return random64();
	}
}

static void wait_for(int actor)
{
	struct place *place = &places[actor];
	time_t end = time(NULL) + PATIENCE_S;
	uint32_t turn;

	while (!((turn = place->turn) & DONE)) {
		if (time(NULL) > end) {
			fprintf(stderr, "random: actor %d did not do command %d\n", actor,
				place->command);
			exit(1);
		}
		futex(&place->turn, FUTEX_WAIT, turn);
	}
}

static long tell(int actor, enum command command, uint64_t argument)
{
	struct place *place = &places[actor];

	place->command = command;
	place->argument = argument;
	give_turn(place, (place->turn & ~DONE) | TOLD);
	wait_for(actor);
	return place->result;
}

/* A place for a new actor; -1: none is free. */
static int free_place(void)
{
	for (int actor = 0; actor < ACTORS; actor++) {
		if (process_of[actor] >= 0)
			continue;
		places[actor].turn = places[actor].turn / NEXT_ACTOR * NEXT_ACTOR + NEXT_ACTOR;
		return actor;
	}
	return -1;
}

static int free_process(void)
{
	int process = 0;

	while (processes[process].threads)
		process++;
	return process; /* there are no more processes than actors */
}

static int random_actor(void)
{
	int actor;

	do
		actor = below(ACTORS);
	while (process_of[actor] < 0);
	return actor;
}

static unsigned lowest_free(const struct process *process)
{
	unsigned fd = 0;

	while (process->table[fd] != CLOSED)
		fd++;
	return fd;
}

static void close_one(int actor, struct process *process)
{
	unsigned fd = 3 + below(TABLE - 3);

	if (process->table[fd] == CLOSED)
		return;
	tell(actor, CLOSE, fd);
	process->table[fd] = CLOSED;
}

static void open_one(int actor, struct process *process)
{
	bool path_only = one_in(2), closes = one_in(2);
	long fd;

	if (lowest_free(process) >= TABLE - 1)
		return;
	fd = tell(actor, OPEN, O_RDONLY | (path_only ? O_PATH : 0) | (closes ? O_CLOEXEC : 0));
	if (fd < 0)
		return;
	process->table[fd] = path_only ? PATH_ONLY : OTHER_FILE;
	process->closes[fd] = closes;
}

static void set_limit(int actor, struct process *process, unsigned limit)
{
	tell(actor, SET_LIMIT, limit);
	process->limit = limit;
}

static void rename_one(int actor)
{
	static const char *const parts[] = { "a",        "signal fd", "\"", "\\", "\n",
					     "\x1b[31m", "\x7f",      "é",  "漢", "😀",
					     "\xff",     "\xc3",      "%s", "{" };
	char text[64] = "";

	for (int n = below(6); n > 0; n--)
		strcat(text, parts[below(sizeof(parts) / sizeof(*parts))]);
	memcpy(places[actor].text, text, 16);
	tell(actor, RENAME, 0);
}

static void add_actor(int actor, bool thread)
{
	int process = process_of[actor], added = free_place();

	if (added < 0)
		return;
	if (!thread) {
		process = free_process();
		processes[process] = processes[process_of[actor]];
		processes[process].threads = 0;
	}
	if (tell(actor, thread ? ADD_THREAD : FORK, added) < 0)
		die("random: thread or process");
	wait_for(added);
	process_of[added] = process;
	processes[process].threads++;
}

/* All threads of its process end, itself too if it is to. */
static void forget_others(int actor, bool itself)
{
	int process = process_of[actor];

	for (int other = 0; other < ACTORS; other++)
		if (process_of[other] == process && (itself || other != actor))
			process_of[other] = -1;
	processes[process].threads = itself ? 0 : 1;
}

/* The rules of execve(2): one thread is left, and some descriptors are closed. */
static void execute_one(int actor, struct process *process)
{
	set_limit(actor, process, LIMIT_MAX); /* the loader must open files */
	tell(actor, EXECUTE, 0);
	forget_others(actor, false);
	for (int fd = 0; fd < TABLE; fd++)
		if (process->closes[fd])
			process->table[fd] = CLOSED;
}

static void end_one(int actor, bool whole_process)
{
	struct process *process = &processes[process_of[actor]];
	int actors = 0;

	for (int i = 0; i < ACTORS; i++)
		actors += process_of[i] >= 0;
	if (actors == (int)process->threads && (whole_process || actors == 1))
		return; /* somebody must stay */
	tell(actor, whole_process ? END_PROCESS : END_THREAD, 0);
	if (whole_process) {
		forget_others(actor, true);
		return;
	}
	process_of[actor] = -1;
	process->threads--;
}

static void change_something(int actor)
{
	struct process *process = &processes[process_of[actor]];
	unsigned what = below(400);

	if (what < 25)
		tell(actor, BLOCK, random_set());
	else if (what < 35)
		rename_one(actor);
	else if (what < 42)
		tell(actor, SET_CHLD, below(DISPOSITIONS));
	else if (what < 48)
		tell(actor, SET_UID, one_in(2) ? 0 : below(70000));
	else if (what < 60)
		set_limit(actor, process, one_in(3) ? LIMIT_MAX : below(TABLE));
	else if (what < 90)
		open_one(actor, process);
	else if (what < 150)
		close_one(actor, process);
	else if (what < 155)
		add_actor(actor, true);
	else if (what < 159)
		add_actor(actor, false);
	else if (what < 161)
		execute_one(actor, process);
	else if (what < 164)
		end_one(actor, false);
	else if (what < 165)
		end_one(actor, true);
}

static uint64_t random_descriptor(const struct process *process)
{
	static const uint64_t others[] = { -2, -100, INT32_MIN, INT32_MAX, TABLE + 1, 1 << 20 };
	unsigned fd;

	switch (below(8)) {
	case 0:
		return others[below(sizeof(others) / sizeof(*others))];
	case 1:
		return below(SHARED_FD + 1);
	case 2:
	case 3:
		fd = below(TABLE);
		for (int i = 0; i < TABLE && process->table[fd] != SIGNAL_FD; i++)
			fd = (fd + 1) % TABLE;
		return fd;
	default:
		return -1;
	}
}

static uint64_t random_flags(void)
{
	uint64_t valid = (one_in(2) ? SFD_CLOEXEC : 0) | (one_in(2) ? SFD_NONBLOCK : 0);

	switch (below(10)) {
	case 0:
		return valid | 1U << below(32);
	case 1:
		return one_in(20) ? SIGFD_MARK_FLAGS : (uint32_t)random64();
	default:
		return valid;
	}
}

static uint64_t random_size(void)
{
	static const uint64_t sizes[] = { 0, 4, 7, 9, 16, 128, 8ULL << 32, -8, 8 | 1ULL << 32 };

	return one_in(10) ? sizes[below(sizeof(sizes) / sizeof(*sizes))] : 8;
}

/* A register has 64 bits; of an int the kernel takes the lower half. */
static uint64_t with_upper_half(uint64_t value)
{
	return one_in(16) ? random64() << 32 | (uint32_t)value : value;
}

static void draw(struct truth *t, const struct process *process)
{
	unsigned place = below(3 * PLACES);

#ifdef SYS_signalfd
	t->way = below(has_compat ? WAYS : COMPAT_SIGNALFD);
#else
	t->way = SIGNALFD4;
#endif
	t->where = place < PLACES ? place : PLAIN;
	t->ufd = random_descriptor(process);
	t->kind = t->ufd <= SHARED_FD ? process->table[t->ufd] : CLOSED;
	t->ufd = with_upper_half(t->ufd);
	t->size = random_size();
	t->flags = t->way == SIGNALFD || t->way == COMPAT_SIGNALFD ?
			   0 :
			   with_upper_half(random_flags());
	t->mask = t->where == ZERO ? 0 : random_set();
	t->other = t->where == TOGGLED ? random_set() : t->mask;
	/* fdinfo has these two no more, so they must not tell the two masks apart. */
	t->other ^= (t->other ^ t->mask) & (SIGFD_BIT(SIGKILL) | SIGFD_BIT(SIGSTOP));
	t->free = lowest_free(process);
	t->limit = process->limit;
}

/* What the kernel now holds for that descriptor, as proc(5) has it. */
static void look_at_kept(struct truth *t)
{
	char path[64], text[512];
	const char *line;
	ssize_t length;
	int fd;

	t->known = 0;
	t->kept = 0;
	if (t->ret < 0)
		return;
	sprintf(path, "/proc/%u/fdinfo/%ld", t->tid, t->ret);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length < 0)
		die(path);
	text[length] = '\0';
	line = strstr(text, "sigmask:");
	t->known = line && sscanf(line, "sigmask: %" SCNx64, &t->kept) == 1;
}

static void call_once(int actor)
{
	struct process *process = &processes[process_of[actor]];
	struct truth t = { 0 };

	while (lowest_free(process) >= TABLE - 1)
		close_one(actor, process);
	draw(&t, process);
	places[actor].truth = t;
	tell(actor, CALL, 0);
	t = places[actor].truth;
	look_at_kept(&t);
	if (t.ret >= 0 && t.ret < TABLE && process->table[t.ret] == CLOSED) {
		process->table[t.ret] = SIGNAL_FD;
		process->closes[t.ret] = t.flags & SFD_CLOEXEC;
	}
	fprintf(output, TRUTH_PRINT, t.way, t.where, t.kind, t.pid, t.tid, t.uid, t.comm, t.blocked,
		t.chld_ignored, t.ufd, t.size, t.flags, t.mask, t.other, t.free, t.limit, t.ret,
		t.known, t.kept, t.before, t.after, t.offset);
}

/* The first actor's process: with three descriptors, and the shared memory. */
static void start(void)
{
	struct rlimit limit = { LIMIT_MAX, LIMIT_MAX };
	struct process *first = &processes[0];
	int fd = memfd_create("random", 0);

	if (fd < 0 || ftruncate(fd, SHARED_SIZE) || dup2(fd, SHARED_FD) < 0)
		die("random: memfd");
	syscall(SYS_close_range, 3, SHARED_FD - 1, 0);
	syscall(SYS_close_range, SHARED_FD + 1, ~0U, 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	map_shared();
	*director = getpid();
	has_compat = try_compat();
	memset(process_of, -1, sizeof(process_of));
	for (fd = 0; fd < 3; fd++)
		first->table[fd] = OTHER_FILE;
	first->table[SHARED_FD] = OTHER_FILE;
	first->limit = LIMIT_MAX;
	first->threads = 1;
	process_of[0] = 0;
	if (fork_actor(&places[0]) < 0)
		die("random: process");
	wait_for(0);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--again")) {
		map_shared();
		act(&places[atoi(argv[2])]);
		syscall(SYS_exit, 0);
	}
	if (argc != 4) {
		fprintf(stderr, "usage: random TRUTH SEED CALLS\n");
		return 2;
	}
	start();
	output = fopen(argv[1], "we");
	if (!output)
		die(argv[1]);
	state = strtoull(argv[2], NULL, 10);
	for (long calls = strtol(argv[3], NULL, 10); calls > 0; calls--) {
		change_something(random_actor());
		call_once(random_actor());
	}
	for (int actor = 0; actor < ACTORS; actor++) {
		if (process_of[actor] >= 0) {
			tell(actor, END_PROCESS, 0);
			forget_others(actor, true);
		}
	}
	return fclose(output) ? 1 : 0;
}
