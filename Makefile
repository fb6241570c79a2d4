# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
# sigfd: `make` builds ./sigfd from distribution packages; `make help` lists the rest.
#
# The order of the build:
#	the kernel's BTF --bpftool--> vmlinux.h --clang--> sigfd.bpf.o --bpftool--> sigfd.skel.h
#	                                                      sigfd.c + sigfd.skel.h --cc--> sigfd

# Set these on the command line, where the defaults don't fit.
ARCH ?= $(shell uname -m)
VMLINUX_BTF ?= /sys/kernel/btf/vmlinux
CLANG ?= clang
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
DESTDIR ?=
# Where intermediates go. The programs stay in the tree, where the tests and the pages have them.
O ?= build

# To make a name with a space is two names.
ifneq ($(words $(O)),1)
$(error sigfd: O=$(O) is not one word; name a folder without spaces)
endif

# libbpf's macros find a function's arguments in its registers: which, __TARGET_ARCH_ says.
BPF_ARCH := $(shell echo $(ARCH) | sed -e 's/^x86_64$$\|^amd64$$/x86/' -e 's/^aarch64$$/arm64/' \
	-e 's/^ppc64.*/powerpc/' -e 's/^s390x/s390/' -e 's/^riscv64/riscv/' \
	-e 's/^loongarch64/loongarch/')

# bpftool hides: in /usr/sbin (Debian; not in a user's PATH), or behind a stub that only works for
# the running kernel's package (Ubuntu). The first that answers is taken.
ifndef BPFTOOL
BPFTOOL := $(shell for b in $$(command -v bpftool) /usr/sbin/bpftool /usr/local/sbin/bpftool \
	/usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do \
	"$$b" version >/dev/null 2>&1 && echo "$$b" && break; done)
endif

# `-target bpf` has no multiarch folder of its own: asm/types.h, which a libbpf header may bring in
# where vmlinux.h does not stand in for it, is not found without this.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -g -O2 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Wno-unused-parameter \
	-I$(O) -I. $(shell $(PKG_CONFIG) --cflags libbpf 2>/dev/null) \
	$(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH))

ALL_CFLAGS := -std=gnu11 -Wall -Wextra $(CFLAGS) -I$(O) -I. \
	$(shell $(PKG_CONFIG) --cflags libbpf 2>/dev/null)
LIBS = $(shell $(PKG_CONFIG) --libs libbpf libelf zlib)
LIBS_STATIC = $(shell $(PKG_CONFIG) --static --libs libbpf libelf zlib)

.DELETE_ON_ERROR:
.PHONY: all static programs check lint bench vm vm-enter handout install uninstall clean help

all: sigfd

sigfd: sigfd.c sigfd.h $(O)/sigfd.skel.h Makefile
	$(CC) $(ALL_CFLAGS) $< $(LDFLAGS) $(LIBS) -o $@

static: sigfd-static

sigfd-static: sigfd.c sigfd.h $(O)/sigfd.skel.h $(O)/libelf.o Makefile
	$(CC) $(ALL_CFLAGS) -static $< $(O)/libelf.o $(LDFLAGS) $(LIBS_STATIC) -o $@

# Debian 13's libelf.a (elfutils 0.192-4) calls two functions that it does not hold. They begin and
# end a tree that only elf_getdata_rawchunk() uses, which neither libbpf nor sigfd calls: there,
# empty ones do. Elsewhere the object is empty.
LIBELF_A = $(shell $(CC) -print-file-name=libelf.a)
$(O)/libelf.o: $(O)/tools.stamp
	@nm "$(LIBELF_A)" 2>/dev/null | \
		awk '$$NF ~ /^eu_search_tree_(init|fini)$$/ { found[$$NF] = found[$$NF] $$(NF - 1) } \
		END { for (f in found) if (found[f] !~ /T/) print "void " f "(void) {}" }' >$(O)/libelf.c
	$(CC) $(CFLAGS) -c $(O)/libelf.c -o $@

# The name in the skeleton is taken from the object's file name unless given.
$(O)/sigfd.skel.h: $(O)/sigfd.bpf.o
	$(BPFTOOL) gen skeleton $< name sigfd_bpf >$@

