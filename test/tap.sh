# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# tap.sh: the words that test scripts share, to be sourced. They print TAP: a script calls `tap` for
# each test, or `report` for what it has tried itself, and ends with `end_tap`.

set -uo pipefail
shopt -s inherit_errexit
unset LANGUAGE # it would be heeded beside C.UTF-8 too

# Seconds until a thing that does not happen is a failure. An emulated machine beside others is slow:
# there sigfd under strace took more than 60 until it traced.
patience=300
count=0 failed=0 skipped=0
prefix='' only='' # what each test's name begins with; which `tap` runs, by a regex
work=$(mktemp -d) || exit
exec {never}<> <(:) # nothing ever comes from there
# shellcheck disable=SC2034 # for the scripts that source this
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups) # what follows is run as an ordinary user
chmod 755 "$work" # for tests that run as nobody
trap 'end_jobs; rm -rf "$work"' EXIT

# tap NAME COMMAND...: a test, in a shell and a folder of its own. It fails with the first command
# that fails, and what it printed is the diagnosis, with the ends of its files err, out and log.
# (COMMAND is in no condition: there the shell would go on after a command that fails.)
tap() {
	local name=$prefix$1 folder=$work/$((count + 1)) status
	[[ $name =~ $only ]] || return 0
	mkdir "$folder"
	(
		set -eE
		trap 'echo "failed in ${BASH_SOURCE[0]##*/}, line $LINENO: $BASH_COMMAND"' ERR
		trap clean_up EXIT
		cd "$folder"
		"${@:2}"
	) >"$work/said" 2>&1 </dev/null
	status=$?
	((status == 0 || status == 77)) ||
		(cd "$folder" && tail -v -n 10 err out log 2>/dev/null) >>"$work/said"
	report "$status" "$name" <"$work/said"
	rm -rf "$folder"
}

# From within such a command: why it can't be tested here.
skip() {
	echo "$*"
	exit 77
}

# Ends a test's shell. A script that has more to undo defines this anew.
clean_up() {
	end_jobs
}

end_jobs() {
	local pid
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

# report STATUS NAME: 0, 77 for skipped, else failed; the reason is on standard input.
report() {
	((++count))
	case $1 in
	0) echo "ok $count - $2" ;;
	77) ((++skipped)) && echo "ok $count - $2 # SKIP $(tail -n 1)" ;;
	*)
		((++failed))
		echo "not ok $count - $2"
		tail -n 100 | cut -c 1-300 | cat -v | sed 's/^/# /'
		;;
	esac
}

end_tap() {
	echo "1..$count"
	((failed == 0))
}

# wait_until COMMAND...: until it succeeds. Neither this nor a COMMAND that is often asked should start
# a program: in an emulated machine it would slow what is waited for.
wait_until() {
	local end=$((SECONDS + patience))
	until "$@"; do
		((SECONDS < end)) || { echo "waited in vain until: $*" && return 1; }
		read -rt 0.02 -u "$never" || true
	done
}

# has_text FILE REGEX
has_text() {
	local text=''
	read -rd '' text <"$1" || true # there is no NUL
	[[ $text =~ $2 ]]
}

# has_ended PID. The shell may not have waited for it yet: it does at times only when it starts another.
has_ended() {
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	[[ ${stat##*) } == Z* ]]
}

# equal WHAT WANTED GOT
equal() {
	[[ $2 == "$3" ]] || { echo "$1: want '$2', got '$3'" && return 1; }
}
