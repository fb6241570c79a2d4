#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# load.sh: what must hold under load and when something goes wrong meanwhile: each call is shown or
# counted as lost, and nothing of sigfd stays in the kernel when it is killed.

# shellcheck disable=SC2016 # bpftrace and jq have variables too

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
PATH=$PATH:/usr/sbin:/sbin
sigfd=$(realpath -- "${SIGFD:-$here/../sigfd}")
bin=$here/bin
hooks=() hook='' machine=no all=no
cpu=/sys/devices/system/cpu/cpu1/online
tracing=/sys/kernel/tracing probe=sigfd_load

usage() {
	cat <<-'END'
	usage: test/load.sh [--all] [--machine] HOOK...

	Tests through each HOOK (pair, syscall, both), as root, and prints TAP. The
	program is ../sigfd, or $SIGFD. Other tracers are those of the packages
	bpftrace and linux-perf.

	  --all       more calls, more rounds, and as many calls a second as sigfd is
	              to keep up with
	  --machine   also switch a processor off, and set the clock: for a virtual
	              machine
	END
}

clean_up() {
	end_jobs
	[[ -z ${switched_off-} ]] || echo 1 >"$cpu"
	[[ -z ${probed-} ]] || echo "-:$probe" >>"$tracing/kprobe_events" || true
}

# ---- Words ---------------------------------------------------------------------------------------

# of ALL OTHERWISE: how many, with --all and without.
of() {
	[[ $all == yes ]] && echo "$1" || echo "$2"
}

# sigfd in the background, once it traces, for calls of threads that are named "load".
start() {
	: >err
	"$sigfd" -j -H "$hook" -n load "$@" 2>err >"${output:-out}" &
	tracer=$!
	wait_until has_text err Tracing
}

stop() {
	kill -INT "$tracer"
	wait_until has_ended "$tracer"
	wait "$tracer"
}

# N calls by each of four threads, or by as many as is told; says how many were made.
make_calls() {
	"$bin/burst" -p -c load -t "${2:-4}" -n "$1"
}

number_of() {
	local pattern="$1"
	[[ $summary =~ $pattern ]] && echo "${BASH_REMATCH[1]}" || echo 0
}

# $1 calls were made: they must be those that sigfd counts and those that the kernel kept from it,
# and each is in the output or lost by one cause. What was shown is in `shown`, what was lost in `lost`.
adds_up() {
	local summary causes
	summary=$(tail -n 1 err)
	calls=$(number_of '^sigfd: ([0-9]+) calls')
	shown=$(number_of ' ([0-9]+) shown')
	lost=$(number_of ' ([0-9]+) lost')
	causes=$(($(number_of 'ring buffer full ([0-9]+)') + $(number_of 'no entry ([0-9]+)') +
		$(number_of 'return missed ([0-9]+)') + $(number_of 'output closed ([0-9]+)')))
	equal 'calls made' "$1" $((calls + $(number_of '([0-9]+) entries skipped')))
	equal 'calls = shown + lost' "$calls" $((shown + lost))
	equal 'lost = the sum of its causes' "$lost" "$causes"
	equal 'lines' "$shown" "$(wc -l <out)"
	((calls > 0))
}

# ---- Readers -------------------------------------------------------------------------------------

fast_reader() {
	start -b 4096
	made=$(make_calls "$(of 5000 1000)")
	stop
	adds_up "$made"
	((shown > 0))
}

# A reader that sleeps after each 4 KiB.
read_slowly() {
	local line
	while IFS= read -rN 4096 line || [[ -n $line ]]; do
		printf %s "$line"
		read -rt 0.02 -u "$never" || true
	done <"$1"
}

slow_reader() {
	mkfifo pipe
	read_slowly pipe >out &
	reader=$!
	output=pipe start -b 16
	made=$(make_calls "$(of 2500 200)")
	stop
	wait_until has_ended "$reader"
	adds_up "$made"
	jq -e .ret out >/dev/null
}

stalled_reader() {
	mkfifo pipe
	exec {keep}<>pipe
	output=pipe start -b 4
	made=$(make_calls "$(of 5000 500)")
	stop
	exec {reader}<pipe {keep}>&-
	cat <&"$reader" >out
	adds_up "$made"
	((lost > 0 && shown > 0))
	jq -e .ret out >/dev/null
}

