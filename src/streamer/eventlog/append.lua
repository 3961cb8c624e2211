-- Append a batch of events atomically: every event gets the next id of the one
-- clock, is stored under each of its topics, and is notified.
--
-- KEYS
--   1  clock: string "<ms>-<seq>", the last id handed out
--   2  birth: string, the id at which this log was born
--   3  topics: sorted set, topic -> milliseconds of its last event
--   4  batch: string "<sequence> <id>...", the publisher's last batch
--   then four for each topic t (from 1), at 4t+1 ... 4t+4:
--     stream    one field "e", the entry
--     meta      hash: last, trimmed (ids), reason ("trimmed" or "expired"),
--               busy ("1" while a job runs, "0" at rest, none before any job)
--     snapshot  hash: JSON by field name; terminal, an id
--     tasks     hash: task -> "<id> <entry>"
--   then idempotency keys, each a string: the id of the first event, or "-"
-- ARGV
--   1  sequence of the batch, or "" for no batch key
--   2  milliseconds a batch is remembered     3  the same, an idempotency key
--   4  milliseconds a topic's meta outlives it
--   5  milliseconds a topic stays in the index after its last event
--   6  tasks kept in a snapshot               7  number of topics
--   then four for each topic: its name, the name it is notified under,
--     events kept, milliseconds kept at rest
--   then for each event: entry, kind ("-", "T" terminal, "E" ephemeral),
--     number of its idempotency key in KEYS (0: none), task ("" or "=<task>"),
--     number of topics, their numbers, number of changes, name and JSON of each,
--     number of idempotency keys that must not be there, their numbers in KEYS
-- Returns the ids in order, "-" for an ephemeral event.

local call = redis.call
local HEADER = 7
local BUSY = { ['"queued"'] = true, ['"running"'] = true, ['"retrying"'] = true }

