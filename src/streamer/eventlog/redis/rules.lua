-- Say which the rules of the log are, unless a server that began later says others.
--
-- KEYS
--   1  rules: hash: text, the rules as JSON, compared and never read here (append.lua);
--      number, of the server that said so: the later it began the higher; said, the rules
--      as that server said them; set, what was set by hand, which is in `text` besides
--      (retain.lua)
-- ARGV
--   1  this server's number; "" for one that begins: it is given the next
--   2  its rules
--   3  what was set by hand, as far as it knows: for a log that was flushed
-- Returns {its number, the rules that hold, 1 if those are its own, but for what was set}.

local stored = look('HMGET', KEYS[1], 'number', 'text', 'set')
need('HSET', KEYS[1], 'number', '')
local number = tonumber(stored[1] or nil) or 0
-- Milliseconds, so that a server that begins on a log that was flushed is after those
-- that began before; and one more than the last, for a clock may be set back.
local own = tonumber(ARGV[1]) or math.max(now(), number + 1)
local digits = string.format('%.0f', own)
if own < number then
  -- Most often the one that began later says the same: then these are upheld, too.
  local is_same = with_set(ARGV[2], stored[3] or '') == stored[2]
  return { digits, stored[2], is_same and 1 or 0 }
end
local set = stored[3] or (stored[1] and '') or ARGV[3]
local text = with_set(ARGV[2], set)
if own > number or stored[2] ~= text then
  redis.call('HSET', KEYS[1], 'number', digits, 'text', text, 'said', ARGV[2], 'set', set)
end
return { digits, text, 1 }
