#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# walkthrough.sh: whether docs/walkthrough.md is true: the names in its pictures exist, the verifier
# refuses each of docs/proofs/refused/*.patch with the words that stand on the page, and the recipes
# in docs/recipes build, run, and fail as it says where one of their places is forgotten. (What is
# to be typed on the page, test/transcripts.sh types.)

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit   # tap, skip, wait_until, end_tap, and the folder $work
source test/patch.sh || exit # patched

root=$PWD
page=docs/walkthrough.md
built=build/walkthrough
shopt -s nullglob

usage() {
	cat <<-'END'
	usage: test/walkthrough.sh [--lint | --places | --build]

	Tests docs/walkthrough.md, as root, after `make all programs`, and prints
	TAP. Builds what is missing from build/walkthrough or older than its
	sources; with --build that is all that it does. The other tests need no
	root: --lint looks for the names that the page cites; --places leaves out
	each place of the recipe for a field, builds, and sees who notices.
	END
}

# ---- Names ---------------------------------------------------------------------------------------

# The fences of the page that are pictures, and of an SVG what is written in it.
text_of() {
	case $1 in
	*.md) awk '/^```/ { inside = /picture/; next } inside' "$1" ;;
	*) sed -n 's/.*<text[^>]*>\(.*\)<.text>.*/\1/; T; s/&gt;/>/g; s/&amp;/\&/g; p' "$1" ;;
	esac
}

# What can't be a plain word: a file; with an underscore; before ( or . or =; behind ->, & or a dot.
file_name='\b[a-z][a-z.]*\.[cho]\b'
long_name='\b[A-Za-z0-9]+(_[A-Za-z0-9]+)+'
in_code='\b[a-z]\w*(?=\()|\b[a-z]\w+(?=\.[a-z]| =)|(?<=->|&)[a-z]\w*|(?<=[a-z]\.)[a-z]\w+'

names_in() {
	text_of "$1" | grep -oP "$file_name|$long_name|$in_code"
	# In an SVG a name stands in an element of that class.
	[[ $1 == *.md ]] || sed -n 's/.*class="[^"]*code[^"]*"[^>]*>\(.*\)<.text>.*/\1/p' "$1" |
		grep -oP '[A-Za-z_]\w{2,}'
}

pictures_are_of_this_code() {
	local file name bad=0
	for file in "$page" docs/call.svg docs/memory.svg docs/missed.svg; do
		names_in "$file" | sort -u >"$work/names"
		[[ -s $work/names ]] || { echo "$file: no names" && bad=1; }
		while read -r name; do
			grep -qwF -- "$name" sigfd.h sigfd.bpf.c sigfd.c Makefile ||
				{ echo "$file: nothing is called $name" && bad=1; }
		done <"$work/names"
		while read -r name; do
			grep -qF -- "$name" sigfd.bpf.c sigfd.c || { echo "$file: no $name" && bad=1; }
		done < <(text_of "$file" | grep -oE '\[[BL][0-9]\]' || true)
	done
	return $bad
}

# The lines of code that the ten words show.
quoted_lines_exist() {
	local line n=0 bad=0
	# shellcheck disable=SC2016 # the backticks are Markdown's
	while IFS= read -r line; do
		((++n))
		grep -qF -- "$line" sigfd.h sigfd.bpf.c sigfd.c || { echo "not in the sources: $line" && bad=1; }
	done < <(awk '/^## / { inside = /ten words/ } inside' "$page" |
		sed -n 's/^| \*\*.*| `\(.*\)` |$/\1/p')
	echo "$n lines"
	((n == 10 && !bad))
}

# missing_fields TREE: of struct sigfd_event, what is never written, or never looked at.
missing_fields() {
	local field
	sed -n '/^struct sigfd_event {/,/^};/s/^\t[a-z_0-9]* \([a-z_0-9]*\)[;[].*/\1/p' \
		"$1/sigfd.h" >"$work/fields"
	[[ -s $work/fields ]] || echo "sigfd.h has no struct sigfd_event"
	while read -r field; do
		[[ $field != unused ]] || continue
		grep -qE "(entry->|\.)$field( \|?=|,)" "$1/sigfd.bpf.c" ||
			echo "sigfd.bpf.c never writes $field"
		grep -qE "\be->$field\b" "$1/sigfd.c" || echo "sigfd.c never shows $field"
	done <"$work/fields"
}

