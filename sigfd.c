// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * sigfd.c: the user half. It puts the kernel half (sigfd.bpf.c) into the kernel, takes the events
 * that come back, and prints them. A map of this file, which reads from top to bottom:
 *
 *	state            what the user asked for, and how the run stands
 *	the tracer       [L1] load  [L2] attach  [L3] prove  [L4] receive  [L5] account  [L6] trace
 *	an event         what is said of one: names, marks, text and JSON
 *	whole lines      to a file, a terminal or a pipe
 *	the command      [L7] run it, and know when all of it has ended; signals
 *	the host         [L8] what sigfd needs, and what is there
 *	--list           the signalfds that exist now, from /proc
 *	options, main
 *
 * Up to and with trace() it is a whole libbpf program. Read so far, and the rest when you want to
 * know how something is printed or refused.
 *
 * What must hold:
 *
 *  - calls = shown + lost, at the end of every run, whatever ended it. A call counts as shown
 *    once its whole line was taken by write().
 *  - Nothing waits without bound but for the reader of the output, and a signal ends that too.
 *    Signals are blocked, and taken by sigtimedwait(): none can interrupt a write or come between
 *    a test and a sleep.
 *  - Nothing that another process chose (its comm) reaches a terminal as it is.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <uchar.h>
#include <unistd.h>

#include "sigfd.h"

/*
 * The skeleton: sigfd.bpf.c once more, as C for this side, written by bpftool. In it are the
 * compiled kernel half as bytes, a struct with a member for each of its programs, maps and
 * variables, and functions to open, load, attach and destroy it. So ./sigfd is one file, and a
 * program or variable that is misspelled here is an error of the compiler, not of a run.
 *
 * Below it is libbpf, which turns the bytes into system calls: bpf(2) to make maps and load
 * programs, perf_event_open(2) to attach them. Its names are bpf_*, as the helpers' are in the
 * kernel half; only here they are functions of a library.
 */
#include "sigfd.skel.h"

/*
 * Exit statuses: 1 an error while running, 2 wrong usage, 3 this host can't be traced as asked.
 * Besides: COMMAND's own, and for it 126 and 127 as the shell has them.
 */
enum { EXIT_RUNNING = 1, EXIT_USAGE, EXIT_HOST };

/*
 * TICK_MS: how long an event may lie in the ring buffer before it is shown. PATIENCE, in ns: how
 * long a reader of the output is waited for once sigfd is to end, and for how long after a signal
 * another one counts as the same.
 */
#define TICK_MS 50
#define NSEC 1000000000ULL /* in a second */
#define PATIENCE (NSEC / 2)

/* The values of --hook, each at the place of its hooks; NULL: not to be had. */
static const char *const hook_names[] = {
	"auto", [SIGFD_PAIR] = "pair", [SIGFD_SYSCALL] = "syscall", [SIGFD_BOTH] = "both"
};

enum { KEY_CHECK = 1 }; /* for --check, in the place of an option's letter: it has none */

/* What the user asked for; read_options() fills it. */
static struct {
	struct sigfd_settings kernel; /* what the kernel half needs to know of it */
	const char *given[128];       /* by option letter: its argument, "" if it takes none */
	char **command;               /* NULL-terminated; NULL: none */
	unsigned hooks;               /* SIGFD_PAIR, _SYSCALL or _BOTH; 0: not chosen yet */
	unsigned long duration, max_events; /* seconds; events; 0: no limit */
	unsigned long buffer_kib;           /* of the ring buffer */
} opt;

/*
 * How a run stands. One run a process, so all of it is global: most functions below have something
 * to read or to say here.
 *
 *  - `received` counts the events that came from the ring buffer, the marked ones aside. Of these
 *    `unwritten` were dropped because nobody reads, and the others shown; `unwanted` ones came
 *    after --max-events, and are counted here only.
 *  - Times are in ns; `deadline` and `hurry` are of CLOCK_MONOTONIC, and 0 for "never": from
 *    `deadline` on the run is to end, from `hurry` on no reader of the output is waited for.
 *  - `stop` asks the run to end; it stays set. `closed`: nobody takes the output any more.
 *    `compat`: what COMMAND, --pid or --tid names is a 32-bit program.
 */
static struct {
	struct sigfd_bpf *skel;   /* NULL: not loaded */
	struct ring_buffer *ring; /* libbpf's reader of the map `events` */
	unsigned long received, unwritten, unwanted;
	unsigned long skipped;     /* first hooks that the kernel skipped before the trace began */
	__u64 nonce;               /* the mask of our marked calls, which nobody else can guess */
	__u32 proven;              /* our tgid, as a marked call told; 0: not come back yet */
	__u64 to_realtime;         /* CLOCK_REALTIME minus the kernel half's clock, now */
	__u64 deadline, hurry;     /* see above */
	pid_t command;             /* -1: not started; 0: it has ended */
	int status, signal;        /* the exit status; the last signal that came, 0: none */
	int target;                /* the pidfd of --pid or --tid; -1: none */
	int output;                /* the descriptor for events */
	bool stop, closed, compat; /* see above */
} run = { .command = -1, .target = -1 };

/* The form in which records are put together; HEADING: the columns' names, in place of values. */
static enum { TEXT, JSON, HEADING } form;

static sigset_t our_signals, signals_outside; /* what we take; the mask that we began with */

/*
 * Of the parts below, what the tracer calls: this order is the reader's, and C wants to know names
 * before they are used.
 */
static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put_event(const struct sigfd_event *e);
static void flush_records(void);
static bool stopping(void);
static void start_command(void);
static const char *text_of(const char *path);

/*
 * One line that says what, why and how to mend it; then the end, with that exit status. There is
 * nothing to tidy up on the way: what the kernel holds for a process goes with it.
 */
#define DIE(status, ...) (complain(__VA_ARGS__), exit(status))

/* ---- The tracer ------------------------------------------------------------------------------ */

/*
 * In ns. CLOCK_REALTIME counts from 1970, and may be set; CLOCK_MONOTONIC counts from the kernel's
 * start, never goes back, and is the clock that the kernel half reads.
 */
static __u64 now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NSEC + t.tv_nsec;
}

/*
 * One step with libbpf, whose functions answer 0 or -errno. What fails here fails for want of a
 * right or of memory, or because the kernel can't do it: the exit status is that of the host.
 */
static void must(int err, const char *what)
{
	const char *mend = "see --check and --verbose, raise ulimit -n and -v, or lower --buffer";

	if (err == -EPERM || (err == -EACCES && run.skel)) /* before: the verifier's, see -v */
		mend = "run as root, outside any container";
	if (err)
		DIE(EXIT_HOST, "can't %s: %s; %s", what, strerror(-err), mend);
}

/*
 * The folder of --cgroup, as the one element of the map that the kernel half's helper looks into.
 * What is put into a map by this system call is there for every hook that runs from now on. The
 * value is a descriptor; the kernel takes from it what it stands for.
 */
static void set_cgroup(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__u32 key = 0;

	if (fd < 0 || bpf_map_update_elem(bpf_map__fd(run.skel->maps.cgroup), &key, &fd, BPF_ANY))
		DIE(EXIT_USAGE, "--cgroup: '%.99s': %m; name a folder of cgroup v2", path);
}

/*
 * [L1] Load. Opening only reads the skeleton's bytes. Between open and load the kernel half can
 * still be shaped: here it gets its settings, the size of its ring buffer, and only those of its
 * programs that this run uses; attaching fails at a place that is not there. Loading then makes
 * the maps, puts the kernel's own field offsets in (CO-RE), and hands each program to the verifier.
 *
 * `skel->rodata` and, later, `skel->bss` are the kernel half's constants and variables under their
 * names. Before loading they are libbpf's copy of the maps' first contents; after it, `bss` is the
 * kernel's own memory, and `rodata` can be written no more: the verifier has taken it for constant.
 *
 * Architectures younger than signalfd4 (arm64, riscv) have no system call signalfd.
 */
