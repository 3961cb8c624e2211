-- Keep who is typing, judged by the one clock of this server.
--
-- KEYS
--   1  typing: sorted set, who -> milliseconds at which they count as typing no longer
-- ARGV
--   "begin", milliseconds, who
--   "lapsed", limit: returns those who type no longer, and forgets them

local time = now()
look('ZCARD', KEYS[1])
need('ZADD', KEYS[1], 0, '')
need('ZREM', KEYS[1], '')
need('ZRANGEBYSCORE', KEYS[1], 0, 0)
if ARGV[1] == 'begin' then
  return redis.call('ZADD', KEYS[1], string.format('%.0f', time + ARGV[2]), ARGV[3])
end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', time), 'LIMIT', 0, ARGV[2])
if #found > 0 then redis.call('ZREM', KEYS[1], unpack(found)) end
return found
