#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# citations.sh: whether the proofs, evidence, code, options and keys that the pages cite are there, and
# whether each proof is cited where it should be. It runs no proof (test/prove.sh does): it reads them,
# and the pages, in the tree's root, after make. TAP; under each test are its faults.
#
#	an ID        C01 to C49: a claim, judged in docs/corrections.md under "### C09 The claim"
#	             S01 to S999: a statement of docs/signalfd.md
#	a proof      a program that shows them: in docs/proofs, or a script of the tests. What it prints
#	             begins with their IDs: ok(holds, "C09 S41 what the kernel does")
#	a verdict    the word in bold that begins what is said of a claim: **Wrong.**
#	Proof:       ends it: its proofs in backticks; or "No proof:" and the reason
#	[S41] [C09]  a statement that a proof shows. A tag with a link, [S41](#queueing), is a mention;
#	             what is in backticks is neither
#	FILE@v6.12   evidence in the kernel's source, by path; a commit has 12 digits or more
#
# Of code in the pages: <!-- from docs/proofs/daemon.c --> before a block names the file that has just
# these lines, indented as may be. A block of C wants one; or <!-- from no file: REASON -->. Options
# cited in backticks, or with sigfd, test.sh or vm.sh, exist; other programs' stand with the name,
# as in `make -j`. JSON keys exist, which are cited as jq has them: `.ret`.

# shellcheck disable=SC2016 # the backticks are Markdown's

source test/tap.sh || exit
shopt -s nullglob globstar

claims=49
verdicts='Correct|Incomplete|Imprecise|Misleading|Wrong'
pages=(README.md docs/**/*.md)
proofs=(docs/proofs/*.c docs/proofs/*.sh
	test/[d]aemon.sh test/[r]ace.sh) # in brackets, so that they count only if they are there

# check NAME COMMAND...: passes if it has nothing to say. (In a shell of its own, so that what ends
# that is said, too.)
check() {
	("${@:2}") >"$work/faults" 2>&1
	[[ ! -s $work/faults ]]
	report $? "$1" <"$work/faults"
}

# ---- What the proofs show ------------------------------------------------------------------------

# A proof as it is compiled or run: what is only in a comment, or left out by #if, shows nothing.
code_of() {
	case $1 in
	*.c) gcc -E -P "$1" ;;
	*) sed 's/^[[:space:]]*#.*//' "$1" ;;
	esac
}

# A line "ID PROOF" for each.
read_shown() {
	local proof id
	for proof in "${proofs[@]}"; do
		while read -r id; do
			echo "$id $proof"
		done < <(code_of "$proof" | grep -oE "[\"']([CS][0-9]{2,3} )+" | grep -oE '[CS][0-9]+')
	done | sort -u
}

# ---- The claims ----------------------------------------------------------------------------------

