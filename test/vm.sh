#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
# Runs a command, or a shell, in a virtual machine on one of Debian's kernels, or Ubuntu's on Ubuntu.
#
# The guest's files are the host's own, read-only by 9p under an overlay in
# memory, so every program installed here runs there and no write comes back:
# but to a folder that is shared, as the tree is with --room.

set -euo pipefail
shopt -s inherit_errexit

PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C # apt's words are read here
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
tree=${here%/*}
cache=${SIGFD_CACHE:-$tree/.cache}
suites=(bullseye bookworm trixie trixie-backports sid)

case $(uname -m) in
aarch64) host_arch=arm64 ;;
*) host_arch=amd64 ;;
esac

series=default arch=$host_arch memory=1024 cpus=2 timeout='' append='' console='' image='' modules=''
fetch_only=no room=no enter=no shares=() command=()
terminals=(1 2 3)
# What tests and labs take, and build with, in another architecture's machine.
build_packages=(gcc make clang libc6-dev libbpf-dev libelf-dev zlib1g-dev bpftool pkg-config bsdutils
	bubblewrap s6 diffutils findutils mount patch procps)

usage() {
	cat <<-'END'
	usage: test/vm.sh [option...] [-- COMMAND [ARG...]]
	       test/vm.sh --enter

	Runs COMMAND in a virtual machine, in this same folder, and exits with its
	status; without COMMAND, gives a root shell there (leave it with "exit").
	The guest sees the host's files, and forgets what it writes to them.

	  --kernel SERIES   newest Debian kernel of that series (5.10, 6.1, 6.12...),
	                    or "newest" of all; otherwise this Debian's own. On Ubuntu,
	                    those of its own release alone
	  --image FILE      a kernel of your own: vmlinuz, and with
	  --modules DIR     its modules, /lib/modules/RELEASE
	  --arch ARCH       amd64 or arm64. Where that is not this machine's, it has a small
	                    root of its own, with what builds sigfd (more: GUEST_PACKAGES="name...")
	  --room            a shell with the tree to write to, and with more terminals;
	                    make vm does this
	  --enter           one more terminal in the machine of --room; make vm-enter does this
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
		--fetch | --room | --enter)
			case $1 in
			--fetch) fetch_only=yes ;;
			--room) room=yes shares+=("$tree") ;;
			--enter) enter=yes ;;
			esac
			shift && continue
			;;
		--) shift && command=("$@") && return ;;
		--kernel | --arch | --memory | --cpus | --timeout | --append | --share | --console | \
			--image | --modules)
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
		--image) image=$(realpath -e -- "$2") || die 2 "no file $2 to boot" ;;
		--modules) modules=$(realpath -e -- "$2") || die 2 "no folder $2 of modules" ;;
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
	[[ $room == no ]] || ((${#command[@]} == 0)) || die 2 "--room takes no command"
	[[ -z $image || $modules ]] || die 2 "--image wants --modules DIR too: its /lib/modules/RELEASE"
	[[ -z $modules || $image ]] || die 2 "--modules wants --image FILE too"
	[[ -z $modules || -e $modules/modules.dep.bin ]] ||
		die 2 "$modules has no modules.dep.bin; name /lib/modules/RELEASE, or see depmod(8)"
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
	# Else a kernel is the user's own, and this need be neither Debian nor Ubuntu.
	[[ $image && $arch == "$host_arch" ]] || need apt-get apt
	[[ $room == no ]] || name_missing_tools
}

# The machine boots without them, and a lab would stop in its midst.
name_missing_tools() {
	local tool missing=()
	[[ $arch == "$host_arch" ]] || return 0
	for tool in gcc make clang bpftool strace jq patch script:bsdutils ps:procps; do
		type -P "${tool%:*}" >/dev/null || missing+=("${tool#*:}")
	done
	((${#missing[@]} == 0)) || echo "vm.sh: the labs will miss ${missing[*]}:" \
		"./test.sh --install brings them, or apt-get install ${missing[*]}" >&2
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
	[[ -n $mirror ]] || die 125 "apt on this machine has no index of $distribution $codename;" \
		"name a mirror in /etc/apt/sources.list, and run: apt-get update;" \
		"or name a kernel: --image FILE --modules DIR"
	if [[ $1 == "$codename" ]]; then echo "$own"; else echo "$mirror $1"; fi
}

update_suite() {
	local suite=$1 state=$cache/apt/$1-$arch found source
	found=$(sources_of "$suite")
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	while read -r source; do
		echo "deb [signed-by=$keyring] $source main"
	done <<<"$found" >"$state/sources.list"
	private_apt "$suite" apt-get update >&2 || die 125 "apt could not read the index of $suite"
}

# Full images only: the cloud ones come without 9p.
kernels_in() {
	private_apt "$1" apt-cache pkgnames linux-image- |
		sed -nE "s/^linux-image-([0-9]+\.[0-9]+[.+~-].*-$flavour)$/$1 \1/p" |
		{ grep -vE -- '-(rt|cloud)-' || true; } | sort -V
}

# Prints the suite and the release of the kernel that this release installs.
find_default() {
	update_suite "$codename"
	private_apt "$codename" apt-cache depends "linux-image-$flavour" |
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
		die 2 "$distribution has no kernel $series for $arch, only" \
			"$(grep -oE ' [0-9]+\.[0-9]+' <<<"$all" | sort -uV | xargs)"
	sort -V -k 2 <<<"$all" | tail -n 1
}

# Debian's newer kernels are split, and all of Ubuntu's: the image package names those with the rest.
download_kernel() {
	local suite=$1 release=$2 parts
	parts=$(private_apt "$suite" apt-cache depends "linux-image-$release" |
		sed -nE 's/.*Depends: (linux-(base|binary|modules)-[0-9].*)/\1/p')
	mapfile -t parts <<<"linux-image-$release${parts:+$'\n'$parts}"
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
	local release=$1
	find . -name '*.ko.xz' -exec xz -d {} +
	find . -name '*.ko.zst' -exec zstd -qd --rm {} +
	[[ -d lib ]] || ln -s usr/lib lib
	depmod -b "$PWD" "$release"
	take_modules "$release"
}

# What a kernel has built in, modprobe does not name as a file.
take_modules() {
	local release=$1 module
	for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
		modprobe -C /dev/null -d "$PWD" -S "$release" --show-depends "$module" ||
			die 125 "the kernel $release has no $module, which the machine needs"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
		take_module "$module"
	done
}

take_module() {
	local name=${1##*/}
	name=${name%.ko*}.ko
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac >"kernel/$name"
	echo "$name" >>kernel/order
}

