#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# What a signalfd call costs under sigfd, beside the same probes with empty programs, bpftrace,
# perf trace and strace. Each figure stands beside one without a tracer, taken just before and
# just after it. See docs/performance.md.

set -euo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
tree=${here%/*}
cd "$tree"
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8
packages=(bpftrace linux-perf strace jq bpftool)
data=build/bench page=docs/performance.md chart=docs/performance.svg
rounds=7 calls=0 places=() measure_here='' action=measure write=no
work='' tracer='' stats=''

usage() {
	cat <<-'END'
	usage: test/bench.sh [OPTION...] [boundary] [pair] [instructions]

	Measures what a signalfd call costs under sigfd and other tracers, as root: the time at the
	system call's boundary on this machine, the time by kprobes in a virtual machine, and the
	instructions by both, counted in one; prints tables in Markdown. The figures are kept in
	build/bench. Leave the machine alone meanwhile.

	  --install    first get the other tracers, with apt
	  --rounds N   runs for each figure (7)
	  --quick      one run of few calls: shows that it works, measures nothing
	  --calls N    calls a run, for every tracer alike
	  --tables     no measurement: the tables and the chart, of what build/bench holds
	  --write      put the tables into docs/performance.md, and the chart beside it
	END
}

die() {
	echo "bench.sh: $*" >&2
	exit 1
}

say() {
	echo "bench.sh: $*" >&2
}

parse_options() {
	while (($#)); do
		case $1 in
		--install) install_tracers ;;
		--rounds) (($# > 1)) && shift && rounds=$1 ;;
		--quick) rounds=1 calls=500 ;;
		--calls) (($# > 1)) && shift && calls=$1 ;;
		--tables) action=tables ;;
		--write) write=yes ;;
		--here) (($# > 1)) && shift && measure_here=$1 ;; # for ourselves, in the machine
		boundary | pair | instructions) places+=("$1") ;;
		--help | -h) usage && exit ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	((${#places[@]})) || places=(boundary pair instructions)
	[[ "$rounds$calls" =~ ^[0-9]+$ ]] || die "--rounds and --calls want whole numbers"
}

as_root() {
	if ((EUID)); then sudo "$@"; else "$@"; fi
}

install_tracers() {
	as_root apt-get -qq install -y --no-install-recommends "${packages[@]}" >&2
}

# ---- Figures ------------------------------------------------------------------------------------

# put SUBJECT METRIC VALUE...: a line of data: the median of the values, their least and greatest.
put() {
	local subject=$1 metric=$2
	shift 2
	printf '%s\n' "$@" | sort -g | awk -v OFS='\t' -v subject="$subject" -v metric="$metric" '
		{ value[NR] = $1 }
		END {
			middle = int((NR + 1) / 2)
			median = NR % 2 ? value[middle] : (value[middle] + value[middle + 1]) / 2
			print subject, metric, median, value[1], value[NR]
		}'
}

# put_text SUBJECT METRIC TEXT
put_text() {
	printf '%s\t%s\t%s\n' "$@"
}

# ---- Tracers ------------------------------------------------------------------------------------

# What is traced is the same for all: every call of the machine for those that can, and else of
# the program. All write to a file in memory.
options_of() {
	options=()
	case $1 in
	sigfd-json) options=(-j) ;;
	sigfd-pid) options=(-p $$) ;;
	sigfd-signal) options=(-s HUP) ;;
	esac
}

# The columns of sigfd's text, by the same probes. One map, as sigfd has one.
write_bpftrace_script() {
	local enter='tracepoint:syscalls:sys_enter_signalfd4'
	local exit='tracepoint:syscalls:sys_exit_signalfd4'
	local call='args->ufd, args->flags, *(uint64 *)uptr(args->user_mask)' result='args->ret'
	if [[ $hook == pair ]]; then
		enter=kprobe:do_signalfd4 exit=kretprobe:do_signalfd4
		call='arg0, arg2, *(uint64 *)kptr(arg1)' result=retval
	fi
	cat >"$work/script.bt" <<-SCRIPT
	BEGIN { printf("ready\n"); }
	$enter { @call[tid] = ($call); }
	$exit /@call[tid].2/ {
		printf("%d %d %s %d %x %llx %d\n", pid, tid, comm, @call[tid].0, @call[tid].1,
			@call[tid].2, $result);
		delete(@call[tid]);
	}
	END { clear(@call); }
	SCRIPT
}

# launch COMMAND...: in the background, where a shell has it ignore SIGINT unless told otherwise.
launch() {
	began=$EPOCHREALTIME
	env --default-signal=INT "$@" <"$work/hold" &
	tracer=$!
}

# Waits for a line with that word in what the tracer says.
await() {
	local line
	while read -r -t 120 -u "$said" line; do
		echo "$line" >>"$work/err"
		[[ $line != *"$1"* ]] || return 0
	done
	die "$subject does not get ready: $(tail -n 3 "$work/err")"
}

# bpftrace keeps what it has to write, as we ask it to, so it is ready when it waits for events.
await_poll() {
	local end=$((SECONDS + 120))
	until [[ $(cat "/proc/$tracer/wchan" 2>/dev/null) == *poll* ]]; do
		if ((SECONDS >= end)) || ! kill -0 "$tracer" 2>/dev/null; then
			drain
			die "bpftrace does not get ready: $(tail -n 3 "$work/err")"
		fi
		sleep 0.05
	done
}

start() {
	subject=$1
	: >"$work/err"
	options_of "$subject"
	case $subject in
	bare) launch test/bin/bare "$hook" >"$work/said" 2>&1 && await ready ;;
	sigfd*)
		launch ./sigfd -H "$hook" "${options[@]}" >"$work/out" 2>"$work/said"
		await Tracing
		;;
	bpftrace)
		launch bpftrace -B full "$work/script.bt" >"$work/out" 2>"$work/said"
		await_poll
		;;
	esac
}

drain() {
	local line
	while read -r -t 0.1 -u "$said" line; do
		echo "$line" >>"$work/err"
	done
}

# A tracer that does not end is killed: its figures are then for it to answer for.
stop() {
	local end=$((SECONDS + 60))
	kill -INT "$tracer"
	while kill -0 "$tracer" 2>/dev/null && ((SECONDS < end)); do
		sleep 0.02
	done
	kill -KILL "$tracer" 2>/dev/null && say "$subject did not end within a minute"
	wait "$tracer" || true
	tracer=''
	drain
}

is_here() {
	case $1 in
	bpftrace | perf | strace*) [[ -x $(type -P "${1%%-*}") ]] ;;
	esac
}

ms_since() {
	awk -v a="$1" -v b="$2" 'BEGIN { print (b - a) * 1000 }'
}

# The memory of a process at its greatest, in KiB.
peak() {
	awk '/^VmHWM/ { print $2 }' "/proc/$1/status"
}

# The processor time of a process, in ns.
cpu_time() {
	awk '{ sum += $1 } END { printf "%.0f\n", sum }' /proc/"$1"/task/*/schedstat
}

