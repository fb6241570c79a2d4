# shellcheck shell=bash disable=SC2154 # $folder and $scratch are check's
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# 8.sh: the folder's sigfd must say of each call which nice value the calling thread has, in text
# and in JSON; with --nice leave out those where it is 0, at both places, and load a longer program
# than without. Step 4 is not asked for; where it was begun, that is where there is a key
# old_mask, this must be what fdinfo had before the call.

built() {
	make -s -C "$folder" >"$scratch/make" 2>&1 ||
		missing "sigfd does not build: $(grep -m 1 'error\|Error' "$scratch/make"); run make -C $folder"
	! grep -q 'warning:' "$scratch/make" ||
		missing "sigfd builds with a warning: $(grep -m 1 'warning:' "$scratch/make")"
	cc -O2 -pthread docs/labs/checks/8-calls.c -o "$folder/.calls" || die "8-calls.c does not build"
}

# traces CALLS OPTION...: into $scratch/out and $scratch/err; what is due is in $scratch/truth.
traces() {
	timeout 100 "$folder/sigfd" "${@:2}" -- "$folder/.calls" "$1" "$scratch/truth" \
		>"$scratch/out" 2>"$scratch/err"
	grep -q ' calls: ' "$scratch/err" ||
		missing "sigfd ${*:2} does not trace: $(tail -n 1 "$scratch/err" | cut -c 1-200)"
}

# value KEY: of each event in JSON, as it stands there.
value() {
	sed -nE 's/.*[{,]"'"$1"'":("[^"]*"|[^",}]*).*/\1/p' "$scratch/out"
}

# In text: the columns TID and NICE, by the heading.
columns() {
	awk 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		NR > 1 && at["NICE"] { print $at["TID"], $at["NICE"] }' "$scratch/out"
}

tells_the_nice_value() {
	traces nice -j
	value nice >"$scratch/nice"
	[[ -s $scratch/nice ]] || missing "step 2: no key nice in an event's JSON; look at put_event()"
	paste -d ' ' <(value tid) "$scratch/nice" | diff - "$scratch/truth" >"$scratch/diff" ||
		missing "step 2: TID and nice value are '$(sed -n 's/^< //p' "$scratch/diff" | head -n 1)'," \
			"where the kernel says '$(sed -n 's/^> //p' "$scratch/diff" | head -n 1)'; look at" \
			"send(), and at the line in put_event()"
}

has_the_column() {
	traces nice
	head -n 1 "$scratch/out" | grep -qw NICE ||
		missing "step 2: no column NICE in the text; look at put_event()"
	columns | cmp -s - "$scratch/truth" ||
		missing "step 2: below NICE stands not the nice value; look at put_event()"
}

filters() {
	local due
	"$folder/sigfd" --help | grep -q -- '--nice' ||
		missing "step 3: there is no option --nice; look at options[] in sigfd.c"
	traces nice -j --nice "$@"
	due=$(grep -cv ' 0$' "$scratch/truth")
	paste -d ' ' <(value tid) <(value nice) | cmp -s - <(grep -v ' 0$' "$scratch/truth") ||
		missing "step 3: --nice $* does not show the $due calls of threads that are nice, and no" \
			"others; look at wanted()"
	grep -q "^sigfd: $due calls: $due shown, 0 lost" "$scratch/err" ||
		missing "step 3: the account with --nice is not '$due calls: $due shown': calls are to be left" \
			"out before they are counted; look at wanted()"
}

# bytes [--nice]: how long the program kernel_enter is, as the kernel has it.
bytes() {
	"$folder/sigfd" "$@" >"$scratch/out" 2>"$scratch/err" &
	for _ in {1..100}; do
		! grep -q '^sigfd: Tracing' "$scratch/err" || break
		sleep 0.1
	done
	bpftool prog show | grep -A 3 'name kernel_enter ' |
		sed -nE 's/.* xlated ([0-9]+)B.*|^\txlated ([0-9]+)B.*/\1\2/p' | tail -n 1
	kill "$!"
	wait "$!"
}

vanishes() {
	local without with
	without=$(bytes)
	with=$(bytes --nice)
	[[ $with && $without ]] || die "bpftool prog show names no kernel_enter"
	((with > without)) ||
		missing "step 3: kernel_enter is no longer with --nice ($with bytes) than without ($without);" \
			"look at how settings and wanted() have the others"
}

# Only where it was begun.
tells_the_old_set() {
	traces update -j
	value old_mask >"$scratch/old"
	[[ -s $scratch/old ]] || return 0
	diff "$scratch/old" "$scratch/truth" >"$scratch/diff" ||
		missing "step 4: old_mask is $(sed -n 's/^< //p' "$scratch/diff" | head -n 1) where fdinfo says" \
			"$(sed -n 's/^> //p' "$scratch/diff" | head -n 1), for descriptor" \
			"$(value ufd | sed -n "$(sed -nE '1s/^([0-9]+).*/\1p/p' "$scratch/diff")"); is that a" \
			"signalfd, and what does the kernel keep of it?"
}

shown() {
	tells_the_nice_value
	has_the_column
	filters
	filters -H syscall
	vanishes
	tells_the_old_set
}
