#!/bin/bash
# Who sees the mask that the kernel uses: traces the modes of docs/proofs/race.c, and compares each
# event with what /proc/self/fdinfo said after that very call.

# shellcheck disable=SC2016 # awk and jq have variables too

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
sigfd=$(realpath -- "${SIGFD:-$here/../sigfd}")
race=$here/../build/proofs/race
patience=300 # seconds for a run of 150,000 calls; TCG is slow
kprobes=no

usage() {
	cat <<-'END'
	usage: test/race.sh [pair]

	Shows, as root, which tracers are open to a change of the mask under way, and
	prints TAP. "pair" says that this kernel has kprobes; without it only the
	boundary is traced. The programs are ../sigfd, or $SIGFD, and
	../build/proofs/race.
	END
}

# ---- Words that tests are made of ----------------------------------------------------------------

# Of a test that holds too, how clearly it does.
note() {
	echo "# $*" >&3
}

needs_kprobes() {
	[[ $kprobes == yes ]] || skip 'needs the hook pair'
}

# Traces a mode of race.c: its events in `events`; in `calls` a line for each, in their order: the
# set that was used, as race.c saw it; and mask, user_mask and raced, as the tracer did.
trace() {
	local hook=$1
	shift
	timeout "$patience" "$sigfd" -j -H "$hook" -b 65536 -- \
		sh -c 'exec "$@" >used' sh "$race" "$@" >events 2>err </dev/null ||
		{ cat err && return 1; }
	jq -r '"\(.mask) \(.user_mask) \(.raced)"' events | paste -d ' ' used - >calls
}

# The same, with every event there: else they can't be told apart. The kernel may keep some from
# sigfd (sigfd(8), LIMITS), so a run has three tries.
trace_whole() {
	local tries
	for ((tries = 0; tries < 3; tries++)); do
		trace "$@"
		[[ $(wc -l <used) != "$(wc -l <events)" ]] || return 0
	done
	tail -n 1 err
	return 1
}

# In how many calls this holds.
number_of() {
	awk "$1 { n++ } END { print n + 0 }" calls
}

# No mask is made up: each that was used, or that a tracer tells, is one of race.c's two.
masks_are_the_two() {
	local mask='0x0{15}[12]'
	! grep -vE "^$mask $mask ($mask|null) " calls >others || { head -n 3 others && return 1; }
}

matches() {
	jq -en "[inputs] | all($1)" events >/dev/null || { echo "an event is not: $1" && return 1; }
}

# Whether a change hits the moment is the machine's choice: processors that one thread emulates
# take turns, and few of these turns fall into a call. Where none does, nothing can be shown.
sizes=(2000 8000 40000 150000)

# until_some HOOK CONDITION WHAT: traces more and more calls, until there are such.
until_some() {
	local n some
	for n in "${sizes[@]}"; do
		trace_whole "$1" flip "$n"
		masks_are_the_two
		some=$(number_of "$2")
		note "$some of $n calls $3"
		((some == 0)) || return 0
	done
	skip "no change fell into $n calls"
}

# ---- A thread changes the mask -------------------------------------------------------------------

boundary_is_wrong() {
	until_some syscall '$1 != $2' 'shown with a mask that was not used'
}

kernel_copy_is_right() {
	needs_kprobes
	trace_whole pair flip 20000
	masks_are_the_two
	[[ $(number_of '$1 != $2') == 0 ]]
	[[ $(sort -u used | wc -l) == 2 ]] || skip 'the mask never changed in 20000 calls'
}

both_are_told_apart() {
	needs_kprobes
	until_some both '$1 != $2 || $2 != $3 || $4 == "true"' 'raced'
	[[ $(number_of '$1 != $2') == 0 ]]
	[[ $(number_of '($4 == "true") != ($2 != $3)') == 0 ]]
}

# ---- A page that sigfd's BPF can't wait for (for BPF that can: docs/proofs/sleepable.c) ---------

trace_one() {
	if [[ $2 == userfault ]]; then
		"$race" userfault >said.userfault || skip "no userfaultfd: $(<said.userfault)"
	fi
	trace_whole "$@"
	[[ $(<used) =~ ^0x000000000000000[12]$ ]]
	matches '.ret >= 0'
}

boundary_is_blind() {
	trace_one syscall "$1"
	matches '.mask == null and .user_mask == null and .user_mask_errno == "EFAULT"'
}

kernel_copy_is_not() {
	local hook
	needs_kprobes
	for hook in pair both; do
		trace_one "$hook" "$1"
		matches '.mask_source == "kernel" and .user_mask == null and .raced == null'
		[[ $(number_of '$1 != $2') == 0 ]]
	done
	matches '.user_mask_errno == "EFAULT"'
}

main() {
	case $* in
	'') ;;
	pair) kprobes=yes ;;
	*) usage >&2 && exit 2 ;;
	esac
	[[ $EUID == 0 ]] || { echo 'race.sh: only root can trace' >&2 && exit 2; }
	[[ -x $race ]] || { echo 'race.sh: no build/proofs/race; run: make programs' >&2 && exit 2; }
	export LC_ALL=C.UTF-8

	exec 3>&1
	echo 'TAP version 13'
	tap 'C23 S92 a tracer at the boundary shows masks that the kernel did not use' \
		boundary_is_wrong
	tap 'C23 S93 a probe on do_signalfd4 shows the mask that the kernel used, in every call' \
		kernel_copy_is_right
	tap 'C43 S94 where both see a call, they tell of each change in between, and of no other' \
		both_are_told_apart
	tap 'S95 BPF that may not sleep reads nothing at the boundary from a page that is not in the page table' \
		boundary_is_blind untouched
	tap 'S95 a probe on do_signalfd4 has the mask from such a page' kernel_copy_is_not untouched
	tap 'S96 BPF that may not sleep reads nothing at the boundary from a page that is supplied on demand' \
		boundary_is_blind userfault
	tap 'S96 a probe on do_signalfd4 has the mask that was supplied' \
		kernel_copy_is_not userfault
	end_tap
}

main "$@"
