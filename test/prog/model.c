/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * model HOOK TRUTH EVENTS [CGROUP]: for each call in TRUTH, which random.c wrote, works out by the
 * kernel's rules what must have come back and what `sigfd -j -H HOOK` must say of it, and compares
 * with what did, and with EVENTS. CGROUP is the number of the cgroup that all calls came from.
 *
 * Prints "CALLS calls, DUE due, COMPARED compared, MISSING missing", and up to 20 lines before it
 * on what differs; then the exit status is 1. An event that is missing is no difference here: the
 * tracer may have lost it, and must say so in its summary.
 *
 * The rules are those of fs/signalfd.c, fs/file.c (alloc_fd: the lowest one) and kernel/signal.c
 * (do_notify_parent: SIG_IGN for SIGCHLD), of Linux 5.13 to 7.3, and of sigfd(8).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../sigfd.h"
#include "random.h"

#define VALID_FLAGS (02000000 | 04000) /* O_CLOEXEC, O_NONBLOCK; the same on x86-64 and arm64 */
#define DROPPED (SIGFD_BIT(SIGKILL) | SIGFD_BIT(SIGSTOP))
#define FAULTS                                                                                     \
	(SIGFD_BIT(SIGSEGV) | SIGFD_BIT(SIGBUS) | SIGFD_BIT(SIGFPE) | SIGFD_BIT(SIGILL) |          \
	 SIGFD_BIT(SIGTRAP) | SIGFD_BIT(SIGSYS))
#define SLACK_NS 2000000 /* two clocks are read one after the other */
#define KEYS 31

static unsigned hooks;
static const char *hook_name;
static long line, differences;