static void load(void)
{
	struct sigfd_bpf *skel = sigfd_bpf__open();
	bool pair = opt.hooks & SIGFD_PAIR, boundary = opt.hooks & SIGFD_SYSCALL;
	size_t size = sysconf(_SC_PAGESIZE);

	must(skel ? 0 : -errno, "open the BPF object");
	/* libbpf looks tracepoints up in tracefs; mounted where libtracefs would, to stay. */
	if (boundary && access("/sys/kernel/tracing/events", F_OK) && errno == ENOENT &&
	    mount("tracefs", "/sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0))
		must(-errno, "mount tracefs on /sys/kernel/tracing");
	while (size < opt.buffer_kib * 1024) /* the kernel wants a power of two, and whole pages */
		size *= 2;
	/* Woken at a quarter: while the other three fill, we get there. */
	opt.kernel.hooks = opt.hooks;
	opt.kernel.wake_at = size / 4;
	skel->rodata->settings = opt.kernel;
	bpf_map__set_max_entries(skel->maps.events, size);
	bpf_program__set_autoload(skel->progs.kernel_enter, pair);
	bpf_program__set_autoload(skel->progs.kernel_return, pair);
	bpf_program__set_autoload(skel->progs.enter_signalfd4, boundary);
	bpf_program__set_autoload(skel->progs.exit_signalfd4, boundary);
#ifndef SYS_signalfd
	boundary = false;
#endif
	bpf_program__set_autoload(skel->progs.enter_signalfd, boundary);
	bpf_program__set_autoload(skel->progs.exit_signalfd, boundary);
	/* What the verifier refuses, it explains in its log, which libbpf prints with -v. */
	must(sigfd_bpf__load(skel), "load the BPF programs");
	run.skel = skel;
	if (opt.given['c'])
		set_cgroup(opt.given['c']);
}

static int on_event(void *context, void *data, size_t size);

/*
 * [L2] Attach: each program loaded goes to the place that its SEC() names, and runs from now on.
 * What holds it there is a link, which libbpf keeps as a descriptor; when that is closed, if only
 * because sigfd was killed, the kernel takes the program away. No probe can be left behind.
 *
 * The ring buffer's reader is made here too: libbpf maps the buffer into this process, so that
 * events are read without a system call. on_event() is what it calls with each.
 */
static void attach(void)
{
	must(sigfd_bpf__attach(run.skel), "attach to signalfd");
	run.ring = ring_buffer__new(bpf_map__fd(run.skel->maps.events), on_event, NULL, NULL);
	must(run.ring ? 0 : -errno, "map the ring buffer");
}

/*
 * [L3] Prove: one signalfd call of our own must come back through every hook. Attaching proves
 * nothing: with kprobes switched off globally it succeeds, and no probe ever fires; a tracer that
 * trusted it would show nothing, and say that nothing was lost. The call bears a mark, and its mask
 * is a random number (the kernel gives one to each process), so nobody else's can pass for it. A
 * few tries, since a kretprobe may miss a return under load.
 *
 * `run.skel->bss->phase = ...` astonishes who knows C: nobody in this program reads it. But the
 * memory is the kernel half's, mapped into this process; the next signalfd call on the machine, on
 * whatever processor, finds the new value.
 *
 * The event also says what no system call does: our number in the initial PID namespace. A
 * container numbers anew; the kernel half compares with the kernel's own numbers.
 */
static bool prove(void)
{
	run.proven = 0;
	memcpy(&run.nonce, (void *)getauxval(AT_RANDOM), sizeof(run.nonce));
	for (int tries = 0; tries < 10 && !run.proven; tries++) {
		usleep(tries * 20000);
		run.skel->bss->phase = SIGFD_PROOF;
		syscall(SYS_signalfd4, -1, &run.nonce, sizeof(run.nonce), SIGFD_MARK_FLAGS);
		run.skel->bss->phase = SIGFD_CLOSED; /* or others' marked calls may feed the loop */
		while (ring_buffer__consume(run.ring) < 0)
			;
	}
	return run.proven;
}

/*
 * [L4] Receive. libbpf calls this for each event in the ring buffer, in order; `data` is the event
 * in the buffer itself, which both halves have mapped: the copy that send() made. Its room is the
 * kernel half's again when this returns: what is wanted of it is put into text now. A negative
 * result ends ring_buffer__consume() after this event: every so many, so that receive() has its
 * turn also while calls come faster than they are printed.
 */
static int on_event(void *context, void *data, size_t size)
{
	const struct sigfd_event *e = data;

	(void)context;
	(void)size;
	/* A proof, ours or another sigfd's. Ours counts if it has passed all the hooks. */
	if (e->flags == SIGFD_MARK_FLAGS) {
		__u64 mask = e->seen & SIGFD_KPROBE ? e->mask : e->user_mask;

		if (mask == run.nonce && e->seen == opt.hooks)
			run.proven = e->tgid;
		return 0;
	}
	/* Between the last event wanted and the end of the trace, some more may come. */
	if (opt.max_events && run.received == opt.max_events) {
		run.unwanted++;
		return 0;
	}
	run.received++;
	put_event(e);
	run.stop |= run.received == opt.max_events;
	return run.received % 1024 && !run.stop ? 0 : -EAGAIN;
}

/*
 * While running, at most once a second, and only when there are more than before. The counters are
 * read from memory that both halves have mapped, while the kernel half counts on: each for itself
 * is right, and they are close enough to each other for this word. The exact sum comes at the end.
 */
static void say_losses(void)
{
	static __u64 said_at, said;
	__u64 at = now(CLOCK_MONOTONIC), lost;
	struct sigfd_counters c;

	if (!run.skel || at - said_at < NSEC)
		return;
	said_at = at;
	c = run.skel->bss->counters;
	lost = c.ring_full + c.no_entry + c.missed;
	if (lost > said)
		complain("%llu calls lost so far (ring buffer full %llu, no entry %llu, return "
			 "missed %llu)",
			 lost, c.ring_full, c.no_entry, c.missed);
	said = lost;
}

/*
 * The run itself, in turns: sleep, take what the ring buffer holds, write it out, look who has
 * ended (stopping() does). The kernel half wakes the poll only when the ring buffer is filling;
 * else the tick does, and a signal, being blocked, waits for it.
 *
 * An event's time is of the kernel half's clock, which a user can't read a date from. The
 * difference to the date is taken anew at each tick: the one may be set, and the other stops in
 * suspend. We may lose the processor between two readings, and then try again.
 *
 * The poll also hears that the reader of a pipe has left, or `sigfd | head -1` would end only with
 * the next event; and that the process of --pid has ended.
 */
static void receive(void)
{
	/* What ends the sleep: events, the output's reader that has left, the target's end. */
	struct pollfd fds[] = { { .fd = ring_buffer__epoll_fd(run.ring), .events = POLLIN },
				{ .fd = run.output },
				{ .fd = run.target, .events = POLLIN } };
	long long s = 0, ns = 0; /* by which our CLOCK_MONOTONIC is ahead: in a time namespace */
	int unfinished = 0;
	__u64 before;

	sscanf(text_of("/proc/self/timens_offsets"), "monotonic %lld %lld", &s, &ns);
	while (!stopping()) {
		poll(fds, 3, unfinished ? 0 : TICK_MS);
		do {
			before = now(CLOCK_MONOTONIC);
			run.to_realtime = now(CLOCK_REALTIME) - before + s * NSEC + ns;
		} while (now(CLOCK_MONOTONIC) - before > 100000);
		unfinished = ring_buffer__consume(run.ring) < 0;
		flush_records();
		/* The output's reader has left, or the target ended (kill() with 0 only asks). */
		run.stop |= fds[1].revents & (POLLERR | POLLHUP) || fds[2].revents ||
			    (opt.kernel.tid && kill(opt.kernel.tid, 0) && errno == ESRCH);
		say_losses();
	}
}

/*
 * How often the kernel has skipped the first hook of a call, before any filter. It keeps this
 * number with each program, as `bpftool prog show` has it too (struct bpf_prog_info, since v5.12; 0
 * on kernels that don't count it). [B8] tells when it skips. Nobody can say whether these calls
 * would have passed the filters, so they are no part of the sum, and are said beside it.
 */
static unsigned long read_skipped(void)
{
	const char *first = opt.hooks & SIGFD_SYSCALL ? "enter_signalfd" : "kernel_enter";
	unsigned long skipped = 0;
	struct bpf_program *prog;

	bpf_object__for_each_program (prog, run.skel->obj) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (strstr(bpf_program__name(prog), first) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			skipped += info.recursion_misses;
	}
	return skipped;
}

/*
 * [L5] Account. The trace is ended so that the sum is right: no new call passes, those in flight
 * have a moment to return, one more proof shows that the hooks still fire, then they go, and what
 * the ring buffer still holds is printed. Probes may be switched off by others while we run;
 * without the second proof "0 lost" would be true of what was seen, and mean nothing.
 *
 * `calls` is from the kernel half's counters, `shown` from the events that arrived here: two counts
 * kept apart, so that the sum can be wrong, and tells when it is.
 */
static void account(void)
{
	char closed[64] = "", skipped[64] = "", unread[96] = "";
	unsigned long calls, lost, missed, n;
	struct sigfd_counters c;
	bool fired;

	/* A signalfd call takes some millionths of a second, so nearly all return in this time. */
	run.skel->bss->phase = SIGFD_CLOSED;
	usleep(1000);
	n = read_skipped() - run.skipped;
	fired = prove();
	sigfd_bpf__detach(run.skel);
	while (ring_buffer__consume(run.ring) < 0)
		stopping();
	flush_records();
	/* No hook runs any more, so these stand still. What is in flight yet counts as missed. */
	c = run.skel->bss->counters;
	missed = c.begun - c.ended - c.no_entry;
	calls = c.begun - c.filtered - run.unwanted;
	lost = c.ring_full + c.no_entry + missed + run.unwritten;
	if (run.unwritten)
		sprintf(closed, ", output closed %lu", run.unwritten);
	if (n)
		sprintf(skipped, "; %lu entries skipped by the kernel", n);
	if (c.unread)
		sprintf(unread, "; %llu left out, since their mask could not be read", c.unread);
	if (opt.given['q'] && fired && !lost)
		return;
	complain("%lu calls: %lu shown, %lu lost (ring buffer full %llu, no entry %llu, return "
		 "missed %lu%s)%s%s%s%s",
		 calls, run.received - run.unwritten, lost, c.ring_full, c.no_entry, missed, closed,
		 unread, skipped, fired ? "" : "; calls may be missing: the probes no longer fire",
		 run.compat && opt.hooks == SIGFD_SYSCALL ? "; 32-bit calls are not seen" : "");
}

/*
 * [L6] The whole of it. While the hooks are attached, one after the other, `phase` lets nothing
 * pass: a call that only some of them could see would be half a call. The command starts last, so
 * that its first call is seen.
 *
 * sigfd then takes precedence over those that it traces. Else, with more busy threads than
 * processors, it falls behind, the ring buffer stays filled, and each further call pays for a
 * wake-up that is not needed: 8 threads on 2 processors got a third faster so, and lost nothing.
 */
static int trace(void)
{
	/* libbpf prints what goes wrong in its own words, of which most are not for our user. */
	if (!opt.given['v'])
		libbpf_set_print(NULL);
	load();
	attach();
	if (!prove())
		DIE(EXIT_HOST,
		    "the probes don't fire; switch them on (echo 1 > /sys/kernel/debug/"
		    "kprobes/enabled; sysctl kernel.ftrace_enabled=1), try --hook=syscall, "
		    "or leave the seccomp filter that refuses signalfd4");
	run.skipped = read_skipped();
	/* The heading stays in the buffer: it goes out with the first events, or the first tick. */
	if (form == TEXT && !opt.given['q']) {
		form = HEADING;
		put_event(&(struct sigfd_event){ 0 });
		form = TEXT;
	}
	run.skel->bss->self_tgid = run.proven;
	run.skel->bss->phase = SIGFD_OPEN; /* before the word: who waits for it may call at once */
	complain("Tracing signalfd calls by hook %s. Ctrl-C ends.", hook_names[opt.hooks]);
	/* From here on calls come, and wait in the ring buffer until receive() is there. */
	if (opt.duration)
		run.deadline = now(CLOCK_MONOTONIC) + opt.duration * NSEC;
	/* A signal that has come by now came for sigfd alone: COMMAND is not to start any more. */
	if (opt.command && !stopping())
		start_command();
	setpriority(PRIO_PROCESS, 0, -20); /* only now: COMMAND must not inherit it */
	receive();
	/* COMMAND still runs, and has had no signal (one that came would have reached it too). */
	if (run.command > 0 && !run.signal)
		kill(run.command, SIGTERM);
	account();
	ring_buffer__free(run.ring);
	sigfd_bpf__destroy(run.skel);
	return run.status;
}

/* ---- What is said of an event ---------------------------------------------------------------- */

/*
 * The libbpf program ends here. What follows is called by it, or by main() before it.
 *
 * From here on nothing is about BPF. An event becomes a record, which is a line, or with --explain
 * some, and records gather in a buffer until the ring buffer is empty or the buffer is full. Each
 * write() takes as many whole lines as PIPE_BUF has room for: dozens of text.
 */
static struct {
	char bytes[1 << 16];
	size_t length;
} out;

/*
 * The longest record, in JSON with every array full, has some 2,900 bytes (test_widest() in
 * test/unit.c makes it). Where less than this is free the others are written first, so none of
 * the functions that put a part of it looks at the buffer's end. No line may be longer than
 * PIPE_BUF (4,096): flush_records() looks for a line's end within it.
 */
#define RECORD_MAX 4096

/*
 * What most events need is put by hand: printf() reads its format anew for each, which takes ten
 * times as long. Inline, so that the compiler copies a literal without counting its length first.
 */
static __always_inline void put(const char *text)
{
	out.length = stpcpy(out.bytes + out.length, text) - out.bytes;
}

/*
 * One value, as text: in text a column, in JSON a key. `column` is the heading, as wide as the
 * column; NULL: not in text. `key` NULL: not in JSON. `value` NULL: null, not known. So one call
 * gives a value to all three forms, and none of them can be forgotten. What is wider than its
 * column moves the others to the right; at least one blank stays between.
 */
static __always_inline void field(const char *column, const char *key, const char *value)
{
	if (form == JSON && key) {
		if (out.bytes[out.length - 1] != '{')
			put(",");
		put("\"");
		put(key);
		put("\":");
		put(value ? value : "null");
	} else if (form != JSON && column) {
		size_t end = out.length + strlen(column);

		put(form == HEADING ? column : value);
		do
			out.bytes[out.length++] = ' ';
		while (out.length <= end);
	}
}

/*
 * The functions from here to printable() make a value's text: a string that field() copies at once.
 * It lies in a static buffer, which the next call of the same function fills anew, or of one that
 * shares it (all numbers share one); so none of them is to be freed, and none may be kept.
 */
/* Inline, since by a constant base nothing is divided. */
static __always_inline char *digits_of(__u64 n, unsigned base, int least)
{
	static char text[24];
	char *p = text + sizeof(text) - 1;

	for (; n || least > 0; n /= base, least--) /* with zeros in front up to `least` digits */
		*--p = "0123456789abcdef"[n % base];
	return p;
}

static const char *decimal(__u64 n)
{
	return digits_of(n, 10, 1);
}

/* Of all numbers only a descriptor and a result may be negative. */
static const char *signed_decimal(int n)
{
	char *text = digits_of(n < 0 ? -(__s64)n : n, 10, 1);

	if (n < 0)
		*--text = '-';
	return text;
}

/*
 * A word of ours: as it is, or in quotes for JSON. It holds nothing that would need escaping. NULL
 * stays NULL, for field() to say null.
 */
static const char *word(const char *text)
{
	static char quoted[64];

	if (!text || form != JSON)
		return text;
	strcpy(stpcpy(stpcpy(quoted, "\""), text), "\"");
	return quoted;
}

/*
 * For JSON only, and in quotes: many a reader takes JSON's numbers for doubles, which have room for
 * 53 bits.
 */
static const char *hex_mask(__u64 mask)
{
	static char text[24] = "0x";

	strcpy(text + 2, digits_of(mask, 16, 16));
	return word(text);
}

/* By name, as the manual pages have it; by number where the C library knows no name. */
static const char *errno_name(int error)
{
	return strerrorname_np(error) ?: decimal(error);
}

/*
 * The name of a signal without SIG, as glibc's users know it: its SIGRTMIN is the kernel's 34,
 * since the C library keeps 32 and 33 for its threads (nptl(7)); those two have no name.
 */
static const char *signal_name(int sig)
{
	static char names[65][12]; /* each made when first asked for */

	const char *known = sig < SIGRTMIN ? sigabbrev_np(sig) : NULL;

	if (known)
		return known;
	if (!*names[sig])
		sprintf(names[sig], sig < SIGRTMIN ? "%d" : "RTMIN+%d", sig % SIGRTMIN);
	return sig == SIGRTMIN ? "RTMIN" : names[sig];
}

/* One more name behind the list that ends at p: HUP, or for JSON ,"SIGHUP". */
static char *add_name(char *p, const char *gap, const char *prefix, const char *name)
{
	if (form != JSON)
		return stpcpy(stpcpy(p, gap), name);
	p = stpcpy(p, *gap ? ",\"" : "\"");
	return stpcpy(stpcpy(stpcpy(p, prefix), name), "\"");
}

/*
 * A set, by names: nobody knows signals by their bits. "HUP INT" in text, "-" for none; one that
 * holds nearly all as "~[KILL STOP]", as strace has it. For JSON an array: ["SIGHUP","SIGINT"].
 */
static const char *names_of(__u64 set)
{
	static char text[1024];
	bool most = form != JSON && __builtin_popcountll(set) > 64 * 2 / 3;
	char *p = stpcpy(text, form == JSON ? "[" : most ? "~[" : set ? "" : "-");
	const char *gap = "";

	/* ffsll() finds the lowest bit, which is the signal's number; `&` takes it away. */
	for (__u64 named = most ? ~set : set; named; named &= named - 1) {
		p = add_name(p, gap, "SIG", signal_name(ffsll(named)));
		gap = " ";
	}
	strcpy(p, form == JSON || most ? "]" : "");
	return text;
}

/*
 * The flags by name, what has no name in hex: CLOEXEC|0x1, or ["SFD_CLOEXEC","0x1"] for JSON. A
 * call with a flag that has no name fails, and to see which one is why one looks.
 */
static const char *flags_of(unsigned flags)
{
	static char text[64];
	unsigned rest = flags & ~(SFD_CLOEXEC | SFD_NONBLOCK);
	char hex[16], *p = stpcpy(text, form == JSON ? "[" : flags ? "" : "-");

	if (flags & SFD_CLOEXEC)
		p = add_name(p, "", "SFD_", "CLOEXEC");
	if (flags & SFD_NONBLOCK)
		p = add_name(p, flags & SFD_CLOEXEC ? "|" : "", "SFD_", "NONBLOCK");
	if (rest && sprintf(hex, "%#x", rest))
		p = add_name(p, rest != flags ? "|" : "", "", hex);
	strcpy(p, form == JSON ? "]" : "");
	return text;
}

/*
 * Local, or for JSON in UTC and with the date: who reads a screen knows the day, who reads a file
 * does not know the zone. All but the fraction is made once a second: it is half of a record's
 * cost.
 */
static const char *time_of(__u64 ktime_ns)
{
	static char text[48];
	static time_t made_for = -1;
	static size_t length;
	__u64 at = ktime_ns + run.to_realtime; /* since 1970 */
	time_t seconds = at / NSEC;
	bool json = form == JSON;

	if (seconds != made_for)
		length = strftime(text, 32, json ? "\"%FT%T." : "%T.",
				  json ? gmtime(&seconds) : localtime(&seconds));
	made_for = seconds;
	strcpy(text + length,
	       json ? digits_of(at % NSEC, 10, 9) : digits_of(at % NSEC / 1000, 10, 6));
	return json ? strcat(text, "Z\"") : text;
}

/*
 * What another chose, a comm or an argument: it may hold any byte but NUL, and a terminal gets only
 * printable ASCII of it.
 *
 * For JSON in quotes, and by characters: \u wants UTF-16, which the C library makes of the C.UTF-8
 * that main() has set; a byte that is of no character becomes U+FFFD.
 */
static const char *printable(const char *s, bool json)
{
	static char text[2048];
	char *p = stpcpy(text, json ? "\"" : "");
	mbstate_t state = { 0 };
	char16_t c;
	size_t n;

	/* c is the character, or its first half, and n the bytes that it takes in s. */
	for (; *s; s += n) {
		c = (unsigned char)*s;
		n = json && c > '~' ? mbrtoc16(&c, s, strlen(s), &state) : 1;
		/* (size_t)-1 or -2: no character; from above U+10FFFF glibc makes half a pair. */
		if (n > MB_LEN_MAX || c >> 10 == 0xdc00 >> 10) {
			memset(&state, 0, sizeof(state));
			c = 0xfffd;
			n = 1;
		}
		if (c >= ' ' && c <= '~' && c != '\\' && (c != '"' || !json))
			*p++ = c;
		else
			p += sprintf(p, json ? "\\u%04x" : c == '\\' ? "\\\\" : "\\x%02x", c);
		if (c >> 10 == 0xd800 >> 10 && mbrtoc16(&c, s, 0, &state)) /* half of a pair */
			p += sprintf(p, "\\u%04x", c);
	}
	strcpy(p, json ? "\"" : "");
	return text;
}

/*
 * Why a call failed. The kernel says EINVAL for three different mistakes; which one it was follows
 * from the arguments, taken in the order of the kernel's checks, in which they stand here.
 */
static const struct cause {
	int error;
	const char *name; /* in text and JSON */
	const char *text; /* for --explain */
} causes[] = {
	{ EINVAL, "bad sizemask", "ERRORS: sizemask must be 8, the size of the kernel's sigset_t" },
	{ EINVAL, "bad flags", "ERRORS: only SFD_CLOEXEC and SFD_NONBLOCK are flags" },
	{ EINVAL, "not a signalfd", "ERRORS: the descriptor to update is open, but no signalfd" },
	{ EFAULT, "bad pointer", "ERRORS: the kernel could not read a mask there" },
	{ EBADF, "bad descriptor", "ERRORS: the descriptor to update is not open; -1 creates one" },
	{ EMFILE, "no descriptor left", "ERRORS: the process is at its limit (RLIMIT_NOFILE)" },
	{ ENFILE, "no file left", "ERRORS: the system is at its limit (sysctl fs.file-max)" },
	{ ENOMEM, "no memory", "ERRORS: the kernel had no memory for the descriptor" },
	{ 0, "other", "ERRORS: no check of signalfd gives this; a security module may have" },
};

#define SIG_FOR_DROPPED (SIGFD_BIT(SIGKILL) | SIGFD_BIT(SIGSTOP))
#define SIG_FOR_FAULTS                                                                             \
	(SIGFD_BIT(SIGSEGV) | SIGFD_BIT(SIGBUS) | SIGFD_BIT(SIGFPE) | SIGFD_BIT(SIGILL) |          \
	 SIGFD_BIT(SIGTRAP) | SIGFD_BIT(SIGSYS))

/*
 * What an event says beyond its arguments. Of `mask` (the kernel's copy where it was seen, else the
 * user's): what the kernel drops; what the calling thread does not block at this moment; CHLD,
 * where the process ignores it, so that it is never sent; real faults, which never wait for a
 * descriptor. 0: none, or the mask not known. `refused`: by the kernel before do_signalfd4, which
 * the call never reached.
 */
struct meaning {
	__u64 mask, ignored, unblocked, discarded, synchronous;
	const struct cause *cause; /* NULL: the call succeeded */
	bool mask_known, user_known, raced, refused;
};

/* `causes` is searched by errno. That finds the first EINVAL, and there are three to tell apart. */
static struct meaning meaning_of(const struct sigfd_event *e)
{
	bool kernel_known = e->seen & SIGFD_KPROBE;
	bool bad_size = e->seen & SIGFD_ENTER && e->sizemask != sizeof(e->mask);
	struct meaning m = { .cause = e->ret < 0 ? causes : NULL };

	while (m.cause && m.cause->error && m.cause->error != -e->ret)
		m.cause++;
	if (m.cause == causes && !bad_size)
		m.cause += (e->flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) ? 1 : 2;
	/* The kernel's copy is what was used. The user's is the next best, and open to the race. */
	m.user_known = e->seen & SIGFD_ENTER && !e->user_err;
	m.mask_known = kernel_known || m.user_known;
	m.mask = kernel_known ? e->mask : m.user_known ? e->user_mask : 0;
	m.raced = kernel_known && m.user_known && e->mask != e->user_mask;
	/* Before do_signalfd4 the kernel refuses a wrong size or pointer, and nothing else. */
	m.refused = opt.hooks == SIGFD_BOTH && !kernel_known &&
		    (m.cause == &causes[0] || m.cause == &causes[3]);
	m.ignored = m.mask & SIG_FOR_DROPPED;
	m.unblocked = m.mask & ~e->blocked & ~SIG_FOR_DROPPED;
	m.discarded = e->chld_ignored ? m.mask & SIGFD_BIT(SIGCHLD) : 0;
	m.synchronous = m.mask & SIG_FOR_FAULTS;
	return m;
}

/*
 * All that there is to say of an event, one thing a row: a mark at the end of its line, with the
 * signals that it is about; and with --explain a line under it, which begins with the place in the
 * manual page. Called twice: with `lines` false for the marks, with `lines` true for the lines.
 *
 * A mark is true of this call at this moment, and says no more. A program that creates first and
 * blocks afterwards is well, and is marked "unblocked" all the same; one that passes flags with an
 * update gets no mark, only a line, since libraries do so as a matter of course.
 */
static void put_notes(const struct sigfd_event *e, const struct meaning *m, bool lines)
{
	bool both = opt.hooks == SIGFD_BOTH, ok = !m->cause, update = ok && e->ufd != -1;
	const struct {
		bool holds;
		const char *mark; /* NULL: only a line */
		__u64 set;        /* 0: about no signals */
		const char *line; /* NULL: only a mark */
	} notes[] = {
		{ !m->mask_known, "mask unread EFAULT", 0,
		  e->ret == -EFAULT ? NULL : "LIMITS: its page was not in memory" },
		{ !ok, ok ? "" : m->cause->name, 0, ok ? "" : m->cause->text },
		{ ok && !update, NULL, 0, "CALL: a new descriptor, for its reader's signals" },
		{ update, NULL, 0, "CALL: a new set, for all who share the descriptor" },
		{ update, NULL, 0, "CALL: what has left the set stays blocked: unblock it" },
		{ update && e->flags, NULL, 0, "CALL: an update ignores flags that are valid" },
		{ ok && m->unblocked, "unblocked", m->unblocked,
		  "UNBLOCKED: not blocked at this moment; `sigfd --list` looks again" },
		{ ok && m->ignored, "ignored", m->ignored, "IGNORED: the kernel drops them" },
		{ ok && m->discarded, "discarded", m->discarded,
		  "DISCARDED: the process ignores it, so the kernel never sends it" },
		{ ok && m->synchronous, "synchronous", m->synchronous,
		  "SYNCHRONOUS: a real fault never waits here, only a sent signal" },
		{ m->raced, e->user_mask ? "raced" : "raced -", e->user_mask,
		  "RACED: memory changed before the copy; the kernel used SIGNALS" },
		{ both && !(e->seen & SIGFD_ENTER), "not seen at the boundary", 0, NULL },
		{ m->refused, "not reached", 0, NULL },
	};

	/* Two blanks and a "!" before each mark, so that a script can cut them off. */
	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		const char *text = lines ? notes[i].line : notes[i].mark;

		if (!notes[i].holds || !text)
			continue;
		put(lines ? "        sigfd(8) " : "  !");
		put(text);
		put(lines ? "\n" : notes[i].set ? " " : "");
		put(!lines && notes[i].set ? names_of(notes[i].set) : "");
	}
}

/*
 * An event, or the heading of its columns: a field of struct sigfd_event that is to be shown has
 * its one line here. What the hook can't know is NULL, which is "null" in JSON: never 0, nor left
 * out, since a program that reads it could not tell the difference.
 */
static void put_event(const struct sigfd_event *e)
{
	bool boundary = e->seen & SIGFD_ENTER, kernel = e->seen & SIGFD_KPROBE;
	static const char *const calls[8] = { [3] = "signalfd", [4] = "signalfd4" };
	struct meaning m = meaning_of(e);
	char call[24] = "create";

	if (e->ufd != -1)
		strcpy(stpcpy(call, "update "), signed_decimal(e->ufd));
	if (out.length + RECORD_MAX > sizeof(out.bytes))
		flush_records();
	put(form == JSON ? "{" : "");
	field(NULL, "v", "1");
	if (form == JSON || opt.given['T'])
		field("TIME           ", "time", time_of(e->ktime_ns));
	field(opt.given['U'] ? "UID    " : NULL, "uid", decimal(e->uid));
	field("PID    ", "pid", decimal(e->tgid));
	field("TID    ", "tid", decimal(e->tid));
	field("COMM            ", "comm", printable(e->comm, form == JSON));
	field("CALL     ", NULL, call);
	field("RESULT ", NULL, e->ret < 0 ? errno_name(-e->ret) : decimal(e->ret));
	field("FLAGS            ", NULL, flags_of(e->flags));
	/* The last column, and what follows it, has no width. The rest is for JSON only. */
	if (form != JSON) {
		put(form == HEADING ? "SIGNALS" : m.mask_known ? names_of(m.mask) : "?");
		if (form == TEXT)
			put_notes(e, &m, false);
		put("\n");
		if (form == TEXT && opt.given['e'])
			put_notes(e, &m, true);
		return;
	}
	field(NULL, "seq", decimal(run.received));
	field(NULL, "ktime_ns", decimal(e->ktime_ns));
	field(NULL, "cgroup_id", decimal(e->cgroup_id));
	field(NULL, "hook", word(hook_names[opt.hooks]));
	field(NULL, "syscall", word(calls[e->syscall & 7]));
	field(NULL, "op", word(e->ufd == -1 ? "create" : "update"));
	field(NULL, "ufd", signed_decimal(e->ufd));
	field(NULL, "flags", decimal(e->flags));
	field(NULL, "flag_names", flags_of(e->flags));
	field(NULL, "mask", m.mask_known ? hex_mask(m.mask) : NULL);
	field(NULL, "mask_source", word(kernel ? "kernel" : m.mask_known ? "user" : NULL));
	field(NULL, "signals", m.mask_known ? names_of(m.mask) : NULL);
	field(NULL, "ignored", m.mask_known ? names_of(m.ignored) : NULL);
	field(NULL, "unblocked", m.mask_known ? names_of(m.unblocked) : NULL);
	field(NULL, "discarded", m.mask_known ? names_of(m.discarded) : NULL);
	field(NULL, "synchronous", m.mask_known ? names_of(m.synchronous) : NULL);
	field(NULL, "user_mask", m.user_known ? hex_mask(e->user_mask) : NULL);
	field(NULL, "user_mask_errno", word(e->user_err ? errno_name(-e->user_err) : NULL));
	field(NULL, "sizemask", boundary ? decimal(e->sizemask) : NULL);
	field(NULL, "raced", kernel && m.user_known ? m.raced ? "true" : "false" : NULL);
	field(NULL, "reached", kernel ? "true" : m.refused ? "false" : NULL);
	field(NULL, "ret", signed_decimal(e->ret));
	field(NULL, "errno", word(e->ret < 0 ? errno_name(-e->ret) : NULL));
	field(NULL, "cause", word(m.cause ? m.cause->name : NULL));
	field(NULL, "duration_ns", decimal(e->duration_ns));
	put("}\n");
}

/* ---- Whole lines, to a file, a terminal or a pipe -------------------------------------------- */

/*
 * One line on stderr: what, why, mend. Dropped where nobody takes it: when stderr is a pipe that is
 * full, a word about lost events must not stop the tracer. What the user or another process chose
 * is in it as it is, cut to a length at which the mend still fits, and made harmless here. (%m is
 * strerror(errno).)
 */
static void complain(const char *format, ...)
{
	struct pollfd reader = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (poll(&reader, 1, TICK_MS) == 1)
		dprintf(STDERR_FILENO, "sigfd: %s\n", printable(line, false));
}

/*
 * Sleeps until the reader takes more: for as long as it likes, unless there is a hurry; then it
 * counts as gone when it has not taken it in time. A file is always ready.
 */
static void wait_for_reader(void)
{
	struct pollfd reader = { .fd = run.output, .events = POLLOUT };

	while (!run.closed && poll(&reader, 1, TICK_MS) < 1) {
		stopping();
		run.closed = run.hurry && now(CLOCK_MONOTONIC) >= run.hurry;
		say_losses();
	}
}

/*
 * Writes what has gathered, and empties the buffer: what nobody takes is counted and gone. Without
 * blocking (open_output() has seen to that), in whole lines of at most PIPE_BUF bytes together,
 * which a pipe takes whole or not at all (pipe(7)): its reader never sees a torn line. Of a file
 * that is full in the middle of a line, the torn end is cut off again. A reader that has left
 * (EPIPE) is an orderly end, anything else an error.
 *
 * Lines that begin with a digit or a brace are events; the others are a heading, or --explain's.
 */
static void flush_records(void)
{
	const char *p = out.bytes, *end = p + out.length;
	off_t torn = 0;

	while (p < end && !run.closed) {
		size_t size = end - p;
		ssize_t n = 0;

		if (size > PIPE_BUF)
			size = (const char *)memrchr(p, '\n', PIPE_BUF) + 1 - p;
		wait_for_reader();
		if (!run.closed)
			n = write(run.output, p, size);
		if (n >= 0)
			p += n;
		else if (errno != EINTR && errno != EAGAIN)
			run.stop = run.closed = true;
		if (n < 0 && run.closed && errno != EPIPE) {
			complain("can't write the output: %m; make room, or send it elsewhere");
			run.status = EXIT_RUNNING;
		}
	}
	/* Back to the beginning of the line that was not taken whole. */
	for (; p > out.bytes && p[-1] != '\n'; p--)
		torn++;
	if (torn)
		(void)!ftruncate(run.output, lseek(run.output, -torn, SEEK_CUR));
	for (; p < end; p = (const char *)memchr(p, '\n', end - p) + 1)
		run.unwritten += *p == '{' || (*p >= '0' && *p <= '9');
	out.length = 0;
}

static int shared_flags; /* of the output's description, where it is not our own */

static void restore_output(void)
{
	fcntl(run.output, F_SETFL, shared_flags);
}

/*
 * Where events go. For a pipe or a terminal by a description of our own, which does not block:
 * O_NONBLOCK on the one that we were given would stay with all who share it. Where none can be had
 * (a socket, another user's terminal) it is set there all the same, until we end: a write that
 * sleeps would hear no signal.
 */
static void open_output(void)
{
	bool file = lseek(STDOUT_FILENO, 0, SEEK_CUR) >= 0; /* it has a place, and never stalls */
	int own = file ? -1 : open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	run.output = own >= 0 ? own : STDOUT_FILENO;
	if (file || own >= 0)
		return;
	shared_flags = fcntl(run.output, F_GETFL);
	if (!fcntl(run.output, F_SETFL, shared_flags | O_NONBLOCK))
		atexit(restore_output);
}

/* ---- Signals, and the command ---------------------------------------------------------------- */

static sighandler_t child_outside; /* the disposition of SIGCHLD that we were started with */

/*
 * Every signal that would end sigfd is blocked, and taken where it suits: an end without a summary
 * would leave the user to guess. A blocked signal is kept even where it is ignored (sig_ignored(),
 * kernel/signal.c@v6.12), so SIGINT ends sigfd also where a shell without job control has it
 * ignored for its background jobs; the others stay ignored where they were, as SIGHUP by nohup.
 *
 * The first three of the list are blocked only. SIGPIPE and SIGXFSZ: write() says EPIPE and EFBIG.
 * SIGCHLD must not be ignored, or waitpid() would have nothing to tell. A signalfd would do as
 * well, but other tracers would see the call that makes it.
 */
static void take_signals(void)
{
	static const int signals[] = { SIGCHLD, SIGPIPE, SIGXFSZ, SIGINT,   SIGTERM,   SIGHUP,
				       SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM,  SIGVTALRM, SIGPROF,
				       SIGIO,   SIGPWR,  SIGXCPU, SIGSTKFLT };
	struct sigaction action;
	sigset_t blocked = { 0 }; /* empty */

	child_outside = signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		sigaction(signals[i], NULL, &action);
		sigaddset(&blocked, signals[i]);
		if (i > 2 && (action.sa_handler != SIG_IGN || signals[i] == SIGINT))
			sigaddset(&our_signals, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, &signals_outside);
}

/*
 * Takes in what has ended, or it would stay as a zombie. The run ends with the last descendant, not
 * with the command itself; only if a signal has asked for the end is the command's own enough.
 */
static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != run.command)
			continue;
		run.command = 0;
		run.stop |= run.signal != 0; /* it was to end, and has */
		status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		run.status = run.status ?: status;
	}
	if (pid < 0 && errno == ECHILD)
		run.stop = true;
}

