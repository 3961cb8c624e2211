-- Keep who is reached by push, who is due, and what is to be sent; by the clock of this server.
--
-- KEYS
--   1  due: sorted set, subject -> milliseconds of its first notification since it was
--      spread last (append.lua adds it)
--   2  sends: sorted set, "<name> <subject>" -> milliseconds at which it may be taken; of one
--      that is taken, at which its lease ends
--   3  subjects: sorted set, subject -> milliseconds at which it subscribed last
--   then of the subject
--   4  subscriptions: hash, of each by its name: s<name> -> "<milliseconds at which it
--      came> <the subscription>", t<name> -> the last id that it was told of, f<name> -> how
--      often it was tried in vain, a<name> -> "1" if its subject was spread while its send
--      was in the queue
--   5  meta: that of the subject's topic; "push" is "1" if it has subscriptions (see append.lua)
--   then of the subscription
--   6  owner: string, the subject whose it is
-- ARGV: what is to be done, then
--   "subscribe", subject, name, subscription, milliseconds kept, most of a subject, most
--     subjects, milliseconds that a topic's meta outlives it; returns "full" or "ok"
--   "unsubscribe", subject, name; returns 1 if it was there
--   "due", milliseconds, limit; returns subject and score of each
--   "spread", subject, score; returns how many sends there are then
--   "take", milliseconds, limit; returns "<name> <subject>" and the end of the lease of each
--   "open", subject, name, end of the lease; returns {stored, told, failures}, or nothing
--   "done", subject, name, end of the lease, id up to which it was told or ""
--   "later", subject, name, end of the lease, milliseconds, "1" if it failed
--   "drop", subject, name, end of the lease, when the subscription came

local due, sends, subjects, subscriptions, meta, owner = unpack(KEYS)
local what, subject, name = ARGV[1], ARGV[2], ARGV[3]
local time = now()

local function text(number) return string.format('%.0f', number) end

for _, key in ipairs({ due, sends, subjects }) do
  look('ZCARD', key)
  need('ZADD', key, 0, '')
  need('ZREM', key, '')
  need('ZSCORE', key, '')
  need('ZRANGEBYSCORE', key, 0, 0)
end
if subscriptions then
  look('HLEN', subscriptions)
  look('HLEN', meta)
  need('HKEYS', subscriptions)
  need('HGET', subscriptions, 'f')
  need('HSET', subscriptions, 'f', '')
  need('HDEL', subscriptions, 'f')
  need('PEXPIRE', subscriptions, 1)
  need('HGET', meta, 'f')
  need('HSET', meta, 'f', '')
  need('HDEL', meta, 'f')
  need('PEXPIREAT', meta, 1)
end
if owner then
  look('GET', owner)
  need('SET', owner, '')
end

-- What was set for later by a clock that has been set back since is for now.
local function pull_back(key, longest)
  local ahead = redis.call('ZRANGEBYSCORE', key, '(' .. text(time + longest), '+inf', 'LIMIT', 0, 100)
  for _, member in ipairs(ahead) do redis.call('ZADD', key, text(time), member) end
end

local function forget(gone)
  redis.call('HDEL', subscriptions, 's' .. gone, 't' .. gone, 'f' .. gone, 'a' .. gone)
  redis.call('ZREM', sends, gone .. ' ' .. subject)
  if redis.call('HLEN', subscriptions) == 0 then
    redis.call('ZREM', subjects, subject)
    redis.call('HDEL', meta, 'push')
  end
end

