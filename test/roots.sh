#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# roots.sh: whether README.md's commands work on a Debian where nothing is installed. Each runs in a
# bare root, in a clean clone of this tree's last commit; the root is kept, as it was before, in the
# cache.

# shellcheck disable=SC2016 # for other shells

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=test/tap.sh
source "$here/tap.sh" || exit
# shellcheck source=test/apt.sh
source "$here/apt.sh" || exit
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C # programs' words are read here
tree=${here%/*}
cache=${SIGFD_CACHE:-$tree/.cache}/bare
all=no suites=() patience=7200

usage() {
	cat <<-'END'
	usage: test/roots.sh [--all] [SUITE...]

	Runs README.md's ./test.sh --install --demo on a bare root of Debian 12 and
	of Debian 13 (bookworm and trixie, or each SUITE), as root, and prints TAP.
	Wants mmdebstrap and git.

	  --all   ./test.sh --install too, every test: half an hour each

	The roots are kept in $SIGFD_CACHE/bare, or .cache/bare in the tree.
	END
}

parse_options() {
	while (($#)); do
		case $1 in
		--all) all=yes ;;
		--help | -h) usage && exit ;;
		-*) usage >&2 && exit 2 ;;
		*) suites+=("$1") ;;
		esac
		shift
	done
	((${#suites[@]})) || suites=(bookworm trixie)
}

# ---- A bare root ---------------------------------------------------------------------------------

# Its packages come from where this machine has its own, and as its apt gets them.
make_bare() {
	local uri name
	[[ -n $sources ]] || { echo "apt on this machine has no index of Debian $codename" && return 1; }
	apt-config dump | grep -i '^Acquire::' >acquire
	while read -r uri name; do
		echo "deb $uri ${name/#$codename/$suite} main"
	done <<<"$sources" | mmdebstrap --variant=minbase --aptopt="$PWD/acquire" \
		--dpkgopt=force-unsafe-io --include=ca-certificates "$suite" "$cache/$suite.new.tar" -
	mv "$cache/$suite.new.tar" "$cache/$suite.tar"
}

is_bare() {
	mkdir -p "$cache"
	exec {lock}>"$cache/lock"
	flock "$lock"
	[[ -e $cache/$suite.tar ]] || make_bare
}

# ---- A command in it -----------------------------------------------------------------------------

# The mounts are seen by nobody else, and go with the last process. The root is one, or unshare(1)
# could do nothing in it. (No PID namespace: in one sigfd can do less.)
in_root() {
	timeout "$patience" unshare --mount sh -c 'root=$1 && shift &&
		mount --bind "$root" "$root" && cd "$root" &&
		for place in proc sys dev; do
			mount --rbind "/$place" "$root/$place" || exit
		done
		cp /etc/resolv.conf "$root/etc/" 2>/dev/null
		exec chroot "$root" env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			sh -c "cd /root/sigfd && exec \"\$@\"" sh "$@"' sh "$root" "$@"
}

# A fresh copy of the root, with a clone of the tree in it.
prepare() {
	root=$(mktemp -d "$cache/$suite.XXXXXX")
	tar x --numeric-owner -C "$root" <"$cache/$suite.tar"
	git clone -q --no-hardlinks "$tree" "$root/root/sigfd" || copy_tree "$root/root/sigfd"
}

# Of a tree that is no repository: the same, but for what was built.
copy_tree() {
	mkdir "$1"
	tar c -C "$tree" --exclude=./{.cache,build,work,sigfd,sigfd-static,test/bin} . | tar x -C "$1"
}

clean_up() {
	end_jobs
	[[ -z ${root-} ]] || rm -rf --one-file-system "$root"
}

# What the commands must print at their end. (A static program is what the distribution's libraries
# may be unfit for.)
demo() {
	prepare
	in_root ./test.sh --install --demo >out 2>err
	grep -q '^sigfd: 6 calls: 6 shown, 0 lost' err
	equal 'lines' 7 "$(wc -l <out)"
	in_root make static >log 2>&1
	in_root ./sigfd-static --version
}

every_test() {
	local status=0
	prepare
	in_root ./test.sh --install >out 2>err || status=$?
	grep -A 20 '^not ok' out || true
	grep -E '^[0-9]+ passed' out
	sed "s/^/# $suite: /" <(grep -E '^[0-9]+ passed' out) >&3
	return "$status"
}

main() {
	local suite sources
	parse_options "$@"
	exec 3>&1
	echo 'TAP version 13'
	if ((EUID)); then
		report 77 "bare roots" <<<"only root can make one"
		end_tap
		return
	fi
	for program in mmdebstrap git; do
		type -P "$program" >/dev/null ||
			{ echo "roots.sh: $program is missing: apt-get install $program" >&2 && exit 2; }
	done
	sources=$(apt_sources)
	for suite in "${suites[@]}"; do
		tap "$suite: a bare root" is_bare
		tap "$suite: ./test.sh --install --demo, and make static" demo
		[[ $all == no ]] || tap "$suite: ./test.sh --install" every_test
	done
	end_tap
}

main "$@"
