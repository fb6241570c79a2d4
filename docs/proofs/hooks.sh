#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# hooks.sh: what each hook sees of a signalfd call, and what it must not be asked.
#
# Two other proofs make calls and print each one (docs/proofs/errors.c, docs/proofs/ways.c); sigfd
# traces them by each hook, and what it says is compared with what they printed. Then wrong tracers
# do the same: sigfd with a patch from docs/proofs/wrong/, each with one mistake in it, which is
# shown.
#
# For root, from anywhere, after `make all programs`. Prints TAP. Where the kernel has no kprobes
# only the boundary can be shown: there a probe on do_signalfd4 is refused with the same ENOENT as
# one on a name that no kernel has, so its error would prove nothing.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
source test/tap.sh || exit   # tap, skip, end_tap, and the folder $work
source test/patch.sh || exit # patched

root=$PWD
wrong=build/wrong
why='' # what follows can't be shown
never_fire="the probes don't fire" # sigfd, where they see no start-up call

usage() {
	cat <<-'END'
	usage: docs/proofs/hooks.sh [--build]

	Shows in TAP what each hook sees of a call. Builds the wrong tracers that are
	missing from build/wrong or older than their sources; with --build that is
	all that it does. In a virtual machine this takes long: build them before.
	END
}

# ---- The wrong tracers ---------------------------------------------------------------------------

is_built() {
	local source
	for source in "docs/proofs/wrong/$1.patch" Makefile sigfd.c sigfd.h sigfd.bpf.c; do
		[[ $wrong/$1/sigfd -nt $source ]] || return
	done
}

build() {
	local name=$1 tree=$work/tree
	mkdir -p "$wrong/$name"
	{
		patched "docs/proofs/wrong/$name.patch" "$tree" && make -C "$tree"
	} >"$work/make" 2>&1 || { sed 's/^/# /' "$work/make" && return 1; }
	mv "$tree/sigfd" "$wrong/$name/sigfd"
}

build_all() {
	local patch name
	for patch in docs/proofs/wrong/*.patch; do
		name=$(basename "$patch" .patch)
		is_built "$name" || build "$name" ||
			{ echo "Bail out! $patch does not apply or build" && exit 1; }
	done
}

# ---- A test --------------------------------------------------------------------------------------

# shows "ID text" COMMAND...: holds if the command does; what it prints is the diagnosis.
shows() {
	tap "$1" in_root "${@:2}"
}

in_root() {
	[[ -z $why ]] || skip "$why"
	cd "$root"
	"$@"
}

# Runs the command, if ways can make 32-bit calls on this host.
with_32bit_calls() {
	build/proofs/ways >"$work/ways"
	grep -q '^# call compat_' "$work/ways" || skip "no 32-bit call can be made here"
	"$@"
}

# ---- What the tracer says, and what the program said ---------------------------------------------

# trace TRACER HOOK PROGRAM [OPTION...]: errors or ways under that tracer, in the folder $run: what
# it printed (said), the events as JSON (out). Each only once.
trace() {
	local tracer=$wrong/$1/sigfd
	run=$work/$(tr -d ' ' <<<"$*")
	[[ $1 != right ]] || tracer=./sigfd
	[[ ! -e $run/done ]] || return 0
	mkdir -p "$run"
	# shellcheck disable=SC2016 # for the inner shell
	timeout 60 "$tracer" -j -H "$2" "${@:4}" -- sh -c 'exec "$1" >"$2"' sh "build/proofs/$3" \
		"$run/said" >"$run/out" 2>"$run/err" || { cat "$run/err" && return 1; }
	touch "$run/done"
}

# A line an event: SYSCALL UFD MASK SIZEMASK FLAGS RESULT REACHED.
events() {
	jq -r '[.syscall, .ufd, .mask, .sizemask, .flags, .ret, .reached] | map(tostring)
		| join(" ")' "$run/out"
}

# The same, from what the program printed. do_signalfd4 is reached when sizemask is right and the mask
# can be read; a 32-bit or x32 call does not pass the tracepoints of signalfd and signalfd4.
expected() {
	local hook=$1 name ufd mask sizemask flags ret early native
	while read -r name ufd mask sizemask flags ret; do
		early=no native=yes
		[[ $sizemask == 8 && $mask != unreadable ]] || early=yes
		[[ $name != *_* ]] || native=no
		mask=${mask/unreadable/null} flags=$((flags))
		case $hook.$early.$native in
		pair.no.*) echo "null $ufd $mask null $flags $ret true" ;;
		syscall.*.yes) echo "$name $ufd $mask $sizemask $flags $ret null" ;;
		both.no.yes) echo "$name $ufd $mask $sizemask $flags $ret true" ;;
		both.yes.yes) echo "$name $ufd $mask $sizemask $flags $ret false" ;;
		both.no.no) [[ $name == x32* ]] || echo "null $ufd $mask null $flags $ret true" ;;
		esac
	done < <(calls)
}

# NAME UFD MASK SIZEMASK FLAGS RESULT of each call that the program printed; signalfd has no flags.
calls() {
	sed -nE 's/^# call ([a-z0-9_]+)\((.*)\) = (.*)/\1, \2, \3/p' "$run/said" |
		sed -E 's/^([a-z_]*signalfd(, [^,]+){3}), /\1, 0, /; s/,//g'
}

are_as_expected() {
	trace "$@"
	[[ -s $run/out ]]
	diff <(expected "$2") <(events)
}

# ---- The boundary: everywhere --------------------------------------------------------------------

# All 32 bits of flags, one by one, and INT_MIN as a descriptor.
passes_nonsense() {
	trace right "$1" errors
	diff <(expected "$1" | cut -d ' ' -f 2,5) <(events | cut -d ' ' -f 2,5)
	(($(events | cut -d ' ' -f 5 | sort -u | wc -l) > 30))
	events | grep -q ' -2147483648 '
}

# flags are an int: of sizemask they take the lower half.
takes_sizemask_for_flags() {
	trace page-arguments syscall errors
	diff <(calls | awk '{ print $4 % 4294967296 }') <(events | cut -d ' ' -f 5)
}

# --failed shows what is a failure to the tracer.
failures_are_negative() {
	trace result-as-long syscall errors --failed
	diff <(expected syscall | grep -E ' -[0-9]+ null$') <(events)
}

# In the order of the call's arguments, as ftrace had them from the source by a macro.
names_of_arguments() {
	local events=$work/tracefs/events/syscalls names
	mount_tracefs
	names=$(sed -nE 's/.*field:.*[ *](\w+);.*offset:(16|24|32|40);.*/\1/p' \
		"$events/sys_enter_signalfd4/format")
	echo "$names"
	[[ $names == $'ufd\nuser_mask\nsizemask\nflags' ]]
}

