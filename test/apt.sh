# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# apt.sh: where Debian's or Ubuntu's packages come from, to be sourced. No mirror is named in the tree: it
# is whichever this machine's own apt uses.

# What is derived from Ubuntu and takes its packages says its codename too.
read -r distribution codename < <(. /etc/os-release &&
	echo "${UBUNTU_CODENAME:+Ubuntu }${UBUNTU_CODENAME:-Debian $VERSION_CODENAME}")
# shellcheck disable=SC2034 # for vm.sh
keyring=/usr/share/keyrings/${distribution,,}-archive-keyring.gpg

# Where this machine has this release from, with its -updates and -security: "URI SUITE" a line. (Not
# from others with that codename, whose packages Debian has not signed.) Debian's Release files tell the
# three apart by their codename, Ubuntu's by their suite.
apt_sources() {
	# shellcheck disable=SC2016 # for apt to expand
	local format='$(REPO_URI) $(CODENAME)'
	[[ $distribution == Debian ]] || format=${format/CODENAME/SUITE}
	apt-get indextargets --format "$format" 'Created-By: Packages' "Origin: $distribution" |
		awk -v name="$codename" \
		'!seen[$0]++ && ($2 == name || $2 == name "-updates" || $2 == name "-security")'
}
