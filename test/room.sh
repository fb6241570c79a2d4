#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# room.sh: whether `make vm` gives a shell in a virtual machine in which the tree can be written to, and
# `make vm-enter` further terminals in the same one: in a copy of the tree, as root and as an ordinary user.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit # tap, end_tap, and the folder $work
source test/apt.sh || exit # codename

root=$PWD cache=${SIGFD_CACHE:-$PWD/.cache}
user=() tree=''
patience=120

usage() {
	cat <<-'END'
	usage: test/room.sh

	Tries make vm and make vm-enter, after `make all programs`; prints TAP. Where root
	runs it, as an ordinary user too, and with packages such as Ubuntu's.
	END
}

# ---- Someone at a terminal -----------------------------------------------------------------------

# sit NAME TARGET: runs `make TARGET` at a terminal of its own. What is typed goes to NAME.in, and what
# is shown comes to NAME.out.
sit() {
	local name=$1 typed
	mkfifo "$name.in"
	# As a program of its own, which hears SIGINT.
	(cd "$tree" && exec "${user[@]}" script -qefc "stty rows 30 cols 100; exec make -s $2" /dev/null) \
		<"$name.in" >"$name.out" 2>&1 &
	exec {typed}>"$name.in"
	declare -g "$name=$typed" "pid_$name=$!"
}

# types NAME TEXT
types() {
	local typed=$1
	printf '%s' "$2" >&"${!typed}"
}

# says NAME COMMAND REGEX: what the command prints, as "<...>" in one line. (The echo of what was typed
# has no result in it.)
says() {
	types "$1" "echo \"<\$({ $2; } | xargs)>\""$'\n'
	wait_until has_text "$1.out" "$3"
}

has_left() {
	local pid=pid_$1
	wait_until has_ended "${!pid}"
	wait "${!pid}"
}

# ---- What is tried -------------------------------------------------------------------------------

