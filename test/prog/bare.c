/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * bare pair|syscall: puts probes where sigfd has its own, on do_signalfd4 or at the boundary, with
 * BPF programs that only return. What they cost is what any tracer there costs at the least. Says
 * `ready` on stderr and waits for a signal to end it. For test/bench.sh.
 */
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS "/sys/kernel/tracing/events/syscalls/"
#define PMU "/sys/bus/event_source/devices/kprobe/"

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static unsigned long number_in(const char *path, const char *format)
{
	unsigned long number = 0;
	FILE *f = fopen(path, "r");

	must(f && fscanf(f, format, &number) == 1, path);
	fclose(f);
	return number;
}

/* The kernel takes a program only for the kind of probe that it was loaded for. */
static int load(enum bpf_prog_type type, const char *name)
{
	static const char license[] = "Dual BSD/GPL";
	static const struct bpf_insn only_return[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uintptr_t)only_return;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t)license;
	strcpy(attr.prog_name, name);
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	must(fd >= 0, "loading a program");
	return fd;
}

/* As libbpf does it: the event is opened on one CPU, and its program runs on all. */
static void attach(struct perf_event_attr *attr, int program)
{
	long fd;

	attr->size = sizeof(*attr);
	attr->sample_period = 1;
	fd = syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	must(fd >= 0, "perf_event_open");
	must(!ioctl(fd, PERF_EVENT_IOC_SET_BPF, program), "PERF_EVENT_IOC_SET_BPF");
	must(!ioctl(fd, PERF_EVENT_IOC_ENABLE, 0), "PERF_EVENT_IOC_ENABLE");
}

static void attach_tracepoint(const char *id, const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT };

	attr.config = number_in(id, "%lu");
	attach(&attr, load(BPF_PROG_TYPE_TRACEPOINT, name));
}

static void attach_kprobe(bool at_return, const char *name)
{
	static const char function[] = "do_signalfd4";
	struct perf_event_attr attr = { .config1 = (uintptr_t)function };

	attr.type = number_in(PMU "type", "%lu");
	attr.config = (unsigned long)at_return << number_in(PMU "format/retprobe", "config:%lu");
	attach(&attr, load(BPF_PROG_TYPE_KPROBE, name));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "pair")) {
		attach_kprobe(false, "bare_enter");
		attach_kprobe(true, "bare_return");
	} else if (argc == 2 && !strcmp(argv[1], "syscall")) {
		attach_tracepoint(EVENTS "sys_enter_signalfd4/id", "bare_enter");
		attach_tracepoint(EVENTS "sys_exit_signalfd4/id", "bare_return");
	} else {
		return 2;
	}
	fputs("ready\n", stderr);
	pause();
	return 0;
}
