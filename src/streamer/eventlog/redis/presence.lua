-- Keep who is there in conversations, judged by the one clock of this server.
--
-- KEYS
--   1  due: sorted set, topic -> milliseconds before which none of its connections lapses
--   2  looked: string, "<milliseconds of the last look> <milliseconds before which none is
--      taken for lapsed>"
--   then the members of each topic: see presence_change.lua
-- ARGV
--   "renew", milliseconds there, milliseconds after which members are forgotten, then for
--     each topic its name, number of connections, they
--     returns {number of the topic, number of the connection} of each that is not there
--   "due", milliseconds there, longest pause between two looks, limit
--     returns the topics that are to be looked through
--   "look", milliseconds there, then for each topic its name
--     returns {number of the topic, connection, user, username} of each that has lapsed

local time = now()
look('ZCARD', KEYS[1])
look('GET', KEYS[2])
for key = 3, #KEYS do look('HLEN', KEYS[key]) end
need('ZADD', KEYS[1], 0, '')
need('ZREM', KEYS[1], '')
need('ZRANGE', KEYS[1], 0, 0)
need('ZRANGEBYSCORE', KEYS[1], 0, 0)
need('SET', KEYS[2], '')
for key = 3, #KEYS do
  need('HSET', KEYS[key], 'f', '')
  need('HGET', KEYS[key], 'f')
  need('HGETALL', KEYS[key])
  need('PEXPIRE', KEYS[key], 1)
end

local function text_of(milliseconds) return string.format('%.0f', milliseconds) end

if ARGV[1] == 'renew' then
  local deadline, missing, arg = text_of(time + ARGV[2]), {}, 4
  for key = 3, #KEYS do
    local topic, count, is_there = ARGV[arg], tonumber(ARGV[arg + 1]), false
    for i = 1, count do
      local connection = 'c:' .. ARGV[arg + 1 + i]
      local held = redis.call('HGET', KEYS[key], connection)
      if held then
        is_there = true
        redis.call('HSET', KEYS[key], connection, deadline .. string.match(held, ' .*$'))
      else
        missing[#missing + 1] = { key - 2, i }
      end
    end
    if is_there then
      redis.call('PEXPIRE', KEYS[key], ARGV[3])
      -- It is there, unless it was lost.
      redis.call('ZADD', KEYS[1], 'NX', deadline, topic)
    end
    arg = arg + 2 + count
  end
  return missing
end

if ARGV[1] == 'due' then
  local looked, grace = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) (%d+)$')
  local pause = looked and time - looked
  if not pause or pause < 0 or pause > tonumber(ARGV[3]) then
    -- Nobody looked, or the clock was set: this server may have been away, and nobody could
    -- say that they are there. All have time to say so.
    grace = text_of(time + ARGV[2])
    if pause and pause < 0 then
      for _, topic in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        redis.call('ZADD', KEYS[1], grace, topic)
      end
    end
  end
  redis.call('SET', KEYS[2], text_of(time) .. ' ' .. grace)
  if tonumber(grace) > time then return {} end
  return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text_of(time), 'LIMIT', 0, ARGV[4])
end

local lapsed = {}
for key = 3, #KEYS do
  local topic = ARGV[key]
  local flat, users, first = redis.call('HGETALL', KEYS[key]), {}, nil
  local latest = time + ARGV[2]
  for i = 1, #flat, 2 do
    if string.sub(flat[i], 1, 2) == 'u:' then
      users[string.sub(flat[i], 3)] = string.match(flat[i + 1], '^%d+ %S+ (.*)$')
    end
  end
  for i = 1, #flat, 2 do
    if string.sub(flat[i], 1, 2) == 'c:' then
      local deadline, user = string.match(flat[i + 1], '^(%d+) (.*)$')
      deadline = tonumber(deadline)
      if deadline <= time then
        lapsed[#lapsed + 1] = { key - 3, string.sub(flat[i], 3), user, users[user] or user }
        first = time
      elseif deadline > latest then
        -- By a clock that was set back: it says nothing.
        deadline = latest
        redis.call('HSET', KEYS[key], flat[i], text_of(deadline) .. ' ' .. user)
      end
      first = math.min(first or deadline, deadline)
    end
  end
  if first then
    -- Those that have lapsed are found again until they have left.
    redis.call('ZADD', KEYS[1], text_of(first), topic)
  else
    redis.call('ZREM', KEYS[1], topic)
  end
end
return lapsed
