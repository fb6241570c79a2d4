#!/bin/bash
# Does the example daemon what docs/proofs/daemon.c says? Runs it, sends it signals and watches the
# lines that it prints, its status and its workers.

# shellcheck disable=SC2016 # other shells have variables too

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
prefix='C40 '
bin=$(realpath -- "${BIN:-$here/../build/proofs}")
daemon='' under=()
SIGINT=2 SIGPIPE=13 SIGTERM=15 SIGCHLD=$(kill -l CHLD)

usage() {
	cat <<-'END'
	usage: test/daemon.sh [--no-valgrind]

	Shows what a daemon with a signalfd in its loop can rely on (claim C40), and
	prints TAP. The program is ../build/proofs/daemon, or $BIN/daemon.
	--no-valgrind leaves out the test for leaks, which takes long.
	END
}

# ---- Words that tests are made of ----------------------------------------------------------------

# The workers are not this shell's jobs. What runs in the test's folder is the test's own.
clean_up() {
	local pid
	end_jobs
	[[ -z $daemon ]] || for pid in $(workers); do
		[[ $(readlink "/proc/$pid/cwd") != "$PWD" ]] || kill -KILL "$pid"
	done
}

# start NUMBER COMMAND...: the daemon, with so many workers configured.
start() {
	echo "$1" >config
	shift
	"${under[@]}" "$bin/daemon" config "$@" >log 2>err &
	daemon=$!
	wait_until logged 1 'configuration: .*'
}

# logged NUMBER REGEX: are there so many such lines?
logged() {
	(($(grep -cxE -- "$2" log || true) == $1))
}

none() {
	! grep "$@"
}

workers() {
	sed -nE 's/^worker ([0-9]+) started$/\1/p' log
}

# status_of PID FIELD, of /proc/PID/status; nothing where there is no such process.
status_of() {
	sed -nE "s/^$2:\s+(\S+).*/\1/p" "/proc/$1/status" 2>/dev/null || true
}

is_in_state() {
	[[ $(status_of "$2" State) == "$1" ]]
}

is_gone() {
	[[ ! -e /proc/$1 ]]
}

# The daemon ends, with status 0, and no worker is left.
ends_in_order() {
	local worker
	wait_until has_ended "$daemon"
	wait "$daemon"
	for worker in $(workers); do
		is_gone "$worker"
	done
	[[ $(tail -n 1 log) == ended ]]
}

# ---- Tests ---------------------------------------------------------------------------------------

takes_hup() {
	start 0 sleep 600
	echo 2 >config
	kill -HUP "$daemon"
	wait_until logged 1 'configuration: 2 workers'
	wait_until logged 2 'worker [0-9]+ started'
	kill -TERM "$daemon"
	ends_in_order
}

# Each worker reads from a FIFO that the test holds open, and ends when the test closes it. Stopped
# meanwhile, the daemon finds five zombies and one SIGCHLD when it goes on.
reaps_all() {
	local worker
	mkfifo fifo
	exec 3<>fifo
	start 5 sh -c 'exec 3>&- <fifo; echo ready; read -r line' 3>&-
	wait_until logged 5 ready
	kill -STOP "$daemon"
	wait_until is_in_state T "$daemon"
	exec 3>&-
	for worker in $(workers); do
		wait_until is_in_state Z "$worker"
	done
	kill -CONT "$daemon"
	wait_until logged 5 'worker [0-9]+ ended with status .*'
	for worker in $(workers); do
		is_gone "$worker"
	done
	logged 1 "signal $SIGCHLD"
	kill -TERM "$daemon"
	ends_in_order
}

