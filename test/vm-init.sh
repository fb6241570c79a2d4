#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
# shellcheck shell=dash
#
# The first process in the guest of vm.sh: puts together its root from the
# host's folders, then runs the command there and powers the machine off.

# The host's folder under TAG shows at PATH, and what is written stays in memory.
overlay() {
	mkdir -p "/lower/$1" "/upper/$1/data" "/upper/$1/work" "$2"
	mount -t 9p -o "ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose" "$1" "/lower/$1"
	mount -t overlay -o "lowerdir=/lower/$1,upperdir=/upper/$1/data,workdir=/upper/$1/work" \
		overlay "$2"
}

share() {
	mkdir -p "$2"
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=mmap "$1" "$2"
}

# Neither tracefs, debugfs nor bpffs: the tracer has to do without, or mount them.
mount_kernel() {
	mkdir -p /root/proc /root/sys /root/dev /root/run
	mount -t proc proc /root/proc
	mount -t sysfs sys /root/sys
	mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
	mount -t devtmpfs dev /root/dev
	mkdir -p /root/dev/pts /root/dev/shm
	mount -t devpts -o ptmxmode=666 devpts /root/dev/pts
	mount -t tmpfs shm /root/dev/shm
	mount -t tmpfs run /root/run
	ln -s /proc/self/fd /root/dev/fd
	for stream in 0:stdin 1:stdout 2:stderr; do
		ln -s "/proc/self/fd/${stream%:*}" "/root/dev/${stream#*:}"
	done
}

start() {
	/bin/busybox --install -s /bin
	trap 'poweroff -f' EXIT
	while read -r module; do
		insmod "/modules/$module"
	done </modules/order
	mkdir -p /upper
	mount -t tmpfs upper /upper
	overlay root /root
	# Where an ordinary user runs QEMU, root's home can't be read.
	mkdir -p /root/root
	ls /root/root >/dev/null 2>&1 || mount -t tmpfs home /root/root
	interactive=''
	# shellcheck disable=SC1091 # vm.sh writes it
	. /mounts
	mount_kernel
	hostname vm
	ip link set lo up
	mkdir /root/run/vm
	cp /bin/busybox /init /command /root/run/vm/
	[ ! -e /btf ] || cp /btf /root/run/vm/
	exec switch_root /root /run/vm/busybox sh /run/vm/init finish "$interactive"
}

# Ports appear some time after their driver.
port() {
	set -- "$1" /dev/vport*p"$1"
	until [ -e "$2" ]; do
		/run/vm/busybox usleep 10000
		set -- "$1" /dev/vport*p"$1"
	done
	echo "$2"
}

# Whoever enters from the host says so by a port: open, size or close, the terminal's number, a
# name, and the size. (hvc0 is the first of them.)
serve_terminals() {
	port 4 >/dev/null
	left=$(port 5)
	while read -r word n name rows cols; do
		hvc=/dev/hvc$((n - 1))
		case $word in
		open)
			hang_up "$n"
			terminal "$n" "$name" "$hvc" "$rows" "$cols" &
			;;
		size) /run/vm/busybox stty -F "$hvc" rows "$rows" cols "$cols" ;;
		close) [ "$(cat "/run/vm/name$n")" != "$name" ] || hang_up "$n" ;;
		esac
	done <"$(port 4)"
}

# A session of its own, and its terminal, so that Ctrl-C and job control work there: but the shell
# has what it starts in the background ignore Ctrl-C, and only env undoes that, where it knows how.
# shellcheck disable=SC2016 # for that shell
terminal() {
	echo "$2" >"/run/vm/name$1"
	/run/vm/busybox setsid /bin/sh -c 'echo $$ >"$1"
		exec <>"$2" >&0 2>&1
		stty sane rows "$3" cols "$4"
		env --default-signal=INT true && set -- env --default-signal=INT,QUIT || set --
		exec "$@" /bin/sh /run/vm/command again
		' sh "/run/vm/session$1" "$3" "$4" "$5"
	echo "left $2" >"$left"
}

# What a real terminal does when it is closed: its shell tells its jobs. A shell that does not go is
# not waited for.
hang_up() {
	[ ! -e "/run/vm/session$1" ] || kill -HUP "$(cat "/run/vm/session$1")" 2>/dev/null
}

# Who is used to sudo may go on: the host's own can't read its rules if an ordinary user runs QEMU.
replace_sudo() {
	mkdir -p /usr/local/sbin
	printf '#!/bin/sh\nexec env "$@"\n' >/usr/local/sbin/sudo
	chmod 755 /usr/local/sbin/sudo
}

finish() {
	if [ "$1" = room ]; then
		replace_sudo
		serve_terminals 2>/dev/null </dev/null &
	fi
	if [ -n "$1" ]; then
		/run/vm/busybox setsid /run/vm/busybox cttyhack /bin/sh /run/vm/command
	else
		stdout=$(port 1) stderr=$(port 2) status=$(port 3)
		# In a subshell, or the shell's own word on a signal would go to stderr too.
		(exec /run/vm/busybox setsid /bin/sh /run/vm/command) \
			</dev/null >"$stdout" 2>"$stderr"
		echo $? >"$status"
	fi
	/run/vm/busybox poweroff -f
}

case ${1-} in
finish) finish "${2-}" ;;
*) set -e && start ;;
esac
