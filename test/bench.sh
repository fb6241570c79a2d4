#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# What a signalfd call costs under sigfd, beside the same probes with empty programs, bpftrace,
# perf trace and strace: in instructions, which are the same on every machine, and in time, which
# is not. See docs/performance.md.

set -Eeuo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
tree=${here%/*}
cd "$tree"
PATH=$PATH:/usr/sbin:/sbin
unset LANGUAGE # it would be heeded beside C.UTF-8 too
export LC_ALL=C.UTF-8
packages=(bpftrace linux-perf strace)
data=build/bench page=docs/performance.md chart=docs/performance.svg
rounds=7 calls=0 places=() measure_here='' action=measure write=no
work='' tracer='' said=''

usage() {
	cat <<-'END'
	usage: test/bench.sh [OPTION...] [instructions] [boundary] [pair]

	Measures what a signalfd call costs under sigfd and other tracers, as root: the instructions
	by both hooks, counted in a virtual machine; the time at the system call's boundary, on this
	machine; the time by kprobes, in a virtual machine. Prints tables in Markdown; the figures
	are kept in build/bench. Leave the machine alone meanwhile.

	  --install    first get the other tracers, with apt
	  --rounds N   runs for each time (7)
	  --quick      one run of few calls: shows that it works, measures nothing; the figures are
	               kept apart, in build/bench.quick
	  --calls N    calls a run, for every tracer alike
	  --tables     no measurement: the tables and the chart, of what build/bench holds
	  --write      put the tables into docs/performance.md, those of times in place of this
	               machine's only, and the chart beside it
	END
}

say() {
	echo "bench.sh: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# What ends the script unasked is named: a test that runs it has nothing else to go by.
trap 'say "line $LINENO: status $? of: $BASH_COMMAND"' ERR

parse_options() {
	while (($#)); do
		case $1 in
		--install) install_tracers ;;
		--rounds) shift && rounds=${1:?--rounds wants a number} ;;
		--quick) rounds=1 calls=500 data=build/bench.quick ;;
		--calls) shift && calls=${1:?--calls wants a number} ;;
		--tables) action=tables ;;
		--write) write=yes ;;
		--here) shift && measure_here=$1 ;; # for ourselves: measure, print data
		boundary | pair | instructions) places+=("$1") ;;
		--help | -h) usage && exit ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	((${#places[@]})) || places=(instructions boundary pair)
	[[ "$rounds$calls" =~ ^[0-9]+$ ]] || die "--rounds and --calls want whole numbers"
	[[ $write$data == no* || $data == build/bench ]] || die "--quick measures nothing to --write"
}

as_root() {
	if ((EUID)); then sudo "$@"; else "$@"; fi
}

install_tracers() {
	as_root apt-get -qq install -y --no-install-recommends "${packages[@]}" >&2
}

# ---- A tracer -----------------------------------------------------------------------------------

# The columns of sigfd's text, by the same probes. One map, as sigfd has one. It keeps what it has
# to print, as we ask it to, so a shell has to say that it is ready: some 2 ms of its start.
write_bpftrace_script() {
	local enter='tracepoint:syscalls:sys_enter_signalfd4'
	local exit='tracepoint:syscalls:sys_exit_signalfd4'
	local call='args->ufd, args->flags, *(uint64 *)uptr(args->user_mask)' result='args->ret'
	if [[ $hook == pair ]]; then
		enter=kprobe:do_signalfd4 exit=kretprobe:do_signalfd4
		call='arg0, arg2, *(uint64 *)kptr(arg1)' result=retval
	fi
	cat >"$work/script.bt" <<-SCRIPT
	BEGIN { system("echo ready >&2"); }
	$enter { @call[tid] = ($call); }
	$exit /@call[tid].2/ {
		printf("%d %d %s %d %x %llx %d\n", pid, tid, comm, @call[tid].0, @call[tid].1,
			@call[tid].2, $result);
		delete(@call[tid]);
	}
	END { clear(@call); }
	SCRIPT
}

# launch WORD COMMAND...: a tracer in the background, until it says WORD on stderr. A shell has what
# it starts there ignore SIGINT unless told otherwise.
launch() {
	local word=$1 line='' lines='' began=$EPOCHREALTIME patience=(-t 120)
	shift
	# There the clock runs ahead, in no time, while the machine waits for a disk.
	[[ $place != instructions ]] || patience=()
	exec {said}< <(exec env --default-signal=INT "$@" 2>&1 >"$work/out" </dev/null)
	tracer=$!
	while read -r "${patience[@]}" -u "$said" line; do
		lines+=$line$'\n'
		[[ $line != *"$word"* ]] || break
	done
	[[ $line == *"$word"* ]] || die "$* does not get ready: $lines"
	ready_ms=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a) * 1000 }')
}

# What is traced is the same for all: every call of the machine for those that can, and else of
# the program. All write to a file in memory.
start() {
	local sigfd=(./sigfd -H "$hook")
	tracer='' ready_ms='' prefix=()
	: >"$work/out"
	case $1 in
	none) ;;
	bare) launch ready test/bin/bare "$hook" ;;
	sigfd) launch Tracing "${sigfd[@]}" ;;
	sigfd-json) launch Tracing "${sigfd[@]}" -j ;;
	sigfd-pid) launch Tracing "${sigfd[@]}" -p $$ ;;
	sigfd-signal) launch Tracing "${sigfd[@]}" -s HUP ;;
	bpftrace) launch ready bpftrace --unsafe -B full "$work/script.bt" ;;
	perf) prefix=(perf trace -o "$work/out" -e signalfd4 --) ;;
	strace) prefix=(strace -f -o "$work/out" -e trace=signalfd4) ;;
	esac
}

# A tracer that does not end is killed: its figures are then for it to answer for.
stop() {
	local end=$((SECONDS + 60))
	[[ -n $tracer ]] || return 0
	kill -INT "$tracer"
	while kill -0 "$tracer" 2>/dev/null && ((SECONDS < end)); do
		sleep 0.02
	done
	kill -KILL "$tracer" 2>/dev/null && say "$1 did not end within a minute"
	wait "$tracer" || true
	exec {said}<&-
	tracer=''
}

# The processor time of the tracer, in ns, and its memory at its greatest, in KiB.
cpu_time() {
	awk '{ sum += $1 } END { printf "%.0f\n", sum }' /proc/"$tracer"/task/*/schedstat
}