/*
 * Is it time to end? Takes in the signals that have come: asked wherever sigfd might stay for long,
 * in place of signal handlers, which could do next to nothing safely. The first one while COMMAND
 * runs is for COMMAND, which may want to end in its own way: sigfd goes on until it has. What the
 * terminal sent, it has sent to COMMAND too, unless that has moved to another process group.
 *
 * timeout(1) sends to its child and then to its process group, in which the child is: what comes so
 * soon after the first is no second wish.
 */
static bool stopping(void)
{
	static __u64 first_at; /* when the first signal came */
	__u64 at = now(CLOCK_MONOTONIC);
	bool end = run.deadline && at >= run.deadline;
	siginfo_t info;

	if (run.command >= 0)
		reap();
	/* SI_KERNEL: the terminal has sent it, to all of its foreground process group. */
	while (sigtimedwait(&our_signals, &info, &(struct timespec){ 0 }) > 0) {
		if (run.command <= 0 || run.signal)
			end |= !run.signal || at - first_at > PATIENCE;
		else if (info.si_code != SI_KERNEL || getpgid(run.command) != getpgrp())
			kill(run.command, info.si_signo);
		first_at = run.signal ? first_at : at;
		run.signal = info.si_signo;
	}
	run.stop |= end;
	if (run.stop && (end || run.signal) && !run.hurry)
		run.hurry = at + PATIENCE;
	return run.stop;
}

