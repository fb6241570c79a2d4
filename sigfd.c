// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * sigfd.c: the user half. In the order in which it runs:
 *
 *	[U1] options    [U3] --list    [U5] attach    [U7] command    [U9] account
 *	[U2] host       [U4] load      [U6] prove     [U8] receive
 *
 * Before these steps stands what they all speak with: names, whole lines, and what an event means.
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
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sigfd.h"
#include "sigfd.skel.h"

/* Exit statuses. Besides: COMMAND's own, and for it 126 and 127 as the shell has them. */
#define EXIT_RUNNING 1 /* an error while running */
#define EXIT_USAGE 2   /* wrong usage */
#define EXIT_HOST 3    /* this host can't be traced as asked */

#define TICK_MS 50      /* how long an event may lie in the ring buffer before it is shown */
#define PATIENCE_MS 500 /* how long a reader is waited for after a signal or --duration */
#define NSEC 1000000000ULL

#define SIG_FOR_DROPPED (SIGFD_BIT(SIGKILL) | SIGFD_BIT(SIGSTOP))
#define SIG_FOR_FAULTS                                                                             \
	(SIGFD_BIT(SIGSEGV) | SIGFD_BIT(SIGBUS) | SIGFD_BIT(SIGFPE) | SIGFD_BIT(SIGILL) |          \
	 SIGFD_BIT(SIGTRAP) | SIGFD_BIT(SIGSYS))

#define VERSION "sigfd 0.1"

/* What the user asked for. Filters that the kernel half applies are in `kernel`. */
static struct {
	struct sigfd_settings kernel;
	const char *cgroup;       /* --cgroup's folder; NULL: any */
	char **command;           /* NULL-terminated; NULL: none */
	unsigned hooks;           /* --hook; 0: auto */
	unsigned duration;        /* seconds; 0: no limit */
	unsigned long max_events; /* 0: no limit */
	unsigned long buffer_kib;
	bool timestamp, print_uid, explain, json, list, check, quiet, verbose;
	bool given[128]; /* by option key: for those that don't go together */
} opt = { .buffer_kib = 4096 };

/* How a run stands. */
static struct {
	struct sigfd_bpf *skel;
	struct ring_buffer *ring;
	struct bpf_link *links[7]; /* one a program of the kernel half; NULL: not attached */
	unsigned long skipped;     /* entries that the kernel had skipped before it began */
	unsigned long received;    /* events taken from the ring buffer, the marked ones aside */
	unsigned long shown;       /* of these, written */
	unsigned long unwritten;   /* of these, dropped because nobody reads */
	unsigned long unwanted;    /* events dropped because they came after --max-events */
	__u64 nonce;               /* the mask of our start-up call */
	__u32 proof_tgid;          /* who we are in the initial PID namespace; 0: not proven */
	__u64 to_realtime;         /* CLOCK_REALTIME minus CLOCK_MONOTONIC, now, ns */
	__u64 deadline;            /* CLOCK_MONOTONIC, ns; 0: no --duration */
	__u64 hurry;               /* from then on no reader is waited for, ns; 0: no hurry */
	pid_t command;             /* 0: none, or it has ended */
	int command_status;        /* its exit status, once it has ended */
	int error;                 /* exit status that an error while running asks for; 0: none */
	int signal;                /* the one that ended us; 0: none */
	int output;                /* the descriptor for events */
	bool from_terminal;        /* COMMAND has had the signal too */
	bool stop;                 /* end the run */
	bool closed;               /* nobody takes the output any more */
} run;

static sigset_t our_signals;     /* those that we take */
static sigset_t signals_outside; /* the mask that we were started with */

/*
 * One line on stderr: what, why, mend. Dropped where nobody takes it: when stderr is a pipe that
 * is full, a word about lost events must not stop the tracer.
 */
static __attribute__((format(printf, 1, 2))) void complain(const char *format, ...)
{
	struct pollfd reader = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (poll(&reader, 1, TICK_MS) == 1)
		dprintf(STDERR_FILENO, "sigfd: %.*s\n", n, line);
}

/* complain(), and the end of sigfd, while the command line is read. */
#define REFUSE(...) (complain(__VA_ARGS__), exit(EXIT_USAGE))

static __u64 now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NSEC + t.tv_nsec;
}

/* ---- Names ---------------------------------------------------------------------------------- */

/*
 * The name of a signal without SIG, as glibc's users know it: its SIGRTMIN is the kernel's 34,
 * since the C library keeps 32 and 33 for its threads (nptl(7)); those two have no name.
 */
static const char *signal_name(int sig)
{
	static char names[65][24]; /* each made when first asked for */
	char *name = names[sig];

	if (sig < SIGRTMIN && sigabbrev_np(sig))
		return sigabbrev_np(sig);
	if (sig == SIGRTMIN)
		return "RTMIN";
	if (!*name)
		snprintf(name, sizeof(*names), sig < SIGRTMIN ? "%d" : "RTMIN+%d",
			 sig < SIGRTMIN ? sig : sig - SIGRTMIN);
	return name;
}

/* The number of a signal by name or number, with or without SIG, in any case; 0: no such. */
static int signal_number(const char *name)
{
	static const struct {
		const char *name;
		int sig;
	} aliases[] = { { "IO", SIGIO }, { "CLD", SIGCHLD }, { "IOT", SIGABRT } };
	char *end;
	long n = strtol(name, &end, 10);

	if (isdigit((unsigned char)*name))
		return *end || n < 1 || n > 64 ? 0 : n;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (!strcasecmp(name, aliases[i].name))
			return aliases[i].sig;
	for (int sig = 1; sig <= 64; sig++)
		if (!strcasecmp(name, signal_name(sig)))
			return sig;
	return 0;
}

static const char *errno_name(int error)
{
	static char digits[24];
	const char *name = strerrorname_np(error);

	if (name)
		return name;
	snprintf(digits, sizeof(digits), "%d", error);
	return digits;
}

/* ---- Output: whole records, to a file, a terminal or a pipe --------------------------------- */

static struct {
	char bytes[1 << 16];
	size_t length;
	size_t ends[1024]; /* where the records end */
	size_t records;
} out;

/*
 * The longest record, in JSON with every array full, has some 2,200 bytes (test_widest() in
 * test/unit.c makes it). end_record() leaves as much as this free for the next one, so none of
 * the functions that put a part of it looks at the buffer's end.
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

/* At least one blank follows, also behind what is wider than its column. */
static void put_column(const char *text, size_t width)
{
	size_t end = out.length + width;

	put(text);
	do
		out.bytes[out.length++] = ' ';
	while (out.length <= end);
}

/* With zeros in front up to `least` digits. Inline: by a constant base nothing is divided. */
static __always_inline char *digits_of(__u64 n, unsigned base, int least)
{
	static char text[24];
	char *p = text + sizeof(text) - 1;

	for (; n || least > 0; n /= base, least--)
		*--p = "0123456789abcdef"[n % base];
	return p;
}

static const char *decimal(__u64 n)
{
	return digits_of(n, 10, 1);
}

static const char *signed_decimal(int n)
{
	char *text = digits_of(n < 0 ? -(__s64)n : n, 10, 1);

	if (n < 0)
		*--text = '-';
	return text;
}

/* What is seldom, or printed once. */
static __attribute__((format(printf, 1, 2))) void put_format(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out.length +=
		vsnprintf(out.bytes + out.length, sizeof(out.bytes) - out.length, format, args);
	va_end(args);
}

static void hurry(void)
{
	run.stop = true;
	if (!run.hurry)
		run.hurry = now(CLOCK_MONOTONIC) + PATIENCE_MS * 1000000ULL;
}

/* Is it time to end? Takes in the signals that have come. */
static bool stopping(void)
{
	static const struct timespec at_once;
	siginfo_t info;

	while (sigtimedwait(&our_signals, &info, &at_once) > 0) {
		run.signal = info.si_signo;
		run.from_terminal = info.si_code == SI_KERNEL;
		hurry();
	}
	if (run.deadline && now(CLOCK_MONOTONIC) >= run.deadline)
		hurry();
	return run.stop;
}