# A kernel that the user names is not kept: to take it apart takes a second.
take_kernel() {
	kernel=$work/own/kernel
	mkdir -p "$kernel" "$work/own/lib/modules"
	cd "$work/own"
	ln -s "$modules" lib/modules/
	[[ -r $image ]] || die 125 "$image can't be read; as root, or from a copy"
	unpack_kernel "$image" >kernel/image
	: >kernel/order
	take_modules "${modules##*/}"
	cd "$OLDPWD"
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
	[[ -e $new/usr/bin/cc || ! -e $new/usr/bin/gcc ]] || ln -s gcc "$new/usr/bin/cc"
	[[ -e $new/usr/bin/awk || ! -e $new/usr/bin/mawk ]] || ln -s mawk "$new/usr/bin/awk"
	echo 'root:x:0:0:root:/root:/bin/bash' >"$new/etc/passwd"
	echo 'root:x:0:' >"$new/etc/group"
	mkdir -p "${root%/*}"
	mv "$new" "$root"
}

# apt, tar and cpio say it too, in many lines and late.
needs_space() {
	local free
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	((free >= $2)) || die 125 "$1 has room for $free MB; at least $2 are needed"
}

is_fetched() {
	[[ -e $kernel/order && -d $root ]]
}

name_release() {
	# shellcheck source=test/apt.sh
	source "$here/apt.sh"
	flavour=$arch
	[[ $distribution == Debian ]] || flavour=generic suites=("$codename")
}

