-- Set what is kept of the topics of some prefixes, whatever the servers of the log say.
--
-- KEYS
--   1  rules    (see rules.lua)
-- ARGV
--   1  what was set so far, as the caller knows it; "" for nothing
--   2  what is set from now on: JSON, by prefix; "" for nothing
--   3  the caller's own rules: those of a log for which no server has said any
-- Returns {what was set so far, the rules that hold now}; the second is nil if the first is
-- not what the caller knows: then nothing was done.

local stored = look('HMGET', KEYS[1], 'number', 'said', 'text', 'set')
local set = stored[4] or ''
if set ~= ARGV[1] then return { set, false } end
need('HSET', KEYS[1], 'number', '')
local said = stored[2] or stored[3] or ARGV[3]
local text = with_set(said, ARGV[2])
redis.call('HSET', KEYS[1], 'number', stored[1] or '0', 'said', said, 'text', text, 'set', ARGV[2])
return { set, text }
