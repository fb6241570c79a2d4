# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# cases.sh: live tests from what users of signalfd and of tracers have reported, and from attacks.
# Sourced by live.sh, whose words they are made of.

# shellcheck disable=SC2154 # live.sh has set the variables
# shellcheck disable=SC2016 # jq has variables too

none() {
	! grep "$@"
}

# write_wrapper FILE COMMAND: a program that runs it with its own arguments.
write_wrapper() {
	printf '%s\n' '#!/bin/sh' "exec $2 \"\$@\"" >"$1"
	chmod +x "$1"
}

# ---- What programs do ----------------------------------------------------------------------------

# run_case CASE [OPTION...]: test/prog/cases.c under sigfd; what it says itself is in said.
run_case() {
	local case=$1
	shift
	run "$@" -- "$bin/cases" "$case" said
	equal 'exit status' 0 "$status"
}

marks_no_update() {
	run_case update
	equal 'lines' 3 "$(wc -l <out)"
	grep -q ' update [0-9]* .*CLOEXEC|NONBLOCK  *INT TERM$' out
	none '!' out
	run_case update -e
	grep -q '^ *sigfd(8) CALL: .*flags' out
}

# At the call it is not blocked, and later on it is.
blocks_later() {
	run_case order
	grep -q ' TERM  !unblocked TERM$' out
	demand a "$bin/cases" order
	wait_until has_lines a.out 1
	run_plainly --list -p "${pid[a]}"
	grep -q ' TERM$' out
	none '!' out
}

# Whether SIGCHLD is ignored is inherited, by way of sigfd too, which for itself does not ignore it.
discards_child() {
	run -- env --ignore-signal=CHLD "$bin/cases" child said
	grep -q ' CHLD  !discarded CHLD$' out
	write_wrapper ignoring "env --ignore-signal=CHLD '$sigfd'"
	sigfd=./ignoring run_case child -j
	shows 1 '.discarded == ["SIGCHLD"] and .unblocked == []'
	run_case child -j
	shows 1 '.discarded == []'
}

lists_discarded() {
	demand a env --ignore-signal=CHLD "$bin/cases" child
	wait_until has_lines a.out 1
	run_plainly --list -p "${pid[a]}"
	grep -q ' CHLD  !discarded CHLD$' out
}

# The page of the mask is in no page table: the boundary can't tell whether the filter holds.
absent_mask() {
	run_case absent -j -s TERM
	[[ $hook != syscall ]] || unread=1
	case $hook in
	syscall) shows 0 ;;
	*) shows 1 '.mask == "0x0000000000004000"' ;;
	esac
}

