# shellcheck shell=bash disable=SC2154 # $lab, $folder and $scratch are check's
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# 3.sh: each step must print, of calls of all kinds that sigfd traces at once, what sigfd says.

steps='' # done
traced=(./sigfd -H pair -j -- test/bin/calls)

# What does not compile leaves a word in .make, so that the steps before it can be told as done.
built() {
	rm -f "$folder"/step?.bpf.o "$folder"/step4
	make -k -s -C "$folder" TREE="$PWD" >"$folder/.make" 2>&1
	[[ -x $folder/attach && -x $folder/crowd ]] ||
		die "attach and crowd do not build: $(grep -m 1 . "$folder/.make")"
	cc -O2 -pthread docs/labs/checks/3-two.c -o "$folder/.two" || die "3-two.c does not build"
	[[ -e $folder/step1.bpf.o ]] || does_not_compile 1
}

# lacks WHAT: in the step being tried.
lacks() {
	missing "${steps:+step$steps done; }step $step: $*"
}

does_not_compile() {
	local step=$1
	lacks "step$step does not compile: $(grep -m 1 "^step${step}[^ ]*: error" "$folder/.make" ||
		grep -m 1 . "$folder/.make")"
}

# PID TID and what the steps print, of each call in the JSON of sigfd.
sigfd_says() {
	local pid tid ufd flags mask ret pattern='"pid":([0-9]+),"tid":([0-9]+),.*"ufd":(-?[0-9]+),'
	pattern+='"flags":([0-9]+),.*"mask":"0x([0-9a-f]+)",.*"ret":(-?[0-9]+),'
	sed -nE "s/.*$pattern.*/\1 \2 \3 \4 \5 \6/p" "$scratch/events" |
		while read -r pid tid ufd flags mask ret; do
			printf '%d %d ufd %d mask %x flags %x result %d\n' \
				"$pid" "$tid" "$ufd" $((16#$mask)) "$flags" "$ret"
		done
}

# What the step should print, each line after the number of its thread (step 4: process).
due() {
	case $step in
	1) sigfd_says | sed -E 's/^[0-9]+ (.*) result .*/\1/' ;;
	2) sigfd_says | sed -E 's/^[0-9]+ (([0-9]+) .*) (result .*)/\1\n\2 \3/' ;;
	3) sigfd_says | sed -E 's/^[0-9]+ //' ;;
	4) sigfd_says | sed -nE 's/^([0-9]+) [0-9]+ ufd -1 /\1 /p' ;;
	esac
}

# What it printed, of those threads (processes) that sigfd has shown.
printed() {
	sed -E 's/^.*-([0-9]+) +\[[0-9]+\] .*bpf_trace_printk: /\1 /; s/ +/ /g; s/\<0x//g; s/ $//' \
		"$scratch/trace" | awk 'NR == FNR { known[$1]; next } $1 in known' "$scratch/due" -
}

# In words: the first line that is not as it should be.
compare() {
	local want got
	due >"$scratch/due"
	[[ -s $scratch/due ]] || die "sigfd has shown no call: $(tail -n 1 "$scratch/err")"
	printed >"$scratch/printed"
	while read -r _ want <&3; do
		read -r _ got <&4 || got='nothing'
		[[ $want == "$got" ]] ||
			lacks "step$step prints '$got', where '$want' is due; see $1"
	done 3<"$scratch/due" 4<"$scratch/printed"
	cmp -s "$scratch/due" "$scratch/printed" ||
		lacks "step$step prints more than one line for a thing, or of other threads; see $1"
}

why() {
	grep -m 1 -o 'failed to .*\|load failed: .*' "$scratch/said" || tail -n 1 "$scratch/said"
}

# Calls for the step and sigfd at once, then those of .two.
attached() {
	local status=0
	[[ -e $folder/step$step.bpf.o ]] || does_not_compile "$step"
	# shellcheck disable=SC2016 # for the inner shell
	timeout 60 "$folder/attach" "$folder/step$step.bpf.o" bash -c '
		"${@:3}" "$1/truth" present >"$1/events" 2>"$1/err"
		bpftool map dump name calls >"$1/left" 2>/dev/null
		"$2" >"$1/two"' bash "$scratch" "$folder/.two" "${traced[@]}" \
		>"$scratch/trace" 2>"$scratch/said" || status=$?
	((status == 0)) || lacks "step$step.bpf.o can't be attached: $(why); run:" \
		"$folder/attach $folder/step$step.bpf.o"
}

# In .two the second thread calls while the first one, whose number it prints, sleeps in its call.
joins_by_thread() {
	local tid
	read -r tid <"$scratch/two"
	(($(grep -cE -- "-$tid +\[.* ufd -1 mask 1 flags 0 result [0-9]" "$scratch/trace") == 4)) ||
		lacks "step3 mixes up two threads of one process: whose is an entry? See TODO 1"
}

leaves_nothing() {
	! grep -q '"key"\|^key' "$scratch/left" ||
		lacks "calls that have ended are still in the map; see TODO 3"
}

# The loader has no command: it is ended when what is due has come, or does not come.
loader_prints() {
	local tracer tries
	[[ -x $folder/step4 ]] || does_not_compile 4
	"$folder/step4" >"$scratch/trace" 2>"$scratch/said" &
	tracer=$!
	for ((tries = 0; tries < 100; tries++)); do
		! grep -q tracing "$scratch/trace" || break
		sleep 0.1
	done
	kill -0 "$tracer" 2>/dev/null ||
		lacks "step4 ends instead of waiting for events; see TODO 5 $(tail -n 1 "$scratch/said")"
	"${traced[@]}" "$scratch/truth" present >"$scratch/events" 2>"$scratch/err"
	due >"$scratch/due"
	for ((tries = 0; tries < 30; tries++)); do
		(($(printed | wc -l) < $(wc -l <"$scratch/due"))) || break
		sleep 0.1
	done
	kill "$tracer" && wait "$tracer" 2>/dev/null
}

shown() {
	local step
	for step in 1 2 3; do
		attached
		compare "the TODOs in step$step.bpf.c"
		((step != 3)) || { leaves_nothing && joins_by_thread; }
		steps+=${steps:+,}" $step"
	done
	step=4
	loader_prints
	compare "the TODOs in step4.bpf.c and step4.c"
}