/*
 * "All descendants have ended" is asked by waitpid(), which tells of every child. But a shell that
 * executes sigfd in its own place (`exec sigfd -- COMMAND`) leaves it its children, which are not
 * COMMAND's: they would be followed, and waited for. So where there are any, the tracer is a child
 * of its own that has none; this process passes signals on and ends as it does. Killed, it takes
 * the tracer with it, and so the probes.
 */
static void leave_strangers(void)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000 };
	siginfo_t info;
	pid_t tracer;
	int status;

	/* WNOWAIT: only asked, so that a stranger that has ended stays for the one who reaps it. */
	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && errno == ECHILD)
		return;
	tracer = fork();
	if (!tracer)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (tracer <= 0)
		return;
	while (waitpid(tracer, &status, WNOHANG) != tracer)
		if (sigtimedwait(&our_signals, &info, &tick) > 0 && info.si_code != SI_KERNEL)
			kill(tracer, info.si_signo);
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/*
 * [L7] The command starts with the mask and the dispositions that sigfd was started with: a tracer
 * that changes what it traces is of no use. As a child subreaper, sigfd becomes the parent of each
 * descendant whose own parents have died, as a daemon's have: by that [B2] knows them, and reap()
 * knows when the last has ended.
 *
 * The child says itself why it could not be executed; the parent needs no more than its status.
 */
