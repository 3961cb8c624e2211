-- Read the snapshots of several topics, and the log's position, atomically.
--
-- KEYS
--   1  clock    2  birth    3  topics    (see position.lua)
--   then two for each topic: snapshot, tasks; then one for each conversation: its members
-- ARGV
--   1  floor    2  bound    (see position.lua)
-- Returns {clock, then each of these, flat}.

log.keep()
local answer = { id_of(log.ms, log.seq) }
for key = 4, #KEYS do
  answer[#answer + 1] = look('HGETALL', KEYS[key])
end
return answer
