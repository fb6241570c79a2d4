# shellcheck shell=bash disable=SC2034,SC2154 # docs/labs/check sets and reads these
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# Lab 2: the answers are those of the kernel at hand, which is asked anew here. Sourced by
# docs/labs/check.

tracing=/sys/kernel/tracing
probe=kprobes/lab2_$$

built() {
	[[ -e $folder/answers ]] || missing "no $folder/answers; docs/labs/start 2 makes it"
	is_answered entries
}

is_answered() {
	[[ -n $(answer "$1") ]] || missing "$1: there is no answer yet in $folder/answers"
}

# The text behind KEY:, without blanks around it.
answer() {
	sed -nE "s/^$1:[[:space:]]*(.*[^[:space:]])[[:space:]]*\$/\1/p" "$folder/answers" | tail -n 1
}

# What it comes to, if it is a command: lines and blanks are as one blank.
value() {
	local text
	text=$(answer "$1")
	[[ $text != '$'* ]] || text=$(cd "$folder" && timeout 300 bash -c "${text#?}" 2>/dev/null)
	xargs -d '\n' <<<"$text" | xargs
}

functions() {
	awk '$2 ~ /^[tTwW]$/ && NF == 3 && $3 !~ /^__pfx_/ { print $3 }' /proc/kallsyms
}

attach() {
	{ echo "p:$probe $1" >>"$tracing/kprobe_events"; } 2>/dev/null
}

detach() {
	{ echo "-:$probe" >>"$tracing/kprobe_events"; } 2>/dev/null
}

# Why the kernel refuses it: its last word in error_log.
reason() {
	attach "$1" && detach
	sed -n 's/.*trace_kprobe: error: //p' "$tracing/error_log" | tail -n 1
}

# do_signalfd4 in BTF: [1] FUNC 'do_signalfd4' type_id=2, and the names that follow [2] FUNC_PROTO.
arguments() {
	bpftool btf dump file /sys/kernel/btf/vmlinux >"$scratch/btf"
	awk -v id="$(sed -n "s/.*FUNC 'do_signalfd4' type_id=\([0-9]*\).*/\1/p" "$scratch/btf")" \
		'/^\[/ { ours = $1 == "[" id "]" } ours && /^\t/ { gsub("\047", "", $1); print $1 }' \
		"$scratch/btf" | xargs
}

# An answer that is not there is named in its turn: those before it are judged first.
is_right() {
	is_answered "$1"
	[[ $(value "$1") == "$2" ]] || missing "$1: $(uname -r) says otherwise; look again ($3)"
}

shown() {
	local name kept=gone
	[[ -e $tracing/kprobe_events ]] || mount -t tracefs tracefs "$tracing"
	functions >"$scratch/functions"
	grep -qx signalfd_dequeue "$scratch/functions" && kept=kept
	is_right entries "$(grep -cE '_sys_signalfd4?$' "$scratch/functions")" /proc/kallsyms
	is_right arguments "$(arguments)" "bpftool btf dump; names with one blank between"
	is_right signalfd_dequeue "$kept" "kept or gone, by /proc/kallsyms"
	is_answered isra
	name=$(value isra)
	{ [[ $name == *.isra.* ]] && grep -qxF -- "$name" "$scratch/functions"; } ||
		missing "isra: $(uname -r) has no function '$name'; look in /proc/kallsyms"
	attach "$name" || missing "isra: $name is there, but refused; read error_log, and take another"
	detach
	is_answered twin
	name=$(value twin)
	(($(grep -cxF -- "$name" "$scratch/functions") > 1)) ||
		missing "twin: $(uname -r) has not two functions '$name'; sort /proc/kallsyms"
	is_right middle "$(reason do_signalfd4+1)" "$tracing/error_log"
}