static void start_command(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	run.command = fork();
	if (run.command < 0)
		DIE(EXIT_RUNNING, "can't start '%.99s': %m; end some processes", *opt.command);
	if (run.command)
		return;
	signal(SIGCHLD, child_outside);
	sigprocmask(SIG_SETMASK, &signals_outside, NULL);
	execvp(*opt.command, opt.command);
	run.status = errno == ENOENT ? 127 : 126; /* the child's own */
	complain("can't execute '%.99s': %m; name a program in PATH or its path", *opt.command);
	_exit(run.status);
}

/* ---- The host: what sigfd needs, and what is there ------------------------------------------- */

/*
 * What the kernel says of itself, it says in files that are made as they are read. One of these,
 * without the newline at its end; "" where it can't be read, and errno says why. Valid until the
 * next call. The longest whose end we need is the status of a process in 65,536 groups.
 */
static const char *text_of(const char *path)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	n -= n > 0 && text[n - 1] == '\n';
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/*
 * The number behind a field of such a text ("\nSigBlk:\t", with the newline: a process can call
 * itself "SigBlk:", but not begin a line so); `absent` where it has none.
 */
static __u64 number_in(const char *text, const char *field, int base, __u64 absent)
{
	const char *found = strstr(text, field);

	return found ? strtoull(found + strlen(field), NULL, base) : absent;
}