static void say_losses(void);

/*
 * Sleeps until the reader takes more: for as long as it likes, unless there is a hurry. False: it
 * has not taken it in time.
 */
static bool wait_for_reader(void)
{
	struct pollfd reader = { .fd = run.output, .events = POLLOUT };

	while (poll(&reader, 1, TICK_MS) < 1) {
		stopping();
		if (run.hurry && now(CLOCK_MONOTONIC) >= run.hurry)
			return false;
		say_losses();
	}
	return true;
}

/* A reader that has left (EPIPE) is an orderly end; anything else is an error. */
static void output_failed(void)
{
	run.stop = run.closed = true;
	if (errno == EPIPE)
		return;
	complain("can't write the output: %s; make room, or send it elsewhere", strerror(errno));
	run.error = EXIT_RUNNING;
}

/*
 * Writes the records that have gathered. What is no file may stall, and is written to without
 * blocking (main() has seen to that), in pieces of whole records of at most PIPE_BUF bytes, which
 * a pipe takes whole or not at all (pipe(7)): its reader never sees a torn line.
 */
static void flush_records(void)
{
	struct stat st;
	bool file = !fstat(run.output, &st) && S_ISREG(st.st_mode);
	size_t begin = 0, done = 0;

	while (done < out.records && !run.closed) {
		size_t last = file ? out.records : done + 1;
		ssize_t n;

		while (last < out.records && out.ends[last] - begin <= PIPE_BUF)
			last++;
		if (!file && !wait_for_reader()) {
			run.closed = true;
			break;
		}
		n = write(run.output, out.bytes + begin, out.ends[last - 1] - begin);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			output_failed();
			break;
		}
		begin += n;
		while (done < out.records && out.ends[done] <= begin)
			done++;
	}
	run.shown += done;
	run.unwritten += out.records - done;
	out.length = out.records = 0;
}

static void end_record(void)
{
	out.ends[out.records++] = out.length;
	if (out.records == sizeof(out.ends) / sizeof(*out.ends) ||
	    out.length + RECORD_MAX > sizeof(out.bytes))
		flush_records();
}

/* ---- What is said of an event --------------------------------------------------------------- */

/* Why a call failed. The three EINVAL stand in the order of the kernel's checks. */
static const struct cause {
	int error;
	const char *name; /* in text and JSON */
	const char *text; /* for --explain */
} causes[] = {
	{ EINVAL, "bad sizemask", "sizemask must be 8, the size of the kernel's sigset_t" },
	{ EINVAL, "bad flags", "only SFD_CLOEXEC and SFD_NONBLOCK are flags" },
	{ EINVAL, "not a signalfd", "the descriptor to update is open, but no signalfd" },
	{ EFAULT, "bad pointer", "the kernel could not read a mask there" },
	{ EBADF, "bad descriptor", "the descriptor to update is not open; -1 creates one" },
	{ EMFILE, "no descriptor left", "the process is at its limit (RLIMIT_NOFILE)" },
	{ ENFILE, "no file left", "the system is at its limit (sysctl fs.file-max)" },
	{ ENOMEM, "no memory", "the kernel had no memory for the descriptor" },
	{ 0, "other", "no check of signalfd gives this; a security module may have" },
};

static const struct cause *cause_of(const struct sigfd_event *e)
{
	const struct cause *cause = causes;

	if (e->ret >= 0)
		return NULL;
	while (cause->error && cause->error != -e->ret)
		cause++;
	if (cause != causes || (e->seen & SIGFD_ENTER && e->sizemask != sizeof(e->mask)))
		return cause;
	return e->flags & ~(SFD_CLOEXEC | SFD_NONBLOCK) ? &causes[1] : &causes[2];
}

/* What an event says beyond its arguments. */
struct meaning {
	__u64 mask;                /* the kernel's copy where it was seen, else the user's */
	__u64 ignored;             /* of mask: what the kernel drops */
	__u64 unblocked;           /* of mask: what won't wait for the descriptor */
	__u64 synchronous;         /* of mask: real faults, which never come by a descriptor */
	const struct cause *cause; /* NULL: the call succeeded */
	bool mask_known, create, flags_ignored, raced;
};

static struct meaning meaning_of(const struct sigfd_event *e)
{
	bool user_known = e->seen & SIGFD_ENTER && !e->user_err;
	struct meaning m = {
		.mask = e->seen & SIGFD_KPROBE ? e->mask :
			user_known             ? e->user_mask :
						 0,
		.mask_known = e->seen & SIGFD_KPROBE || user_known,
		.cause = cause_of(e),
		.create = e->ufd == -1,
		.raced = e->seen & SIGFD_KPROBE && user_known && e->mask != e->user_mask,
	};

	m.ignored = m.mask & SIG_FOR_DROPPED;
	m.unblocked = m.mask & ~e->blocked & ~SIG_FOR_DROPPED;
	m.synchronous = m.mask & SIG_FOR_FAULTS;
	m.flags_ignored = e->ret >= 0 && !m.create && e->flags;
	return m;
}

/* As text: "HUP INT", "-" for none; a set that holds nearly all as "~[KILL STOP]", as strace. */
static void put_set(__u64 set)
{
	bool most = __builtin_popcountll(set) > 64 * 2 / 3;
	__u64 named = most ? ~set : set;
	const char *gap = "";

	if (!set)
		put("-");
	if (most)
		put("~[");
	for (; named; named &= named - 1) {
		put(gap);
		put(signal_name(ffsll(named)));
		gap = " ";
	}
	if (most)
		put("]");
}

/* A comm may hold any byte but NUL: a terminal gets only printable ASCII of it. */
static const char *printable(const char *comm)
{
	static char text[4 * SIGFD_COMM_LEN + 1];
	char *p = text;

	for (; *comm; comm++) {
		unsigned char c = *comm;

		if (c == '\\')
			*p++ = '\\';
		if (c < ' ' || c > '~')
			p += sprintf(p, "\\x%02x", c);
		else
			*p++ = c;
	}
	*p = '\0';
	return text;
}

/* The flags by name, what has no name in hex: CLOEXEC|0x1, or "SFD_CLOEXEC","0x1" for JSON. */
static const char *flags_text(unsigned flags, const char *prefix, const char *gap)
{
	static char text[64];
	unsigned rest = flags & ~(SFD_CLOEXEC | SFD_NONBLOCK);
	char *p = text;

	*p = '\0';
	if (flags & SFD_CLOEXEC)
		p = stpcpy(stpcpy(p, prefix), "CLOEXEC");
	if (flags & SFD_NONBLOCK)
		p = stpcpy(stpcpy(stpcpy(p, p > text ? gap : ""), prefix), "NONBLOCK");
	if (rest)
		sprintf(p, "%s%#x", p > text ? gap : "", rest);
	return text;
}

/* Local, or for JSON in UTC and with the date. Made once a second: half of a record's cost. */
static void put_time(__u64 ktime_ns)
{
	static time_t made_for = -1;
	static char text[32];
	__u64 at = ktime_ns + run.to_realtime;
	time_t seconds = at / NSEC;
	struct tm tm;

	if (seconds != made_for && opt.json)
		strftime(text, sizeof(text), "%FT%T.", gmtime_r(&seconds, &tm));
	else if (seconds != made_for)
		strftime(text, sizeof(text), "%T.", localtime_r(&seconds, &tm));
	made_for = seconds;
	put(text);
	put(opt.json ? digits_of(at % NSEC, 10, 9) : digits_of(at % NSEC / 1000, 10, 6));
}

/* Under the event, with --explain: the place in the manual page, and what the event means. */
static void explain(const char *section, const char *text)
{
	put_format("        sigfd(8) %s: %s\n", section, text);
}

