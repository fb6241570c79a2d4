/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * errors: every way in which a signalfd call fails, in the order in which the kernel checks:
 *
 *	the call                 sizemask    EINVAL
 *	(signalfd, signalfd4)    the mask    EFAULT
 *	do_signalfd4()           flags       EINVAL
 *	    to create            memory      ENOMEM
 *	                         a number    EMFILE (the table that holds it: ENOMEM)
 *	                         a file      ENFILE, ENOMEM
 *	    to update            open?       EBADF
 *	                         signalfd?   EINVAL
 *
 * (fs/signalfd.c@v5.10 to v7.3.) A call that is wrong in two ways shows which check comes first. A
 * number and a file are what any open() needs, so their errors are those of fs/file.c and
 * fs/file_table.c. The manual page's ENODEV can't come: a kernel that can't make what a descriptor
 * without a name stands on panics at boot (anon_inode_init(), fs/anon_inodes.c@v5.10 to v7.3).
 *
 * Each call is printed as it was made, so that what a tracer says of this run can be compared:
 *
 *	# call signalfd4(-1, 0x0000000000000003, 8, 0x0) = 3
 *
 * `errors alone` also touches what belongs to the whole system: the limit on open files, the memory
 * controller of the root cgroup, the OOM killer. It is for a virtual machine.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mntent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "proof.h"

#define CLOSED 999 /* a descriptor that is not open */
#define UNKNOWN_FLAG 0x1

static uint64_t asked;
static char *end_of_memory; /* what lies behind it can't be read */
static bool alone;

static void print_call(const char *how, int ufd, const void *mask, size_t sizemask, int flags,
		       long ret)
{
	if (mask == &asked)
		note("%s signalfd4(%d, 0x%016lx, %zu, 0x%x) = %ld", how, ufd, asked, sizemask,
		     flags, ret);
	else
		note("%s signalfd4(%d, unreadable, %zu, 0x%x) = %ld", how, ufd, sizemask, flags,
		     ret);
}

/* The system call itself: the C library's function would not let us choose sizemask. */
static long make(int ufd, const void *mask, size_t sizemask, int flags)
{
	long ret = syscall(SYS_signalfd4, ufd, mask, sizemask, flags);

	return ret < 0 ? -errno : ret;
}

static long call(int ufd, const void *mask, size_t sizemask, int flags)
{
	long ret = make(ufd, mask, sizemask, flags);

	print_call("call", ufd, mask, sizemask, flags, ret);
	return ret;
}

