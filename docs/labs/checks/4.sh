# shellcheck shell=bash disable=SC2154 # $lab, $folder and $scratch are check's
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# 4.sh: the verifier must take each program, and it must then print of the calls that `calls` makes
# what its first comment says.

todo=('' null index length loop)

built() {
	rm -f "$folder"/*.bpf.o
	make -k -s -C "$folder" TREE="$PWD" >"$folder/.make" 2>&1
	[[ -x $folder/attach ]] || die "attach does not build: $(grep -m 1 . "$folder/.make")"
	cc -O2 -pthread docs/labs/4/calls.c -o "$folder/.calls" || die "calls.c does not build"
	[[ -e $folder/null.bpf.o ]] || does_not_compile null
}

does_not_compile() {
	missing "$1.bpf.c does not compile: $(grep -m 1 "^$1.*error" "$folder/.make" ||
		grep -m 1 . "$folder/.make")"
}

# What the verifier says last, in the words of which Linux 6.1 to 7.3 have one.
refusal() {
	grep -m 1 'invalid mem access\|out of bounds\|min value is\|unbounded\|infinite loop' \
		"$scratch/said" ||
		grep -m 1 ' is too \|too many \|load failed: \|failed to ' "$scratch/said" ||
		tail -n 1 "$scratch/said"
}

# .calls says of each call: TID UFD SIZEMASK MASK. Only one with the size 8 and a readable mask
# reaches do_signalfd4. The bytes of a mask are all alike.
due() {
	awk -v program="$1" '
		function bytes(mask, n) { return n > 0 ? substr(mask, 1, 2 * n) : "0" }
		function least(a, b) { return a < b ? a : b }
		{ reached = $3 == 8 && $4 != "unreadable" }
		program == "null" && reached { print $1, "call", ++calls[$1] }
		program == "index" && reached && $2 >= 0 && $2 < 64 {
			print $1, "descriptor", $2 ": update", ++updates[$2]
		}
		{ size = $4 == "unreadable" ? 0 : $3 }
		program == "length" {
			first = bytes($4, least(size, 8))
			print $1, "size", $3, "mask", first, bytes($4, least(size, 16) - 8)
		}
		program == "loop" && $4 == "unreadable" { print $1, "unreadable" }
		program == "loop" && $4 != "unreadable" { print $1, "mask", $4 }
	' "$scratch/truth"
}

printed() {
	sed -E 's/^.*-([0-9]+) +\[[0-9]+\] .*bpf_trace_printk: /\1 /; s/ +/ /g; s/\<0x//g; s/ $//' \
		"$scratch/trace" |
		awk 'NR == FNR { known[$1]; next } $1 in known' "$scratch/truth" -
}

# runs TODO PROGRAM
runs() {
	local want got
	[[ -e $folder/$2.bpf.o ]] || does_not_compile "$2"
	# shellcheck disable=SC2016 # for the inner shell
	timeout 60 "$folder/attach" "$folder/$2.bpf.o" sh -c 'exec "$1" "$2" >"$3"' sh \
		"$folder/.calls" $((RANDOM % 20 + 4)) "$scratch/truth" \
		>"$scratch/trace" 2>"$scratch/said" ||
		missing "$2.bpf.c, TODO $1: refused: $(refusal); run" \
			"$folder/attach $folder/$2.bpf.o, and read the lines above that one"
	due "$2" >"$scratch/due"
	printed >"$scratch/printed"
	while read -r _ want <&3; do
		read -r _ got <&4 || got=nothing
		[[ $want == "$got" ]] || missing "$2.bpf.c, TODO $1: the verifier takes it," \
			"but it prints '$got', where '$want' is due; see its first comment, and" \
			"$folder/attach $folder/$2.bpf.o $folder/calls"
	done 3<"$scratch/due" 4<"$scratch/printed"
	cmp -s "$scratch/due" "$scratch/printed" ||
		missing "$2.bpf.c, TODO $1: it prints more than its first comment says"
}

shown() {
	local n
	for n in 1 2 3 4; do
		runs "$n" "${todo[n]}"
	done
}
