// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * attach OBJECT [COMMAND [ARG...]]: puts the programs in OBJECT into the kernel, each at the place
 * that its SEC() names, runs COMMAND, and prints meanwhile what they print; without COMMAND, until
 * Ctrl-C. The programs go when it ends.
 *
 * A newer bpftool needs no such loader: Debian 13's 7.5 can attach, Debian 12's 7.1 only load.
 * There the programs stay until their folder is removed:
 *
 *	mount -t bpf bpf /sys/fs/bpf
 *	bpftool prog loadall step1.bpf.o /sys/fs/bpf/step1 autoattach
 *	bpftool prog tracelog
 *	rm -r /sys/fs/bpf/step1
 */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* All that there is now. Whoever reads a line here takes it away from other readers. */
static void copy_lines(int from, int to)
{
	char text[4096];
	ssize_t n;

	while ((n = read(from, text, sizeof(text))) > 0)
		if (to >= 0)
			must(write(to, text, n) == n, "output");
}

/* libbpf says on stderr why, in more words than errno has. */
static void load_and_attach(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	must(object != NULL, "open");
	must(!bpf_object__load(object), "load");
	bpf_object__for_each_program (program, object)
		must(bpf_program__attach(program) != NULL, "attach");
}

int main(int argc, char **argv)
{
	int lines, ended = 0;
	pid_t child = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: attach OBJECT [COMMAND [ARG...]]\n");
		return 2;
	}
	/* What bpf_printk() writes comes out of a file of tracefs, which may not be mounted. */
	if (access("/sys/kernel/tracing/trace_pipe", F_OK))
		must(!mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL), "tracefs");
	lines = open("/sys/kernel/tracing/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	must(lines >= 0, "trace_pipe");
	copy_lines(lines, -1); /* left over from earlier */
	load_and_attach(argv[1]);
	if (argc > 2) {
		child = fork();
		must(child >= 0, "fork");
	}
	if (argc > 2 && !child) {
		execvp(argv[2], argv + 2);
		must(0, argv[2]);
	}
	while (!ended) {
		struct pollfd wait = { .fd = lines, .events = POLLIN };

		poll(&wait, 1, 100);
		ended = child && waitpid(child, NULL, WNOHANG) == child;
		copy_lines(lines, STDOUT_FILENO);
	}
	return 0;
}