mount_tracefs() {
	mkdir -p "$work/tracefs"
	mountpoint -q "$work/tracefs" || mount -t tracefs tracefs "$work/tracefs"
}

boundary() {
	shows "C05 the kernel names the arguments ufd, user_mask, sizemask and flags" \
		names_of_arguments
	shows "C39 the boundary sees every call, also those that fail before do_signalfd4" \
		are_as_expected right syscall errors
	shows "C19 C26 ufd and flags at the boundary are what the caller passed, nonsense too" \
		passes_nonsense syscall
	shows "C28 a tracer that takes the page's three arguments shows sizemask as flags" \
		takes_sizemask_for_flags
	shows "S86 at the boundary the result is a long, and a failure is negative" \
		failures_are_negative
	shows "S87 the boundary does not see a 32-bit call" with_32bit_calls \
		are_as_expected right syscall ways
}

# ---- The pair: where there are kprobes -----------------------------------------------------------

# error_log, since v5.2, holds why a write failed; its errno is ENOENT or, later, EINVAL.
tracefs_refuses() {
	local events=$work/tracefs/kprobe_events
	mount_tracefs
	! echo "r:sigfd_hooks/wrong do_signalfd" >>"$events" || return 1
	grep -A 1 'Invalid probed address or symbol' "$work/tracefs/error_log" |
		grep 'Command: r:sigfd_hooks/wrong do_signalfd$'
	echo "r:sigfd_hooks/right do_signalfd4" >>"$events" # >> adds; > would take away all others
	echo "-:sigfd_hooks/right" >>"$events"
}

# does_not_begin TRACER WHY [OPTION...]: it says why in one line.
does_not_begin() {
	local status=0
	timeout 60 "$wrong/$1/sigfd" -H pair -d 1 "${@:3}" >"$work/refused" 2>&1 || status=$?
	cat "$work/refused"
	((status == 3)) && grep -q "$2" "$work/refused"
}

# Some of the calls are shown right all the same: what fails at the first check leaves the registers
# alone. So one right event proves nothing.
differ_in_columns() {
	trace "$1" pair errors
	! diff <(expected pair | cut -d ' ' -f "$2") <(events | cut -d ' ' -f "$2") || return 1
	diff <(expected pair | cut -d ' ' -f 1,3) <(events | cut -d ' ' -f 1,3)
}

