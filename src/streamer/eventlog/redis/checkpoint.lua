-- Keep a job's checkpoint, unless a later attempt of the same run kept one, or the run is
-- over: what completes it removes its checkpoint (append.lua), and somebody may be late.
--
-- KEYS
--   1  checkpoint: string "<attempt> <run> <JSON>", the run being empty for the first
--   2  idempotency key of the run's end (see append.lua)
-- ARGV
--   attempt, run, JSON, milliseconds that it is kept

local kept = look('GET', KEYS[1])
need('SET', KEYS[1], '')
if look('GET', KEYS[2]) then return {} end
if kept then
  local attempt, run = string.match(kept, '^(%d+) (%S*) ')
  if run == ARGV[2] and tonumber(attempt) > tonumber(ARGV[1]) then return {} end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3], 'PX', ARGV[4])
return {}