static void explain_event(const struct meaning *m)
{
	if (!m->mask_known)
		explain("LIMITS", "the mask's page was not in memory; the kernel can read it");
	if (m->raced)
		explain("RACED", "memory changed before the copy; the kernel used SIGNALS");
	if (m->cause) {
		explain("ERRORS", m->cause->text);
		return;
	}
	if (m->create)
		explain("CALL", "a new descriptor, for the signals pending for its reader");
	else
		explain("CALL", "the set replaces the descriptor's old one");
	if (m->flags_ignored)
		explain("CALL", "an update ignores valid flags; fcntl(2) sets them");
	if (m->unblocked)
		explain("UNBLOCKED", "the thread does not block them: they won't wait here");
	if (m->ignored)
		explain("IGNORED", "KILL and STOP can't be caught: the kernel drops them");
	if (m->synchronous)
		explain("SYNCHRONOUS", "a real fault never waits here, only a sent signal");
}

static void put_note(const char *note, __u64 set)
{
	if (!set)
		return;
	put(note);
	put_set(set);
}

static void print_text(const struct sigfd_event *e)
{
	struct meaning m = meaning_of(e);
	char call[24] = "create";

	if (!m.create)
		snprintf(call, sizeof(call), "update %d", e->ufd);
	if (opt.timestamp) {
		put_time(e->ktime_ns);
		put(" ");
	}
	if (opt.print_uid)
		put_column(decimal(e->uid), 7);
	put_column(decimal(e->tgid), 7);
	put_column(decimal(e->tid), 7);
	put_column(printable(e->comm), 16);
	put_column(call, 9);
	put_column(e->ret < 0 ? errno_name(-e->ret) : decimal(e->ret), 7);
	put_column(e->flags ? flags_text(e->flags, "", "|") : "-", 17);
	if (m.mask_known)
		put_set(m.mask);
	else
		put_format("?  !mask unread %s", errno_name(-e->user_err));
	if (m.cause) {
		put("  !");
		put(m.cause->name);
	} else {
		if (m.flags_ignored)
			put("  !flags ignored");
		put_note("  !unblocked ", m.unblocked);
		put_note("  !ignored ", m.ignored);
		put_note("  !synchronous ", m.synchronous);
	}
	if (m.raced) {
		put("  !raced ");
		put_set(e->user_mask);
	}
	if (opt.hooks == SIGFD_BOTH && !(e->seen & SIGFD_ENTER))
		put("  !not seen at the boundary");
	if (opt.hooks == SIGFD_BOTH && !(e->seen & SIGFD_KPROBE) && e->ret < 0)
		put("  !not reached");
	put("\n");
	if (opt.explain)
		explain_event(&m);
}

/* The code point of the UTF-8 sequence at s, and its length; U+FFFD and 1 for what is none. */
static unsigned utf8(const unsigned char *s, int *length)
{
	static const unsigned least[] = { 0, 0x80, 0x800, 0x10000 }; /* shorter ones are overlong */
	int more = *s < 0x80 ? 0 :
		   *s < 0xc0 ? 4 :
		   *s < 0xe0 ? 1 :
		   *s < 0xf0 ? 2 :
		   *s < 0xf8 ? 3 :
			       4;
	unsigned point = more ? *s & (0x3f >> more) : *s;

	*length = 1;
	for (int i = 1; i <= more && more < 4; i++) {
		if ((s[i] & 0xc0) != 0x80) /* also where the string ends */
			return 0xfffd;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (more == 4 || point < least[more] || point > 0x10ffff || point >> 11 == 0x1b)
		return 0xfffd;
	*length += more;
	return point;
}

/* A string for JSON, in ASCII: valid whatever the bytes, and harmless to a terminal too. */
static void put_string(const char *s)
{
	put("\"");
	for (int length; *s; s += length) {
		unsigned c = utf8((const unsigned char *)s, &length);

		if (c > 0xffff)
			put_format("\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
		else if (c < ' ' || c > '~')
			put_format("\\u%04x", c);
		else if (c == '"' || c == '\\')
			put_format("\\%c", c);
		else
			out.bytes[out.length++] = c;
	}
	put("\"");
}

/* Inline like put(): the keys are literals. What the hook can't know is null. */
static __always_inline void put_key(const char *key)
{
	put(",\"");
	put(key);
	put("\":");
}

static __always_inline void put_value(const char *key, const char *value)
{
	put_key(key);
	put(value ? value : "null");
}

static __always_inline void put_word(const char *key, const char *word)
{
	put_key(key);
	if (word) {
		put("\"");
		put(word);
		put("\"");
	} else {
		put("null");
	}
}

static void put_names(const char *key, __u64 set, bool known)
{
	const char *gap = "\"SIG";

	put_key(key);
	put(known ? "[" : "null");
	for (; known && set; set &= set - 1) {
		put(gap);
		put(signal_name(ffsll(set)));
		put("\"");
		gap = ",\"SIG";
	}
	put(known ? "]" : "");
}

static void put_mask(const char *key, __u64 mask, bool known)
{
	put_key(key);
	if (known) {
		put("\"0x");
		put(digits_of(mask, 16, 16));
		put("\"");
	} else {
		put("null");
	}
}

static void put_bool(const char *key, bool value, bool known)
{
	put_value(key, !known ? NULL : value ? "true" : "false");
}

static void print_json(const struct sigfd_event *e)
{
	struct meaning m = meaning_of(e);
	bool enter = e->seen & SIGFD_ENTER, kprobe = e->seen & SIGFD_KPROBE;
	bool both = opt.hooks == SIGFD_BOTH;

	put("{\"v\":1");
	put_value("seq", decimal(run.received));
	put_key("time");
	put("\"");
	put_time(e->ktime_ns);
	put("Z\"");
	put_value("ktime_ns", decimal(e->ktime_ns));
	put_value("pid", decimal(e->tgid));
	put_value("tid", decimal(e->tid));
	put_value("uid", decimal(e->uid));
	put_key("comm");
	put_string(e->comm);
	put_value("cgroup_id", decimal(e->cgroup_id));
	put_word("hook", both ? "both" : kprobe ? "pair" : "syscall");
	put_word("syscall", e->syscall == SIGFD_SIGNALFD  ? "signalfd" :
			    e->syscall == SIGFD_SIGNALFD4 ? "signalfd4" :
							    NULL);
	put_word("op", m.create ? "create" : "update");
	put_value("ufd", signed_decimal(e->ufd));
	put_value("flags", decimal(e->flags));
	put_key("flag_names");
	put(e->flags ? "[\"" : "[");
	put(flags_text(e->flags, "SFD_", "\",\""));
	put(e->flags ? "\"]" : "]");
	put_mask("mask", m.mask, m.mask_known);
	put_word("mask_source", !m.mask_known ? NULL : kprobe ? "kernel" : "user");
	put_names("signals", m.mask, m.mask_known);
	put_names("ignored", m.ignored, m.mask_known);
	put_names("unblocked", m.unblocked, m.mask_known);
	put_names("synchronous", m.synchronous, m.mask_known);
	put_mask("user_mask", e->user_mask, enter && !e->user_err);
	put_word("user_mask_errno", enter && e->user_err ? errno_name(-e->user_err) : NULL);
	put_value("sizemask", enter ? decimal(e->sizemask) : NULL);
	put_bool("raced", m.raced, enter && kprobe && !e->user_err);
	put_bool("reached", kprobe, kprobe || (both && e->ret < 0));
	put_value("ret", signed_decimal(e->ret));
	put_word("errno", e->ret < 0 ? errno_name(-e->ret) : NULL);
	put_word("cause", m.cause ? m.cause->name : NULL);
	put_value("duration_ns", decimal(e->duration_ns));
	put("}\n");
}

static void print_header(void)
{
	if (opt.json || opt.quiet)
		return;
	if (opt.timestamp)
		put_format("%-15s ", "TIME");
	if (opt.print_uid)
		put_format("%-7s ", "UID");
	put_format("%-7s %-7s %-16s %-9s %-7s %-17s SIGNALS\n", "PID", "TID", "COMM", "CALL",
		   "RESULT", "FLAGS");
	end_record();
	flush_records();
	run.shown = run.unwritten = 0; /* a header is no event */
}

/* ---- [U1] Options --------------------------------------------------------------------------- */

enum { KEY_CHECK = 1 }; /* an option without a letter */

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

static const struct argp argp; /* its doc is at hand below */

/* A whole decimal number from min to max, or the end of sigfd. */
static unsigned long number(const char *option, const char *text, unsigned long min,
			    unsigned long max)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || n < min || n > max)
		REFUSE("--%s: '%s' is no whole number from %lu to %lu", option, text, min, max);
	return n;
}