# ---- The cost of a call -------------------------------------------------------------------------

# spins COUNT ARG...: runs the program so often; its figures are appended to $work/runs.
spins() {
	local i count=$1
	shift
	for ((i = 0; i < count; i++)); do
		timeout 300 "$spin" "$@" >>"$work/runs"
	done
}

# column N [FILE]: that figure of each run in FILE, or since new_runs.
column() {
	awk -v n="$1" '{ print $n }' "${2-$work/runs}"
}

new_runs() {
	: >"$work/runs"
}

# put_cost SUBJECT SHOWN: of the runs with and without it, and of how many calls it has shown.
put_cost() {
	local made runs=$work/traced.$1
	# shellcheck disable=SC2046 # a word each
	{
		put "$1" untraced $(column 2 "$work/untraced.$1")
		put "$1" ns $(column 2 "$runs")
		put "$1" cpu $(column 3 "$runs")
	}
	case $1 in
	bare | sigfd-pid | sigfd-signal) return ;;
	esac
	made=$(column 1 "$runs" | awk '{ sum += $1 } END { printf "%d\n", sum }')
	put "$1" made "$made"
	put "$1" missing $((made - $2))
}

# run_untraced SUBJECT ARG...: once, just before the run under the tracer, for which it makes room.
run_untraced() {
	new_runs
	spins 1 "${@:2}"
	cat "$work/runs" >>"$work/untraced.$1"
	new_runs
}

