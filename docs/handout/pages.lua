-- SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
--
-- pages.lua: a reader for pandoc (-f docs/handout/pages.lua) that makes one document of the pages
-- named on its command line, by their paths in the tree. Two pages may have a heading in common, so
-- that each identifier is prefixed by its page's, and the links between the pages follow.

local text, inside = pandoc.utils.stringify, {} -- inside: path of a page -> its identifier

-- Markdown's links are relative to the page's folder.
local function from_root(page, target)
	local path = (page:match('^.*/') or '') .. target
	return (path:gsub('[^/]+/%.%./', ''):gsub('/README%.md$', ''):gsub('/$', ''))
end

-- The page is one file, so it holds the pictures. As <img> each keeps its own style to itself.
local function picture(page, target)
	local path = from_root(page, target)
	local svg = assert(io.open(path)):read('a')
	local data = svg:gsub('[^%w]', function(c) return ('%%%02X'):format(c:byte()) end)
	return pandoc.Div({ pandoc.Plain { pandoc.Image(svg:match('<title>(.-)</title>'),
		'data:image/svg+xml,' .. data) } }, { class = 'picture' })
end

-- A page in the handout is an anchor; a file that is not in it can't be opened from paper.
local function link(page, it)
	local path, anchor = it.target:match('^([^#]*)#?(.*)$')
	if it.target:match('^%a+:') then return it end
	local to = path == '' and inside[page] or inside[from_root(page, path)] or
		path:match('README%.md$') and inside[from_root(page, path .. '/../README.md')]
	if to then
		it.target = '#' .. to .. (anchor ~= '' and '-' .. anchor or '')
		return it
	end
	path = from_root(page, path)
	local code, name = pandoc.Code(path), text(it.content):gsub('/$', '')
	if path:sub(-#name) == name then return code end
	return it.content .. { pandoc.Str(' ('), code, pandoc.Str(')') }
end

local function blocks_of(source)
	local page, prefix, first = source.name, inside[source.name], true
	local man = page:match('%.%d$')
	-- signal.c@v7.3 is no address of mail.
	local doc = pandoc.read(source.text, man and 'man' or 'gfm-autolink_bare_uris')
	if man then doc.blocks:insert(1, pandoc.Header(1, page:match('[^/]+$'))) end
	-- In the page a picture stands as text, followed by a link to it as a file: of the two, the file.
	for i = #doc.blocks, 1, -1 do
		local svg = text(doc.blocks[i].content or {}) == 'The same for a projector.' and
			doc.blocks[i].content[1].target
		if svg then
			doc.blocks[i] = picture(page, svg)
			doc.blocks:remove(i - 1)
		end
	end
	return doc:walk {
		Header = function(it)
			local id = it.identifier ~= '' and it.identifier or
				text(it):lower():gsub('%W+', '-')
			it.identifier = first and prefix or prefix .. '-' .. id
			if not first and (man or it.level == 1) then it.level = it.level + 1 end
			first = false
			return it
		end,
		Para = function(it)
			local image = #it.content == 1 and it.content[1]
			return image and image.t == 'Image' and picture(page, image.src) or nil
		end,
		Link = function(it) return link(page, it) end,
		-- Its words are for the tests, not for a highlighter.
		CodeBlock = function(it) return pandoc.CodeBlock(it.text) end,
		RawBlock = function(it) return it.text:match('^<!%-%-') and {} or nil end,
	}.blocks
end

function Reader(sources)
	local all = pandoc.List {}
	for _, source in ipairs(sources) do
		inside[source.name] = source.name:match('([^/]+)%.%w+$'):lower()
	end
	for _, source in ipairs(sources) do all:extend(blocks_of(source)) end
	return pandoc.Pandoc(all)
end
