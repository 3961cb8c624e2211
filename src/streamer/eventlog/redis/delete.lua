-- Delete a topic: remove all that is kept of it, and keep that it was.
--
-- KEYS
--   1  clock    2  birth    3  topics    (see position.lua)
--   4  stream   5  meta     6  parts     (see append.lua)
--   then whatever else goes with it: snapshot, tasks, cursors and when they were moved, who
--   has left, the checkpoint of its job
-- ARGV
--   1  floor    2  bound    (see position.lua)
--   3  topic    4  the name it is notified under
--   5  milliseconds that its meta outlives it    6  "1" also while a job of it is not over
-- Returns the id of the deletion; "busy" for a job; nil if nothing is kept of it.

local stream, meta, parts = KEYS[4], KEYS[5], KEYS[6]
local SNAPSHOT, CURSORS = 7, 9
local known = look('HMGET', meta, 'last', 'busy', 'parts', 'push')
local length, part_count = look('XLEN', stream), look('XLEN', parts)
local cursors = look('HLEN', KEYS[CURSORS])
if length + part_count + cursors + look('HLEN', KEYS[SNAPSHOT]) == 0 then
  log.keep()
  return false
end
if known[2] == '1' and length > 0 and ARGV[6] ~= '1' then
  log.keep()
  return 'busy'
end

-- The clock may have been lost, and have begun again below what is in the topic.
local newest = look('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
if known[1] then log.raise(known[1], meta) end
if newest then log.raise(newest[1], stream) end
local part = part_of(known[1], known[3], parts)
if part then log.raise(part, parts) end

local ms, seq = now(), 0
if ms <= log.ms then ms, seq = log.ms, log.seq + 1 end
for key = 4, #KEYS do
  if KEYS[key] ~= meta then need('PEXPIREAT', KEYS[key], 1) end
end
need('HSET', meta, 'last', '')
need('HDEL', meta, 'busy')
need('PEXPIREAT', meta, 1)
need('SET', KEYS[1], '')
if log.is_changed then need('SET', KEYS[2], '') end
need('ZADD', KEYS[3], 0, '')
need_channel(ARGV[4], ARGV[3])

-- From here on it writes.

local id, digits = id_of(ms, seq), string.format('%.0f', ms)
if log.is_changed then redis.call('SET', KEYS[2], log.birth) end
redis.call('SET', KEYS[1], id)
redis.call('HSET', meta, 'last', id, 'trimmed', id, 'reason', 'deleted')
redis.call('HDEL', meta, 'busy', 'parts', 'kept')
-- As push.py's SUBSCRIPTION_TTL: 400 days.
local outlives = known[4] and 400 * 24 * 3600 * 1000 or tonumber(ARGV[5])
redis.call('PEXPIREAT', meta, string.format('%.0f', ms + outlives))
for key = 4, #KEYS do
  -- A moment that is past: the key is gone at once.
  if KEYS[key] ~= meta then redis.call('PEXPIREAT', KEYS[key], 1) end
end
-- It stays in the index, from which its end is known even if its meta is evicted.
redis.call('ZADD', KEYS[3], digits, ARGV[3])
redis.call('PUBLISH', ARGV[4], '!' .. id)
return id
