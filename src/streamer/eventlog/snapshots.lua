-- Read the snapshots of several topics, and the log's position, atomically.
--
-- KEYS
--   1  clock    2  birth    (see append.lua; made here if there are none)
--   then two for each topic: snapshot, tasks
-- Returns {clock, then for each topic its snapshot and its tasks, flat}.

local clock = redis.call('GET', KEYS[1])
if not clock then
  local time = redis.call('TIME')
  clock = string.format('%.0f-0', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('SET', KEYS[1], clock)
  redis.call('SET', KEYS[2], clock)
end

local answer = { clock }
for key = 3, #KEYS do
  answer[#answer + 1] = redis.call('HGETALL', KEYS[key])
end
return answer