local sequence = ARGV[1]
if sequence ~= '' then
  local stored = call('GET', KEYS[4])
  if stored then
    local words = {}
    for word in string.gmatch(stored, '%S+') do words[#words + 1] = word end
    if words[1] == sequence then
      table.remove(words, 1)
      return words
    end
  end
end

local ms, seq, started_ms

-- Ids increase though the host's clock is set back: never below the last one.
local function next_id()
  if ms then
    seq = seq + 1
  else
    local time = call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local clock = call('GET', KEYS[1])
    if not clock then
      clock = string.format('%.0f-0', now)
      call('SET', KEYS[2], clock)
    end
    local last_ms, last_seq = string.match(clock, '^(%d+)-(%d+)$')
    started_ms = tonumber(last_ms)
    if now > started_ms then
      ms, seq = now, 0
    else
      ms, seq = started_ms, tonumber(last_seq) + 1
    end
  end
  return string.format('%.0f-%.0f', ms, seq)
end

local touched, by_number = {}, {}

local function topic_of(number)
  local topic = by_number[number]
  if topic then return topic end
  local key, arg = 4 * number, HEADER + 4 * (number - 1)
  local meta = call('HMGET', KEYS[key + 2], 'last', 'trimmed', 'reason', 'busy')
  topic = {
    stream = KEYS[key + 1], meta = KEYS[key + 2],
    snapshot = KEYS[key + 3], tasks = KEYS[key + 4],
    name = ARGV[arg + 1],
    max_length = tonumber(ARGV[arg + 3]), max_age = tonumber(ARGV[arg + 4]),
    length = call('XLEN', KEYS[key + 1]),
    last = meta[1], trimmed = meta[2], reason = meta[3], was = meta[4], busy = meta[4],
    folded = {}, last_of_task = {},
  }
  if topic.length == 0 and topic.last then
    topic.trimmed, topic.reason = topic.last, 'expired'
  end
  by_number[number] = topic
  touched[#touched + 1] = topic
  return topic
end

local function trim(topic)
  local excess = topic.length - topic.max_length
  if excess <= 0 then return end
  if excess > 1 then
    call('XTRIM', topic.stream, 'MAXLEN', '=', topic.max_length + 1)
  end
  topic.trimmed = call('XRANGE', topic.stream, '-', '+', 'COUNT', 1)[1][1]
  topic.reason = 'trimmed'
  call('XTRIM', topic.stream, 'MAXLEN', '=', topic.max_length)
end

-- On a job's own topic, an attempt that was superseded changes nothing. Elsewhere
-- the attempts of different jobs are not to be compared.
local function is_stale(topic, first_change, last_change)
  if not string.match(topic.name, '^jobs/[^/]+$') then return false end
  for change = first_change + 1, last_change, 2 do
    if ARGV[change] == 'attempt' and ARGV[change + 1] ~= 'null' then
      local known = topic.folded.attempt
      if known == nil then known = call('HGET', topic.snapshot, 'attempt') end
      return known and tonumber(ARGV[change + 1]) < tonumber(known)
    end
  end
  return false
end

local function store_snapshot(topic)
  local set, removed = {}, {}
  for name, value in pairs(topic.folded) do
    if value then
      set[#set + 1] = name
      set[#set + 1] = value
    else
      removed[#removed + 1] = name
    end
  end
  if #set > 0 then call('HSET', topic.snapshot, unpack(set)) end
  if #removed > 0 then call('HDEL', topic.snapshot, unpack(removed)) end
end

local function forget_oldest_tasks(topic, kept)
  local excess = call('HLEN', topic.tasks) - kept
  if excess <= 0 then return end
  local flat, tasks = call('HGETALL', topic.tasks), {}
  for i = 1, #flat, 2 do
    local task_ms, task_seq = string.match(flat[i + 1], '^(%d+)-(%d+) ')
    tasks[#tasks + 1] = { name = flat[i], ms = tonumber(task_ms), seq = tonumber(task_seq) }
  end
  table.sort(tasks, function(a, b)
    return a.ms < b.ms or (a.ms == b.ms and a.seq < b.seq)
  end)
  for i = 1, excess do call('HDEL', topic.tasks, tasks[i].name) end
end

local function store_tasks(topic, kept)
  local added = 0
  for task, value in pairs(topic.last_of_task) do
    added = added + call('HSET', topic.tasks, task, value)
  end
  if added > 0 then forget_oldest_tasks(topic, kept) end
end

local function store_meta(topic)
  local meta = { 'last', topic.last }
  if topic.trimmed then
    meta[#meta + 1] = 'trimmed'
    meta[#meta + 1] = topic.trimmed
    meta[#meta + 1] = 'reason'
    meta[#meta + 1] = topic.reason
  end
  if topic.busy then
    meta[#meta + 1] = 'busy'
    meta[#meta + 1] = topic.busy
  end
  call('HSET', topic.meta, unpack(meta))
end

-- A topic at rest goes as a whole at one moment; its meta stays behind to tell
-- a gap from nothing. A running job is never expired under its readers.
local function set_expiry(topic)
  if topic.busy == '1' then
    if topic.was ~= '1' then
      call('PERSIST', topic.stream)
      call('PERSIST', topic.meta)
      call('PERSIST', topic.snapshot)
      call('PERSIST', topic.tasks)
    end
    return
  end
  local at = ms + topic.max_age
  local text = string.format('%.0f', at)
  call('PEXPIREAT', topic.stream, text)
  call('PEXPIREAT', topic.meta, string.format('%.0f', at + ARGV[4]))
  if topic.busy then
    call('PEXPIREAT', topic.snapshot, text)
    call('PEXPIREAT', topic.tasks, text)
  end
end

local ids = {}
local arg = HEADER + 4 * tonumber(ARGV[7])
while arg < #ARGV do
  local entry, kind, key, task = ARGV[arg + 1], ARGV[arg + 2], tonumber(ARGV[arg + 3]), ARGV[arg + 4]
  local first_topic, topic_count = arg + 5, tonumber(ARGV[arg + 5])
  local first_change = first_topic + topic_count + 1
  local change_count = tonumber(ARGV[first_change])
  local last_change = first_change + 2 * change_count
  local first_unless = last_change + 1
  arg = first_unless + tonumber(ARGV[first_unless])

  local id = key > 0 and call('GET', KEYS[key])
  for i = first_unless + 1, arg do
    id = id or call('GET', KEYS[tonumber(ARGV[i])])
  end
  if id then
    -- A write, as above; it does nothing if it was the key of another that hit.
    if key > 0 then call('PEXPIRE', KEYS[key], ARGV[3]) end
  else
    id = kind == 'E' and '-' or next_id()
    local notification = id .. ' ' .. entry
    for i = first_topic + 1, first_topic + topic_count do
      local number = tonumber(ARGV[i])
      if kind ~= 'E' then
        local topic = topic_of(number)
        call('XADD', topic.stream, id, 'e', entry)
        topic.length = topic.length + 1
        topic.last = id
        local stale = kind ~= 'T' and is_stale(topic, first_change, last_change)
        for change = first_change + 1, stale and first_change or last_change, 2 do
          local value = ARGV[change + 1]
          topic.folded[ARGV[change]] = value ~= 'null' and value
        end
        if not stale and (change_count > 0 or kind == 'T') then
          topic.folded.terminal = kind == 'T' and id
        end
        if not stale and task ~= '' then
          topic.last_of_task[string.sub(task, 2)] = notification
        end
        if change_count > 0 or kind == 'T' or task ~= '' then
          local status = topic.folded.status
          if status then
            topic.busy = BUSY[status] and '1' or '0'
          else
            topic.busy = topic.busy or '0'
          end
        end
      end
      call('PUBLISH', ARGV[HEADER + 4 * (number - 1) + 2], notification)
    end
    if key > 0 then call('SET', KEYS[key], id, 'PX', ARGV[3]) end
  end
  ids[#ids + 1] = id
end

for _, topic in ipairs(touched) do
  trim(topic)
  store_meta(topic)
  store_snapshot(topic)
  store_tasks(topic, tonumber(ARGV[6]))
  call('ZADD', KEYS[3], string.format('%.0f', ms), topic.name)
  set_expiry(topic)
end

if ms then
  call('SET', KEYS[1], string.format('%.0f-%.0f', ms, seq))
  -- Once a minute is often enough to keep the index bounded.
  if math.floor(ms / 60000) ~= math.floor(started_ms / 60000) then
    call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.0f', ms - ARGV[5]))
  end
end
if sequence ~= '' then
  call('SET', KEYS[4], sequence .. ' ' .. table.concat(ids, ' '), 'PX', ARGV[2])
end
return ids
