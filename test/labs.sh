#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# labs.sh: whether the labs of docs/workshop.md can be done: for each, the checker must not say
# "done" of the starting files, and must say it of the solution.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit # tap, end_tap, and the folder $work

root=$PWD

usage() {
	cat <<-'END'
	usage: test/labs.sh [LAB...]

	Tries each lab, or all, as root, after `make all programs`; prints TAP. Where
	this host has no kprobes, labs that need them run in a virtual machine.
	END
}

# A solution is what differs from the starting files: whole files, and patches.
solve() {
	local patch
	cp -r "docs/labs/solutions/$1/." "$2"
	for patch in "docs/labs/solutions/$1"/*.patch; do
		[[ ! -e $patch ]] || patch -p1 --force -d "$2" <"$patch"
	done
}

start_is_not_done() {
	local status=0
	cd "$root"
	docs/labs/start "$1" "$work/lab$1"
	docs/labs/check "$1" "$work/lab$1" >"$work/said" || status=$?
	cat "$work/said"
	equal 'exit status' 1 "$status"
	equal 'lines' 1 "$(wc -l <"$work/said")"
	grep -q "^lab $1: not yet: " "$work/said"
}

solution_is_done() {
	cd "$root"
	docs/labs/start "$1" "$work/lab$1"
	solve "$1" "$work/lab$1"
	docs/labs/check "$1" "$work/lab$1" | tee "$work/said"
	equal 'what it says' "lab $1: done" "$(<"$work/said")"
}

main() {
	local lab
	case ${1-} in
	-*) usage && exit 2 ;;
	'') set -- 0 1 2 3 4 5 6 7 8 ;;
	esac
	for lab; do
		tap "lab $lab: what it starts with is not done" start_is_not_done "$lab"
		tap "lab $lab: its solution is" solution_is_done "$lab"
	done
	end_tap
}

main "$@"