# Tracers that watch the machine: one run with each in turn, and so on. Thus a bad moment of the
# machine falls on all alike, and no tracer has all its runs with programs that the kernel happened
# to put in a bad place.
costs_of_watchers() {
	local i who
	local -A shown=() most_kib=()
	for ((i = 1; i <= rounds; i++)); do
		say "$place: the cost of a call, $i of $rounds"
		for who; do
			is_here "$who" || continue
			run_untraced "$who" -n "$fast"
			: >"$work/out"
			start "$who"
			spins 1 -n "$fast"
			cat "$work/runs" >>"$work/traced.$who"
			most_kib[$who]+=" $(peak "$tracer")"
			stop
			shown[$who]=$((${shown[$who]-0} + $(grep -c "$name" "$work/out" || true)))
		done
	done
	for who; do
		is_here "$who" || { put_text "$who" absent 'not here' && continue; }
		# shellcheck disable=SC2086 # a word each
		put "$who" peak_kib ${most_kib[$who]}
		put_cost "$who" "${shown[$who]}"
	done
}

# A tracer that runs the program. It is looked at while the program waits for a line.
cost_of_runner() {
	local i began ready=() peaks=()
	say "$place: the cost of a call under $1"
	is_here "$1" || { put_text "$1" absent 'not here' && return; }
	: >"$work/out"
	for ((i = 0; i < rounds; i++)); do
		run_untraced "$1" -n "$slow"
		launch "${@:2}" "$spin" -w -n "$slow" >>"$work/runs"
		until (($(wc -l <"$work/runs") > 0)); do
			kill -0 "$tracer" || die "$1 fails: ${*:2}"
			sleep 0.05
		done
		peaks+=("$(peak "$tracer")")
		echo >&"$hold"
		wait "$tracer" || true
		tracer=''
		ready+=("$(ms_since "$began" "$(column 5)")")
		cat "$work/runs" >>"$work/traced.$1"
		cat "$work/traced" >>"$work/out"
	done
	put "$1" peak_kib "${peaks[@]}"
	put "$1" ready_ms "${ready[@]}"
	# A call that perf trace prints in two parts has its result in one.
	put_cost "$1" "$(grep -c 'signalfd4.* = ' "$work/out" || true)"
}

costs_of_runners() {
	local trace=(-o "$work/traced" -e)
	cost_of_runner perf perf trace "${trace[@]}" signalfd4 --
	cost_of_runner strace strace -f "${trace[@]}" trace=signalfd4
	cost_of_runner strace-seccomp strace -f --seccomp-bpf "${trace[@]}" trace=signalfd4
}

# ---- Start, programs, rates, growth -------------------------------------------------------------

# From the start to the line that says that events will be seen.
start_time() {
	local i times=()
	say "$place: start of $1"
	is_here "$1" || return 0
	subject=$1
	for ((i = 0; i < rounds; i++)); do
		: >"$work/err"
		case $1 in
		sigfd) launch ./sigfd -H "$hook" >"$work/out" 2>"$work/said" && await Tracing ;;
		bpftrace) launch bpftrace "$work/script.bt" >"$work/said" 2>&1 && await ready ;;
		esac
		times+=("$(ms_since "$began" "$EPOCHREALTIME")")
		stop
	done
	put "$1" ready_ms "${times[@]}"
}

