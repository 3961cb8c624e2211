-- Keep a job's checkpoint, unless a later attempt of the same run kept one.
-- No attempt is later than the end of a run that has completed.
--
-- KEYS
--   1  checkpoint: string "<attempt> <run> <JSON>", the run being empty for the first
-- ARGV
--   attempt, run, JSON, milliseconds that it is kept

local kept = look('GET', KEYS[1])
need('SET', KEYS[1], '')
if kept then
  local attempt, run = string.match(kept, '^(%d+) (%S*) ')
  if run == ARGV[2] and tonumber(attempt) > tonumber(ARGV[1]) then return {} end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3], 'PX', ARGV[4])
return {}