# Several of these scripts may run at once: the first fetches, the others wait. A cache that has all
# may be another user's.
fetch() {
	local package
	[[ $image && $arch == "$host_arch" ]] || name_release
	name=$series
	[[ $series != default ]] || name=default-${codename-}
	kernel=$cache/kernel/$arch/$name
	[[ -z $image ]] || take_kernel
	root=/ guest_busybox=$(type -P busybox)
	if [[ $arch != "$host_arch" ]]; then
		guest_packages=(busybox-static coreutils bash libc6 libc-bin libelf1 zlib1g strace
			util-linux procps grep sed mawk jq)
		for package in "${build_packages[@]}" ${GUEST_PACKAGES-}; do
			guest_packages+=("$package")
		done
		# Named by all that it is made of, so that an older one is not taken for it.
		root=$cache/root/$arch-$({ echo "$codename ${guest_packages[*]}" && declare -f fetch_root; } |
			sha256sum | head -c 12)
		guest_busybox=$root/bin/busybox
	fi
	! is_fetched || return 0
	mkdir -p "$cache" 2>/dev/null || true
	[[ -w $cache ]] ||
		die 125 "$cache can't be written to; name a folder: export SIGFD_CACHE=FOLDER"
	needs_space "$cache" 400
	(
		flock 9
		[[ -e $kernel/order ]] || (fetch_kernel)
		[[ -d $root ]] || (fetch_root)
	) 9>"$cache/lock"
}

quoted() {
	printf "'%s' " "${@//\'/\'\\\'\'}"
}

# The first terminal is told its size by the command itself, the others by whoever enters.
write_greeting() {
	cat <<-END
		[ -n "\${1-}" ] || cat <<'WORDS'

		You are root in a virtual machine. The tree is the host's own: edit and build there, run here.
		"exit" leaves. The labs: docs/workshop.md. Another terminal, on the host: make vm-enter
		WORDS
	END
}