# Where flags are refused (others than 0x80800), the function has not touched the mask yet.
mask_is_complement() {
	local name ufd mask sizemask flags rest
	trace mask-at-return pair errors
	expected pair | while read -r name ufd mask sizemask flags rest; do
		((flags & ~0x80800)) || mask=$(printf '0x%016x' $((~mask | 1 << 8 | 1 << 18)))
		echo "$name $ufd $mask $sizemask $flags $rest"
	done >"$work/want"
	diff "$work/want" <(events)
}

# --failed lets pass what is a failure to the tracer: not even its start-up call is one.
failures_are_positive() {
	trace result-as-long pair errors
	jq -en '[inputs] | any(.ret == -9 and .duration_ns == 4294967287)' "$run/out"
	does_not_begin result-as-long "$never_fire" --failed
}

# burst -w: each thread sleeps in do_signalfd4, since the table of descriptors must grow. The kernel
# keeps room for twice as many returns as there can be processors (register_kretprobe(),
# kernel/kprobes.c@v5.10 to v7.3), for 10 at least. How many sleep at once is the machine's choice.
returns_are_lost() {
	local possible processes counts tries
	possible=$(</sys/devices/system/cpu/possible)
	processes=$(((${possible##*[-,]} + 1) * 2 / 60 + 1)) # of 60 threads: burst has 64 at most
	counts="$((processes * 60)) calls: [0-9]+ shown, ([0-9]+) lost .*return missed ([0-9]+)"
	for ((tries = 0; tries < 3; tries++)); do
		# shellcheck disable=SC2016 # for the inner shell
		timeout 60 ./sigfd -H pair -- sh -c 'for i in $(seq "$1"); do
				test/bin/burst -w -t 60 -n 1 &
			done; wait' sh "$processes" >"$work/out" 2>"$work/err"
		cat "$work/err"
		[[ $(tail -n 1 "$work/err") =~ $counts ]]
		((BASH_REMATCH[1] == BASH_REMATCH[2]))
		((BASH_REMATCH[1] == 0)) || return 0
	done
	skip "too few of $((processes * 60)) calls slept at once"
}

# The first thing that is missing, of those that the pair needs.
pair_lacks() {
	local needs='kprobes|kprobes enabled|symbol'
	./sigfd --check | sed -nE "s/^($needs) +missing +([^;]*).*/\2/p" | head -n 1
}

pair() {
	why=$(pair_lacks)
	shows "C33 C34 C35 a kretprobe on do_signalfd is refused with ENOENT" \
		does_not_begin do_signalfd "'do_signalfd+0x0'.*: No such file or directory" -v
	shows "C33 C36 tracefs refuses do_signalfd and takes do_signalfd4" tracefs_refuses
	shows "C36 C37 C39 the pair sees each call that reaches do_signalfd4, no other" \
		are_as_expected right pair errors
	shows "C39 joined by thread, the hooks tell which calls did not reach do_signalfd4" \
		are_as_expected right both errors
	shows "C19 C26 ufd and flags in do_signalfd4 are what the caller passed" \
		passes_nonsense pair
	shows "S87 the pair sees a 32-bit call like any other" with_32bit_calls \
		are_as_expected right pair ways
	shows "S87 joined, a 32-bit call is one that the boundary missed" with_32bit_calls \
		are_as_expected right both ways
	shows "C35 C37 arguments read at the return are not the caller's" \
		differ_in_columns arguments-at-return 2,5
	shows "C37 the result read at the entry is not the call's" \
		differ_in_columns result-at-entry 6
	shows "S85 the mask read at the return is the complement, with KILL and STOP in it" \
		mask_is_complement
	shows "S86 the result of do_signalfd4 read as a long is no failure: -EBADF is 4294967287" \
		failures_are_positive
	shows "C38 S88 on the system call's entry the arguments are others: sigfd finds out" \
		does_not_begin entry-point "$never_fire"
	shows "S89 a kretprobe loses returns when too many calls sleep in the function" \
		returns_are_lost
}

# ---- All of it -----------------------------------------------------------------------------------

# A probe of tracefs_refuses is left where that was interrupted. What can't be unmounted, rm would
# go into, and take away what others have there.
cleanup() {
	if mountpoint -q "$work/tracefs"; then
		[[ ! -e $work/tracefs/events/sigfd_hooks/right ]] ||
			echo "-:sigfd_hooks/right" >>"$work/tracefs/kprobe_events"
		umount "$work/tracefs" || return
	fi
	rm -rf "$work"
}

case ${1-} in
'' | --build) ;;
--help | -h) usage && exit ;;
*) usage >&2 && exit 2 ;;
esac
trap cleanup EXIT
build_all
[[ ${1-} != --build ]] || exit 0
boundary
pair
end_tap