# What this shell was started with itself, it hands on: that is the measure.
frees_worker() {
	local blocked ignored
	under=(env --default-signal=PIPE)
	start 1 sh -c 'cat /proc/self/status; ls -l /proc/self/fd; echo done'
	wait_until logged 1 'done'
	kill -TERM "$daemon"
	ends_in_order
	blocked=$(grep ^SigBlk /proc/self/status)
	ignored=$(sed -nE 's/^SigIgn:\s+//p' log)
	logged 1 "$blocked"
	((!(0x$ignored & 1 << (SIGPIPE - 1))))
	grep -q ' 0 -> /dev/null' log
	none -E 'signalfd|eventpoll|config$' log
}

ends_by_term() {
	start 2 sleep 600
	kill -TERM "$daemon"
	ends_in_order
	logged 2 "worker [0-9]+ ended with status $SIGTERM"
}

# A shell without job control starts what is in the background with SIGINT ignored.
ends_by_int() {
	start 1 sleep 600
	((0x$(status_of "$daemon" SigIgn) & 1 << (SIGINT - 1)))
	kill -INT "$daemon"
	ends_in_order
}

# The configuration is a FIFO: the writer's open returns when the daemon is about to read it.
keeps_term() {
	start 0 sleep 600
	mkfifo fifo
	mv fifo config
	kill -HUP "$daemon"
	timeout "$patience" bash -c 'exec >config && kill -TERM "$1" && echo 1' bash "$daemon"
	ends_in_order
	logged 1 'configuration: 1 workers'
	logged 1 "signal $SIGTERM"
}

reaps_though_ignored() {
	under=(env --ignore-signal=CHLD)
	start 2 true
	wait_until logged 2 'worker [0-9]+ ended with status 0'
	kill -TERM "$daemon"
	ends_in_order
}

# To process 1 of a container the kernel sends only what it handles or has blocked.
ends_as_init() {
	unshare --pid --fork true || skip 'no PID namespace can be made here'
	under=(unshare --pid --fork --kill-child)
	start 0 true
	kill -TERM "$(ps -o pid= --ppid "$daemon" | tr -d ' ')"
	ends_in_order
}

# Inherited descriptors are errors to valgrind 3.24.
without_inherited() {
	local fd
	for fd in "/proc/$BASHPID/fd"/*; do
		fd=${fd##*/}
		((fd < 3)) || exec {fd}>&-
	done
	exec "$@"
}

# A worker says when it is through exec: valgrind loses a signal that comes between fork and exec.
leaves_nothing() {
	type -P valgrind >/dev/null || skip 'no valgrind'
	under=(without_inherited valgrind --log-file=checked.%p --error-exitcode=9 --leak-check=full
		--show-leak-kinds=all --errors-for-leak-kinds=all --track-fds=yes)
	start 1 sh -c 'echo ready; exec sleep 600'
	echo 2 >config
	kill -HUP "$daemon"
	wait_until logged 2 'worker [0-9]+ started'
	wait_until logged 2 ready
	kill -TERM "$daemon"
	ends_in_order
	cat "checked.$daemon"
	grep -q 'no leaks are possible' "checked.$daemon"
	sed -n '/Open file descriptor/{n;p}' "checked.$daemon" | none -v 'inherited from parent'
}

case $* in
'' | --no-valgrind) ;;
*) usage >&2 && exit 2 ;;
esac
tap 'SIGHUP is taken in the loop, and the configuration read again' takes_hup
tap 'five workers that end at once are one SIGCHLD, and all are reaped' reaps_all
tap "a worker starts with no signal blocked by the daemon and without its descriptors" frees_worker
tap 'SIGTERM ends the workers, and the daemon with status 0' ends_by_term
tap 'SIGINT ends them too, though the daemon was started with SIGINT ignored' ends_by_int
tap 'SIGTERM that comes while SIGHUP is handled is taken after it' keeps_term
tap 'SIGCHLD is taken, though the daemon was started with SIGCHLD ignored' reaps_though_ignored
tap 'SIGTERM ends the daemon as process 1 of a PID namespace too' ends_as_init
[[ $* == --no-valgrind ]] ||
	tap 'no memory and no descriptor is left at the end, says valgrind' leaves_nothing
end_tap