# What the kernel says that each BPF program takes; it asks the clock twice for each run.
programs() {
	local name time newest i=0
	say "$place: the programs of $1"
	is_here "$1" || return 0
	newest=$(bpftool prog show -j | jq '[.[].id] | max // 0')
	sysctl -qw kernel.bpf_stats_enabled=1
	start "$1"
	"$spin" -n "$fast" >/dev/null
	while read -r name time; do
		put "$1" "program:$((++i)):$name" "$time" # two may bear one name
	done < <(bpftool prog show -j | jq -r --argjson calls "$fast" --argjson newest "$newest" '
		.[] | select(.id > $newest and .run_cnt >= $calls) |
		"\(.name) \(.run_time_ns / .run_cnt)"')
	sysctl -qw kernel.bpf_stats_enabled=0
	stop
}

# Two seconds at each rate: processor time of the tracer, and what it misses.
rates() {
	local rate before shown n
	say "$place: rates, under $1"
	is_here "$1" || return 0
	for rate in "${speeds[@]}"; do
		n=$((rate ? rate * 2 : fast * 4))
		((calls == 0)) || n=$calls
		: >"$work/out"
		start "$1"
		new_runs
		before=$(cpu_time "$tracer")
		spins 1 -n "$n" -r "$rate"
		sleep 0.1 # what is left in the buffer is work too
		put "$1" "rate:$rate:cpu_ns" $(($(cpu_time "$tracer") - before))
		stop
		shown=$(grep -c "$name" "$work/out" || true)
		put "$1" "rate:$rate:reached" "$(column 4)"
		put "$1" "rate:$rate:made" "$(column 1)"
		put "$1" "rate:$rate:missing" $(($(column 1) - shown))
	done
}

threads() {
	local count
	for count in 1 2 8; do
		new_runs
		spins "$rounds" -t "$count" -n $((fast / count))
		# shellcheck disable=SC2046
		put "$1" "threads:$count:cpu" $(column 3)
		# shellcheck disable=SC2046
		put "$1" "threads:$count:per_second" $(column 4)
	done
}

growth_with_threads() {
	say "$place: growth with threads, under $1"
	[[ $1 != none ]] || { threads none && return; }
	start "$1"
	threads "$1"
	stop
}

# Entries of calls that never end, under thread numbers that no thread has.
growth_with_inflight() {
	local count seen=1
	say "$place: growth with calls in flight"
	[[ $hook == syscall ]] || seen=2
	for count in 0 1000 8000; do
		start sigfd
		((count == 0)) || test/bin/stale "$tracer" "$seen" 10000000 "$count" >&2
		new_runs
		spins "$rounds" -n "$fast"
		# shellcheck disable=SC2046
		put sigfd "inflight:$count:ns" $(column 2)
		stop
	done
}

sizes() {
	local file
	for file in sigfd sigfd-static; do
		[[ ! -e $file ]] || put "$file" bytes "$(stat -c %s "$file")"
	done
	for file in bpftrace perf strace; do
		! is_here "$file" || put "$file" bytes "$(stat -L -c %s "$(type -P "$file")")"
	done
}

describe_machine() {
	put_text machine kernel "$(uname -r)"
	put_text machine processors "$(nproc)"
	put_text machine model "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
	put_text machine rounds "$rounds"
	put_text machine calls "$fast"
	put_text machine date "$(date -u +%F)"
	put_text machine load "$(cut -d ' ' -f 1 /proc/loadavg)"
	put_text bpftrace version "$(bpftrace --version 2>/dev/null)"
	put_text perf version "$(perf --version 2>/dev/null)"
	put_text strace version "$(strace -V 2>/dev/null | sed -n '1s/ -- / /p')"
}

cleanup() {
	local status=$?
	[[ -z $tracer ]] || kill "$tracer" 2>/dev/null || true
	[[ -z $stats ]] || sysctl -qw "kernel.bpf_stats_enabled=$stats"
	[[ -z $work ]] || rm -rf "$work"
	exit "$status"
}

prepare() {
	((EUID == 0)) || die "only root can trace"
	work=$(mktemp -d -p /dev/shm) # in memory: a disk would be measured too
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
	stats=$(sysctl -n kernel.bpf_stats_enabled)
	mkfifo "$work/hold" "$work/said"
	# Under a name of its own, by which its lines are told from another's.
	name=spin$$ spin=$work/spin$$
	cp test/bin/spin "$spin"
	exec {hold}<>"$work/hold" {said}<>"$work/said"
}

# Another tracer here would be counted in every figure.
warn_of_others() {
	local others
	others=$(bpftool prog show -j | jq -r '[.[].name // empty |
		select(test("signalfd|^kernel_(enter|return)$"))] | unique | join(" ")')
	[[ -z $others ]] || say "another tracer runs here ($others): the figures are wrong"
}

# Measures PLACE on the machine that this runs on. Prints data.
measure() {
	place=$1 hook=syscall fast=50000 slow=2000 speeds=(1000 10000 100000 200000 0)
	[[ $place == boundary ]] || { hook=pair fast=10000 slow=500 speeds=(1000 10000 100000 0); }
	((calls == 0)) || { fast=$calls slow=$calls; }
	prepare
	warn_of_others
	write_bpftrace_script
	describe_machine
	local subject
	costs_of_watchers bare sigfd sigfd-json sigfd-pid sigfd-signal bpftrace
	costs_of_runners
	start_time sigfd
	start_time bpftrace
	sizes
	for subject in bare sigfd sigfd-pid sigfd-signal bpftrace; do
		programs "$subject"
	done
	for subject in none bare sigfd sigfd-pid; do
		growth_with_threads "$subject"
	done
	growth_with_inflight
	rates sigfd
	rates sigfd-json
	rates bpftrace
}

# In a machine whose clock goes on by a nanosecond with each instruction, so that the processor time
# of the calling thread is the number of its instructions, the same in each run but for interrupts.
measure_instructions() {
	local subject fast=5000
	((calls == 0)) || fast=$calls
	prepare
	for hook in pair syscall; do
		write_bpftrace_script
		new_runs
		spins "$rounds" -n "$fast"
		# shellcheck disable=SC2046
		put none "$hook" $(column 3)
		for subject in bare sigfd sigfd-json sigfd-pid sigfd-signal bpftrace; do
			say "$hook: the instructions of a call under $subject"
			[[ $subject != bpftrace ]] || is_here bpftrace || continue
			new_runs
			start "$subject"
			spins "$rounds" -n "$fast"
			stop
			# shellcheck disable=SC2046
			put "$subject" "$hook" $(column 3)
		done
	done
}

# ---- Tables and chart ---------------------------------------------------------------------------

# What each table begins with: the data of both places, and how figures are written.
# shellcheck disable=SC2016 # awk's
prelude='
	BEGIN {
		FS = "\t"
		labels["bare"] = "empty programs"
		labels["sigfd-json"] = "sigfd -j"
		labels["sigfd-pid"] = "sigfd -p, of another"
		labels["sigfd-signal"] = "sigfd -s, of another"
		labels["perf"] = "perf trace"
		labels["strace"] = "strace -f"
		labels["strace-seccomp"] = "strace -f --seccomp-bpf"
	}
	{
		place = FILENAME
		gsub(/.*\/|\.tsv$/, "", place)
		v[place, $1, $2] = $3
		low[place, $1, $2] = $4
		high[place, $1, $2] = $5
		line[place, ++lines[place]] = $1 "\t" $2
	}
	function has(s, m) { return (place, s, m) in v }
	function cost(s) { return v[place, s, "ns"] }
	function range(s, m) { return sprintf("%.0f, %.0f", low[place, s, m], high[place, s, m]) }
	function share(s, of, f) { return has(of, "ns") ? per(added(s), added(of), f) : "-" }
	function missed(s, r) { return v[place, s, r "missing"] " of " v[place, s, r "made"] }
	function added(s) { return v[place, s, "ns"] - v[place, s, "untraced"] }
	function per(a, b, f) { return b > 0 ? sprintf(f ? f : "%.2f", a / b) : "-" }
	function title(p) {
		return (p == "pair" ? "By kprobes, in the virtual machine" : \
			"At the boundary, on this machine") " (Linux " v[p, "machine", "kernel"] ")"
	}
	function label(s) { return s in labels ? labels[s] : s }
	function all_subjects() {
		return split("bare sigfd sigfd-json sigfd-pid sigfd-signal bpftrace perf strace " \
			"strace-seccomp", subject, " ")
	}
'

# report PROGRAM [PLACE]: over what has been measured: there, or else in both by the clock.
report() {
	local program=$1 place files=()
	for place in ${2-boundary pair}; do
		[[ ! -e $data/$place.tsv ]] || files+=("$data/$place.tsv")
	done
	((${#files[@]})) || { echo "Not measured." && return; }
	awk "$prelude $program" "${files[@]}"
}

# shellcheck disable=SC2016
table_machine() {
	report 'END {
		print "| | kernel | processors | model | load before | runs | calls a run | date |"
		print "|---|---|---|---|---|---|---|---|"
		for (place in lines) print "|", place, "|", v[place, "machine", "kernel"], "|", \
			v[place, "machine", "processors"], "|", v[place, "machine", "model"], "|", \
			v[place, "machine", "load"], "|", \
			v[place, "machine", "rounds"], "|", v[place, "machine", "calls"], "|", \
			v[place, "machine", "date"], "|"
	}'
}

# shellcheck disable=SC2016
table_cost() {
	report 'END {
		place = "'"$1"'"
		if (!(place in lines)) { print "Not measured."; exit }
		print "| | ns a call | least, most | on a processor | untraced | added |" \
			" whole cost / empty | added / bpftrace | added / strace | calls missed |"
		print "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
		n = all_subjects()
		for (i = 1; i <= n; i++) {
			s = subject[i]
			if (!has(s, "ns")) {
				print "| " label(s) " | not here | | | | | | | | |"
				continue
			}
			printf "| %s | %.0f | %s | %.0f | %.0f | %.0f | %s | %s | %s | %s |\n",
				label(s), v[place, s, "ns"], range(s, "ns"),
				v[place, s, "cpu"], v[place, s, "untraced"],
				added(s), per(cost(s), cost("bare")), share(s, "bpftrace"),
				share(s, "strace", "%.4f"), has(s, "missing") ? missed(s) : "-"
		}
	}'
}

# shellcheck disable=SC2016
table_start() {
	report 'END {
		print "| | start, ms | least, most | memory, MiB | program, KiB |"
		print "|---|--:|--:|--:|--:|"
		for (place in lines) {
			print "| **" place "** | | | | |"
			n = split("sigfd bpftrace perf strace strace-seccomp", subject, " ")
			for (i = 1; i <= n; i++) {
				s = subject[i]
				if (!has(s, "ready_ms")) {
					print "| " label(s) " | not here | | | |"
					continue
				}
				printf "| %s | %.0f | %s | %.1f | %s |\n", label(s),
					v[place, s, "ready_ms"], range(s, "ready_ms"),
					v[place, s, "peak_kib"] / 1024,
					has(s, "bytes") ? int(v[place, s, "bytes"] / 1024) : "-"
			}
			if (has("sigfd-static", "bytes")) printf "| sigfd-static | | | | %d |\n",
				v[place, "sigfd-static", "bytes"] / 1024
		}
	}'
}

# shellcheck disable=SC2016
table_programs() {
	report 'END {
		print "| | tracer | program | ns a run |"
		print "|---|---|---|--:|"
		for (place in lines) for (i = 1; i <= lines[place]; i++) {
			split(line[place, i], part, "\t")
			if (split(part[2], name, ":") != 3 || name[1] != "program") continue
			printf "| %s | %s | %s | %.0f |\n", place, label(part[1]), name[3],
				v[place, part[1], part[2]]
		}
	}'
}