/* A call that should make a descriptor; which is not kept. */
static bool creates(void)
{
	long fd = call(-1, &asked, 8, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The compat calls want 8 too: compat_sigset_t has as many bits (do_compat_signalfd4()). */
static void bad_sizemask(void)
{
	size_t sizes[] = { 0, 1, 4, 7, 9, 16, sizeof(sigset_t), 1UL << 32 | 8 };
	bool refused = true;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		refused &= call(-1, &asked, sizes[i], 0) == -EINVAL;
	ok(refused, "S10 a sizemask other than 8 is EINVAL, the C library's 128 too");
	ok(call(-1, end_of_memory, 4, 0) == -EINVAL,
	   "S10 sizemask is checked before the mask is read");
}

static void bad_pointer(void)
{
	ok(call(-1, NULL, 8, 0) == -EFAULT && call(-1, end_of_memory, 8, 0) == -EFAULT &&
		   call(-1, end_of_memory - 4, 8, 0) == -EFAULT &&
		   call(-1, (void *)(1UL << 63), 8, 0) == -EFAULT,
	   "S11 a mask of which any byte can't be read is EFAULT");
	ok(call(-1, end_of_memory, 8, UNKNOWN_FLAG) == -EFAULT,
	   "S11 the mask is read before the flags are checked");
	ok(call(CLOSED, end_of_memory, 8, 0) == -EFAULT,
	   "S11 the mask is read before the descriptor is looked up");
}

static void bad_flags(void)
{
	bool right = true;

	for (int i = 0; i < 32; i++) {
		int flag = 1U << i;
		long ret = call(-1, &asked, 8, flag);

		if (flag == SFD_CLOEXEC || flag == SFD_NONBLOCK)
			right &= ret >= 0 && !close(ret);
		else
			right &= ret == -EINVAL;
	}
	ok(right, "S12 any flag other than SFD_CLOEXEC and SFD_NONBLOCK is EINVAL");
	ok(call(-1, &asked, 8, SFD_CLOEXEC | UNKNOWN_FLAG) == -EINVAL,
	   "S12 a known flag does not save an unknown one");
	ok(call(CLOSED, &asked, 8, UNKNOWN_FLAG) == -EINVAL,
	   "S12 flags are checked before the descriptor is looked up");
}

static void not_open(void)
{
	int path = must(open("/dev/null", O_PATH | O_CLOEXEC));

	ok(call(CLOSED, &asked, 8, 0) == -EBADF, "S13 to update what is not open is EBADF");
	ok(call(-2, &asked, 8, 0) == -EBADF && call(AT_FDCWD, &asked, 8, 0) == -EBADF &&
		   call(INT_MIN, &asked, 8, 0) == -EBADF,
	   "S13 only -1 creates: any other negative number is EBADF");
	/* fdget() hands out no file that was opened as a path only (fs/file.c). */
	ok(call(path, &asked, 8, 0) == -EBADF, "S13 what O_PATH opened is EBADF too");
	close(path);
}

static void no_signalfd(void)
{
	int null = must(open("/dev/null", O_RDWR | O_CLOEXEC));
	int event = must(eventfd(0, EFD_CLOEXEC)); /* as nameless a file as a signalfd */

	ok(call(null, &asked, 8, 0) == -EINVAL && call(event, &asked, 8, 0) == -EINVAL,
	   "S14 to update an open file that is no signalfd is EINVAL");
	ok(call(-1, &asked, 16, 0) == -EINVAL && call(-1, &asked, 8, UNKNOWN_FLAG) == -EINVAL &&
		   call(null, &asked, 8, 0) == -EINVAL,
	   "S18 EINVAL has three causes: sizemask, flags, a file that is no signalfd");
	close(null);
	close(event);
}

/* A limit below the numbers in use closes nothing; it refuses new ones. */
static void limit_descriptors(rlim_t limit)
{
	struct rlimit now;

	must(getrlimit(RLIMIT_NOFILE, &now));
	now.rlim_cur = limit < now.rlim_max ? limit : now.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &now));
}

static void no_number_left(void)
{
	int fd = must(call(-1, &asked, 8, 0));
	struct rlimit before;

	must(getrlimit(RLIMIT_NOFILE, &before));
	limit_descriptors(0);
	ok(call(-1, &asked, 8, 0) == -EMFILE, "S15 to create at RLIMIT_NOFILE is EMFILE");
	ok(call(-1, &asked, 8, UNKNOWN_FLAG) == -EINVAL,
	   "S15 flags are checked before a number is looked for");
	ok(call(fd, &asked, 8, 0) == fd, "S15 to update at RLIMIT_NOFILE needs no number");
	limit_descriptors(before.rlim_cur);
	close(fd);
}

static ssize_t write_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, word, strlen(word));

	close(fd);
	return n;
}

/* setresuid() to a user takes root's capabilities away, and with them the right to go beyond. */
static int as_nobody(void)
{
	must(setresuid(65534, 65534, 65534));
	if (call(-1, &asked, 8, 0) != -ENFILE)
		return 1;
	limit_descriptors(0);
	return call(-1, &asked, 8, 0) == -EMFILE ? 0 : 2;
}

/* alloc_empty_file() asks capable(CAP_SYS_ADMIN), fs/file_table.c@v5.10 to v7.3. */
static void no_file_left(void)
{
	static const char path[] = "/proc/sys/fs/file-max";
	const char *what = "S16 to create at fs.file-max is ENFILE";
	bool with_capability;
	char before[32] = "";
	int fd, status;

	if (!alone) {
		skip(what, "it would stop others on this system; run as `errors alone`");
		return;
	}
	fd = must(open(path, O_RDONLY | O_CLOEXEC));
	must(read(fd, before, sizeof(before) - 1));
	close(fd);

	must(write_word(path, "0"));
	status = in_child(as_nobody);
	with_capability = creates();
	must(write_word(path, before));
	ok(!status || WEXITSTATUS(status) == 2, "%s", what);
	ok(!status, "S16 EMFILE comes before ENFILE");
	ok(with_capability, "S16 CAP_SYS_ADMIN may go beyond fs.file-max");
}

