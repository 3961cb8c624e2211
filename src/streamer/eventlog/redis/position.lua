-- The log's position, and what was lost of it: the beginning of every script that
-- reads or appends, after rights.lua.
--
-- KEYS
--   1  clock: string "<ms>-<seq>", the last id handed out
--   2  birth: string "<id> <id>:<id> ...": where the log begins, then each range that
--      it lost since, oldest first: after the first id, up to the second
--   3  topics: sorted set, topic -> milliseconds of its last event
-- ARGV
--   1  floor: the highest id that the caller's process has seen; "0-0" for none
--   2  bound: milliseconds at which, as far as it can know, no id was given yet
--
-- A log that lacks one of these keys, or whose clock is below the floor, has lost
-- something: it was flushed, rolled back, or its keys were evicted. Then it goes on
-- above all ids that may have been given, and keeps what it lost for those who ask.

-- Ranges kept; of more, the two oldest become one.
local MAX_LOST = 16
-- Milliseconds that a range is kept, as a topic's meta is: 30 days.
local LOST_TTL = 30 * 24 * 3600 * 1000
local DASH = 45
local LAST_SEQ = '18446744073709551615'

local function numbers_of(id, key)
  local ms, seq = match(id, '^(%d+)-(%d+)$')
  if not ms then fail('WRONGTYPE no id of ours (' .. key .. ')') end
  return tonumber(ms), tonumber(seq)
end

local function is_less(ms, seq, other_ms, other_seq)
  return ms < other_ms or (ms == other_ms and seq < other_seq)
end

local function id_of(ms, seq) return format('%.0f-%.0f', ms, seq) end

local log = { is_changed = false, found_ms = 0 }

-- Raise the position to an id that is in the log.
function log.raise(id, key)
  -- Most often it is an older one: milliseconds of 13 digits need not be read.
  if id == log.clock or (log.digits and byte(id, 14) == DASH and sub(id, 1, 13) < log.digits) then
    return
  end
  local ms, seq = numbers_of(id, key)
  if is_less(log.ms, log.seq, ms, seq) then
    log.ms, log.seq, log.is_changed = ms, seq, true
  end
end

-- Go on above all ids that may have been given, and keep what was lost.
local function go_on(clock, birth, topics, is_whole)
  local function add_lost(after, upto)
    local ranges, oldest = {}, log.ms - LOST_TTL
    for range in gmatch(birth, '%S+:%S+') do
      if tonumber(match(range, ':(%d+)')) > oldest then ranges[#ranges + 1] = range end
    end
    ranges[#ranges + 1] = after .. ':' .. upto
    while #ranges > MAX_LOST do
      local second = table.remove(ranges, 2)
      ranges[1] = match(ranges[1], '^[^:]+') .. match(second, ':.+$')
    end
    return match(birth, '^%S+') .. ' ' .. table.concat(ranges, ' ')
  end

  if topics > 0 then
    local newest = look('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
    log.ms = max(log.ms, tonumber(newest[2]) + 1)
  end
  local position = id_of(log.ms, log.seq)
  log.birth = is_whole and add_lost(clock, position) or position
end

local function find_position()
  local clock, birth = look('GET', KEYS[1]), look('GET', KEYS[2])
  local topics = look('ZCARD', KEYS[3])
  if birth then numbers_of(match(birth, '^%S+') or '', KEYS[2]) end
  local is_whole, is_behind = false, false
  if clock then
    log.clock, log.ms, log.seq = clock, numbers_of(clock, KEYS[1])
    log.found_ms = log.ms
    log.digits = byte(clock, 14) == DASH and sub(clock, 1, 13)
    -- Until something is appended the log has no topics, and stands where it was born.
    is_whole = birth and (topics > 0 or birth == clock)
    is_behind = clock ~= ARGV[1] and is_less(log.ms, log.seq, numbers_of(ARGV[1], 'floor'))
  end
  log.birth = birth
  if is_whole and not is_behind then return end
  log.is_changed = true
  if is_behind or not clock then
    log.ms, log.seq = max(now(), tonumber(ARGV[2])), 0
    go_on(clock, birth, topics, is_whole)
  else
    log.birth = clock
  end
end

find_position()

local function info_of(stream)
  local flat, info = look('XINFO', 'STREAM', stream), {}
  for i = 1, #flat, 2 do info[flat[i]] = flat[i + 1] end
  return info
end

-- Raise the position over a topic's, where the clock was lost and the topic was not.
function log.raise_over(stream, length, last)
  if not last and length > 0 then last = info_of(stream)['last-generated-id'] end
  if last then log.raise(last, stream) end
end

-- The last id that was removed of a topic whose meta is gone, as far as anything else
-- tells, and why.
local function lost_of(topic, stream, length)
  if length == 0 then
    local ms = tonumber(look('ZSCORE', KEYS[3], topic) or nil)
    if not ms then return nil end
    if ms >= log.ms then return id_of(log.ms, log.seq), 'expired' end
    return format('%.0f-', ms) .. LAST_SEQ, 'expired'
  end
  local info = info_of(stream)
  if info['entries-added'] == info.length and info['max-deleted-entry-id'] == '0-0' then
    return nil
  end
  local ms, seq = numbers_of(info['first-entry'][1], stream)
  return seq > 0 and id_of(ms, seq - 1) or format('%.0f-', ms - 1) .. LAST_SEQ, 'trimmed'
end

-- Keep the position for a script that else only reads. If Redis refuses writes
-- just now the answer is the same, and whoever comes next finds it again.
function log.keep()
  if not log.is_changed then return end
  if redis.acl_check_cmd('SET', KEYS[1], '') and redis.acl_check_cmd('SET', KEYS[2], '') then
    local kept = redis.pcall('SET', KEYS[2], log.birth)
    if not kept.err then call('SET', KEYS[1], id_of(log.ms, log.seq)) end
  end
end