# shellcheck disable=SC2016
table_rates() {
	report 'END {
		print "| | tracer | asked, calls/s | reached | one CPU, % | calls missed |"
		print "|---|---|--:|--:|--:|--:|"
		for (place in lines) for (i = 1; i <= lines[place]; i++) {
			split(line[place, i], part, "\t")
			if (part[2] !~ /^rate:.*:cpu_ns/) continue
			split(part[2], rate, ":")
			s = part[1]
			r = "rate:" rate[2] ":"
			seconds = v[place, s, r "made"] / v[place, s, r "reached"]
			printf "| %s | %s | %s | %d | %.1f | %s |\n", place, label(s),
				rate[2] ? rate[2] : "all", v[place, s, r "reached"],
				v[place, s, r "cpu_ns"] / seconds / 1e7, missed(s, r)
		}
	}'
}

# shellcheck disable=SC2016
table_growth() {
	report 'END {
		print "| ns of processor time a call | 1 thread | 2 | 8 |"
		print "|---|--:|--:|--:|"
		n = split("none bare sigfd sigfd-pid", subject, " ")
		for (place in lines) for (i = 1; i <= n; i++) {
			s = subject[i]
			printf "| %s, %s | %.0f | %.0f | %.0f |\n", place, label(s),
				v[place, s, "threads:1:cpu"], v[place, s, "threads:2:cpu"],
				v[place, s, "threads:8:cpu"]
		}
		print ""
		print "| ns a call | none in flight | 1000 | 8000 |"
		print "|---|--:|--:|--:|"
		for (place in lines) printf "| %s, sigfd | %.0f | %.0f | %.0f |\n", place,
			v[place, "sigfd", "inflight:0:ns"], v[place, "sigfd", "inflight:1000:ns"],
			v[place, "sigfd", "inflight:8000:ns"]
	}'
}

