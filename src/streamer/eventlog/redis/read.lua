-- Read one page of several topics, and the log's position, atomically.
--
-- KEYS
--   1  clock    2  birth    3  topics    (see position.lua)
--   then three for each topic: stream, meta, parts (see append.lua)
-- ARGV
--   1  floor    2  bound    (see position.lua)
--   3  read after this id    4  events to read of each topic at most
--   5  bytes to read of each topic, about; one event is read whatever its size
--   then the name of each topic
-- Returns {clock, birth, {trimmed or nil, reason or nil, entries, 1 if there may be
-- more of them} for each topic, then the same for the parts of each topic that has any,
-- with the topic's number as the fifth}.

local HEADER = 5
-- Entries looked at first; how many more are depends on their size.
local FIRST = 16
local after, most, bytes = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local function entries_of(stream)
  local entries, size, start, step = {}, 0, after, FIRST
  while #entries < most do
    local count = math.min(step, most - #entries)
    local found = look('XRANGE', stream, '(' .. start, '+', 'COUNT', count)
    for _, entry in ipairs(found) do
      entries[#entries + 1] = entry
      size = size + #entry[2][2]
      if size >= bytes then return entries, true end
    end
    if #found < count then return entries, false end
    start = entries[#entries][1]
    step = math.ceil((bytes - size) * #entries / size)
  end
  return entries, true
end

-- Of several topics only what is not after the end of any is a page: what is, would
-- be sent for nothing, an event of each topic.
local function drop_what_is_beyond(pages)
  local ms, seq
  for _, page in ipairs(pages) do
    if page[4] == 1 and #page[3] > 0 then
      local last_ms, last_seq = numbers_of(page[3][#page[3]][1], '')
      if not ms or is_less(last_ms, last_seq, ms, seq) then ms, seq = last_ms, last_seq end
    end
  end
  if not ms then return end
  for _, page in ipairs(pages) do
    local entries = page[3]
    while #entries > 0 and is_less(ms, seq, numbers_of(entries[#entries][1], '')) do
      entries[#entries] = nil
      page[4] = 0
    end
  end
end

-- The clock may have been lost, and have begun again below what is known of a topic:
-- so the position is raised by each.
local pages, pages_of_parts = {}, {}
for number = 1, #ARGV - HEADER do
  local stream, meta_key, parts = KEYS[3 * number + 1], KEYS[3 * number + 2], KEYS[3 * number + 3]
  local meta = look('HMGET', meta_key, 'trimmed', 'reason', 'last', 'parts')
  local trimmed, reason, last = meta[1], meta[2], meta[3]
  local length = look('XLEN', stream)
  local entries, full = {}, false
  if not last and not meta[4] then
    trimmed, reason = lost_of(ARGV[number + HEADER], stream, length)
  elseif last and length == 0 then
    -- A deletion has an id of its own, and was the last.
    if trimmed ~= last then trimmed, reason = last, 'expired' end
    log.raise(last, meta_key)
  end
  local part = part_of(last, meta[4], parts)
  if part then
    log.raise(part, meta_key)
    if look('XLEN', parts) > 0 then
      local found, is_full = entries_of(parts)
      pages_of_parts[#pages_of_parts + 1] = { false, false, found, is_full and 1 or 0, number }
    else
      trimmed, reason = later_of(trimmed or nil, part), 'expired'
    end
  end
  if length > 0 then
    entries, full = entries_of(stream)
    if #entries > 0 then log.raise(entries[#entries][1], stream) end
  end
  pages[#pages + 1] = { trimmed or false, reason or false, entries, full and 1 or 0 }
end
for _, page in ipairs(pages_of_parts) do pages[#pages + 1] = page end
log.keep()
drop_what_is_beyond(pages)
return { id_of(log.ms, log.seq), log.birth, unpack(pages) }
