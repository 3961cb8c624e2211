-- Let another process take a renewal.
--
-- KEYS
--   1  renewals: hash, id -> what is sent; gone some seconds after the last one came
-- ARGV
--   1  id    2  what is sent    3  milliseconds that it waits    4  how many may wait
-- Returns "ok", or "full".

local waiting = look('HLEN', KEYS[1])
need('HSET', KEYS[1], 'f', '')
need('PEXPIRE', KEYS[1], 1)
if waiting >= tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'ok'
