#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# hosts.sh: what sigfd says on hosts that lack something. For a virtual machine, as root: each host
# is this one with something bound over what would be there, in a mount namespace of its own.
#
#	test/hosts.sh            hosts that lack a file, and users who lack a capability
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

# One line on stderr that holds all of the words, and status 3. (By -d one that is not refused ends.)
is_refused() {
	local status=0 word
	"${@:2}" -d 1 >out 2>err || status=$?
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

# ---- Privileges ----------------------------------------------------------------------------------

# user_with [CAPABILITY...]: how to run a command as nobody with these alone, in `user`.
user_with() {
	local set=-all
	(($# == 0)) || set+=$(printf ',+%s' "${@#CAP_}")
	set=${set,,}
	user=("${nobody[@]}" --inh-caps="$set" --ambient-caps="$set" --bounding-set="$set")
}

# Where it is mounted elsewhere too: to take away the last mount crashes some kernels.
unmounted() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m sh -c 'umount /sys/kernel/tracing && exec "$@"' sh "$@"
}

# traces LINES HOOK COMMAND...: sigfd, run by COMMAND, shows so many calls of the demo. HOOK may have
# more options behind it. (Nobody may not look into the folder of who has this tree.)
traces() {
	cp "$here/bin/demo" .
	# shellcheck disable=SC2086 # words, on purpose
	"${@:3}" "$sigfd" -q -H $2 -- ./demo >out 2>err
	equal 'lines' "$1" "$(wc -l <out)"
}

# test_row HOOKS CAPABILITIES MOUNTING: those of the table are enough, and none can be left out.
test_row() {
	local user hook cap needed="$2 "
	for hook in ${1//,/}; do
		# shellcheck disable=SC2086 # words, on purpose
		for cap in $needed; do
			user_with ${needed/ $cap / }
			tap "$hook: without $cap" is_refused "$(said_without "$cap")" \
				"${user[@]}" "$sigfd" -H "$hook"
		done
		# shellcheck disable=SC2086
		user_with $needed
		tap "$hook:${needed% }" traces 6 "$hook" "${user[@]}"
		[[ -z $3 ]] ||
			tap "$hook, tracefs not mounted: without$3" is_refused "$(said_without "${3# }")" \
				unmounted "${user[@]}" "$sigfd" -H "$hook"
		# shellcheck disable=SC2086
		user_with $needed $3
		tap "$hook, tracefs not mounted:${needed% }$3" traces 6 "$hook" unmounted "${user[@]}"
	done
}

said_without() {
	case $1 in
	CAP_BPF | CAP_PERFMON) echo "privilege: $1 root" ;;
	CAP_DAC_READ_SEARCH) echo "tracepoints: $1" ;;
	CAP_SYS_ADMIN) echo "can't.mount.tracefs run.as.root" ;;
	esac
}

# The table of PRIVILEGES: a row's hooks, its capabilities, and those for tracefs, one row a line. A
# cell with "besides" adds to the cell before it: above it, or for tracefs beside it.
table_of_privileges() {
	awk -F '   +' '
		function capabilities(cell,    all) {
			while (match(cell, /CAP_[A-Z_]+/)) {
				all = all " " substr(cell, RSTART, RLENGTH)
				cell = substr(cell, RSTART + RLENGTH)
			}
			return all
		}
		/^\.EE/ { in_table = 0 }
		in_table {
			needed = ($2 ~ /besides/ ? needed : "") capabilities($2)
			print $1 ":" needed ":" capabilities($3)
		}
		/^hook  +capabilities/ { in_table = 1 }' "$here/../docs/sigfd.8"
}

# The table, and what the section says besides.
test_privileges() {
	local paranoid=/proc/sys/kernel/perf_event_paranoid hooks needed mounting user
	echo 2 >"$paranoid"
	table_of_privileges >"$work/table"
	tap "the table of privileges has two rows" equal rows 2 "$(wc -l <"$work/table")"
	while IFS=: read -r hooks needed mounting; do
		test_row "$hooks" "$needed" "$mounting"
	done <"$work/table"
	user_with
	tap "no capability" is_refused "privilege: root" "${user[@]}" "$sigfd"
	user_with CAP_BPF CAP_PERFMON
	tap "failed calls: what both needs" is_refused CAP_DAC_READ_SEARCH "${user[@]}" "$sigfd" -x
	tap "failed calls by the pair" traces 2 'pair -x' "${user[@]}"
	test_admin
}

# CAP_SYS_ADMIN stands for two of the others. With it alone, and at a level that wants it.
test_admin() {
	user_with CAP_SYS_ADMIN
	tap "syscall: CAP_SYS_ADMIN alone" is_refused "tracepoints: CAP_DAC_READ_SEARCH" \
		"${user[@]}" "$sigfd" -H syscall
	tap "syscall, tracefs not mounted: CAP_SYS_ADMIN alone" is_refused "can't attach run.as.root" \
		unmounted "${user[@]}" "$sigfd" -H syscall
	echo 3 >"$paranoid"
	tap "perf_event_paranoid is 3: CAP_SYS_ADMIN" traces 6 pair "${user[@]}"
	user_with CAP_SYS_ADMIN CAP_DAC_READ_SEARCH
	tap "both: CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH" traces 6 both "${user[@]}"
	user_with CAP_BPF CAP_PERFMON
	tap "perf_event_paranoid is 3: CAP_PERFMON is not enough" is_refused \
		"privilege: perf_event_paranoid" "${user[@]}" "$sigfd"
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
*)
	test_lacking
	test_privileges
	;;
esac
end_tap
