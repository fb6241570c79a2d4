#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# workshop.sh: whether docs/workshop.md has for each lab what a lab must have, and whether
# docs/labs/start and docs/labs/check do what they say. Needs no root, no build and no kernel; what
# the labs themselves do, test/labs.sh tries.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit # tap, end_tap, and the folder $work

# shellcheck disable=SC2016 # to sed and grep a backtick is itself
code='s/`[^`]*`//g'
root=$PWD
page=$root/docs/workshop.md

# ---- The page -----------------------------------------------------------------------------------

# section HEADING: what stands below it, up to the next heading of its rank.
section() {
	awk -v heading="## $1" '/^## / { inside = index($0, heading) == 1 } inside' "$page"
}

# What is read: no blocks, no tables, no code, no addresses of links.
prose() {
	awk '/^```/ { block = !block; next } !block && !/^\|/ && !/^</' |
		sed -E -e "$code" -e 's/\]\([^)]*\)/]/g'
}

# In their order, and in one form.
lab_has_its_parts() {
	local part rest
	rest=$(section "Lab $1: " | tr '\n' ' ')
	[[ $rest ]] || { echo "no section" && return 1; }
	for part in 'You will be able to ' '  [1-3][05] minutes\.  ' "\`\`\`sh docs/labs/start $1 " \
		'  \*\*Predict\.\*\* ' 'Write it down first[.,]' '  \*\*1\. [^*]+\*\*' \
		'  \*\*Exercise\.\*\* ' '<details><summary>Hint</summary>  ' '  </details>' \
		'  \*\*Questions\.\*\*  1\. ' "  \*\*Checkpoint\.\*\* .?docs/labs/check $1\`" \
		"lab $1: done" "  Solution: \[labs/solutions/$1\]\(labs/solutions/$1/README.md\)\."; do
		[[ $rest =~ $part ]] || { echo "not there, or not in its place: $part" && return 1; }
		rest=${rest#*"${BASH_REMATCH[0]}"}
	done
}

lab_has_its_length() {
	local words
	words=$(section "Lab $1: " | prose | wc -w)
	echo "$words words"
	((words >= 200 && words <= 450))
}

# The table at the top has the heading and the minutes of the section.
lab_is_in_the_table() {
	local title minutes
	title=$(section "Lab $1: " | sed -n '1s/^## Lab .: //p')
	minutes=$(section "Lab $1: " | grep -oE '\b[0-9]+ minutes\.' | sed -n '1s/ .*//p')
	grep "^| \[$1 $title\](#" "$page" >row || { echo "no row '$1 $title'" && return 1; }
	equal 'minutes' "$minutes" "$(cut -d '|' -f 3 row | tr -d ' ')"
}

# No fewer answers than questions.
lab_has_its_answers() {
	local asked answered
	asked=$(section "Lab $1: " | sed -n '/^\*\*Questions/,/^\*\*Checkpoint/p' | grep -c '^[0-9]\. ')
	answered=$(sed -n '/^## Answers/,$p' "$root/docs/labs/solutions/$1/README.md" |
		grep -cE '^([0-9]\.|-) ')
	echo "$asked questions, $answered answers"
	((answered >= asked))
	((asked >= 2 && asked <= 3))
}

# Links are as a browser makes them of headings. A word that the page does not use needs none.
word_is_linked() {
	local word=${1,,}
	[[ $1 != Blocked ]] || word='block(ed|s|ing)?'
	sed '/^## Glossary/,$d' "$page" | awk '/^```/ { block = !block; next } !block && !/^#|^\| \[[0-8] /' |
		sed -E "$code" | tr '\n' ' ' >text
	grep -oiE -m 1 ".{0,40}[^[:alnum:]!-](${word// / +})s?[^[:alnum:]].{0,30}" text >uses || return 0
	head -n 1 uses
	head -n 1 uses | grep -qiE "\[(${word// / +})s?\]\(#${1// /-}\)"
}

# ---- start and check ----------------------------------------------------------------------------

# A tree of its own: two labs, a sigfd without kprobes, and a machine that can't run.
make_tree() {
	mkdir -p tree/docs/labs/{3,4} tree/docs/labs/checks tree/test
	cp "$root"/docs/labs/{start,check} tree/docs/labs
	printf '## Lab 3: Three\n## Lab 4: Four\n' >tree/docs/workshop.md
	echo start >tree/docs/labs/3/file
	cat >tree/docs/labs/checks/3.sh <<-'END'
		built() { grep -q learner "$folder/file" || missing "no learner; look at file"; }
		shown() { grep -q solved "$folder/file" || missing "not solved"; }
	END
	printf '#!/bin/sh\necho "auto chooses  syscall"\n' >tree/sigfd
	printf '#!/bin/sh\necho "vm.sh: no qemu: a package" >&2\nexit 125\n' >tree/test/vm.sh
	chmod +x tree/sigfd tree/test/vm.sh
}

# says STATUS TEXT COMMAND...: all that it says is TEXT.
says() {
	local status=0 said
	said=$("${@:3}" 2>&1) || status=$?
	equal 'what it says' "$2" "$said"
	equal 'exit status' "$1" "$status"
}

start_lists() {
	local list
	make_tree
	for list in '' --help; do
		tree/docs/labs/start $list >said
		grep -qx '  3  Three' said
		grep -qx '  4  Four' said
	done
	says 2 "start: no lab 5; docs/labs/start lists them" tree/docs/labs/start 5
	says 2 "start: no lab 'x'; docs/labs/start lists them" tree/docs/labs/start x
}

start_keeps() {
	local made=tree/work
	make_tree
	says 0 "lab 3: work/3" tree/docs/labs/start 3
	echo mine >"$made/3/file"
	says 0 $'what you had is in work/3.1 now\nlab 3: work/3' tree/docs/labs/start 3
	equal 'kept' mine "$(<"$made/3.1/file")"
	equal 'anew' start "$(<"$made/3/file")"
}

start_takes_a_folder() {
	make_tree
	says 0 "lab 3: $PWD/a folder" tree/docs/labs/start 3 'a folder'
	equal 'its file' start "$(<'a folder/file')"
	mkdir other
	says 2 "start: $PWD/other is there, and no lab made it; name another folder" \
		tree/docs/labs/start 3 other
}

check_says() {
	make_tree
	says 2 "check: no folder work/3; docs/labs/start 3 makes it" tree/docs/labs/check 3
	says 2 "check: no lab 4; docs/labs/start lists them" tree/docs/labs/check 4
	tree/docs/labs/start 3 'a folder'
	says 1 "lab 3: not yet: no learner; look at file" tree/docs/labs/check 3 'a folder'
	echo learner >'a folder/file'
	says 2 "check: no virtual machine: vm.sh: no qemu: a package" tree/docs/labs/check 3 'a folder'
	printf '#!/bin/sh\nshift\nexec "$@"\n' >tree/test/vm.sh
	says 1 "lab 3: not yet: not solved" tree/docs/labs/check 3 'a folder'
	echo learner solved >'a folder/file'
	says 0 "lab 3: done" tree/docs/labs/check 3 'a folder'
	rm tree/sigfd
	says 2 "check: sigfd is not built yet; run: make all programs" tree/docs/labs/check 3 'a folder'
}

main() {
	local lab word words
	tap "start lists the labs" start_lists
	tap "start keeps what was there" start_keeps
	tap "start takes a folder, unless it is another's" start_takes_a_folder
	tap "check says what is missing, and why it can't look" check_says
	for lab in {0..8}; do
		tap "lab $lab has its parts" lab_has_its_parts "$lab"
		tap "lab $lab has 200 to 450 words" lab_has_its_length "$lab"
		tap "lab $lab is in the table" lab_is_in_the_table "$lab"
		tap "lab $lab has an answer to each question" lab_has_its_answers "$lab"
	done
	mapfile -t words < <(section Glossary | sed -n 's/^#### //p')
	tap "the glossary has fifteen words" equal words 15 "${#words[@]}"
	for word in "${words[@]}"; do
		tap "the glossary: $word is linked where it is first used" word_is_linked "$word"
	done
	end_tap
}

main "$@"
