# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# patch.sh: builds sigfd with a patch applied; to be sourced, behind tap.sh. The patches of docs
# have as little context as will do, so that a change of a comment does not break them.

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
	perl -0777 -e '
		my ($patch, $tree) = @ARGV;
		open my $in, "<", $patch or die "$patch: $!\n";
		for (split /^(?=--- a\/)/m, <$in>) {
			my ($name) = m{^--- a/(\S+)} or next;
			open my $file, "<", "$tree/$name" or die "$name: $!\n";
			my $text = "\n" . <$file>;
			my (undef, @hunks) = split /^@@.*\n/m;
			for (@hunks) {
				my $old = join "", map { substr $_, 1 } grep { /^[ -]/ } /.*\n/g;
				my $places = () = $text =~ /(?<=\n)\Q$old\E/g;
				$places == 1 or die "$patch: in $places places of $name:\n$old";
			}
		}' "$1" "$2"
}
