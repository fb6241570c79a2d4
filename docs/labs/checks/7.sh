# shellcheck shell=bash disable=SC2154,SC2034 # $folder and $scratch are check's, which reads needs
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# 7.sh: the proof must hold here, and fail in two worlds in which the claim is true (7-worlds.c). It
# judges a proof of C09.

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

# run [WORLD]: its status; what it says is in $scratch/said.
run() {
	local status=0
	env ${1:+WORLD=$1 LD_PRELOAD="$scratch/worlds.so"} timeout 60 "$folder/.claim" \
		>"$scratch/said" 2>&1 </dev/null || status=$?
	return "$status"
}

says_no() {
	grep -q '^not ok .*C09' "$scratch/said"
}

# By a line of TAP, and by its status.
fails_in() {
	! run "$1" && says_no
}

shown() {
	local status=0
	# Here, and not beside claim.c: LD_PRELOAD takes no path with a blank.
	build -shared -fPIC docs/labs/checks/7-worlds.c -o "$scratch/worlds.so" -ldl ||
		die "7-worlds.c does not compile: $(grep -m 1 error "$scratch/cc")"
	run || status=$?
	! says_no || missing "the proof does not hold: $(grep -m 1 '^not ok' "$scratch/said"); see the TODOs"
	((status == 0)) ||
		missing "the proof ends with status $status: $(tail -n 1 "$scratch/said"); look at done() in proof.h"
	grep -v SKIP "$scratch/said" | grep -q '^ok .*C09' ||
		missing "the proof has no line of ok() that names C09"
	grep -Eq '^1\.\.[1-9]' "$scratch/said" || missing "the proof does not end with done()"
	fails_in all ||
		missing "the proof holds as well where all that is sent comes; what does it count?"
	fails_in last ||
		missing "the proof holds as well where the last one is what comes; whose value does it have?"
}
