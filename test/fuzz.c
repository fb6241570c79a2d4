// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * fuzz.c: the loader's functions that take what others chose, for libFuzzer, which looks for input
 * that makes them fail. It includes the loader whole, as unit.c does. $FUZZ says which:
 *
 *	json, text   struct sigfd_event of any bytes, through put_event() in that form
 *	options      a command line, a word a line, through argp and read_options()
 *	proc         what /proc may hold, names and signals, through number_in(), printable() and others
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Where sigfd would end it returns to here, and what it says is looked at instead of printed. */
static void end_run(int status) __attribute__((noreturn));
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define exit(status) end_run(status)
#define dprintf(fd, ...) say(__VA_ARGS__)
#define main sigfd_main
#include "../sigfd.c"
#undef main
#undef exit

static jmp_buf ended;
static int end_status; /* -1: not ended */
static char said[4096];

static void end_run(int status)
{
	end_status = status;
	longjmp(ended, 1);
}

static void must_be(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz: not so: %s\n%.*s\n%s\n", what, (int)out.length, out.bytes, said);
	abort();
}

/* One line, or as many as are ended in it, of printable ASCII. */
static void must_be_lines(const char *text, size_t length)
{
	must_be(length && text[length - 1] == '\n', "it ends with a newline");
	for (size_t i = 0; i < length; i++)
		must_be((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n',
			"all is printable ASCII");
}

static void say(const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	must_be((size_t)length < sizeof(said), "a message is short");
	must_be_lines(said, length);
	must_be(strchr(said, '\n') == said + length - 1, "a message is one line");
}

/* Strings in quotes, one pair of braces, brackets in pairs. */
static void must_be_json(const char *p, size_t length)
{
	bool quoted = false;
	int depth = 0;

	must_be(*p == '{' && p[length - 2] == '}', "an object");
	must_be(memchr(p, '\n', length) == p + length - 1, "an object in one line");
	for (; *p != '\n'; p++) {
		if (quoted && *p == '\\')
			must_be(*++p == 'u', "no escape but \\u");
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += strchr("{[", *p) ? 1 : strchr("}]", *p) ? -1 : 0;
		must_be(depth > 0 || p[1] == '\n', "the object ends with its line");
	}
	must_be(!quoted && !depth, "quotes and brackets in pairs");
}

static void fuzz_event(const uint8_t *data, size_t size)
{
	static const unsigned hooks[] = { SIGFD_PAIR, SIGFD_SYSCALL, SIGFD_BOTH };
	struct sigfd_event e = { 0 };
	size_t length;

	memcpy(&e, data + 1, size - 1 < sizeof(e) ? size - 1 : sizeof(e));
	e.comm[SIGFD_COMM_LEN - 1] = '\0';
	/* No error is above 4095 (MAX_ERRNO), so nothing that the kernel returns is less. */
	e.ret = e.ret < -4095 ? -4095 : e.ret;
	e.user_err = e.user_err < -4095 ? -4095 : e.user_err;
	opt.hooks = hooks[*data % 3];
	opt.given['T'] = *data & 8 ? "" : NULL;
	opt.given['U'] = *data & 16 ? "" : NULL;
	opt.given['e'] = *data & 32 ? "" : NULL;
	put_event(&e);
	length = out.length;
	must_be(length < RECORD_MAX, "a record is shorter than RECORD_MAX");
	must_be_lines(out.bytes, length);
	if (form == JSON)
		must_be_json(out.bytes, length);
	out.length = 0;
}

/* Words are separated by newlines. */
static void fuzz_options(char *text)
{
	char *argv[32] = { (char *)"sigfd" };
	int argc = 1;

	for (char *word; argc < 31 && (word = strsep(&text, "\n"));)
		argv[argc++] = word;
	memset(&opt, 0, sizeof(opt));
	end_status = -1;
	*said = '\0';
	if (!setjmp(ended)) {
		argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP | ARGP_NO_ERRS, NULL,
			   NULL);
		read_options();
	}
	if (end_status >= 0) {
		must_be(end_status ? !strncmp(said, "sigfd: ", 7) : !*said, "why it ends");
		must_be(!end_status || end_status == EXIT_USAGE, "wrong usage");
		return;
	}
	must_be(opt.hooks < SIGFD_BOTH + 1 && (!opt.hooks || hook_names[opt.hooks]), "hooks");
	must_be(opt.kernel.tgid >= 0 && opt.kernel.tgid <= 1 << 22, "a process's number");
	must_be(opt.kernel.tid >= 0 && opt.kernel.tid <= 1 << 22, "a thread's number");
	must_be(opt.buffer_kib >= 4 && opt.buffer_kib <= 1 << 20, "the buffer's size");
	must_be(!opt.kernel.comm[SIGFD_COMM_LEN - 1], "a name's end");
}

static void fuzz_proc(char *text, size_t size)
{
	static const char *const fields[] = { "\nsigmask:\t", "\nSigBlk:\t", "\nTgid:\t",
					      "\nUid:\t" };
	static const int bases[] = { 16, 16, 10, 10 };
	int sig = signal_number(text);

	must_be(sig >= 0 && sig <= 64, "a signal's number");
	must_be(!sig || signal_number(signal_name(sig)) == sig || sig == 32 || sig == 33,
		"a signal's name");
	process.all_block = number_in(text, fields[1], 16, -1);
	for (int i = 0; i < 4; i++)
		number_in(text, fields[i], bases[i], 0);
	snprintf(process.comm, sizeof(process.comm), "%s", text);
	sprintf(process.pid, "%d", 1 + (int)size);
	form = size & 1 ? JSON : TEXT;
	put_descriptor("23", number_in(text, fields[0], 16, 0));
	must_be_lines(out.bytes, out.length);
	if (form == JSON)
		must_be_json(out.bytes, out.length);
	out.length = 0;
	if (size < 512) /* as long as it may be where it is called: a message's line */
		must_be(strlen(printable(text, false)) <= 4 * size, "printable");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *what = getenv("FUZZ");
	char *text;

	if (!size || !what)
		return -1;
	setlocale(LC_CTYPE, "C.UTF-8"); /* as main() does */
	run.output = STDOUT_FILENO;
	run.received++;
	if (*what == 'j' || *what == 't') {
		form = *what == 'j' ? JSON : TEXT;
		fuzz_event(data, size);
		return 0;
	}
	text = strndup((const char *)data, size);
	if (*what == 'o')
		fuzz_options(text);
	else
		fuzz_proc(text, strlen(text));
	free(text);
	return 0;
}
