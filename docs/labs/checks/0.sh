# shellcheck shell=bash disable=SC2034,SC2154 # docs/labs/check sets and reads these
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# Lab 0: `events` is what sigfd prints of the demo. Sourced by docs/labs/check.

built() {
	[[ -x test/bin/demo ]] || missing "no test/bin/demo; run: make all programs"
	[[ -e $folder/events ]] || missing "no $folder/events; send what sigfd prints there with >"
	grep -q TODO "$folder/events" && missing "nothing of sigfd is in $folder/events yet;" \
		"send what it prints there with >"
	[[ -s $folder/events ]] || missing "$folder/events is empty; is it root's sigfd that ran?"
}

# All but the two numbers, which differ from run to run; and blanks at an end.
without_numbers() {
	sed -E 's/^([0-9]+ +){2}//; s/ +$//' "$1"
}

shown() {
	./sigfd -- test/bin/demo >"$scratch/events" 2>"$scratch/said" ||
		missing "sigfd can't trace on this host; see: ./sigfd --check"
	grep -q '^PID  ' "$folder/events" || missing "$folder/events does not begin with the" \
		"columns' names; what did sigfd print instead?"
	grep -q ' demo  ' "$folder/events" || missing "no call of the demo is in $folder/events;" \
		"look at the command behind --"
	diff <(without_numbers "$folder/events") <(without_numbers "$scratch/events") >"$scratch/diff" ||
		missing "$folder/events has other lines than sigfd prints of test/bin/demo here"
}