# shellcheck disable=SC2016
table_instructions() {
	report '
	function cell(s, hook, n) {
		n = v[place, s, hook]
		return sprintf("%.0f | %.0f | %s", n, n - v[place, "none", hook],
			per(n, v[place, "bare", hook]))
	}
	END {
		place = "instructions"
		print "| | pair | added | whole / empty | boundary | added | whole / empty |"
		print "|---|--:|--:|--:|--:|--:|--:|"
		n = split("none bare sigfd sigfd-json sigfd-pid sigfd-signal bpftrace", subject, " ")
		for (i = 1; i <= n; i++) if (has(subject[i], "pair"))
			print "| " label(subject[i]) " | " cell(subject[i], "pair") " | " \
				cell(subject[i], "syscall") " |"
	}' instructions
}

# shellcheck disable=SC2016
table_goals() {
	report '
	function goal(text, is, limit) {
		printf "| %s, %s | %.3f | %.3f | %s |\n", place, text, limit, is,
			is <= limit ? "yes" : "no"
	}
	END {
		print "| | goal, at most | measured | reached |"
		print "|---|--:|--:|---|"
		for (place in lines) {
			bare = cost("bare")
			goal("whole cost / empty programs, shown", cost("sigfd") / bare, 1.6)
			goal("the same, filtered out by pid", cost("sigfd-pid") / bare, 1.15)
			goal("the same, filtered out by signal", cost("sigfd-signal") / bare, 1.15)
			if (has("bpftrace", "ns")) {
				goal("added / bpftrace", added("sigfd") / added("bpftrace"), 1 / 8)
				goal("start / bpftrace", v[place, "sigfd", "ready_ms"] / \
					v[place, "bpftrace", "ready_ms"], 1 / 6)
				goal("memory / bpftrace", v[place, "sigfd", "peak_kib"] / \
					v[place, "bpftrace", "peak_kib"], 1 / 6)
			}
			if (has("strace", "ns"))
				goal("added / strace", added("sigfd") / added("strace"), 1 / 40)
			r = "rate:200000:missing"
			if (has("sigfd", r))
				goal("calls missed at 200000/s", v[place, "sigfd", r], 0)
		}
	}'
}