# In some of a few tries, since a machine that is busy with other things may stop sigfd for long.
loses_none_at() {
	local rate=$1 made got tries
	for tries in 1 2 3; do
		status=0
		"$sigfd" -j -H "$hook" -- sh -c "exec '$bin/pace' $rate 2 >paced" >out 2>err || status=$?
		equal 'exit status' 0 "$status"
		read -r made got <paced
		adds_up "$made"
		echo "try $tries: asked for $rate calls a second, made $got, lost $lost"
		((got >= rate * 9 / 10)) || skip "this machine makes $got calls a second, not $rate"
		((lost)) || break
	done
	equal 'lost' 0 "$lost"
	equal 'shown' "$made" "$shown"
}

# ---- Killed --------------------------------------------------------------------------------------

# What the kernel holds of all tracers: programs, maps and links, and probes by name.
kernel_holds() {
	"$bin/held"
	cat "$tracing/kprobe_events" /sys/kernel/debug/kprobes/list 2>/dev/null || true
}

# Nothing that was not there before. (What others had may have gone meanwhile.)
holds_no_more() {
	kernel_holds >after
	! grep -vxFf before after >new
}

mount_what_tells() {
	[[ -d $tracing/events ]] || mount -t tracefs tracefs "$tracing" || true
	mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug || true
}

leaves_nothing() {
	wait_until holds_no_more || { cat new && return 1; }
}

killed_under_load() {
	local round rounds
	rounds=$(of 3 1)
	mount_what_tells
	kernel_holds >before
	"$bin/burst" -n 0 -t 2 -c load >/dev/null &
	load=$!
	for ((round = 1; round <= rounds; round++)); do
		start
		wait_until test -s out
		((round > 1)) || ! holds_no_more # so what is looked for can be found
		kill -KILL "$tracer"
		wait "$tracer" || true
	done
	kill -TERM "$load"
	leaves_nothing
}

# At moments spread over the time that it takes to start.
killed_while_attaching() {
	local began=${EPOCHREALTIME/./} took round rounds
	rounds=$(of 16 4)
	mount_what_tells
	kernel_holds >before
	start
	took=$((${EPOCHREALTIME/./} - began))
	stop
	for ((round = 1; round <= rounds; round++)); do
		"$sigfd" -j -H "$hook" -n load >out 2>err &
		tracer=$!
		read -rt "$(printf '0.%06d' $((took * round / rounds % 1000000)))" -u "$never" || true
		kill -KILL "$tracer"
		wait "$tracer" || true
	done
	leaves_nothing
}

# ---- The machine ---------------------------------------------------------------------------------

cpu_off_and_on() {
	[[ -e $cpu ]] || skip "no $cpu"
	switched_off=yes
	start
	made=$(make_calls 200 2)
	echo 0 >"$cpu"
	((made += $(make_calls 200 2)))
	echo 1 >"$cpu"
	((made += $(make_calls 200 2)))
	stop
	adds_up "$made"
	((shown > 0))
}

# sigfd that starts when a processor is off, which comes back.
cpu_comes_on() {
	[[ -e $cpu ]] || skip "no $cpu"
	switched_off=yes
	echo 0 >"$cpu"
	start
	echo 1 >"$cpu"
	made=$(taskset 2 "$bin/burst" -p -c load -n 300)
	stop
	adds_up "$made"
	((shown > 0))
}

# The dates of events follow the clock that was set, within the tick in which that is noticed; the
# order stays.
clock_is_set() {
	local before after
	start
	made=$(make_calls 10 1)
	wait_until has_lines 10
	before=$(date +%s)
	date -s '+1 hour' >/dev/null
	read -rt 0.5 -u "$never" || true
	((made += $(make_calls 10 1)))
	wait_until has_lines 20
	after=$(date +%s)
	date -s '-1 hour' >/dev/null
	read -rt 0.5 -u "$never" || true
	((made += $(make_calls 10 1)))
	stop
	adds_up "$made"
	equal 'shown' 30 "$shown"
	jq -r '.time[:19] + "Z" | fromdate' out >dates
	mapfile -t dates <dates
	((dates[9] <= before && dates[9] > before - 600))
	((dates[10] >= before + 3600 && dates[19] <= after))
	((dates[20] < before + 600))
	jq -n '[inputs.ktime_ns] | . == sort' out | grep -qx true
}

