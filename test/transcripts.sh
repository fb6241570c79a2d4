#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# transcripts.sh: runs what README.md and the pages in docs show in blocks of the language
# console, and compares what it prints with what they say. The syntax is cram's:
#
#	$ COMMAND        the prompt of the first line is the block's: $, or # if it needs root. A
#	> MORE           line that begins with the other one is output, as TAP's comments are
#	text             stdout and stderr in their order
#	te?t* (glob)     ? and * stand for others, \? and \* for themselves
#	t.*t (re)        an extended regular expression for the whole line
#	text (no-eol)    a last line that is not ended
#	[1]              the exit status, if it is not 0
#
# Words after the language say how the block runs:
#
#	console                  here
#	console vm               with --vm only: in a virtual machine, since it needs kprobes
#	console lab N            with --lab N only: what is there once lab N is solved
#	console pid              the number that begins a line differs from run to run, though where
#	                         the page has one number twice, the run must too
#	console pids             so do the first two, PID and TID
#	console not-run REASON   not at all; it is counted as skipped
#
# Of blocks of the language sh, which are there to be copied, only the syntax is checked. A block
# that looks like a transcript and is not marked as one is a failure: it would rot unnoticed.
#
# Each block has a shell of its own, in a new folder of links to what the tree's root holds: ./sigfd
# and build/proofs/NAME are found there, and files that it makes there don't stay.

source test/tap.sh || exit
shopt -s globstar

mode=here list=no print=no pages=()
solved='' # with --lab: the folder that is work/N then
names=() kinds=() columns=() reasons=() texts=() # of each block
group=''
salt=transcript.$$.$RANDOM$RANDOM

usage() {
	cat <<-'END'
	usage: test/transcripts.sh [--vm] [--list] [--print] [PAGE...]

	Runs the transcripts of each PAGE, or of README.md and all pages in docs, and
	prints TAP. To be called in the tree's root, after make all programs.

	  --vm      run those that are for a virtual machine, instead of the others
	  --lab N FOLDER
	            run those of lab N instead, which is solved in FOLDER
	  --list    run nothing; say of each block how it is run
	  --print   after each block's line of TAP, print the block as it should be
	END
}