/* A cgroup of our own with a memory controller; "" where there is none. */
static void make_cgroup(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char file[PATH_MAX + 32];
	const struct mntent *mount;

	while ((mount = getmntent(mounts)) && strcmp(mount->mnt_type, "cgroup2"))
		;
	snprintf(path, size, "%s/sigfd-errors-%d", mount ? mount->mnt_dir : "/nowhere", getpid());
	if (mount) {
		snprintf(file, sizeof(file), "%s/cgroup.subtree_control", mount->mnt_dir);
		write_word(file, "+memory"); /* where it can't be had, memory.max is missing */
	}
	endmntent(mounts);
	snprintf(file, sizeof(file), "%s/memory.max", path);
	if (!mkdir(path, 0755) && !access(file, W_OK))
		return;
	rmdir(path);
	*path = 0;
}

#define CALLS_MAX 1000 /* six were enough: what was charged ahead is used up first */
static char cgroup[PATH_MAX];
static long returned[CALLS_MAX];

/*
 * A file's memory is charged to the caller's cgroup (SLAB_ACCOUNT, fs/file_table.c@v5.10 to v7.3).
 * At the limit the kernel first kills who can be killed; a process that can't be is refused, and
 * can't have a single new page: so all of them are there before the limit falls, and nothing but
 * the calls is done until it rises.
 */
static int without_memory(void)
{
	char path[PATH_MAX + 32];
	int i = 0, n, limit;

	must(write_word("/proc/self/oom_score_adj", "-1000"));
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	must(write_word(path, "0"));
	snprintf(path, sizeof(path), "%s/memory.max", cgroup);
	limit = must(open(path, O_WRONLY | O_CLOEXEC));
	must(mlockall(MCL_CURRENT));
	must(write(limit, "0", 1));
	do
		returned[i] = make(-1, &asked, 8, 0);
	while (returned[i++] >= 0 && i < CALLS_MAX);
	must(write(limit, "max", 3));
	for (n = 0; n < i; n++)
		print_call("call", -1, &asked, 8, 0, returned[n]);
	return returned[i - 1] == -ENOMEM ? 0 : returned[i - 1] < 0 ? 1 : 2;
}

static void no_memory_left(void)
{
	const char *what = "S16 to create without memory for the file is ENOMEM";
	int status;

	if (!alone) {
		skip(what, "it makes the OOM killer look for somebody; run as `errors alone`");
		return;
	}
	make_cgroup(cgroup, sizeof(cgroup));
	if (!*cgroup) {
		skip(what, "there is no cgroup v2 with a memory controller");
		return;
	}
	status = in_child(without_memory);
	ok(!status, "%s", what);
	must(rmdir(cgroup));
}

/* How many descriptors are open, less the one that counts. */
static int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -3;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void nothing_happened(void)
{
	int fd = must(call(-1, &asked, 8, 0)), before = open_descriptors();
	uint64_t kept = kernel_set(fd);

	asked = ~0ULL;
	call(fd, &asked, 16, 0);
	call(fd, end_of_memory - 4, 8, 0);
	call(fd, &asked, 8, UNKNOWN_FLAG);
	ok(kernel_set(fd) == kept, "S17 an update that fails leaves the set as it was");
	call(-1, &asked, 16, 0);
	call(-1, end_of_memory, 8, 0);
	call(-1, &asked, 8, UNKNOWN_FLAG);
	ok(open_descriptors() == before, "S17 a creation that fails leaves no descriptor behind");
	ok(call(fd, &asked, 8, 0) == fd && kernel_set(fd) != kept,
	   "S17 after all these failures the next update works");
	close(fd);
}

/* A filter on the system call's number, by which every sandbox begins. */
static int under_filter(void)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_signalfd4, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(program) / sizeof(*program), program };
	long ret;

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	ret = make(-1, &asked, 16, 0);
	print_call("refused", -1, &asked, 16, 0, ret);
	return ret != -EXDEV;
}

int main(int argc, char **argv)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(memory == MAP_FAILED ? -1 : 0);
	begin_afresh();
	asked = bit(SIGHUP) | bit(SIGINT);
	end_of_memory = memory + page;
	must(munmap(end_of_memory, page));
	alone = argc > 1 && !strcmp(argv[1], "alone");

	bad_sizemask();
	bad_pointer();
	bad_flags();
	not_open();
	no_signalfd();
	no_number_left();
	no_file_left();
	no_memory_left();
	nothing_happened();
	ok(in_child(under_filter) == 0,
	   "S19 a seccomp filter answers before every check, with any error it likes");
	return done();
}
