# shellcheck shell=bash disable=SC2154,SC2034 # $folder and $scratch are check's, which reads needs
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# 7.sh: the proof must hold here, and fail in each of two worlds in which the claim is true
# (7-worlds.c), and each of its lines in one of them. It judges a proof of C09.

needs=nothing

# Without fortified functions: what 7-worlds.c changes is the plain ones.
build() {
	cc -O2 -Wall -Wextra -pthread -Idocs/proofs -U_FORTIFY_SOURCE "$@" 2>"$scratch/cc"
}

built() {
	[[ -r $folder/claim.c ]] || missing "no file claim.c; look at docs/labs/7/claim.c"
	build "$folder/claim.c" -o "$folder/.claim" ||
		missing "claim.c does not compile: $(grep -m 1 error "$scratch/cc")"
}

# run [WORLD]: its status; what it says is in $scratch/here or $scratch/WORLD.
run() {
	local status=0
	env ${1:+WORLD=$1 LD_PRELOAD="$scratch/worlds.so"} timeout 60 "$folder/.claim" \
		>"$scratch/${1:-here}" 2>&1 </dev/null || status=$?
	return "$status"
}

# of_c09 WORD [WORLD]: the lines that begin with WORD and name the claim.
of_c09() {
	grep -v SKIP "$scratch/${2:-here}" | grep "^$1 .*C09"
}

holds_here() {
	local status=0
	run || status=$?
	[[ -z $(of_c09 "not ok") ]] || missing "the proof does not hold:" \
		"$(of_c09 "not ok" | head -n 1); see the TODOs"
	((status == 0)) || missing "the proof ends with status $status:" \
		"$(tail -n 1 "$scratch/here"); look at done() in proof.h"
	[[ $(of_c09 ok) ]] || missing "the proof has no line of ok() that names C09"
	grep -Eq '^1\.\.[1-9]' "$scratch/here" || missing "the proof does not end with done()"
	! grep -Fq '...' <(of_c09 ok) || missing "'$(of_c09 ok | grep -Fm 1 ...)' still says '...';" \
		"say in the text of that ok() what the kernel did"
}

# fails_in WORLD WHERE QUESTION: by a line of TAP, and by its status.
fails_in() {
	local status=0
	run "$1" || status=$?
	((status)) || missing "the proof holds as well where $2; $3"
	[[ $(of_c09 "not ok" "$1") ]] || missing "where $2 the proof ends with" \
		"'$(tail -n 1 "$scratch/$1")' instead of a line not ok; what is to be shown belongs into ok()"
}

# A line that no world can make fail shows nothing.
each_line_can_fail() {
	local number
	while read -r _ number _; do
		[[ $(of_c09 "not ok $number" all; of_c09 "not ok $number" last) ]] || missing "line $number" \
			"($(of_c09 "ok $number")) says ok also where all that is sent comes, and where the last" \
			"is what comes; what would make it say not ok?"
	done < <(of_c09 ok)
}

shown() {
	# Here, and not beside claim.c: LD_PRELOAD takes no path with a blank.
	build -shared -fPIC docs/labs/checks/7-worlds.c -o "$scratch/worlds.so" -ldl ||
		die "7-worlds.c does not compile: $(grep -m 1 error "$scratch/cc")"
	holds_here
	fails_in all "all that is sent comes" "what does it count?"
	fails_in last "the last one is what comes" "whose value does it have?"
	each_line_can_fail
}
