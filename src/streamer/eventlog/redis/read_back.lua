-- Read the newest entries of several topics before an id, atomically.
--
-- KEYS: the stream of each topic
-- ARGV
--   1  read before this id; "" for the newest
--   2  entries to read of each topic at most
--   3  bytes to read of each topic, about; one entry is read whatever its size
-- Returns for each topic {entries, the newest first, 1 if there are more of them}.

-- Entries looked at first; how many more are depends on their size.
local FIRST = 16
local most, bytes = tonumber(ARGV[2]), tonumber(ARGV[3])

local function entries_of(stream)
  local entries, size, step = {}, 0, FIRST
  local last = ARGV[1] == '' and '+' or '(' .. ARGV[1]
  while #entries < most do
    local count = math.min(step, most - #entries)
    -- One more says whether there are any.
    local found = look('XREVRANGE', stream, last, '-', 'COUNT', count + 1)
    for i = 1, math.min(count, #found) do
      entries[#entries + 1] = found[i]
      size = size + #found[i][2][2]
      if size >= bytes then return entries, i < #found end
    end
    if #found <= count then return entries, false end
    last = '(' .. entries[#entries][1]
    step = math.ceil((bytes - size) * #entries / size)
  end
  return entries, true
end

local answer = {}
for _, stream in ipairs(KEYS) do
  local entries, more = entries_of(stream)
  answer[#answer + 1] = { entries, more and 1 or 0 }
end
return answer
