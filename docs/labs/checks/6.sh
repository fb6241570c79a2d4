# shellcheck shell=bash disable=SC2154 # $folder and $scratch are check's
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# 6.sh: `lose` must lose calls by both causes, and the summary add up; the folder's sigfd must show
# an event with the result of another call. Both by luck of the machine, so each has three tries.

built() {
	[[ -x $folder/lose ]] || missing "$folder/lose is gone, or can't be executed"
	make -s -C "$folder" >"$scratch/make" 2>&1 ||
		missing "sigfd.bpf.c does not build: $(grep -m 1 error "$scratch/make"); run make -C $folder"
	cc -O2 -pthread docs/labs/6/twice.c -o "$folder/.twice" ||
		die "twice.c does not build"
}

# The numbers of a summary: CALLS SHOWN LOST FULL NO_ENTRY MISSED CLOSED
numbers() {
	local number='([0-9]+)' pattern
	pattern="^sigfd: $number calls: $number shown, $number lost \(ring buffer full $number, "
	pattern+="no entry $number, return missed $number(, output closed $number)?\)"
	[[ $1 =~ $pattern ]] && echo "${BASH_REMATCH[*]:1:6} ${BASH_REMATCH[8]:-0}"
}

# Why your sigfd does not trace: the verifier's refusal, which only -v prints, and sigfd's last line.
why() {
	local words='invalid mem access\|out of bounds\|unbounded\|infinite loop\|!read_ok\|is not allowed'
	timeout 100 "$folder/sigfd" -v -- true 2>&1 >"$scratch/out" | grep -a -m 1 "$words"
	tail -n 1 "$scratch/err"
}

# Of lose: sigfd's, if it has said something, and not its reader's.
last_words() {
	{ grep -a '^sigfd: ' "$scratch/said" || grep -a . "$scratch/said"; } | tail -n 1
}

in_a_line() {
	cut -c 1-200 | paste -s -d '|' | sed 's/|/; /'
}

loses_in_both_ways() {
	local calls shown lost full no_entry missed closed summary found
	for _ in 1 2 3; do
		timeout 100 "$folder/lose" >"$scratch/said" 2>&1 </dev/null
		summary=$(grep -a '^sigfd: .* calls: ' "$scratch/said" | tail -n 1)
		found=$(numbers "$summary") ||
			missing "lose has no summary of sigfd, but says: $(last_words | in_a_line)"
		read -r calls shown lost full no_entry missed closed <<<"$found"
		((full == 0 || missed == 0)) || break
	done
	((missed > 0)) ||
		missing "lose: return missed 0; see TODO 1, and the first lines of twice.c"
	((full > 0)) || missing "lose: ring buffer full 0; see TODO 2 and TODO 3, and man docs/sigfd.8"
	((calls == shown + lost && lost == full + no_entry + missed + closed)) ||
		missing "lose: the account does not add up: $summary"
}

# Of what is traced there are updates that answer EBADF, which -s HUP leaves out, and creates, which
# can't: a create that answers EBADF has another call's result.
shows_another_result() {
	for _ in 1 2 3; do
		timeout 100 "$folder/sigfd" -s HUP -- "$folder/.twice" >"$scratch/out" 2>"$scratch/err"
		grep -q '^PID ' "$scratch/out" ||
			missing "your sigfd does not trace: $(why | in_a_line)"
		! grep -Eq ' create +EBADF ' "$scratch/out" || return 0
	done
	grep -q ' create ' "$scratch/out" ||
		missing "your sigfd shows no call of twice at all: $(tail -n 1 "$scratch/err" | in_a_line)"
	missing "your sigfd shows each call with its own result, or not at all; delete one line of" \
		"begin(), at [B3], and look at the picture under \"A return that is missed\" in" \
		"docs/walkthrough.md"
}

shown() {
	loses_in_both_ways
	shows_another_result
}
