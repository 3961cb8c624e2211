-- Append a batch of events atomically: every event gets the next id of the one
-- clock, is stored under each of its topics, and is notified.
--
-- KEYS
--   1  clock    2  birth    3  topics    (see position.lua)
--   4  batch: string "<sequence> <id>...", the publisher's last batch
--   5  rules     (see rules.lua)
--   then five for each topic t (from 1), at 5t+1 ... 5t+5:
--     stream    fields: "e", the entry; of a topic on which events are counted "n": how many
--               count up to this one, and "+" if this one does
--     meta      hash: last, trimmed (ids), reason ("trimmed", "expired" or
--               "deleted": then both ids are that of the deletion),
--               busy ("1" while a job runs, "0" at rest, none before any job),
--               parts (the id of the last part that is kept; "" or none for none),
--               push ("1" if its user has push subscriptions, see push.lua)
--     snapshot  of a job's own topic a hash: JSON by field name; terminal, an id;
--               of any other a hash of its jobs, events of no job being those of the
--               job "": "=<job id>" -> a line each (see jobs.lua), "~<job id>" -> the last
--               event's id and the progress, "^<job id>" -> the message; counts: COUNTS
--     tasks     hash: task -> "<id> <entry>"
--     parts     stream of the parts of what is not whole yet; "e", the entry; "w", the
--               name of the whole. They are in no other stream, so they are no events of
--               the topic's length, none that count, and are removed without a trace.
--   then idempotency keys, each a string: the id of the first event, or "-"
--   last, if a topic is a user's: due, of push.lua
-- ARGV
--   1  floor    2  bound    (see position.lua)
--   3  replicas that are waited for afterwards
--   4  sequence of the batch, or "" for no batch key
--   5  milliseconds a batch is remembered     6  the same, an idempotency key
--   7  milliseconds a topic's meta outlives it
--   8  milliseconds a topic stays in the index after its last event
--   9  tasks kept in a snapshot              10  jobs not over, the same
--  11  jobs over, the same                   12  parts kept of a topic
--  13  number of topics
--  14  the rules by which the rest was laid out
--   then five for each topic: its name, the name it is notified under,
--     events kept, milliseconds kept at rest, "1" if events are counted on it, "2" if
--     it is a user's besides
--   then for each event: entry, kind ("-", "T" terminal, "P" progress, "E" ephemeral,
--     "C" a part, "W" a whole, "B" both),
--     number of its idempotency key in KEYS (0: none), task ("" or "=<task>"), the
--     task as JSON, its job's id ("" none), the id of that one's parent ("" none),
--     number of topics, their numbers (below zero where it counts), number of changes, name and JSON of each,
--     number of idempotency keys that must not be there, their numbers in KEYS;
--     of kind C, W and B the name of the whole; of kind T the number in KEYS of the
--     checkpoint that goes with it (0: none)
-- Returns the ids in order, "-" for an ephemeral event; or the rules of the log, if they are
-- others: then nothing was done.

