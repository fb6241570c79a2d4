# shellcheck shell=bash disable=SC2034,SC2154 # docs/labs/check sets and reads these
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# Lab 1: the daemon lives through a HUP and reads its configuration again, and sigfd has nothing to
# mark, neither at its calls nor with --list. Sourced by docs/labs/check.

needs=root

built() {
	make -s -C "$folder" daemon >"$scratch/said" 2>&1 || missing "the daemon does not compile:" \
		"$(grep -m 1 -E 'error|make' "$scratch/said"); see: make -C $folder"
}

# soon COMMAND...: within ten seconds. An emulated machine is slow.
soon() {
	local end=$((SECONDS + 10))
	until "$@"; do
		((SECONDS < end)) || return
		sleep 0.1
	done
}

has() {
	grep -qs -- "$2" "$scratch/$1"
}

begin() {
	echo "at first" >"$scratch/conf"
	# shellcheck disable=SC2016 # for that shell
	./sigfd -- sh -c 'echo $$ >"$0" && exec "$@" >"$0.out" 2>&1' "$scratch/pid" \
		"$folder/daemon" "$scratch/conf" >"$scratch/events" 2>"$scratch/err" &
	soon has events 'HUP' || missing "no call of the daemon asks for HUP; see: sigfd -- daemon CONFIG"
	soon has pid.out 'at first' || missing "the daemon does not print its configuration at first"
	pid=$(<"$scratch/pid")
}

lives() {
	kill -0 "$pid" 2>/dev/null
}

# Waiting ends too if there is nobody to wait for.
answers() {
	has pid.out "$1" || ! lives
}

reads_again() {
	echo "$1" >"$scratch/conf"
	kill -HUP "$pid" 2>/dev/null
	soon answers "configuration: $1"
	has pid.out "configuration: $1" && return
	lives || missing "a HUP ended the daemon; what does sigfd mark, and when?"
	missing "the daemon lives through a HUP, but does not read its configuration again"
}

# Of all that it checks this comes last: it may still be right, for who knows when a HUP comes.
shown() {
	begin
	./sigfd --list -q -p "$pid" >"$scratch/list"
	reads_again "again"
	reads_again "a third time"
	has events '!' && missing "it works, but sigfd marks a call: what if the HUP comes just then?"
	has list '!' && missing "it works, but --list marks a signal; which thread could take it?"
	kill -TERM "$pid"
	soon has pid.out '^ended' || missing "a TERM does not end it any more"
}
