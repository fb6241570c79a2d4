// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * unit.c: the loader's parts that need neither root nor a kernel, checked against tables written
 * from signal(7) and from the text of fs/signalfd.c. It includes the loader whole, for its static
 * functions.
 *
 *	unit          TAP
 *	unit json N   N events of random bytes as JSON Lines, for a parser to judge
 */
#define main sigfd_main
#include "../sigfd.c"
#undef main

#include <ctype.h>
#include <sys/random.h>

static int tests, failures;

static void expect(bool ok, const char *format, ...)
{
	va_list args;

	failures += !ok;
	printf("%sok %d - ", ok ? "" : "not ", ++tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* What has been put since the last call. */
static const char *taken(void)
{
	static char text[sizeof(out.bytes) + 1];

	memcpy(text, out.bytes, out.length);
	text[out.length] = '\0';
	out.length = 0;
	return text;
}

static void is(const char *got, const char *want, const char *what)
{
	expect(!strcmp(got, want), "%s", what);
	if (strcmp(got, want))
		printf("# got:  %s\n# want: %s\n", got, want);
}

/* signal(7), the column "x86/ARM"; and nptl(7): the first two real-time signals are glibc's. */
static const char *const names[65] = {
	NULL,   "HUP",   "INT",  "QUIT", "ILL",  "TRAP", "ABRT", "BUS",    "FPE",
	"KILL", "USR1",  "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD",
	"CONT", "STOP",  "TSTP", "TTIN", "TTOU", "URG",  "XCPU", "XFSZ",   "VTALRM",
	"PROF", "WINCH", "POLL", "PWR",  "SYS",  "32",   "33",   "RTMIN",
};

/* Names that glibc gives besides (IO, CLD, IOT) are not known either: one name a signal. */
static const char *const refused[] = {
	"",
	"0",
	"65",
	"1x",
	"-1",
	"SIG",
	"SIG1",
	"RTMIN+31",
	"RTMIN-1",
	"RTMAX-31",
	"RTMAX+1",
	"RTMAX-",
	"RTMAXx",
	"RTMAX-1x",
	"IO",
	"CLD",
	"IOT",
	"99999999999999999999",
	"RTMAX+99999999999999999999",
	"RTMAX-99999999999999999999",
};

static void test_names(void)
{
	char list[] = "HUP,2,SIGRTMIN+30";
	char rt[16], sig[32];
	int wrong = 0, unread = 0;

	for (int n = 1; n <= 64; n++) {
		const char *want = names[n];

		snprintf(rt, sizeof(rt), "RTMIN+%d", n - 34);
		if (!want)
			want = rt;
		if (strcmp(signal_name(n), want)) {
			printf("# %d: got %s, want %s\n", n, signal_name(n), want);
			wrong++;
		}
		snprintf(sig, sizeof(sig), "SIG%s", want);
		unread += signal_number(want) != n;
		unread += !isdigit((unsigned char)*want) && signal_number(sig) != n;
		snprintf(sig, sizeof(sig), "%d", n);
		unread += signal_number(sig) != n;
	}
	expect(!wrong, "every signal has the name that glibc's users know");
	expect(!unread, "every name is read back, with SIG and without, and every number");
	expect(signal_number("usr1") == 10 && signal_number("SigChld") == 17 &&
		       signal_number("sigrtmax") == 64 && signal_number("SIGRtMin+1") == 35,
	       "case does not matter");
	for (int n = 0; n <= 30; n++) {
		sprintf(sig, "SIGRTMAX-%d", n);
		unread += signal_number(sig) != 64 - n || signal_number(sig + 3) != 64 - n;
	}
	expect(!unread && signal_number("RTMAX") == 64, "real-time signals from above too");
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		expect(!signal_number(refused[i]), "no signal: '%s'", refused[i]);
	opt.given['s'] = list;
	read_options();
	expect(opt.kernel.signals == (1ULL | 2ULL | 1ULL << 63), "a list of signals");
	opt.given['s'] = NULL;
	is(errno_name(EMFILE), "EMFILE", "an error by name");
	is(errno_name(512), "512", "an error without a name (ERESTARTSYS) by number");
}

static void test_sets(void)
{
	static const struct {
		unsigned flags;
		const char *text, *json;
	} flags[] = {
		{ 0, "-", "[]" },
		{ SFD_CLOEXEC | SFD_NONBLOCK, "CLOEXEC|NONBLOCK",
		  "[\"SFD_CLOEXEC\",\"SFD_NONBLOCK\"]" },
		{ 1, "0x1", "[\"0x1\"]" },
		{ 1U << 31 | SFD_NONBLOCK, "NONBLOCK|0x80000000",
		  "[\"SFD_NONBLOCK\",\"0x80000000\"]" },
	};
	static const struct {
		__u64 set;
		const char *text;
	} sets[] = {
		{ 0, "-" },
		{ 1, "HUP" },
		{ SIGFD_BIT(2) | SIGFD_BIT(36), "INT RTMIN+2" },
		{ 1ULL << 63, "RTMIN+30" },
		{ ~0ULL, "~[]" },
		{ ~(SIGFD_BIT(9) | SIGFD_BIT(19)), "~[KILL STOP]" },
		{ ~0ULL << 22, "URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS 32 33 RTMIN RTMIN+1 "
			       "RTMIN+2 RTMIN+3 RTMIN+4 RTMIN+5 RTMIN+6 RTMIN+7 RTMIN+8 RTMIN+9 "
			       "RTMIN+10 RTMIN+11 RTMIN+12 RTMIN+13 RTMIN+14 RTMIN+15 RTMIN+16 "
			       "RTMIN+17 RTMIN+18 RTMIN+19 RTMIN+20 RTMIN+21 RTMIN+22 RTMIN+23 "
			       "RTMIN+24 RTMIN+25 RTMIN+26 RTMIN+27 RTMIN+28 RTMIN+29 RTMIN+30" },
		{ ~0ULL << 21, "~[HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM "
			       "TERM STKFLT CHLD CONT STOP TSTP TTIN]" },
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		char what[64];

		snprintf(what, sizeof(what), "the set %#llx as text", sets[i].set);
		is(names_of(sets[i].set), sets[i].text, what);
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		form = TEXT;
		is(flags_of(flags[i].flags), flags[i].text, "flags as text");
		form = JSON;
		is(flags_of(flags[i].flags), flags[i].json, "the same in JSON");
	}
	is(names_of(0), "[]", "the empty set in JSON");
	is(names_of(1 | 1ULL << 63), "[\"SIGHUP\",\"SIGRTMIN+30\"]", "a set in JSON");
	form = TEXT;
}

static void test_strings(void)
{
	static const struct {
		const char *bytes, *json, *text;
	} strings[] = {
		{ "script", "\"script\"", "script" },
		{ "\033[31m\n\"\\", "\"\\u001b[31m\\u000a\\u0022\\u005c\"",
		  "\\x1b[31m\\x0a\"\\\\" },
		{ "\x7f\xc2\x9b", "\"\\u007f\\u009b\"", "\\x7f\\xc2\\x9b" },
		{ "\xc3\xa9", "\"\\u00e9\"", "\\xc3\\xa9" },
		{ "\xe6\xbc\xa2", "\"\\u6f22\"", "\\xe6\\xbc\\xa2" },
		{ "\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\"", "\\xf0\\x9f\\x98\\x80" },
		{ "\xff", "\"\\ufffd\"", "\\xff" },
		{ "\xc0\x80", "\"\\ufffd\\ufffd\"", "\\xc0\\x80" },
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"", "\\xed\\xa0\\x80" },
		{ "a\xf0\x9f\x98", "\"a\\ufffd\\ufffd\\ufffd\"", "a\\xf0\\x9f\\x98" },
		{ "\xf7\xbf\xbf\xbfz", "\"\\ufffd\\ufffd\\ufffd\\ufffdz\"",
		  "\\xf7\\xbf\\xbf\\xbfz" },
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"", "\\xf4\\x90\\x80\\x80" },
	};

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		is(printable(strings[i].bytes, true), strings[i].json, "a comm in JSON");
		is(printable(strings[i].bytes, false), strings[i].text, "the same comm in text");
	}
}