# Of calls of every kind: shown are those whose mask holds HUP, counted those whose is not known.
unread_masks() {
	run -j -s HUP -- "$bin/calls" truth
	jql -cS --arg hook "$hook" 'include "live"; select(is_seen($hook)) | expected($hook)' truth >all
	jq -cS 'select(.signals // [] | index("SIGHUP"))' all >want
	jql -cS 'include "live"; without_shape' out >got
	diff want got
	unread=$(jq -c 'select(.mask == null)' all | wc -l)
	[[ $unread != 0 || $hook == pair ]]
	unread=${unread#0}
	shows "$(wc -l <want)"
}

# A 32-bit program that waits for its input, and then makes one call; it wants no 32-bit library.
build_narrow() {
	gcc -m32 -nostdlib -static -no-pie -x assembler-with-cpp -o narrow - <<-'END' 2>/dev/null &&
		.globl _start
		_start: mov $3, %eax; xor %ebx, %ebx; mov $byte, %ecx; mov $1, %edx
		int $0x80
		mov $327, %eax; mov $-1, %ebx; mov $mask, %ecx; mov $8, %edx; xor %esi, %esi
		int $0x80
		mov $1, %eax; xor %ebx, %ebx
		int $0x80
		.data
		mask: .quad 1
		byte: .byte 0
		.section .note.GNU-stack,"",@progbits
	END
		./narrow </dev/null
}

# The summary of a run that names it says what it must, as adds_up() knows. (Without a slash a
# command would be another file than that.)
tells_of_narrow() {
	local pid
	build_narrow || skip 'no 32-bit programs here'
	[[ $hook != syscall ]] || narrow=yes
	mkfifo in
	./narrow <in &
	pid=$!
	exec {line}<>in
	wait_until has_executed "$pid" narrow
	start -j -p "$pid"
	echo >&"$line"
	ends_with 0
	shows_if_seen
	run -j -- ./narrow
	shows_if_seen
	narrow=''
	cp narrow true
	run -j -- true
	shows 0
}

has_executed() {
	[[ $(<"/proc/$1/comm") == "$2" ]]
}

shows_if_seen() {
	if [[ $narrow ]]; then shows 0; else shows 1; fi
}

# ---- The command's end, and sigfd's --------------------------------------------------------------

# start_goodbye COMMAND...: sigfd with `cases goodbye`, started by COMMAND if there is one.
start_goodbye() {
	mkfifo in
	exec {line}<>in
	start -j -- "$@" sh -c "exec '$bin/cases' goodbye said <in"
	wait_until has_text said ready
}

# The first signal is COMMAND's, and all that COMMAND does then is shown.
says_goodbye() {
	start_goodbye "$@"
	kill -INT "$tracer"
	wait_until has_text said 'shutting down'
	echo >&"$line"
	ends_with 3
	equal 'what COMMAND had' 'SIGINT has come: 1' "$(tail -n 1 said)"
	shows 2
}

# A second one ends sigfd, though COMMAND has not ended.
second_signal_ends() {
	start_goodbye
	kill -INT "$tracer"
	wait_until has_text said 'shutting down'
	sleep 0.6
	kill -TERM "$tracer"
	ends_with 0
	shows 1
	echo >&"$line"
	wait_until has_text said 'has come: 1'
}

# But not at once: timeout(1) sends to sigfd, and then to its process group.
two_at_once_are_one() {
	start_goodbye
	kill -STOP "$tracer" # so that both are there when it looks
	kill -INT "$tracer"
	kill -TERM "$tracer"
	kill -CONT "$tracer"
	wait_until has_text said 'shutting down'
	echo >&"$line"
	ends_with 3
	shows 2
}

# One that waits for sigfd as it starts is for sigfd alone.
early_signal() {
	write_wrapper early "env --block-signal=TERM sh -c 'kill -TERM \$\$; exec \"\$0\" \"\$@\"' '$sigfd'"
	sigfd=./early run -- sh -c 'echo >started'
	equal 'exit status' 0 "$status"
	adds_up 0
	[[ ! -e started ]]
	mkfifo full # nor does it wait then for a reader that stalls
	exec {line}<>full
	dd if=/dev/zero of=full bs=65536 count=1 status=none
	sigfd=./early output=full run -- sh -c 'echo >started'
	equal 'exit status' 0 "$status"
	[[ ! -e started ]]
}

# At a terminal, all of its process group have the signal, COMMAND only if it is in it.
interrupt_is_typed() {
	mkfifo in typed
	exec {line}<>in {terminal}<>typed
	script -qec "exec '$sigfd' -j -H '$hook' -- $* sh -c 'exec \"$bin/cases\" goodbye said <in' \
		>out 2>err" /dev/null <typed >screen &
	tracer=$!
	wait_until test -e said
	wait_until has_text said ready
	printf '\x03' >&"$terminal"
	wait_until has_text said 'shutting down'
	sleep 0.3 # for one that came twice
	echo >&"$line"
	ends_with 3
	equal 'what COMMAND had' 'SIGINT has come: 1' "$(tail -n 1 said)"
	shows 2
}

# sigfd has an end of its own to come to: it says so to COMMAND.
limit_ends_command() {
	run "$@" -- sh -c "trap 'echo TERM >said; exit' TERM; '$bin/burst' -n 1; sleep 20 & wait"
	equal 'exit status' 0 "$status"
	wait_until test -s said
	adds_up 1
}

# Processes that a shell left to sigfd by exec are not COMMAND's.
write_stranger() {
	cat >stranger <<-END
	#!/bin/bash
	while sleep 0.1; do "$bin/burst" -n 1 -c stranger; done &
	echo \$! >stranger.pid
	exec "$sigfd" "\$@"
	END
	chmod +x stranger
}

strangers_are_not_followed() {
	write_stranger
	sigfd=./stranger run -j -- sh -c "sleep 0.5; '$bin/burst' -n 23 -c own; exit 3"
	kill "$(<stranger.pid)"
	equal 'exit status' 3 "$status"
	shows 23 '.comm == "own"'
}

strangers_and_goodbye() {
	write_stranger
	sigfd=./stranger says_goodbye env
	kill "$(<stranger.pid)"
}

# Of the two processes that sigfd is then, neither stays without the other.
strangers_and_kill() {
	local inner
	write_stranger
	sigfd=./stranger start -- sh -c 'echo $$ >number; exec sleep 600'
	inner=$(ps -o pid= --ppid "$tracer" | xargs -n 1 | grep -vx "$(<stranger.pid)")
	wait_until test -s number
	kill "$(<stranger.pid)"
	kill -KILL "$tracer"
	wait_until has_ended "$inner"
	kill "$(<number)"
}

# A job of a shell without job control would have INT and QUIT ignored.
any_signal_ends() {
	local signal
	write_wrapper plain "env --default-signal '$sigfd'"
	for signal in QUIT USR1 USR2 ALRM HUP XCPU PWR; do
		sigfd=./plain start -n live-nobody
		stop "$signal"
		adds_up 0
	done
}

# One who is ignored stays so, as by nohup.
ignored_signal_does_not_end() {
	write_wrapper ignoring "env --ignore-signal=HUP '$sigfd'"
	demand a "$bin/burst" -gp
	sigfd=./ignoring start -j -p "${pid[a]}"
	kill -HUP "$tracer"
	sleep 0.2
	burst a 23
	stop
	shows 23
}

# ---- The output ----------------------------------------------------------------------------------

# What got into the file are whole lines, as many as are said to be shown.
is_cut_at_a_line() {
	equal 'exit status' 1 "$status"
	grep -q "^sigfd: can't write the output: $1; " err
	adds_up 200
	((shown > 0 && closed > 0))
	equal 'lines' "$shown" "$(wc -l <out)"
	equal 'lines that are JSON' "$shown" "$(jq -c . out | wc -l)"
	equal 'the last byte' '\n' "$(tail -c 1 out | od -An -c | tr -d ' ')"
}

file_size_limit() {
	(ulimit -f 11 && run -j -- "$bin/burst" -n 200 && echo "$status" >status)
	status=$(<status)
	is_cut_at_a_line 'File too large'
}

small_disk() {
	mkdir disk
	unshare -m sh -c "mount -t tmpfs -o size=12k small disk && '$sigfd' -j -H '$hook' -- \
		'$bin/burst' -n 200 >disk/out 2>err; echo \$? >status; cp disk/out out"
	status=$(<status)
	is_cut_at_a_line 'No space left on device'
}

# A socket can't be opened anew; nobody reads this one. Its reader's end sigfd has itself, so it stays.
full_socket() {
	type -P perl >/dev/null || skip 'no perl here'
	# shellcheck disable=SC2016 # perl's
	write_wrapper socket "perl -MSocket -e '\$^F = 99; socketpair(\$r, \$w, AF_UNIX, SOCK_STREAM, 0);
		open STDOUT, q(>&), \$w; exec @ARGV' '$sigfd'"
	sigfd=./socket start -j -- sh -c "'$bin/burst' -n 3000 >/dev/null; echo >done"
	wait_until test -e 'done'
	kill -TERM "$tracer"
	wait_until has_ended "$tracer"
	adds_up 3000
	((shown > 0 && closed > 0))
}

# How many calls there are until it is tried is left to the tick.
output_closed() {
	status=0
	timeout "$patience" "$sigfd" -j -H "$hook" -- "$bin/burst" -n 23 >&- 2>err </dev/null || status=$?
	equal 'exit status' 1 "$status"
	grep -q "^sigfd: can't write the output: Bad file descriptor; " err
	adds_up
	((calls > 0))
	equal 'output closed' "$calls" "$closed"
}

# On some hosts --list and --check have a word to say besides.
is_not_written() {
	output=/dev/full run_plainly "$1"
	equal 'exit status' 1 "$status"
	equal 'lines that say so' 1 "$(grep -c "^sigfd: can't write the output: No space left" err)"
}

# Whatever error the want of descriptors comes as: EINVAL for 8 of them.
limit_is_named() {
	status=0
	(ulimit -n "$1" && exec "$sigfd" -H "$hook" -d 1) >out 2>err </dev/null || status=$?
	cat err
	one_error 3 'ulimit -n'
}

# ---- /proc that does not tell all ----------------------------------------------------------------

# with_proc OPTIONS COMMAND...: with a /proc of its own, mounted so. (A program in /root is nobody's.)
with_proc() {
	install -m 755 "$sigfd" sigfd
	chmod o+x .
	unshare -m sh -c 'mount -t proc -o "$1" proc /proc && shift && exec "$@"' sh "$@"
}

hidden_processes() {
	status=0
	with_proc "hidepid=$1" "${nobody[@]}" ./sigfd -l >out 2>err || status=$?
	one_error 1 'some of /proc is left out (Operation not permitted); '
}

# What is asked for is all there, in whatever else is not.
hides_others_only() {
	# shellcheck disable=SC2016 # for the inner shell
	with_proc hidepid=2 "${nobody[@]}" sh -c 'exec ./sigfd -q -l -p $$' >out 2>&1
	equal 'what it says' '' "$(<out)"
}

processes_only() {
	with_proc subset=pid ./sigfd --check >out || true
	cat out
	grep '^kernel *ok' out
}

# All that is looked for in its status stands behind these.
many_groups() {
	setpriv --groups="$(seq -s , 1000000 1005000)" "$sigfd" --check >out || true
	grep '^privilege *ok' out
}

# ---- Whom it traces ------------------------------------------------------------------------------

# A child that its parent never waits for: its number. The parent is a shell until it is sleep, and a
# shell would wait; so the child looks for that before its exec.
leave_zombie() {
	bash -c '{ until [[ $(</proc/$$/comm) == sleep ]]; do sleep 0.1; done; exec '"$1"'; } &
		echo $! >number; exec sleep 600' &
	wait_until test -s number
	zombie=$(<number)
}

zombie_ends() {
	leave_zombie true
	wait_until has_ended "$zombie"
	run -p "$zombie"
	equal 'exit status' 0 "$status"
	adds_up 0
	run -t "$zombie"
	equal 'exit status' 0 "$status"
}

becomes_zombie() {
	mkfifo in
	exec {line}<>in
	: >burst.out
	leave_zombie "'$bin/burst' -gp <in >burst.out"
	start -j -p "$zombie"
	echo 23 >&"$line"
	wait_until has_lines burst.out 1
	kill -KILL "$zombie"
	ends_with 0
	shows 23
}

# In a time namespace a day ahead.
times_are_the_calls_elsewhere() {
	[[ -e /proc/self/ns/time ]] || skip 'no time namespaces in this kernel'
	write_wrapper ahead "unshare -T --fork --monotonic 86400 '$sigfd'"
	sigfd=./ahead run -j -- "$bin/calls" truth
	jql -c --arg hook "$hook" 'include "live"; select(is_seen($hook))' truth >seen
	jq -cn --slurpfile seen seen --slurpfile events out '[$seen, $events] | transpose[]
		| select(.[0].before > .[1].time or .[0].after < .[1].time)' >wrong
	[[ -s out ]]
	equal 'events out of time' '' "$(head -n 1 wrong)"
}

# Marked calls of another process with a mask that holds all do not pass for sigfd's own: it would
# take that process for itself, and follow its children. sigfd's call is made to last a second.
proof_is_our_own() {
	local all
	all=$(seq -s , 64)
	slow_down signalfd4
	"$bin/burst" -n 1 -x 1000000000 -m -s ffffffffffffffff >/dev/null &
	sigfd=./slow run -j -s "$all" -- "$bin/burst" -n 23 -s 2
	shows 23
}

# ---- All of it -----------------------------------------------------------------------------------

test_cases() {
	tap "$hook: SIGCHLD that is ignored is marked" discards_child
	tap "$hook: -s tells of a mask on a page not in memory" absent_mask
	tap "$hook: -s counts masks that can't be read" unread_masks
	tap "$hook: no other process's call passes for the proof" proof_is_our_own
	tap "$hook: of a 32-bit program it shows the call, or says that it can't" tells_of_narrow
}

# What does not depend on the hook.
test_cases_once() {
	local option limit
	tap 'an update with the flags that are there has no mark' marks_no_update
	tap 'a signal that is blocked after the call' blocks_later
	tap '--list marks SIGCHLD that is ignored' lists_discarded
	tap 'a signal is for the command, whose end is awaited' says_goodbye
	tap 'the same in a session of its own' says_goodbye setsid
	tap 'a second signal ends sigfd' second_signal_ends
	tap 'two signals at once are one' two_at_once_are_one
	tap 'a signal before the command starts ends sigfd' early_signal
	tap '^C at a terminal comes once to the command' interrupt_is_typed
	tap '^C comes once to a command in a session of its own' interrupt_is_typed setsid
	tap '-d ends the command by SIGTERM' limit_ends_command -d 2
	tap '-M ends the command by SIGTERM' limit_ends_command -M 1
	tap 'children that exec left to sigfd are not followed' strangers_are_not_followed
	tap 'nor do they keep signals from the command' strangers_and_goodbye
	tap 'killed, it leaves no tracer that it had for them' strangers_and_kill
	tap 'any signal that would end it ends it in order' any_signal_ends
	tap 'a signal that was ignored stays so' ignored_signal_does_not_end
	tap 'a limit on the size of files tears no line' file_size_limit
	tap 'a full disk tears no line' small_disk
	tap 'a closed output is an error' output_closed
	tap 'a socket that nobody reads ends with the signal' full_socket
	for option in 1 2; do
		tap "--list says that hidepid=$option keeps processes from it" hidden_processes "$option"
	done
	tap '--list -p of a process of its own says nothing of others' hides_others_only
	tap '--check where /proc has processes only' processes_only
	tap '--check of a user in 5,001 groups' many_groups
	for option in --help --version --list --check; do
		tap "$option that can't be written is an error" is_not_written "$option"
	done
	for limit in 8 12; do
		tap "$limit descriptors are too few, and it says so" limit_is_named "$limit"
	done
	tap '-p and -t of a zombie end' zombie_ends
	tap '-p of a process that becomes a zombie ends' becomes_zombie
	tap 'times are right in a time namespace' times_are_the_calls_elsewhere
}