peak() {
	awk '/^VmHWM/ { print $2 }' "/proc/$tracer/status"
}

# By which a BPF program wakes its tracer.
irq_works() {
	awk '/IRQ work/ { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' \
		/proc/interrupts
}

# How many calls of the program the tracer has shown. A call that perf trace prints in two parts has
# its result in one.
shown_by() {
	local line=$name
	[[ $1 != perf && $1 != strace ]] || line='signalfd4.* = '
	grep -c "$line" "$work/out" || true
}

# ---- Measurements -------------------------------------------------------------------------------

# A line of data. The same figure of more runs is on more lines.
emit() {
	printf '%s\t%s\t%s\t%s\n' "$place" "$@"
}

# run TRACER PREFIX ARG...: the program once, under that tracer, which starts before and ends after
# it, so that it has not each time the place in memory that its programs happened to get.
run() {
	local who=$1 to=$2 works=0 busy=0 made ns cpu per_second shown
	shift 2
	case $who in # an installed tracer is measured, another is "not here" in the tables
	bpftrace | perf | strace) type -P "$who" >/dev/null || return 0 ;;
	esac
	start "$who"
	if [[ -n $tracer ]]; then
		works=$(irq_works) busy=$(cpu_time)
	fi
	timeout 300 "${prefix[@]}" "$spin" "$@" >"$work/run" ||
		die "$place: status $? of ${prefix[*]} spin $* under $who"
	read -r made ns cpu per_second <"$work/run"
	emit "$who" "${to}ns" "$ns"
	emit "$who" "${to}cpu" "$cpu"
	emit "$who" "${to}per_second" "$per_second"
	emit "$who" "${to}made" "$made"
	if [[ -n $tracer ]]; then
		emit "$who" "${to}wake_ups" $(($(irq_works) - works))
		sleep 0.1 # what is left in the buffer is work too
		emit "$who" "${to}busy_ns" $(($(cpu_time) - busy))
		emit "$who" "${to}peak_kib" "$(peak)"
		emit "$who" "${to}ready_ms" "$ready_ms"
	fi
	stop "$who"
	case $who in none | bare | sigfd-pid | sigfd-signal) return ;; esac
	shown=$(shown_by "$who")
	((shown > 0)) || die "$place: $who has shown none of $made calls"
	emit "$who" "${to}missed" $((made - shown))
}