local HEADER = 14
local rules = look('HGET', KEYS[5], 'text')
if rules and rules ~= ARGV[14] then return rules end
local sequence = ARGV[4]
if sequence ~= '' then
  local stored = look('GET', KEYS[4])
  if stored then
    local words = {}
    for word in string.gmatch(stored, '%S+') do words[#words + 1] = word end
    if words[1] == sequence then
      table.remove(words, 1)
      return words
    end
  end
end

local touched, by_number = {}, {}

-- A topic that is going to be appended to.
local function topic_of(number)
  local key, arg = 5 * number + 1, HEADER + 5 * (number - 1)
  local meta = look('HMGET', KEYS[key + 1], 'last', 'busy', 'kept', 'parts', 'push')
  local topic = {
    stream = KEYS[key], meta = KEYS[key + 1],
    snapshot = KEYS[key + 2], tasks = KEYS[key + 3], parts = KEYS[key + 4],
    name = ARGV[arg + 1],
    max_length = tonumber(ARGV[arg + 3]), max_age = tonumber(ARGV[arg + 4]),
    length = look('XLEN', KEYS[key]),
    is_counted = ARGV[arg + 5] ~= '0', is_pushed = ARGV[arg + 5] == '2' and meta[5],
    last = meta[1], busy = meta[2],
    folded = {}, last_of_task = {}, coming = 0,
  }
  topic.kept_until = topic.length > 0 and tonumber(meta[3] or nil)
  local part = part_of(topic.last, meta[4], topic.parts)
  if part then
    topic.last_part, topic.part_count = part, look('XLEN', topic.parts)
  end
  if topic.last then
    if topic.length == 0 then
      local gone = look('HMGET', topic.meta, 'trimmed', 'reason')
      topic.trimmed, topic.reason = topic.last, gone[1] == topic.last and gone[2] or 'expired'
      topic.busy = topic.busy and '0'
    end
    log.raise(topic.last, topic.stream)
  elseif not meta[4] then
    topic.trimmed, topic.reason = lost_of(topic.name, topic.stream, topic.length)
  end
  if part then
    log.raise(part, topic.parts)
    if topic.part_count == 0 then
      topic.trimmed, topic.reason, topic.last_part = later_of(topic.trimmed, part), 'expired', ''
    end
  end
  by_number[number] = topic
  touched[#touched + 1] = topic
  return topic
end

-- Check that all may be done to a topic that appending to it may need.
local function check(topic)
  need('XADD', topic.stream, '*', 'e', '')
  need('PEXPIREAT', topic.stream, 1)
  need('HSET', topic.meta, 'last', '')
  if topic.is_counted then
    local last = look('XREVRANGE', topic.stream, '+', '-', 'COUNT', 1)[1]
    topic.counted = last and tonumber(string.match(last[2][4] or '', '^%d+') or nil) or 0
  end
  if topic.has_parts then
    topic.part_count = topic.part_count or look('XLEN', topic.parts)
    need('XADD', topic.parts, '*', 'e', '', 'w', '')
    need('XRANGE', topic.parts, '-', '+')
    need('XTRIM', topic.parts, 'MAXLEN', '=', 0)
    need('XDEL', topic.parts, '0-1')
  end
  if topic.has_parts or topic.last_part then need('PEXPIREAT', topic.parts, 1) end
  if topic.is_pushed then look('ZCARD', KEYS[#KEYS]) end
  if topic.length + topic.coming > topic.max_length then
    need('XTRIM', topic.stream, 'MAXLEN', '=', 1)
    need('XRANGE', topic.stream, '-', '+')
  end
  if topic.is_of_job then
    for _, key in ipairs({ topic.snapshot, topic.tasks }) do
      look('HLEN', key)
      need('HSET', key, 'f', '')
      need('HDEL', key, 'f')
    end
    need('HGET', topic.snapshot, 'f')
    need('HGETALL', topic.snapshot)
    need('HGETALL', topic.tasks)
  end
end

-- Look at every event: which are new, and all that those will write.
local events, known = {}, {}
local is_any_stored, is_any_of_job = false, false

local function look_at_key(number)
  local key = KEYS[number]
  if known[key] == nil then known[key] = look('GET', key) end
  return known[key]
end

local arg = HEADER + 5 * ARGV[13]
local last_arg = #ARGV
while arg < last_arg do
  local first_topic = arg + 8
  local last_topic = first_topic + ARGV[first_topic]
  local change_count = tonumber(ARGV[last_topic + 1])
  local first_unless = last_topic + 2 + 2 * change_count
  local kind, key, task = ARGV[arg + 2], tonumber(ARGV[arg + 3]), ARGV[arg + 4]
  -- Eight fields: more take twice the time. What only news needs, `read_news` adds.
  local event = {
    at = arg, kind = kind, key = key, task = task,
    last_topic = last_topic, first_unless = first_unless,
    last = first_unless + ARGV[first_unless], is_news = change_count > 0 or kind == 'T',
  }
  events[#events + 1] = event
  local is_parted = kind == 'C' or kind == 'W' or kind == 'B'
  local after = event.last
  if is_parted then
    after = after + 1
    event.name = ARGV[after]
  elseif kind == 'T' then
    after = after + 1
    event.checkpoint = KEYS[tonumber(ARGV[after])]
  end
  local is_of_job = event.is_news or task ~= ''
  is_any_of_job = is_any_of_job or is_of_job

  local is_known = key > 0 and look_at_key(key)
  for i = first_unless + 1, event.last do
    is_known = look_at_key(tonumber(ARGV[i])) or is_known
  end
  if key > 0 then
    if is_known then need('PEXPIRE', KEYS[key], 1) end
    need('SET', KEYS[key], '')
  end
  if not is_known then
    if event.checkpoint then need('PEXPIREAT', event.checkpoint, 1) end
    for i = first_topic + 1, last_topic do
      local number = math.abs(tonumber(ARGV[i]))
      local names = HEADER + 5 * (number - 1)
      need_channel(ARGV[names + 2], ARGV[names + 1])
      if kind ~= 'E' then
        is_any_stored = true
        local topic = by_number[number] or topic_of(number)
        topic.coming = topic.coming + 1
        topic.is_of_job = topic.is_of_job or is_of_job
        if is_parted then topic.has_parts = true end
      end
    end
  end
  arg = after
end
-- What of jobs.lua is needed, if anything is.
local jobs = is_any_of_job and learning()
-- Ids increase though the host's clock is set back: never below the last one.
local ms, seq, is_new_minute
if is_any_stored then
  for _, topic in ipairs(touched) do check(topic) end
  ms, seq = now(), -1
  if ms <= log.ms then ms, seq = log.ms, log.seq end
  -- Once a minute is often enough to keep the index bounded.
  is_new_minute = math.floor(ms / 60000) ~= math.floor(log.found_ms / 60000)
  need('SET', KEYS[1], '')
  if log.is_changed then need('SET', KEYS[2], '') end
  need('ZADD', KEYS[3], 0, '')
  need('ZREMRANGEBYSCORE', KEYS[3], 0, 0)
end
if sequence ~= '' then need('SET', KEYS[4], '') end
if tonumber(ARGV[3]) > 0 then need('WAIT', ARGV[3], 0) end

-- From here on it writes.

-- Remove the parts of what is whole now: it says all that they said.
local function remove_parts(topic, name)
  -- Arguments that one call of Lua may have, by far.
  local STEP = 1000
  if topic.part_count == 0 then return end
  local gone, left = {}, ''
  for _, part in ipairs(redis.call('XRANGE', topic.parts, '-', '+')) do
    if part[2][4] == name then gone[#gone + 1] = part[1] else left = part[1] end
  end
  if #gone == topic.part_count then
    redis.call('XTRIM', topic.parts, 'MAXLEN', '=', 0)
  else
    for i = 1, #gone, STEP do
      redis.call('XDEL', topic.parts, unpack(gone, i, math.min(i + STEP - 1, #gone)))
    end
  end
  topic.part_count, topic.last_part = topic.part_count - #gone, left
end

-- Keep a part apart; whether there is room for it there.
local function add_part(topic, id, entry, name)
  if topic.part_count >= tonumber(ARGV[12]) then return false end
  redis.call('XADD', topic.parts, id, 'e', entry, 'w', name)
  topic.part_count, topic.last_part = topic.part_count + 1, id
  topic.is_appended, topic.is_part_added = true, true
  return true
end

local digits = ms and string.format('%.0f', ms)
local ids, notifications = {}, {}
local last_id
for _, event in ipairs(events) do
  local kind, task = event.kind, event.task
  local key = event.key > 0 and KEYS[event.key]
  local id = key and known[key]
  for i = event.first_unless + 1, event.last do
    id = id or known[KEYS[tonumber(ARGV[i])]]
  end
  if id then
    -- Does nothing if it was the key of another that hit.
    if key then redis.call('PEXPIRE', key, ARGV[6]) end
  else
    if kind == 'E' then
      id = '-'
    else
      if log.is_changed and not last_id then redis.call('SET', KEYS[2], log.birth) end
      seq = seq + 1
      id = digits .. (seq == 0 and '-0' or string.format('-%.0f', seq))
      last_id = id
      -- The log stands behind an end, not at it: one position that no event has. So
      -- a reader that comes then is not taken for one that has been given the end.
      if kind == 'T' then
        seq = seq + 1
        last_id = id_of(ms, seq)
        if event.checkpoint then redis.call('PEXPIREAT', event.checkpoint, 1) end
      end
    end
    local entry = ARGV[event.at + 1]
    local notification = id .. ' ' .. entry
    if event.is_news then jobs.read_news(event) end
    for i = event.at + 9, event.last_topic do
      local number = tonumber(ARGV[i])
      local counts = number < 0
      if counts then number = -number end
      if kind ~= 'E' then
        local topic = by_number[number]
        local name, is_apart = event.name, false
        if name then
          if kind ~= 'C' then remove_parts(topic, name) end
          is_apart = kind ~= 'W' and add_part(topic, id, entry, name)
        end
        if is_apart then
          -- It is no event of the stream yet.
        elseif topic.is_counted then
          if counts then
            topic.counted = topic.counted + 1
            topic.is_due = topic.is_pushed
          end
          local counted = string.format(counts and '%.0f+' or '%.0f', topic.counted)
          redis.call('XADD', topic.stream, id, 'e', entry, 'n', counted)
        else
          redis.call('XADD', topic.stream, id, 'e', entry)
        end
        if not is_apart then
          topic.length = topic.length + 1
          topic.last, topic.is_appended = id, true
        end
        local stale = event.is_news and jobs.is_stale(topic, event)
        if event.is_news and not stale then
          if jobs.is_own(topic) then
            jobs.fold_own(topic, id, event, by_number)
          else
            jobs.fold_job(topic, id, event)
          end
        end
        if not stale and task ~= '' then
          topic.last_of_task[string.sub(task, 2)] = notification
        end
        if event.is_news or task ~= '' then
          if not topic.busy and not jobs.is_own(topic) then
            topic.busy = jobs.counts_of(topic).busy > 0 and '1' or '0'
          end
          topic.busy = topic.busy or '0'
        end
      end
      notifications[#notifications + 1] = ARGV[HEADER + 5 * (number - 1) + 2]
      notifications[#notifications + 1] = notification
    end
    if key then
      redis.call('SET', key, id, 'PX', ARGV[6])
      known[key] = id
    end
  end
  ids[#ids + 1] = id
end

-- Store what is known of a topic beside its events; its oldest are removed.
local function store(topic)
  local meta = topic.last and { 'last', topic.last } or {}
  local excess = topic.length - topic.max_length
  if excess > 0 then
    if excess > 1 then
      redis.call('XTRIM', topic.stream, 'MAXLEN', '=', topic.max_length + 1)
    end
    topic.trimmed = redis.call('XRANGE', topic.stream, '-', '+', 'COUNT', 1)[1][1]
    topic.reason = 'trimmed'
    redis.call('XTRIM', topic.stream, 'MAXLEN', '=', topic.max_length)
  end
  if topic.trimmed then
    for _, word in ipairs({ 'trimmed', topic.trimmed, 'reason', topic.reason }) do
      meta[#meta + 1] = word
    end
  end
  if topic.last_part then
    meta[#meta + 1] = 'parts'
    meta[#meta + 1] = topic.last_part
  end
  if topic.busy then
    meta[#meta + 1] = 'busy'
    meta[#meta + 1] = topic.busy
  end
  redis.call('ZADD', KEYS[3], digits, topic.name)
  if topic.is_due then
    redis.call('ZADD', KEYS[#KEYS], 'NX', string.format('%.0f', now()), string.match(topic.name, '[^/]+$'))
  end

  -- A topic at rest goes as a whole at one moment; its meta stays behind to distinguish
  -- a gap from nothing. One with a job that is not over is kept for longer, and each
  -- event defers that: a job that reports is never expired under its readers, and one
  -- whose queue was purged, or whose worker never came back, is forgotten.
  --
  -- Deferred by a thousandth more than is promised, so that most events, which come
  -- sooner than that, need not defer it.
  local at = ms + topic.max_age
  -- As lifetimes.py's SILENT_TTL: a week.
  if topic.busy == '1' then at = at + 7 * 24 * 3600 * 1000 end
  local later = at + math.floor(topic.max_age / 1000)
  local kept = topic.kept_until
  if kept and kept >= at and kept <= later and not topic.is_of_job then
    redis.call('HSET', topic.meta, unpack(meta))
    if topic.is_part_added then
      redis.call('PEXPIREAT', topic.parts, string.format('%.0f', kept))
    end
    return
  end
  local text = string.format('%.0f', later)
  meta[#meta + 1] = 'kept'
  meta[#meta + 1] = text
  redis.call('HSET', topic.meta, unpack(meta))
  redis.call('PEXPIREAT', topic.stream, text)
  local forgotten = later + ARGV[7]
  -- As push.py's SUBSCRIPTION_TTL: 400 days.
  if topic.is_pushed then forgotten = math.max(forgotten, ms + 400 * 24 * 3600 * 1000) end
  redis.call('PEXPIREAT', topic.meta, string.format('%.0f', forgotten))
  if topic.last_part then redis.call('PEXPIREAT', topic.parts, text) end
  if topic.busy then
    redis.call('PEXPIREAT', topic.snapshot, text)
    redis.call('PEXPIREAT', topic.tasks, text)
  end
end

if also then also(touched[1], last_id) end
for _, topic in ipairs(touched) do
  -- Unless all that was to come had the key of an event of the same batch.
  if topic.is_appended then
    if topic.own then
      jobs.store_own(topic)
    elseif topic.own == false then
      jobs.store_jobs(topic, tonumber(ARGV[10]), tonumber(ARGV[11]))
    end
    if topic.is_of_job then jobs.store_tasks(topic, tonumber(ARGV[9])) end
    store(topic)
  end
end

if last_id then
  redis.call('SET', KEYS[1], last_id)
  if is_new_minute then
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.0f', ms - ARGV[8]))
  end
end
if sequence ~= '' then
  redis.call('SET', KEYS[4], sequence .. ' ' .. table.concat(ids, ' '), 'PX', ARGV[5])
end
-- Last, for a notification cannot be taken back; nobody reads before the script ends.
for i = 1, #notifications, 2 do redis.call('PUBLISH', notifications[i], notifications[i + 1]) end
return ids