static void differs(const char *format, ...)
{
	va_list args;

	if (++differences > 20)
		return;
	printf("call %ld: ", line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* ---- The rules ------------------------------------------------------------------------------- */

/* What the kernel does with a call: the error and its cause, or the descriptor. */
struct verdict {
	long ret;
	const char *cause; /* NULL: none */
	bool compat, early;
	int ufd;
	unsigned flags;
};

static struct verdict refuse(struct verdict v, int error, const char *cause, bool early)
{
	v.ret = -error;
	v.cause = cause;
	v.early = early;
	return v;
}

static struct verdict rules(const struct truth *t)
{
	struct verdict v = { .ufd = (int)t->ufd, .flags = (unsigned)t->flags };
	uint64_t size = t->size;

	v.compat = t->way == COMPAT_SIGNALFD || t->way == COMPAT_SIGNALFD4;
	if (v.compat) /* a size_t of 32 bits */
		size = (uint32_t)size;
	if (size != 8)
		return refuse(v, EINVAL, "bad sizemask", true);
	if (t->where > ZERO)
		return refuse(v, EFAULT, "bad pointer", true);
	if (v.flags & ~VALID_FLAGS)
		return refuse(v, EINVAL, "bad flags", false);
	v.ret = v.ufd;
	if (v.ufd == -1) {
		if (t->free >= t->limit)
			return refuse(v, EMFILE, "no descriptor left", false);
		v.ret = t->free;
	} else if (t->kind == CLOSED || t->kind == PATH_ONLY) {
		return refuse(v, EBADF, "bad descriptor", false);
	} else if (t->kind != SIGNAL_FD) {
		return refuse(v, EINVAL, "not a signalfd", false);
	}
	return v;
}

/* Of what another thread writes to meanwhile, each byte may be of the one mask or of the other. */
static bool is_mask(const struct truth *t, uint64_t mask)
{
	for (int i = 0; i < 64; i += 8)
		if ((mask ^ t->mask) >> i & 255 && (mask ^ t->other) >> i & 255)
			return false;
	return true;
}

static bool is_due(const struct verdict *v)
{
	if (v->flags == SIGFD_MARK_FLAGS)
		return false;
	if (hooks == SIGFD_PAIR)
		return !v->early;
	if (hooks == SIGFD_SYSCALL)
		return !v->compat;
	return !(v->compat && v->early);
}

/* ---- An event: a line of JSON ---------------------------------------------------------------- */

/* Its keys and values, these as they stand there; in order of the line. */
static struct {
	char *keys[KEYS + 1], *values[KEYS + 1];
	int count;
	char text[8192];
} event;

/* The end of the value at p; NULL: that is no value of an event. */
static char *skip_value(char *p)
{
	if (*p == '"') {
		for (p++; *p && *p != '"'; p++)
			if (*p == '\\' && !*++p)
				return NULL;
		return *p ? p + 1 : NULL;
	}
	if (*p == '[') {
		p += strcspn(p, "]");
		return *p ? p + 1 : NULL;
	}
	p += strspn(p, "-0123456789abcdefghijklmnopqrstuvwxyz");
	return p;
}

static bool parse_event(void)
{
	char *p = event.text, *end = p;

	event.count = 0;
	if (*p++ != '{')
		return false;
	while (event.count < KEYS) {
		if (*p != '"')
			return false;
		event.keys[event.count] = ++p;
		p += strcspn(p, "\"");
		if (strncmp(p, "\":", 2))
			return false;
		*p = '\0';
		event.values[event.count] = p += 2;
		end = skip_value(p);
		if (!end || end == p)
			return false;
		event.count++;
		p = end + 1;
		if (*end != ',')
			break;
		*end = '\0';
	}
	if (strcmp(end, "}\n"))
		return false;
	*end = '\0';
	return true;
}

static bool read_event(FILE *file)
{
	if (!fgets(event.text, sizeof(event.text), file))
		return false;
	if (!parse_event()) {
		differs("no event of %d keys: %s", KEYS, event.text);
		return false;
	}
	return true;
}

static const char *value_of(const char *key)
{
	for (int i = 0; i < event.count; i++)
		if (!strcmp(event.keys[i], key))
			return event.values[i];
	return "(missing)";
}

static int compared; /* keys of this event */

static void expect(const char *key, const char *want)
{
	const char *got = value_of(key);

	compared++;
	if (strcmp(want, got))
		differs("%s: want %s, got %s", key, want, got);
}

static void expect_number(const char *key, long long want)
{
	char text[24];

	sprintf(text, "%lld", want);
	expect(key, text);
}

/* A word in quotes, or null. */
static void expect_word(const char *key, const char *want)
{
	char text[64];

	snprintf(text, sizeof(text), want ? "\"%s\"" : "null", want);
	expect(key, text);
}

static void expect_mask(const char *key, uint64_t mask, bool known)
{
	char text[24];

	sprintf(text, "0x%016" PRIx64, mask);
	expect_word(key, known ? text : NULL);
}

/* signal(7); 32 and 33 are the C library's. */
static void expect_signals(const char *key, uint64_t set, bool known)
{
	static const char *const names[] = {
		"HUP",   "INT",  "QUIT", "ILL",  "TRAP", "ABRT", "BUS",    "FPE",    "KILL",
		"USR1",  "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD",   "CONT",
		"STOP",  "TSTP", "TTIN", "TTOU", "URG",  "XCPU", "XFSZ",   "VTALRM", "PROF",
		"WINCH", "POLL", "PWR",  "SYS",  "32",   "33",   "RTMIN",
	};
	char text[1024], *p = stpcpy(text, "[");

	for (int sig = 1; sig <= 64; sig++) {
		if (!(set & SIGFD_BIT(sig)))
			continue;
		p = stpcpy(p, p[-1] == '[' ? "\"SIG" : ",\"SIG");
		p += sig <= 34 ? sprintf(p, "%s\"", names[sig - 1]) :
				 sprintf(p, "RTMIN+%d\"", sig - 34);
	}
	strcpy(p, "]");
	expect(key, known ? text : "null");
}

static void expect_flags(unsigned flags)
{
	unsigned rest = flags & ~VALID_FLAGS;
	char text[64], *p = stpcpy(text, "[");

	if (flags & 02000000)
		p = stpcpy(p, "\"SFD_CLOEXEC\"");
	if (flags & 04000)
		p += sprintf(p, "%s\"SFD_NONBLOCK\"", p[-1] == '[' ? "" : ",");
	if (rest)
		p += sprintf(p, "%s\"0x%x\"", p[-1] == '[' ? "" : ",", rest);
	strcpy(p, "]");
	expect("flag_names", text);
}

/* Bytes of the UTF-8 character at s, and which it is; 0: none begins there (RFC 3629). */
static int character_at(const unsigned char *s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int n = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;

	*c = n < 2 ? *s : *s & (0x7f >> n);
	for (int i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*c = *c << 6 | (s[i] & 63);
	}
	return n && *c >= least[n] && *c <= 0x10ffff && *c >> 11 != 0x1b ? n : 0;
}

/* As sigfd(8) has it: in ASCII, and each byte that is not UTF-8 is U+FFFD. */
static void expect_comm(const char *hex)
{
	unsigned char comm[32] = "";
	char text[256], *p = stpcpy(text, "\"");
	uint32_t c;
	int n;

	for (int i = 0; hex[2 * i + 1]; i++)
		sscanf(hex + 2 * i + 1, "%2hhx", &comm[i]);
	for (const unsigned char *s = comm; *s; s += n ? n : 1) {
		n = character_at(s, &c);
		if (!n)
			c = 0xfffd;
		if (c >= ' ' && c <= '~' && c != '"' && c != '\\')
			*p++ = c;
		else if (c < 0x10000)
			p += sprintf(p, "\\u%04x", c);
		else
			p += sprintf(p, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				     0xdc00 + (c & 0x3ff));
	}
	strcpy(p, "\"");
	expect("comm", text);
}

/* ---- The comparison -------------------------------------------------------------------------- */

/* RFC 3339 in UTC, as nanoseconds since 1970; 0: it is not that. */
static uint64_t time_in(const char *text)
{
	struct tm tm = { 0 };
	char end = 0;
	uint64_t ns;

	if (strlen(text) != 32 ||
	    sscanf(text, "\"%4d-%2d-%2dT%2d:%2d:%2d.%9" SCNu64 "Z%c", &tm.tm_year, &tm.tm_mon,
		   &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ns, &end) != 8 ||
	    end != '"')
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return timegm(&tm) * 1000000000ULL + ns;
}

static void compare_times(const struct truth *t)
{
	uint64_t began = strtoull(value_of("ktime_ns"), NULL, 10);
	uint64_t lasted = strtoull(value_of("duration_ns"), NULL, 10);
	uint64_t date = time_in(value_of("time"));
	int64_t off = date - (began + t->offset);

	compared += 3;
	if (began + SLACK_NS < t->before || began + lasted > t->after + SLACK_NS || !lasted)
		differs("ktime_ns %" PRIu64 " and duration_ns %" PRIu64 " are not in %" PRIu64
			" to %" PRIu64,
			began, lasted, t->before, t->after);
	if (off > SLACK_NS || off < -SLACK_NS)
		differs("time %s is %" PRId64 " ns off", value_of("time"), off);
}

/* What the kernel used, and what memory showed: for a mask that is toggled only the event knows. */
static uint64_t mask_shown(const struct truth *t, const char *key)
{
	uint64_t mask = strtoull(value_of(key) + 1, NULL, 16);

	if (t->where != TOGGLED)
		return t->mask;
	if (!is_mask(t, mask))
		differs("%s %s is neither %" PRIx64 " nor %" PRIx64, key, value_of(key), t->mask,
			t->other);
	return mask;
}

static void compare_masks(const struct truth *t, const struct verdict *v)
{
	bool boundary = hooks & SIGFD_ENTER && !v->compat;
	bool kernel = hooks & SIGFD_KPROBE && !v->early, user = boundary && t->where <= TOGGLED;
	uint64_t user_mask = user ? mask_shown(t, "user_mask") : 0;
	uint64_t mask = kernel ? mask_shown(t, "mask") : user_mask;
	bool known = kernel || user;
	char size[24];

	if (kernel && t->known && (mask & ~DROPPED) != t->kept)
		differs("mask %" PRIx64 ", but the kernel holds %" PRIx64, mask, t->kept);
	expect_mask("mask", mask, known);
	expect_word("mask_source", kernel ? "kernel" : known ? "user" : NULL);
	expect_signals("signals", mask, known);
	expect_signals("ignored", mask & DROPPED, known);
	expect_signals("unblocked", mask & ~t->blocked & ~DROPPED, known);
	expect_signals("discarded", t->chld_ignored ? mask & SIGFD_BIT(SIGCHLD) : 0, known);
	expect_signals("synchronous", mask & FAULTS, known);
	expect_mask("user_mask", user_mask, user);
	expect_word("user_mask_errno", boundary && !user ? "EFAULT" : NULL);
	expect("raced", kernel && user ? mask != user_mask ? "true" : "false" : "null");
	sprintf(size, "%" PRIu64, t->size);
	expect("sizemask", boundary ? size : "null");
}

static void compare_event(const struct truth *t, const struct verdict *v, long seq,
			  const char *cgroup)
{
	static const char *const ways[] = { "signalfd", "signalfd4", NULL, NULL };

	compared = 0;
	expect_number("v", 1);
	expect_number("seq", seq);
	expect_number("pid", t->pid);
	expect_number("tid", t->tid);
	expect_number("uid", t->uid);
	expect_comm(t->comm);
	expect("cgroup_id", cgroup ? cgroup : value_of("cgroup_id"));
	expect_word("hook", hook_name);
	expect_word("syscall", hooks & SIGFD_ENTER ? ways[t->way] : NULL);
	expect_word("op", v->ufd == -1 ? "create" : "update");
	expect_number("ufd", v->ufd);
	expect_number("flags", v->flags);
	expect_flags(v->flags);
	expect("reached", !(hooks & SIGFD_KPROBE) ? "null" : v->early ? "false" : "true");
	expect_number("ret", v->ret);
	expect_word("errno", v->ret < 0 ? strerrorname_np(-v->ret) : NULL);
	expect_word("cause", v->cause);
	compare_masks(t, v);
	compare_times(t);
	if (event.count != compared)
		differs("%d keys, of which %d are compared", event.count, compared);
}

/* Is the event that call's, or a later one's, as the tracer has lost that call's? By one clock. */
static bool is_of(const struct truth *t)
{
	return strtoull(value_of("ktime_ns"), NULL, 10) <= t->after;
}

static void compare_all(FILE *truths, FILE *events, const char *cgroup)
{
	long due = 0, missing = 0, seq = 1;
	bool more = read_event(events);
	struct truth t;

	for (line = 1; fscanf(truths, TRUTH_SCAN, &t.way, &t.where, &t.kind, &t.pid, &t.tid, &t.uid,
			      t.comm, &t.blocked, &t.chld_ignored, &t.ufd, &t.size, &t.flags,
			      &t.mask, &t.other, &t.free, &t.limit, &t.ret, &t.known, &t.kept,
			      &t.before, &t.after, &t.offset) == TRUTH_FIELDS;
	     line++) {
		struct verdict v = rules(&t);

		if (v.ret != t.ret)
			differs("the kernel returned %ld, by the rules %ld", t.ret, v.ret);
		if (t.ret >= 0 && !(t.known && is_mask(&t, t.kept | (t.mask & DROPPED))))
			differs("the kernel holds %" PRIx64 " of %" PRIx64, t.kept, t.mask);
		if (!is_due(&v))
			continue;
		due++;
		if (!more || !is_of(&t)) {
			missing++;
			continue;
		}
		compare_event(&t, &v, seq++, cgroup);
		more = read_event(events);
	}
	if (more)
		differs("an event that no call has made: tid %s", value_of("tid"));
	printf("%ld calls, %ld due, %ld compared, %ld missing\n", line - 1, due, due - missing,
	       missing);
}

int main(int argc, char **argv)
{
	FILE *truths = argc < 4 ? NULL : fopen(argv[2], "r");
	FILE *events = argc < 4 ? NULL : fopen(argv[3], "r");

	if (!truths || !events) {
		fprintf(stderr, "usage: model pair|syscall|both TRUTH EVENTS [CGROUP]\n");
		return 2;
	}
	hook_name = argv[1];
	hooks = *hook_name == 'p' ? SIGFD_PAIR : *hook_name == 's' ? SIGFD_SYSCALL : SIGFD_BOTH;
	compare_all(truths, events, argv[4]);
	return differences != 0;
}