# The tracers take turns, so a bad moment of the machine falls on all alike.
costs() {
	local i who
	for ((i = 1; i <= rounds; i++)); do
		say "$place: the cost of a call, $i of $rounds"
		for who in none bare sigfd sigfd-json sigfd-pid sigfd-signal bpftrace; do
			run "$who" '' -n "$fast"
		done
		for who in perf strace; do
			run "$who" '' -n "$slow"
		done
	done
}

# At a rate for two seconds; and as fast as the program can.
rates() {
	local who rate
	for who in sigfd sigfd-json bpftrace; do
		say "$place: rates, under $who"
		for rate in 1000 100000; do
			run "$who" "rate:$rate:" -r "$rate" -n $((calls ? calls : rate * 2))
		done
		run "$who" rate:0: -n $((fast * 4))
	done
}

threads() {
	local i count who
	for ((i = 1; i <= rounds; i++)); do
		say "$place: threads, $i of $rounds"
		for who in none bare sigfd sigfd-json; do
			for count in 1 2 8; do
				run "$who" "threads:$count:" -t "$count" -n $((fast * 4 / count))
			done
		done
	done
}

# In a machine whose clock goes on by a nanosecond with each instruction: the processor time of the
# calling thread is the number of its instructions, the same in each run but for interrupts.
instructions() {
	local i who
	for hook in pair syscall; do
		write_bpftrace_script
		for who in none bare sigfd sigfd-json sigfd-pid sigfd-signal bpftrace; do
			say "$place: $hook, under $who"
			for ((i = 1; i <= rounds && i <= 3; i++)); do
				run "$who" "$hook:" -n "$fast"
			done
		done
	done
}

describe_machine() {
	emit machine model "$(lscpu | sed -n 's/^Model name: *//p' | head -n 1)"
	emit machine processors "$(nproc)"
	emit machine kernel "$(uname -r)"
	emit machine load "$(cut -d ' ' -f 1 /proc/loadavg)"
	emit machine date "$(date -u +%F)"
	emit machine rounds "$rounds"
	emit machine fast "$fast"
	emit machine slow "$slow"
	emit machine versions "$({ bpftrace --version && perf --version && strace -V; } 2>/dev/null |
		sed -nE 's/^(bpftrace|perf|strace) (v|version |-- version )?([0-9.]+[0-9]).*/\1 \3/p' |
		paste -sd, | sed 's/,/, /g')"
}

cleanup() {
	local status=$?
	[[ -z $tracer ]] || kill "$tracer" 2>/dev/null || true
	rm -rf "$work"
	exit "$status"
}

prepare() {
	((EUID == 0)) || die "only root can trace"
	work=$(mktemp -d -p /dev/shm) # in memory: a disk would be measured too
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
	# Under a name of its own, by which its lines are told from another's.
	name=spin$$ spin=$work/spin$$
	cp test/bin/spin "$spin"
}

# Measures on the machine that this runs on. Prints data.
measure() {
	place=$1 hook=syscall fast=50000 slow=2000
	case $place in
	pair) hook=pair fast=10000 slow=500 ;;
	instructions) fast=5000 ;;
	esac
	((calls == 0)) || { fast=$calls slow=$calls; }
	prepare
	[[ $place != instructions ]] || { instructions; return; }
	write_bpftrace_script
	describe_machine
	costs
	[[ $place == boundary ]] || return 0
	rates
	threads
}

# In the machine each emulated processor has a thread: with one for both, what a tracer does on
# the second would be counted to the caller on the first.
measure_place() {
	local run=(test/bench.sh --rounds "$rounds" --here "$1")
	local vm=(test/vm.sh --memory 2048 --timeout 3600)
	((calls == 0)) || run+=(--calls "$calls")
	case $1 in
	instructions) VM_QEMU="-icount shift=0,sleep=off" "${vm[@]}" --cpus 1 -- "${run[@]}" ;;
	pair) VM_ACCEL=${VM_ACCEL:-tcg,thread=multi} "${vm[@]}" -- "${run[@]}" ;;
	boundary) as_root "${run[@]}" ;;
	esac >"$data/$1.new" || die "the measurement of '$1' failed with status $?; see above"
	mv "$data/$1.new" "$data/$1.tsv"
}

# ---- Tables and chart ---------------------------------------------------------------------------