# Of each claim a line "ID|VERDICT|P or N for each Proof: or No proof:|what follows that".
read_claims() {
	awk -v verdicts="^[*][*]($verdicts)[.][*][*]" '
	function row() { if (id) print id "|" verdict "|" kind "|" proof }
	/^ *(```|~~~)/ { fenced = !fenced }
	fenced { next }
	/^##?#? / {
		row()
		id = /^### C[0-9]/ ? $2 : ""
		verdict = kind = proof = ""; begun = open = 0
		next
	}
	!id { next }
	!begun && /[^ ]/ {
		begun = 1
		if ($0 ~ verdicts) { verdict = $1; gsub(/[*.]/, "", verdict) }
	}
	/^[A-Z][A-Za-z ]*:/ { open = 0 }
	/^Proof:/ { kind = kind "P"; open = 1 }
	/^No proof:/ { kind = kind "N"; open = 1 }
	/^$/ { open = 0 }
	open { proof = proof " " $0 }
	END { row() }' docs/corrections.md
}

# The proof that a claim names: from the root, from docs, or as the program that make builds of it.
proof_of() {
	local proof
	for proof in "${proofs[@]}"; do
		case $proof in
		"$1" | "docs/$1" | "docs/${1#build/}.c") echo "$proof" && return ;;
		esac
	done
	return 1
}

# A line "ID PROOF" for each that a claim cites; "ID -" and the name where there is none such.
read_cited() {
	local id kind text name
	while IFS='|' read -r id _ kind text; do
		[[ $kind == *P* ]] || continue
		while read -r name; do
			echo "$id $(proof_of "$name" || echo "- $name")"
		done < <(grep -oE '`[^`]+`' <<<"$text" | tr -d '`')
	done <"$work/claims" | sort -u
}

claims_in_order() {
	diff <(seq -f 'C%02g' "$claims") <(cut -d '|' -f 1 "$work/claims") |
		sed -n 's/^< /missing here: /p; s/^> /not expected here: /p'
}

claims_without_verdict() {
	awk -F '|' -v some="${verdicts//|/, }" \
		'!$2 { print $1 ": begins with none of " some }' "$work/claims"
}

claims_without_proof() {
	awk -F '|' '
	$3 != "P" && $3 != "N" { print $1 ": wants one line of Proof: or No proof:"; next }
	$3 == "P" && $4 !~ /`/ { print $1 ": names no proof" }
	$3 == "N" && $4 !~ /proof: +[^ ]+ +[^ ]/ { print $1 ": has no reason" }' "$work/claims"
}

cited_in_vain() {
	comm -23 "$work/cited" "$work/shown" |
		sed -E 's/^(...) - (.*)/\1: there is no proof \2/; t; s/^(...) /\1: not shown by /'
}

shown_uncited() {
	comm -13 "$work/cited" "$work/shown" | sed -nE 's/^(C..) /\1: not cited, but shown by /p'
}

# ---- The statements ------------------------------------------------------------------------------

# The text of pages, without what is fenced or in backticks.
prose() {
	awk '/^ *(```|~~~)/ { fenced = !fenced; next } !fenced { gsub(/`[^`]*`/, ""); print }' "$@"
}

# The IDs in their tags: [S41], [C09 S41].
tags() {
	prose "$@" | grep -oE '\[[CS][0-9]{2,3}([ ,]+[CS][0-9]{2,3})*\]' | grep -oE '[CS][0-9]+'
}

# Without those that are only mentioned.
statements() {
	prose docs/signalfd.md | sed -E 's/\[[CS0-9 ,]*\]\([^)]*\)//g' >"$work/stated"
	tags "$work/stated" | grep S
}

tags_not_shown() {
	local id
	while read -r id; do
		grep -q "^$id " "$work/shown" || echo "[$id]: shown by no proof"
	done < <({ tags docs/signalfd.md; tags "${pages[@]}" | grep S; } | sort -u)
	prose "${pages[@]}" | grep -oE '\[[CS][0-9]+' | grep -vE '^..[0-9]{2,3}$' |
		sed 's/$/]: an ID has two digits, or three/'
}

shown_not_stated_once() {
	local id times
	statements >"$work/statements"
	while read -r id; do
		times=$(grep -cx "$id" "$work/statements")
		((times == 1)) || echo "$id: stated $times times"
	done < <(grep -oE '^S[0-9]+' "$work/shown" | sort -u)
}

# A script that traces a proof may show its statements once more.
shown_by_two() {
	awk '/^S/ && $2 !~ "^test/" { proofs[$1] = proofs[$1] " " $2; n[$1]++ }
		END { for (id in n) if (n[id] > 1) print id ": by" proofs[id] }' "$work/shown"
}

# ---- Evidence ------------------------------------------------------------------------------------

# What has a folder before the @, or the number of a version after it, is meant as evidence.
evidence_misshapen() {
	local file='([A-Za-z0-9_.+-]+/)+[A-Za-z0-9_.+-]+'
	grep -oE '[A-Za-z0-9_./()+-]*@[A-Za-z0-9_.+-]*' "${pages[@]}" "${proofs[@]}" |
		sed -E 's/[.-]*$//; s/:\(+/:/' | grep -E ':.*/.*@|@v?[0-9]' |
		grep -vE ":$file@(v|glibc-|man-pages-)[0-9]+\.[0-9]+(\.[0-9]+)?(-rc[0-9]+)?$"
}

# A word of hexadecimal digits is a commit if "commit" precedes it, or if it is in backticks.
commits_too_short() {
	grep -oiE '\bcommit `?[0-9a-f]{4,11}\b' "${pages[@]}" "${proofs[@]}" | grep '[0-9][^:]*$'
	grep -oE '`[0-9a-f]{7,11}`' "${pages[@]}" | grep -E ':.*[0-9]' | grep ':.*[a-f]'
}

# ---- Code in the pages ---------------------------------------------------------------------------

excerpts_elsewhere() {
	awk '
	function fault(what) { print FILENAME ": " what ": " line[1] }

	# Are the n lines somewhere in the file, one after the other, each with the same before it?
	function is_in(file,    text, have, total, start, first, before, i, both) {
		total = 0
		while ((getline have < file) > 0)
			text[++total] = have
		close(file)
		for (start = 0; start + n <= total; start++) {
			first = text[start + 1]
			before = substr(first, 1, length(first) - length(line[1]))
			if (before ~ /[^ \t]/)
				continue
			for (i = 1; i <= n; i++) {
				both = text[start + i] line[i]
				if (text[start + i] != before line[i] && both != "")
					break
			}
			if (i > n)
				return 1
		}
		return 0
	}

	function judge() {
		if (!n)
			return
		if (source == "" && language == "c")
			fault("C from no file")
		else if (source != "" && source !~ /^no file: ./ && !is_in(source))
			fault("not in " source)
	}

	FNR == 1 { fenced = 0; source = "" }
	/^ *(```|~~~)/ && fenced { judge(); fenced = 0; source = ""; next }
	/^ *(```|~~~)/ {
		fenced = 1
		n = 0
		indent = match($0, /[^ ]/) - 1
		language = $0
		gsub(/[ `~]/, "", language)
		next
	}
	fenced { line[++n] = substr($0, 1, indent) ~ /[^ ]/ ? $0 : substr($0, indent + 1); next }
	/^ *<!-- from .* -->/ {
		source = $0
		sub(/^ *<!-- from +/, "", source)
		sub(/ *-->.*/, "", source)
		next
	}
	/[^ ]/ { source = "" }' "${pages[@]}"
}

# A block of C with a main() is there to be copied: it compiles as it stands.
programs_broken() {
	local page program
	for page in "${pages[@]}"; do
		rm -f "$work"/program.*.c
		awk -v to="$work/program." '
		/^ *(```|~~~)/ && fenced {
			if (is_c && text ~ /[ \n]main\(/)
				printf "%s", text >(to (++n) ".c")
			fenced = 0
			next
		}
		/^ *(```|~~~)/ { fenced = 1; is_c = /(```|~~~)c$/; text = ""; next }
		fenced { text = text $0 "\n" }' "$page"
		for program in "$work"/program.*.c; do
			gcc -Wall -Wextra -Werror -fsyntax-only "$program" 2>&1 | sed "s|^|$page: |"
		done
	done
}

# ---- Options and keys ----------------------------------------------------------------------------

# "x --long" for each option that a program's --help lists; "x= --long" for one with a value.
options_of() {
	"$1" --help | sed -nE 's/^ +(-(.), *)?(--[a-z0-9-]+)(=?).*/\2\4 \3/p'
}

# is_option FILE WORD: of the options in FILE. -xe60 is -x, -e and, if -e has a value, that.
is_option() {
	local i
	if [[ $2 == --* ]]; then
		grep -q -- " ${2%%=*}\$" "$1"
		return
	fi
	for ((i = 1; i < ${#2}; i++)); do
		! grep -qF -- "${2:i:1}= -" "$1" || return 0
		grep -qF -- "${2:i:1} -" "$1" || return
	done
}

# Of command lines, the options up to the first --.
options_cited() {
	local line word
	while read -r line; do
		for word in $line; do
			case $word in
			--) break ;;
			-[a-zA-Z]* | --[a-z]*)
				# A message begins with an option and a colon.
				is_option "$1" "${word%:}" || echo "no option $word: $line"
				;;
			esac
		done
	done
}

options_unknown() {
	local program name
	for program in ./sigfd ./test.sh test/vm.sh; do
		name=${program##*/}
		options_of "$program" >"$work/$name"
		cat "$work/$name" >>"$work/any"
		[[ -s $work/$name ]] || { echo "$program --help lists no option" && continue; }
		grep -ohE "(^|[^A-Za-z0-9_])${name/./\\.} +-[^|;#>&\`]*" "${pages[@]}" |
			sed -E "s/^.?$name +//" | options_cited "$work/$name"
	done
	# An option without its program is of one of these, or what a lab adds; -EINVAL is none.
	sed -nE 's/^\+.*\{ "([a-z-]+)", .*/ --\1/p' docs/labs/solutions/8/*.patch >>"$work/any"
	grep -ohE '`-[^`]*`' "${pages[@]}" | tr -d '`' | grep -vE '^-E[A-Z0-9]+$' |
		options_cited "$work/any"
}

keys_unknown() {
	local key
	sed -nE 's/^\s*field\([^,]*, "([a-z_]+)".*/\1/p' sigfd.c | sort -u >"$work/keys"
	[[ -s $work/keys ]] || { echo "sigfd.c has no keys" && return; }
	while read -r key; do
		grep -qx -- "${key#.}" "$work/keys" || echo "no key $key"
	done < <({
		grep -ohE '`\.[a-z_]+`' "${pages[@]}"
		grep -hw jq "${pages[@]}" | grep -oE '(^|[^A-Za-z0-9_./])\.[a-z_]+'
	} | grep -oE '\.[a-z_]+' | sort -u)
}

# A picture says nothing that its page does not: each word of its labels, a name or not, is there.
labels_elsewhere() {
	local word
	sed -nE 's/.*<text[^>]*>([^<]*)<.*/\1/p' docs/signalfd.svg >"$work/labels"
	[[ -s $work/labels ]] || { echo "docs/signalfd.svg has no labels" && return; }
	while read -r word; do
		grep -qiwF -- "$word" docs/signalfd.md || echo "not in docs/signalfd.md: $word"
	done < <(grep -oE '[A-Za-z0-9_-]+' "$work/labels" | sort -u)
	[[ $(grep -cF '](signalfd.svg)' docs/signalfd.md) == 1 ]] ||
		echo "docs/signalfd.md does not show docs/signalfd.svg once"
}

# The table of a record's fields, against the header: names and types, in their order.
fields_elsewhere() {
	local header='#include <linux/signalfd.h>'
	gcc -E -P - <<<"$header" | tr -d '\n' |
		grep -oP 'struct signalfd_siginfo \{\K[^}]*' | tr ';' '\n' |
		sed -nE 's/^ *__([us][0-9]+) (ssi_[a-z_]+)$/\2 \1/p' >"$work/header"
	sed -nE 's/^[|] (`ssi_[^|]*)[|]([^|]*)[|].*/\1|\2/p' docs/signalfd.md | tr -d '` ' |
		awk -F '|' '{
			fields = split($1, field, ",")
			types = split($2, type, ",")
			for (i = 1; i <= fields; i++) {
				one = type[i <= types ? i : types]
				sub(/^uint/, "u", one); sub(/^int/, "s", one); sub(/_t$/, "", one)
				print field[i], one
			}
		}' >"$work/table"
	[[ -s $work/header ]] || echo "linux/signalfd.h has no fields"
	diff "$work/header" "$work/table"
}

# "Of 49 claims 9 are correct, ..." counts what follows it.
verdicts_miscounted() {
	local verdict n
	for verdict in ${verdicts//|/ }; do
		n=$(grep -c "^\*\*$verdict\.\*\*" docs/corrections.md)
		tr '\n' ' ' <docs/corrections.md |
			grep -qE "Of $claims claims .*\b$n (are )?${verdict,,}" ||
			echo "$verdict: $n"
	done
}

main() {
	read_shown >"$work/shown"
	read_claims >"$work/claims"
	read_cited >"$work/cited"
	check "each claim is judged once, in order" claims_in_order
	check "each claim has a verdict" claims_without_verdict
	check "the claims are counted rightly" verdicts_miscounted
	check "each claim has its proof, or a reason why there is none" claims_without_proof
	check "each proof that a claim cites shows it" cited_in_vain
	check "each claim that a proof shows cites it" shown_uncited
	check "each statement in the pages is shown by a proof" tags_not_shown
	check "each statement that a proof shows is stated once" shown_not_stated_once
	check "each statement is shown by one proof" shown_by_two
	check "evidence is a path at a version" evidence_misshapen
	check "commits have 12 digits" commits_too_short
	check "each excerpt is in its file" excerpts_elsewhere
	check "each whole program in the pages compiles as it stands" programs_broken
	check "each word of the picture is in its page" labels_elsewhere
	check "the table of a record's fields is the header's" fields_elsewhere
	check "each option that the pages cite exists" options_unknown
	check "each JSON key that the pages cite exists" keys_unknown
	end_tap
}

main "$@"
