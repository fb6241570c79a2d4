#!/bin/bash
# Live tests: traces real calls through the hooks named, and compares what sigfd says with what
# others say of the same calls: the program that made them, strace, /proc, the kernel's rules.

# shellcheck disable=SC2016 # jq has variables too

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
# shellcheck source=test/cases.sh
source "$here/cases.sh" || exit
sigfd=$(realpath -- "${SIGFD:-$here/../sigfd}")
bin=$here/bin
lacking=$here/../build/lacking
hooks=() hook='' unread='' blind='' narrow='' loader=yes

usage() {
	cat <<-'END'
	usage: test/live.sh [--only REGEX] [--no-loader] HOOK...
	       test/live.sh --build

	Runs every live test through each HOOK (pair, syscall, both), as root, and
	prints TAP. --only runs those whose name matches; --no-loader leaves out what
	depends on no kernel and no hook, and is tested elsewhere. The program is
	../sigfd, or $SIGFD. --build makes the sigfd that lacks memory,
	build/lacking/sigfd, anew.
	END
}

# ---- Words that tests are made of ----------------------------------------------------------------

clean_up() {
	end_jobs
	[[ -z ${cgroup-} ]] || rmdir "$cgroup/below" "$cgroup" || true
	[[ -z ${switched_off-} ]] || echo 1 >"$switched_off"
}

numbers_in() {
	find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n
}

jql() {
	jq -L "$here" "$@"
}

# sigfd from start to end: its output in out and err, its exit status in status.
run_plainly() {
	status=0
	timeout "$patience" "$sigfd" "$@" >"${output:-out}" 2>err </dev/null || status=$?
}

run() {
	run_plainly -H "$hook" "$@"
}

# sigfd in the background, once it traces; its output goes where the caller says, or to out.
start() {
	: >err
	"$sigfd" -H "$hook" "$@" 2>err >"${output:-out}" &
	tracer=$!
	wait_until has_text err Tracing
}

# It ends soon, with that status.
ends_with() {
	wait_until has_ended "$tracer"
	status=0
	wait "$tracer" || status=$?
	equal "sigfd's exit status" "$1" "$status"
}

# Ends it, and expects that it ends well.
stop() {
	kill -"${1:-INT}" "$tracer"
	ends_with 0
}

# demand NAME COMMAND...: starts a `burst -gp` that waits for the word; burst NAME N: N calls a thread.
declare -A pid=() feed=()
demand() {
	local name=$1 fd
	shift
	mkfifo "$name.in"
	: >"$name.out" # now, not when the shell gets to it: it is looked into at once
	"$@" <"$name.in" >"$name.out" &
	pid[$name]=$!
	exec {fd}>"$name.in"
	feed[$name]=$fd
}