/*
 * Is that the namespace which the kernel started with? These have fixed inodes:
 * include/linux/proc_ns.h@v6.12. Where the link can't be read, there are no such namespaces.
 */
static bool is_link_to(const char *path, const char *initial)
{
	char target[64] = "";

	return readlink(path, target, sizeof(target) - 1) < 0 || !strcmp(target, initial);
}

/*
 * The place for the pair. A function that is static in the kernel's source, as this one is, may be
 * gone in the compiled kernel, inside its caller, or be there under a name with a suffix.
 *
 * do_signalfd4 in /proc/kallsyms, whose lines are "ffffffff81234560 t name" (names are there for
 * everyone, addresses for root). NULL: not there. If the plain name is not, a name with a
 * compiler's suffix: such a function may take other arguments, so its registers would be misread.
 */
static const char *find_symbol(void)
{
	static char line[512], suffixed[512];
	const char *found = NULL;
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && fgets(line, sizeof(line), f)) {
		char *symbol = strstr(line, " do_signalfd4");

		if (!symbol || (symbol[13] != '.' && !strchr("\t\n", symbol[13])))
			continue;
		symbol[1 + strcspn(symbol + 1, "\t\n")] = '\0';
		found = strcpy(suffixed, symbol + 1);
		if (!symbol[13])
			break;
	}
	if (f)
		fclose(f);
	return found;
}

/*
 * A look at the host, for --check and before each run: that a message names the cause (no BTF), not
 * the symptom (load failed), is worth asking first. What it is for, and what it finds:
 */
static struct {
	unsigned hooks;    /* what these can't do without; 0: all, to be printed */
	char missing[512]; /* the first that is missing, and its mend; "": nothing */
} host;

/*
 * One thing that `hooks` can't do without (0: none of them). `found` says what is there, `missing`
 * what is not and, behind a semicolon, how to mend it. --check prints each; a run keeps the first
 * that it misses.
 */
static void need(const char *name, unsigned hooks, bool ok, const char *found, const char *missing)
{
	if (!host.hooks)
		out.length += sprintf(out.bytes + out.length, "%-20s%-9s%s\n", name,
				      ok ? "ok" : "missing", ok ? found : missing);
	if (!ok && hooks & host.hooks && !*host.missing)
		snprintf(host.missing, sizeof(host.missing), "%s: %s", name, missing);
}

/*
 * [L8] All that sigfd needs, in the order in which --check prints it: what takes away comes before
 * what it takes. A thing that can't be looked at counts as there; the run will tell.
 */
static void survey(unsigned hooks)
{
	const __u64 sys_admin = 1ULL << 21, bpf = 1ULL << 38 | 1ULL << 39; /* PERFMON, BPF */
	bool initial = is_link_to("/proc/self/ns/user", "user:[4026531837]"), confidential, may;
	const char *symbol, *text = text_of("/proc/self/status");
	__u64 caps = number_in(text, "\nCapEff:\t", 16, 0);
	char why[600];

	host.hooks = hooks;
	*host.missing = '\0';
	/* What follows is looked up there: without it there would be no telling what is missing. */
	need("/proc", SIGFD_BOTH, *text, "mounted", "not mounted; mount -t proc proc /proc");
	if (!*text)
		return;

	/*
	 * CAP_BPF to load programs, CAP_PERFMON to let them read the kernel's memory: both since
	 * v5.8, and both in CAP_SYS_ADMIN. In a user namespace even root's reach no BPF. Debian's
	 * kernels know a level 3, at which CAP_PERFMON is not enough.
	 */
	text = text_of("/proc/sys/kernel/perf_event_paranoid");
	may = initial && (caps & sys_admin || ((caps & bpf) == bpf && atoi(text) < 3));
	snprintf(why, sizeof(why),
		 "neither CAP_SYS_ADMIN, nor CAP_BPF, CAP_PERFMON and "
		 "kernel.perf_event_paranoid < 3; run as root%s",
		 initial ? "" : " outside the container");
	need("privilege", SIGFD_BOTH, may,
	     caps & sys_admin ? "CAP_SYS_ADMIN" : "CAP_BPF and CAP_PERFMON", why);

	/* Task storage for tracing programs came with 5.13. */
	text = text_of("/proc/sys/kernel/osrelease");
	need("kernel", SIGFD_BOTH, !*text || strverscmp(text, "5.13") >= 0,
	     *text ? text : "can't tell: no /proc/sys to read", "too old; use 5.13 or later");
	/* The running kernel's types: without them libbpf could not find a field (CO-RE). */
	need("BTF", SIGFD_BOTH, !access("/sys/kernel/btf/vmlinux", R_OK), "/sys/kernel/btf/vmlinux",
	     "no /sys/kernel/btf/vmlinux; use a kernel with CONFIG_DEBUG_INFO_BTF=y");

	/* "integrity" leaves BPF its reads of kernel memory: security/security.c@v6.12. */
	text = text_of("/sys/kernel/security/lockdown");
	confidential = strstr(text, "[confidentiality]");
	need("lockdown", SIGFD_BOTH, !confidential,
	     *text ? text : "can't tell: not built in, not mounted, or not root",
	     "confidentiality keeps kernel memory from BPF; boot with lockdown=integrity");
	/* A kprobe is opened by perf_event_open(2), as an event of this kind. */
	need("kprobes", SIGFD_PAIR, !access("/sys/bus/event_source/devices/kprobe", F_OK),
	     "built in", "not in this kernel (CONFIG_KPROBE_EVENTS); use --hook=syscall");
	text = text_of("/sys/kernel/debug/kprobes/enabled");
	/* No hook needs it here, since it may change at any time: [L3] finds out. */
	need("kprobes enabled", 0, *text != '0', *text ? "yes" : "can't tell: no debugfs to read",
	     "switched off; switch them on: echo 1 > /sys/kernel/debug/kprobes/enabled");
	symbol = hooks == SIGFD_SYSCALL ? NULL : find_symbol();
	snprintf(why, sizeof(why),
		 "there only as %s, maybe with other arguments; use --hook=syscall", symbol ?: "");
	need("symbol", SIGFD_PAIR, symbol && !strchr(symbol, '.'), "do_signalfd4",
	     symbol ? why : "no do_signalfd4 in /proc/kallsyms; use --hook=syscall");

	/* Where tracefs is not mounted yet, there is nothing to look at: [L1] mounts it. */
	text = text_of("/sys/kernel/tracing/events/syscalls/sys_enter_signalfd4/id");
	may = *text || (errno == ENOENT && access("/sys/kernel/tracing/events", F_OK));
	need("syscall tracepoints", SIGFD_SYSCALL, may && !confidential,
	     *text ? "syscalls/sys_enter_signalfd4" : "can't tell: tracefs is not mounted yet",
	     confidential    ? "confidentiality empties tracefs; boot with lockdown=integrity" :
	     errno == EACCES ? "can't look; run as root, or with CAP_DAC_READ_SEARCH" :
			       "no syscalls/sys_enter_signalfd4; use a kernel that has them");
}