# Bars of what each tracer adds to a call, each tenfold as long as the last by the same step.
# shellcheck disable=SC2016
draw_chart() {
	report '
	function x(ns) { return 200 + (ns <= 10 ? 0 : log(ns / 10) / log(10) * 76) }
	function text(px, py, class, what) {
		body = body sprintf("<text x=\"%.0f\" y=\"%.0f\" class=\"%s\">%s</text>\n",
			px, py, class, what)
	}
	END {
		y = 24
		text(16, y, "title", "Added to a signalfd4 call, in ns (log scale)")
		for (k = 1; k <= 2; k++) {
			place = k == 1 ? "pair" : "boundary"
			if (!(place in lines)) continue
			text(16, y += 34, "group", title(place))
			n = all_subjects()
			for (i = 1; i <= n; i++) {
				s = subject[i]
				y += 22
				text(192, y, "label", label(s))
				if (!has(s, "ns")) { text(206, y, "value", "not here"); continue }
				body = body sprintf("<rect x=\"200\" y=\"%d\" width=\"%.1f\" " \
					"height=\"14\" class=\"%s\"/>\n", y - 11, x(added(s)) - 199,
					s ~ /^sigfd/ ? "sigfd" : "other")
				text(x(added(s)) + 7, y, "value", sprintf("%.0f", added(s)))
			}
		}
		for (d = 10; d <= 1000000; d *= 10) {
			grid = grid sprintf("<path d=\"M%.0f 40V%d\" class=\"grid\"/>\n",
				x(d), y + 10)
			text(x(d), y + 26, "axis", d < 1000 ? d : d < 1000000 ? d / 1000 "k" : "1M")
		}
		height = y + 40
		printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"%d\" " \
			"viewBox=\"0 0 720 %d\" role=\"img\">\n", height, height
		print "<title>What each tracer adds to a signalfd4 call</title>\n<style>"
		print "text { font: 13px system-ui, sans-serif; fill: #1f2328 }"
		print ".title, .group { font-weight: 600 }\n.title { font-size: 15px }"
		print ".label { text-anchor: end }\n.axis { text-anchor: middle; fill: #656d76 }"
		print ".grid { stroke: #d0d7de }"
		print ".sigfd { fill: #0969da }\n.other { fill: #8c959f }"
		print "@media (prefers-color-scheme: dark) {"
		print "text { fill: #e6edf3 }\n.axis { fill: #8d96a0 }\n.grid { stroke: #30363d }"
		print ".sigfd { fill: #4493f8 }\n.other { fill: #6e7681 }\n}\n</style>"
		printf "%s%s</svg>\n", grid, body
	}'
}

