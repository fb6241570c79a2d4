#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# foreign.sh: runs a command as someone does whose programs speak German. What reads their words
# must have set its own locale. The locale is made here; this machine's are left as they are.

set -euo pipefail

locale=de_DE.UTF-8
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
folder=${SIGFD_CACHE:-$tree/.cache}/locale

usage() {
	cat <<-'END'
	usage: test/foreign.sh COMMAND [ARG...]

	Runs COMMAND in a German locale, and exits with its status. Wants the package
	locales; the locale is kept in $SIGFD_CACHE/locale, or .cache/locale.
	END
}

# Under another name first: another of these scripts may be looking for it.
make_locale() {
	local new
	mkdir -p "$folder"
	new=$(mktemp -d "$folder/new.XXXXXX")
	localedef -i "${locale%.*}" -f "${locale#*.}" "$new/$locale"
	mv -T "$new/$locale" "$folder/$locale" 2>/dev/null || [[ -e $folder/$locale ]]
	rm -rf "$new"
}

case ${1-} in
--help | -h) usage && exit ;;
'' | -*) usage >&2 && exit 2 ;;
esac
if [[ ! -e $folder/$locale ]]; then
	[[ -e /usr/share/i18n/locales/${locale%.*} ]] ||
		{ echo "foreign.sh: no locales here: package locales" >&2 && exit 2; }
	make_locale
fi
exec env LOCPATH="$folder" LANGUAGE="${locale%%_*}" LC_ALL="$locale" "$@"
