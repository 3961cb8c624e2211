-- What a script asks before it writes: the beginning of every script of ours.
--
-- Redis undoes nothing of a script that fails in its middle. So all is looked at
-- first, by commands that find a key of the wrong type, and all that is going to be
-- written is checked against the user's rights. For the rest, as for a full memory
-- or disk, Redis refuses a script's first write, and none after it.
--
-- Most of what a script of a few commands costs is what it costs to begin: a local that
-- a function uses is caught anew each time, at twice the price of looking up a global.
-- So what Lua and Redis have is called by its full name, and what is rarely needed is
-- made where it is needed.

local function fail(text) error({ err = text }) end

local everywhere, nobody = {}, nil

-- Check that this user may run a command; before anything is written, for a script
-- that is stopped in its middle is not undone. Who may run it on a key that nothing of
-- ours is called may run it on all of them: then one look is enough for the script.
local function need(command, key, ...)
  if everywhere[command] then return end
  nobody = nobody or (string.match(KEYS[1], '^.*:') or '') .. '\n'
  if redis.acl_check_cmd(command, nobody, ...) then
    everywhere[command] = true
  elseif not redis.acl_check_cmd(command, key, ...) then
    fail('NOPERM the user may not run ' .. command .. ' on ' .. key)
  end
end

local is_wide

-- The same for the channel of a topic. Who may publish what no topic is called may
-- publish every topic: then one look is enough for all of them.
local function need_channel(name, topic)
  if is_wide == nil then
    local nothing = string.sub(name, 1, #name - #topic) .. '\n'
    is_wide = redis.acl_check_cmd('PUBLISH', nothing, '')
  end
  if not is_wide and not redis.acl_check_cmd('PUBLISH', name, '') then
    fail('NOPERM the user may not run PUBLISH on ' .. name)
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