static __u64 signal_set(const char *list)
{
	char *copy = strdup(list), *rest = copy, *name;
	__u64 set = 0;

	while (copy && (name = strsep(&rest, ","))) {
		int sig = signal_number(name);

		if (!sig)
			REFUSE("--signal: '%s' is no signal; use a name, RTMIN+N, or 1 to 64",
			       name);
		set |= SIGFD_BIT(sig);
	}
	free(copy);
	return set;
}

static unsigned hooks_by_name(const char *name)
{
	static const char *const names[] = { "auto", "pair", "syscall", "both" };
	static const unsigned hooks[] = { 0, SIGFD_PAIR, SIGFD_SYSCALL, SIGFD_BOTH };

	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		if (!strcmp(name, names[i]))
			return hooks[i];
	REFUSE("--hook: '%s' is none of auto, pair, syscall, both", name);
}

/* Options that are refused beside --list (which has no calls to look at) and --check. */
static void refuse_with(const char *mode, const char *keys)
{
	for (; *keys; keys++)
		if (opt.given[(unsigned char)*keys])
			REFUSE("-%c can't be used with %s; see `sigfd --help`", *keys, mode);
	if (opt.command)
		REFUSE("a command can't be used with %s; see `sigfd --help`", mode);
}

/* Options without an argument, which do no more than this. */
static bool *const switches[128] = {
	['T'] = &opt.timestamp, ['U'] = &opt.print_uid,   ['e'] = &opt.explain,
	['j'] = &opt.json,      ['q'] = &opt.quiet,       ['v'] = &opt.verbose,
	['l'] = &opt.list,      [KEY_CHECK] = &opt.check,
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	if ((unsigned)key < sizeof(opt.given)) {
		opt.given[key] = true;
		if (switches[key]) {
			*switches[key] = true;
			return 0;
		}
	}
	switch (key) {
	case 'p':
		opt.kernel.tgid = number("pid", arg, 1, 1 << 22); /* PID_MAX_LIMIT */
		break;
	case 't':
		opt.kernel.tid = number("tid", arg, 1, 1 << 22);
		break;
	case 'u':
		opt.kernel.uid = number("uid", arg, 0, UINT_MAX);
		opt.kernel.by_uid = 1;
		break;
	case 'n':
		/* The kernel cuts a comm at 15 bytes, so a longer name is cut as well. */
		memset(opt.kernel.comm, 0, sizeof(opt.kernel.comm));
		memcpy(opt.kernel.comm, arg, strnlen(arg, SIGFD_COMM_LEN - 1));
		opt.kernel.by_comm = 1;
		break;
	case 'c':
		opt.cgroup = arg;
		opt.kernel.by_cgroup = 1;
		break;
	case 's':
		opt.kernel.signals = signal_set(arg);
		break;
	case 'x':
		opt.kernel.failed = 1;
		break;
	case 'H':
		opt.hooks = hooks_by_name(arg);
		break;
	case 'd':
		opt.duration = number("duration", arg, 1, INT_MAX);
		break;
	case 'M':
		opt.max_events = number("max-events", arg, 1, LONG_MAX);
		break;
	case 'b':
		opt.buffer_kib = number("buffer", arg, 4, 1 << 20);
		break;
	case 'h':
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP, (char *)"sigfd");
		exit(EXIT_SUCCESS);
	case 'V':
		puts(VERSION);
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG:
		if (!state->quoted || state->next <= state->quoted)
			REFUSE("'%s' is no option; a command to run goes after --", arg);
		opt.command = state->argv + state->next - 1;
		opt.kernel.follow = 1;
		state->next = state->argc;
		break;
	case ARGP_KEY_END:
		if (state->quoted && !opt.command)
			REFUSE("no command after --; name one, or leave -- out");
		if (opt.list)
			refuse_with("--list", "tcxHdM");
		if (opt.check)
			refuse_with("--check", "ptuncsxHdMlj");
		break;
	case ARGP_KEY_ERROR:
		/* Of short options in one word argp tells no more than the word before. */
		REFUSE("'%s': no such option, or not the only one that begins so, or its value is "
		       "missing or not taken; see `sigfd --help`",
		       state->argv[state->next - (state->next > 1)]);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "[-- COMMAND [ARG...]]",
	.doc = "Show the signalfd calls of this system, or of COMMAND and its descendants, with "
	       "what the kernel really used.\v"
	       "Exit status: 0; 1 an error while running; 2 wrong usage; 3 this host can't be "
	       "traced so; with COMMAND its own, or 128+N where signal N ended it. "
	       "The man page sigfd(8) explains each column and key.",
};

/* ---- [U2] Host: what sigfd needs, and what is there ------------------------------------------ */

/*
 * A file of a file system that may not be mounted: then by a mount of our own, in no folder, which
 * goes with its descriptors.
 */
static int open_in(const char *type, const char *usual_place, const char *path)
{
	char name[128];
	int fs, mount = -1, file, err;

	snprintf(name, sizeof(name), "%s/%s", usual_place, path);
	file = open(name, O_RDONLY | O_CLOEXEC);
	if (file >= 0)
		return file;
	fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs >= 0 && !fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		mount = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mount >= 0)
		file = openat(mount, path, O_RDONLY | O_CLOEXEC);
	err = errno;
	close(mount);
	close(fs);
	errno = err; /* where there is no file: why */
	return file;
}

/* The number in a field of /proc/PATH/status ("SigBlk:"). False: gone, or not there. */
static bool read_status(const char *path, const char *field, int base, unsigned long long *value)
{
	char name[64], line[128];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%s/status", path);
	f = fopen(name, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, field, strlen(field));
	if (found)
		*value = strtoull(line + strlen(field), NULL, base);
	if (f)
		fclose(f);
	return found;
}

/* Namespaces that the kernel starts with have fixed inodes: include/linux/proc_ns.h@v6.12. */
static bool in_initial_namespace(const char *type, unsigned inode)
{
	char path[64], link[64] = "", initial[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", type);
	snprintf(initial, sizeof(initial), "%s:[%u]", type, inode);
	return readlink(path, link, sizeof(link) - 1) < 0 || !strcmp(link, initial);
}

/*
 * The kernel's symbols that begin so, by /proc/kallsyms (names are there for everyone; addresses
 * for root). 1: the plain name is there. -1: only with a compiler's suffix, copied to `suffixed`:
 * such a function may take other arguments, so its registers would be misread. 0: none.
 */
static int find_symbol(const char *name, char *suffixed, size_t size)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	size_t length = strlen(name);
	char line[512];
	int found = 0;

	while (f && found != 1 && fgets(line, sizeof(line), f)) {
		char *symbol =
			strchr(line, ' '); /* address, type, name: "ffffffff81234560 t name" */

		if (!symbol || strncmp(symbol + 3, name, length))
			continue;
		symbol[3 + strcspn(symbol + 3, "\t\n")] = '\0';
		if (!symbol[3 + length]) {
			found = 1;
		} else if (symbol[3 + length] == '.') {
			found = -1;
			snprintf(suffixed, size, "%s", symbol + 3);
		}
	}
	if (f)
		fclose(f);
	return found;
}

/*
 * A check says what it found (and is true), or what is missing and how to mend it (and is false).
 */
typedef bool check_fn(char *said, size_t size);

