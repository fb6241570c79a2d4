#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# model.sh: random calls, by every entry and valid or not (test/prog/random.c), against a model of the
# kernel's rules (test/prog/model.c): each event must be the model's in every field, and those that
# are missing must be as many as sigfd says it lost.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
sigfd=$(realpath -- "${SIGFD:-$here/../sigfd}")
bin=$here/bin
hooks=() seed=$((SRANDOM)) calls=2000
a_run=50000 # calls a run, so that a million need no room

usage() {
	cat <<-'END'
	usage: test/model.sh [--seed N] [--calls N] HOOK...

	Makes that many random calls (2000) through each HOOK (pair, syscall, both), as
	root, and compares. The same seed makes the same calls. The program is
	../sigfd, or $SIGFD.
	END
}

# The number of the cgroup that we are in; nothing where there is no cgroup2 mount to ask.
own_cgroup() {
	local path mount
	path=$(sed -n 's/^0:://p' /proc/self/cgroup)
	mount=$(findmnt -n -f -o TARGET -t cgroup2)
	[[ -z $mount || -z $path || ! -d $mount$path ]] || stat -c %i "$mount$path"
}

# What sigfd says it lost, or the kernel kept from it. All is in one line, the last.
lost_calls() {
	local text lost=0 skipped=0
	text=$(tail -n 1 err)
	[[ $text =~ ^sigfd:\ [0-9]+\ calls:\ [0-9]+\ shown,\ ([0-9]+)\ lost ]] ||
		{ echo "no summary: $text" >&2 && return 1; }
	lost=${BASH_REMATCH[1]}
	[[ ! $text =~ ([0-9]+)\ entries\ skipped ]] || skipped=${BASH_REMATCH[1]}
	echo $((lost + skipped))
}

# $1: the seed; $2: how many calls.
compare() {
	local status=0 text
	timeout $((patience + $2 / 100)) "$sigfd" -j -H "$hook" -- "$bin/random" truth "$1" "$2" \
		>out 2>err </dev/null || status=$?
	equal 'exit status' 0 "$status"
	"$bin/model" "$hook" truth out "$cgroup" | tee said || return 1
	text=$(tail -n 1 said)
	[[ $text =~ ^$2\ calls,\ ([0-9]+)\ due,\ ([0-9]+)\ compared,\ ([0-9]+)\ missing$ ]]
	equal 'missing = lost + skipped' "${BASH_REMATCH[3]}" "$(lost_calls)"
	((BASH_REMATCH[2] > BASH_REMATCH[1] / 2))
	((compared += BASH_REMATCH[2]))
	rm truth out
}

# In runs, each with a seed of its own.
matches() {
	local made run=0 compared=0
	cgroup=$(own_cgroup)
	for ((made = 0; made < calls; made += a_run)); do
		compare $((seed + run++)) $((calls - made < a_run ? calls - made : a_run))
	done
	echo "$compared events" >"$work/compared"
}

main() {
	while (($#)); do
		case $1 in
		--seed | --calls)
			[[ ${2-} =~ ^[0-9]+$ ]] || { usage >&2 && exit 2; }
			declare -g "${1#--}=$2" && shift
			;;
		pair | syscall | both) hooks+=("$1") ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	((${#hooks[@]})) || { usage >&2 && exit 2; }
	[[ $EUID == 0 ]] || { echo 'model.sh: only root can trace' >&2 && exit 2; }
	[[ -x $bin/random ]] || { echo 'model.sh: no test/bin/random; run: make programs' >&2 && exit 2; }
	export LC_ALL=C.UTF-8
	echo 'TAP version 13'
	for hook in "${hooks[@]}"; do
		echo "# $hook: test/model.sh --seed $seed --calls $calls $hook"
		tap "$hook: $calls random calls are shown as the kernel's rules have them" matches
		[[ ! -e $work/compared ]] || echo "# $hook: $(<"$work/compared") compared"
		rm -f "$work/compared"
	done
	end_tap
}

main "$@"