-- The subscriptions of the subject, the one that came longest ago first.
local function all()
  local found = {}
  for _, field in ipairs(redis.call('HKEYS', subscriptions)) do
    if string.sub(field, 1, 1) == 's' then
      local came = string.match(redis.call('HGET', subscriptions, field), '^%d+')
      found[#found + 1] = { name = string.sub(field, 2), came = tonumber(came) }
    end
  end
  table.sort(found, function(a, b)
    if a.came ~= b.came then return a.came < b.came end
    return a.name < b.name
  end)
  return found
end

if what == 'subscribe' then
  local stored, ttl, most = ARGV[4], ARGV[5], tonumber(ARGV[6])
  if not redis.call('ZSCORE', subjects, subject) and redis.call('ZCARD', subjects) >= tonumber(ARGV[7]) then
    local oldest = text(time - ttl)
    local gone = redis.call('ZRANGEBYSCORE', subjects, '-inf', oldest, 'LIMIT', 0, 100)
    if #gone == 0 then return 'full' end
    redis.call('ZREM', subjects, unpack(gone))
  end
  -- Another one than before, if that was in this millisecond.
  local before = string.match(redis.call('HGET', subscriptions, 's' .. name) or '', '^%d+')
  local came = math.max(time, (tonumber(before or nil) or 0) + 1)
  redis.call('HSET', subscriptions, 's' .. name, text(came) .. ' ' .. stored)
  redis.call('SET', owner, subject, 'PX', ttl)
  redis.call('ZADD', subjects, text(time), subject)
  redis.call('PEXPIRE', subscriptions, ttl)
  local found = all()
  local over = #found - most
  for _, one in ipairs(found) do
    -- The clock may have been set back: the new one is not the oldest, whatever it says.
    if over > 0 and one.name ~= name then
      forget(one.name)
      over = over - 1
    end
  end
  redis.call('HSET', meta, 'push', '1')
  local kept = tonumber(redis.call('HGET', meta, 'kept') or nil) or 0
  redis.call('PEXPIREAT', meta, text(math.max(time + ttl, kept + ARGV[8])))
  return 'ok'
end

if what == 'unsubscribe' then
  local is_there = redis.call('HGET', subscriptions, 's' .. name)
  local is_own = redis.call('GET', owner) == subject
  if is_there then forget(name) end
  return is_there and is_own and 1 or 0
end

if what == 'due' then
  pull_back(due, 0)
  return redis.call('ZRANGEBYSCORE', due, '-inf', text(time - ARGV[2]), 'WITHSCORES', 'LIMIT', 0, ARGV[3])
end

if what == 'spread' then
  -- Another process may have done it, and the subject may be due again since.
  if redis.call('ZSCORE', due, subject) ~= ARGV[3] then return 0 end
  redis.call('ZREM', due, subject)
  local found = all()
  for _, one in ipairs(found) do
    local member = one.name .. ' ' .. subject
    if redis.call('ZSCORE', sends, member) then
      redis.call('HSET', subscriptions, 'a' .. one.name, '1')
    else
      redis.call('ZADD', sends, text(time), member)
    end
  end
  if #found == 0 then redis.call('HDEL', meta, 'push') end
  return #found
end

if what == 'take' then
  -- Nothing waits for longer than that, and no lease is longer.
  pull_back(sends, 24 * 3600 * 1000)
  local until_ = text(time + ARGV[2])
  local found = {}
  local members = redis.call('ZRANGEBYSCORE', sends, '-inf', text(time), 'LIMIT', 0, ARGV[3])
  for _, member in ipairs(members) do
    redis.call('ZADD', sends, until_, member)
    found[#found + 1] = member
    found[#found + 1] = until_
  end
  return found
end

-- What is left is of a send that was taken.
local member = name .. ' ' .. subject
if redis.call('ZSCORE', sends, member) ~= ARGV[4] then return false end

if what == 'open' then
  local stored = redis.call('HGET', subscriptions, 's' .. name)
  if not stored or redis.call('GET', owner) ~= subject then
    -- It is gone, or another subject's by now.
    forget(name)
    return false
  end
  redis.call('HDEL', subscriptions, 'a' .. name)
  return {
    stored,
    redis.call('HGET', subscriptions, 't' .. name) or '',
    redis.call('HGET', subscriptions, 'f' .. name) or '0',
  }
end

if what == 'done' then
  redis.call('HDEL', subscriptions, 'f' .. name)
  if ARGV[5] ~= '' then redis.call('HSET', subscriptions, 't' .. name, ARGV[5]) end
  if redis.call('HGET', subscriptions, 'a' .. name) then
    redis.call('ZADD', sends, text(time), member)
  else
    redis.call('ZREM', sends, member)
  end
elseif what == 'later' then
  if ARGV[6] == '1' then
    local failures = redis.call('HGET', subscriptions, 'f' .. name) or '0'
    redis.call('HSET', subscriptions, 'f' .. name, text(failures + 1))
  end
  redis.call('ZADD', sends, text(time + ARGV[5]), member)
elseif what == 'drop' then
  local stored = redis.call('HGET', subscriptions, 's' .. name)
  if stored and string.match(stored, '^%d+') ~= ARGV[5] then
    redis.call('ZADD', sends, text(time), member)
  else
    forget(name)
  end
end
return 1
