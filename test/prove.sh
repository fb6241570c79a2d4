#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
# prove.sh: runs every proof on this kernel, and makes one TAP of what they say. (Whether the pages
# cite them rightly, test/citations.sh checks: it runs none.)

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
count=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

usage() {
	cat <<-'END_USAGE'
	usage: test/prove.sh [pair] [alone]

	Runs the proofs of docs/proofs as root, with those that a tracer watches, and
	prints TAP. "pair" says that this kernel has kprobes; "alone" that nobody
	else needs this machine, so that the whole of it can be brought to its
	limits. Wants what `make all programs` builds.
	END_USAGE
}

# A proof that dies, or that ends before its plan, has failed however many lines were ok; so has one
# for whose end we would wait for ever. (In the foreground, so that ^C reaches it.)
prove() {
	local name=$1 line status plan='' before=$failed
	shift
	timeout --foreground -k 10 1200 "$@" >"$tmp/tap" 2>"$tmp/err" </dev/null
	status=$?
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*) told "$name" "$line" ;;
		1..*) plan=$line ;;
		"TAP version"* | "# call "*) ;; # the calls are for a tracer
		*) echo "# $name: ${line#\# }" ;;
		esac
	done <"$tmp/tap"
	((status == 0 || failed > before)) && [[ -n $plan ]] && return
	told "$name" "not ok - ended with status $status"
	tail -n 20 "$tmp/err" | sed 's/^/# /'
}

# One line of a proof, under our numbers.
told() {
	local result=ok
	[[ $2 == ok* ]] || { result='not ok' && ((failed += 1)); }
	echo "$result $((count += 1)) - $1: ${2#* - }"
}

main() {
	local file name word
	local pair=() alone=()
	for word; do
		case $word in
		pair) pair=(pair) ;;
		alone) alone=(alone) ;;
		*) usage >&2 && exit 2 ;;
		esac
	done
	echo "TAP version 13"
	for file in docs/proofs/*.c; do
		name=$(basename "$file" .c)
		case $name in
		daemon | shortest) ;; # run by test/daemon.sh, and by record
		errors) prove errors build/proofs/errors "${alone[@]}" ;;
		*) prove "$name" "build/proofs/$name" ;;
		esac
	done
	# Valgrind looks at the program, not at the kernel, and takes a minute in an emulated machine.
	prove daemon test/daemon.sh "${alone[@]/alone/--no-valgrind}"
	prove race test/race.sh "${pair[@]}"
	prove hooks docs/proofs/hooks.sh
	# Its words are those of x86-64, and to build what it patches would take an emulated arm64 long.
	[[ $(uname -m) != x86_64 ]] || prove walkthrough test/walkthrough.sh
	echo "1..$count"
	((failed == 0))
}

main "$@"