# The command travels in a file, so that its arguments arrive as they are.
write_command() {
	local size run=("${command[@]}")
	echo "cd $(quoted "$PWD") || exit 125"
	[[ $room == no ]] || write_greeting
	if ((${#run[@]} == 0)); then
		# Without the host's own settings, which may take this machine long.
		run=(env 'PS1=\h:\w\$ ' bash --norc)
		size=$(stty size 2>/dev/null) &&
			echo "[ -n \"\${1-}\" ] || stty rows ${size% *} cols ${size#* }"
	fi
	echo "exec env -i HOME=/root TERM=$(quoted "${TERM:-dumb}") LC_ALL=C.UTF-8" \
		"${CI:+CI=$(quoted "$CI")}" "$([[ $room == no ]] || echo "$room_settings")" \
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
		"$(quoted "${run[@]}")"
}

make_initramfs() {
	local i guest=$work/initramfs
	mkdir -p "$guest/modules"
	[[ $room == no || $root != / ]] || keep_types "$guest/btf"
	install -D "$guest_busybox" "$guest/bin/busybox"
	install "$here/vm-init.sh" "$guest/init"
	cp "$kernel"/*.ko "$kernel/order" "$guest/modules/"
	write_command >"$guest/command"
	{
		((${#command[@]})) || echo interactive=yes
		[[ $room == no ]] || echo interactive=room
		[[ $root == / ]] || echo "overlay tree /root$(quoted "$tree")"
		for i in "${!shares[@]}"; do
			echo "share share$i /root$(quoted "${shares[i]}")"
		done
	} >"$guest/mounts"
	(cd "$guest" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initramfs.cpio" ||
		die 125 "${work%/*} has no room for the machine's files"
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
	local i more accel=tcg,thread=single arguments="quiet panic=-1 mitigations=off"
	qemu=("$emulator" -nodefaults -no-user-config -display none -no-reboot
		-accel "${VM_ACCEL:-$accel}" -smp "$cpus" -m "$memory"
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

# ---- The room: a machine with more terminals ------------------------------------------------------

# In the guest too the tree's files belong to who has them on the host, and git wants nothing to do
# with another's.
room_settings="GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory 'GIT_CONFIG_VALUE_0=*'"

# What make builds with here it is to build with there: else it would make all anew in each of the two.
keep_types() {
	local btf=${VMLINUX_BTF:-/sys/kernel/btf/vmlinux}
	[[ ! -r $btf ]] || { cp "$btf" "$1" && room_settings+=" VMLINUX_BTF=/run/vm/btf"; }
}

# Who holds the lock of this file runs the machine, and it names the folder of its pipes.
claim_room() {
	mkdir -p "$tree/.cache" 2>/dev/null || true
	exec {lock}<>"$tree/.cache/room" || die 125 "$tree can't be written to"
	flock -n "$lock" || die 1 "it runs already; another terminal in it: make vm-enter"
}

# Each terminal is a console whose two ends are pipes; one more tells the guest who comes and goes. It
# answers in a file, since a pipe has one reader.
build_room() {
	local n pipe
	for pipe in "${terminals[@]}" control; do
		mkfifo "$work/$pipe.in" "$work/$pipe.out"
	done
	for n in "${terminals[@]}"; do
		qemu+=(-chardev "pipe,id=terminal$n,path=${work//,/,,}/$n"
			-device "virtconsole,chardev=terminal$n,nr=$n")
	done
	qemu+=(-chardev "pipe,id=control,path=${work//,/,,}/control"
		-device "virtserialport,chardev=control,nr=4" -pidfile "$work/pid")
	: >"$work/left"
	port_device 5 "$work/left"
	echo "$work" >"$tree/.cache/room"
}

enter_room() {
	local room=$tree/.cache/room n terminal='' saved
	[[ -t 0 && -t 1 ]] || die 2 "--enter wants a terminal"
	if [[ ! -e $room ]] || flock -n "$room" true; then
		die 1 "no machine runs; start one: make vm"
	fi
	room=$(<"$room")
	[[ -s $room/pid ]] || die 1 "the machine is not up yet"
	for n in "${terminals[@]}"; do
		exec 7>>"$room/lock$n"
		flock -n 7 && terminal=$n && break
	done
	[[ $terminal ]] || die 1 "all its terminals, ${#terminals[@]} and the first, are in use"
	saved=$(stty -g) machine=$(<"$room/pid")
	# shellcheck disable=SC2064 # as it is now
	trap "leave_room '$room' $terminal '$saved'" EXIT
	echo "This is the same machine. \"exit\" leaves this terminal; the machine goes on."
	be_terminal "$room" "$terminal"
}

# Until the guest says that this terminal's shell has ended, or the machine is gone, or the terminal is:
# where make leads its session, as in `xterm -e make vm-enter`, nobody hands its SIGHUP on.
be_terminal() {
	local room=$1 n=$2 watcher input
	timeout 0.1 cat "$room/$n.out" >/dev/null 2>&1 7>&- || true # what came while nobody looked
	exec 6<&0
	stty raw -echo
	cat "$room/$n.out" 7>&- &
	cat <&6 >"$room/$n.in" 7>&- &
	input=$!
	watch_for "$room" "left $$" 7>&- &
	watcher=$!
	tell open
	trap 'tell size' WINCH
	while kill -0 "$watcher" && kill -0 "$input"; do
		wait -n "$watcher" "$input" || true
	done 2>/dev/null
}

watch_for() {
	local line
	while read -r line; do
		[[ $line != "$2" ]] || return 0
	done < <(exec tail -n +1 -s 0.2 -f --pid="$machine" "$1/left")
}

# tell WORD: what the guest is to do with this terminal.
tell() {
	local size
	size=$(stty size <&6) || size='24 80'
	echo "$1 $n $$ $size" >"$room/control.in"
}

# The terminal may be gone: then this is all that tells the guest.
leave_room() {
	local room=$1 n=$2 pid
	set +e
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null
	done
	if kill -0 "$machine" 2>/dev/null; then
		echo "close $n $$" >"$room/control.in"
	fi
	stty "$3" && echo
	kill -0 "$machine" || echo "The machine has ended."
} 2>/dev/null

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

vm='' work='' machine=''
parse_options "$@"
check_options
if [[ $enter == yes ]]; then
	enter_room
	exit
fi
check_programs
work=$(mktemp -d)
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
fetch
[[ $fetch_only == no ]] || exit 0
[[ $room == no ]] || claim_room
make_initramfs
build_qemu
[[ $room == no ]] || build_room
if ((${#command[@]})); then run_command; else run_shell; fi