/* The kernel's checks: sizemask, pointer, flags, descriptor (fs/signalfd.c@v6.12). */
static void test_causes(void)
{
	static const struct {
		struct sigfd_event event;
		const char *cause;
	} causes[] = {
		{ { .ret = 3 }, NULL },
		{ { .ret = -EINVAL, .seen = SIGFD_SYSCALL, .sizemask = 4, .flags = 1 },
		  "bad sizemask" },
		{ { .ret = -EINVAL, .seen = SIGFD_SYSCALL, .sizemask = 8, .flags = 1 },
		  "bad flags" },
		{ { .ret = -EINVAL, .seen = SIGFD_PAIR, .flags = SFD_CLOEXEC | 1U << 31 },
		  "bad flags" },
		{ { .ret = -EINVAL, .seen = SIGFD_PAIR, .ufd = 1 }, "not a signalfd" },
		{ { .ret = -EFAULT, .seen = SIGFD_SYSCALL, .sizemask = 8 }, "bad pointer" },
		{ { .ret = -EBADF, .seen = SIGFD_PAIR }, "bad descriptor" },
		{ { .ret = -EMFILE, .seen = SIGFD_PAIR }, "no descriptor left" },
		{ { .ret = -ENFILE, .seen = SIGFD_PAIR }, "no file left" },
		{ { .ret = -ENOMEM, .seen = SIGFD_PAIR }, "no memory" },
		{ { .ret = -EPERM, .seen = SIGFD_SYSCALL }, "other" },
	};

	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		const struct cause *cause = meaning_of(&causes[i].event).cause;

		is(cause ? cause->name : "none", causes[i].cause ? causes[i].cause : "none",
		   "why a call failed");
	}
}

