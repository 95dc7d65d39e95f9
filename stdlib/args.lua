-- args: the arguments of a script, checked, and its usage text.
--
--   local args = require "args"
--   local opt = args{
--     "deletes the flows of some addresses",            -- what the script does
--     {"FILE", "text", "where they stand"},             -- in this order; [FILE] may be left out,
--     {"[PORT...]", "port", "only with these ports"},   -- [PORT...] is any number, PORT... at least one
--     idle = {"duration", "3m", "how long silent"},     -- --idle 5m; behind the type what it is without
--     v = {"flag", false, "says what it did"},          -- -v
--   }
--   opt.file, opt.port, opt.idle, opt.v
--
-- Flags come in any order, also between and behind the rest and several in one
-- word (-nv); -- ends them. -h and --help print the usage and exit with 0.
-- Whatever is not declared, missing or of another type ends the script with one
-- line and exit code 2.
--
-- Types: flag, text, int, port, duration, address, and each but flag with ...
-- for a flag that may be given again and makes a list.
local addr = require "addr"
local args = {}

local codes = [[
exit codes: 0 done, also when nothing matched; 1 failed; 2 usage; 3 refused, and
nothing was changed; 5 the privilege is missing; 6 only a part was done]]

-- tell writes a line to standard error, which --allow without fs takes away with
-- io. What a message quotes may hold what a terminal acts on.
local function tell(line, more)
  local io, text = rawget(_G, "io"), line:gsub("%c", " ") .. (more or "")
  if io then io.stderr:write(text, "\n") else log.error(text) end
end

-- args.shown(word) -> text: a word of the user in quotes, on one line whatever is
-- in it.
function args.shown(word)
  return '"' .. word:gsub('[%c"\\]', function(c) return ("\\%03d"):format(c:byte()) end) .. '"'
end

local function name() return (arg[0] or "script"):match("[^/]*$") end

-- whole is a number written in decimal digits alone: tonumber takes 0x16, 1e3
-- and blanks too.
local function whole(text, low, high)
  local n = text:find("^%d+$") and #text <= 15 and tonumber(text)
  return n and n >= low and n <= high and n or nil
end

-- types tell how to read a word, and what it should have been.
local types = {
  text = {function(text) return text ~= "" and text or nil end, "text; it is empty"},
  int = {function(text) return whole(text, 0, 2 ^ 53) end, "whole number"},
  port = {function(text) return whole(text, 1, 65535) end, "port from 1 to 65535"},
  address = {addr.parse, "address"},
  duration = {function(text) -- what timeout takes for one; it is over at once where it is 0
    local ok, err = pcall(timeout, text, function() end)
    return (ok or err.code == "ETIMEDOUT") and text or nil
  end, "duration such as 90, 10m or 1h30m"},
}

-- distance counts the edits between two words; swapping neighbours is one.
local function distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = {[0] = i}
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

