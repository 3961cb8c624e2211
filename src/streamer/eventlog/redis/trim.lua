-- Keep of some topics what the rules say: remove what is too much, and say anew when all goes.
--
-- KEYS
--   five for each topic: stream, meta, parts, snapshot, tasks    (see append.lua)
-- ARGV
--   1  milliseconds for which a topic is kept longer while a job of it is not over
--   2  milliseconds that a topic's meta outlives it
--   then two for each topic: events kept, milliseconds kept at rest
-- Returns how many events were removed for being too many.

local HEADER = 2
local topics = {}
for number = 1, #KEYS / 5 do
  local at, arg = 5 * number - 4, HEADER + 2 * number - 1
  local stream, meta = KEYS[at], KEYS[at + 1]
  local known = look('HMGET', meta, 'last', 'busy', 'push')
  local length = look('XLEN', stream)
  -- One whose meta is gone is left to the next append, which knows what that means.
  if known[1] and known[1] ~= '' and (length > 0 or look('XLEN', KEYS[at + 2]) > 0) then
    need('XTRIM', stream, 'MAXLEN', '=', 1)
    need('XRANGE', stream, '-', '+')
    need('HSET', meta, 'last', '')
    for key = at, at + 4 do need('PEXPIREAT', KEYS[key], 1) end
    local max_age = tonumber(ARGV[arg + 1])
    local rests = tonumber(string.match(known[1], '^(%d+)')) + max_age
    if known[2] == '1' then rests = rests + tonumber(ARGV[1]) end
    topics[#topics + 1] = {
      at = at, length = length, max_length = tonumber(ARGV[arg]),
      -- Deferred by a thousandth, as append.lua does.
      kept = rests + math.floor(max_age / 1000), is_pushed = known[3],
    }
  end
end

local removed = 0
for _, topic in ipairs(topics) do
  local stream, meta = KEYS[topic.at], KEYS[topic.at + 1]
  local excess = topic.length - topic.max_length
  if excess > 0 then
    if excess > 1 then redis.call('XTRIM', stream, 'MAXLEN', '=', topic.max_length + 1) end
    local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
    redis.call('XTRIM', stream, 'MAXLEN', '=', topic.max_length)
    redis.call('HSET', meta, 'trimmed', first, 'reason', 'trimmed')
    removed = removed + excess
  end
  local text = string.format('%.0f', topic.kept)
  redis.call('HSET', meta, 'kept', text)
  local forgotten = topic.kept + tonumber(ARGV[2])
  -- As push.py's SUBSCRIPTION_TTL: 400 days.
  if topic.is_pushed then forgotten = math.max(forgotten, now() + 400 * 24 * 3600 * 1000) end
  redis.call('PEXPIREAT', meta, string.format('%.0f', forgotten))
  for key = topic.at, topic.at + 4 do
    if KEYS[key] ~= meta then redis.call('PEXPIREAT', KEYS[key], text) end
  end
end
return removed
