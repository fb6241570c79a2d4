#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
#
# handout.sh: what `make handout` made, as a browser sees it: in TAP. Needs no root.

cd "$(dirname "$0")/.." || exit
source test/tap.sh

page=$PWD/build/handout/sigfd.html
paper=$PWD/build/handout/sigfd.pdf

values() {
	grep -oE "(^| )$1=\"[^\"]*\"" "$page" | sed 's/^[^"]*"//; s/"$//' | sort
}

makes() {
	make -C "${page%/build/*}" handout
	[[ -s $page && -s $paper ]]
}

no_id_twice() {
	values id >ids
	[[ -s ids ]]
	equal "ids that are there twice" '' "$(uniq -d ids)"
}

anchors_exist() {
	values href | sed -n 's/^#//p' | sort -u >anchors
	[[ -s anchors ]]
	equal "anchors that are nowhere" '' "$(comm -23 anchors <(values id | sort -u))"
}

# A link leads into the page or into the web; all that the page shows, it holds.
no_files() {
	equal "links to files" '' "$(values href | grep -vE '^(#|https?://)' || true)"
	equal "files to load" '' "$(values src | grep -v '^data:' | cut -c 1-60 || true)"
	equal "pictures" "$(find "${page%/build/*}"/docs/*.svg | wc -l)" "$(values src | wc -l)"
}

# fits WIDTH SCHEME NUMBER: in a frame, since the window of headless Chromium has 500 pixels at least.
# It must have been the scheme that was asked for (NUMBER is Chromium's), and each picture be drawn.
# For "paper" the rules for print hold in the frame: nothing scrolls there, so a box must show it all.
fits() {
	local probe paper=false
	cp "$page" probe.html
	if [[ $2 == paper ]]; then
		paper=true
		sed -i 's/^@media print/@media all/' probe.html
		grep -q '^@media all' probe.html
	fi
	# shellcheck disable=SC2016 # the dollar is JavaScript's
	probe='<script>addEventListener("load", () => { const e = document.documentElement;
		const boxes = [...document.querySelectorAll("pre, table, td, .picture, details")];
		parent.postMessage(`${e.scrollWidth} of ${innerWidth}, ` +
		(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") + ", pictures not drawn: " +
		[...document.images].filter(i => !i.naturalWidth).length + ", cut off: " +
		boxes.filter(b => PAPER && b.scrollWidth > b.clientWidth).length, "*") })</script>'
	echo "${probe/PAPER/$paper}" >>probe.html
	echo "<p id=said></p><script>onmessage = e => said.textContent = e.data</script>
		<iframe src=probe.html style='border: 0; width: $1px; height: 900px'></iframe>" >frame.html
	chromium --headless --no-sandbox --disable-gpu --enable-logging=stderr --hide-scrollbars \
		--window-size=1500,1000 --blink-settings=preferredColorScheme="$3" \
		--virtual-time-budget=5000 --dump-dom "file://$PWD/frame.html" >dom 2>console
	equal "the page's width" "$1 of $1, ${2/paper/light}, pictures not drawn: 0, cut off: 0" \
		"$(sed -n 's/.*<p id="said">\([^<]*\).*/\1/p' dom)"
	equal "the console" '' "$(grep CONSOLE console || true)"
}

# A picture's words are text on paper too. Chromium shrinks all pages where one thing is too wide.
prints() {
	local svg title
	pdfinfo "$paper" >info
	pdftotext "$paper" - | sed 's/ﬁ/fi/g; s/ﬂ/fl/g' | tr '\n' ' ' >text
	(($(sed -n 's/^Pages: *//p' info) > 20))
	for svg in "${page%/build/*}"/docs/*.svg; do
		title=$(sed -n 's/.*>\(.*\)<\/text>.*/\1/p' "$svg" | head -n 1)
		grep -qF -- "$title" text || { echo "no picture: $svg: $title" && return 1; }
	done
	grep -q 'Events go to the standard output' text # the hint of lab 0, open
}

missing=''
for program in pandoc chromium pdftotext:poppler-utils; do
	command -v "${program%:*}" >/dev/null || missing+=" ${program#*:}"
done
if [[ -n $missing ]]; then
	echo "handout.sh: missing:$missing; apt-get install$missing" >&2
	exit 1
fi

tap "make handout" makes
tap "no identifier is there twice" no_id_twice
tap "each anchor exists" anchors_exist
tap "no link to a file, and nothing to load" no_files
for width in 400 1400; do
	tap "fits $width pixels, light" fits "$width" light 1
	tap "fits $width pixels, dark" fits "$width" dark 0
done
tap "all fits on A4, which has 180 mm (680 pixels) between its margins" fits 680 paper 1
tap "the PDF has its pages, pictures and hints" prints
end_tap