has_lines() {
	local lines
	mapfile -t lines <"$1"
	((${#lines[@]} >= $2))
}

burst() {
	local lines
	lines=$(wc -l <"$1.out")
	echo "$2" >&"${feed[$1]}"
	wait_until has_lines "$1.out" $((lines + 1))
}

# The sum that sigfd gave must be right in itself, and its calls as many as the program made, less
# those that the kernel says it kept from sigfd (trace_call_bpf_faultable(), v7.3). A test
# that expects more of it sets `unread` to how many masks were, `blind`, or `narrow`.
adds_up() {
	local number='([0-9]+)' pattern
	pattern="^sigfd: $number calls: $number shown, $number lost \(ring buffer full $number, "
	pattern+="no entry $number, return missed $number(, output closed $number)?\)"
	pattern+="${unread:+; $unread left out, since their mask could not be read}"
	pattern+="(; $number entries skipped by the kernel)?${blind:+; calls may be missing: .*}"
	pattern+="${narrow:+; 32-bit calls are not seen}$"
	[[ $(tail -n 1 err) =~ $pattern ]] || { echo "no summary" && return 1; }
	read -r calls shown lost full no_entry missed <<<"${BASH_REMATCH[*]:1:6}"
	closed=${BASH_REMATCH[8]:-0} skipped=${BASH_REMATCH[10]:-0}
	[[ -z ${1-} ]] || equal 'calls' "$1" $((calls + skipped))
	equal 'calls = shown + lost' "$calls" $((shown + lost))
	equal 'lost = the sum of its causes' "$lost" $((full + no_entry + missed + closed))
}

# Exactly so many events in out, of which each meets the condition, and none lost.
shows() {
	local n=$1 condition=${2:-true}
	equal 'events' "$n" "$(wc -l <out)"
	jq -en "[inputs] | all($condition)" out >/dev/null || { echo "an event is not: $condition" && return 1; }
	adds_up "$n"
	equal 'lost' 0 "$lost"
}

# One line on stderr, that sigfd has written.
one_error() {
	equal 'exit status' "$1" "$status"
	equal 'lines on stderr' 1 "$(wc -l <err)"
	grep -q '^sigfd: ' err
	[[ -z ${2-} ]] || grep -q -- "$2" err
}

# ---- 1, 2: each call, as its program saw it, and as strace did -----------------------------------

# One run serves several tests.
trace_calls() {
	local shared=$work/calls.$hook
	if [[ ! -e $shared/err ]]; then
		mkdir -p "$shared"
		run -j -- "$bin/calls" truth
		echo "$status" >status
		cp truth out status err "$shared"
	fi
	cp "$shared"/* .
}

calls_match_program() {
	trace_calls
	equal 'exit status' 0 "$(<status)"
	jql -cS --arg hook "$hook" 'include "live"; select(is_seen($hook)) | expected($hook)' truth >want
	jql -cS 'include "live"; without_shape' out >got
	diff want got
	shows "$(wc -l <want)"
}

# The kernel's own word: what it holds is what sigfd said, without KILL and STOP.
masks_match_fdinfo() {
	trace_calls
	jql -c --arg hook "$hook" 'include "live"; select(is_seen($hook) and (.absent | not) and .fdinfo)
		| [.tid, .ret, .fdinfo]' truth >want
	jql -c 'select(.ret >= 0 and .mask) | [.tid, .ret, (.signals - ["SIGKILL", "SIGSTOP"])]' out |
		if [[ $hook == syscall ]]; then cat; else drop_absent; fi >got
	[[ -s want ]]
	diff want got
}

# With the kernel's copy the mask of the page that is not in memory is known: one a thread.
drop_absent() {
	jql -c --slurpfile absent <(jq -c 'select(.absent) | [.tid, .ret, []]' truth) \
		'select(. as $event | $absent | index([$event]) | not)'
}

json_is_right() {
	trace_calls
	[[ -s out ]]
	jql -c 'include "live"; select(shape_is_right(input_line_number) | not)' out >wrong
	equal 'events of wrong shape' '' "$(<wrong)"
}

times_are_the_calls() {
	trace_calls
	jql -c --arg hook "$hook" 'include "live"; select(is_seen($hook))' truth >seen
	jq -cn --slurpfile seen seen --slurpfile events out '[$seen, $events] | transpose[]
		| select(.[0].before > .[1].time or .[0].after < .[1].time)' >wrong
	equal 'events out of time' '' "$(<wrong)"
}

text_is_right() {
	run -- "$bin/calls" truth
	jql -r --arg hook "$hook" 'include "live"; select(is_seen($hook)) | expected($hook) | text' \
		truth >want
	head -n 1 out >header
	tail -n +2 out | sed 's/  !.*//' >got
	equal 'header' "$(printf '%-7s %-7s %-16s %-9s %-7s %-17s %s' \
		PID TID COMM CALL RESULT FLAGS SIGNALS)" "$(<header)"
	diff want got
}

columns_are_added() {
	TZ=UTC run -TU -- "$bin/calls" truth
	grep -q '^TIME  *UID  *PID ' out
	jql -r --arg hook "$hook" 'include "live"; select(is_seen($hook))
		| "\(.before[11:26]) \(.after[11:26])"' truth >want
	paste -d ' ' want <(tail -n +2 out | tr -s ' ' | cut -d ' ' -f 1,2) >pairs
	while read -r before after time uid; do
		equal uid 0 "$uid"
		[[ $before > $after || ($time > $before && $time < $after) ]] ||
			{ echo "$time is not from $before to $after" && return 1; }
	done <pairs
}

explains() {
	run -e -- "$bin/calls" truth
	jql -c --arg hook "$hook" 'include "live"; select(is_seen($hook))' truth >seen
	equal 'events' "$(wc -l <seen)" "$(tail -n +2 out | grep -c '^[0-9]')"
	tail -n +2 out | grep -v '^[0-9]' >lines
	equal 'lines that explain nothing' '' "$(sed '/^ \{8\}sigfd(8) [A-Z]\+: ./d' lines)"
	grep -A 3 '!unblocked' out >unblocked
	grep -q '^  .* UNBLOCKED: .*block' unblocked
	grep -A 1 '!bad flags' out >failed
	grep -q '^  .* ERRORS: .*SFD_NONBLOCK' failed
	(($(wc -l <lines) >= $(wc -l <seen)))
}

strace_says() {
	strace -f -qq -o trace -e trace=signalfd,signalfd4 -e signal=none "$@" >/dev/null
	grep -E '^[0-9]+ +signalfd' trace | jql -Rc 'include "live"; of_strace' >strace
}

calls_match_strace() {
	strace_says "$bin/calls" truth.strace present
	run -j -- "$bin/calls" truth present
	equal 'calls that strace saw' "$(wc -l <truth.strace)" "$(wc -l <strace)"
	jql -cn --arg hook "$hook" --slurpfile truth truth.strace --slurpfile strace strace 'include "live";
		[$truth, $strace] | transpose[] | select(.[0] | is_seen($hook))
		| (.[0] | is_compat) as $compat | .[1] | comparable($hook; $compat)' >want
	jql -cn --arg hook "$hook" --slurpfile truth truth --slurpfile events out 'include "live";
		[[$truth[] | select(is_seen($hook))], $events] | transpose[]
		| (.[0] | is_compat) as $compat | .[1] | of_event | comparable($hook; $compat)' >got
	[[ -s want ]]
	diff want got
}

# ---- 3: real programs ----------------------------------------------------------------------------

program_matches_strace() {
	local shared=$work/strace.$1
	type -P "$1" >/dev/null || skip "no $1 here"
	shift
	[[ -e $shared ]] || { strace_says "$@" && cp strace "$shared"; }
	cp "$shared" strace
	run -j -- "$@"
	equal 'exit status' 0 "$status"
	jql -c --arg hook "$hook" 'include "live"; comparable($hook; false)' strace >want
	jql -c --arg hook "$hook" 'include "live"; of_event | comparable($hook; false)' out >got
	[[ -s want ]]
	diff want got
}

# ---- 4: filters ----------------------------------------------------------------------------------

filter_pid() {
	demand a "$bin/burst" -gpl -t 2
	demand b "$bin/burst" -gp
	start -j -p "${pid[a]}"
	burst a 23
	burst b 29
	stop
	shows 46 ".pid == ${pid[a]}"
}

filter_tid() {
	demand a "$bin/burst" -gpl -t 3
	burst a 1 # by now all threads are there
	tid=$(numbers_in "/proc/${pid[a]}/task" | tail -n 1)
	start -j -t "$tid"
	burst a 23
	stop
	shows 23 ".tid == $tid and .pid == ${pid[a]}"
}

filter_uid() {
	cp "$bin/burst" .
	chmod 755 . burst
	demand a setpriv --reuid 4242 --clear-groups ./burst -gp
	demand b "$bin/burst" -gp
	burst a 1 # by now it has changed its user
	start -j -u 4242
	burst a 23
	burst b 29
	stop
	shows 23 '.uid == 4242'
}

filter_name() {
	demand a "$bin/burst" -gp -c 'sigfd live test'
	demand b "$bin/burst" -gp -c 'sigfd live tes'
	burst a 1
	burst b 1
	start -j -n "$1"
	burst a 23
	burst b 29
	stop
	shows 23 '.comm == "sigfd live test"'
}

make_cgroup() {
	local mount
	read -r mount < <(findmnt -n -o TARGET -t cgroup2)
	[[ -n $mount ]] || skip 'no cgroup2 mount'
	cgroup=$mount/sigfd-test-$$
	mkdir "$cgroup" "$cgroup/below"
}

filter_cgroup() {
	make_cgroup
	for name in a b c; do
		demand "$name" "$bin/burst" -gp
	done
	echo "${pid[a]}" >"$cgroup/cgroup.procs"
	echo "${pid[b]}" >"$cgroup/below/cgroup.procs"
	start -j -c "$cgroup${1-}"
	burst a 23
	burst b 29
	burst c 31
	stop
	here_id=$(stat -c %i "$cgroup") below_id=$(stat -c %i "$cgroup/below")
	jq -r '"\(.pid) \(.cgroup_id)"' out | sort | uniq -c | tr -s ' ' | sort >got
	{
		[[ -n ${1-} ]] || echo " 23 ${pid[a]} $here_id"
		echo " 29 ${pid[b]} $below_id"
	} | sort >want
	diff want got
	adds_up $((${1:+-23} + 52))
}

# $1 as --signal: shows the calls with mask $2, and not those with mask $3 (in hex).
filter_signal() {
	run -j -s "$1" -- sh -c "'$bin/burst' -s $2 -n 23; '$bin/burst' -s $3 -n 29"
	shows 23 ".mask == \"0x$(printf %016x "0x$2")\""
}

filter_failed() {
	run -j -x -- "$bin/burst" -n 29 -x 23
	shows 23 '.errno == "EINVAL" and .cause == "bad flags"'
}

filters_together() {
	run -j -x -s INT -n burst -- sh -c "'$bin/burst' -s 2 -n 5 -x 23; '$bin/burst' -s 1 -n 5 -x 29"
	shows 23 '.ret < 0 and .signals == ["SIGINT"]'
}

# ---- 5: -- COMMAND -------------------------------------------------------------------------------

# Waits until it hangs from sigfd, so all between have ended, then makes its calls.
write_daemon() {
	cat >daemon <<-END
	#!/bin/bash
	until [[ \$(<"/proc/\$(cut -d ' ' -f 4 /proc/\$\$/stat)/comm") == "${sigfd##*/}" ]]; do
		sleep 0.02
	done
	"$bin/burst" -n 7 -c daemon
	touch daemon-has-ended
	END
	chmod +x daemon
}

follows_descendants() {
	write_daemon
	taskset 2 "$bin/burst" -n 0 -c bystander >/dev/null &
	run -j -- taskset 1 bash -c "'$bin/burst' -n 23 -c exec
		(exec '$bin/burst' -n 33 -f -o -c forked)
		setsid -f ./daemon
		exec '$bin/burst' -n 5 -c itself"
	equal 'exit status' 0 "$status"
	[[ -e daemon-has-ended ]] || { echo 'sigfd ended before the daemon did' && return 1; }
	jq -r .comm out | sort | uniq -c | tr -s ' ' >got
	printf ' %s\n' '7 daemon' '23 exec' '33 forked' '5 itself' >want
	adds_up
	if ((skipped + lost == 0)); then
		equal 'calls' 68 "$calls"
		diff want got
	fi
	jq -en '[inputs.comm] | all(IN("daemon", "exec", "forked", "itself"))' out
	((68 - shown <= skipped + lost))
}

# A daemon hangs on while the command has ended: its status is passed on all the same.
passes_status() {
	run -- sh -c "$2"
	equal 'exit status' "$1" "$status"
	adds_up 0
}

cannot_execute() {
	touch not-executable
	run -- ./not-executable
	equal 'not executable' 126 "$status"
	grep -q "^sigfd: .*not-executable.*Permission denied" err
	run -- .
	equal 'a folder' 126 "$status"
	run -- ./no-such-command
	equal 'not found' 127 "$status"
	run -- no-such-command
	equal 'not found in PATH' 127 "$status"
	grep -q "^sigfd: .*no-such-command.*No such file" err
}

# Mask and dispositions as those that sigfd was started with, by env's $@.
hands_down_signals() {
	local command=(grep -E '^(Sig(Blk|Ign|Cgt)|ShdPnd)' /proc/self/status)
	env "$@" "${command[@]}" >want
	timeout "$patience" env "$@" "$sigfd" -q -H "$hook" -- "${command[@]}" >out 2>err
	diff want out
}

# ---- 6: the end ----------------------------------------------------------------------------------

ends_after_events() {
	"$bin/burst" -n 0 -c live-endless >/dev/null &
	run -j -M 23 -n live-endless
	equal 'exit status' 0 "$status"
	equal 'lines' 23 "$(wc -l <out)"
	adds_up
	equal 'shown' 23 "$shown"
}

ends_after_time() {
	run -d 1 -n nobody-is-called-so
	equal 'exit status' 0 "$status"
	adds_up 0
}

ends_by_signal() {
	demand a "$bin/burst" -gp
	start -j -p "${pid[a]}"
	burst a 23
	stop "$1"
	shows 23
}

ends_with_target() {
	demand a "$bin/burst" -gp
	start -j -p "${pid[a]}"
	burst a 23
	kill -KILL "${pid[a]}"
	wait "${pid[a]}" || true
	wait_until has_ended "$tracer"
	wait "$tracer"
	shows 23
}

# Calls come faster than sigfd prints: it must see all the same that it is to end.
ends_in_storm() {
	"$bin/burst" -n 0 -t 2 -c live-storm >/dev/null &
	start -j -n live-storm
	wait_until test -s out
	stop TERM
	adds_up
	((shown > 0))
	equal 'lines' "$shown" "$(wc -l <out)"
}

# Makes ./slow: sigfd, for which each system call of that name lasts a second longer.
slow_down() {
	type -P strace >/dev/null || skip 'no strace here'
	printf '%s\n' '#!/bin/sh' "exec strace -D -qq -o trace -e inject=$1:delay_exit=1000000 \\" \
		"'$sigfd' \"\$@\"" >slow
	chmod +x slow
}

# Who waits for the word may call while sigfd has not returned from saying it.
calls_at_the_word() {
	slow_down write
	demand a "$bin/burst" -gp
	sigfd=./slow start -j -p "${pid[a]}"
	burst a 23
	stop
	shows 23
}

# Calls of another program that bear the mark of the start-up call are no calls, and no losses.
marks_are_no_calls() {
	"$bin/burst" -n 0 -x 1000000000 -m >/dev/null &
	run -j -n live-nobody -d 1
	adds_up
	equal 'calls' 0 "$calls"
	run -j -M 1000
	mark=$(sed -n 's/^#define SIGFD_MARK_FLAGS //p' "$here/../sigfd.h")
	jq -en --argjson mark $((mark)) '[inputs] | all(.flags != $mark)' out >/dev/null
}

# Some of them may begin before the trace does, and end in it or after it: sigfd's start-up call is
# made to last a second, in which the other process begins some.
marks_may_outlast_the_start() {
	slow_down signalfd4
	demand a "$bin/outlast"
	sigfd=./slow start -j -n outlast # no filter is asked about marked calls
	echo >&"${feed[a]}"
	wait_until has_lines a.out 1
	stop
	(($(<a.out) > 10))
	adds_up
	equal 'calls' 0 "$calls"
}

ends_with_pipe() {
	"$bin/burst" -n 0 -c live-endless >/dev/null &
	{ output=/dev/stdout run -n live-endless && echo "$status" >status; } | head -n 1 >out
	equal "sigfd's exit status" 0 "$(<status)"
	equal 'lines' 1 "$(wc -l <out)"
	adds_up
}

ends_with_full_disk() {
	output=/dev/full run -- "$bin/burst" -n 23
	equal 'exit status' 1 "$status"
	grep -q '^sigfd: .*No space left on device' err
}

# sigfd into a pipe that nobody reads.
start_stalled() {
	mkfifo pipe
	exec {keep}<>pipe
	output=pipe start "$@"
}

# Reads what is in the pipe, and closes it.
drain() {
	exec {reader}<pipe {keep}>&-
	cat <&"$reader" >out
	exec {reader}<&-
}

stalled_reader() {
	start_stalled -j -n live-stall
	"$bin/burst" -n 23 -c live-stall
	read -r first <&"$keep" # so the pipe holds something, but has room
	"$bin/burst" -n 30000 -c live-stall
	stop
	drain
	adds_up 30023
	((lost > 0 && shown > 23))
	jq -e .ret >/dev/null <<<"$first"
	equal 'other lines that are JSON' $((shown - 1)) "$(jq -c . out | wc -l)"
	equal 'other lines' $((shown - 1)) "$(wc -l <out)"
}

# ---- 7: losses -----------------------------------------------------------------------------------

ring_buffer_full() {
	local from=$SECONDS
	start_stalled -j -b 4 -n live-loss
	"$bin/burst" -n 5000 -t 4 -c live-loss -p >made
	wait_until has_text err 'lost so far.*ring buffer full'
	stop
	drain
	equal 'what the program counted' 20000 "$(<made)"
	adds_up 20000
	((full > 0))
	equal 'lines' "$shown" "$(wc -l <out)"
	(($(grep -c 'lost so far' err) <= SECONDS - from + 1))
}

# The main threads of these processes get entries as if in a call, whose end is missed.
declare -A first_hooks=([pair]=2 [syscall]=1 [both]=3)
put_stale() {
	"$bin/stale" "$tracer" "${first_hooks[$hook]}" "$@"
}

# The thread's next call finds the stale entry.
stale_entry() {
	demand a "$bin/burst" -gp -s 5
	start -j -p "${pid[a]}"
	burst a 3
	put_stale "${pid[a]}"
	burst a 23
	stop
	adds_up 27
	equal 'return missed' 1 "$missed"
	equal 'shown' 26 "$shown"
	jq -en '[inputs] | all(.mask == "0x0000000000000005" and .ret >= 0)' out >/dev/null
}

# Also a call that the filter refuses finds it, and is not taken for the end of the earlier one.
stale_entry_refused() {
	make_cgroup
	demand a "$bin/burst" -gp
	echo "${pid[a]}" >"$cgroup/below/cgroup.procs"
	start -j -p "${pid[a]}" -c "$cgroup/below"
	burst a 1 # it has an entry now
	echo "${pid[a]}" >"$cgroup/cgroup.procs"
	put_stale "${pid[a]}"
	burst a 23
	stop
	adds_up 2
	equal 'return missed' 1 "$missed"
	equal 'lines' 1 "$(wc -l <out)"
}

# Entries whose threads never call again are counted at the end, also those that went with their
# threads.
stale_to_the_end() {
	local i
	demand a "$bin/burst" -gp
	start -j -p "${pid[a]}"
	for ((i = 0; i < 23; i++)); do
		sleep 600 &
	done
	mapfile -t asleep < <(jobs -pr | grep -vxF -e "${pid[a]}" -e "$tracer")
	put_stale "${asleep[@]}"
	kill -KILL "${asleep[@]:0:11}"
	burst a 5
	stop
	adds_up 28
	equal 'return missed' 23 "$missed"
	equal 'lines' 5 "$(wc -l <out)"
}

# How often the kernel has skipped the hook on the way out, as v7.3 may; 0 where it never does.
skipped_returns() {
	PATH=$PATH:/usr/sbin bpftool prog show -j |
		jq '[.[] | select((.name // "") | startswith("exit_signalfd")).recursion_misses] | add // 0'
}

# More threads sleep in do_signalfd4 at once than there are kretprobe instances.
return_missed() {
	local unseen
	demand a "$bin/burst" -gp -w -t 60
	start -j -p "${pid[a]}"
	burst a 1
	burst a 1
	unseen=$(skipped_returns)
	stop
	adds_up 120
	equal 'lines' "$shown" "$(wc -l <out)"
	equal 'lost in another way' 0 $((full + no_entry))
	# The boundary sees the end, unless the kernel skips its hook there: sigfd(8), LIMITS.
	[[ $hook == pair ]] || ((missed <= unseen)) ||
		{ echo "return missed: $missed; the kernel skipped $unseen" && return 1; }
	[[ $hook != pair ]] || ((missed > 0))
}

# A process with the number of one that has ended in a call is not taken for that one.
number_used_again() {
	demand a "$bin/burst" -gp -s 1 -c live-number
	start -j -n live-number
	burst a 3
	put_stale "${pid[a]}"
	kill -KILL "${pid[a]}"
	wait "${pid[a]}" || true
	demand b "$bin/burst" -gp -s 2 -c live-number -N "${pid[a]}"
	burst b 5
	stop
	adds_up 9
	equal 'return missed' 1 "$missed"
	equal 'process, mask, calls' "[[${pid[a]},1,3],[${pid[a]},2,5]]" "$(
		jq -nc '[inputs | [.pid, (.mask[-1:] | tonumber)]] | group_by(.[1])
			| map(.[0] + [length])' out
	)"
}

unreclaimable() {
	local name value
	while read -r name value _; do
		[[ $name != SUnreclaim: ]] || echo "$value"
	done </proc/meminfo
}

has_shrunk() {
	(($(unreclaimable) < $1))
}

# The bytes of an entry, by the map that the tracer holds.
entry_size() {
	local map
	map=$(grep -lE '^map_type:\s+29$' "/proc/$tracer/fdinfo"/*)
	sed -n 's/^value_size:\s*//p' "$map"
}

# An entry goes with its thread: what the threads' entries take at the least is not there any more
# soon after they have ended. So many threads that it would show: here others use memory too, in the
# machine of vm.sh nobody does.
memory_does_not_grow() {
	local threads=0 least=100000 before size
	[[ ! -d /run/vm ]] || least=20000
	demand a "$bin/burst" -gpo
	output=/dev/null start -p "${pid[a]}"
	size=$(entry_size)
	burst a 1000
	before=$(unreclaimable)
	for ((; threads < least; threads += 1000)); do
		burst a 1000
	done
	patience=20 wait_until has_shrunk $((before + threads * size / 1024 / 2))
	stop
	adds_up $((threads + 1000))
}

# A thread other than the main one calls, and then executes a program: it takes another number.
threads_that_execute() {
	run -j -- sh -c "'$bin/execs' 200; '$bin/burst' -n 23"
	shows 223
	equal 'of the first program' 200 "$(jq -c 'select(.comm == "execs")' out | wc -l)"
}

# A sigfd for whose entries there is no memory, but for the one of its proof.
build_lacking() {
	local tree=$work/tree
	mkdir -p "$tree/build" "$lacking"
	cp -p "$here/.."/{Makefile,sigfd.c,sigfd.h,sigfd.bpf.c} "$tree"
	cp -p "$here/../build"/{vmlinux.h,stamp,tools.stamp} "$tree/build"
	sed -i 's/pass ? \(BPF_LOCAL_STORAGE_GET_F_CREATE\)/pass \&\& phase == SIGFD_PROOF ? \1/' \
		"$tree/sigfd.bpf.c"
	if cmp -s "$here/../sigfd.bpf.c" "$tree/sigfd.bpf.c" || ! make -C "$tree" >"$work/make" 2>&1
	then
		cat "$work/make" >&2
		return 1
	fi
	mv "$tree/sigfd" "$lacking/sigfd"
}

no_entry() {
	sigfd=$lacking/sigfd start -j -n live-lack
	"$bin/burst" -n 5 -x 5 -t 4 -c live-lack
	wait_until has_text err '40 calls lost so far.*no entry 40'
	"$bin/burst" -n 23 -c live-lack
	stop
	adds_up 63
	equal 'no entry' 63 "$no_entry"
	equal 'lines' 0 "$(wc -l <out)"
}

# Entries are charged to the memory cgroup in which sigfd began; from Linux 6.12 on they are refused
# beyond its limit. Who is in it then would be killed, so sigfd has left it.
can_starve() {
	local mount
	read -r mount < <(findmnt -n -o TARGET -t cgroup2)
	[[ $(sort -V <(uname -r) <(echo 6.12) | head -n 1) == 6.12 ]] &&
		[[ $(<"$mount/cgroup.controllers") == *memory* ]]
}

no_memory() {
	local i root
	make_cgroup
	root=${cgroup%/*}
	echo +memory >"$root/cgroup.subtree_control"
	write_wrapper starved "sh -c 'echo \$\$ >$cgroup/cgroup.procs; exec $sigfd \"\$@\"' sh"
	sigfd=./starved start -j -n live-starved
	echo "$tracer" >"$root/cgroup.procs"
	echo 0 >"$cgroup/memory.max"
	for ((i = 0; i < 16; i++)); do
		demand "a$i" "$bin/burst" -gp -t 60 -c live-starved
		burst "a$i" 2
	done
	stop
	adds_up 1920
	((no_entry > 0))
	equal 'lost in another way' 0 $((full + missed))
	equal 'lines' "$shown" "$(wc -l <out)"
}

# ---- 8: kprobes switched off ---------------------------------------------------------------------

switch=/sys/kernel/debug/kprobes/enabled

switch_off() {
	findmnt /sys/kernel/debug >/dev/null || mount -t debugfs debugfs /sys/kernel/debug
	echo 0 >"$1" || skip "this kernel does not let $1 be switched off"
	switched_off=$1
}

kprobes_off() {
	local file=$switch from
	switch_off "$file"
	run_plainly --check
	grep -q '^kprobes enabled  *missing .*kprobes/enabled' out
	for hook in auto pair both; do
		from=$SECONDS
		run -d 1
		one_error 3 "$file"
		((SECONDS - from < 20))
	done
	echo 1 >"$file"
	hook=pair
	run -j -- "$bin/burst" -n 23
	shows 23
}

# What the boundary still sees does not say that the calls never reached the function.
probes_stop() {
	local file=$1
	shift
	demand a "$bin/burst" -gp -x 5
	start -j -p "${pid[a]}" "$@"
	burst a 7
	switch_off "$file"
	burst a 7
	stop
	grep -q '; calls may be missing: the probes no longer fire$' err
	blind=yes
	if [[ $hook == pair ]]; then
		shows 12 '.reached == true'
	else
		shows 24
		jq -es '(.[:12] | all(.reached == true)) and (.[12:] | all(.reached == null))' out
	fi
}

# ---- 9: hostile input ----------------------------------------------------------------------------

hostile_names=($'\e[31m\e]0;x\a' $'new\nline\ttab' $'quote"back\\' $'del\x7f\x01\x1f'
	$'ff\xff\xfe' $'long\xc0\x80\xe0\x80\x80' $'half\xed\xa0\x80' $'big\xf4\x90\x80\x80'
	$'cut\xe6\xbc' $'five\xf8\x88\x80\x80' ' ')
valid_names=($'\xc3\xa9' $'\xe6\xbc\xa2' $'\xf0\x9f\x98\x80' $'a\xcc\x81\xf0\x90\x80\x80'
	$'\xef\xbf\xbf\xf4\x8f\xbf\xbf' 'plain name' $'tab\tand\x7f"\\' '%s%n')

# $1: options; the events of one call by a thread of each name.
run_by_names() {
	local name options=$1 script=''
	shift
	for name; do
		script+=$(printf '%q ' "$bin/burst" -n 1 -c "$name")$'\n'
	done
	# shellcheck disable=SC2086 # options are words
	run $options -- bash -c "$script exit 0"
	equal 'exit status' 0 "$status"
}

names_in_text() {
	run_by_names -q "${hostile_names[@]}" "${valid_names[@]}"
	equal 'lines' $((${#hostile_names[@]} + ${#valid_names[@]})) "$(wc -l <out)"
	equal 'bytes that are not printable' '' "$(LC_ALL=C tr -d '\n -~' <out | od -An -c)"
	equal 'lines that are no events' '' "$(sed '/^[0-9]\+ \+[0-9]\+ .* HUP  !unblocked HUP$/d' out)"
	grep -qF '\x1b[31m' out
}

# What is not UTF-8 becomes U+FFFD, a byte each: in the hostile names, all that is not ASCII.
replaced() {
	local LC_ALL=C
	printf '%s\0' "${@//[$'\x80'-$'\xff']/$'\xef\xbf\xbd'}"
}

names_in_json() {
	local names
	run_by_names -j "${hostile_names[@]}" "${valid_names[@]}"
	equal 'bytes that are not printable' '' "$(LC_ALL=C tr -d '\n -~' <out | od -An -c)"
	mapfile -d '' names < <(replaced "${hostile_names[@]}")
	jq -c .comm out >got
	jq -cn '$ARGS.positional[]' --args "${names[@]}" "${valid_names[@]}" >want
	diff want got
	run_by_names -j $'123456789012\xf0\x9f\x98\x80' # the kernel keeps 15 bytes
	jq -e '.comm | startswith("123456789012") and length <= 15' out >/dev/null
}

two_at_once() {
	demand a "$bin/burst" -gp
	start -j -n "${sigfd##*/}"
	mv err err.first && mv out out.first
	first=$tracer
	start -j -p "${pid[a]}"
	mv err err.second && mv out out.second
	second=$tracer
	start -j -p "${pid[a]}"
	burst a 23
	stop
	shows 23
	tracer=$second
	stop
	mv err.second err && mv out out.third && mv out.second out
	shows 23
	diff <(jq -c '[.ktime_ns < 0, .pid, .ret, .mask]' out) \
		<(jq -c '[.ktime_ns < 0, .pid, .ret, .mask]' out.third)
	tracer=$first
	stop
	mv err.first err && mv out.first out
	adds_up 0 # sigfd's own calls bear the mark
}

wrong_usage() {
	run_plainly "$@"
	one_error 2
	equal 'output' '' "$(<out)"
}

no_such_process() {
	local gone
	sh -c 'exit 0' &
	gone=$!
	wait "$gone"
	run_plainly -H "$hook" "$1" "$gone"
	one_error 1 "$gone"
}

as_nobody() {
	cp "$sigfd" ./sigfd
	chmod 755 . sigfd
	status=0
	timeout "$patience" setpriv --reuid 65534 --regid 65534 --clear-groups ./sigfd "$@" \
		>out 2>err </dev/null || status=$?
}

refuses_nobody() {
	as_nobody -H "$hook"
	one_error 3 'CAP_'
}

lists_for_nobody() {
	as_nobody --list
	equal 'exit status' 0 "$status"
	grep -q '^PID  *FD ' out
}

checks_for_nobody() {
	as_nobody --check
	equal 'exit status' 3 "$status"
	grep -q '^privilege  *missing .*CAP_' out
	grep -q '^auto chooses  *nothing' out
}

checks() {
	local rows='/proc,privilege,kernel,BTF,lockdown,kprobes,kprobes enabled,symbol'
	rows+=',syscall tracepoints,auto chooses'
	run_plainly --check
	equal 'exit status' 0 "$status"
	equal 'rows' "$rows" "$(cut -c -20 out | sed 's/ *$//' | paste -sd ,)"
	grep -q "^auto chooses  *$1" out
	grep -q "^kernel  *ok  *$(uname -r)" out
}

# ---- 10: --list ----------------------------------------------------------------------------------

# What /proc says of a process: fd, mask, what of it not all threads block, and CHLD if it is ignored.
list_by_proc() {
	local fd mask all=$((16#ffffffffffffffff)) blocked task ignored
	ignored=$(sed -n 's/^SigIgn:\s*//p' "/proc/$1/status")
	for task in /proc/"$1"/task/*; do
		blocked=$(sed -n 's/^SigBlk:\s*//p' "$task/status")
		all=$((all & 16#$blocked))
	done
	for fd in $(numbers_in "/proc/$1/fd"); do
		mask=$(sed -n 's/^sigmask:\s*//p' "/proc/$1/fdinfo/$fd")
		[[ -n $mask ]] || continue
		printf '%d 0x%s 0x%016x 0x%016x\n' "$fd" "$mask" $((16#$mask & ~all)) \
			$((16#$mask & 16#$ignored & 1 << 16))
	done
}

hold() {
	demand "$1" env --"${ignore:-default}"-signal=CHLD "$bin/hold" "${@:2}"
	wait_until has_lines "$1.out" 1
}

lists_descriptors() {
	ignore=ignore hold a
	hold b
	list_by_proc "${pid[a]}" | jql -Rc --argjson pid "${pid[a]}" 'include "live"; split(" ")
		| {pid: $pid, comm: "hold", fd: (.[0] | tonumber), mask: .[1], signals: (.[1] | names),
		unblocked: (.[2] | names), discarded: (.[3] | names)}' | jq -cS . >want
	equal 'descriptors' 6 "$(wc -l <want)"
	run_plainly --list -j
	jq -cS --argjson pid "${pid[a]}" 'select(.pid == $pid)' out | sort >got
	diff <(sort want) got
	grep -q '"discarded":\["SIGCHLD"\]' out
	run_plainly --list -j -p "${pid[a]}"
	diff <(sort want) <(jq -cS . out | sort)
	run_plainly --list -j -n hold
	equal 'both by name' 12 "$(wc -l <out)"
	run_plainly --list -j -s INT -p "${pid[a]}"
	equal 'those with INT' 2 "$(wc -l <out)"
	run_plainly --list -j -u 4242
	equal 'of a user who has none' 0 "$(wc -l <out)"
}

lists_in_text() {
	hold a $'a\e[31m\nb"\\'
	run_plainly --list -p "${pid[a]}"
	equal 'lines' 7 "$(wc -l <out)"
	equal 'bytes that are not printable' '' "$(LC_ALL=C tr -d '\n -~' <out | od -An -c)"
	grep -qE "^${pid[a]} +[0-9]+ +a\\\\x1b\[31m\\\\x0ab\"[\\\\]+ +HUP INT\$" out
	grep -qE ' HUP USR1  !unblocked USR1$' out
	none '!discarded' out
	ignore=ignore hold b
	run_plainly --list -p "${pid[b]}"
	equal 'descriptors with CHLD' 1 "$(grep -c '  !discarded CHLD$' out)"
	run_plainly --list -j -p "${pid[a]}"
	jq -en --arg comm $'a\e[31m\nb"\\' '[inputs] | length == 6 and all(.comm == $comm)' out >/dev/null
}

# ---- 11: auto; 14: stress; the race --------------------------------------------------------------

# auto_chooses HOOK LINES OPTION SHOWN, of 23 calls that succeed and 29 that fail
auto_chooses() {
	# shellcheck disable=SC2086 # it may be none
	run_plainly -j $3 -- "$bin/burst" -n 23 -x 29
	shows "$4" ".hook == \"$1\""
	grep -q "Tracing .*$1" err
	equal 'lines about the choice' "$2" "$(sed -n '/^sigfd: hook /p' err | wc -l)"
}

stress() {
	run -j -- "$bin/burst" -t 8 -n 1000 -x 1000
	adds_up 16000
	equal 'lines that are JSON' "$shown" "$(jq -c . out | wc -l)"
	((shown > 0))
}

# Another thread changes the mask: what sigfd shows is what the kernel took, raced or not.
shows_race() {
	local tries
	for ((tries = 0; tries < 40; tries++)); do
		run -j -- sh -c "exec '$bin/race' 5000 >truth"
		diff truth <(jq -r .mask out)
		jq -en '[inputs] | all(.raced == (.user_mask != .mask))' out >/dev/null
		! grep -q '"raced":true' out || return 0
	done
	echo 'no call was raced'
	return 1
}

# ---- All of it -----------------------------------------------------------------------------------

test_hook() {
	hook=$1
	tap "$hook: each call is shown as its program saw it" calls_match_program
	tap "$hook: each mask is what fdinfo says" masks_match_fdinfo
	tap "$hook: each call is shown as strace does" calls_match_strace
	tap "$hook: JSON has each key, sequence and time" json_is_right
	tap "$hook: times are those of the calls" times_are_the_calls
	tap "$hook: text has the right columns" text_is_right
	tap "$hook: -T and -U add columns" columns_are_added
	tap "$hook: -e explains under each event" explains
	tap "$hook: script is shown as strace does" program_matches_strace script script -qc true /dev/null
	tap "$hook: qemu is shown as strace does" program_matches_strace qemu-system-x86_64 sh -c \
		'echo quit | qemu-system-x86_64 -M none -display none -nodefaults -monitor stdio >/dev/null'
	tap "$hook: bwrap is shown as strace does" program_matches_strace bwrap \
		bwrap --unshare-pid --dev-bind / / true
	tap "$hook: s6-svscan is shown as strace does" program_matches_strace s6-svscan sh -c \
		'mkdir -p scan && s6-svscan scan &
		until s6-svscanctl -t scan 2>/dev/null; do sleep 0.1; done; wait'
	tap "$hook: -p shows that process only" filter_pid
	tap "$hook: -t shows that thread only" filter_tid
	tap "$hook: -u shows that user only" filter_uid
	tap "$hook: -n shows that name only" filter_name 'sigfd live test'
	tap "$hook: -n cuts a name as the kernel does" filter_name 'sigfd live test of the name'
	tap "$hook: -c shows that cgroup and below" filter_cgroup
	tap "$hook: -c shows no cgroup above" filter_cgroup /below
	tap "$hook: -s shows masks with that signal only" filter_signal SIGHUP 1 fffffffffffffffe
	tap "$hook: -x shows failed calls only" filter_failed
	tap "$hook: filters narrow each other" filters_together
	tap "$hook: a command's descendants are followed to the last" follows_descendants
	tap "$hook: -M ends after 23 events" ends_after_events
	tap "$hook: -d ends after a second" ends_after_time
	tap "$hook: SIGINT ends" ends_by_signal INT
	tap "$hook: SIGTERM ends" ends_by_signal TERM
	tap "$hook: SIGTERM ends in a storm of calls" ends_in_storm
	tap "$hook: calls that follow on the word Tracing are shown" calls_at_the_word
	tap "$hook: marked calls of others count as nothing" marks_are_no_calls
	tap "$hook: marked calls that began before the trace count as nothing" \
		marks_may_outlast_the_start
	tap "$hook: the end of the process asked for ends" ends_with_target
	tap "$hook: a closed pipe ends" ends_with_pipe
	tap "$hook: a full disk is an error" ends_with_full_disk
	tap "$hook: a reader that stalls gets whole lines" stalled_reader
	tap "$hook: a full ring buffer is counted" ring_buffer_full
	tap "$hook: missed returns are counted" return_missed
	tap "$hook: a stale entry is found at the thread's next call" stale_entry
	tap "$hook: a stale entry is found by a call that is filtered out" stale_entry_refused
	tap "$hook: stale entries at the end are counted" stale_to_the_end
	tap "$hook: a process with the number of an earlier one" number_used_again
	[[ $hook != "${hooks[0]}" ]] || # it takes long, and the entries are the same by each hook
		tap "$hook: entries go with their threads" memory_does_not_grow
	tap "$hook: threads that call and then execute" threads_that_execute
	tap "$hook: calls without an entry are counted" no_entry
	tap "$hook: two at once see the same, and not each other" two_at_once
	tap "$hook: the sums are right under stress" stress
	[[ $hook != both ]] || tap "$hook: a raced mask is shown" shows_race
	[[ $hook == syscall ]] || test_stopped_probes
	test_cases
}

# Kprobes use the function tracer, where the architecture lets them.
test_stopped_probes() {
	tap "$hook: kprobes switched off meanwhile are told" probes_stop "$switch"
	tap "$hook: also with -q" probes_stop "$switch" -q
	[[ $(uname -m) != x86_64 ]] || tap "$hook: ftrace switched off meanwhile is told" \
		probes_stop /proc/sys/kernel/ftrace_enabled
}

# What does not depend on the hook is tested through the first of them.
test_rest() {
	local choice=syscall lines=1
	[[ ${hooks[*]} == syscall ]] || choice=pair lines=0 # the others need what the pair does
	hook=${hooks[0]}
	tap "text of hostile names is harmless" names_in_text
	tap "JSON of hostile names is valid" names_in_json
	tap 'auto chooses the hook' auto_chooses "$choice" "$lines" '' 52
	tap 'auto chooses both for failed calls' auto_chooses "${choice/pair/both}" "$lines" -x 29
	tap '--check says what there is' checks "$choice"
	tap '--list says what /proc does' lists_descriptors
	[[ $choice != pair ]] || tap 'kprobes switched off are an error' kprobes_off
	! can_starve || tap 'calls for whose entries there is no memory are counted' no_memory
	[[ $loader == no ]] || test_loader
}

# Options, and what else depends on no kernel either.
test_loader() {
	local words form with without
	while read -ra words; do
		tap "wrong usage: sigfd ${words[*]}" wrong_usage "${words[@]}"
	done <<-'END'
	-p 0
	-p x
	-p -1
	-p 99999999999999999999
	-p 12x
	-t 4194305
	-u 4294967296
	-u root
	-s NOSUCH
	-s 0
	-s 65
	-s HUP,,INT
	-s RTMIN+31
	-s RTMAX+1
	-s RTMAX-31
	-s IO
	-H kprobe
	-d 0
	-d 1.5
	-M 0
	-b 3
	-b 99999999
	-H syscall -c /proc
	-H syscall -c /no/such/folder
	true
	-j true
	--
	--no-such-option
	--pid
	--list -M 1
	--check -j
	--list -- true
	END
	tap "wrong usage: sigfd -n ''" wrong_usage -n ''
	while read -r form with without; do
		tap "-s $form shows masks with it only" filter_signal "$form" "$with" "$without"
	done <<-'END'
	HUP 1 2
	SIGHUP 1 ffffffff00000000
	hup 3 4
	1 1 fffffffffffffffe
	RTMIN+1 400000000 3ffffffff
	sigrtmin+30 8000000000000000 1
	RTMAX 8000000000000000 1
	sigrtmax-29 400000000 3ffffffff
	INT,35,SIGRTMIN 200000000 1
	TERM,KILL 100 1
	END
	tap "exit status 0 is passed on" passes_status 0 'exit 0'
	tap "exit status 3 is passed on" passes_status 3 'exit 3'
	tap "death by SIGTERM is passed on" passes_status 143 'kill -TERM $$'
	tap "the status of a command that left a child is passed on" passes_status 3 \
		'sleep 0.3 & exit 3'
	tap "a command that can't be executed" cannot_execute
	tap "a command gets default signals" hands_down_signals --default-signal
	tap "a command gets SIGINT blocked" hands_down_signals --default-signal --block-signal=INT
	tap "a command gets SIGINT ignored" hands_down_signals --default-signal --ignore-signal=INT
	tap "a command gets SIGPIPE ignored" hands_down_signals --default-signal \
		--ignore-signal=PIPE,HUP,CHLD --block-signal=TERM,USR1
	tap "-p of no process is an error" no_such_process -p
	tap "-t of no thread is an error" no_such_process -t
	tap "not for nobody, who lacks a capability" refuses_nobody
	tap '--check serves nobody' checks_for_nobody
	tap '--list serves nobody' lists_for_nobody
	tap '--list as text, of a hostile name' lists_in_text
	test_cases_once
}

main() {
	while (($#)); do
		case $1 in
		--build) build_lacking && exit ;;
		--only) (($# > 1)) && only=$2 && shift ;;
		--no-loader) loader=no ;;
		pair | syscall | both) hooks+=("$1") ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
	((${#hooks[@]})) || { usage >&2 && exit 2; }
	[[ $EUID == 0 ]] || { echo 'live.sh: only root can trace' >&2 && exit 2; }
	[[ -x $bin/burst ]] || { echo "live.sh: no test/bin/burst; run: make programs" >&2 && exit 2; }
	[[ -x $lacking/sigfd ]] ||
		{ echo "live.sh: no build/lacking/sigfd; run: test/live.sh --build" >&2 && exit 2; }
	export LC_ALL=C.UTF-8
	echo 'TAP version 13'
	for hook in "${hooks[@]}"; do
		test_hook "$hook"
	done
	test_rest
	end_tap
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || main "$@"
