/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * sleepable.c: BPF at the entry to the system call, and a mask whose page is not in the page table.
 *
 * A program that may not sleep, as sigfd's, reads by bpf_probe_read_user(), which gives up where it
 * would have to wait for a page. One that may sleep has bpf_copy_from_user(), which waits. Whether
 * a program at a tracepoint may sleep is the kernel's choice: v7.2 and v7.3 let it at those of
 * system calls (can_be_sleepable(), kernel/bpf/verifier.c@v7.2), and 6.18 refuses to load it.
 *
 * Both are made here instruction by instruction, and are the same but for the function they call.
 */
#define _GNU_SOURCE
#include "proof.h"
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>

/* What the program leaves in its map. */
struct seen {
	uint64_t mask;
	int64_t result;
	uint64_t calls;
};

static int map;
static const volatile uint64_t *mask;

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int new_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(uint32_t),
		.value_size = sizeof(struct seen),
		.max_entries = 1,
	};

	return bpf(BPF_MAP_CREATE, &attr);
}

static struct seen seen(void)
{
	uint32_t key = 0;
	struct seen value = { 0 };
	union bpf_attr attr = {
		.map_fd = map,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
	};

	must(bpf(BPF_MAP_LOOKUP_ELEM, &attr));
	return value;
}

#define INSN(op, dst, src, offset, value)                                                          \
	((struct bpf_insn){ .code = (op),                                                          \
			    .dst_reg = (dst),                                                      \
			    .src_reg = (src),                                                      \
			    .off = (offset),                                                       \
			    .imm = (value) })
#define LOAD(dst, src, offset) INSN(BPF_LDX | BPF_MEM | BPF_DW, dst, src, offset, 0)
#define STORE(dst, offset, src) INSN(BPF_STX | BPF_MEM | BPF_DW, dst, src, offset, 0)
#define MOVE(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ADD(dst, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
/* Two instructions: the second holds the upper half. */
#define SET64(dst, kind, value)                                                                    \
	INSN(BPF_LD | BPF_IMM | BPF_DW, dst, kind, 0, (int32_t)(value)),                           \
		INSN(0, 0, 0, 0, (int32_t)((uint64_t)(value) >> 32))

/*
 * At sys_enter_signalfd4: if the second argument is `mask`, reads it, and notes what came. The
 * arguments begin behind 16 bytes, as tracefs says in the event's format.
 */
static int load(int function, int flags)
{
	static const char license[] = "GPL";
	const struct bpf_insn code[] = {
		LOAD(BPF_REG_6, BPF_REG_1, 24),
		SET64(BPF_REG_2, 0, (uintptr_t)mask),
		INSN(BPF_JMP | BPF_JNE | BPF_X, BPF_REG_6, BPF_REG_2, 16, 0),
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		MOVE(BPF_REG_2, BPF_REG_10),
		ADD(BPF_REG_2, -4),
		SET64(BPF_REG_1, BPF_PSEUDO_MAP_FD, map),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 9, 0),
		MOVE(BPF_REG_7, BPF_REG_0),
		MOVE(BPF_REG_1, BPF_REG_0),
		SET(BPF_REG_2, sizeof(uint64_t)),
		MOVE(BPF_REG_3, BPF_REG_6),
		CALL(function),
		STORE(BPF_REG_7, offsetof(struct seen, result), BPF_REG_0),
		LOAD(BPF_REG_1, BPF_REG_7, offsetof(struct seen, calls)),
		ADD(BPF_REG_1, 1),
		STORE(BPF_REG_7, offsetof(struct seen, calls), BPF_REG_1),
		SET(BPF_REG_0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACEPOINT,
		.insns = (uintptr_t)code,
		.insn_cnt = sizeof(code) / sizeof(code[0]),
		.license = (uintptr_t)license,
		.prog_flags = flags,
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int number_in(const char *folder, const char *name)
{
	char path[128];
	int number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &number) != 1)
		number = -1;
	fclose(file);
	return number;
}

/* The tracepoint's number, as tracefs tells it; that may have to be mounted. */
static int tracepoint(void)
{
	char folder[] = "/tmp/sigfd-proof.XXXXXX";
	int id = -1;

	must(mkdtemp(folder) ? 0 : -1);
	if (mount("tracefs", folder, "tracefs", 0, NULL) == 0) {
		id = number_in(folder, "events/syscalls/sys_enter_signalfd4/id");
		umount(folder);
	}
	rmdir(folder);
	return id;
}

/* Runs the program at that tracepoint until the descriptor is closed. */
static int attach(int program, int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.sample_period = 1,
	};
	int event = must(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));

	must(ioctl(event, PERF_EVENT_IOC_SET_BPF, program));
	must(ioctl(event, PERF_EVENT_IOC_ENABLE, 0));
	return event;
}

/* A file's page, which has been written, but not by way of this mapping. */
static const uint64_t *untouched(uint64_t set)
{
	int file = must(memfd_create("mask", MFD_CLOEXEC));
	void *page;

	must(write(file, &set, sizeof(set)));
	page = mmap(NULL, sizeof(set), PROT_READ, MAP_SHARED, file, 0);
	must(page == MAP_FAILED ? -1 : 0);
	close(file);
	return page;
}

/* What such a program sees of one call with a mask on a page that is not in the page table. */
static struct seen sees(int function, int flags, int id)
{
	struct seen none = { 0 };
	int program, event, fd;

	mask = untouched(bit(SIGHUP));
	map = must(new_map());
	program = load(function, flags);
	if (program < 0)
		return none;
	event = attach(program, id);
	fd = must(syscall(SYS_signalfd4, -1, mask, sizeof(*mask), 0));
	must(kernel_set(fd) == bit(SIGHUP) ? 0 : -1);
	close(fd);
	close(event);
	close(program);
	return seen();
}

int main(void)
{
	const char *text = "S114 a program at the system call's entry that may not sleep reads "
			   "nothing of a page that is not in the page table";
	const char *may_sleep = "S114 one that may sleep reads the mask from such a page";
	int id = tracepoint();
	struct seen found;

	if (id < 0 || new_map() < 0) {
		skip(text, "no BPF here, or no tracepoints of system calls");
		skip(may_sleep, "no BPF here, or no tracepoints of system calls");
		return done();
	}
	found = sees(BPF_FUNC_probe_read_user, 0, id);
	ok(found.calls == 1 && found.result == -EFAULT, "%s", text);
	found = sees(BPF_FUNC_copy_from_user, BPF_F_SLEEPABLE, id);
	if (!found.calls && !is_since(7, 2))
		skip(may_sleep, "this kernel lets no program at a tracepoint sleep");
	else
		ok(found.calls == 1 && found.result == 0 && found.mask == bit(SIGHUP), "%s",
		   may_sleep);
	return done();
}