# What each table begins with: the figures of each place, least first; how they are written.
# shellcheck disable=SC2016 # awk's
prelude='
	BEGIN {
		FS = "\t"
		labels["none"] = "no tracer"
		labels["bare"] = "empty programs"
		labels["sigfd-json"] = "sigfd -j"
		labels["sigfd-pid"] = "sigfd, filtered out by pid"
		labels["sigfd-signal"] = "sigfd, filtered out by signal"
		labels["perf"] = "perf trace"
		labels["strace"] = "strace -f"
		count = split("none bare sigfd sigfd-json sigfd-pid sigfd-signal bpftrace perf strace", subject, " ")
	}
	{
		key = $1 SUBSEP $2 SUBSEP $3
		value[key, ++runs[key]] = $4
		sum[key] += $4
	}
	function has(s, m) { return (place, s, m) in runs }
	function of(s, m) { return value[place, s, m, 1] }
	function median(s, m, n, k) {
		k = place SUBSEP s SUBSEP m
		n = runs[k]
		return (value[k, int((n + 1) / 2)] + value[k, int(n / 2) + 1]) / 2
	}
	function comma(x, text, tail) {
		text = sprintf("%.0f", x)
		while (length(text) > 3) {
			tail = "," substr(text, length(text) - 2) tail
			text = substr(text, 1, length(text) - 3)
		}
		return text tail
	}
	function label(s) { return s in labels ? labels[s] : s }
	function range(s, m) {
		return comma(of(s, m)) ", " comma(value[place, s, m, runs[place, s, m]])
	}
	function missed(s, m) {
		if (!has(s, m "missed")) return "-"
		return comma(sum[place, s, m "missed"]) " of " comma(sum[place, s, m "made"])
	}
	function wakes(s, m) {
		if (!has(s, m "wake_ups") || !has(s, m "missed")) return "-"
		return sprintf("%.4f", sum[place, s, m "wake_ups"] / sum[place, s, m "made"])
	}
	function where() {
		return place == "boundary" ? "At the boundary, on the machine itself" : \
			"By kprobes, in a virtual machine that QEMU emulates"
	}
'

# report PROGRAM PLACE...: over the figures of the first place, and of the others that are there.
report() {
	local place program=$1 files=()
	shift
	[[ -e $data/$1.tsv ]] || { echo "Not measured." && return; }
	for place; do
		[[ ! -e $data/$place.tsv ]] || files+=("$data/$place.tsv")
	done
	sort -t $'\t' -k1,3 -k4g "${files[@]}" | awk "$prelude $program"
}

# The goals are set in times the empty programs, at most.
# shellcheck disable=SC2016
table_instructions() {
	report '
	function cell(s, m, limit, n, times) {
		n = median(s, m "cpu")
		times = n / median("bare", m "cpu")
		return comma(n) " | " (!limit ? sprintf("%.2f", times) : sprintf( \
			"%.2f, goal %.2f %s", times, limit, times <= limit ? "met" : "**missed**"))
	}
	END {
		place = "instructions"
		goal["sigfd", "pair:"] = 1.6
		goal["sigfd", "syscall:"] = 1.7
		goal["sigfd-pid", "pair:"] = goal["sigfd-pid", "syscall:"] = 1.1
		goal["sigfd-signal", "pair:"] = goal["sigfd-signal", "syscall:"] = 1.2
		print "| | pair | times empty | boundary | times empty | calls missed, pair |" \
			" boundary |"
		print "|---|--:|---|--:|---|--:|--:|"
		for (i = 1; i <= count; i++) {
			s = subject[i]
			if (!has(s, "pair:cpu")) continue
			print "| " label(s) " | " cell(s, "pair:", goal[s, "pair:"]) " | " \
				cell(s, "syscall:", goal[s, "syscall:"]) " | " missed(s, "pair:") \
				" | " missed(s, "syscall:") " |"
		}
	}' instructions
}