#define FOUND(...) (snprintf(said, size, __VA_ARGS__), true)
#define MISSING(...) (snprintf(said, size, __VA_ARGS__), false)

static bool check_privilege(char *said, size_t size)
{
	const __u64 admin = 1ULL << 21, bpf = 1ULL << 38 | 1ULL << 39; /* PERFMON, BPF: since 5.8 */
	int fd = open("/proc/sys/kernel/perf_event_paranoid", O_RDONLY | O_CLOEXEC);
	unsigned long long caps = 0;
	char paranoid = '2';

	(void)!read(fd, &paranoid, 1);
	close(fd);
	read_status("self", "CapEff:", 16, &caps);
	if (!in_initial_namespace("user", 0xeffffffd))
		return MISSING(
			"in a user namespace (a rootless container), whose capabilities don't "
			"reach BPF; run as root outside it");
	if (caps & admin)
		return FOUND("CAP_SYS_ADMIN");
	if ((caps & bpf) != bpf)
		return MISSING("neither CAP_SYS_ADMIN nor CAP_BPF and CAP_PERFMON; run as root");
	/* Debian's kernels (5.10, 6.1) know a level 3, at which CAP_PERFMON is not enough. */
	if (paranoid > '2' && paranoid <= '9')
		return MISSING("no CAP_SYS_ADMIN; run as root, or: sysctl "
			       "kernel.perf_event_paranoid=2");
	return FOUND("CAP_BPF and CAP_PERFMON");
}

static bool check_kernel(char *said, size_t size)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	if (major > 5 || (major == 5 && minor >= 8))
		return FOUND("%s", u.release);
	return MISSING("%s is too old; use Linux 5.8 or later", u.release);
}

static bool check_btf(char *said, size_t size)
{
	if (!access("/sys/kernel/btf/vmlinux", R_OK))
		return FOUND("/sys/kernel/btf/vmlinux");
	return MISSING("no /sys/kernel/btf/vmlinux; use a kernel with CONFIG_DEBUG_INFO_BTF=y");
}

static bool check_ringbuf(char *said, size_t size)
{
	/* The ring buffer came with 5.8; this file is there where bpf(2) is. */
	if (check_kernel(said, size) && !access("/proc/sys/kernel/unprivileged_bpf_disabled", F_OK))
		return FOUND("BPF_MAP_TYPE_RINGBUF");
	return MISSING("no BPF ring buffer; use Linux 5.8 or later with CONFIG_BPF_SYSCALL=y");
}

static bool check_lockdown(char *said, size_t size)
{
	char line[128] = "";
	int fd = open_in("securityfs", "/sys/kernel/security", "lockdown");
	ssize_t n;

	if (fd < 0)
		return FOUND(errno == EPERM || errno == EACCES ? "can't tell: not root" :
								 "not built in");
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	/* "integrity" leaves BPF its reads of kernel memory: security/security.c@v6.12. */
	if (strstr(line, "[confidentiality]"))
		return MISSING("lockdown=confidentiality keeps kernel memory from BPF; boot with "
			       "lockdown=integrity");
	return FOUND("%.*s", n > 0 ? (int)n - 1 : 0, line);
}

static bool check_kprobes(char *said, size_t size)
{
	if (!access("/sys/bus/event_source/devices/kprobe", F_OK))
		return FOUND("built in");
	return MISSING("this kernel has no kprobes (CONFIG_KPROBE_EVENTS); use --hook=syscall, or "
		       "a kernel that has them");
}

static bool check_kprobes_enabled(char *said, size_t size)
{
	int fd = open_in("debugfs", "/sys/kernel/debug", "kprobes/enabled");
	char c = '?';
	ssize_t n = read(fd, &c, 1);

	close(fd);
	if (n == 1 && c == '1')
		return FOUND("yes");
	if (n == 1)
		return MISSING("kprobes are switched off globally; switch them on: echo 1 > "
			       "/sys/kernel/debug/kprobes/enabled");
	return MISSING("can't tell: kprobes/enabled in debugfs can't be read; run as root, on a "
		       "kernel with kprobes");
}

static bool check_symbol(char *said, size_t size)
{
	char suffixed[256] = "";
	int found = find_symbol("do_signalfd4", suffixed, sizeof(suffixed));

	if (found > 0)
		return FOUND("do_signalfd4");
	if (found < 0)
		return MISSING("do_signalfd4 is there only as %s, which may take other arguments; "
			       "use --hook=syscall",
			       suffixed);
	return MISSING("no do_signalfd4 in /proc/kallsyms (inlined, or no CONFIG_KALLSYMS); use "
		       "--hook=syscall");
}

static bool tracefs_is_mounted(void)
{
	/* EACCES: it is, and only root may look. */
	return !access("/sys/kernel/tracing/events", F_OK) || errno == EACCES ||
	       !access("/sys/kernel/debug/tracing/events", F_OK);
}

static bool check_tracefs(char *said, size_t size)
{
	if (tracefs_is_mounted())
		return FOUND("mounted");
	return MISSING("not mounted; sigfd does it where it needs to, as would: mount -t tracefs "
		       "tracefs /sys/kernel/tracing");
}

static bool check_tracepoints(char *said, size_t size)
{
	char lockdown[256];
	int fd;

	/* To unmount an empty tracefs crashes Linux 6.12.117 and 7.3.4, not 6.1. */
	if (!check_lockdown(lockdown, sizeof(lockdown)))
		return MISSING("lockdown=confidentiality leaves tracefs empty; boot with "
			       "lockdown=integrity");
	fd = open_in("tracefs", "/sys/kernel/tracing", "events/syscalls/sys_enter_signalfd4/id");
	close(fd);
	if (fd >= 0)
		return FOUND("syscalls/sys_enter_signalfd4");
	return MISSING("no syscalls/sys_enter_signalfd4; run as root, on a kernel with "
		       "CONFIG_FTRACE_SYSCALLS=y");
}

/* In the order in which --check prints them; `hooks`: which can't do without. */
static const struct {
	const char *name;
	check_fn *ok;
	unsigned hooks;
} checks[] = {
	{ "privilege", check_privilege, SIGFD_BOTH },
	{ "kernel", check_kernel, SIGFD_BOTH },
	{ "BTF", check_btf, SIGFD_BOTH },
	{ "ring buffer", check_ringbuf, SIGFD_BOTH },
	{ "lockdown", check_lockdown, SIGFD_BOTH }, /* before what it takes away */
	{ "kprobes", check_kprobes, SIGFD_PAIR },
	{ "kprobes enabled", check_kprobes_enabled, 0 }, /* the proof finds out: [U6] */
	{ "symbol", check_symbol, SIGFD_PAIR },
	{ "tracefs", check_tracefs, 0 }, /* sigfd mounts it: [U4] */
	{ "syscall tracepoints", check_tracepoints, SIGFD_SYSCALL },
};

/* The first check that these hooks need and that fails, and what it says; NULL: none does. */
static const char *first_missing(unsigned hooks, char *said, size_t size)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		if (checks[i].hooks & hooks && !checks[i].ok(said, size))
			return checks[i].name;
	return NULL;
}

/*
 * Which hooks --hook=auto means here, and in `why` what speaks against the pair; 0: none will do.
 * Kprobes that are only switched off are no reason to look elsewhere without a word: see [U6].
 */
static unsigned choose_hooks(char *why, size_t size)
{
	char said[256];

	if (!first_missing(SIGFD_PAIR, why, size))
		return SIGFD_PAIR;
	return first_missing(SIGFD_SYSCALL, said, sizeof(said)) ? 0 : SIGFD_SYSCALL;
}

static int run_check(void)
{
	char said[256] = "";
	unsigned hooks;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		bool ok = checks[i].ok(said, sizeof(said));

		put_format("%-20s%-9s%s\n", checks[i].name, ok ? "ok" : "missing", said);
	}
	hooks = choose_hooks(said, sizeof(said));
	if (hooks == SIGFD_PAIR)
		put_format("%-20s%s\n", "auto chooses", "pair");
	else
		put_format("%-20s%-9s%.*s\n", "auto chooses", hooks ? "syscall" : "nothing",
			   (int)strcspn(said, ";"), said);
	end_record();
	flush_records();
	return run.error ? run.error : hooks ? EXIT_SUCCESS : EXIT_HOST;
}

