-- Read one page of several topics, and the log's position, atomically.
--
-- KEYS
--   1  clock    2  birth    (see append.lua; made here if there are none)
--   then two for each topic: stream, meta
-- ARGV
--   1  read after this id    2  events to read of each topic at most
-- Returns {clock, birth, {trimmed or nil, reason or nil, entries} for each topic}.

local clock, birth = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
if not clock then
  local time = redis.call('TIME')
  clock = string.format('%.0f-0', time[1] * 1000 + math.floor(time[2] / 1000))
  birth = clock
  redis.call('SET', KEYS[1], clock)
  redis.call('SET', KEYS[2], birth)
end

local answer = { clock, birth }
for key = 3, #KEYS, 2 do
  local entries = redis.call('XRANGE', KEYS[key], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
  local meta = redis.call('HMGET', KEYS[key + 1], 'trimmed', 'reason', 'last')
  local trimmed, reason = meta[1], meta[2]
  if #entries == 0 and meta[3] and redis.call('EXISTS', KEYS[key]) == 0 then
    trimmed, reason = meta[3], 'expired'
  end
  answer[#answer + 1] = { trimmed, reason, entries }
end
return answer