# What holds on this machine only.
# shellcheck disable=SC2016
table_machine() {
	report '
	function about(what) { return of("machine", what) }
	function costs() {
		print "\n" where() ": Linux " about("kernel") ",\n" comma(about("fast")) \
			" calls a run, " comma(about("slow")) " under perf trace and strace.\n"
		print "| | ns a call | least, most | times empty | wake-ups a call | calls missed |"
		print "|---|--:|--:|--:|--:|--:|"
		for (i = 1; i <= count; i++) {
			s = subject[i]
			if (has(s, "ns")) printf "| %s | %s | %s | %.2f | %s | %s |\n", label(s),
				comma(median(s, "ns")), range(s, "ns"),
				median(s, "ns") / median("bare", "ns"), wakes(s), missed(s)
			else print "| " label(s) " | not here | | | | |"
		}
	}
	function busy(s, m) {
		return sprintf("%.1f", of(s, m "busy_ns") * of(s, m "per_second") / \
			of(s, m "made") / 1e7)
	}
	function rates(low, high, all) {
		print "\nAt a rate of calls, at the boundary: the tracer, in per cent of one" \
			" processor.\n"
		print "| | at 1,000/s | at 100,000/s | missed then | as fast as the caller can |" \
			" calls/s | missed |"
		print "|---|--:|--:|--:|--:|--:|--:|"
		low = "rate:1000:"
		high = "rate:100000:"
		all = "rate:0:"
		for (i = 1; i <= count; i++) if (has(s = subject[i], all "ns"))
			printf "| %s | %s | %s | %s | %s | %s | %s |\n", label(s), busy(s, low),
				busy(s, high), missed(s, high), busy(s, all),
				comma(of(s, all "per_second")), missed(s, all)
	}
	function threads(eight) {
		print "\nThreads that call at once, at the boundary: ns of processor time a call" \
			" takes its caller.\n"
		print "| | 1 thread | 2 | 8 | wake-ups a call, with 8 | calls missed, with 8 |"
		print "|---|--:|--:|--:|--:|--:|"
		eight = "threads:8:"
		for (i = 1; i <= count; i++) if (has(s = subject[i], eight "cpu"))
			printf "| %s | %s | %s | %s | %s | %s |\n", label(s),
				comma(median(s, "threads:1:cpu")), comma(median(s, "threads:2:cpu")),
				comma(median(s, eight "cpu")), wakes(s, eight), missed(s, eight)
	}
	function starts(text) {
		for (i = 1; i <= count; i++) if ((s = subject[i]) ~ /^(sigfd|bpftrace)$/ && \
			has(s, "ready_ms")) text = text sprintf("%s\n%s takes %.0f ms and %.1f MiB",
			text ? ";" : "", s, median(s, "ready_ms"), median(s, "peak_kib") / 1024)
		print "\nUntil calls are seen, and of memory at most:" text "."
	}
	END {
		place = "boundary"
		print "### " about("model") ", " about("date") "\n"
		print about("processors") " processors, load " about("load") " before; medians of " \
			about("rounds") " runs. " about("versions") "."
		costs()
		place = "pair"
		if (has("none", "ns")) costs()
		place = "boundary"
		rates()
		threads()
		starts()
	}' boundary pair
}

