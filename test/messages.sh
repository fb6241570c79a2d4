#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# messages.sh: holds docs/troubleshooting.md and the messages of the sources together, in TAP.
#
#	1. Every message in sigfd.c, sigfd.bpf.c and the Makefile is an entry of the page.
#	2. Every entry of the page that is not another program's is a message of the sources, of
#	   test.sh or of test/vm.sh.
#	3. Messages are provoked, and the line that comes is an entry. As root that is every entry.
#
# An entry is a line of the page that is a list's item and holds a message in a code span, and
# nothing else but, before it, the name of the program that prints it, if that is another one.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
source test/tap.sh || exit
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C # other programs' words are compared

# ---- What is in the sources, and what on the page ------------------------------------------------

# A message is compared in a form in which <> stands for each thing that varies.
#
#	messages compare    what only one side has, and what could not be read: a line each
#	messages entries    the entries that are sigfd's and make's
#	messages match      for each line of standard input the entry that it is, or, where it is a
#	                    message without an entry, "?" and the line
messages() {
	perl /dev/fd/3 "$@" 3<<'END'
use strict;
use warnings;

my @faults;

# What the extraction finds and the page has not, and why.
my %no_message = (
	'<>' => "what is missing, which is found at its need(); a release; a file's content",
	# What need() is told for where nothing is wrong.
	map { $_ => 'nothing is wrong' } 'CAP_SYS_ADMIN', 'CAP_BPF and CAP_PERFMON', 'mounted',
		'/sys/kernel/btf/vmlinux', 'built in', 'yes', 'do_signalfd4',
		'syscalls/sys_enter_signalfd4'
);

sub slurp {
	my ($file) = @_;
	open my $handle, '<', $file or die "$file: $!\n";
	local $/;
	return <$handle>;
}

sub product {    # every text of the one list before every text of the other
	my ($begins, $ends) = @_;
	return [map { my $begin = $_; map { $begin . $_ } @$ends } @$begins];
}

# ---- C

our $string = qr/"(?:[^"\\]|\\.)*"/;
our $char = qr/'(?:[^'\\]|\\.)*'/;
our $parens = qr/\((?:[^()"']++|$string|$char|(??{$main::parens}))*+\)/;

# Cuts an expression where a separator stands in no string and no parentheses. Returns pairs: a
# part, and the separator behind it.
sub cut {
	my ($text, $separator) = @_;
	my @pairs = (['', '']);
	while ($text =~ /\G(?:($separator)|($string|$char|$parens|.))/gs) {
		if (defined $1) {
			$pairs[-1][1] = $1;
			push @pairs, ['', ''];
		} else {
			$pairs[-1][0] .= $2;
		}
	}
	return @pairs;
}

sub literal {    # "a" "b" as ab; undefined for what is no string literal
	my ($text) = @_;
	return unless $text =~ /^\s*(?:$string\s*)+$/;
	my $joined = join '', map { substr $_, 1, -1 } $text =~ /$string/g;
	$joined =~ s/\\(.)/$1/g;
	return $joined;
}

# What an expression may be, where the text before it is $before: literals, of which a ? b : c has
# several, or <>. A variable may be what was put into it last: by sprintf() or snprintf() (and empty,
# if it begins so), or literals, one for each assignment.
sub values_of {
	my ($text, $before) = @_;
	$text =~ s/[^?:]+\?:\s*""/x/g;    # x ?: "" is x, or nothing
	my %seen;
	return grep { !$seen{$_}++ } map {
		my ($name) = /^\s*([a-z]\w*)\s*$/;
		literal($_) // (defined $name ? put_into($name, $before) : '<>')
	} map { $_->[0] } grep { $_->[1] ne '?' } cut($text, qr/[?:]/);
}

sub put_into {
	my ($name, $before) = @_;
	my ($body) = $before =~ /.*^\{\n(.*)/ms;    # of the function, so far
	my @literals = map { literal($_) } ($body // '') =~ /\b$name(?:\[\d+\])? = ($string)/g;
	my @printed;
	while (($body // '') =~ /\bsn?printf\s*($parens)/g) {
		my ($start, $buffer, @rest) = ($-[0], map { $_->[0] } cut(substr($1, 1, -1), qr/,/));
		next unless $buffer =~ /^\s*$name\s*$/;
		shift @rest if $rest[0] =~ /sizeof/;
		@printed = filled(literal(shift @rest) // '%s', \@rest, $before);
	}
	my @values = (@literals, @printed);
	return @values ? @values : '<>';
}

# A format with its arguments filled in, in every way there is. %m takes none: it is an error's text.
sub filled {
	my ($format, $arguments, $before) = @_;
	my $texts = [''];
	my $number = qr/\*|[0-9]+/;
	while ($format =~ /\G(?:([^%]+)|%%|%[-+ #0]*($number)?(?:\.($number))?[hlz]*([a-z]))/g) {
		my $ends = [$1 // '%'];
		if (defined $4) {
			shift @$arguments for grep { ($_ // '') eq '*' } $2, $3;
			my @values = $4 eq 'm' ? '<>' : values_of(shift(@$arguments) // '', $before);
			$ends = defined $3 ? ['<>'] : \@values;    # <> if it is cut short
		}
		$texts = product($texts, $ends);
	}
	return @$texts;
}

# Every error is said by complain(), alone or in DIE(); must() says one of a step with libbpf, for
# which the page has one entry for each mend, and the names of the steps below. need() has a text for
# what is there, which only --check prints, and one for what is missing: in a run that has its name
# before it, unless no hook needs it.
sub messages_of_c {
	my ($file) = @_;
	my ($c, @found) = slurp($file);
	my %named = map { $_ => 0 } slurp('docs/troubleshooting.md') =~ /^ +\| ([^|]+) \|/mg;
	$c =~ s{($string|$char)|/\*.*?\*/|//[^\n]*}{$1 // ' '}gse;
	push @found, literal($1) while $c =~ /^#error ($string)/mg;
	$c =~ s/^#(?:\\\n|.)*//mg;

	while ($c =~ /\b(complain|DIE|need|must)\s*($parens)/g) {
		my ($function, $before, @arguments) = ($1, substr($c, 0, $-[0]), map { $_->[0] }
			cut(substr($2, 1, -1), qr/,/));
		next if $arguments[0] =~ /^(?:const char|int err)\b/;    # the function itself
		shift @arguments if $function eq 'DIE';
		if ($function eq 'must') {
			my $step = literal($arguments[1]) // '';
			push @faults, "$file: a step that the page does not name: $arguments[1]"
				unless exists $named{$step};
			$named{$step}++;
		} elsif ($function eq 'need') {
			my $name = $arguments[1] =~ /^\s*0\s*$/ ? '' : literal($arguments[0]) . ': ';
			push @found, values_of($arguments[3], $before),
				map { $name . $_ } values_of($arguments[4], $before);
		} else {
			my $format = shift @arguments;
			for my $text (values_of($format, '')) {
				push @faults, "$file: no format to be read: $function($format"
					if $text eq '<>';
				push @found, filled($text, [@arguments], $before);
			}
		}
	}
	delete $named{'the step'};    # the heading
	push @faults, map { "not a step in the sources: $_" } grep { !$named{$_} } keys %named
		if grep { $_ } values %named;
	# Nothing else may print an error.
	my $printers = qr/(?:perror|v?dprintf|warnx?|errx?|error|argp_[efu]\w+)\s*\(/;
	$c =~ s/^static [^\n]*\bcomplain\([^\n]*\n\{.*?^\}//msg;
	push @faults, "$file: an error is printed by other means than complain(): $1"
		while $c =~ /\b(stderr\b|$printers|write\(STDERR_FILENO)/g;
	return @found;
}

# ---- make and the shell

sub messages_of_make {
	my ($file) = @_;
	my $make = slurp($file);
	my (@needs, @found);
	$make =~ s/^#.*//mg;
	$make =~ s/\s*\\\n\s*/ /g;
	while ($make =~ /\$($parens)/g) {
		my ($call, @arguments) = map { $_->[0] } cut(substr($1, 1, -1), qr/,/);
		push @needs, \@arguments if $call eq 'call need';
	}
	while ($make =~ /\becho ((?:$string\s+)+)>&2/g) {
		my $text = join ' ', map { substr $_, 1, -1 } $1 =~ /$string/g;
		push @faults, "$file: not said by sigfd: $text" unless $text =~ s/^sigfd: //;
		for my $need ($text =~ /\$\(\d\)/ ? @needs : []) {
			(my $filled = $text) =~ s/\$\((\d)\)/$need->[$1 - 1] \/\/ ''/ge;
			$filled =~ s/\$\(\w+\)/<>/g;
			push @found, $filled;
		}
	}
	return @found;
}

sub messages_of_shell {
	my ($file) = @_;
	my ($name) = $file =~ /([^\/]+)$/;
	my $shell = slurp($file);
	my @found;
	$shell =~ s/\s*\\\n\s*/ /g;
	$shell =~ s/\$$parens|\$\{[^}]*\}|\$\w+/<>/g;
	while ($shell =~ /\b(die \d+|echo) ($string(?: $string)*)( >&2)?/g) {
		next if $1 eq 'echo' and !$3;
		my $prefix = $1 eq 'echo' ? '' : "$name: ";
		push @found, $prefix . join ' ', map { substr $_, 1, -1 } $2 =~ /$string/g;
	}
	return @found;
}

# ---- The page

# Its entries: the program, if it is another's, and the message.
sub entries {
	my (@entries, $number);
	for my $line (split /\n/, slurp('docs/troubleshooting.md')) {
		$number++;
		next unless $line =~ /^- (?:[a-z]+: )?`/;
		if ($line =~ /^- (?:([a-z]+): )?(`+)(.*)\2$/ and $3 !~ /(?<!`)$2(?!`)/) {
			my ($program, $text) = ($1, $3);
			$text =~ s/^ (.*) $/$1/;    # as Markdown has it
			push @entries, { program => $program, text => $text };
		} else {
			push @faults, "troubleshooting.md: line $number is no whole entry: $line";
		}
	}
	return @entries;
}

# In the form in which messages are compared: with and without each part in brackets.
sub forms {
	my ($text) = @_;
	my $forms = [''];
	while ($text =~ /\G(?:([^\[]+)|\[([^\]]*)\])/g) {
		$forms = product($forms, defined $1 ? [$1] : ['', $2]);
	}
	return map { s/<[A-Z]+>/<>/gr } @$forms;
}

# For a line that was printed: <N> is a number, other names are any text.
sub expression {
	my ($text) = @_;
	my $end = $text =~ s/\.\.\.$// ? '.*' : '';
	my $expression = join '', map {
		/^<N>$/ ? '[0-9]+' : /^<[A-Z]+>$/ ? '.+' :
			/^\[$/ ? '(?:' : /^\]$/ ? ')?' : quotemeta
	} split /(<[A-Z]+>|[][])/, $text;
	return qr/$expression$end/;
}

# ---- Both

sub same {
	my ($form, $message) = @_;
	return substr($message, 0, length $1) eq $1 if $form =~ /^(.*)\.\.\.$/;
	return $form eq $message;
}

sub compare {
	my @ours = grep { !$_->{program} } entries();
	my @forms = map { forms($_->{text}) } @ours;
	my @messages = (messages_of_c('sigfd.c'), messages_of_c('sigfd.bpf.c'),
		messages_of_make('Makefile'));
	my @others = map { messages_of_shell($_) } 'test/vm.sh', 'test.sh';

	for my $message (@messages) {
		next if exists $no_message{$message};
		push @faults, "not on the page: $message" unless grep { same($_, $message) } @forms;
	}
	for my $form (@forms) {
		push @faults, "not in the sources: $form"
			unless grep { same($form, $_) } @messages, @others;
	}
	for my $text (keys %no_message) {
		push @faults, "an exception for nothing: $text"
			unless grep { $_ eq $text } @messages;
	}
	my %times;
	push @faults, map { "twice on the page: $_" } grep { $times{$_}++ == 1 } @forms;
	push @faults, 'nothing found' unless @messages > 60 and @others > 10 and @ours > 60;
}

sub match {
	# Those that say most come first: another's <NAME> could stand for what they say.
	my @entries = sort { $b->{fixed} <=> $a->{fixed} } map {
		my $fixed = length $_->{text} =~ s/<[A-Z]+>//gr;
		+{ %$_, like => expression($_->{text}), fixed => $fixed }
	} entries();
	while (my $line = <STDIN>) {
		chomp $line;
		my ($must, @texts) = (1, $line);
		if ($line =~ /^sigfd: (.*)/) {
			@texts = $1;
		} elsif ($line =~ /^(\S.{18})\s(ok|missing) +(.*)/) {    # of --check
			my ($name, $word, $text) = ($1, $2, $3);
			$name =~ s/ +$//;
			$must = $word eq 'missing';
			@texts = ("$name: $text", $text);
		} elsif ($line =~ /error: "(.*)"$/) {
			@texts = $1;
		} else {
			$must = $line =~ /^(?:vm|test)\.sh: /;
		}
		my ($entry) = grep {
			my $like = $_->{like};
			$_->{program} ? $line =~ $like : grep { /^$like$/ } @texts;
		} @entries;
		print $entry ? "$entry->{text}\n" : $must ? "? $line\n" : '';
	}
}

my ($mode) = @ARGV;
compare() if $mode eq 'compare';
match() if $mode eq 'match';
print map { "$_->{text}\n" } grep { !$_->{program} && $_->{text} !~ /^(?:vm|test)\.sh: / } entries()
	if $mode eq 'entries';
print map { "$_\n" } @faults;
exit(@faults != 0);
END
}

# ---- A test --------------------------------------------------------------------------------------

# says BEGINNING COMMAND...: among what it prints is the entry that begins so, and each message is
# an entry.
says() {
	local beginning=$1 entry status=1
	shift
	[[ $(type -t "$1") != file ]] || set -- timeout "$patience" "$@"
	"$@" >"$work/said" 2>&1 </dev/null
	messages match <"$work/said" >"$work/matched"
	while IFS= read -r entry; do
		[[ $entry != "$beginning"* ]] || status=0
	done <"$work/matched"
	grep -v '^?' "$work/matched" >>"$work/provoked"
	grep '^?' "$work/matched" >>"$work/said" && status=1
	report $status "says: $beginning" <"$work/said"
}

# ---- Both sides agree ----------------------------------------------------------------------------

test_agreement() {
	messages compare >"$work/said" 2>&1
	report $? "the page has every message of the sources, and no other" <"$work/said"
	lost_sections >"$work/said"
	[[ ! -s $work/said ]]
	report $? "every section that --explain cites is in the manual page" <"$work/said"
}

lost_sections() {
	local section
	grep -oE '"[A-Z]+: ' sigfd.c | tr -d '": ' | sort -u >"$work/sections"
	[[ -s $work/sections ]] || echo "none is cited"
	while read -r section; do
		grep -qE "^\.S[HS] $section$" docs/sigfd.8 || echo "$section"
	done <"$work/sections"
}

# ---- Building -----------------------------------------------------------------------------------

# A tree with what make reads, so that nothing is built in this one.
builds() {
	make -C "$work/tree" O="$work/none" "$@"
}

prepare_build() {
	mkdir "$work/tree" "$work/stub" "$work/empty"
	cp -r Makefile README.md docs sigfd.c sigfd.h sigfd.bpf.c "$work/tree"
	printf '#!/bin/sh\necho 10.0.1\n' >"$work/stub/clang"
	# shellcheck disable=SC2016 # for the stub's shell
	printf '#!/bin/sh\ncase "$*" in *"$LACKING"*) exit 1 ;; esac\n' >"$work/stub/pkg-config"
	printf '#!/bin/sh\necho Usage: bpftool gen skeleton FILE >&2\n' >"$work/stub/bpftool"
	chmod 755 "$work/stub"/*
	echo text >"$work/text"
}

# The kernel half, up to the preprocessor's errors.
preprocesses_for() {
	: >"$work/empty/vmlinux.h"
	clang -E -target bpf "-D__TARGET_ARCH_$1" -D__VMLINUX_H__ -I"$work/empty" -I. sigfd.bpf.c \
		-o /dev/null
}

# shellcheck disable=SC2317,SC2329 # called by says
compiles() {
	printf '%s\n' "$1" | "${@:2}" -fsyntax-only -x c -
}

test_building() {
	local lacking multiarch program
	for program in make gcc clang bpftool pkg-config; do
		type -P "$program" >/dev/null || { report 77 "building" <<<"no $program here" && return; }
	done
	prepare_build
	says "the C compiler" builds CC=no-such-cc
	says "clang is" builds CLANG=no-such-clang
	says "clang 14" builds CLANG="$work/stub/clang"
	says "bpftool is" builds BPFTOOL=
	says "bpftool 5.13" builds BPFTOOL="$work/stub/bpftool"
	says "pkg-config" builds PKG_CONFIG=no-such-pkg-config
	for lacking in --exists\ {libbpf,libelf,zlib} "--atleast-version=1.0 libbpf"; do
		program=${lacking##* }
		[[ $lacking == --exists* ]] || program+=" 1.0"
		says "$program" env LACKING="$lacking" make -C "$work/tree" O="$work/none" \
			PKG_CONFIG="$work/stub/pkg-config"
	done
	says "no BTF at" builds VMLINUX_BTF="$work/no-such-file"
	says "Error: failed to load BTF" builds VMLINUX_BTF="$work/text" "$work/none/vmlinux.h"
	says "say here" preprocesses_for riscv
	says "pandoc is" builds handout PANDOC=no-such-pandoc
	says "chromium is" builds handout PANDOC=: CHROMIUM=no-such-chromium

	multiarch=$(gcc -print-multiarch)
	if [[ -n $multiarch && -d /usr/include/$multiarch/asm && ! -e /usr/include/asm ]]; then
		says "fatal error: 'asm/types.h'" \
			compiles '#include <asm/types.h>' clang -target bpf
	fi
	says "fatal error: argp.h" compiles '#include <argp.h>' gcc -nostdinc -I"$work/none"
	echo 'int strerrorname_np(int); int main(void) { return strerrorname_np(1); }' \
		>"$work/empty/main.c"
	says "undefined reference to \`strerrorname_np" gcc -nostdlib "$work/empty/main.c" -o /dev/null
	says "cannot find -l" gcc "$work/empty/main.c" -lno-such-library -o /dev/null
}

# vm.sh at a terminal, in a tree with nothing else.
# shellcheck disable=SC2317,SC2329 # called by says
at_terminal() {
	script -qec "$work/room/test/vm.sh $*" /dev/null | tr -d '\r'
}

# What goes before a machine, and, with a file that stands for one that runs, before a terminal in it.
test_room() {
	local lock
	says "vm.sh: unknown option" test/vm.sh --nonsense
	says "vm.sh: --kernel is" test/vm.sh --kernel 6
	says "vm.sh: no file" test/vm.sh --image "$work/no-such-file"
	says "vm.sh: no folder <FOLDER> of" test/vm.sh --modules "$work/no-such-file"
	says "vm.sh: --image wants" test/vm.sh --image Makefile
	says "vm.sh: --modules wants" test/vm.sh --modules "$work"
	says "vm.sh: <FOLDER> has no modules.dep.bin" test/vm.sh --image Makefile --modules "$work"
	says "vm.sh: --room takes" test/vm.sh --room -- true
	says "vm.sh: --enter wants" test/vm.sh --enter
	type -P script >/dev/null || { report 77 "at a terminal" <<<"no script here" && return; }
	mkdir -p "$work/room/test" "$work/room/.cache" "$work/room/pipes"
	cp test/vm.sh "$work/room/test"
	says "vm.sh: no machine runs" at_terminal --enter
	echo "$work/room/pipes" >"$work/room/.cache/room"
	exec {lock}<>"$work/room/.cache/room"
	flock "$lock"
	says "vm.sh: the machine is not up" at_terminal --enter
	echo $$ >"$work/room/pipes/pid"
	for lock in 1 2 3; do
		exec {lock}>"$work/room/pipes/lock$lock"
		flock "$lock"
	done
	says "vm.sh: all its terminals" at_terminal --enter
}

# With hardly a program in PATH.
lacking_programs() {
	PATH=$work/few "$BASH" "$@"
}

test_scripts() {
	local program
	mkdir "$work/few"
	for program in dirname mktemp rm; do
		ln -s "$(type -P "$program")" "$work/few"
	done
	says "vm.sh: <PROGRAM> is missing" lacking_programs test/vm.sh -- true
	says "test.sh: missing" lacking_programs test.sh
	says "sudo: command not found" lacking_programs -c 'sudo true'
}

# ---- Without root --------------------------------------------------------------------------------

as_nobody() {
	((EUID)) || set -- "${nobody[@]}" "$@"
	timeout "$patience" "$@"
}

# shellcheck disable=SC2317,SC2329 # called by says
to_full_disk() {
	timeout "$patience" "$@" >/dev/full
}

# shellcheck disable=SC2317,SC2329 # called by says
has_threads() {
	local tasks=("/proc/$1/task"/*)
	((${#tasks[@]} > 1))
}

# shellcheck disable=SC2317,SC2329 # called by says
pid_of_thread() {
	local pid tid
	mkfifo "$work/word"
	"$work/burst" -g -t 2 <"$work/word" &
	pid=$!
	exec 7>"$work/word"
	wait_until has_threads "$pid" || return
	for tid in "/proc/$pid/task"/*; do
		[[ ${tid##*/} == "$pid" ]] || timeout "$patience" "$work/sigfd" --pid="${tid##*/}"
	done
	exec 7>&-
	wait "$pid"
}

test_usage() {
	local sigfd=$work/sigfd
	says "near '<ARGUMENT>': unknown" "$sigfd" --pid
	says "near '<ARGUMENT>': unknown" "$sigfd" --p 3
	says "near '<ARGUMENT>': unknown" "$sigfd" --json=3
	says "near '<ARGUMENT>': unknown" "$sigfd" -qZ
	says "'<ARGUMENT>' is no option" "$sigfd" ls
	says "no command after" "$sigfd" --
	says "--<OPTION>: " "$sigfd" --pid=0
	says "--signal" "$sigfd" --signal=FOO
	says "--name: the name is empty" "$sigfd" --name=
	says "--hook" "$sigfd" --hook=nonsense
	says "-<LETTER> can't" "$sigfd" --list --tid=1
	says "a command can't" "$sigfd" --check -- true
	says "no process or thread" "$sigfd" --pid=4194304
	says "no process or thread" "$sigfd" --tid=4194304
	says "can't write the output" to_full_disk "$sigfd" --list
	says "can't write the output" to_full_disk "$sigfd" --help
	if gcc -pthread -O test/prog/burst.c -o "$work/burst"; then
		says "--pid: <TID> is a thread" pid_of_thread
	else
		report 77 "a thread's number" <<<"gcc can't build test/prog/burst.c"
	fi
}

test_nobody() {
	local sigfd=$work/sigfd
	says "privilege: neither" as_nobody "$sigfd"
	says "can't tell: not built in" as_nobody "$sigfd" --check
	says "can't tell: no debugfs" as_nobody "$sigfd" --check
	says "syscall tracepoints: can't look" as_nobody "$sigfd" --check
	says "some of /proc is left out" as_nobody "$sigfd" --list
	if unshare -Ur true 2>/dev/null; then
		says "privilege: neither" unshare -Ur "$sigfd"
	else
		report 77 "a user namespace" <<<"there can't be one here"
	fi
}

# ---- As root, on this host with something taken away ---------------------------------------------

# on_host CHANGE COMMAND...: where the shell's command CHANGE has been at work on the mounts.
on_host() {
	# shellcheck disable=SC2016 # for the inner shell
	timeout "$patience" unshare -m sh -c 'cd "$1" && eval "$2" && shift 2 && exec "$@"' sh \
		"$work/host" "$@"
}

no_tracefs='mount --bind empty /sys/kernel/tracing && mount --bind empty /sys/kernel/debug'
no_tracepoints='mount -t tmpfs own /sys/kernel/tracing && mkdir /sys/kernel/tracing/events'
no_proc='mount --bind empty /proc'

prepare_hosts() {
	mkdir "$work/host" "$work/host/empty"
	echo 3 >"$work/host/three"
	echo 5.12.19 >"$work/host/release"
	grep -v ' do_signalfd4$' /proc/kallsyms >"$work/host/without"
	sed 's/ do_signalfd4$/ do_signalfd4.isra.0/' /proc/kallsyms >"$work/host/suffixed"
}

test_hosts() {
	local sigfd=$work/sigfd
	local own='mount -t tmpfs own /sys/kernel && cd /sys/kernel &&
		mkdir -p security debug/kprobes && echo 0 >debug/kprobes/enabled &&
		echo "none integrity [confidentiality]" >security/lockdown'
	local no_kprobes='mount --bind empty /sys/bus/event_source/devices'
	local paranoid='mount --bind three /proc/sys/kernel/perf_event_paranoid'
	unshare -m true 2>/dev/null || { report 77 "other hosts" <<<"no mount namespaces" && return; }
	prepare_hosts
	says "BTF: " on_host "$own" "$sigfd" -H syscall
	says "lockdown: " on_host "$own" "$sigfd" --check
	says "syscall tracepoints: confidentiality" on_host "$own" "$sigfd" --check
	says "switched off" on_host "$own" "$sigfd" --check
	says "can't tell: tracefs" on_host "$no_tracefs" "$sigfd" --check
	says "syscall tracepoints: no" on_host "$no_tracepoints" "$sigfd" -H syscall
	says "kprobes: " on_host "$no_kprobes" "$sigfd" -H pair
	says "/proc: " on_host "$no_proc" "$sigfd"
	says "can't read /proc" on_host "$no_proc" "$sigfd" --list
	says "symbol: no" on_host 'mount --bind without /proc/kallsyms' "$sigfd" --check
	says "symbol: there" on_host 'mount --bind suffixed /proc/kallsyms' "$sigfd" --check
	says "kernel: " on_host 'mount --bind release /proc/sys/kernel/osrelease' "$sigfd"
	says "can't tell: no /proc/sys" on_host 'mount -t proc -o subset=pid own /proc' "$sigfd" --check
	says "--pid and --tid" unshare -pf "$sigfd" --pid=1
	says "privilege: neither" on_host "$paranoid" \
		"${nobody[@]}" --inh-caps=+bpf,+perfmon --ambient-caps=+bpf,+perfmon "$sigfd" --check
}

# ---- As root, traced -----------------------------------------------------------------------------

can_trace() {
	timeout "$patience" "$work/sigfd" -q -H syscall -- true >/dev/null 2>&1
}

# failing CALL:error=ERROR COMMAND...: that system call fails.
failing() {
	timeout "$patience" strace -qq -o /dev/null -e trace="${1%%:*}" -e inject="$1" "${@:2}"
}

# More calls than the ring buffer and the pipe hold, for a reader who takes none.
# shellcheck disable=SC2317,SC2329 # called by says
to_stalled_reader() {
	local fd tracer
	mkfifo "$work/stalled"
	exec {fd}<>"$work/stalled"
	"$work/sigfd" -H syscall -b 4 -n burst >"$work/stalled" 2>"$work/err" &
	tracer=$!
	wait_until has_text "$work/err" Tracing
	"$work/burst" -n 5000 -t 2
	wait_until has_text "$work/err" 'lost so far'
	kill -TERM "$tracer"
	wait "$tracer"
	exec {fd}>&-
	cat "$work/err"
	grep -q 'output closed' "$work/err"
}

test_live() {
	local sigfd=$work/sigfd
	can_trace || {
		report 77 "tracing" < <(timeout "$patience" "$sigfd" -H syscall -- true 2>&1)
		return
	}
	says "hook syscall: " on_host 'mount --bind empty /sys/bus/event_source/devices' \
		"$sigfd" -- true
	says "Tracing signalfd calls by" "$sigfd" -H syscall -- true
	says "<N> calls: " "$sigfd" -H syscall -- true
	says "can't execute" "$sigfd" -H syscall -- /no/such/program
	says "can't execute" "$sigfd" -H syscall -- /tmp
	says "can't write the output" to_full_disk "$sigfd" -H syscall
	says "--cgroup: '<PATH>': <ERROR>" "$sigfd" -H syscall --cgroup=/no/such/folder
	says "--cgroup: '<PATH>': <ERROR>" "$sigfd" -H syscall --cgroup=/proc
	says "<N> calls lost so far" to_stalled_reader
	type -P strace >/dev/null || { report 77 "system calls that fail" <<<"no strace here" && return; }
	says "can't <STEP>: <ERROR>; run as" failing bpf:error=EPERM "$sigfd" -H syscall
	says "can't <STEP>: <ERROR>; see --check" failing bpf:error=ENOMEM "$sigfd" -H syscall
	says "can't <STEP>: <ERROR>; see --check" failing bpf:error=EINVAL "$sigfd" -H syscall
	says "can't <STEP>: <ERROR>; run as" failing perf_event_open:error=EPERM "$sigfd" -H syscall
	says "can't <STEP>: <ERROR>; see --check" failing epoll_create1:error=EMFILE "$sigfd" -H syscall
	says "can't <STEP>: <ERROR>; run as" on_host "$no_tracefs" strace -qq -o /dev/null \
		-e trace=mount -e inject=mount:error=EPERM "$sigfd" -H syscall
	says "the probes don't fire" failing signalfd4:error=EPERM "$sigfd" -H syscall
	says "<N> calls: " failing signalfd4:error=EPERM:when=2+ "$sigfd" -H syscall -- true
	says "can't start" failing '?fork,?vfork,clone,?clone3:error=EAGAIN' \
		"$sigfd" -H syscall -- true
}

# ---- What was left out ---------------------------------------------------------------------------

# Of the steps in "can't <STEP>", only want of memory makes the opening of the BPF object fail.
test_coverage() {
	messages entries | sort -u >"$work/entries"
	grep -Fx -f "$work/entries" "$work/provoked" | sort -u |
		comm -3 "$work/entries" - >"$work/said"
	[[ ! -s $work/said ]]
	report $? "every entry was provoked" <"$work/said"
}

main() {
	echo "TAP version 13"
	test_agreement
	test_building
	test_scripts
	test_room
	if cp sigfd "$work/sigfd"; then
		test_usage
		test_nobody
	else
		report 77 "what sigfd says" <<<"it is not built"
	fi
	if ((EUID)); then
		report 77 "other hosts, and tracing" <<<"not root"
	elif [[ -e $work/sigfd ]]; then
		test_hosts
		test_live
	fi
	((skipped)) || test_coverage
	end_tap
}

main
