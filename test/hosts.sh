#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# hosts.sh: what sigfd says on hosts that lack something. For a virtual machine, as root: each host
# is this one with something bound over what would be there, in a mount namespace of its own.
#
#	test/hosts.sh            hosts that lack a file
#	test/hosts.sh lockdown   this host, which was booted with lockdown=confidentiality

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
sigfd=$here/../sigfd

# without OVER PLACE COMMAND...: runs it where OVER hides PLACE.
without() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$@"
}

# One line on stderr that holds all of the words, and status 3.
is_refused() {
	local status=0 word
	"${@:2}" >out 2>err || status=$?
	equal 'exit status' 3 "$status"
	equal 'lines on stderr' 1 "$(wc -l <err)"
	for word in $1; do
		grep -q -- "$word" err
	done
}

# --check names it as missing, and at the end what auto makes of it.
is_missing() {
	"${@:3}" >out 2>err || true # its status is for live.sh to test
	grep "^$1 *missing *." out
	tail -n 1 out | grep "^auto chooses *$2"
}

is_told() {
	"${@:2}" >out 2>err || true
	grep "^$1" out
}

# auto falls back, says so in a line, and traces.
falls_back() {
	"${@:2}" -q -- "$here/bin/demo" >out 2>err
	equal 'lines about the choice' 1 "$(grep -c "^sigfd: hook syscall: $1" err)"
	equal 'lines' 6 "$(wc -l <out)"
}

# Where it would take both.
falls_back_failed() {
	"${@:2}" -q -x -- "$here/bin/demo" >out 2>err
	equal 'lines about the choice' 1 "$(grep -c "^sigfd: hook syscall: $1" err)"
	equal 'lines' 2 "$(wc -l <out)"
}

# A host on which only the boundary can be watched.
pair_is_refused() {
	local what=$1 why=$2
	shift 2
	tap "$what: --check" is_missing "${what%%,*}" syscall "$@" "$sigfd" --check
	tap "$what: --hook=pair" is_refused "$why --hook=syscall" "$@" "$sigfd" -H pair
	tap "$what: auto" falls_back ".*${why%% *}" "$@" "$sigfd"
	tap "$what: auto, for failed calls" falls_back_failed ".*${why%% *}" "$@" "$sigfd"
}

test_lacking() {
	mkdir "$work/empty"
	grep -v ' do_signalfd4$' /proc/kallsyms >"$work/none"
	sed 's/ do_signalfd4$/ do_signalfd4.isra.0/' /proc/kallsyms >"$work/suffixed"
	pair_is_refused symbol,suffixed do_signalfd4.isra.0 without "$work/suffixed" /proc/kallsyms
	pair_is_refused symbol,absent do_signalfd4 without "$work/none" /proc/kallsyms
	pair_is_refused kprobes kprobes without "$work/empty" /sys/bus/event_source/devices
	tap "BTF: --check" is_missing BTF nothing without "$work/empty" /sys/kernel/btf "$sigfd" --check
	tap "BTF: a run" is_refused "BTF CONFIG_DEBUG_INFO_BTF" \
		without "$work/empty" /sys/kernel/btf "$sigfd"
	tap "/proc: --check" is_missing /proc nothing without "$work/empty" /proc "$sigfd" --check
	tap "/proc: a run" is_refused "/proc: mount.*proc" without "$work/empty" /proc "$sigfd"
	tap "/proc: --list" lists_nothing without "$work/empty" /proc "$sigfd" --list
	tap "tracefs, not mounted: --check" mounts_nothing
}

# What is missing is an error, not an empty list.
lists_nothing() {
	local status=0
	"$@" >out 2>err || status=$?
	equal 'exit status' 1 "$status"
	equal 'output' '' "$(<out)"
	grep "^sigfd: can't read /proc: .*mount -t proc" err
}

# In this machine nobody has mounted it: --check leaves it so, and a run by the boundary mounts it.
mounts_nothing() {
	[[ ! -e /sys/kernel/tracing/events ]] || umount /sys/kernel/tracing
	"$sigfd" --check >out
	grep "^syscall tracepoints *ok *can't tell: .*not mounted" out
	[[ ! -e /sys/kernel/tracing/events ]]
	"$sigfd" -H syscall -q -- "$here/bin/demo" >out
	equal 'lines' 6 "$(wc -l <out)"
	[[ -e /sys/kernel/tracing/events ]]
}

# --check mounts nothing, so it can tell only where securityfs is there.
test_lockdown() {
	tap "lockdown, no securityfs: --check" is_told "lockdown *ok *can't tell" "$sigfd" --check
	tap "lockdown, no securityfs: a run" is_refused "sigfd: can't" "$sigfd"
	mount -t securityfs securityfs /sys/kernel/security
	tap "lockdown: --check" is_missing lockdown nothing "$sigfd" --check
	tap "lockdown: a run" is_refused "lockdown confidentiality" "$sigfd"
}

case ${1-} in
lockdown) test_lockdown ;;
*) test_lacking ;;
esac
end_tap