copy_tree() {
	tree=$work/tree$count
	mkdir -p "$tree/.cache"
	(cd "$root" && { git ls-files -z 2>/dev/null || find . -path ./.cache -prune -o -type f -print0; } |
		tar c --null -T - sigfd build test/bin) | tar x -C "$tree"
	# The kernel may be read by another user, but not the folder that it is in.
	mkdir -p "$tree/.cache/kernel/$1"
	cp -rL "$cache/kernel/$1/default-"* "$tree/.cache/kernel/$1/"
	if ((${#user[@]})); then
		chown -R 65534:65534 "$tree"
	fi
}

the_room() {
	local id
	copy_tree amd64
	sit first vm
	wait_until has_text first.out 'You are root in a virtual machine'
	says first 'id -u; uname -n' '<0 vm>'
	says first './sigfd --check | grep -o "chooses *pair"' '<chooses *pair>'
	says first 'stty size' '<30 100>'

	echo 'the tree: written in the guest, and on the host'
	says first 'echo guest >written; docs/labs/start 9 2>&1; ls -d written' '<start: .*written>'
	equal 'on the host' guest "$(<"$tree/written")"
	equal 'its owner' "$(stat -c %u "$tree/Makefile")" "$(stat -c %u "$tree/written")"
	echo host >"$tree/written"
	says first 'cat written' '<host>'

	echo 'make there has nothing to do, and remakes what a change asks for'
	says first 'make -k all programs 2>&1 | grep -ce "-o "' '<0>'
	says first 'touch test/prog/demo.c; make -k all programs 2>&1 | grep -oe "-o .*"' '<-o test/bin/demo>'
	make -C "$tree" all programs >here.out
	grep -e '-o ' here.out && return 1

	echo 'a second machine'
	(cd "$tree" && "${user[@]}" make -s vm) >second.out 2>&1 && return 1
	has_text second.out 'it runs already; another terminal in it: make vm-enter'

	echo 'two more terminals, in the same machine'
	sit other vm-enter
	sit third vm-enter
	says other 'cat /proc/sys/kernel/random/boot_id' '<[0-9a-f-]{36}>'
	id=$(grep -oE '<[0-9a-f-]{36}>' other.out)
	says first 'cat /proc/sys/kernel/random/boot_id' "$id"
	says third 'cat /proc/sys/kernel/random/boot_id; stty size' "${id%>} 30 100>"

	echo 'Ctrl-C ends what runs in one of them, and nothing else'
	types other $'sleep 1000\n'
	says first 'until pidof sleep; do :; done >/dev/null; tty' '</dev/tty'
	types other $'\x03'
	# shellcheck disable=SC2016 # for the guest's shell
	says other 'echo $((6 * 7)); pidof sleep' '<42>'

	echo 'one leaves, and comes again'
	types other $'exit\n'
	has_left other
	sit again vm-enter
	says again 'tty' '</dev/hvc[0-2]>'

	echo 'all are in use'
	sit fourth vm-enter
	says fourth 'tty' '</dev/hvc[0-2]>'
	sit fifth vm-enter
	if has_left fifth; then return 1; fi
	has_text fifth.out 'all its terminals, 3 and the first, are in use'

	echo 'a window is closed: its jobs end, and another may have its place'
	types third $'sleep 1000 & sleep 1000\n'
	# shellcheck disable=SC2016 # for the guest's shell
	says first 'until [ "$(pidof sleep | wc -w)" = 2 ]; do :; done; echo both' '<both>'
	# shellcheck disable=SC2154 # sit sets it
	kill -KILL "$pid_third" # script, which holds the other end of its terminal
	says first 'while pidof sleep; do :; done >/dev/null; echo none' '<none>'
	sit sixth vm-enter
	says sixth 'tty' '</dev/hvc[0-2]>'

	echo 'the machine ends, and its terminals with it'
	types first $'exit\n'
	has_left first
	has_left sixth
	has_text sixth.out 'The machine has ended'
	equal 'written' host "$(<"$tree/written")"
}

no_room() {
	copy_tree amd64
	sit none vm-enter
	if has_left none; then return 1; fi
	has_text none.out 'no machine runs; start one: make vm'
}

# ---- On Ubuntu -----------------------------------------------------------------------------------

# package SUITE NAME VERSION DEPENDS: with what the folder NAME holds, added to that suite.
package() {
	local index=dists/$1/main/binary-amd64
	mkdir -p "$index" pool "$2/DEBIAN"
	printf '%s\n' "Package: $2" "Version: $3" "Architecture: amd64" "Depends: $4" \
		"Maintainer: test.invalid <test@test.invalid>" "Description: $2" >"$2/DEBIAN/control"
	dpkg-deb -Znone --build "$2" "pool/$2_$3.deb" >>log
	{
		cat "$2/DEBIAN/control"
		echo "Filename: pool/$2_$3.deb"
		echo "Size: $(stat -c %s "pool/$2_$3.deb")"
		echo "SHA256: $(sha256sum <"pool/$2_$3.deb" | cut -d ' ' -f 1)"
		echo
	} >>"$index/Packages"
}

# As Ubuntu has them: all suites have one codename.
sign_suites() {
	local suite index=main/binary-amd64/Packages
	export GNUPGHOME=$PWD/gnupg
	mkdir -m 700 gnupg keyrings
	gpg --batch --quiet --passphrase '' --quick-gen-key test@test.invalid default default never
	gpg --export >keyrings/ubuntu-archive-keyring.gpg
	for suite in dists/*; do
		printf '%s\n' 'Origin: Ubuntu' "Suite: ${suite#*/}" 'Codename: noble' "Date: $(date -Ru)" \
			'Architectures: amd64' 'Components: main' 'SHA256:' \
			" $(sha256sum <"$suite/$index" | cut -d ' ' -f 1) $(stat -c %s "$suite/$index") $index" |
			gpg --batch --clearsign >"$suite/InRelease"
		echo "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] file:$PWD ${suite#*/} main"
	done >sources/ubuntu.list
	gpgconf --kill all
}

# A file whose header tells where the packed kernel is: 1,024 bytes in.
pack_kernel() {
	local length
	{ head -c 1024 /dev/zero && zstd -qc "$1"; } >"$2"
	length=$(printf '%08x' $(($(stat -c %s "$2") - 1024 + 4)))
	printf '\1' | dd of="$2" bs=1 seek=497 conv=notrunc status=none
	printf '%b' "\\x${length:6:2}\\x${length:4:2}\\x${length:2:2}\\x${length:0:2}" |
		dd of="$2" bs=1 seek=588 conv=notrunc status=none
}

on_ubuntu() {
	# shellcheck disable=SC2016 # for the inner shell
	SIGFD_CACHE=$PWD/cache unshare -m sh -ec 'mount --bind os-release /etc/os-release
		[ ! -e /etc/apt/sources.list ] || mount --bind /dev/null /etc/apt/sources.list
		mount --bind sources /etc/apt/sources.list.d
		mount --bind keyrings /usr/share/keyrings
		mount --bind lists /var/lib/apt/lists
		mount -t tmpfs none /var/cache/apt
		exec "$@"' sh "$@"
}

# The packages are made here, of the modules that Debian's kernel has left in the cache: their names and
# dependencies, the suites and the layout are Ubuntu's. Nothing of it is booted.
ubuntu() {
	local release=6.8.0-45-generic kernel=$cache/kernel/amd64/default-$codename module modules
	for module in gpg dpkg-deb zstd; do
		type -P "$module" || skip "no $module here"
	done
	unshare -m true || skip "no mount namespaces"
	modules=linux-modules-$release/lib/modules/$release
	mkdir -p "linux-image-$release/boot" "$modules/kernel/fs" linux-image-generic sources lists \
		linux-image-6.8.0-31-generic
	pack_kernel "$root/Makefile" "linux-image-$release/boot/vmlinuz-$release"
	zstd -q "$kernel"/*.ko --output-dir-flat "$modules/kernel/fs"
	for module in virtio_pci virtio_console; do # modules in 6.1, built in in 6.12
		[[ -e $kernel/$module.ko ]] || echo "kernel/$module.ko"
	done >"$modules/modules.builtin"
	package noble linux-image-generic 6.8.0-31.31 linux-image-6.8.0-31-generic
	package noble linux-image-6.8.0-31-generic 6.8.0-31.31 linux-modules-6.8.0-31-generic
	package noble-updates "linux-image-$release" 6.8.0-45.45 "kmod, linux-base, linux-modules-$release"
	package noble-updates "linux-modules-$release" 6.8.0-45.45 wireless-regdb
	package noble-updates linux-image-generic 6.8.0-45.45 "linux-image-$release, linux-firmware"
	sign_suites
	printf '%s\n' ID=ubuntu VERSION_CODENAME=noble UBUNTU_CODENAME=noble >os-release
	on_ubuntu apt-get -qq -o APT::Sandbox::User=root update
	on_ubuntu "$root/test/vm.sh" --fetch

	echo 'the newest kernel, with all its modules'
	equal 'which' "$release" "$(readlink cache/kernel/amd64/default-noble)"
	cmp "$root/Makefile" cache/kernel/amd64/default-noble/image
	cmp "$kernel/order" cache/kernel/amd64/default-noble/order
	while read -r module; do
		cmp "$kernel/$module" "cache/kernel/amd64/default-noble/$module"
	done <"$kernel/order"

	echo 'a series that there is not'
	on_ubuntu "$root/test/vm.sh" --kernel 6.1 --fetch 2>out && return 1
	has_text out 'Ubuntu has no kernel 6.1 for amd64, only 6.8'
}

# One that a test has left would run for ever.
end_machine() {
	local folder
	folder=$(cat "$tree/.cache/room" 2>/dev/null) || return 0
	[[ ! -s $folder/pid ]] || kill "$(<"$folder/pid")" 2>/dev/null || true
}

clean_up() {
	tail -v -n 5 ./*.out 2>/dev/null | cat -v || true
	end_jobs
	[[ -z $tree ]] || { end_machine && rm -rf "$tree"; }
}

main() {
	case ${1-} in
	?*) usage && exit 2 ;;
	esac
	test/vm.sh --fetch || exit
	tap "make vm-enter without a machine: one line" no_room
	tap "make vm: the tree, and more terminals" the_room
	if ((EUID == 0)); then
		user=("${nobody[@]}")
		tap "the same as an ordinary user" the_room
		user=()
		tap "on Ubuntu: its own kernel, from its packages" ubuntu
	fi
	end_tap
}

main "$@"
