-- What is kept of some topics.
--
-- KEYS
--   four for each topic: stream, meta, parts (see append.lua), cursors (see reader_cursors.lua)
-- Returns for each {events, parts, bytes or nil, first id or nil, last, trimmed, reason, busy,
-- milliseconds at which it goes, subjects that have a cursor}; each of the meta's nil if it is
-- not there.

local answer = {}
for at = 1, #KEYS, 4 do
  local stream, meta = KEYS[at], KEYS[at + 1]
  local length = look('XLEN', stream)
  local first = length > 0 and look('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
  local known = look('HMGET', meta, 'last', 'trimmed', 'reason', 'busy', 'kept')
  -- A user without this right is shown all else.
  local bytes = length > 0 and redis.pcall('MEMORY', 'USAGE', stream) or 0
  if type(bytes) == 'table' then bytes = false end
  answer[#answer + 1] = {
    length, look('XLEN', KEYS[at + 2]), bytes, first,
    known[1], known[2], known[3], known[4], known[5], look('HLEN', KEYS[at + 3]),
  }
end
return answer
