#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# room.sh: whether `make vm` gives a shell in a virtual machine in which the tree can be written to, and
# `make vm-enter` further terminals in the same one: in a copy of the tree, as root and as an ordinary user.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit # tap, end_tap, and the folder $work

root=$PWD cache=${SIGFD_CACHE:-$PWD/.cache}
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
user=() tree=''
patience=120

usage() {
	cat <<-'END'
	usage: test/room.sh

	Tries make vm and make vm-enter, after `make all programs`; prints TAP. As an
	ordinary user too where root runs it.
	END
}

# ---- Someone at a terminal -----------------------------------------------------------------------

# sit NAME TARGET: runs `make TARGET` at a terminal of its own. What is typed goes to NAME.in, and what
# is shown comes to NAME.out.
sit() {
	local name=$1 typed
	mkfifo "$name.in"
	# As a program of its own, which hears SIGINT.
	(cd "$tree" && exec "${user[@]}" script -qefc "stty rows 30 cols 100; exec make -s $2" /dev/null) \
		<"$name.in" >"$name.out" 2>&1 &
	exec {typed}>"$name.in"
	declare -g "$name=$typed" "pid_$name=$!"
}

# types NAME TEXT
types() {
	local typed=$1
	printf '%s' "$2" >&"${!typed}"
}

# says NAME COMMAND REGEX: what the command prints, as "<...>" in one line. (The echo of what was typed
# has no result in it.)
says() {
	types "$1" "echo \"<\$({ $2; } | xargs)>\""$'\n'
	wait_until has_text "$1.out" "$3"
}

has_left() {
	local pid=pid_$1
	wait_until has_ended "${!pid}"
	wait "${!pid}"
}

# ---- What is tried -------------------------------------------------------------------------------

copy_tree() {
	tree=$work/tree$count
	mkdir -p "$tree/.cache"
	(cd "$root" && { git ls-files -z 2>/dev/null || find . -path ./.cache -prune -o -type f -print0; } |
		tar c --null -T - sigfd build test/bin) | tar x -C "$tree"
	# The kernel may be read by another user, but not the folder that it is in.
	mkdir -p "$tree/.cache/kernel/$1"
	cp -rL "$cache/kernel/$1/default-"* "$tree/.cache/kernel/$1/"
	if ((${#user[@]})); then
		chown -R 65534:65534 "$tree"
	fi
}

the_room() {
	local id
	copy_tree amd64
	sit first vm
	wait_until has_text first.out 'You are root in a virtual machine'
	says first 'id -u; uname -n' '<0 vm>'
	says first './sigfd --check | grep -o "chooses *pair"' '<chooses *pair>'
	says first 'stty size' '<30 100>'

	echo 'the tree: written in the guest, and on the host'
	says first 'echo guest >written; docs/labs/start 9 2>&1; ls -d written' '<start: .*written>'
	equal 'on the host' guest "$(<"$tree/written")"
	equal 'its owner' "$(stat -c %u "$tree/Makefile")" "$(stat -c %u "$tree/written")"
	echo host >"$tree/written"
	says first 'cat written' '<host>'

	echo 'a second machine'
	(cd "$tree" && "${user[@]}" make -s vm) >second.out 2>&1 && return 1
	has_text second.out 'it runs already; another terminal in it: make vm-enter'

	echo 'two more terminals, in the same machine'
	sit other vm-enter
	sit third vm-enter
	says other 'cat /proc/sys/kernel/random/boot_id' '<[0-9a-f-]{36}>'
	id=$(grep -oE '<[0-9a-f-]{36}>' other.out)
	says first 'cat /proc/sys/kernel/random/boot_id' "$id"
	says third 'cat /proc/sys/kernel/random/boot_id; stty size' "${id%>} 30 100>"

	echo 'Ctrl-C ends what runs in one of them, and nothing else'
	types other $'sleep 1000\n'
	says first 'until pidof sleep; do :; done >/dev/null; tty' '</dev/tty'
	types other $'\x03'
	# shellcheck disable=SC2016 # for the guest's shell
	says other 'echo $((6 * 7)); pidof sleep' '<42>'

	echo 'one leaves, and comes again'
	types other $'exit\n'
	has_left other
	sit again vm-enter
	says again 'tty' '</dev/hvc[0-2]>'

	echo 'the machine ends, and its terminals with it'
	types first $'exit\n'
	has_left first
	has_left third
	has_text third.out 'The machine has ended'
	equal 'written' host "$(<"$tree/written")"
}

no_room() {
	copy_tree amd64
	sit none vm-enter
	if has_left none; then return 1; fi
	has_text none.out 'no machine runs; start one: make vm'
}

# One that a test has left would run for ever.
end_machine() {
	local folder
	folder=$(cat "$tree/.cache/room" 2>/dev/null) || return 0
	[[ ! -s $folder/pid ]] || kill "$(<"$folder/pid")" 2>/dev/null || true
}

clean_up() {
	tail -v -n 5 ./*.out | cat -v
	end_jobs
	[[ -z $tree ]] || { end_machine && rm -rf "$tree"; }
}

main() {
	case ${1-} in
	?*) usage && exit 2 ;;
	esac
	test/vm.sh --fetch || exit
	tap "make vm-enter without a machine: one line" no_room
	tap "make vm: the tree, and more terminals" the_room
	if ((EUID == 0)); then
		user=("${nobody[@]}")
		tap "the same as an ordinary user" the_room
	fi
	end_tap
}

main "$@"
