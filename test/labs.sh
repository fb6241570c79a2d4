#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# labs.sh: whether the labs of docs/workshop.md can be done: for each, the checker must not say
# "done" of the starting files, nor of a near miss, and must say it of the solution. A near miss is
# a patch of the solution, test/labs/N/NAME.patch, that a learner could take for one.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit   # tap, end_tap, and the folder $work
source test/patch.sh || exit # have_one_place
shopt -s nullglob

root=$PWD

usage() {
	cat <<-'END'
	usage: test/labs.sh [LAB...]

	Tries each lab, or all, as root, after `make all programs`; prints TAP. Where
	this host has no kprobes, labs that need them run in a virtual machine; it is
	one for all in: test/vm.sh -- test/labs.sh
	END
}

apply() {
	have_one_place "$1" "$2"
	patch -p1 --fuzz=0 --force -d "$2" <"$1"
}

# A solution is what differs from the starting files: whole files, and patches.
solve() {
	local patch
	cp -r "docs/labs/solutions/$1/." "$2"
	for patch in "docs/labs/solutions/$1"/*.patch; do
		apply "$patch" "$2"
	done
}

# Made anew for each, in a folder whose name a careless script would split.
begin() {
	cd "$root"
	folder="$work/a lab"
	rm -rf "$folder"
	docs/labs/start "$1" "$folder"
}

# One line, which says what is missing.
is_not_done() {
	local status=0
	docs/labs/check "$1" "$folder" >"$work/told" || status=$?
	cat "$work/told"
	equal 'exit status' 1 "$status"
	equal 'lines' 1 "$(wc -l <"$work/told")"
	grep -q "^lab $1: not yet: " "$work/told"
}

start_is_not_done() {
	begin "$1"
	is_not_done "$1"
}

near_miss_is_not_done() {
	begin "$1"
	solve "$1" "$folder"
	apply "$2" "$folder"
	is_not_done "$1"
}

solution_is_done() {
	begin "$1"
	solve "$1" "$folder"
	docs/labs/check "$1" "$folder" | tee "$work/told"
	equal 'what it says' "lab $1: done" "$(<"$work/told")"
}

main() {
	local lab miss
	case ${1-} in
	-*) usage && exit 2 ;;
	'') set -- 0 1 2 3 4 5 6 7 8 ;;
	esac
	for lab; do
		tap "lab $lab: what it starts with is not done" start_is_not_done "$lab"
		for miss in "test/labs/$lab"/*.patch; do
			tap "lab $lab: nor is ${miss##*/}" near_miss_is_not_done "$lab" "$miss"
		done
		tap "lab $lab: its solution is" solution_is_done "$lab"
	done
	end_tap
}

main "$@"
