-- The log's position, and what was lost of it: the beginning of every script that
-- reads or appends, after rights.lua.
--
-- KEYS
--   1  clock: string "<ms>-<seq>", the last id handed out
--   2  birth: string "<id> <id>:<id> ...": where the log begins, then each range that
--      it lost since, oldest first: after the first id, up to the second. What a Streamer
--      keeps of another shape than this one knows begins with "schema <number> "; this
--      shape, which has no such word, is schema 1
--   3  topics: sorted set, topic -> milliseconds of its last event
-- ARGV
--   1  floor: the highest id that the caller's process has seen; "0-0" for none
--   2  bound: milliseconds at which, as far as it can know, no id was given yet
--
-- A log that lacks one of these keys, or whose clock is below the floor, has lost
-- something: it was flushed, rolled back, or its keys were evicted. Then it continues
-- above all ids that may have been given, and keeps what it lost for those who ask.

-- A dash. It follows 13 digits in every id until the year 2286.
local DASH = 45

local function numbers_of(id, key)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  if not ms then fail('WRONGTYPE no id of ours (' .. key .. ')') end
  return tonumber(ms), tonumber(seq)
end

local function is_less(ms, seq, other_ms, other_seq)
  return ms < other_ms or (ms == other_ms and seq < other_seq)
end

local function id_of(ms, seq) return string.format('%.0f-%.0f', ms, seq) end

local log = { is_changed = false, found_ms = 0 }

-- Raise the position to an id that is in the log.
function log.raise(id, key)
  -- Most often it is an older one: milliseconds of 13 digits need not be read.
  if id == log.clock or (log.digits and string.byte(id, 14) == DASH
    and string.sub(id, 1, 13) < log.digits) then return end
  local ms, seq = numbers_of(id, key)
  if is_less(log.ms, log.seq, ms, seq) then
    log.ms, log.seq, log.is_changed = ms, seq, true
  end
end

-- The last id that was removed of a topic whose meta is gone, as far as anything else
-- tells, and why. The clock may be gone too: then the position is raised over the topic's.
local function lost_of(topic, stream, length)
  local LAST_SEQ = '18446744073709551615'
  if length == 0 then
    local ms = tonumber(look('ZSCORE', KEYS[3], topic) or nil)
    if not ms then return nil end
    if ms >= log.ms then return id_of(log.ms, log.seq), 'expired' end
    return string.format('%.0f-', ms) .. LAST_SEQ, 'expired'
  end
  local flat, info = look('XINFO', 'STREAM', stream), {}
  for i = 1, #flat, 2 do info[flat[i]] = flat[i + 1] end
  log.raise(info['last-generated-id'], stream)
  if info['entries-added'] == info.length and info['max-deleted-entry-id'] == '0-0' then
    return nil
  end
  local ms, seq = numbers_of(info['first-entry'][1], stream)
  return seq > 0 and id_of(ms, seq - 1) or string.format('%.0f-', ms - 1) .. LAST_SEQ, 'trimmed'
end

-- The id of the last part that a topic keeps, nil for none: as its meta says, or, where that
-- is gone, as the parts themselves do.
local function part_of(last, kept, parts)
  if kept and kept ~= '' then return kept end
  if last or kept then return nil end
  local newest = look('XREVRANGE', parts, '+', '-', 'COUNT', 1)[1]
  return newest and newest[1]
end

-- The later of two ids, of which the first may be nil.
local function later_of(id, other)
  if not id then return other end
  local ms, seq = numbers_of(id, '')
  return is_less(ms, seq, numbers_of(other, '')) and other or id
end

-- Keep the position for a script that else only reads. If Redis refuses writes
-- just now the answer is the same, and the next call finds it again.
function log.keep()
  if not log.is_changed then return end
  if redis.acl_check_cmd('SET', KEYS[1], '') and redis.acl_check_cmd('SET', KEYS[2], '') then
    local kept = redis.pcall('SET', KEYS[2], log.birth)
    if not kept.err then redis.call('SET', KEYS[1], id_of(log.ms, log.seq)) end
  end
end

-- Continue above all ids that may have been given, and keep what was lost.
local function go_on(topics, is_whole)
  -- Ranges kept; of more, the two oldest become one.
  local MAX_LOST = 16
  -- Milliseconds that a range is kept, as a topic's meta is: 30 days.
  local LOST_TTL = 30 * 24 * 3600 * 1000

  log.ms, log.seq = math.max(now(), tonumber(ARGV[2])), 0
  if topics > 0 then
    local newest = look('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
    log.ms = math.max(log.ms, tonumber(newest[2]) + 1)
  end
  local position = id_of(log.ms, log.seq)
  if not is_whole then
    log.birth = position
    return
  end
  local birth, ranges, oldest = log.birth, {}, log.ms - LOST_TTL
  for range in string.gmatch(birth, '%S+:%S+') do
    if tonumber(string.match(range, ':(%d+)')) > oldest then ranges[#ranges + 1] = range end
  end
  ranges[#ranges + 1] = log.clock .. ':' .. position
  while #ranges > MAX_LOST do
    local second = table.remove(ranges, 2)
    ranges[1] = string.match(ranges[1], '^[^:]+') .. string.match(second, ':.+$')
  end
  log.birth = string.match(birth, '^%S+') .. ' ' .. table.concat(ranges, ' ')
end

-- What a script writes besides, once it has appended its one event; of those that do.
local also

do -- Find the position.
  local clock, birth = look('GET', KEYS[1]), look('GET', KEYS[2])
  local topics = look('ZCARD', KEYS[3])
  if birth and not string.find(birth, '^%d+-%d+%f[%s%z]') then
    local schema = string.match(birth, '^schema (%d+) ')
    if schema then fail('NEWER schema ' .. schema .. ', of which this one knows 1') end
    fail('WRONGTYPE no id of ours (' .. KEYS[2] .. ')')
  end
  log.birth = birth
  local is_whole, is_behind = false, false
  if clock then
    log.clock, log.ms, log.seq = clock, numbers_of(clock, KEYS[1])
    log.found_ms = log.ms
    log.digits = string.byte(clock, 14) == DASH and string.sub(clock, 1, 13)
    -- Until something is appended the log has no topics, and stands where it was born.
    is_whole = birth and (topics > 0 or birth == clock)
    is_behind = clock ~= ARGV[1] and is_less(log.ms, log.seq, numbers_of(ARGV[1], 'floor'))
  end
  if not is_whole or is_behind then
    log.is_changed = true
    if is_behind or not clock then
      go_on(topics, is_whole)
    else
      log.birth = clock
    end
  end
end