-- args.suggest(word, words) -> text or nil: 'did you mean "timeout"?', where one
-- of the words is near.
function args.suggest(word, words)
  if type(word) ~= "string" or #word > 64 then return nil end
  local best, least = nil, 1 + math.max(1, math.floor(#word / 3))
  for _, w in ipairs(words) do
    local d = distance(word:lower(), w:lower())
    if d < least and d < math.max(#word, #w) then best, least = w, d end
  end
  return best and ('did you mean "%s"?'):format(best) or nil
end

-- dashed is a flag as it is typed.
local function dashed(flag)
  return (#flag == 1 and "-" or "--") .. flag:gsub("_", "-")
end

-- synopsis is the first line of the usage: flags by name, then what follows.
local function synopsis(rest, flags, names)
  local words = {}
  for _, f in ipairs(names) do
    local kind = flags[f][1]
    words[#words + 1] = "[" .. dashed(f) .. (kind == "flag" and "" or " " .. kind:upper()) .. "]"
  end
  for _, r in ipairs(rest) do words[#words + 1] = r.label end
  table.insert(words, 1, name())
  return table.concat(words, " ")
end

local usage = name() -- the synopsis of this script, once it has declared it

-- args.usage(problem): ends the script as one that was called wrongly.
function args.usage(problem)
  tell(("%s: %s; usage: %s"):format(name(), problem, usage))
  exit(2)
end

local exits = {EPARSE = 2, EFIELD = 2, ETYPE = 2, EGUARD = 3, EPERM = 5, EPARTIAL = 6} -- the rest is 1
local unforeseen = {ESCRIPT = true, EINTERNAL = true, ETIMEDOUT = true, ECANCELED = true}

-- args.fail(err): ends the script with an error that a call raised: in one line,
-- with the exit code of its kind. An error of a module in Lua may be a table with
-- the same fields, and have commands, text that is printed below, and a status
-- of its own. What no call foresaw is raised again, with its trace.
function args.fail(err)
  local own = type(err) == "table"
  local code = (own or type(err) == "userdata") and err.code
  if not code or unforeseen[code] then error(err, 0) end
  local text = err.msg
  if err.op and not text:find(err.op, 1, true) then text = err.op .. ": " .. text end
  tell(name() .. ": " .. text .. (err.hint and "; " .. err.hint or ""),
    own and err.commands and "\nwhat it needs, once:\n" .. err.commands)
  exit(own and err.status or exits[code] or 1)
end

-- args.must(fn, ...) -> any: what a function returns; where it raises, fail.
function args.must(fn, ...)
  local got = {pcall(fn, ...)}
  if not got[1] then args.fail(got[2]) end
  return unpack(got, 2, table.maxn(got))
end

local function help(what, rest, flags, names)
  local lines, widest = {}, 0
  for _, r in ipairs(rest) do lines[#lines + 1] = {r.label, r.doc} end
  for _, f in ipairs(names) do
    local kind, default, doc = flags[f][1], flags[f][2], flags[f][3]
    if kind ~= "flag" and default ~= nil then doc = doc .. "; " .. tostring(default) .. " if not given" end
    lines[#lines + 1] = {dashed(f) .. (kind == "flag" and "" or " " .. kind:upper()), doc}
  end
  lines[#lines + 1] = {"-h, --help", "prints this"}
  for _, l in ipairs(lines) do widest = math.max(widest, #l[1]) end
  for i, l in ipairs(lines) do lines[i] = ("  %-" .. widest .. "s  %s"):format(l[1], l[2]) end
  print(("usage: %s\n%s\n\n%s\n\n%s"):format(usage, what, table.concat(lines, "\n"), codes))
  exit(0)
end

-- read makes a value of a word, of a type that is known.
local function read(label, kind, word)
  local how = types[kind] or error("args: there is no type " .. kind, 0)
  local value = how[1](word)
  if value == nil then args.usage(("%s: %s is no %s"):format(label, args.shown(word), how[2])) end
  return value
end

-- parse takes the words of the command line apart: flags go into opt, the rest
-- is returned.
local function parse(opt, flags, names, tell_usage)
  local words, rest, i = arg, {}, 1
  local function next_word(flag)
    i = i + 1
    return words[i] or args.usage(dashed(flag) .. " wants a value")
  end
  local function set(flag, value)
    local kind, list = flags[flag][1]:gsub("%.%.%.$", "")
    value = kind == "flag" or read(dashed(flag), kind, value or next_word(flag))
    if list == 0 then opt[flag] = value return end
    opt[flag] = opt[flag] or {}
    table.insert(opt[flag], value)
  end
  local function unknown(word)
    local known = {}
    for _, f in ipairs(names) do
      if #f > 1 then known[#known + 1] = dashed(f) end -- a letter is near every other
    end
    args.usage("unknown flag " .. args.shown(word) .. "; " .. (args.suggest(word, known) or "those of ctsh go before the script"))
  end
  while words[i] do
    local word = words[i]
    local long, value = word:match("^%-%-([^=]+)=?(.*)$")
    if word == "--" then
      for k = i + 1, #words do rest[#rest + 1] = words[k] end
      break
    elseif word == "-h" or word == "--help" then
      tell_usage()
    elseif long then
      local flag = long:gsub("-", "_")
      if #flag == 1 or not flags[flag] then unknown("--" .. long) end
      local given = word:find("=", 1, true) and value or nil
      if given and flags[flag][1] == "flag" then args.usage("--" .. long .. " takes no value") end
      set(flag, given)
    elseif word:find("^%-.") then
      for k = 2, #word do
        local flag = word:sub(k, k)
        if not flags[flag] then unknown(k == 2 and word or "-" .. flag) end
        local glued = flags[flag][1] ~= "flag" and k < #word and word:sub(k + 1) or nil
        set(flag, glued)
        if flags[flag][1] ~= "flag" then break end
      end
    else
      rest[#rest + 1] = word
    end
    i = i + 1
  end
  return rest
end

-- args{...} -> table: reads the arguments, as declared.
local function declare(_, spec)
  local flags, names, rest, opt = {}, {}, {}, {}
  for key, d in pairs(spec) do
    if type(key) == "string" then
      flags[key], names[#names + 1] = d, key
      if d[2] ~= nil then opt[key] = d[2] end
    end
  end
  table.sort(names)
  for i = 2, #spec do
    local label, kind, doc = unpack(spec[i])
    local plain = label:match("[%w-]+")
    rest[i - 1] = {label = label, name = plain, key = plain:lower():gsub("-", "_"), kind = kind, doc = doc,
                   optional = label:find("[", 1, true), many = label:find("...", 1, true)}
  end
  usage = synopsis(rest, flags, names)
  local words = parse(opt, flags, names, function() help(spec[1], rest, flags, names) end)
  local at = 1
  for _, r in ipairs(rest) do
    if not words[at] and not r.optional then args.usage(r.name .. " is missing") end
    if r.many then
      opt[r.key] = {}
      for k = at, #words do table.insert(opt[r.key], read(r.name, r.kind, words[k])) end
      at = #words + 1
    elseif words[at] then
      opt[r.key], at = read(r.name, r.kind, words[at]), at + 1
    end
  end
  if words[at] then args.usage("too many arguments: " .. args.shown(words[at])) end
  return opt
end

return setmetatable(args, {__call = declare})