parse_options() {
	while (($#)); do
		case $1 in
		--vm) mode=vm ;;
		--lab) mode="lab ${2:?}" solved=$(realpath -e -- "${3:?}") && shift 2 ;;
		--list) list=yes ;;
		--print) print=yes ;;
		--help | -h) usage && exit ;;
		-*) usage >&2 && exit 2 ;;
		*) pages+=("$1") ;;
		esac
		shift
	done
	((${#pages[@]})) || pages=(README.md docs/**/*.md)
}

# ---- Blocks -------------------------------------------------------------------------------------

# add KIND REASON COLUMNS TEXT: one more block to test, of the page and heading being read.
add() {
	((++ordinal))
	names+=("$page, $heading, block $ordinal")
	kinds+=("$1") reasons+=("$2") columns+=("$3") texts+=("$4")
}

# add_block INFO TEXT: if it is one to test. INFO is what follows the fence.
add_block() {
	local language words
	read -r language words <<<"$1"
	case $language,$2 in
	console,'$ '* | console,'# '*) add_transcript "$words" "$2" ;;
	console,*) add wrong "a transcript begins with a prompt, \$ or #" 0 "$2" ;;
	*,'$ '* | ,'# '* | ,./* | text,'# '* | text,./*)
		add wrong "unmarked transcript: its language is not console" 0 "$2"
		;;
	sh,* | bash,* | shell,*) add syntax '' 0 "$2" ;;
	esac
}

add_transcript() {
	local word rest=$1 kind=here reason='' column=0
	while [[ -n $rest ]]; do
		read -r word rest <<<"$rest"
		case $word in
		vm) kind=vm ;;
		lab)
			read -r word rest <<<"$rest"
			kind="lab $word"
			;;
		pid) column=1 ;;
		pids) column=2 ;;
		not-run) kind=not-run reason=$rest rest='' ;;
		*) kind=wrong reason="unknown word after console: $word" rest='' ;;
		esac
	done
	[[ $kind != not-run || -n $reason ]] || kind=wrong reason="not-run wants a reason"
	add "$kind" "$reason" "$column" "$2"
}

# The fenced blocks of a page; and what is only indented, if it looks like a transcript.
read_page() {
	local page=$1 line heading=top ordinal=0 fence='' indent info text blank=yes
	while IFS= read -r line || [[ -n $line ]]; do
		if [[ -n $fence && $line =~ ^\ *"$fence"[\`~]*\ *$ ]]; then
			add_block "$info" "$text"
			fence=''
		elif [[ -n $fence ]]; then
			text+=${line#"$indent"}$'\n'
		elif [[ $line =~ ^(\ *)(\`\`\`+|~~~+)\ *(.*)$ ]]; then
			indent=${BASH_REMATCH[1]} fence=${BASH_REMATCH[2]}
			info=${BASH_REMATCH[3]} text=''
		elif [[ $line =~ ^#+\ +(.*)$ ]]; then
			heading=${BASH_REMATCH[1]} ordinal=0
		elif [[ $blank == yes && $line =~ ^($'\t'|\ {4,})([\$#]\ .*|\./.*)$ ]]; then
			add_block '' "${BASH_REMATCH[2]}"
		fi
		[[ $line =~ [^[:space:]] ]] && blank=no || blank=yes
	done <"$page"
	[[ -z $fence ]] || add wrong "the fence is not closed" 0 "$text"
}

# Of a transcript: commands[], as bash shall read them, shown[], the same with their prompts, and
# wanted[], what each prints.
split() {
	local line prompt=${1:0:2} in_command=yes
	commands=() shown=() wanted=()
	while IFS= read -r line; do
		if [[ $line == "$prompt"* ]]; then
			commands+=("${line:2}") shown+=("$line") wanted+=('') in_command=yes
		elif [[ $in_command == yes && $line == '>'?(' '*) ]]; then
			commands[-1]+=$'\n'${line:2} shown[-1]+=$'\n'$line
		else
			wanted[-1]+=$line$'\n' in_command=no
		fi
	done <<<"${1%$'\n'}"
}

# ---- Running a block ----------------------------------------------------------------------------

# One script, so that the commands share a shell; after each, a mark with its exit status.
script() {
	local command
	echo "transcript_mark() { local s=\$?; echo $salt \$s; return \$s; }"
	for command in "${commands[@]}"; do
		printf '%s\ntranscript_mark\n' "$command"
	done
}

# What the pages say of descriptors holds for a program that was started with the usual three.
close_others() {
	local fd
	for fd in /proc/self/fd/*; do
		((${fd##*/} < 3)) || eval "exec ${fd##*/}>&-"
	done
}

