#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# labs.sh: whether the labs of docs/workshop.md can be done: for each, the checker must not say
# "done" of the starting files, nor of a near miss, and must say it of the solution. A near miss is
# a patch of the solution, test/labs/N/NAME.patch, that a learner could take for one. Its head has
# a line "Refused: REGEX", which what the checker says must match.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit   # tap, end_tap, and the folder $work
source test/patch.sh || exit # have_one_place
shopt -s nullglob

root=$PWD
series='' all=no # a kernel that was asked for; every near miss

usage() {
	cat <<-'END'
	usage: test/labs.sh [--all] [--kernel SERIES] [LAB...]

	Tries each lab, or all, as root, after `make all programs`; prints TAP. What
	the files need is made here. Then they run: here if this host has kprobes, else
	all in one virtual machine.

	  --all             every near miss, not three of a lab: in twice the time
	  --kernel SERIES   in a virtual machine with that kernel: see test/vm.sh --help
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

# ---- What is tried ------------------------------------------------------------------------------

# Each case has a folder, $cases/LAB-NAME. Beside it stand, behind its name: .said, what the check says of
# it; .status, with what it ends. (A careless script would split that folder's name.)
cases="$work/some cases"

# prepare LAB NAME [PATCH]: the folder of a case, and the first half of its check. Of what is not made
# there is nothing to be run.
prepare() {
	local folder="$cases/$1-$2"
	{
		docs/labs/start "$1" "$folder" &&
			{ [[ $2 == start ]] || solve "$1" "$folder"; } &&
			{ [[ -z ${3-} ]] || apply "$3" "$folder"; }
	} >"$folder.made" 2>&1 || { echo 99 >"$folder.status" && return; }
	check_half --built "$folder"
	[[ $(<"$folder.status") != 0 ]] || rm "$folder.status"
}

check_half() {
	local lab=${2##*/}
	timeout 600 docs/labs/check "$1" "${lab%%-*}" "$2" >"$2.said" 2>&1
	echo $? >"$2.status"
}

# Of a solution the page tells too what is to be seen, in blocks that want the lab to be solved.
compare_page() {
	local lab=${1##*/}
	if test/transcripts.sh --lab "${lab%%-*}" "$1" docs/workshop.md >"$1.said" 2>&1; then
		: >"$1.said"
	else
		echo 98 >"$1.status"
	fi
}

# Or compare_page would find nothing to compare, and be content.
has_solved_blocks() {
	equal labs '3 4 6 8' \
		"$(sed -nE 's/^```console lab ([0-9]+).*/\1/p' docs/workshop.md | sort -u | xargs)"
}

# The second half, of each that was made; told in a line each, since a machine's files don't stay.
show() {
	local folder
	for folder in "$1"/*/; do
		folder=${folder%/}
		[[ ! -e $folder.status ]] || continue
		check_half --shown "$folder"
		[[ $folder != *-solution || $(<"$folder.status") != 0 ]] || compare_page "$folder"
		echo "${folder##*/} $(<"$folder.status") $(tr '\n' '|' <"$folder.said")"
	done
}

show_all() {
	local name status said
	if [[ -z $series ]] && ./sigfd --check | grep -q '^auto chooses *pair'; then
		test/labs.sh --show "$cases" # a shell of its own: tap's ends with what fails
	else
		test/vm.sh ${series:+--kernel "$series"} --timeout 3000 -- test/labs.sh --show "$cases"
	fi | tee "$work/shown"
	while read -r name status said; do
		echo "$status" >"$cases/$name.status"
		printf '%s' "$said" | tr '|' '\n' >"$cases/$name.said"
	done <"$work/shown"
}

# ---- What is to come of it ----------------------------------------------------------------------

tell() {
	tail -n 5 "$cases/$1".{made,said,status} 2>/dev/null
}

is_done() {
	tell "$1"
	equal 'exit status' 0 "$(<"$cases/$1.status")"
	equal 'what it says' '' "$(<"$cases/$1.said")"
}

# is_not_done CASE [PATCH]: one line says what is missing; of a near miss, what its head says.
is_not_done() {
	local reason=''
	tell "$1"
	equal 'exit status' 1 "$(<"$cases/$1.status")"
	equal 'lines' 1 "$(wc -l <"$cases/$1.said")"
	[[ -z ${2-} ]] || reason=$(sed -n '/^---/q; s/^Refused: //p' "$2" | grep .)
	grep -Eq "^lab ${1%%-*}: not yet: .*$reason" "$cases/$1.said"
}

# The whole of the check, as a learner runs it: it boots a machine itself where it needs one.
is_done_for_a_learner() {
	cd "$root"
	docs/labs/check "${1%%-*}" "$cases/$1" >"$work/told" || { cat "$work/told" && return 1; }
	equal 'what it says' "lab ${1%%-*}: done" "$(<"$work/told")"
}

# What the checker said is a comment: to be read, by who writes such messages.
told() {
	sed 's/^/# /' "$cases/$1.said"
}

misses_of() {
	local misses=("test/labs/$1"/*.patch)
	[[ $all == yes ]] || misses=("${misses[@]:0:3}")
	echo "${misses[@]}"
}

main() {
	local lab miss name
	[[ ${1-} != --show ]] || { show "$2" && exit; }
	[[ ${1-} != --all ]] || { all=yes && shift; }
	[[ ${1-} != --kernel ]] || { series=${2:?--kernel wants a series} && shift 2; }
	[[ ${1-} != -* ]] || { usage && exit 2; }
	(($#)) || set -- 0 1 2 3 4 5 6 7 8
	mkdir "$cases"
	tap "the page shows labs 3, 4, 6 and 8 solved" in_root has_solved_blocks
	for lab; do
		prepare "$lab" start
		prepare "$lab" solution
		for miss in $(misses_of "$lab"); do
			name=${miss##*/}
			prepare "$lab" "${name%.patch}" "$miss"
		done
	done
	tap "the labs are run" in_root show_all
	for lab; do
		tap "lab $lab: what it starts with is not done" is_not_done "$lab-start"
		for miss in $(misses_of "$lab"); do
			name=${miss##*/}
			tap "lab $lab: nor is $name" is_not_done "$lab-${name%.patch}" "$root/$miss"
			told "$lab-${name%.patch}"
		done
		tap "lab $lab: its solution is" is_done "$lab-solution"
	done
	[[ $series ]] || # the checker's own machine has the default kernel
		tap "lab $lab: its solution is done also for a learner" is_done_for_a_learner "$lab-solution"
	end_tap
}

in_root() {
	cd "$root"
	"$@"
}

main "$@"
