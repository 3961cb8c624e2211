-- Keep the leases of running jobs, judged by the one clock of this server.
--
-- KEYS
--   1  deadlines: sorted set, job -> milliseconds at which its lease lapses
--   2  held: hash, job -> "<attempt> <since> <description>"; since is when this
--      attempt was first held, or held again after its lapse was reported
--   3  looked: string, milliseconds of the last look for lapsed leases
-- ARGV
--   "renew", milliseconds held, then for each job: job, attempt, description
--   "release", job, attempt, since ("" is any)
--   "lapsed", milliseconds held, longest pause between two looks, limit
--     returns {job, held} of each lapsed lease

local time = now()
-- One of the two may have been evicted without the other: then a lease gets a new
-- deadline, and a deadline whose lease is unknown goes.
local deadlines, holders = look('ZCARD', KEYS[1]), look('HLEN', KEYS[2])
look('GET', KEYS[3])
need('ZADD', KEYS[1], 0, '')
need('ZREM', KEYS[1], '')
need('ZRANGE', KEYS[1], 0, 0)
need('ZRANGEBYSCORE', KEYS[1], 0, 0)
need('HSET', KEYS[2], 'f', '')
need('HGET', KEYS[2], 'f')
need('HKEYS', KEYS[2])
need('HDEL', KEYS[2], 'f')
need('SET', KEYS[3], '')

local function held(job)
  local text = redis.call('HGET', KEYS[2], job)
  if not text then return nil end
  return string.match(text, '^(%d+) (%d+) ')
end

if ARGV[1] == 'renew' then
  local deadline = string.format('%.0f', time + ARGV[2])
  for i = 3, #ARGV, 3 do
    local job, attempt = ARGV[i], ARGV[i + 1]
    local known, since = held(job)
    -- An attempt that was thought dead and wakes up does not take the lease back.
    if not known or tonumber(known) <= tonumber(attempt) then
      if known ~= attempt then since = string.format('%.0f', time) end
      redis.call('ZADD', KEYS[1], deadline, job)
      redis.call('HSET', KEYS[2], job, attempt .. ' ' .. since .. ' ' .. ARGV[i + 2])
    end
  end
  return {}
end

if ARGV[1] == 'release' then
  local attempt, since = held(ARGV[2])
  if attempt == ARGV[3] and (ARGV[4] == '' or ARGV[4] == since) then
    redis.call('ZREM', KEYS[1], ARGV[2])
    redis.call('HDEL', KEYS[2], ARGV[2])
  end
  return {}
end

if deadlines < holders then
  local deadline = string.format('%.0f', time + ARGV[2])
  for _, job in ipairs(redis.call('HKEYS', KEYS[2])) do redis.call('ZADD', KEYS[1], 'NX', deadline, job) end
end
local looked = redis.call('GET', KEYS[3])
redis.call('SET', KEYS[3], string.format('%.0f', time))
local pause = looked and time - looked
if not pause or pause < 0 or pause > tonumber(ARGV[3]) then
  -- Nobody looked, or the clock was set: this server may have been away, and no
  -- job could show a sign of life. Every lease counts from now; a deadline of a
  -- clock that was set back says nothing.
  local deadline = time + ARGV[2]
  local leases = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 1, #leases, 2 do
    if (pause and pause < 0) or tonumber(leases[i + 1]) < deadline then
      redis.call('ZADD', KEYS[1], string.format('%.0f', deadline), leases[i])
    end
  end
  return {}
end
local found = {}
local jobs = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', time), 'LIMIT', 0, ARGV[4])
for _, job in ipairs(jobs) do
  local text = redis.call('HGET', KEYS[2], job)
  if text then
    found[#found + 1] = { job, text }
  else
    redis.call('ZREM', KEYS[1], job)
  end
end
return found