/*
 * Which hooks to use: those asked for, or what `auto` means here: the pair; with --failed both,
 * since the pair never sees a call that fails early; where that can't be, the boundary, with a word
 * about it. False: none will do, and `host` says why.
 */
static bool choose_hooks(void)
{
	unsigned asked = opt.hooks;

	opt.hooks = asked ?: opt.given['x'] ? SIGFD_BOTH : SIGFD_PAIR;
	survey(opt.hooks);
	if (*host.missing && !asked) {
		char *why = strdupa(host.missing);

		opt.hooks = SIGFD_SYSCALL;
		survey(opt.hooks);
		if (!*host.missing && !opt.given[KEY_CHECK])
			complain("hook syscall: %.*s", (int)strcspn(why, ";"), why);
	}
	return !*host.missing;
}

/* --check: each row, and what a run without --hook would make of them. No BPF is used. */
static int check(void)
{
	bool any;

	survey(0);
	any = choose_hooks();
	out.length += sprintf(out.bytes + out.length, "%-20s%s\n", "auto chooses",
			      any ? hook_names[opt.hooks] : "nothing");
	flush_records();
	return run.status ? run.status : any ? EXIT_SUCCESS : EXIT_HOST;
}

/*
 * The process or thread of --pid or --tid, by a descriptor that stays its own: a number may be
 * given again to another. The kernel makes one for a thread only since v6.9 (O_EXCL is
 * PIDFD_THREAD). On older ones a main thread's is that of its process, since its number stays while
 * its parent does not wait for it; for another thread receive() asks by number.
 *
 * The kernel half compares with the numbers of the initial PID namespace: in another one they would
 * be somebody else's.
 */
static void open_target(void)
{
	unsigned id = opt.kernel.tid ? opt.kernel.tid : opt.kernel.tgid, tgid;
	char path[64];
	/* A name without a slash would be looked up in PATH. */
	const char *exe = opt.command ? *opt.command : path;

	snprintf(path, sizeof(path), "/proc/%u/exe", id);
	run.compat = strchr(exe, '/') && !strncmp(text_of(exe), "\177ELF\1", 5);
	if (!id)
		return;
	if (!opt.given['l'] && !is_link_to("/proc/self/ns/pid", "pid:[4026531836]"))
		DIE(EXIT_HOST, "--pid and --tid take numbers of the initial PID namespace, and "
			       "sigfd is not in it; run it there, or use --name or --cgroup");
	run.target = syscall(SYS_pidfd_open, id, opt.kernel.tid ? O_EXCL : 0);
	if (run.target < 0)
		run.target = syscall(SYS_pidfd_open, id, 0);
	if (kill(id, 0) && errno == ESRCH)
		DIE(EXIT_RUNNING, "no process or thread has the number %u; see `ps -eL`", id);
	snprintf(path, sizeof(path), "/proc/%u/status", id);
	tgid = number_in(text_of(path), "\nTgid:\t", 10, id);
	if (opt.kernel.tgid && tgid != id)
		DIE(EXIT_USAGE, "--pid: %u is a thread of %u; use --pid=%u", id, tgid, tgid);
}

/* ---- --list: the descriptors that exist, from /proc ------------------------------------------ */

/*
 * What holds for all descriptors of a process; looked up once, for there may be many, and a process
 * of a thousand threads takes a thousand files. The main thread's name, the real user, the signals
 * that all threads block, those that the process ignores.
 */
static struct {
	char pid[16], comm[SIGFD_COMM_LEN]; /* "": none yet */
	__u64 uid, all_block, ignored;
} process;

/*
 * A signal to the process goes to any thread that does not block it, so all must. (One that sleeps
 * in sigwaitinfo does not block what it waits for: it is the one that will take the signal.)
 */
static void look_at_process(const char *pid)
{
	char path[64];
	glob_t tasks;

	strcpy(process.pid, pid);
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	snprintf(process.comm, sizeof(process.comm), "%s", text_of(path));
	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	process.uid = number_in(text_of(path), "\nUid:\t", 10, -1);
	process.ignored = number_in(text_of(path), "\nSigIgn:\t", 16, 0);
	process.all_block = -1;
	snprintf(path, sizeof(path), "/proc/%s/task/*/status", pid);
	glob(path, GLOB_NOSORT, NULL, &tasks);
	for (size_t i = 0; i < tasks.gl_pathc; i++)
		process.all_block &= number_in(text_of(tasks.gl_pathv[i]), "\nSigBlk:\t", 16, -1);
	globfree(&tasks);
}

/*
 * One signalfd: its mask is what the kernel kept of it, without KILL and STOP. The marks are those
 * of an event, but looked for now, and in all threads: what a program has blocked since the call
 * has gone from `unblocked`.
 */
static void put_descriptor(const char *fd, __u64 mask)
{
	__u64 unblocked = mask & ~process.all_block & ~SIG_FOR_DROPPED;
	__u64 discarded = mask & process.ignored & SIGFD_BIT(SIGCHLD);

	if (out.length + RECORD_MAX > sizeof(out.bytes))
		flush_records();
	put(form == JSON ? "{" : "");
	field("PID    ", "pid", process.pid);
	field("FD  ", "fd", fd);
	field("COMM            ", "comm", printable(process.comm, form == JSON));
	field(NULL, "mask", hex_mask(mask));
	field(NULL, "signals", names_of(mask));
	field(NULL, "unblocked", names_of(unblocked));
	field(NULL, "discarded", names_of(discarded));
	put(form == JSON ? "" : names_of(mask));
	put(form == JSON || !unblocked ? "" : "  !unblocked ");
	put(form == JSON || !unblocked ? "" : names_of(unblocked));
	put(form == JSON || !discarded ? "" : "  !discarded CHLD");
	put(form == JSON ? "}\n" : "\n");
}

/*
 * What glob(3) can't read, and what list() can't: to leave it out without a word would be a lie.
 * The errno of one such place in /proc, if there is any not EACCES; 0: none.
 */
static int left_out;

static int leave_out(const char *path, int error)
{
	(void)path;
	if (error != ENOENT && error != ESRCH && (!left_out || left_out == EACCES)) /* not ended */
		left_out = error;
	return 0;
}

/*
 * A process may end while it is looked at, and its number be another's; what is printed of a
 * descriptor was true when it was read. Signals are heard between two of them.
 *
 * By hidepid=1 a process's folder is there, and may not be looked into; of a plain name in it
 * glob(3) would only find that it is not there. "[f]" makes it open the folder, and so hear why. By
 * hidepid=2 the folder is not there at all: that of --pid's process, or of the first one, tells.
 */
static int list(void)
{
	char pattern[64], pid[16], fd[16];
	glob_t files;

	if (access("/proc/self/fdinfo", F_OK))
		DIE(EXIT_RUNNING, "can't read /proc: %m; mount -t proc proc /proc");
	if (form != JSON && !opt.given['q'])
		put("PID     FD   COMM             SIGNALS\n");
	snprintf(pattern, sizeof(pattern), "/proc/%u", opt.kernel.tgid ?: 1);
	left_out = access(pattern, F_OK) ? EPERM : 0;
	snprintf(pattern, sizeof(pattern), "/proc/%s/[f]dinfo/[0-9]*",
		 opt.kernel.tgid ? decimal(opt.kernel.tgid) : "[0-9]*");
	/* Process by process. Which of the descriptors are signalfds, their fdinfo tells. */
	glob(pattern, GLOB_NOSORT, leave_out, &files);
	for (size_t i = 0; i < files.gl_pathc && !stopping(); i++) {
		const char *text = text_of(files.gl_pathv[i]);
		__u64 mask = number_in(text, "\nsigmask:\t", 16, 0);

		if (!*text)
			leave_out(NULL, errno);
		if (!strstr(text, "\nsigmask:\t") ||
		    (opt.kernel.signals && !(mask & opt.kernel.signals)))
			continue;
		sscanf(files.gl_pathv[i], "/proc/%15[0-9]/fdinfo/%15s", pid, fd);
		if (strcmp(pid, process.pid))
			look_at_process(pid);
		if ((!opt.kernel.by_uid || process.uid == opt.kernel.uid) &&
		    (!opt.kernel.by_comm || !strcmp(process.comm, opt.kernel.comm)))
			put_descriptor(fd, mask);
	}
	globfree(&files);
	flush_records();
	if (left_out)
		complain("some of /proc is left out (%s); run as root, with CAP_SYS_PTRACE, or "
			 "raise ulimit -n",
			 strerror(left_out));
	return left_out && left_out != EACCES ? EXIT_RUNNING : run.status;
}

