-- What a script asks before it writes: the beginning of every script of ours.
--
-- Redis undoes nothing of a script that fails in its middle. So all is looked at
-- first, by commands that find a key of the wrong type, and all that is going to be
-- written is checked against the user's rights. For the rest, as for a full memory
-- or disk, Redis refuses a script's first write, and none after it.

local call = redis.call

local function fail(text) error({ err = text }) end

-- Check that this user may run a command; before anything is written, for a script
-- that is stopped in its middle is not undone.
local function need(command, key, ...)
  if not redis.acl_check_cmd(command, key, ...) then
    fail('NOPERM the user may not run ' .. command .. ' on ' .. key)
  end
end

-- Run a command that only reads: somebody else's key under our name is found by it.
local function look(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) == 'table' and reply.err then
    need(command, key, ...)
    fail(reply.err .. ' (' .. key .. ')')
  end
  return reply
end

-- Milliseconds since 1970 by the clock of this server.
local function now()
  local time = redis.pcall('TIME')
  if time.err then fail('NOPERM the user may not run TIME') end
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