/* An event of `both`, as JSON or as text, holds this and not that. */
static void says(struct sigfd_event e, bool json, const char *this, const char *not_that)
{
	const char *record;

	opt.hooks = SIGFD_BOTH;
	form = json ? JSON : TEXT;
	put_event(&e);
	record = taken();
	expect(strstr(record, this) && !(not_that && strstr(record, not_that)), "says %.*s",
	       (int)strcspn(this, "\n"), this);
	if (!strstr(record, this) || (not_that && strstr(record, not_that)))
		printf("# in: %s", record);
}

/* What the marks hold to, and what they must not be said of. */
static void test_meaning(void)
{
	struct sigfd_event e = { .ufd = -1, .ret = 3, .sizemask = 8, .seen = SIGFD_BOTH };

	e.mask = e.user_mask = e.blocked = SIGFD_BIT(SIGCHLD) | SIGFD_BIT(SIGHUP);
	says(e, false, "HUP CHLD\n", "!");
	says(e, true, "\"discarded\":[],", NULL);
	e.chld_ignored = 1;
	says(e, false, "HUP CHLD  !discarded CHLD\n", NULL);
	says(e, true, "\"discarded\":[\"SIGCHLD\"],", NULL);
	e.mask = e.user_mask = SIGFD_BIT(SIGHUP);
	says(e, false, "HUP\n", "!");
	e.ufd = 3;
	e.flags = SFD_CLOEXEC | SFD_NONBLOCK; /* an update may say again what the descriptor has */
	says(e, false, "CLOEXEC|NONBLOCK  HUP\n", "!");
	says(e, true, "\"reached\":true,", NULL);

	/* Not seen in do_signalfd4: that it was not there is sure only if the wrapper refused. */
	e.seen = SIGFD_SYSCALL;
	says(e, true, "\"reached\":null,", NULL);
	e.ret = -EINVAL;
	says(e, true, "\"reached\":null,", NULL);
	says(e, false, "!not a signalfd", "!not reached");
	e.flags = 1;
	says(e, true, "\"reached\":null,", NULL);
	says(e, false, "!bad flags", "!not reached");
	e.sizemask = 4;
	says(e, true, "\"reached\":false,", NULL);
	says(e, false, "!bad sizemask  !not reached", NULL);
	e.ret = -EFAULT;
	says(e, true, "\"reached\":false,", NULL);
	form = TEXT;
}

/* The widest record must fit into what end_record() leaves free, and into one pipe write. */
static void fits(const struct sigfd_event *e, const char *what)
{
	size_t length;

	put_event(e);
	length = strlen(taken());
	expect(length < RECORD_MAX && length <= PIPE_BUF, "%s fits a pipe write", what);
	printf("# %zu bytes\n", length);
}

static void test_widest(void)
{
	struct sigfd_event e = {
		.ktime_ns = ~0ULL >> 1,
		.mask = ~0ULL,
		.user_mask = 1,
		.sizemask = ~0ULL,
		.ufd = INT_MIN,
		.flags = ~0U,
		.syscall = 4,
		.duration_ns = ~0ULL,
		.cgroup_id = ~0ULL,
		.tgid = ~0U,
		.tid = ~0U,
		.uid = ~0U,
		.ret = -ERESTART,
		.seen = SIGFD_BOTH,
		.chld_ignored = 1,
	};

	memset(e.comm, 1, sizeof(e.comm) - 1);
	run.received = ~0UL;
	opt.hooks = SIGFD_BOTH;
	form = JSON;
	fits(&e, "the widest JSON record");

	form = TEXT;
	opt.given['e'] = opt.given['T'] = opt.given['U'] = "";
	e.ret = INT_MAX;
	/* Every second signal: named one by one, all of them unblocked, and CHLD among them. */
	e.mask = ~0ULL / 3;
	e.user_mask = ~0ULL / 3 << 1;
	fits(&e, "the widest text record");
}

/* Any bytes where any may come; `syscall` and `chld_ignored` as sigfd.h has them. */
static void random_json(long n)
{
	static const __u32 syscalls[] = { SIGFD_UNKNOWN, SIGFD_SIGNALFD, SIGFD_SIGNALFD4 };
	struct sigfd_event e;

	form = JSON;
	for (opt.hooks = SIGFD_BOTH; n > 0; n--) {
		getrandom(&e, sizeof(e), 0);
		e.comm[SIGFD_COMM_LEN - 1] = '\0';
		e.ktime_ns >>= 2;
		e.syscall = syscalls[e.syscall % 3];
		e.chld_ignored &= 1;
		run.received++;
		put_event(&e);
	}
	flush_records();
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	run.output = STDOUT_FILENO;
	if (argc == 3 && !strcmp(argv[1], "json")) {
		random_json(atol(argv[2]));
		return run.status;
	}
	test_names();
	test_sets();
	test_strings();
	test_causes();
	test_meaning();
	test_widest();
	printf("1..%d\n", tests);
	return failures != 0;
}
