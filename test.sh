#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# test.sh: every test, in TAP, with a closing line "N passed, N failed, N skipped".
#
# In this order: the static checks, the build, the parts that need no kernel, the tracer live on
# this machine, and live in virtual machines (test/vm.sh) on Debian's kernels.

set -uo pipefail
cd "$(dirname "$0")" || exit 1
PATH=$PATH:/usr/sbin:/sbin
unset LANGUAGE # C.UTF-8 would not keep it out
export LC_ALL=C.UTF-8 # other programs' words are looked for below

build_packages=(gcc make clang libc6-dev libbpf-dev libelf-dev zlib1g-dev bpftool pkg-config)
test_packages=(jq strace valgrind cppcheck shellcheck clang-format mandoc groff man-db procps
	util-linux bsdutils bsdextrautils bubblewrap s6 qemu-system-x86 busybox-static cpio
	kmod xz-utils zstd patch perl linux-perf bpftrace libclang-rt-dev locales
	pandoc chromium poppler-utils)
roots_packages=(mmdebstrap git)
arm_packages=(qemu-system-arm)

install=no mode=all kernels=() arm64=no roots=no long=no here=no
shopt -s globstar
pages=(README.md docs/**/*.md)

usage() {
	cat <<-'END'
	usage: ./test.sh [--install] [--demo | --lint] [--kernel SERIES]... [--arm64] [--roots]
	                 [--long]

	Builds sigfd and runs every test. Live tests of the kprobe pair run in a virtual machine on
	this Debian's own kernel.

	  --install         first get the Debian packages that this needs, with apt
	  --demo            only build, and trace test/prog/demo.c live on this machine
	  --lint            only the static checks
	  --kernel SERIES   on that Debian kernel too (6.12, 6.18, newest...); may be repeated
	  --arm64           on arm64 too
	  --roots           ./test.sh --install --demo too, on bare Debian 12 and 13
	  --long            in hours: each kernel by every hook, 100,000 random calls each,
	                    loads and fuzzing at length, and all tests on bare Debian 12 and 13
	END
}

parse_options() {
	while (($#)); do
		case $1 in
		--install) install=yes ;;
		--demo | --lint) mode=${1#--} ;;
		--kernel) shift && kernels+=("${1:?--kernel wants a series}") ;;
		--arm64 | --roots) declare -g "${1#--}=yes" ;;
		--long) long=yes roots=yes ;;
		--help | -h) usage && exit ;;
		*) usage >&2 && exit 2 ;;
		esac
		shift
	done
}

# ---- TAP ----------------------------------------------------------------------------------------

passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

number() {
	echo $((passed + failed + skipped))
}

# report STATUS NAME [FILE]: one test, and what it printed where it failed.
report() {
	if (($1)); then
		((++failed))
		echo "not ok $(number) - $2"
		sed 's/^/# /' "${3:-/dev/null}" | tail -40
	else
		((++passed))
		echo "ok $(number) - $2"
	fi
}

# try NAME COMMAND...: passes when the command does.
try() {
	local name=$1
	shift
	"$@" >"$work/said" 2>&1 </dev/null
	report $? "$name" "$work/said"
}

# include NAME COMMAND...: the TAP that a command prints, under our numbers. A command that fails
# without a "not ok", or that ends before its plan, is a failure itself.
include() {
	local name=$1 line before=$failed plan=no
	shift
	while IFS= read -r line; do
		case $line in
		"ok "*"# SKIP"*) ((++skipped)) && echo "ok $(number) - $name: ${line#ok * - }" ;;
		"ok "*) ((++passed)) && echo "ok $(number) - $name: ${line#ok * - }" ;;
		"not ok "*) ((++failed)) && echo "not ok $(number) - $name: ${line#not ok * - }" ;;
		1..*) plan=yes ;;
		*) echo "# ${line#\# }" ;;
		esac
	done < <("$@" 2>"$work/stderr" </dev/null; echo "exit $?" >"$work/status")
	wait $! # the substitution: its status is written last
	[[ $(<"$work/status") == "exit 0" ]] || ((failed > before)) || plan=no
	if [[ $plan == no ]]; then
		report 1 "$name: ended with $(<"$work/status")" "$work/stderr"
	fi
}