# bpftool's linker leaves DWARF out and keeps BTF: the loader parses what is there at each start.
$(O)/sigfd.bpf.o: sigfd.bpf.c sigfd.h $(O)/vmlinux.h Makefile
	$(CLANG) $(BPF_CFLAGS) -c $< -o $(O)/sigfd.tmp.o
	$(BPFTOOL) gen object $@ $(O)/sigfd.tmp.o

# Made anew, and all that follows, only where something outside the tree has changed: the stamp
# holds the BTF's checksum, and what was set on the command line. (Not the BTF's place: the machine of
# make vm has its host's elsewhere.)
$(O)/vmlinux.h: $(O)/stamp
	$(BPFTOOL) btf dump file $(VMLINUX_BTF) format c >$@

$(O)/stamp: FORCE | $(O)/tools.stamp
	@test -r $(VMLINUX_BTF) || { echo "sigfd: no BTF at $(VMLINUX_BTF); use a kernel" \
		"with CONFIG_DEBUG_INFO_BTF, or name another's with VMLINUX_BTF=FILE" >&2; exit 1; }
	@stamp="$$(cksum <$(VMLINUX_BTF)) $(BPF_ARCH) $(CC) $(CFLAGS) $(CLANG)"; \
		test "$$stamp" = "$$(cat $@ 2>/dev/null)" || echo "$$stamp" >$@

.PHONY: FORCE
FORCE:

# Each tool and library, before the first is used; the first one missing ends the build with one
# line. $(call need,TEST,WHAT,DEBIAN/UBUNTU,FEDORA,ARCH,OPENSUSE)
define need
	@$(1) >/dev/null 2>&1 || { echo "sigfd: $(2) is missing; install:" \
		"$(3) (Debian, Ubuntu), $(4) (Fedora), $(5) (Arch), $(6) (openSUSE)" >&2; exit 1; }
endef

$(O)/tools.stamp: Makefile
	$(call need,command -v $(firstword $(CC)),the C compiler,gcc,gcc,gcc,gcc)
	$(call need,command -v $(CLANG),clang,clang,clang,clang,clang)
	$(call need,test "$$($(CLANG) -dumpversion | cut -d. -f1)" -ge 14,clang 14 or \
		later,clang,clang,clang,clang)
	$(call need,test -n "$(BPFTOOL)",bpftool,bpftool or linux-tools-generic,bpftool,bpf,bpftool)
	$(call need,$(BPFTOOL) gen help 2>&1 | grep object,bpftool 5.13 or \
		later,bpftool or linux-tools-generic,bpftool,bpf,bpftool)
	$(call need,command -v $(PKG_CONFIG),pkg-config,pkg-config,pkgconf-pkg-config,pkgconf,pkg-config)
	$(call need,$(PKG_CONFIG) --exists libbpf,libbpf,libbpf-dev,libbpf-devel,libbpf,libbpf-devel)
	$(call need,$(PKG_CONFIG) --atleast-version=1.0 libbpf,libbpf 1.0 or \
		later,libbpf-dev,libbpf-devel,libbpf,libbpf-devel)
	$(call need,$(PKG_CONFIG) --exists libelf,libelf,libelf-dev,elfutils-libelf-devel,libelf,libelf-devel)
	$(call need,$(PKG_CONFIG) --exists zlib,zlib,zlib1g-dev,zlib-devel,zlib,zlib-devel)
	@mkdir -p $(O) && touch $@