/* ---- [U3] --list: the descriptors that exist, from /proc ------------------------------------- */

/* What every thread of a process blocks: a signal to the process goes to one that does not. */
static __u64 blocked_by_all(const char *pid)
{
	__u64 all = ~0ULL;
	const struct dirent *d;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		unsigned long long blocked;

		snprintf(path, sizeof(path), "%.16s/task/%.16s", pid, d->d_name);
		if (isdigit((unsigned char)*d->d_name) &&
		    read_status(path, "SigBlk:", 16, &blocked))
			all &= blocked;
	}
	if (dir)
		closedir(dir);
	return all;
}

static void list_descriptor(const char *pid, const char *fd, const char *comm)
{
	unsigned long long mask;
	char path[80], line[128];
	bool found = false;
	__u64 unblocked;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "sigmask: %llx", &mask) == 1;
	if (f)
		fclose(f);
	if (!found || (opt.kernel.signals && !(mask & opt.kernel.signals)))
		return;
	unblocked = mask & ~blocked_by_all(pid) & ~SIG_FOR_DROPPED;
	if (opt.json) {
		put_format("{\"pid\":%s,\"comm\":", pid);
		put_string(comm);
		put_format(",\"fd\":%s", fd);
		put_mask("mask", mask, true);
		put_names("signals", mask, true);
		put_names("unblocked", unblocked, true);
		put("}\n");
	} else {
		put_format("%-7s %-4s %-16s ", pid, fd, printable(comm));
		put_set(mask);
		put_note("  !unblocked ", unblocked);
		put("\n");
	}
	end_record();
}

/* False: its descriptors may not be looked at. */
static bool list_process(const char *pid)
{
	char path[64], target[64], comm[SIGFD_COMM_LEN + 1] = "";
	const struct dirent *d;
	unsigned long long uid;
	bool hidden = false;
	ssize_t n;
	DIR *dir;
	int f;

	if (opt.kernel.tgid && opt.kernel.tgid != strtoul(pid, NULL, 10))
		return true;
	if (opt.kernel.by_uid && (!read_status(pid, "Uid:", 10, &uid) || uid != opt.kernel.uid))
		return true;
	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = open(path, O_RDONLY | O_CLOEXEC);
	n = read(f, comm, sizeof(comm) - 1);
	close(f);
	if (n > 0)
		comm[n - 1] = '\0'; /* its newline; one within the comm stays */
	if (opt.kernel.by_comm && strcmp(comm, opt.kernel.comm))
		return true;
	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno != EACCES;
	while ((d = readdir(dir))) {
		n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target));
		if (n < 0 && errno == EACCES)
			hidden = true;
		if (n == sizeof("anon_inode:[signalfd]") - 1 &&
		    !memcmp(target, "anon_inode:[signalfd]", n))
			list_descriptor(pid, d->d_name, comm);
	}
	closedir(dir);
	return !hidden;
}

static int run_list(void)
{
	DIR *proc = opendir("/proc");
	unsigned hidden = 0;
	const struct dirent *d;

	if (!proc) {
		complain("can't read /proc: %s; mount -t proc proc /proc", strerror(errno));
		return EXIT_RUNNING;
	}
	if (!opt.json && !opt.quiet) {
		put_format("%-7s %-4s %-16s SIGNALS\n", "PID", "FD", "COMM");
		end_record();
	}
	while ((d = readdir(proc)))
		if (isdigit((unsigned char)*d->d_name))
			hidden += !list_process(d->d_name);
	closedir(proc);
	flush_records();
	if (hidden)
		complain("processes that may not be looked into: %u; run as root, with "
			 "CAP_SYS_PTRACE, to see them",
			 hidden);
	return run.error;
}

/* ---- [U4] Load: from the skeleton to programs that the verifier has accepted ----------------- */

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	return opt.verbose ? vfprintf(stderr, format, args) : 0;
}

