# shellcheck shell=bash disable=SC2154 # $folder and $scratch are check's
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# 5.sh: the answers are compared with what sigfd and the wrong tracers say here; alone.c runs under
# each hook.

answer() {
	sed -nE "s/^$1: *([^ ]*) *$/\1/p" "$folder/answers" | tail -n 1
}

built() {
	local name
	[[ -r $folder/answers ]] || missing "no file answers; look at docs/labs/5/answers"
	for name in sizemask-4 bad-flags null-mask 32-bit absent-mask; do
		[[ $(answer "$name") =~ ^(pair|syscall|each|none)$ ]] ||
			missing "answers: $name is pair, syscall, each or none; predict, then look"
	done
	cc -O2 -Wall "$folder/alone.c" -o "$folder/.alone" 2>"$scratch/cc" ||
		missing "alone.c does not compile: $(grep -m 1 error "$scratch/cc")"
	docs/proofs/hooks.sh --build >"$scratch/build" || die "$(tail -n 1 "$scratch/build")"
}

# ---- The answers --------------------------------------------------------------------------------

# one_of PROBE BOUNDARY: the word for what two conditions (yes or no) say.
one_of() {
	case $1.$2 in
	yes.yes) echo each ;;
	yes.no) echo pair ;;
	no.yes) echo syscall ;;
	*) echo none ;;
	esac
}

has() {
	if [[ $1 =~ $2 ]]; then echo yes; else echo no; fi
}

# judge NAME REGEX: of `calls`, traced by all four hooks, the first call that is so.
judge() {
	local event want
	event=$(grep -Em 1 "$2" "$scratch/calls") || return 0 # not to be had here: of 32 bits on arm64
	want=$(one_of "$(has "$event" '"reached":true')" "$(has "$event" '"syscall":"')")
	[[ $1 != absent-mask ]] ||
		want=$(one_of "$(has "$event" '"mask":"')" "$(has "$event" '"user_mask":"')")
	[[ $(answer "$1") == "$want" ]] ||
		missing "answers: $1 is not $(answer "$1"); look at sigfd -H both -j -- test/bin/calls FILE"
}

judge_hooks() {
	./sigfd -q -H both -j -- test/bin/calls "$scratch/truth" >"$scratch/calls" 2>"$scratch/err" ||
		die "$(tail -n 1 "$scratch/err")"
	judge sizemask-4 '"sizemask":4,'
	judge bad-flags '"cause":"bad flags"'
	judge null-mask '"syscall":".*"cause":"bad pointer"'
	judge 32-bit '"syscall":null'
	judge absent-mask '"user_mask_errno":"EFAULT".*"ret":[0-9]'
}

# judge_riddle NAME: the tracer that was named says what the file has, but for the process's number.
judge_riddle() {
	local options
	[[ -e docs/proofs/wrong/$(answer "$1").patch ]] ||
		missing "answers: $1 is a NAME of docs/proofs/wrong/README.md"
	options=$(sed -nE '1s/^\$ sigfd (.*)-- .*/\1/p' "docs/labs/5/$1")
	# shellcheck disable=SC2086 # none, or two words
	timeout 60 "build/wrong/$(answer "$1")/sigfd" $options -- test/bin/demo 2>&1 </dev/null |
		sed -nE "s/^[0-9]+ +[0-9]+ +demo +//p; s/^sigfd: ([^;:]*[a-z]);.*/\1/p" >"$scratch/said"
	diff -q <(tail -n +2 "docs/labs/5/$1") "$scratch/said" >/dev/null ||
		missing "answers: $1: $(answer "$1") says something else; run it, and compare"
}

# ---- alone.c ------------------------------------------------------------------------------------

# trace_alone HOOK MODE: the events in $scratch/HOOK.
trace_alone() {
	timeout 60 ./sigfd -q -H "$1" -j -- "$folder/.alone" "$2" >"$scratch/$1" 2>"$scratch/err" ||
		missing "alone $2 ends with an error: $(tail -n 1 "$scratch/err")"
	sed -i '/^{/!d' "$scratch/$1" # what the program prints is there too
}

judge_early() {
	trace_alone syscall early
	[[ -s $scratch/syscall ]] || missing "alone early: the boundary shows no call; see TODO 1"
	trace_alone pair early
	[[ ! -s $scratch/pair ]] ||
		missing "alone early: do_signalfd4 gets the call too; see TODO 1, and Errors in docs/signalfd.md"
}

judge_absent() {
	trace_alone syscall absent
	[[ -s $scratch/syscall ]] || missing "alone absent: the boundary shows no call; see TODO 2"
	! grep -q '"ret":-' "$scratch/syscall" || missing "alone absent: the call fails; see TODO 2"
	grep -q '"mask":null' "$scratch/syscall" ||
		missing "alone absent: the boundary can read the mask; see TODO 2"
	trace_alone pair absent
	grep -q '"mask":"' "$scratch/pair" || missing "alone absent: the pair can't tell the mask either"
}

shown() {
	local riddle
	judge_hooks
	judge_early
	judge_absent
	for riddle in riddle-{a,b,c}; do
		judge_riddle "$riddle"
	done
}
