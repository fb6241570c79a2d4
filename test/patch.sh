# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# patch.sh: applies the patches of docs to a copy of sigfd; to be sourced. They have as little context
# as will do, so that a change of a comment does not break them.

# patched PATCH TREE: a copy of the sources with the patch applied; and of the kernel's types that
# the tree's own build took, which cost seconds.
patched() {
	rm -rf "$2"
	mkdir -p "$2/build" "$2/docs"
	cp -p Makefile sigfd.c sigfd.h sigfd.bpf.c "$2"
	cp -p docs/sigfd.8 "$2/docs"
	cp -p build/vmlinux.h build/stamp build/tools.stamp "$2/build"
	have_one_place "$1" "$2" && patch -p1 --fuzz=0 --force -d "$2" <"$1"
}

# have_one_place PATCH TREE: each hunk's old text is in its file exactly once. Else, with so little
# context, it might go to a wrong place unnoticed.
have_one_place() {
	local line file='' old='' found=0
	while IFS= read -r line; do
		case $line in
		'--- a/'* | @@*)
			[[ -z $old ]] || is_once "$file" "$old" || return
			old='' found=1
			[[ $line == @@* ]] || file=$2/${line#--- a/}
			;;
		[' -']*) [[ -z $file ]] || old+=${line:1}$'\n' ;;
		esac
	done < <(cat "$1" && echo '@@')
	((found)) && [[ -n $file ]]
}

is_once() {
	local text rest
	text=$'\n'$(<"$1")$'\n'
	rest=${text//$'\n'"$2"/$'\n'}
	((${#text} - ${#rest} == ${#2})) || { echo "not once in $1:"$'\n'"$2" && return 1; }
}