/* libbpf looks a tracepoint up in tracefs; mounted where libtracefs would. It stays mounted. */
static int mount_tracefs(void)
{
	if (tracefs_is_mounted() || !mount("tracefs", "/sys/kernel/tracing", "tracefs",
					   MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return 0;
	complain("can't mount tracefs: %s; as root: mount -t tracefs tracefs /sys/kernel/tracing",
		 strerror(errno));
	return EXIT_HOST;
}

/*
 * Is this program's hook used in this run, and there? Newer architectures (arm64, riscv) have no
 * call signalfd, only signalfd4, and so no tracepoint for it.
 */
static bool is_used(const struct bpf_program *prog)
{
	const char *section = bpf_program__section_name(prog);
	const char *event = strstr(section, "syscalls/");
	char path[128];

	if (!strncmp(section, "raw_", 4)) /* [K9]: with every hook */
		return true;
	if (!event)
		return opt.hooks & SIGFD_PAIR;
	if (!(opt.hooks & SIGFD_SYSCALL) || section[strlen(section) - 1] == '4')
		return opt.hooks & SIGFD_SYSCALL;
	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s", event);
	if (!access(path, F_OK))
		return true;
	snprintf(path, sizeof(path), "/sys/kernel/debug/tracing/events/%s", event);
	return !access(path, F_OK);
}

/* The folder of --cgroup, as the one element of the map that the helper looks into. */
static int set_cgroup(void)
{
	struct statfs fs;
	__u32 key = 0;
	int fd, err;

	if (!opt.cgroup)
		return 0;
	fd = open(opt.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		complain("--cgroup: '%s': %s; name a folder of the cgroup2 mount (findmnt -t "
			 "cgroup2)",
			 opt.cgroup, fd < 0 ? strerror(errno) : "not in cgroup v2");
		close(fd);
		return EXIT_USAGE;
	}
	err = bpf_map_update_elem(bpf_map__fd(run.skel->maps.cgroup), &key, &fd, BPF_ANY);
	close(fd);
	if (err)
		complain("--cgroup: the kernel refused '%s': %s; name a cgroup that still exists",
			 opt.cgroup, errno_name(-err));
	return err ? EXIT_RUNNING : 0;
}

static int load(void)
{
	struct bpf_program *prog = NULL;
	size_t size = sysconf(_SC_PAGESIZE);
	int err;

	while (size < opt.buffer_kib * 1024) /* the kernel wants a power of two, and whole pages */
		size *= 2;
	opt.kernel.wake_at = size / 4;
	opt.kernel.hooks = opt.hooks;
	if (opt.hooks & SIGFD_SYSCALL && mount_tracefs())
		return EXIT_HOST;

	libbpf_set_print(print_libbpf);
	run.skel = sigfd_bpf__open();
	if (!run.skel) {
		complain("can't open the BPF object: %s; run with -v to see why",
			 errno_name(errno));
		return EXIT_HOST;
	}
	while ((prog = bpf_object__next_program(run.skel->obj, prog)))
		bpf_program__set_autoload(prog, is_used(prog));
	bpf_map__set_max_entries(run.skel->maps.events, size);
	memcpy((void *)&run.skel->rodata->settings, &opt.kernel, sizeof(opt.kernel));

	err = sigfd_bpf__load(run.skel);
	if (err) {
		complain("the kernel refused the BPF programs: %s; %s", errno_name(-err),
			 err == -ENOMEM ? "try a smaller --buffer" :
			 err == -EPERM  ? "run as root, or before Linux 5.11: ulimit -l unlimited" :
					  "run with -v to see why");
		return EXIT_HOST;
	}
	return set_cgroup();
}

/* ---- [U5] Attach: the programs to their hooks ------------------------------------------------ */

static int attach(void)
{
	struct bpf_program *prog = NULL;
	size_t n = 0;

	while ((prog = bpf_object__next_program(run.skel->obj, prog))) {
		if (!bpf_program__autoload(prog))
			continue;
		run.links[n] = bpf_program__attach(prog);
		if (!run.links[n++]) {
			complain("can't attach to %s: %s; `sigfd --check` says what this host "
				 "offers",
				 bpf_program__section_name(prog), errno_name(errno));
			return EXIT_HOST;
		}
	}
	return 0;
}

static void detach(void)
{
	for (size_t i = 0; i < sizeof(run.links) / sizeof(*run.links); i++) {
		bpf_link__destroy(run.links[i]); /* NULL is nothing to destroy */
		run.links[i] = NULL;
	}
}

/* ---- [U6] Prove: the probes fire, and who we are --------------------------------------------- */

/*
 * One signalfd call of our own must come back through every hook of the mode. Attaching proves
 * nothing: with kprobes switched off globally it succeeds, and no probe ever fires. A few tries,
 * since a kretprobe may run out of instances under load.
 *
 * The event also says what no other call could: our process number in the initial PID namespace,
 * which is the one that the kernel half compares with.
 */
static int prove(void)
{
	char said[256];

	if (getrandom(&run.nonce, sizeof(run.nonce), 0) != sizeof(run.nonce))
		run.nonce = now(CLOCK_MONOTONIC);
	run.nonce |= opt.kernel.signals; /* so that --signal lets it pass */
	run.skel->bss->phase = SIGFD_PROOF;
	for (int tries = 0; tries < 10 && !run.proof_tgid; tries++) {
		if (tries)
			usleep(100000);
		syscall(SYS_signalfd4, -1, &run.nonce, sizeof(run.nonce), SIGFD_MARK_FLAGS);
		ring_buffer__consume(run.ring);
	}
	run.skel->bss->phase = SIGFD_CLOSED;
	if (run.proof_tgid)
		return 0;
	if (opt.hooks & SIGFD_PAIR && !check_kprobes_enabled(said, sizeof(said)))
		complain("the probes don't fire: %s", said);
	else
		complain("the probes are attached but don't fire; set sysctl "
			 "kernel.ftrace_enabled=1, or run outside the seccomp filter or tracer "
			 "that refuses signalfd4");
	return EXIT_HOST;
}

/* Is the process or thread of --pid or --tid there? */
static bool target_exists(void)
{
	pid_t id = opt.kernel.tid ? opt.kernel.tid : opt.kernel.tgid;

	return !id || !kill(id, 0) || errno != ESRCH;
}

static int check_target(void)
{
	char pid[16];
	unsigned long long tgid;

	if (!opt.kernel.tgid && !opt.kernel.tid)
		return 0;
	if (!opt.list && !in_initial_namespace("pid", 0xeffffffc)) {
		complain("--pid and --tid take numbers of the initial PID namespace, and sigfd is "
			 "not in it; run it there, or use --name or --cgroup");
		return EXIT_HOST;
	}
	if (!target_exists()) {
		complain("no %s %u; `ps -eL` lists what there is",
			 opt.kernel.tid ? "thread" : "process",
			 opt.kernel.tid ? opt.kernel.tid : opt.kernel.tgid);
		return EXIT_RUNNING;
	}
	snprintf(pid, sizeof(pid), "%u", opt.kernel.tgid);
	if (opt.kernel.tgid && read_status(pid, "Tgid:", 10, &tgid) && tgid != opt.kernel.tgid) {
		complain("--pid: %s is a thread of process %llu; use --pid=%llu%s", pid, tgid, tgid,
			 opt.list ? "" : ", or --tid for the thread alone");
		return EXIT_USAGE;
	}
	return 0;
}

/* ---- [U7] Command: run it, and know when all of it has ended --------------------------------- */

static struct sigaction child_outside; /* the disposition of SIGCHLD that we were started with */

/*
 * A blocked signal is kept even where it is ignored (sig_ignored(), kernel/signal.c@v6.12), so
 * SIGINT ends sigfd also where a shell without job control has it ignored for its background jobs.
 * SIGHUP does not, where nohup has it so. SIGPIPE is only blocked: write() says EPIPE. SIGCHLD must
 * not be ignored, or waitpid() would have nothing to tell. A signalfd would do as well, but other
 * tracers would see the call that makes it.
 */
static void take_signals(void)
{
	struct sigaction hup, standard = { .sa_handler = SIG_DFL };
	sigset_t blocked;

	sigaction(SIGHUP, NULL, &hup);
	sigaction(SIGCHLD, &standard, &child_outside);
	sigemptyset(&our_signals);
	sigaddset(&our_signals, SIGINT);
	sigaddset(&our_signals, SIGTERM);
	if (hup.sa_handler != SIG_IGN)
		sigaddset(&our_signals, SIGHUP);
	blocked = our_signals;
	sigaddset(&blocked, SIGPIPE);
	sigprocmask(SIG_BLOCK, &blocked, &signals_outside);
}

/*
 * The command starts with the mask and the dispositions that sigfd was started with: a tracer that
 * changes what it traces is of no use. Why it could not be executed comes back by a pipe that a
 * successful exec closes.
 */
static int start_command(void)
{
	int ends[2], error = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans of the command hang from us: [K2] */
	if (pipe2(ends, O_CLOEXEC) || (run.command = fork()) < 0) {
		complain("can't start '%s': %s; free what there is too much of, or raise the limit",
			 *opt.command, strerror(errno));
		run.command = 0;
		return EXIT_RUNNING;
	}
	if (!run.command) {
		sigaction(SIGCHLD, &child_outside, NULL);
		sigprocmask(SIG_SETMASK, &signals_outside, NULL);
		execvp(*opt.command, opt.command);
		error = errno;
		(void)!write(ends[1], &error, sizeof(error));
		_exit(127);
	}
	close(ends[1]);
	if (read(ends[0], &error, sizeof(error)) == sizeof(error)) {
		complain("can't execute '%s': %s; name a program in PATH, or by its path",
			 *opt.command, strerror(error));
		waitpid(run.command, NULL, 0);
		run.command = 0;
		close(ends[0]);
		return error == ENOENT ? 127 : 126;
	}
	close(ends[0]);
	return 0;
}

/* Takes in what has ended. The run ends with the last descendant, not with the command itself. */
static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != run.command)
			continue;
		run.command = 0;
		run.command_status =
			WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	if (pid < 0 && errno == ECHILD)
		run.stop = true;
}

/* ---- [U8] Receive: events from the ring buffer to the screen --------------------------------- */

/*
 * One event. A negative result ends ring_buffer__consume() after this event: every so many, so that
 * receive() has its turn also while calls come faster than they are printed.
 */
static int on_event(void *context, void *data, size_t size)
{
	const struct sigfd_event *e = data;

	(void)context;
	(void)size;
	if (e->flags == SIGFD_MARK_FLAGS) {
		__u64 mask = e->seen & SIGFD_KPROBE ? e->mask : e->user_mask;

		if (mask == run.nonce && e->seen == opt.hooks)
			run.proof_tgid = e->tgid;
		return 0;
	}
	if (opt.max_events && run.received == opt.max_events) {
		run.unwanted++;
		return 0;
	}
	run.received++;
	if (opt.json)
		print_json(e);
	else
		print_text(e);
	end_record();
	if (run.received == opt.max_events)
		run.stop = true;
	return run.received % 1024 && !run.stop ? 0 : -EAGAIN;
}

/*
 * The difference of the clocks, taken anew each time: the one may be set, and the other stops in
 * suspend. Of a few tries the closest counts, since we may lose the CPU between two readings.
 */
static void compare_clocks(void)
{
	__u64 closest = ~0ULL;

	for (int tries = 0; tries < 5; tries++) {
		__u64 before = now(CLOCK_MONOTONIC), real = now(CLOCK_REALTIME);
		__u64 gap = now(CLOCK_MONOTONIC) - before;

		if (gap >= closest)
			continue;
		closest = gap;
		run.to_realtime = real - before - gap / 2;
	}
}