has_lines() {
	local lines
	mapfile -t lines <out
	((${#lines[@]} >= $1))
}

# ---- Beside others -------------------------------------------------------------------------------

declare -A probes=([pair]=kprobe:do_signalfd4 [both]=kprobe:do_signalfd4
	[syscall]=tracepoint:syscalls:sys_enter_signalfd4)

# It may say "ERROR" of a limit that it can't raise, and go on.
has_begun() {
	has_text log begun || has_ended "$other"
}

# bpftrace begins before sigfd, and ends after it.
beside_bpftrace() {
	type -P bpftrace >/dev/null || skip 'no bpftrace here: package bpftrace'
	bpftrace -q -e "BEGIN { printf(\"begun\\n\"); }
		${probes[$hook]} /comm == \"load\"/ { @calls = count(); }" >log 2>&1 &
	other=$!
	wait_until has_begun
	grep -q begun log || skip "bpftrace can't: $(head -n 1 log)"
	start
	made=$(make_calls 300 1)
	stop
	kill -INT "$other"
	wait "$other" || true
	adds_up "$made"
	equal 'lost' 0 "$lost"
	grep -qx "@calls: $made" log
}

# At the function, or at the system call's tracepoint.
count_by_perf() {
	perf stat -x , -o stat -e "$event" -- "$bin/burst" -c load -n 300 2>log ||
		skip "perf can't: $(head -n 1 log)"
	grep -v '^#' stat | grep . | cut -d , -f 1 >counted
}

# What of 300 calls perf counts alone, and beside sigfd, which has all of them.
perf_counts() {
	count_by_perf
	(($(<counted) == 300)) || skip 'another tracer on this machine hides calls from perf'
	start
	count_by_perf
	stop
	adds_up 300
	equal 'lost' 0 "$lost"
	equal "perf's count" "$1" "$(<counted)"
}

need_perf() {
	type -P perf >/dev/null || skip 'no perf here: package linux-perf'
	mount_what_tells
}

beside_perf() {
	local event=kprobes:$probe
	need_perf
	echo "p:$probe do_signalfd4" >>"$tracing/kprobe_events"
	probed=yes
	perf_counts 300
}

# As LIMITS in the manual page says. Should a kernel change it, the page is wrong.
beside_perf_at_boundary() {
	local event=syscalls:sys_enter_signalfd4
	need_perf
	perf_counts 0
}

# ---- All of it -----------------------------------------------------------------------------------

test_hook() {
	hook=$1
	tap "$hook: a fast reader: each call is shown or counted" fast_reader
	tap "$hook: a slow reader: each call is shown or counted" slow_reader
	tap "$hook: a stalled reader and 4 KiB: each call is shown or counted" stalled_reader
	[[ $all == no ]] ||
		tap "$hook: 200,000 calls a second into a file lose none" loses_none_at 200000
	tap "$hook: killed under load it leaves nothing" killed_under_load
	tap "$hook: killed while it attaches it leaves nothing" killed_while_attaching
	tap "$hook: bpftrace at the same place: both see all" beside_bpftrace
	[[ $hook == syscall ]] ||
		tap "$hook: perf at the same function: both see all" beside_perf
	[[ $hook == pair ]] ||
		tap "$hook: perf at the same tracepoint: sigfd sees all, perf none" beside_perf_at_boundary
	[[ $machine == yes ]] || return 0
	tap "$hook: a processor goes off and on" cpu_off_and_on
	tap "$hook: a processor comes on" cpu_comes_on
	tap "$hook: dates follow the clock that is set" clock_is_set
}

main() {
	while (($#)); do
		case $1 in
		--all) all=yes ;;
		--machine) machine=yes ;;
		pair | syscall | both) hooks+=("$1") ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	((${#hooks[@]})) || { usage >&2 && exit 2; }
	[[ $EUID == 0 ]] || { echo 'load.sh: only root can trace' >&2 && exit 2; }
	[[ -x $bin/held ]] || { echo 'load.sh: no test/bin/held; run: make programs' >&2 && exit 2; }
	export LC_ALL=C.UTF-8
	echo 'TAP version 13'
	for hook in "${hooks[@]}"; do
		test_hook "$hook"
	done
	end_tap
}

main "$@"