close_tap() {
	echo "1..$(number)"
	echo "$passed passed, $failed failed, $skipped skipped"
	((failed == 0))
}

# ---- What is needed -----------------------------------------------------------------------------

as_root() {
	if ((EUID)); then sudo "$@"; else "$@"; fi
}

install_packages() {
	local packages=("${build_packages[@]}")
	[[ $mode == demo ]] || packages+=("${test_packages[@]}")
	[[ $arm64 == no ]] || packages+=("${arm_packages[@]}")
	[[ $roots == no ]] || packages+=("${roots_packages[@]}")
	as_root apt-get update -q >"$work/apt" 2>&1 &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
			--no-install-recommends "${packages[@]}" >>"$work/apt" 2>&1 && return
	tail -5 "$work/apt" >&2
	echo "test.sh: apt-get could not install what is needed" >&2
	exit 1
}

# Names what is missing of these programs (PROGRAM:PACKAGE where the names differ), and what brings
# it; make says so of what the build needs.
need() {
	local program missing=()
	for program; do
		command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
	done
	((${#missing[@]} == 0)) && return
	echo "test.sh: missing: ${missing[*]}; ./test.sh --install brings them, or:" \
		"apt-get install ${missing[*]}" >&2
	exit 1
}

need_for_tests() {
	need gcc make jq strace valgrind cppcheck shellcheck clang-format mandoc groff man:man-db \
		ps:procps script:bsdutils col:bsdextrautils bwrap:bubblewrap s6-svscan:s6 \
		qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio modprobe:kmod \
		xz:xz-utils zstd patch perl perf:linux-perf bpftrace pandoc chromium \
		pdftotext:poppler-utils
	[[ -e /usr/share/i18n/locales/de_DE ]] || need locale-sources:locales
	[[ $roots == no ]] || need mmdebstrap git
	[[ $arm64 == no ]] || need qemu-system-aarch64:qemu-system-arm
}

demo() {
	need gcc make
	make all programs >"$work/make" 2>&1 || { cat "$work/make" >&2 && exit 1; }
	as_root ./sigfd -- test/bin/demo
}

# ---- Static checks ------------------------------------------------------------------------------

no_output() {
	local said
	said=$("$@" 2>&1)
	echo "$said"
	[[ -z $said ]]
}

compiles_cleanly() {
	"$1" -std=gnu11 -Wall -Wextra -Werror -O2 -Ibuild -I. -fsyntax-only "${@:2}"
}

lint_manual() {
	no_output mandoc -T lint -W warning docs/sigfd.8 &&
		no_output groff -man -ww -z -Tutf8 docs/sigfd.8
}

lint() {
	local c=(sigfd.c sigfd.bpf.c sigfd.h test/unit.c test/prog/*.[ch] docs/proofs/*.[ch]
		docs/labs/**/*.[ch])
	local sh=(test.sh .ci/run test/*.sh docs/proofs/*.sh docs/sigfd.bash-completion
		docs/labs/{start,check} docs/labs/checks/*.sh)
	local programs=(test/prog/*.c docs/proofs/*.c)
	try "gcc has no warning" compiles_cleanly gcc sigfd.c test/unit.c "${programs[@]}"
	try "clang has no warning" compiles_cleanly clang sigfd.c test/unit.c "${programs[@]}"
	try "cppcheck finds nothing" cppcheck -q --std=c11 --error-exitcode=1 -Ibuild \
		--enable=warning,style,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress='*:build/*' \
		--suppress=normalCheckLevelMaxBranches sigfd.c
	# It does not know that must() ends a program, nor that raise() returns.
	try "cppcheck finds nothing in programs and proofs" cppcheck -q --std=c11 --error-exitcode=1 \
		--enable=warning,style,performance,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=constParameter \
		--suppress=normalCheckLevelMaxBranches --suppress=constParameterCallback \
		--suppress=nullPointerOutOfResources --suppress=unreachableCode "${programs[@]}"
	try "shellcheck finds nothing" shellcheck -x "${sh[@]}"
	try "clang-format would change nothing" clang-format --dry-run --Werror "${c[@]}"
	try "the manual page has no fault" lint_manual
	try "the sources are within their budget" check_budget \
		sigfd.h 80 1.0 sigfd.bpf.c 240 0.9 sigfd.c 1100 0.45
	sed 's/^/# /' "$work/said"
	try "every anchor is there once, in order, and cited" check_anchors B sigfd.bpf.c L sigfd.c
	try "every name that the docs cite exists" check_cited_names
	try "every option is in the manual page and the completion" check_options
	try "every JSON key is in the manual page" check_keys
	try "every link in the docs resolves" check_links
	try "no line over 100 columns in the sources" check_width "${c[@]}"
	try "every tracer in the chart has a row on its page" check_chart
	include "citations" test/citations.sh
	include "workshop" test/workshop.sh
	include "walkthrough" test/walkthrough.sh --lint
}

# Lines of code and comment lines of a C file. A line is code if anything but a comment or blank is
# on it; a comment line is one on which a comment stands, also behind code. What is quoted is code.
count_lines() {
	awk '
		function scan(line,    c, two, escaped) {
			while (line != "") {
				c = substr(line, 1, 1)
				two = substr(line, 1, 2)
				if (in_comment) {
					comment = 1
					in_comment = two != "*/"
					line = substr(line, in_comment ? 2 : 3)
				} else if (quote == "" && two == "//") {
					comment = 1
					return
				} else if (quote == "" && two == "/*") {
					comment = in_comment = 1
					line = substr(line, 3)
				} else {
					code += c !~ /[ \t]/
					escaped = quote != "" && c == "\\"
					if (quote == "" && (c == "\"" || c == "\047"))
						quote = c
					else if (c == quote)
						quote = ""
					line = substr(line, escaped ? 3 : 2)
				}
			}
		}
		{
			code = 0
			comment = in_comment
			scan($0)
			lines += code > 0
			comments += comment && $0 !~ /^[ \t]*$/
		}
		END { print lines + 0, comments + 0 }' "$1"
}

counts_lines() {
	[[ $(count_lines /dev/stdin <<<"$1") == "$2" ]] || { echo "not $2: $1" && return 1; }
}

# What the counter must not be taken in by.
check_counter() {
	counts_lines $'int a; /* b */\n\n// c\n/*\n * d\n\n */\nint e;' '2 5' &&
		counts_lines $'"/* no comment";\n"// none";\n\'"\'; /* one */\n"\\"/*";' '4 1' &&
		counts_lines $'a /* b */ c\n/* d */ e // f\n/* g */ /* h\n*/ i' '3 4' &&
		counts_lines $'\'\\\'\' /* one */\n"\\\\" // two\n/* \' " */\n"\'/*"' '3 3' &&
		counts_lines $'/* a // b */ c\n// d /* e\nf' '2 2'
}

# check_budget FILE LINES RATIO [FILE...]: at most so many lines of code, and of comments at least so
# many for each. (The design of the project says why.)
check_budget() {
	local code comments bad=0
	check_counter || return
	while (($#)); do
		read -r code comments < <(count_lines "$1")
		awk -v file="$1" -v code="$code" -v comments="$comments" -v most="$2" -v least="$3" '
			BEGIN {
				printf "%-12s %5d lines of code (at most %d), %4d of comments, " \
					"%.2f a line (at least %.2f)\n",
					file, code, most, comments, comments / code, least
				exit code > most || comments < least * code
			}' || bad=1
		shift 3
	done
	return $bad
}

# check_anchors LETTER FILE ...: an anchor is placed where a comment begins with it, once, and they
# ascend; the docs cite each, and none that is not there.
check_anchors() {
	local anchor file placed all='' bad=0
	while (($#)); do
		file=$2
		placed=$(grep -oE "^(/\*| \*) \[$1[0-9]+\]" "$file" | grep -oE '\[.*\]')
		[[ $placed == "$(seq -f "[$1%g]" "$(wc -l <<<"$placed")")" ]] ||
			{ echo "$file: not each once, in order:" && echo "$placed" && bad=1; }
		all+=$placed$'\n'
		shift 2
	done
	while read -r anchor; do
		grep -qF -- "$anchor" docs/*.md || { echo "never cited: $anchor" && bad=1; }
	done < <(sed '/^$/d' <<<"$all")
	while read -r anchor; do
		grep -qxF -- "$anchor" <<<"$all" || { echo "missing: $anchor" && bad=1; }
	done < <(grep -ohE '\[[BLKU][0-9]+\]' README.md docs/*.md sigfd.{c,bpf.c,h} | sort -u)
	return $bad
}

# `name()` in the docs is a function of the sources; `file` with a known ending is in the tree, or what
# a lab begins with.
check_cited_names() {
	local name bad=0
	# shellcheck disable=SC2016 # the backticks are Markdown's
	while read -r name; do
		grep -qE "\b(BPF_K[A-Z]*\()?${name%()}[(,]" sigfd.c sigfd.bpf.c test/prog/*.c \
			docs/proofs/*.[ch] docs/labs/[0-9]/*.[ch] docs/labs/solutions/8/*.patch ||
			{ echo "no function: $name" && bad=1; }
	done < <(grep -ohE '`[a-z_]+\(\)`' "${pages[@]}" | tr -d '`' | sort -u)
	# shellcheck disable=SC2016
	while read -r name; do
		name=${name#work/[0-9]/}
		[[ -e $name || -e docs/$name || -e build/$name ]] ||
			compgen -G "docs/labs/[0-9]/$name" >/dev/null ||
			{ echo "no file: $name" && bad=1; }
	done < <(grep -ohE '`[A-Za-z0-9_./-]+\.(c|h|sh|md|8)`' "${pages[@]}" | tr -d '`')
	return $bad
}

manual() {
	mandoc -T utf8 docs/sigfd.8 | col -b
}

# What the completion offers for a word that begins so.
completions() {
	bash -c 'source docs/sigfd.bash-completion && COMP_WORDS=(sigfd "$1") COMP_CWORD=1
		_sigfd sigfd "$1"; printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}

check_options() {
	local option bad=0
	manual | sed -n '/^OPTIONS/,/^COMMAND/p' | grep -E '^ {7}(-|  *-)' >"$work/manual"
	completions -- >"$work/completions"
	./sigfd --help | grep -oE -- '--[a-z-]+' | sort -u >"$work/options"
	[[ -s $work/options ]] || return
	while read -r option; do
		grep -q -- "$option\b" "$work/manual" ||
			{ echo "no entry in the manual page: $option" && bad=1; }
		grep -q -- "^$option\b" "$work/completions" ||
			{ echo "not in the completion: $option" && bad=1; }
	done <"$work/options"
	return $bad
}

# Each key heads an entry of the JSON section, alone or in a list with others.
check_keys() {
	local key bad=0
	build/unit json 1 | jq -r 'keys[]' >"$work/keys"
	[[ -s $work/keys ]] || return # how many, random_json() counts
	manual | sed -n '/^JSON/,/^[A-Z]* *STATUS/p' | grep -E '^ {7}[a-z_, ]+' |
		cut -c8-52 | tr -s ', ' '\n' >"$work/headed"
	while read -r key; do
		grep -qx -- "$key" "$work/headed" ||
			{ echo "no entry in the manual page: $key" && bad=1; }
	done <"$work/keys"
	return $bad
}

check_links() {
	local file link bad=0
	for file in "${pages[@]}"; do
		while read -r link; do
			case $link in http*) continue ;; esac
			check_link "$file" "$link" || { echo "$file: $link" && bad=1; }
		done < <(grep -oE '\]\([^)]+\)' "$file" | sed 's/^](//; s/)$//')
	done
	return $bad
}

# A page, and where the link has a fragment, the heading that makes it.
check_link() {
	local page=${2%%#*} fragment=${2#*#}
	page=${page:+$(dirname "$1")/$page}
	page=${page:-$1}
	[[ -e $page ]] || return
	[[ $2 == *'#'* ]] || return 0
	grep '^#' "$page" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-' | sed 's/^-*//' |
		grep -qx "$fragment"
}

check_width() {
	local file
	for file; do
		expand "$file" | grep -Hn --label="$file" '.\{101\}'
	done >"$work/wide"
	no_output cat "$work/wide"
}

check_chart() {
	local name bad=0
	sed -n 's/.* class="label">\(.*\)<.text>/\1/p' docs/performance.svg >"$work/names"
	[[ -s $work/names ]] || { echo "no names in the chart" && return 1; }
	while read -r name; do
		grep -qF "| $name |" docs/performance.md || { echo "no row: $name" && bad=1; }
	done <"$work/names"
	return $bad
}

# ---- The build ----------------------------------------------------------------------------------

# The tree without what was built, so that each test of the build begins clean.
copy_tree() {
	rm -rf "$1"
	mkdir -p "$1"
	cp -r Makefile sigfd.c sigfd.h sigfd.bpf.c docs "$1"
}

builds_without_warning() {
	copy_tree "$work/tree"
	make -C "$work/tree" "$@" 2>&1 | tee "$work/make"
	[[ ${PIPESTATUS[0]} == 0 && -x $work/tree/sigfd ]] && ! grep -qi warning "$work/make"
}

# What make would do again after a file was touched, as the files' times tell.
rebuilds() {
	local expected=$1 file again=''
	shift
	sleep 0.01
	touch "$work/mark" "${@/#/$work/tree/}"
	make -C "$work/tree" >/dev/null || return
	for file in build/vmlinux.h build/sigfd.bpf.o build/sigfd.skel.h sigfd; do
		[[ $work/tree/$file -nt $work/mark ]] && again+=" ${file##*/}"
	done
	echo "made again:$again; expected: $expected"
	[[ "$again" == "${expected:+ $expected}" ]]
}

# Another kernel's types: with a function of another name, which no header shows.
remakes_vmlinux() {
	LC_ALL=C sed s/do_signalfd4/do_signalfd5/ /sys/kernel/btf/vmlinux >"$work/btf"
	make -C "$work/tree" VMLINUX_BTF="$work/btf" | grep "btf dump file $work/btf" &&
		make -C "$work/tree" | grep 'btf dump file /sys/kernel/btf/vmlinux'
}

remakes_fortified() {
	make -C "$work/tree" CFLAGS='-O2 -Werror -D_FORTIFY_SOURCE=2' | tee "$work/make"
	[[ ${PIPESTATUS[0]} == 0 ]] && grep FORTIFY "$work/make"
}

installs_and_uninstalls() {
	local root="$work/a root"
	make -C "$work/tree" install DESTDIR="$root" PREFIX=/usr >/dev/null || return
	(cd "$root" && find . -type f | sort)
	[[ $(cd "$root" && find . -type f | wc -l) == 3 && -x $root/usr/sbin/sigfd ]] || return
	make -C "$work/tree" uninstall DESTDIR="$root" PREFIX=/usr >/dev/null &&
		[[ -z $(find "$root" -type f) ]]
}

builds_static() {
	make -C "$work/tree" static && "$work/tree/sigfd-static" --version &&
		! readelf -l "$work/tree/sigfd-static" | grep INTERP
}

# A missing tool: make fails with one line, which names it and the package of four distributions.
names_missing() {
	local what=$1
	shift
	! make -C "$work/tree" O="$work/none" "$@" >"$work/out" 2>"$work/err" || return
	cat "$work/err"
	grep "^sigfd: $what" "$work/err" >"$work/line"
	[[ $(wc -l <"$work/line") == 1 ]] &&
		grep -q '(Debian, Ubuntu).*(Fedora).*(Arch).*(openSUSE)' "$work/line"
}

# To make a name with a space is two names.
refuses_spaces() {
	! make -C "$work/tree" O="$work/a folder" >"$work/out" 2>&1 &&
		grep 'is not one word; name a folder without spaces' "$work/out"
}

targets() {
	make -C "$work/tree" -n O="$work/none" ARCH="$1" | grep -- "-D__TARGET_ARCH_$2 "
}

test_build() {
	try "make -j2 builds without a warning" builds_without_warning -j2
	try "make again builds nothing" rebuilds ""
	try "a change of sigfd.c makes the loader only" rebuilds "sigfd" sigfd.c
	try "a change of sigfd.h makes both halves" \
		rebuilds "sigfd.bpf.o sigfd.skel.h sigfd" sigfd.h
	try "another BTF makes vmlinux.h anew" remakes_vmlinux
	try "make install, and uninstall leaves nothing" installs_and_uninstalls
	try "make static: one file, and it runs" builds_static
	try "the target's architecture: x86" targets x86_64 x86
	try "the target's architecture: arm64" targets aarch64 arm64
	try "a folder of intermediates with a space is refused" refuses_spaces
	try "no clang: one line" names_missing clang CLANG=no-such-clang
	try "no bpftool: one line" names_missing bpftool BPFTOOL=
	try "no pkg-config: one line" names_missing pkg-config PKG_CONFIG=no-such-pkg-config
	try "no libbpf: one line" names_missing libbpf PKG_CONFIG=false
	try "make with CC=clang builds without a warning" builds_without_warning CC=clang
	try "another CFLAGS makes the loader anew, and Ubuntu's have no warning" \
		remakes_fortified
}

# ---- Without root or kernel ---------------------------------------------------------------------

build_unit() {
	gcc -std=gnu11 -Wall -Wextra -Werror -g -fsanitize=address,undefined \
		-fno-sanitize-recover -Ibuild -I. test/unit.c -lbpf -lelf -lz -o build/unit
}

random_json() {
	build/unit json 20000 | jq -e 'keys | length == 31' | sort | uniq -c | tee "$work/keys"
	[[ $(<"$work/keys") =~ ^\ *20000\ true$ ]]
}

test_units() {
	include unit build/unit
	include "messages, in German" test/foreign.sh test/messages.sh
	if [[ $long == no ]]; then include fuzz test/fuzz.sh; else include fuzz test/fuzz.sh --seconds 60; fi
	include "recipe" test/walkthrough.sh --places
	try "20,000 events of random bytes are valid JSON" random_json
}

# ---- Live ---------------------------------------------------------------------------------------

# Else what --check says is missing, or who is asked for, is the reason.
can_trace_here() {
	./sigfd --check >"$work/check" 2>&1 && ((EUID == 0))
}

why_not_here() {
	grep -m 1 '^[a-zA-Z/ ]* missing ' "$work/check" | tr -s ' ' || echo 'only for root'
}

build_sanitized() {
	gcc -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover -Ibuild -I. \
		sigfd.c -lbpf -lelf -lz -o build/sigfd-asan
}

# The loader's ways through, under a checker: text, JSON, filters, --list, --check, an error.
runs_under() {
	local way
	for way in "-e -T -U -- test/bin/demo" "-j -H syscall -x -- test/bin/demo" --list \
		"-j --list" --check "-n demo -s HUP,RTMIN+1 -M 1 -- test/bin/demo"; do
		# shellcheck disable=SC2086 # words, on purpose
		"$@" $way >"$work/way" 2>&1 || { echo "$way: $?" && cat "$work/way" && return 1; }
	done
	"$@" --hook=nonsense
	(($? == 2))
}

with_valgrind() {
	valgrind -q --error-exitcode=99 --leak-check=full --child-silent-after-fork=yes \
		--suppressions=test/valgrind.supp ./sigfd "$@"
}

# traces_here NAME: or else a skip of that name.
traces_here() {
	[[ $here == no ]] || return 0
	((++skipped))
	echo "ok $(number) - $1 # SKIP $(why_not_here)"
	return 1
}

test_live_here() {
	traces_here "live on this machine" || return
	try "the loader under ASan and UBSan" runs_under build/sigfd-asan
	try "the loader under valgrind" runs_under with_valgrind
	include "here, in German" test/foreign.sh test/live.sh syscall
	if [[ $long == no ]]; then
		include "load here" test/load.sh syscall
	else
		include "load here" test/load.sh --all syscall
	fi
	include "model here" test/model.sh syscall
	include "proofs here" test/prove.sh
	include "docs" test/transcripts.sh
	try "the benchmark runs" test/bench.sh --quick boundary instructions
}

test_hosts() {
	local kernel
	include "hosts" test/vm.sh -- test/hosts.sh
	include "hosts" test/vm.sh --append lockdown=confidentiality -- test/hosts.sh lockdown
	for kernel in "${kernels[@]}"; do
		include "hosts, $kernel" test/vm.sh --kernel "$kernel" \
			--append lockdown=confidentiality -- test/hosts.sh lockdown
	done
	include "docs, vm" test/vm.sh --timeout 1800 -- test/transcripts.sh --vm
}

test_workshop() {
	if [[ $long == no ]]; then include "labs" test/labs.sh; else include "labs" test/labs.sh --all; fi
	include "room" test/room.sh
	include "handout" test/handout.sh
}

test_roots() {
	traces_here "bare Debian 12 and 13" || return
	if [[ $long == no ]]; then include roots test/roots.sh; else include roots test/roots.sh --all; fi
}

# Live tests, the model, loads and proofs, in a machine. All are run, and all must end well.
# shellcheck disable=SC2016 # for the machine's shell
live_and_proofs='test/live.sh $1; live=$?; test/model.sh $2; model=$?; load=0
	[ -z "$3" ] || test/load.sh --machine $3 || load=1
	test/prove.sh pair alone && exit $((live | model | load))'

# This Debian's own kernel has the live tests of all hooks, the newest those of the pair and of both;
# for the others both, which passes all hooks, has to do, and the model for the pair: a machine takes
# its quarter of an hour. What is of the loader alone is tested once: on this machine, where it can be.
# What a machine says is kept, to be told of in order.
live_in_vm() {
	local vm=(test/vm.sh --timeout 3600) live='--no-loader both' model='pair both' load=''
	case $1 in
	default)
		live='--no-loader pair syscall both' model='pair syscall both'
		[[ $here == yes ]] || live=${live#--no-loader }
		load=pair vm+=(--append syscall.x32=y)
		;;
	newest) live='--no-loader pair both' vm+=(--kernel newest) ;;
	arm64) vm+=(--arch arm64 --memory 3072) ;;
	*) vm+=(--kernel "$1") ;;
	esac
	[[ $long == no ]] || live='pair syscall both' model="--calls 100000 $live" \
		load="--all pair both" vm+=(--timeout 0)
	if [[ $1 == arm64 ]]; then
		"${vm[@]}" -- sh -c "{ make clean && make all programs && docs/proofs/hooks.sh --build &&
				test/live.sh --build; } >&2
			set -- '$live' '$model' '$load'; $live_and_proofs"
	else
		"${vm[@]}" -- sh -c "$live_and_proofs" sh "$live" "$model" "$load"
	fi >"$work/vm.$1.tap" 2>"$work/vm.$1.err"
	echo $? >"$work/vm.$1.status"
}

# Two at a time: each emulates its processors in one thread, and CI has two cores.
run_vms() {
	local machine
	for machine; do
		while (($(jobs -rp | wc -l) >= 2)); do
			wait -n
		done
		live_in_vm "$machine" &
	done
	wait
}

told_by_vm() {
	cat "$work/vm.$1.err" >&2
	cat "$work/vm.$1.tap"
	return "$(<"$work/vm.$1.status")"
}

main() {
	parse_options "$@"
	[[ $install == no ]] || install_packages
	[[ $mode != demo ]] || { demo; exit; }
	need_for_tests

	echo "TAP version 13"
	try "make" make all programs
	try "the unit tests build" build_unit
	[[ $mode != lint ]] || { lint; close_tap; exit; }

	try "the wrong tracers build" docs/proofs/hooks.sh --build
	try "a tracer that lacks memory builds" test/live.sh --build
	try "what the walkthrough patches builds" test/walkthrough.sh --build
	! can_trace_here || here=yes
	# These take longest, so they run beside all the rest.
	local machine machines=(default)
	[[ $arm64 == no ]] || machines+=(arm64) # the longest goes first
	machines+=("${kernels[@]}")
	run_vms "${machines[@]}" &
	lint
	test_build
	test_units
	try "the loader builds with sanitizers" build_sanitized
	test_live_here
	test_hosts
	test_workshop
	[[ $roots == no ]] || test_roots
	wait
	for machine in "${machines[@]}"; do
		include "vm $machine" told_by_vm "$machine"
	done
	close_tap
}

main "$@"
