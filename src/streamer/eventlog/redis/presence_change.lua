-- One connection comes or goes, and if that changes who is there, the event that tells it
-- is appended: stands before append.lua, which takes the rest of KEYS and ARGV.
--
-- KEYS, the last three
--   members  hash: "u:<user>" -> "<connections> <id of the event that told it> <username>";
--            "c:<connection>" -> "<milliseconds at which it lapses> <user>"; "n" -> how many
--            users
--   due      sorted set: topic -> milliseconds before which none of its connections lapses
--   left     hash: user -> the id of the event that told that they have left
-- ARGV, the last ten
--   "enter", "leave" or "lapse", topic, connection, user, username, milliseconds that it is
--   there, users that may be there, connections that one of them may have, milliseconds after
--   which members that nobody renews are forgotten, users of whom it is known that they left
-- Returns {"-"} if nothing is told, {"full"} if there is no room, {"=<username>"} if it is
-- that one who leaves; else what append.lua does.

local CHANGE = 10
local args = {}
for i = CHANGE, 1, -1 do
  args[i] = ARGV[#ARGV]
  ARGV[#ARGV] = nil
end
local what, topic, connection, user = args[1], args[2], 'c:' .. args[3], 'u:' .. args[4]
local members, due, left = KEYS[#KEYS - 2], KEYS[#KEYS - 1], KEYS[#KEYS]
do
  local time = now()
  local found = look('HMGET', members, connection, user, 'n')
  local told, left_count = look('HGET', left, args[4]), look('HLEN', left)
  look('ZSCORE', due, topic)
  for _, key in ipairs({ members, left }) do
    need('HSET', key, 'f', '')
    need('HDEL', key, 'f')
    need('PEXPIRE', key, 1)
  end
  need('ZADD', due, 0, '')
  need('ZREM', due, '')
  need('XDEL', KEYS[6], '0-1')
  local held, count = found[1], tonumber(found[3] or 0)
  local connections, joined, called = string.match(found[2] or '', '^(%d+) (%S+) (.*)$')
  connections = tonumber(connections or 0)

  -- What told the opposite before goes: of each user the last one says how it is.
  local function replace(appended, id)
    if id and redis.call('XDEL', appended.stream, id) == 1 then
      appended.length = appended.length - 1
    end
  end

  local function hold(number, id, name)
    redis.call('HSET', members, user, string.format('%.0f ', number) .. id .. ' ' .. name)
  end

  if what == 'enter' then
    local deadline = string.format('%.0f', time + args[6])
    local function come()
      redis.call('HSET', members, connection, deadline .. ' ' .. args[4])
      redis.call('PEXPIRE', members, args[9])
      redis.call('ZADD', due, 'NX', deadline, topic)
    end
    if held or connections > 0 then
      if not held then
        if connections >= tonumber(args[8]) then return { 'full' } end
        hold(connections + 1, joined, called)
      end
      come()
      return { '-' }
    end
    if count >= tonumber(args[7]) then return { 'full' } end
    also = function(appended, id)
      replace(appended, told)
      redis.call('HDEL', left, args[4])
      redis.call('HSET', members, 'n', string.format('%.0f', count + 1))
      hold(1, id, args[5])
      come()
    end
  else
    local deadline, holder = string.match(held or '', '^(%d+) (.*)$')
    if not deadline or (what == 'lapse' and tonumber(deadline) > time) then return { '-' } end
    -- It is there as somebody else, who does not leave for that.
    if holder ~= args[4] then return { '-' } end
    if connections > 1 then
      redis.call('HDEL', members, connection)
      hold(connections - 1, joined, called)
      return { '-' }
    end
    -- They leave by the name by which they came.
    if called ~= args[5] then return { '=' .. called } end
    also = function(appended, id)
      replace(appended, joined)
      if left_count < tonumber(args[10]) then
        redis.call('HSET', left, args[4], id)
        -- Once: after that time it begins anew, however many there were.
        if left_count == 0 then redis.call('PEXPIRE', left, args[9]) end
      end
      if count > 1 then
        redis.call('HDEL', members, connection, user)
        redis.call('HSET', members, 'n', string.format('%.0f', count - 1))
      else
        redis.call('HDEL', members, connection, user, 'n')
        redis.call('ZREM', due, topic)
      end
    end
  end
end