/* ---- Options --------------------------------------------------------------------------------- */

/*
 * argp(3) reads the command line by this table, and prints it for --help. What is given is kept by
 * its letter, in opt.given; read_options() makes of it what the rest of the program uses.
 */

static const struct argp_option options[] = {
	{ 0, 0, 0, 0, "Which calls (all of these must hold):", 1 },
	{ "pid", 'p', "PID", 0, "of that process", 1 },
	{ "tid", 't', "TID", 0, "of that thread", 1 },
	{ "uid", 'u', "UID", 0, "of that user, by number", 1 },
	{ "name", 'n', "NAME", 0, "of threads whose comm is NAME", 1 },
	{ "cgroup", 'c', "PATH", 0, "in that cgroup (v2 folder), or below it", 1 },
	{ "signal", 's', "SIG[,SIG...]", 0, "whose mask holds one of these signals", 1 },
	{ "failed", 'x', 0, 0, "that failed", 1 },
	{ 0, 0, 0, 0, "How to trace:", 2 },
	{ "hook", 'H', "HOOK", 0, "auto, pair, syscall or both (auto)", 2 },
	{ "duration", 'd', "SECONDS", 0, "end after that time", 2 },
	{ "max-events", 'M', "N", 0, "end after N events", 2 },
	{ "buffer", 'b', "KIB", 0, "size of the ring buffer (4096)", 2 },
	{ 0, 0, 0, 0, "What to print:", 3 },
	{ "timestamp", 'T', 0, 0, "add the time of each call", 3 },
	{ "print-uid", 'U', 0, 0, "add the user", 3 },
	{ "explain", 'e', 0, 0, "say under each event what it means", 3 },
	{ "json", 'j', 0, 0, "JSON Lines", 3 },
	{ "quiet", 'q', 0, 0, "no header, no summary", 3 },
	{ "verbose", 'v', 0, 0, "libbpf's messages too", 3 },
	{ 0, 0, 0, 0, "Instead of tracing:", 4 },
	{ "list", 'l', 0, 0, "every signalfd that exists now", 4 },
	{ "check", KEY_CHECK, 0, 0, "what this host offers", 4 },
	{ "help", 'h', 0, 0, "this list", 5 },
	{ "version", 'V', 0, 0, "the version", 5 },
	{ 0 },
};

/*
 * A whole decimal number from min to max, or the end of sigfd; 0 if it is not given. strtoul()
 * alone would also take blanks in front, a sign, and what is behind.
 */
static unsigned long number(const char *name, char letter, unsigned long min, unsigned long max)
{
	const char *text = opt.given[(int)letter];
	unsigned long n;
	char *end;

	errno = 0;
	n = text ? strtoul(text, &end, 10) : 0;
	if (text && (*text < '0' || *text > '9' || *end || errno || n < min || n > max))
		DIE(EXIT_USAGE, "--%s: '%.99s' is no number in %lu..%lu", name, text, min, max);
	return n;
}

/*
 * The number of a signal by name or number, with or without SIG, in any case; 0: no such. RTMAX-N
 * counts down from 64. The names are those that are printed, so what is read can be given back.
 */
static int signal_number(const char *name)
{
	char *end;
	long n = strtol(name, &end, 10);

	if (*name >= '0' && *name <= '9')
		return *end || n < 1 || n > 64 ? 0 : n;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	if (!strncasecmp(name, "RTMAX", 5)) {
		n = strtol(name + 5, &end, 10);
		return *end || n > 0 || n < SIGRTMIN - SIGRTMAX ? 0 : SIGRTMAX + n;
	}
	for (int sig = 1; sig <= 64; sig++)
		if (!strcasecmp(name, signal_name(sig)))
			return sig;
	return 0;
}

/*
 * From the options as given, by letter, to what they mean, and the end of sigfd where they mean
 * nothing. The filters go to the kernel half as they are: a call that is filtered out there costs
 * no copy, no wake-up and no formatting.
 */
static void read_options(void)
{
	const char **given = opt.given;
	const char *mode = given[KEY_CHECK] ? "--check" : given['l'] ? "--list" : NULL;
	const char *refused = given[KEY_CHECK] ? "ptuncsxHdMlj" : given['l'] ? "tcxHdM" : "";

	/* What is refused beside --list (which has no calls to look at) and --check. */
	for (; *refused; refused++)
		if (given[(int)*refused])
			DIE(EXIT_USAGE, "-%c can't be used with %s; see --help", *refused, mode);
	if (mode && opt.command)
		DIE(EXIT_USAGE, "a command can't be used with %s; see --help", mode);
	opt.kernel.tgid = number("pid", 'p', 1, 1 << 22); /* PID_MAX_LIMIT */
	opt.kernel.tid = number("tid", 't', 1, 1 << 22);
	opt.kernel.uid = number("uid", 'u', 0, UINT_MAX);
	/* Whether to ask for a thing stands apart from its value: root is user 0. */
	opt.kernel.by_uid = given['u'] != NULL;
	opt.kernel.by_comm = given['n'] != NULL;
	opt.kernel.by_cgroup = given['c'] != NULL;
	opt.kernel.failed = given['x'] != NULL;
	opt.kernel.follow = opt.command != NULL;
	if (given['n'] && !*given['n'])
		DIE(EXIT_USAGE, "--name: the name is empty; `ps -eLo comm` lists what there is");
	/* The kernel cuts a comm at 15 bytes, so a longer name is cut as well. */
	strncpy(opt.kernel.comm, given['n'] ?: "", SIGFD_COMM_LEN - 1);
	for (char *rest = (char *)given['s'], *name; (name = strsep(&rest, ","));) {
		if (!signal_number(name))
			DIE(EXIT_USAGE, "--signal: no '%.99s'; use a name or 1 to 64", name);
		opt.kernel.signals |= SIGFD_BIT(signal_number(name));
	}
	while (given['H'] && (!hook_names[opt.hooks] || strcmp(given['H'], hook_names[opt.hooks])))
		if (opt.hooks++ == SIGFD_BOTH)
			DIE(EXIT_USAGE, "--hook=%.99s: use auto, pair, syscall, both", given['H']);
	opt.duration = number("duration", 'd', 1, INT_MAX);
	opt.max_events = number("max-events", 'M', 1, LONG_MAX);
	opt.buffer_kib = number("buffer", 'b', 4, 1 << 20) ?: 4096;
	form = given['j'] ? JSON : TEXT;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'h':
	case 'V':
		if (key == 'V')
			puts("sigfd 0.1");
		else
			argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP, (char *)"sigfd");
		if (fflush(stdout))
			DIE(EXIT_RUNNING,
			    "can't write the output: %m; make room, or send it elsewhere");
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG: /* what is no option: COMMAND, if it stands behind `--` */
		if (!state->quoted || state->next <= state->quoted)
			DIE(EXIT_USAGE, "'%.99s' is no option; put a command after --", arg);
		opt.command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END: /* all has been read */
		if (state->quoted && !opt.command)
			DIE(EXIT_USAGE, "no command after --; name one, or leave -- out");
		return 0;
	case ARGP_KEY_ERROR:
		/* Of short options in one word argp tells no more than the word before. */
		DIE(EXIT_USAGE,
		    "near '%.99s': unknown, ambiguous, or a value missing or not taken; see --help",
		    state->argv[state->next - (state->next > 1)]);
	default:
		if (key <= 0 || key >= 128)
			return ARGP_ERR_UNKNOWN;
		opt.given[key] = arg ? arg : "";
		return 0;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "[-- COMMAND [ARG...]]",
	.doc = "Show signalfd calls, all or those of COMMAND, with what the kernel really used.\v"
	       "Exit status: 0; 1 an error while running; 2 wrong usage; 3 this host can't be "
	       "traced so; with COMMAND its own. The man page sigfd(8) explains all.",
};

int main(int argc, char **argv)
{
	int fd;

	/*
	 * A standard descriptor that was closed (>&-) must not become one of ours, or what is
	 * printed would be written to a map. What takes its place can't be written to, which is an
	 * error that the user hears of; and it is closed to COMMAND, as it was to us.
	 */
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO)
		;
	close(fd);
	setlocale(LC_CTYPE, "C.UTF-8"); /* for printable(), whatever the user's locale is */
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP | ARGP_NO_ERRS, NULL, NULL);
	read_options();
	take_signals();
	if (opt.command)
		leave_strangers();
	open_output();
	if (opt.given[KEY_CHECK])
		return check();
	open_target();
	if (opt.given['l'])
		return list();
	if (!choose_hooks())
		DIE(EXIT_HOST, "%s", host.missing);
	return trace();
}
