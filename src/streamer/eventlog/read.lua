-- Read one page of several topics, and the log's position, atomically.
--
-- KEYS
--   1  clock    2  birth    3  topics    (see position.lua)
--   then two for each topic: stream, meta
-- ARGV
--   1  floor    2  bound    (see position.lua)
--   3  read after this id    4  events to read of each topic at most
--   then the name of each topic
-- Returns {clock, birth, {trimmed or nil, reason or nil, entries} for each topic}.

-- The clock may have been lost, and have begun again below what is known of a topic:
-- so the position is raised by each.
local answer = { '', '' }
for number = 1, #ARGV - 4 do
  local stream, meta_key = KEYS[2 * number + 2], KEYS[2 * number + 3]
  local meta = look('HMGET', meta_key, 'trimmed', 'reason', 'last')
  local trimmed, reason, last = meta[1], meta[2], meta[3]
  local length = look('XLEN', stream)
  local entries = {}
  if not last then
    trimmed, reason = lost_of(ARGV[number + 4], stream, length)
  elseif length == 0 then
    trimmed, reason = last, 'expired'
    log.raise(last, meta_key)
  end
  if length > 0 then
    entries = look('XRANGE', stream, '(' .. ARGV[3], '+', 'COUNT', ARGV[4])
    if #entries > 0 then log.raise(entries[#entries][1], stream) end
  end
  answer[#answer + 1] = { trimmed or false, reason or false, entries }
end
log.keep()
answer[1], answer[2] = id_of(log.ms, log.seq), log.birth
return answer
