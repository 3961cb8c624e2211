-- Say which of some commands this user may not run, and take a write as an append would.
--
-- KEYS: none, for those that a user may not use are to be found, not refused
-- ARGV
--   1  a key of ours that nothing is kept in
--   then for each command: how many words it has, its words
-- Returns the first two words of each command that is not allowed.

local missing = {}
local arg = 2
while arg <= #ARGV do
  local words = { unpack(ARGV, arg + 1, arg + ARGV[arg]) }
  arg = arg + ARGV[arg] + 1
  local is_known, is_allowed = pcall(redis.acl_check_cmd, unpack(words))
  if not (is_known and is_allowed) then
    missing[#missing + 1] = words[2] and words[1] .. ' ' .. words[2] or words[1]
  end
end
if redis.acl_check_cmd('SET', ARGV[1], '', 'PX', 1) then
  redis.call('SET', ARGV[1], '', 'PX', 1)
end
return missing