style() {
	cat <<-'END' | paste -sd ' '
	<style>
	text { font: 15px system-ui, sans-serif; fill: #1f2328 }
	.title { font-size: 18px } .title, .group { font-weight: 600 }
	.label, .figure { text-anchor: end } .axis { text-anchor: middle }
	.axis, .head, .note { font-size: 13px } .axis, .head, .note, .none { fill: #59636e }
	.back { fill: #ffffff } .grid { stroke: #d1d9e0 }
	.untraced { stroke: #59636e; stroke-width: 2; stroke-dasharray: 5 4 }
	circle { stroke-width: 2.5; fill: #59636e; stroke: #59636e }
	.sigfd { fill: #0969da; stroke: #0969da }
	.lossy { fill: #ffffff; stroke: #cf222e } .lost { fill: #cf222e }
	@media (prefers-color-scheme: dark) {
	text { fill: #f0f6fc } .axis, .head, .note, .none { fill: #9198a1 }
	.back { fill: #0d1117 } .grid { stroke: #3d444d } .untraced { stroke: #9198a1 }
	circle { fill: #9198a1; stroke: #9198a1 } .sigfd { fill: #4493f8; stroke: #4493f8 }
	.lossy { fill: #0d1117; stroke: #ff7b72 } .lost { fill: #ff7b72 } }
	</style>
	END
}

# Of each place, on an axis of its own: a dot for what a call takes under a tracer, a line for a
# call without one. A tracer that loses calls has an empty dot and says how many beside it.
# shellcheck disable=SC2016
draw_chart() {
	report '
	BEGIN { style = "'"$(style)"'" }
	function log10(n) { return log(n) / log(10) }
	function x(ns) { return 232 + (log10(ns) - from) / (to - from) * 300 }
	function unit(ns) {
		return ns < 1000 ? ns " ns" : ns < 1e6 ? ns / 1000 " µs" : ns / 1e6 " ms"
	}
	function text(px, py, class, what) {
		printf "<text x=\"%.1f\" y=\"%.0f\" class=\"%s\">%s</text>\n", px, py, class, what
	}
	function mark(px, top, bottom, class) {
		printf "<path d=\"M%.1f %.0fV%.0f\" class=\"%s\"/>\n", px, top, bottom, class
	}
	function row(s, y, lost) {
		text(218, y + 5, "label", label(s))
		if (!has(s, "ns")) { text(620, y + 5, "figure", "not here"); return }
		lost = sum[place, s, "missed"] > 0
		printf "<circle cx=\"%.1f\" cy=\"%.0f\" r=\"6\" class=\"%s%s\"/>\n",
			x(median(s, "ns")), y, s ~ /^sigfd/ ? "sigfd" : "other", lost ? " lossy" : ""
		text(620, y + 5, "figure", comma(median(s, "ns")))
		text(648, y + 5, lost ? "lost" : "none", missed(s))
	}
	function panel(top, s, i, y, highest, d) {
		from = int(log10(median("none", "ns")))
		highest = 0
		for (i = 1; i <= count; i++) if (has(subject[i], "ns") && \
			median(subject[i], "ns") > highest) highest = median(subject[i], "ns")
		to = int(log10(highest)) + 1
		text(20, top, "group", where())
		y = top + 24 * rows + 34
		for (d = from; d <= to; d++) {
			mark(x(10 ^ d), top + 36, y, "grid")
			text(x(10 ^ d), y + 18, "axis", unit(10 ^ d))
		}
		mark(x(median("none", "ns")), top + 32, y, "untraced")
		text(x(median("none", "ns")), top + 26, "note", "no tracer: " \
			comma(median("none", "ns")) " ns")
		text(620, top + 26, "figure head", "ns a call")
		text(648, top + 26, "head", "calls lost")
		y = top + 24
		for (i = 1; i <= count; i++) {
			s = subject[i]
			if (s != "none") row(s, y += 24)
		}
	}
	END {
		rows = count - 1
		place = "pair"
		panels = has("none", "ns") ? 2 : 1
		height = 66 + panels * (24 * rows + 88)
		printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"820\" height=\"%d\" " \
			"viewBox=\"0 0 820 %d\" role=\"img\">\n", height, height
		print "<title>Time of a signalfd4 call under each tracer</title>\n" style
		print "<rect width=\"100%\" height=\"100%\" class=\"back\"/>"
		place = "boundary"
		text(20, 30, "title", "Time of a signalfd4 call under each tracer, on a log scale")
		text(20, 52, "note", of("machine", "model") ", " of("machine", "date") \
			". An empty dot: a tracer that lost calls, which cost less.")
		panel(86)
		place = "pair"
		if (panels == 2) panel(86 + 24 * rows + 88)
		print "</svg>"
	}' boundary pair
}

# What this machine's block in the page is called.
machine() {
	awk -F '\t' '$2 == "machine" && $3 == "model" { print "machine", $4 }' "$data/boundary.tsv"
}

# put BLOCK: into the page, in place of what it has between "<!-- bench: BLOCK -->" and the next
# "<!-- /bench -->", the text on stdin. A machine that the page does not have comes first of them.
put() {
	local mark="<!-- bench: $1 -->" new=$data/page.new
	cat >"$data/block"
	if ! grep -qxF "$mark" "$page"; then
		grep -qxF '<!-- machines -->' "$page" || die "$page has no place for $1"
		sed -i "/^<!-- machines -->\$/a \\\n$mark\\n<!-- /bench -->" "$page"
	fi
	MARK=$mark awk -v block="$data/block" '
		/^<!-- \/bench -->/ { inside = 0 }
		!inside
		$0 == ENVIRON["MARK"] {
			inside = 1
			while ((getline row <block) > 0) print row
		}' "$page" >"$new"
	cat "$new" >"$page"
	rm "$new" "$data/block"
}

write_page() {
	local place
	for place in boundary pair instructions; do
		[[ -e $data/$place.tsv ]] || die "no figures for '$place' in $data: measure it first"
	done
	table_instructions | put instructions
	table_machine | put "$(machine)"
	cp "$data/performance.svg" "$chart"
}

main() {
	local place
	parse_options "$@"
	# No && before exit: a measurement that fails would go on.
	[[ -z $measure_here ]] || { measure "$measure_here"; exit; }
	mkdir -p "$data"
	if [[ $action == measure ]]; then
		for place in "${places[@]}"; do
			measure_place "$place"
		done
	fi
	draw_chart >"$data/performance.svg"
	printf '## Instructions a call\n\n'
	table_instructions
	printf '\n## Time a call\n\n'
	table_machine
	[[ $write == no ]] || write_page
}

main "$@"