tables=(machine goals "cost pair" "cost boundary" instructions start programs rates growth)

# Of each "<!-- bench: NAME -->" in the page, what follows until "<!-- /bench -->" is replaced.
write_page() {
	local place table new=$data/page.new
	for place in boundary pair instructions; do
		[[ -e $data/$place.tsv ]] || die "no figures for '$place' in $data: measure it first"
	done
	for table in "${tables[@]}"; do
		# shellcheck disable=SC2086 # a name, and what it may take
		table_$table >"$data/table"
		grep -qF "<!-- bench: $table -->" "$page" || say "$page has no place for $table"
		awk -v mark="<!-- bench: $table -->" -v table="$data/table" '
			/^<!-- \/bench -->/ { inside = 0 }
			!inside { print }
			$0 == mark {
				inside = 1
				while ((getline row <table) > 0) print row
			}' "$page" >"$new"
		cat "$new" >"$page"
	done
	rm "$new" "$data/table"
	cp "$data/performance.svg" "$chart"
}

print_tables() {
	local table
	for table in "${tables[@]}"; do
		printf '\n## %s\n\n' "$table"
		# shellcheck disable=SC2086
		table_$table
	done
}

# In the machine each emulated processor has a thread: with one for both, what a tracer does on
# the second would be counted to the caller on the first.
measure_place() {
	local run=(test/bench.sh --rounds "$rounds" --calls "$calls" --here "$1")
	if [[ $1 == instructions ]]; then
		VM_QEMU="-icount shift=0,sleep=off" \
			test/vm.sh --cpus 1 --memory 2048 --timeout 3600 -- "${run[@]}"
	elif [[ $1 == pair ]]; then
		VM_ACCEL=${VM_ACCEL:-tcg,thread=multi} test/vm.sh --memory 2048 --timeout 3600 -- \
			"${run[@]}"
	else
		as_root "${run[@]}"
	fi >"$data/$1.new"
	mv "$data/$1.new" "$data/$1.tsv"
}

main() {
	local place
	parse_options "$@"
	case $measure_here in # no && before exit: a measurement that fails would go on
	instructions) measure_instructions; exit ;;
	?*) measure "$measure_here"; exit ;;
	esac
	mkdir -p "$data"
	if [[ $action == measure ]]; then
		for place in "${places[@]}"; do
			measure_place "$place"
		done
	fi
	draw_chart >"$data/performance.svg"
	print_tables
	[[ $write == no ]] || write_page
}

main "$@"
