#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
# Runs a command, or a shell, in a virtual machine on one of Debian's kernels.
#
# The guest's files are the host's own, read-only by 9p under an overlay in
# memory, so every program installed here runs there and no write comes back.

set -euo pipefail
shopt -s inherit_errexit

PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C # apt's words are read here
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
tree=${here%/*}
cache=${SIGFD_CACHE:-$tree/.cache}
# shellcheck source=test/apt.sh
source "$here/apt.sh"
suites=(bullseye bookworm trixie trixie-backports sid)

series=default arch=amd64 memory=1024 cpus=2 timeout='' append='' console=''
fetch_only=no shares=() command=()

usage() {
	cat <<-'END'
	usage: test/vm.sh [option...] [-- COMMAND [ARG...]]

	Runs COMMAND in a virtual machine, in this same folder, and exits with its
	status; without COMMAND, gives a root shell there (leave it with "exit").
	The guest sees the host's files, and forgets what it writes to them.

	  --kernel SERIES   newest Debian kernel of that series (5.10, 6.1, 6.12...),
	                    or "newest" of all; otherwise this Debian's own
	  --arch ARCH       amd64 (default), or arm64, which has a small root of its
	                    own (add to it with GUEST_PACKAGES="name...") and the tree
	  --memory MIB      1024 unless told
	  --cpus N          2 unless told
	  --timeout SECONDS 600 unless told (a shell: none); 0 is none
	  --append ARGS     more arguments for the kernel
	  --share DIR       let the guest write into that folder of the host
	  --console FILE    keep the kernel's messages there
	  --fetch           only download the kernel, and boot nothing

	Exits 125 when the machine could not run or died, 2 when misused.
	Downloads are kept in $SIGFD_CACHE, or .cache in the tree. $VM_ACCEL is what
	QEMU's -accel is given, $VM_QEMU more words for its command line.
	END
}

die() {
	local status=$1
	shift
	echo "vm.sh: $*" >&2
	exit "$status"
}

parse_options() {
	while (($#)); do
		case $1 in
		--help | -h) usage && exit ;;
		--fetch) fetch_only=yes && shift && continue ;;
		--) shift && command=("$@") && return ;;
		--kernel | --arch | --memory | --cpus | --timeout | --append | --share | --console)
			(($# > 1)) || die 2 "$1 wants a value (see --help)" ;;
		*) die 2 "unknown option $1 (see --help)" ;;
		esac
		case $1 in
		--kernel) series=$2 ;;
		--arch) arch=$2 ;;
		--memory) memory=$2 ;;
		--cpus) cpus=$2 ;;
		--timeout) timeout=$2 ;;
		--append) append=$2 ;;
		--share) shares+=("$(realpath -e -- "$2")") || die 2 "no folder $2 to share" ;;
		--console) console=$2 ;;
		esac
		shift 2
	done
}

check_options() {
	[[ $arch == amd64 || $arch == arm64 ]] || die 2 "--arch is amd64 or arm64, not $arch"
	[[ $series =~ ^(default|newest|[0-9]+\.[0-9]+)$ ]] ||
		die 2 "--kernel is a series such as 6.1, or newest, not $series"
	[[ "$memory$cpus${timeout:-0}" =~ ^[0-9]+$ ]] ||
		die 2 "--memory, --cpus and --timeout want whole numbers"
	: "${timeout:=$((${#command[@]} ? 600 : 0))}"
}

need() {
	local program=$1 package=$2
	type -P "$program" >/dev/null ||
		die 125 "$program is missing: package $package, which ./test.sh --install installs"
}

check_programs() {
	case $arch in
	amd64) emulator="qemu-system-x86_64" && need "$emulator" qemu-system-x86 ;;
	arm64) emulator="qemu-system-aarch64" && need "$emulator" qemu-system-arm ;;
	esac
	need busybox busybox-static
	need cpio cpio
	need depmod kmod
	need xz xz-utils
	need zstd zstd
	need apt-get apt
}

# An apt of our own: it knows one suite and one architecture, and leaves alone
# the sources and the list of packages of the machine it runs on.
private_apt() {
	local suite=$1 tool=$2 state=$cache/apt/$1-$arch
	shift 2
	"$tool" -qq \
		-o Dir::State="$state" -o Dir::State::lists=lists \
		-o Dir::State::status=/dev/null -o Dir::Cache="$state" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o APT::Sandbox::User=root -o APT::Install-Recommends=false \
		-o Acquire::Languages=none -o Acquire::GzipIndexes=true -o Acquire::Retries=3 "$@"
}

# The mirror of any other suite is whichever this machine's own has.
sources_of() {
	local own mirror
	own=$(apt_sources)
	mirror=$(sed -n "s/ $codename\$//p" <<<"$own" | head -n 1)
	[[ -n $mirror ]] || die 125 "apt on this machine has no index of Debian $codename;" \
		"name a mirror in /etc/apt/sources.list, and run: apt-get update"
	if [[ $1 == "$codename" ]]; then echo "$own"; else echo "$mirror $1"; fi
}

update_suite() {
	local suite=$1 state=$cache/apt/$1-$arch found source
	found=$(sources_of "$suite")
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	while read -r source; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $source main"
	done <<<"$found" >"$state/sources.list"
	private_apt "$suite" apt-get update >&2 || die 125 "apt could not read the index of $suite"
}

# Full images only: the cloud ones come without 9p.
kernels_in() {
	private_apt "$1" apt-cache pkgnames linux-image- |
		sed -nE "s/^linux-image-([0-9]+\.[0-9]+[.+~-].*-$arch)$/$1 \1/p" |
		{ grep -vE -- '-(rt|cloud)-' || true; } | sort -V
}

# Prints the suite and the release of the kernel that this Debian installs.
find_default() {
	update_suite "$codename"
	private_apt "$codename" apt-cache depends "linux-image-$arch" |
		sed -n "s/.*Depends: linux-image-/$codename /p"
}

# Prints the same of the kernel asked for.
find_kernel() {
	local suite found all=''
	for suite in "${suites[@]}"; do
		update_suite "$suite"
		found=$(kernels_in "$suite")
		all+=$found$'\n'
		grep -E " ${series/./\\.}[.+~-]" <<<"$found" | tail -n 1 | grep . && return
	done
	[[ $series == newest ]] ||
		die 2 "Debian has no kernel $series for $arch, only" \
			"$(grep -oE ' [0-9]+\.[0-9]+' <<<"$all" | sort -uV | xargs)"
	sort -V -k 2 <<<"$all" | tail -n 1
}

# Newer kernels are split: the image package only names those with its files.
download_kernel() {
	local suite=$1 release=$2 parts
	parts=$(private_apt "$suite" apt-cache depends "linux-image-$release" |
		sed -nE 's/.*Depends: (linux-(base|binary|modules)-.*)/\1/p')
	mapfile -t parts <<<"${parts:-linux-image-$release}"
	private_apt "$suite" apt-get download "${parts[@]}" >&2 ||
		die 125 "apt could not download the kernel $release"
}

# A kernel that unpacks itself costs an emulated processor seconds, so the
# image inside is taken out: its place is in the header (of x86, or EFI zboot).
unpack_kernel() {
	local image=$1 start length magic
	number() { od -An "-t$1" "-j$2" "-N${1#?}" "$image" | tr -d ' '; }
	if [[ $arch == amd64 ]]; then
		start=$(($(number u4 584) + ($(number u1 497) + 1) * 512))
		length=$(($(number u4 588) - 4))
	elif [[ $(number x4 4) == 676d697a ]]; then
		start=$(number u4 8) length=$(number u4 12)
	else
		start=0 length=$(stat -c %s "$image")
	fi
	head -c $((start + length)) "$image" | tail -c "$length" >payload
	image=payload magic=$(number x4 0)
	case $magic in
	587a37fd) xz -dc payload ;;
	fd2fb528) zstd -qdc payload ;;
	*8b1f) gzip -dc payload ;;
	*) cat payload ;;
	esac
}

# Unpacks a kernel's few modules that a guest needs, in the order to load them.
unpack_modules() {
	local release=$1 module
	find . -name '*.ko.xz' -exec xz -d {} +
	find . -name '*.ko.zst' -exec zstd -qd --rm {} +
	[[ -d lib ]] || ln -s usr/lib lib
	depmod -b "$PWD" "$release"
	for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
		modprobe -C /dev/null -d "$PWD" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
		cp "$module" kernel/
		echo "${module##*/}" >>kernel/order
	done
}

