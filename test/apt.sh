# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# apt.sh: where Debian's packages come from, to be sourced. No mirror is named in the tree: it is
# whichever this machine's own apt uses.

codename=$(. /etc/os-release && echo "$VERSION_CODENAME")

# Where this machine has this Debian from, with its -updates and -security: "URI SUITE" a line. (Not
# from others with that codename, whose packages Debian has not signed.)
apt_sources() {
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' \
		'Origin: Debian' | awk -v name="$codename" \
		'!seen[$0]++ && ($2 == name || $2 == name "-updates" || $2 == name "-security")'
}
