# What live.sh compares: events as sigfd must show them, worked out from what others say of the
# same calls (the program itself, strace, /proc).

# Of 1 to 64, as glibc's users know them.
def all_signals:
	("HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP " +
	"TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH POLL PWR SYS 32 33 RTMIN" | split(" "))
	+ [range(1; 31) | "RTMIN+\(.)"] | map("SIG" + .);

# The names of the signals in a mask, "0x" and 16 digits.
def names:
	all_signals as $all
	| (ltrimstr("0x") | explode | reverse | map(if . >= 97 then . - 87 else . - 48 end)) as $nibbles
	| [range(64) | select(($nibbles[. / 4 | floor] / pow(2; . % 4) | floor) % 2 == 1) | $all[.]];

def has_bit($bit): (. / $bit | floor) % 2 == 1;

def flag_names:
	(if has_bit(524288) then ["SFD_CLOEXEC"] else [] end) as $cloexec
	| (if has_bit(2048) then ["SFD_NONBLOCK"] else [] end) as $nonblock
	| (. - 524288 * ($cloexec | length) - 2048 * ($nonblock | length)) as $rest
	| $cloexec + $nonblock + (if $rest == 0 then [] else
		[{"1": "0x1", "2": "0x2", "4": "0x4", "2147483648": "0x80000000"}["\($rest)"]] end);

def is_compat: .way | startswith("compat-");
def is_early: .cause == "bad sizemask" or .cause == "bad pointer";

# Does that hook see the call? One line of calls.c.
def is_seen($hook):
	if $hook == "pair" then is_early | not
	elif $hook == "syscall" then is_compat | not
	else (is_compat and is_early) | not end;

# The event of a call, from one line of calls.c. What no one else can know is left out: see shape.
def expected($hook):
	($hook != "syscall" and (is_early | not)) as $in_kernel
	| ($hook != "pair" and (is_compat | not)) as $at_boundary
	| (if $at_boundary and (.absent | not) then .mask else null end) as $user_mask
	| (if $in_kernel then .mask else $user_mask end) as $mask
	| def subset(f): if $mask then f else null end;
	{
		v: 1, pid, tid, uid: 0, comm: "calls", hook: $hook,
		syscall: (if $at_boundary then .way else null end),
		op: (if .ufd == -1 then "create" else "update" end),
		ufd, flags, flag_names: (.flags | flag_names),
		mask: $mask,
		mask_source: (if $in_kernel then "kernel" elif $user_mask then "user" else null end),
		signals: subset(.signals),
		ignored: subset(.ignored),
		unblocked: subset(.unblocked),
		discarded: subset([]), # calls ignores nothing
		synchronous: subset(.synchronous),
		user_mask: $user_mask,
		user_mask_errno: (if $at_boundary and $user_mask == null then "EFAULT" else null end),
		sizemask: (if $at_boundary then .sizemask else null end),
		raced: (if $in_kernel and $user_mask then false else null end),
		reached: (if $hook == "syscall" then null else $in_kernel end),
		ret, errno, cause
	};

# The rest of an event, and which calls it must be found in; false where it is not right.
def shape_is_right($seq):
	(keys | length) == 31 and .seq == $seq
	and (.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{9}Z$"))
	and ([.ktime_ns, .duration_ns, .cgroup_id] | all(type == "number" and . > 0 and . == floor));

def without_shape: del(.seq, .time, .ktime_ns, .duration_ns, .cgroup_id);

# A line of `strace -f -o`, as a record; the set is null where strace printed an address. Strace
# counts real-time signals as the kernel does.
def strace_signal:
	"SIG" + if . == "IO" then "POLL"
	elif . == "RTMIN" then "32"
	elif . == "RT_1" then "33"
	elif . == "RT_2" then "RTMIN"
	elif startswith("RT_") then "RTMIN+\(ltrimstr("RT_") | tonumber - 2)"
	else . end;

def strace_set:
	if startswith("0x") or . == "NULL" then null
	else (capture("\\[(?<names>.*)\\]").names | split(" ") - [""] | map(strace_signal)) as $named
	| if startswith("~") then all_signals - $named else $named end end;

def strace_flags:
	if . == null then [] else sub(" /\\*.*\\*/"; "") | split("|") - ["0"] end;

def of_strace:
	capture("^(?<pid>[0-9]+) +(?<name>signalfd4?)\\((?<ufd>-?[0-9]+), (?<set>[^,]+), " +
		"(?<size>[0-9]+)(, (?<flags>.*))?\\) += (?<ret>-?[0-9]+)( (?<errno>[A-Z]+))?")
	| {
		syscall: .name, ufd: (.ufd | tonumber), set: (.set | strace_set),
		sizemask: (.size | tonumber), flags: (.flags | strace_flags),
		ret: (if .errno then .errno else .ret | tonumber end)
	};

def of_event:
	{
		syscall, ufd, set: .signals,
		sizemask, flags: .flag_names, ret: (.errno // .ret)
	};

# What the hook can't know of the call, or strace won't print, taken from both.
def comparable($hook; $compat):
	if .sizemask != null and .sizemask != 8 then .set = null else . end
	| if $hook == "pair" or $compat then .syscall = null | .sizemask = null else . end;

# The start of the same call's line of text, up to its notes.
def pad($width): tostring | . + " " * ([$width - length, 0] | max) // .;
def without_sig: map(ltrimstr("SIG")) | join(" ");
def text_set:
	if . == null then "?"
	elif length == 0 then "-"
	elif length > 42 then "~[\(all_signals - . | without_sig)]"
	else without_sig end;
def text_flags: if length == 0 then "-" else map(ltrimstr("SFD_")) | join("|") end;
def text:
	[(.pid | pad(7)), (.tid | pad(7)), (.comm | pad(16)),
	(if .op == "create" then .op else "\(.op) \(.ufd)" end | pad(9)),
	(.errno // .ret | pad(7)), (.flag_names | text_flags | pad(17)),
	(.signals | text_set)] | join(" ");