fetch_kernel() {
	local found suite release package kernels=$cache/kernel/$arch
	found=$(if [[ $series == default ]]; then find_default; else find_kernel; fi)
	read -r suite release <<<"$found"
	[[ -n $release ]] || die 125 "$codename has no kernel for $arch"
	echo "vm.sh: fetching the kernel $release" >&2
	mkdir "$work/fetch" && cd "$work/fetch" && mkdir kernel
	download_kernel "$suite" "$release"
	for package in *.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar x --wildcards --exclude='*/doc/*' \
			'./boot/vmlinu*' '*/modules.*' '*/vmlinuz' '*/kernel/fs/*' \
			'*/kernel/net/9p/*' '*/kernel/drivers/virtio/*' \
			'*/kernel/drivers/char/*' '*/kernel/lib/*' 2>/dev/null || true
	done
	unpack_kernel "$(find . -name 'vmlinu*' | head -n 1)" >kernel/image
	unpack_modules "$release"
	mkdir -p "$kernels"
	rm -rf "${kernels:?}/$release"
	mv kernel "$kernels/$release"
	ln -sfn "$release" "$kernels/$name"
}

# For another architecture than the host's: packages unpacked, not installed.
fetch_root() {
	local package new=$cache/root/$arch.new archives=$cache/apt/$codename-$arch/archives
	echo "vm.sh: fetching a root for $arch" >&2
	update_suite "$codename"
	rm -rf "$new" "$archives"/*.deb
	private_apt "$codename" apt-get install -y --download-only "${guest_packages[@]}" >&2 ||
		die 125 "apt could not download the packages of the root for $arch"
	mkdir -p "$new"/usr/{bin,sbin,lib} "$new"/etc
	ln -s usr/bin usr/sbin usr/lib "$new"
	for package in "$archives"/*.deb; do
		dpkg-deb -x "$package" "$new"
	done
	rm "$archives"/*.deb
	[[ -e $new/bin/sh ]] || ln -s bash "$new/bin/sh"
	[[ -e $new/usr/bin/awk || ! -e $new/usr/bin/mawk ]] || ln -s mawk "$new/usr/bin/awk"
	echo 'root:x:0:0:root:/root:/bin/bash' >"$new/etc/passwd"
	echo 'root:x:0:' >"$new/etc/group"
	mkdir -p "${root%/*}"
	mv "$new" "$root"
}

is_fetched() {
	[[ -e $kernel/order && -d $root ]]
}

# Several of these scripts may run at once: the first fetches, the others wait. A cache that has all
# may be another user's.
fetch() {
	local package
	name=$series
	[[ $series != default ]] || name=default-$codename
	kernel=$cache/kernel/$arch/$name
	root=/ guest_busybox=$(type -P busybox)
	if [[ $arch == arm64 ]]; then
		guest_packages=(busybox-static coreutils bash libc6 libc-bin libelf1 zlib1g strace
			util-linux procps grep sed mawk jq)
		for package in ${GUEST_PACKAGES-}; do
			guest_packages+=("$package")
		done
		root=$cache/root/$arch-$(sha256sum <<<"$codename ${guest_packages[*]}" | head -c 12)
		guest_busybox=$root/bin/busybox
	fi
	! is_fetched || return 0
	mkdir -p "$cache" 2>/dev/null || true
	[[ -w $cache ]] ||
		die 125 "$cache can't be written to; name a folder: export SIGFD_CACHE=FOLDER"
	(
		flock 9
		[[ -e $kernel/order ]] || (fetch_kernel)
		[[ -d $root ]] || (fetch_root)
	) 9>"$cache/lock"
}

quoted() {
	printf "'%s' " "${@//\'/\'\\\'\'}"
}

# The command travels in a file, so that its arguments arrive as they are.
write_command() {
	local size run=("${command[@]}")
	echo "cd $(quoted "$PWD") || exit 125"
	if ((${#run[@]} == 0)); then
		# Without the host's own settings, which may take this machine long.
		run=(env 'PS1=\h:\w\$ ' bash --norc)
		size=$(stty size 2>/dev/null) && echo "stty rows ${size% *} cols ${size#* }"
	fi
	echo "exec env -i HOME=/root TERM=$(quoted "${TERM:-dumb}") LC_ALL=C.UTF-8" \
		"${CI:+CI=$(quoted "$CI")}" \
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
		"$(quoted "${run[@]}")"
}

make_initramfs() {
	local i guest=$work/initramfs
	mkdir -p "$guest/modules"
	install -D "$guest_busybox" "$guest/bin/busybox"
	install "$here/vm-init.sh" "$guest/init"
	cp "$kernel"/*.ko "$kernel/order" "$guest/modules/"
	write_command >"$guest/command"
	{
		((${#command[@]})) || echo interactive=yes
		[[ $root == / ]] || echo "overlay tree /root$(quoted "$tree")"
		for i in "${!shares[@]}"; do
			echo "share share$i /root$(quoted "${shares[i]}")"
		done
	} >"$guest/mounts"
	(cd "$guest" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs.cpio"
}

# To an option of QEMU a comma ends a value, unless it is doubled.
folder_device() {
	local tag=$1 path=${2//,/,,} mode=$3
	qemu+=(-fsdev "local,id=$tag,path=$path,security_model=none,multidevs=remap$mode"
		-device "virtio-9p-pci,fsdev=$tag,mount_tag=$tag")
}

port_device() {
	local number=$1 path=$2
	qemu+=(-chardev "file,id=port$number,path=${path//,/,,}"
		-device "virtserialport,chardev=port$number,nr=$number")
}

# One thread emulates all processors. With one each, QEMU 7.2 loses a race that a
# kernel relies on when it patches its own code, as it does for each probe: 7.3
# panicked after 14 seconds of attaching in a loop, and not once in 100 rounds so.
build_qemu() {
	local i more arguments="quiet panic=-1 mitigations=off"
	qemu=("$emulator" -nodefaults -no-user-config -display none -no-reboot
		-accel "${VM_ACCEL:-tcg,thread=single}" -smp "$cpus" -m "$memory"
		-kernel "$kernel/image" -initrd "$work/initramfs.cpio" -device virtio-serial-pci)
	case $arch in
	# Timing loops of an emulated machine only cost time, and may fail under load.
	amd64)
		qemu+=(-M q35 -cpu max)
		arguments+=" console=ttyS0 tsc=reliable no_timer_check ia32_emulation=on"
		;;
	arm64)
		# The true algorithm of pointer authentication triples the time to boot.
		qemu+=(-M virt -cpu "max,pauth-impdef=on")
		arguments+=" console=ttyAMA0"
		;;
	esac
	qemu+=(-append "$arguments $append")
	read -ra more <<<"${VM_QEMU-}"
	qemu+=("${more[@]}")
	folder_device root "$root" ,readonly=on
	[[ $root == / ]] || folder_device tree "$tree" ,readonly=on
	for i in "${!shares[@]}"; do
		folder_device "share$i" "${shares[i]}" ''
	done
}

run_shell() {
	qemu+=(-chardev "stdio,id=console,mux=on,signal=off${console:+,logfile=${console//,/,,}}"
		-serial chardev:console -mon console)
	timeout --foreground "$timeout" "${qemu[@]}"
}

# The guest writes to files, not to pipes: QEMU holds data back from a pipe that
# is full, and would lose it when the guest powers off.
run_command() {
	local console=${console:-$work/console} port=0 file readers=()
	for file in stdout stderr status; do
		: >"$work/$file"
		port_device $((port += 1)) "$work/$file"
	done
	qemu+=(-chardev "file,id=console,path=${console//,/,,}" -serial chardev:console)
	timeout --foreground --kill-after=5 "$timeout" "${qemu[@]}" >"$work/qemu" 2>&1 &
	vm=$!
	tail -s 0.1 -c +1 -f --pid="$vm" "$work/stdout" &
	readers+=($!)
	tail -s 0.1 -c +1 -f --pid="$vm" "$work/stderr" >&2 &
	readers+=($!)
	# Whoever read our output may leave first, and then the guest is of no use.
	wait -n "$vm" "${readers[@]}" || true
	kill -0 "${readers[0]}" 2>/dev/null || kill "$vm" 2>/dev/null || true
	wait "$vm" && ended=0 || ended=$?
	vm=''
	wait "${readers[0]}" || exit 141
	wait "${readers[1]}" || true
	[[ ! -s $work/status ]] || exit "$(<"$work/status")"
	tail -q -n 40 "$work/qemu" "$console" >&2
	((ended != 124)) || die 125 "the guest was stopped after $timeout seconds (see --timeout)"
	die 125 "the guest died before the command ended:" \
		"$(grep -m 1 -o 'Kernel panic.*' "$console" || echo 'above, its last words')"
}

cleanup() {
	[[ -z $vm ]] || kill "$vm" 2>/dev/null || true
	rm -rf "$work"
}

vm='' work=''
parse_options "$@"
check_options
check_programs
work=$(mktemp -d)
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
fetch
[[ $fetch_only == no ]] || exit 0
make_initramfs
build_qemu
if ((${#command[@]})); then run_command; else run_shell; fi
