-- Keep what was revoked, the later of two that differ in their time alone; all, or none.
--
-- KEYS
--   1  revoked: sorted set, "jti:<id>" or "sub:<subject>" -> seconds since 1970
--   2  revision: string, another one after each change
-- ARGV
--   1  seconds that one is kept    2  how many are kept
--   then for each: seconds since 1970, name
-- Returns "ok", or "full".

local time = now()
look('ZCARD', KEYS[1])
look('GET', KEYS[2])
need('ZADD', KEYS[1], 0, '')
need('ZREMRANGEBYSCORE', KEYS[1], 0, 0)
need('SET', KEYS[2], '')

local fresh, news = {}, 0
for i = 3, #ARGV, 2 do
  local known = look('ZSCORE', KEYS[1], ARGV[i + 1])
  if not known then news = news + 1 end
  if not known or tonumber(known) < tonumber(ARGV[i]) then fresh[#fresh + 1] = i end
end

local oldest = string.format('%.3f', time / 1000 - ARGV[1])
local removed = redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', oldest)
local count = redis.call('ZCARD', KEYS[1])
local is_full = news > 0 and count + news > tonumber(ARGV[2])
if not is_full then
  for _, i in ipairs(fresh) do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
if removed > 0 or (#fresh > 0 and not is_full) then
  -- No number that counts up: after a loss it would come again, for something else.
  local micros = redis.call('TIME')
  redis.call('SET', KEYS[2], micros[1] .. '.' .. micros[2] .. '.' .. redis.call('ZCARD', KEYS[1]))
end
return is_full and 'full' or 'ok'