/* Sleeps until the tick, or the kernel half's word that the ring buffer is filling. */
static void wait_for_events(void)
{
	struct pollfd ring = { .fd = ring_buffer__epoll_fd(run.ring), .events = POLLIN };

	poll(&ring, 1, TICK_MS);
	compare_clocks();
}

/* Has the reader of a pipe left? Else `sigfd | head -1` would end only with the next event. */
static bool reader_left(void)
{
	struct pollfd reader = { .fd = run.output };

	return poll(&reader, 1, 0) == 1 && reader.revents & (POLLERR | POLLHUP);
}

static void receive(void)
{
	int unfinished = 0;

	while (!stopping()) {
		if (!unfinished)
			wait_for_events();
		unfinished = ring_buffer__consume(run.ring) < 0;
		flush_records();
		if (reader_left() || !target_exists()) /* nothing more can be shown, or come */
			run.stop = true;
		if (opt.command)
			reap();
		say_losses();
	}
}

/* ---- [U9] Account: every call that passed the filters, shown or lost ------------------------- */

/*
 * How often the kernel has skipped the first hook of a call, before any filter (struct
 * bpf_prog_info, since v5.12; 0 on kernels that don't count it).
 */
static unsigned long read_skipped(void)
{
	const char *first = opt.hooks & SIGFD_SYSCALL ? "enter_" : "kernel_enter";
	struct bpf_program *prog = NULL;
	unsigned long skipped = 0;

	while ((prog = bpf_object__next_program(run.skel->obj, prog))) {
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);

		if (!strncmp(bpf_program__name(prog), first, strlen(first)) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
			skipped += info.recursion_misses;
	}
	return skipped;
}

/* The counters, over all CPUs. */
static struct sigfd_counters read_counters(void)
{
	int cpus = libbpf_num_possible_cpus();
	struct sigfd_counters sum = { 0 }, *each = cpus > 0 ? calloc(cpus, sizeof(*each)) : NULL;
	__u32 key = 0;

	if (each && !bpf_map_lookup_elem(bpf_map__fd(run.skel->maps.counters), &key, each)) {
		for (int i = 0; i < cpus; i++) {
			sum.calls += each[i].calls;
			sum.ring_full += each[i].ring_full;
			sum.table_full += each[i].table_full;
			sum.missed += each[i].missed;
		}
	}
	free(each);
	return sum;
}

/* While running, at most once a second. */
static void say_losses(void)
{
	static __u64 said_at, said;
	__u64 at = now(CLOCK_MONOTONIC), lost;
	struct sigfd_counters c;

	if (!run.skel || at - said_at < NSEC)
		return;
	said_at = at;
	c = read_counters();
	lost = c.ring_full + c.table_full + c.missed;
	if (lost > said)
		complain("%llu calls lost so far (ring buffer full %llu, table full %llu, return "
			 "missed %llu)",
			 lost, c.ring_full, c.table_full, c.missed);
	said = lost;
}

static bool is_in_flight(const struct sigfd_event *entry)
{
	return entry->seen && entry->flags != SIGFD_MARK_FLAGS;
}

/* How many calls are in flight: in the slots, and in the hash (none under a slot's key). */
static unsigned long count_inflight(void)
{
	int fd = bpf_map__fd(run.skel->maps.inflight);
	unsigned long n = 0;
	__u32 key, *last = NULL;

	for (int i = 0; i < SIGFD_SLOTS; i++)
		n += is_in_flight(&run.skel->bss->slots[i].entry);
	while (!bpf_map_get_next_key(fd, last, &key)) {
		struct sigfd_event entry = { 0 };

		bpf_map_lookup_elem(fd, &key, &entry);
		n += is_in_flight(&entry);
		last = &key;
	}
	return n;
}

/*
 * Ends the trace so that the sum is right: no new call passes, those in flight have a moment to
 * return, then the hooks go, and what the ring buffer still holds is printed.
 */
static void account(void)
{
	char closed[48] = "", unseen[64] = "";
	unsigned long left, lost, skipped;
	struct sigfd_counters c;

	run.skel->bss->phase = SIGFD_CLOSED;
	usleep(1000);
	skipped = read_skipped() - run.skipped;
	detach();
	while (ring_buffer__consume(run.ring) < 0)
		stopping();
	flush_records();

	c = read_counters();
	left = count_inflight();
	c.missed += left;
	c.calls += left;
	c.calls -= run.unwanted;
	lost = c.ring_full + c.table_full + c.missed + run.unwritten;
	if (run.unwritten)
		snprintf(closed, sizeof(closed), ", output closed %lu", run.unwritten);
	if (skipped)
		snprintf(unseen, sizeof(unseen), "; %lu entries skipped by the kernel", skipped);
	if (!opt.quiet)
		complain("%llu calls: %lu shown, %lu lost (ring buffer full %llu, table full %llu, "
			 "return missed %llu%s)%s",
			 c.calls, run.shown, lost, c.ring_full, c.table_full, c.missed, closed,
			 unseen);
}

static int trace(void)
{
	int status = load();

	if (!status)
		status = attach();
	if (status)
		return status;
	run.ring = ring_buffer__new(bpf_map__fd(run.skel->maps.events), on_event, NULL, NULL);
	if (!run.ring) {
		complain("can't map the ring buffer: %s; try a smaller --buffer",
			 errno_name(errno));
		return EXIT_RUNNING;
	}
	status = prove();
	if (status)
		return status;

	run.skipped = read_skipped();
	print_header();
	/* Before we say so: who waits for the word may call at once. */
	run.skel->bss->self_tgid = run.proof_tgid;
	run.skel->bss->phase = SIGFD_OPEN;
	complain("Tracing signalfd calls by %s. Ctrl-C ends.",
		 opt.hooks == SIGFD_PAIR    ? "do_signalfd4 (hook pair)" :
		 opt.hooks == SIGFD_SYSCALL ? "the system call's boundary (hook syscall)" :
					      "do_signalfd4 and the boundary (hook both)");
	if (opt.duration)
		run.deadline = now(CLOCK_MONOTONIC) + opt.duration * NSEC;
	if (opt.command && !run.stop)
		status = start_command();
	if (!status)
		receive();
	if (run.command && !run.from_terminal)
		kill(run.command, run.signal ? run.signal : SIGTERM);
	account();
	if (status || run.error)
		return status ? status : run.error;
	return opt.command && !run.command ? run.command_status : EXIT_SUCCESS;
}

/*
 * Where events go. For a pipe or a terminal by a description of our own, which does not block:
 * O_NONBLOCK on the one that we were given would stay with all who share it.
 */
static int open_output(void)
{
	struct stat st;
	int fd = -1;

	if (!fstat(STDOUT_FILENO, &st) && !S_ISREG(st.st_mode))
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? STDOUT_FILENO : fd;
}

int main(int argc, char **argv)
{
	const char *missing = NULL;
	char why[256] = "";
	int fd, status;

	while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
		; /* one that was closed (>&-) must not become a descriptor of ours */
	close(fd);
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP | ARGP_NO_ERRS, NULL, NULL);
	take_signals();
	run.output = open_output();
	if (opt.check)
		return run_check();
	status = check_target();
	if (status)
		return status;
	if (opt.list)
		return run_list();
	if (!opt.hooks) {
		opt.hooks = choose_hooks(why, sizeof(why));
		if (opt.hooks == SIGFD_SYSCALL)
			complain("hook syscall: %.*s", (int)strcspn(why, ";"), why);
	}
	if (!opt.hooks || opt.given['H'])
		missing = first_missing(opt.hooks ? opt.hooks : SIGFD_SYSCALL, why, sizeof(why));
	if (missing) {
		complain("%s: %s", missing, why);
		return EXIT_HOST;
	}
	status = trace();
	ring_buffer__free(run.ring);
	detach();
	sigfd_bpf__destroy(run.skel);
	return status;
}