# What the tests trace, and the proofs.
programs: $(patsubst test/prog/%.c,test/bin/%,$(wildcard test/prog/*.c)) \
	$(patsubst docs/proofs/%.c,$(O)/proofs/%,$(wildcard docs/proofs/*.c))

test/bin/%: test/prog/%.c $(wildcard test/prog/*.h) sigfd.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wall -Wextra -pthread $(INCLUDES) $< -o $@

test/bin/stale: INCLUDES = -I$(O) $(shell $(PKG_CONFIG) --cflags libbpf 2>/dev/null)
test/bin/stale: $(O)/sigfd.skel.h

$(O)/proofs/%: docs/proofs/%.c docs/proofs/proof.h Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wall -Wextra -pthread $< -o $@

# For who learns: neither the facilitator's page nor the solutions. The reader puts the pictures in.
HANDOUT := README.md $(patsubst %,docs/%,workshop.md signalfd.md walkthrough.md corrections.md \
	laptops.md troubleshooting.md performance.md sigfd.8)
PANDOC ?= pandoc
CHROMIUM ?= chromium

handout: $(O)/handout/sigfd.html $(O)/handout/sigfd.pdf

$(O)/handout/sigfd.html: $(HANDOUT) docs/handout.css $(wildcard docs/handout/* docs/*.svg) Makefile
	$(call need,command -v $(PANDOC),pandoc,pandoc,pandoc,pandoc-cli,pandoc)
	@mkdir -p $(@D)
	$(PANDOC) -f docs/handout/pages.lua -t html5 --standalone --toc --toc-depth=2 \
		--template docs/handout/template.html -M title="sigfd: the handout" \
		-V style="$$(cat docs/handout.css)" $(HANDOUT) -o $@

# It runs as root too, where its sandbox doesn't, and opens nothing but our page. What it says is
# mostly of a desktop that it misses.
$(O)/handout/sigfd.pdf: $(O)/handout/sigfd.html
	$(call need,command -v $(CHROMIUM),chromium,chromium,chromium,chromium,chromium)
	@rm -f $@
	$(CHROMIUM) --headless --no-sandbox --disable-gpu --no-pdf-header-footer \
		--generate-pdf-document-outline --print-to-pdf="$@" "$$(realpath $<)" \
		>$(@D)/chromium.log 2>&1 && test -s "$@" || { cat $(@D)/chromium.log >&2; exit 1; }

check: sigfd
	./test.sh

lint: $(O)/sigfd.skel.h
	./test.sh --lint

# For an otherwise idle machine; BENCH=--help tells the options.
bench: all static programs
	test/bench.sh $(BENCH)

# A root shell in a virtual machine that has kprobes, in this tree. VM=--help tells the options.
vm: all programs
	@test/vm.sh --room $(VM)

vm-enter:
	@test/vm.sh --enter

install: sigfd
	install -D -m 755 sigfd "$(DESTDIR)$(PREFIX)/sbin/sigfd"
	install -D -m 644 docs/sigfd.8 "$(DESTDIR)$(PREFIX)/share/man/man8/sigfd.8"
	install -D -m 644 docs/sigfd.bash-completion \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sigfd"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/sbin/sigfd" "$(DESTDIR)$(PREFIX)/share/man/man8/sigfd.8" \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sigfd"

# A folder that O names may hold other things too.
clean:
	rm -rf build sigfd sigfd-static test/bin
	rm -rf $(addprefix $(O)/,vmlinux.h sigfd.bpf.o sigfd.tmp.o sigfd.skel.h libelf.c libelf.o \
		stamp tools.stamp proofs handout)

help:
	@echo "make            ./sigfd                       (VMLINUX_BTF=FILE ARCH=MACHINE CC= CLANG=)"
	@echo "                O=FOLDER is for intermediates only: programs stay in the tree"
	@echo "make static     ./sigfd-static, one file for other hosts"
	@echo "make programs   what the tests trace, in test/bin, and the proofs, in $(O)/proofs"
	@echo "make check      the tests                     (./test.sh --help)"
	@echo "make lint       every static check"
	@echo "make bench      what a call costs, beside other tracers   (BENCH='--install --write')"
	@echo "make vm         a shell in a virtual machine with kprobes   (VM='--kernel 6.12')"
	@echo "make vm-enter   one more terminal in that machine"
	@echo "make handout    the pages as one, to print: $(O)/handout/sigfd.html and sigfd.pdf"
	@echo "make install    the program, its man page and bash completion   (PREFIX= DESTDIR=)"
	@echo "make uninstall  takes them away again"
	@echo "make clean      removes what was built"