# Runs commands[]; leaves what they print in $work/out. What a block has left running ends with it:
# timeout makes a process group, of its own number.
run() {
	local status=0
	rm -rf "$work/folder"
	mkdir "$work/folder"
	ln -s "$PWD"/* "$work/folder"
	rm -f "$work/folder/work" # a learner's labs: docs/labs/start would move them
	[[ -z $solved ]] || (cd "$work/folder" && mkdir work && ln -s "$solved" "work/${mode#lab }")
	(
		cd "$work/folder" && close_others
		exec env LC_ALL=C.UTF-8 TZ=UTC COLUMNS=80 TERM=dumb \
			timeout -k 5 "$patience" bash -c "$(script)" bash
	) >"$work/out" 2>&1 </dev/null &
	group=$!
	wait "$group" || status=$?
	stop_group
	return "$status"
}

stop_group() {
	[[ -z $group ]] || { kill -KILL -- "-$group" && wait "$group"; } 2>/dev/null
	group=''
}

# What a shell says of itself, as an interactive one would have said it: without the place in our
# script, and of a program that a signal killed only the signal's name.
said_interactively() {
	if [[ $1 =~ ^bash:\ line\ [0-9]+:\ +[0-9]+\ ([^\ ]+(\ [^\ ]+)*)\ \ +[^\ ] ]]; then
		echo "${BASH_REMATCH[1]}"
	else
		sed -E 's/^bash: line [0-9]+: /bash: /' <<<"$1"
	fi
}

# The transcript as this run makes it.
compose() {
	local line text='' i=0 status=$1
	while IFS= read -r line || [[ -n $line ]]; do
		if [[ $line != *"$salt "* ]]; then
			[[ $line != 'bash: line '* ]] || line=$(said_interactively "$line")
			text+=$line$'\n'
			continue
		fi
		[[ $line == "$salt"* ]] || text+="${line%%"$salt"*} (no-eol)"$'\n'
		[[ ${line##* } == 0 ]] || text+="[${line##* }]"$'\n'
		echo "${shown[i]}"
		in_wanted_words "${wanted[i]}" "$text"
		text='' i=$((i + 1))
	done <"$work/out"
	((i == ${#commands[@]})) || echo "${shown[i]}"
	printf '%s' "$text"
	((i == ${#commands[@]})) || case $status in
	124 | 137) echo "(stopped after $patience seconds)" ;;
	*) echo "(the shell ended here, with $status)" ;;
	esac
}

# What is as a line of the page says, in the same order, is told in the page's words: the diff shows
# the rest.
in_wanted_words() {
	local line next=0 i page=() said=()
	[[ -z $1 ]] || mapfile -t page <<<"${1%$'\n'}"
	[[ -z $2 ]] || mapfile -t said <<<"${2%$'\n'}"
	for line in "${said[@]}"; do
		for ((i = next; i < ${#page[@]}; i++)); do
			line_matches "${page[i]}" "$line" && break
		done
		if ((i < ${#page[@]})); then
			echo "${page[i]}"
			next=$((i + 1))
		else
			[[ $line != "${page[next]-}" ]] || line+=" (the number was another before)"
			echo "$line"
		fi
	done
}

# The numbers in the first columns stand for each other, in both directions and for the whole block;
# the rest of the line is compared as text.
line_matches() {
	local want=$1 got=$2 number='^([0-9]+) +(.*)$' i ours theirs rest
	for ((i = 0; i < columns_here; i++)); do
		[[ $want =~ $number ]] || break
		theirs=${BASH_REMATCH[1]} rest=${BASH_REMATCH[2]}
		[[ $got =~ $number ]] || return
		ours=${BASH_REMATCH[1]}
		[[ ${same[page $theirs]-$ours} == "$ours" ]] || return
		[[ ${same[run $ours]-$theirs} == "$theirs" ]] || return
		same[page $theirs]=$ours same[run $ours]=$theirs
		want=$rest got=${BASH_REMATCH[2]}
	done
	case $want in
	"$got") true ;;
	*' (re)') [[ $got =~ ^(${want% (re)})$ ]] ;;
	*' (glob)') glob_matches "${want% (glob)}" "$got" ;;
	*) false ;;
	esac
}

# Of a shell's patterns only ? and * are meant: what else would begin one, is quoted.
glob_matches() {
	local pattern=${1//\[/\\[}
	pattern=${pattern//\(/\\(}
	# shellcheck disable=SC2053 # a pattern, on purpose
	[[ $2 == $pattern ]]
}

# ---- Tests --------------------------------------------------------------------------------------

transcript() {
	local name=${names[$1]} text=${texts[$1]} columns_here=${columns[$1]} status=0
	local -A same=()
	[[ $text == '$ '* ]] || ((EUID == 0)) || { report 77 "$name" <<<"needs root" && return; }
	split "$text"
	run || status=$?
	compose "$status" >"$work/got"
	printf '%s' "$text" >"$work/want"
	diff -u --label "${name%%,*}" --label "this run" "$work/want" "$work/got" >"$work/diff"
	report $? "$name" <"$work/diff"
	[[ $print == no ]] || cat "$work/got"
}

test_block() {
	case $mode,${kinds[$1]} in
	"$mode,$mode") transcript "$1" ;;
	here,lab*) report 77 "${names[$1]}" <<<"its lab is to be solved first: test/labs.sh runs it" ;;
	here,not-run) report 77 "${names[$1]}" <<<"not run: ${reasons[$1]}" ;;
	here,syntax)
		bash -n <<<"${texts[$1]}" 2>"$work/said"
		report $? "${names[$1]}: its syntax" <"$work/said"
		;;
	here,wrong) report 1 "${names[$1]}" <<<"${reasons[$1]}" ;;
	esac
}

main() {
	local page i
	parse_options "$@"
	for page in "${pages[@]}"; do
		[[ -r $page ]] || { echo "transcripts.sh: no page $page" >&2 && exit 2; }
		read_page "$page"
	done
	for i in "${!names[@]}"; do
		if [[ $list == yes ]]; then
			printf '%-8s %s\n' "${kinds[i]}" "${names[i]}"
		else
			test_block "$i"
		fi
	done
	[[ $list == yes ]] || end_tap
}

trap 'stop_group; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
main "$@"