fields_are_filled_and_shown() {
	local said
	said=$(missing_fields .)
	echo "$said"
	[[ -z $said ]]
}

in_root() {
	cd "$root"
	"$@"
}

names() {
	tap "the pictures name only what is in the sources" in_root pictures_are_of_this_code
	tap "the ten words' lines are in the sources" in_root quoted_lines_exist
	tap "each field of an event is written and shown" in_root fields_are_filled_and_shown
	tap "the recipe's files have the tree's format" \
		clang-format --dry-run --Werror "$root"/docs/recipes/*.[ch]
}

# ---- What is built -------------------------------------------------------------------------------

is_newer() {
	local source
	for source in "${@:2}"; do
		[[ $1 -nt $source ]] || return
	done
}

build_patched() {
	local name
	name=$built/$(basename "$1" .patch)
	! is_newer "$name/sigfd" "$1" Makefile sigfd.c sigfd.h sigfd.bpf.c || return 0
	mkdir -p "$name"
	patched "$1" "$work/tree" && make -C "$work/tree" && mv "$work/tree/sigfd" "$name/sigfd"
}

# By the page's own lines.
build_eventfd() {
	! is_newer build/eventfd docs/recipes/eventfd.{h,bpf.c,c} "$page" || return 0
	# shellcheck disable=SC2016 # for the shell that runs the lines
	echo 'cc() { command "${CC:-cc}" "$@"; }' >"$work/lines"
	awk '/^```/ { if (inside && text ~ /eventfd/) print text; inside = /^```sh/; text = ""; next }
		inside { text = text $0 "\n" }' "$page" >>"$work/lines"
	cat "$work/lines"
	PATH=$PATH:/usr/sbin:/sbin bash -e "$work/lines"
}

# Makes eventfd2 calls whose arguments are known, and says its own number.
build_caller() {
	[[ ! -x $built/caller ]] || return 0
	"${CC:-cc}" -x c - -o "$built/caller" <<-'END'
	#include <stdio.h>
	#include <sys/eventfd.h>
	#include <unistd.h>
	int main(void)
	{
		int fd = eventfd(7, EFD_CLOEXEC);
		printf("%d 7 0x80000 %d\n", getpid(), fd);
		printf("%d 0 0x400 %d\n", getpid(), eventfd(0, 0x400) < 0 ? -22 : 0);
		return 0;
	}
	END
}

build_all() {
	local patch
	mkdir -p "$built"
	for patch in docs/proofs/refused/*.patch docs/recipes/*.patch; do
		build_patched "$patch" >"$work/make" 2>&1 || give_up "$patch does not apply or build"
	done
	{ build_eventfd && build_caller; } >"$work/make" 2>&1 || give_up "eventfd does not build"
}

give_up() {
	sed 's/^/# /' "$work/make"
	echo "Bail out! $1"
	exit 1
}

# ---- What the verifier says ----------------------------------------------------------------------

# What the page has of it: the fence behind the link to the patch.
refusal_on_page() {
	awk -v link="refused/$1.patch)" '
		index($0, link) { found = 1 }
		/^```/ && inside { exit }
		inside
		/^```text/ && found { inside = 1 }' "$page"
}

# Registers, instructions and addresses are numbered by the compiler.
without_numbers() {
	sed -E 's/0x[0-9a-f]+/N/g; s/[0-9]+/N/g'
}

# Each line of the page begins one of the log, in this order; on 6.1, whose words the page has, the
# last one is the whole of it.
is_said_so() {
	local want=$1 got=$2 line next=() all=()
	mapfile -t next <"$want"
	mapfile -t all <"$got"
	((${#next[@]})) || { echo "the page has no refusal" && return 1; }
	for line in "${all[@]}"; do
		((${#next[@]})) || break
		[[ $line == "${next[0]}"* ]] || continue
		[[ $(uname -r) != 6.1.* || ${#next[@]} -gt 1 || $line == "${next[0]}" ]] || continue
		next=("${next[@]:1}")
	done
	((${#next[@]} == 0)) || { echo "not said: ${next[0]}" && return 1; }
}

is_refused() {
	local name=$1 hook=syscall run=(-d 1) status=0
	! can_use_pair || hook=pair
	[[ $hook == pair || $name != mask-without-helper ]] || skip "no kprobes here"
	[[ $name != loop-* ]] || run=(-- true) # it is only there with a command
	timeout 120 "$root/$built/$name/sigfd" -v -H "$hook" "${run[@]}" >log 2>&1 || status=$?
	without_numbers <log >got
	in_root refusal_on_page "$name" | without_numbers >want
	cat want
	grep -B 4 '^processed' log || tail -n 3 log
	((status == 3))
	# EACCES too, where the kernel means no right that root could lack.
	[[ $(tail -n 1 log) == "sigfd: can't load the BPF programs: "*'see --check'* ]]
	is_said_so want got
}

can_use_pair() {
	"$root/sigfd" --check | grep -qE '^auto chooses +pair'
}

# Without a command there is no walk, so nothing to refuse.
is_taken_without_command() {
	local hook=syscall
	! can_use_pair || hook=pair
	"$root/$built/loop-without-bound/sigfd" -H "$hook" -d 1
}

refusals() {
	local patch name
	for patch in docs/proofs/refused/*.patch; do
		name=$(basename "$patch" .patch)
		tap "the verifier refuses $name, in the page's words" is_refused "$name"
	done
	tap "it takes loop-without-bound where no command is followed" is_taken_without_command
}

# ---- Recipe: a field -----------------------------------------------------------------------------

shows_the_parent() {
	local hook=syscall
	! can_use_pair || hook=pair
	# shellcheck disable=SC2016 # for the inner shell
	"$root/$built/ppid/sigfd" -j -H "$hook" -- sh -c 'echo $$ >parent
		"$1" & wait' sh "$root/test/bin/demo" >out
	jq -e --argjson parent "$(<parent)" -s 'length == 6 and all(.ppid == $parent)' out
	"$root/$built/ppid/sigfd" -H "$hook" -- "$root/test/bin/demo" >text
	head -n 1 text
	[[ $(head -n 1 text) == 'PID     TID     PPID    COMM '* ]]
}

# A copy of the tree with the recipe, but for one of its places.
without_place() {
	awk -v left_out="$1" '/^--- a\// { skip = $2 == "a/" left_out } !skip' \
		"$root/docs/recipes/ppid.patch" >recipe.patch
	(in_root patched "$PWD/recipe.patch" "$PWD/tree")
	cp -r "$root"/test.sh "$root"/test tree
}

# The checks of `make lint` that are about fields, in that tree; of test.sh without its last line,
# by which it begins.
lint_in_tree() {
	make -C tree >built 2>&1 || { grep error: built && return; }
	missing_fields tree
	(cd tree && bash -c 'source <(sed \$d test.sh) && build_unit && check_keys' ./test.sh 2>&1)
}

# What the page says for it: the third column of its row.
is_named() {
	without_place "$1"
	lint_in_tree >said || true
	cat said
	(in_root sed -n "s#^| \`$1\`[^|]*| [^|]*| \`\(.*\)\` |\$#\1#p" "$page") >want
	[[ -s want ]]
	grep -qF -f want said
}

nothing_is_named() {
	without_place none
	lint_in_tree >said
	cat said
	[[ ! -s said ]]
}

places() {
	local place
	tap "with the whole recipe nothing is missing" nothing_is_named
	for place in sigfd.h sigfd.bpf.c sigfd.c docs/sigfd.8; do
		tap "ppid without its place in $place: the page's message names it" is_named "$place"
	done
}

# ---- Recipe: another call ------------------------------------------------------------------------

traces_eventfd() {
	local pid count flags ret
	[[ -e /sys/kernel/tracing/events ]] || mount -t tracefs tracefs /sys/kernel/tracing
	: >out
	"$root/build/eventfd" >>out 2>err &
	wait_until has_text out RESULT
	"$root/$built/caller" >said
	while read -r pid count flags ret; do
		wait_until has_text out "$pid +$pid +$count +$flags +$ret("$'\n|$)'
	done <said
}

# ---- All of it -----------------------------------------------------------------------------------

main() {
	case ${1-} in
	--lint) names ;;
	--places) places ;;
	'' | --build)
		build_all
		[[ -z ${1-} ]] || exit 0
		refusals
		tap "the recipe ppid shows the parent's number, in JSON and as a column" shows_the_parent
		tap "the recipe eventfd shows calls of eventfd2" traces_eventfd
		;;
	--help | -h) usage && exit ;;
	*) usage >&2 && exit 2 ;;
	esac
	end_tap
}

main "$@"
