#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# fuzz.sh: the loader's functions that take what others chose, under libFuzzer, ASan and UBSan.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
seconds=3

usage() {
	cat <<-'END'
	usage: test/fuzz.sh [--seconds N]

	Fuzzes events (in both forms), options and /proc's texts, each for that long (3), and prints TAP.
	END
}

build() {
	local clang=${CLANG:-clang} runtime
	runtime=$("$clang" -print-runtime-dir 2>/dev/null || true)
	echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { return !p && n; }' >"$work/try.c"
	"$clang" -fsanitize=fuzzer,address "$work/try.c" -o "$work/try" 2>"$work/tried" ||
		skip "$clang has no libFuzzer in $runtime: package libclang-rt-dev"
	"$clang" -std=gnu11 -g -O1 -Wall -Wextra -Wno-unused-function -Werror \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-I"$here/../build" -I"$here/.." "$here/fuzz.c" -lbpf -lelf -lz -o "$work/fuzz"
}

seeds_of() {
	case $1 in
	options)
		printf -- '-p\n1\n-s\nHUP,RTMIN+1,64\n-H\nboth' >corpus/a
		printf -- '--name=x\n-d\n3\n--list\n-j\n-q' >corpus/b
		printf -- '-xM\n4\n--buffer=64\n--\ntrue\n-a' >corpus/c
		printf -- '-b\n4' >corpus/d
		printf -- '-t\n4194304' >corpus/e
		;;
	proc)
		printf 'pos:\t0\nsigmask:\t0000000000004003\n' >corpus/a
		printf 'Name:\ta\nTgid:\t1\nUid:\t0\t0\nSigBlk:\t0000000000010000\n' >corpus/b
		printf 'SIGRTMAX-3' >corpus/c
		;;
	*) head -c 200 /dev/zero >corpus/a ;;
	esac
}

# What makes it fail is in the diagnosis, as base64: `base64 -d >FILE; FUZZ=... fuzz FILE`.
survives() {
	[[ -x $work/fuzz ]] || skip 'not built'
	mkdir corpus
	seeds_of "$1"
	# Where sigfd would end the harness jumps back, and memory stays.
	ASAN_OPTIONS=detect_leaks=0 FUZZ=$1 "$work/fuzz" -max_total_time="$seconds" \
		-max_len=600 -timeout=10 \
		-print_final_stats=1 corpus >/dev/null 2>said ||
		{ grep -aE -A 3 'ERROR|runtime error|fuzz: not|    #[0-9]+' said | head -n 20 &&
			base64 crash-* && return 1; }
	sed -n "s/^stat::number_of_executed_units: */$1: runs /p" said >>"$work/runs"
}

main() {
	while (($#)); do
		case $1 in
		--seconds) [[ ${2-} =~ ^[0-9]+$ ]] && seconds=$2 && shift ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	export LC_ALL=C.UTF-8
	echo 'TAP version 13'
	tap 'the fuzzer builds' build
	declare -A names=([json]='event as JSON' [text]='event as text' [options]=options
		[proc]='text from /proc')
	for what in json text options proc; do
		tap "any ${names[$what]}, for $seconds seconds" survives "$what"
	done
	[[ ! -e $work/runs ]] || sed 's/^/# /' "$work/runs"
	end_tap
}

main "$@"
