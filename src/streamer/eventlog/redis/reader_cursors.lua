-- How far a subject has read some topics, and the log's position, atomically.
--
-- KEYS
--   1  clock    2  birth    3  topics    (see position.lua)
--   4  rules    (see rules.lua)
--   then three for each topic:
--     stream    fields "e", the entry, and "n": events that count up to this one, and "+"
--               if this one does (see append.lua)
--     cursors   hash: subject -> id
--     moved     sorted set, subject -> milliseconds at which its cursor was moved last
-- ARGV
--   1  floor    2  bound    (see position.lua)
--   3  subject
--   4  where its cursor on the one topic is moved to; "" to move none
--   5  milliseconds that a cursor is kept    6  how many are, of one topic
--   7  the rules of the log, as far as the caller knows
-- Returns {clock, the rules if they are others, what became of the move, then for each topic its cursor (nil: none) and how
-- many events after that count}; of the move "moved", "kept", "ahead" or "full".

local subject, target = ARGV[3], ARGV[4]

local function counted_of(entry)
  local number, mark = string.match(entry[2][4] or '', '^(%d+)(%+?)$')
  return tonumber(number or nil) or 0, mark == '+'
end

-- Events of a topic after a cursor that count; from the first that is kept if there is none.
local function unread_after(stream, cursor)
  local last = look('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if not last then return 0 end
  local seen = cursor and look('XREVRANGE', stream, cursor, '-', 'COUNT', 1)[1]
  local before
  if seen then
    before = counted_of(seen)
  else
    local number, is_counted = counted_of(look('XRANGE', stream, '-', '+', 'COUNT', 1)[1])
    before = is_counted and number - 1 or number
  end
  return math.max(0, counted_of(last) - before)
end

local function move(cursors, moved, found)
  local ms, seq = numbers_of(target, 'cursor')
  if is_less(log.ms, log.seq, ms, seq) then return 'ahead' end
  if found then
    local found_ms, found_seq = numbers_of(found, cursors)
    if not is_less(found_ms, found_seq, ms, seq) then return 'kept' end
  end
  local time, ttl = now(), tonumber(ARGV[5])
  local count = look('HLEN', cursors)
  look('ZCARD', moved)
  need('HSET', cursors, 'f', '')
  need('HDEL', cursors, 'f')
  need('PEXPIRE', cursors, 1)
  need('ZADD', moved, 0, '')
  need('ZREM', moved, '')
  need('ZRANGEBYSCORE', moved, 0, 0)
  need('PEXPIRE', moved, 1)
  if not found and count >= tonumber(ARGV[6]) then
    local oldest = string.format('%.0f', time - ttl)
    local gone = redis.call('ZRANGEBYSCORE', moved, '-inf', oldest, 'LIMIT', 0, 100)
    if #gone == 0 then return 'full' end
    redis.call('HDEL', cursors, unpack(gone))
    redis.call('ZREM', moved, unpack(gone))
  end
  redis.call('HSET', cursors, subject, target)
  redis.call('ZADD', moved, string.format('%.0f', time), subject)
  redis.call('PEXPIRE', cursors, ttl)
  redis.call('PEXPIRE', moved, ttl)
  return 'moved'
end

-- The clock may have been lost, and have begun again below what is in a topic.
for key = 5, #KEYS, 3 do
  local last = look('XREVRANGE', KEYS[key], '+', '-', 'COUNT', 1)[1]
  if last then log.raise(last[1], KEYS[key]) end
end
local outcome, answer = 'kept', {}
for key = 5, #KEYS, 3 do
  local cursor = look('HGET', KEYS[key + 1], subject)
  if target ~= '' then
    outcome = move(KEYS[key + 1], KEYS[key + 2], cursor)
    if outcome == 'moved' then cursor = target end
  end
  answer[#answer + 1] = cursor or false
  answer[#answer + 1] = unread_after(KEYS[key], cursor)
end
log.keep()
local rules = look('HGET', KEYS[4], 'text')
return { id_of(log.ms, log.seq), rules ~= ARGV[7] and rules, outcome, unpack(answer) }
