-- What a topic's snapshot learns of an event, as job_states.py says: a part of append.lua,
-- which says what the keys are.
--
-- A topic here is a table: its keys `snapshot` and `tasks`, its `name`, and `busy` as it is
-- kept in its meta; what is learnt is collected in it and stored once for the batch.
-- It is learnt while the batch is being stored: whatever a hash may have in it, nothing
-- here may fail.
--
-- Made when a batch has such an event: most have none.

local function learning()
  local BUSY = { ['"queued"'] = true, ['"running"'] = true, ['"retrying"'] = true }
  local OPEN = { ['"queued"'] = true, ['"running"'] = true, ['"retrying"'] = true, ['"stalled"'] = true }
  local OVER = { ['"completed"'] = true, ['"failed"'] = true, ['"cancelled"'] = true }
  -- The lines of a job (see job_states.py): JSON, ids, a number; "" is none.
  local STATUS, ATTEMPT, CREATED, STARTED, TERMINAL, PARTS_OVER, PARENT, TASK, ERROR, RESULT =
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10
  local COLUMNS = { status = STATUS, attempt = ATTEMPT, error = ERROR, result = RESULT }
  -- Of jobs that are open, are kept though they are not, keep the topic from growing
  -- old, ended since it was at rest, and are left out.
  local COUNTS = { 'open', 'closed', 'busy', 'ended', 'left_out' }

  -- Whether it is one job's own topic.
  local function is_own(topic)
    if topic.own == nil then
      topic.own = string.match(topic.name, '^jobs/[^/]+$') ~= nil
      if not topic.own then topic.jobs, topic.set = {}, {} end
    end
    return topic.own
  end

  local function counts_of(topic)
    local counts = topic.counts
    if counts then return counts end
    counts = {}
    local stored = string.gmatch(redis.call('HGET', topic.snapshot, 'counts') or '', '%d+')
    for _, name in ipairs(COUNTS) do counts[name] = tonumber(stored() or 0) end
    topic.counts = counts
    return counts
  end

  local function lines_of(text)
    local lines = {}
    for line in string.gmatch(text .. '\n', '([^\n]*)\n') do lines[#lines + 1] = line end
    for i = #lines + 1, RESULT do lines[i] = '' end
    return lines
  end

  -- A job of this batch: its lines, as they are stored and once they are wanted one by one.
  local function job_of(topic, name)
    local job = topic.jobs[name]
    if not job then
      job = { stored = redis.call('HGET', topic.snapshot, '=' .. name) }
      topic.jobs[name] = job
    end
    return job
  end

  local function read_lines(job)
    if not job.lines and job.stored then job.lines = lines_of(job.stored) end
    return job.lines
  end

  -- The job that one of these lines is a part of, if that is known and not over.
  local function open_parent_of(topic, name, lines)
    local parent_name = lines[PARENT]
    if name == '' or parent_name == '' or parent_name == name then return end
    local parent = job_of(topic, parent_name)
    local parent_lines = read_lines(parent)
    if parent_lines and OPEN[parent_lines[STATUS]] then return parent, parent_lines end
  end

  -- A job began, ended or is run again: `before` was its status, nil if it is new.
  local function count(topic, name, lines, before)
    local counts, after = counts_of(topic), lines[STATUS]
    local was_open, is_open = OPEN[before], OPEN[after]
    local was_over, is_over = OVER[before], OVER[after]
    local others = counts.open - (was_open and 1 or 0)
    if not before and counts.left_out > 0 and after ~= '"queued"' then
      -- It was reported as queued before, so it is one of those.
      counts.left_out = counts.left_out - 1
    end
    if is_open and counts.open == 0 then counts.ended, counts.left_out = 0, 0 end
    if is_over ~= was_over then
      local parent, parent_lines = open_parent_of(topic, name, lines)
      if parent then
        local over = math.max(0, (tonumber(parent_lines[PARTS_OVER]) or 0) + (is_over and 1 or -1))
        parent_lines[PARTS_OVER] = string.format('%.0f', over)
        parent.stored, parent.changed = nil, true
      elseif is_over then
        counts.ended = counts.open > 0 and counts.ended + 1 or 1
      end
    end
    counts.open = others + (is_open and 1 or 0)
    counts.closed = counts.closed - ((before and not was_open) and 1 or 0) + (is_open and 0 or 1)
    counts.busy = counts.busy - (BUSY[before] and 1 or 0) + (BUSY[after] and 1 or 0)
    if counts.open == 0 then counts.left_out = 0 end
    topic.counted = true
    topic.busy = counts.busy > 0 and '1' or '0'
  end

  -- Read what an event reports of its job.
  local function read_news(event)
    local at = event.at
    event.json_task, event.job, event.parent = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7]
    event.first_change, event.last_change = event.last_topic + 1, event.first_unless - 1
    for change = event.first_change + 1, event.last_change, 2 do
      local name, value = ARGV[change], ARGV[change + 1]
      if name == 'progress' then
        event.progress = value
      elseif name == 'message' then
        event.message = value
      elseif name == 'attempt' and value ~= 'null' then
        event.attempt = value
      end
    end
    event.goes_on = '"running"\n' .. (event.attempt and event.attempt .. '\n' or '')
  end

  -- What an attempt reports after a later one of its job has begun changes nothing; the
  -- attempts of events of no job are not to be compared.
  local function is_stale(topic, event)
    if event.kind == 'T' or not event.attempt then return false end
    local known
    if is_own(topic) then
      known = topic.folded.attempt
      if known == nil then known = redis.call('HGET', topic.snapshot, 'attempt') end
    elseif event.job ~= '' then
      local job = job_of(topic, event.job)
      known = job.lines and job.lines[ATTEMPT]
        or job.stored and string.match(job.stored, '^[^\n]*\n([^\n]*)')
    end
    known = known and tonumber(known)
    return known and tonumber(event.attempt) < known
  end

  -- The first project that an event goes to, as JSON.
  local function project_of(event, by_number)
    for i = event.at + 9, event.last_topic do
      local name = by_number[math.abs(tonumber(ARGV[i]))].name
      if string.find(name, '^projects/[^/]+$') then return '"' .. name .. '"' end
    end
    return 'null'
  end

  local function fold_own(topic, id, event, by_number)
    -- Of its first event alone: later ones may be of others who may publish to it.
    if not topic.folded.project and not redis.call('HGET', topic.snapshot, 'project') then
      topic.folded.project = project_of(event, by_number)
    end
    for change = event.first_change + 1, event.last_change, 2 do
      local value = ARGV[change + 1]
      topic.folded[ARGV[change]] = value ~= 'null' and value
    end
    topic.folded.terminal = event.kind == 'T' and id
    local status = topic.folded.status
    if status then topic.busy = BUSY[status] and '1' or '0' end
  end

  -- Whether the event says of an open job, in the lines `stored`, how far it is and
  -- nothing else: its state, its names and all counts stay.
  local function goes_on(job, event)
    local stored = job.stored
    return event.kind == 'P' and stored
      and string.sub(stored, 1, #event.goes_on) == event.goes_on
      and string.sub(stored, -2) == '\n\n'
      and (event.json_task == '' or string.sub(stored, -3) ~= '\n\n\n')
      and (event.parent == '' or read_lines(job)[PARENT] ~= '')
  end

  local function fold_job(topic, id, event)
    local name = event.job
    local job = job_of(topic, name)
    if goes_on(job, event) then
      topic.set['~' .. name] = id .. '\n' .. event.progress
      if event.message then topic.set['^' .. name] = event.message end
      return
    end
    local lines = read_lines(job)
    local before = lines and lines[STATUS]
    if not lines then
      lines = { '', '', '', '', '', '0', '', '', '', '' }
      job.lines = lines
    end
    for change = event.first_change + 1, event.last_change, 2 do
      local column, value = COLUMNS[ARGV[change]], ARGV[change + 1]
      if column then lines[column] = value ~= 'null' and value or '' end
    end
    local status = lines[STATUS]
    if not before or (OPEN[status] and not OPEN[before]) then
      lines[CREATED], lines[STARTED], lines[PARTS_OVER] = id, '', '0'
    end
    if status == '"running"' and lines[STARTED] == '' then lines[STARTED] = id end
    lines[TERMINAL] = event.kind == 'T' and id or ''
    if lines[TASK] == '' then lines[TASK] = event.json_task end
    if lines[PARENT] == '' then lines[PARENT] = event.parent end
    job.stored, job.changed = nil, true
    local progress = event.progress
    if not progress then
      local last = topic.set['~' .. name] or redis.call('HGET', topic.snapshot, '~' .. name)
      progress = last and string.match(last, '\n(.*)$') or ''
    end
    topic.set['~' .. name] = id .. '\n' .. progress
    if event.message then topic.set['^' .. name] = event.message end
    if before ~= status then count(topic, name, lines, before) end
  end

  -- Forget those whose last event is oldest, beyond `kept`; return how many these were.
  local function forget_jobs(topic, kept, are_open)
    local flat, alike, last = redis.call('HGETALL', topic.snapshot), {}, {}
    for i = 1, #flat, 2 do
      if string.sub(flat[i], 1, 1) == '~' then last[string.sub(flat[i], 2)] = flat[i + 1] end
    end
    for i = 1, #flat, 2 do
      local status = string.match(flat[i + 1], '^[^\n]*')
      if string.sub(flat[i], 1, 1) == '=' and (OPEN[status] or false) == are_open then
        local name = string.sub(flat[i], 2)
        local job_ms, job_seq = string.match(last[name] or '', '^(%d+)-(%d+)\n')
        alike[#alike + 1] = {
          name = name, ms = tonumber(job_ms) or 0, seq = tonumber(job_seq) or 0,
          busy = BUSY[status] and 1 or 0,
        }
      end
    end
    table.sort(alike, function(a, b)
      return a.ms < b.ms or (a.ms == b.ms and a.seq < b.seq)
    end)
    for i = 1, #alike - kept do
      local name = alike[i].name
      redis.call('HDEL', topic.snapshot, '=' .. name, '~' .. name, '^' .. name)
      topic.counts.busy = topic.counts.busy - alike[i].busy
    end
    return math.max(0, #alike - kept)
  end

  local function store_jobs(topic, kept_open, kept_closed)
    local set = {}
    for name, job in pairs(topic.jobs) do
      if job.changed then
        set[#set + 1] = '=' .. name
        set[#set + 1] = table.concat(job.lines, '\n')
      end
    end
    for name, value in pairs(topic.set) do
      set[#set + 1] = name
      set[#set + 1] = value
    end
    -- A batch may be of more jobs than one call takes.
    for i = 1, #set, 1000 do
      redis.call('HSET', topic.snapshot, unpack(set, i, math.min(i + 999, #set)))
    end
    if not topic.counted then return end
    local counts = topic.counts
    if counts.open > kept_open then
      local forgotten = forget_jobs(topic, kept_open, true)
      counts.open, counts.left_out = counts.open - forgotten, counts.left_out + forgotten
    end
    if counts.closed > kept_closed then
      counts.closed = counts.closed - forget_jobs(topic, kept_closed, false)
    end
    local text = {}
    for _, name in ipairs(COUNTS) do text[#text + 1] = string.format('%.0f', counts[name]) end
    redis.call('HSET', topic.snapshot, 'counts', table.concat(text, ' '))
  end

  local function store_own(topic)
    local set, removed = {}, {}
    for name, value in pairs(topic.folded) do
      if value then
        set[#set + 1] = name
        set[#set + 1] = value
      else
        removed[#removed + 1] = name
      end
    end
    if #set > 0 then redis.call('HSET', topic.snapshot, unpack(set)) end
    if #removed > 0 then redis.call('HDEL', topic.snapshot, unpack(removed)) end
  end

  local function forget_oldest_tasks(topic, kept)
    local excess = redis.call('HLEN', topic.tasks) - kept
    if excess <= 0 then return end
    local flat, tasks = redis.call('HGETALL', topic.tasks), {}
    for i = 1, #flat, 2 do
      local task_ms, task_seq = string.match(flat[i + 1], '^(%d+)-(%d+) ')
      tasks[#tasks + 1] = { name = flat[i], ms = tonumber(task_ms) or 0, seq = tonumber(task_seq) or 0 }
    end
    table.sort(tasks, function(a, b)
      return a.ms < b.ms or (a.ms == b.ms and a.seq < b.seq)
    end)
    for i = 1, excess do redis.call('HDEL', topic.tasks, tasks[i].name) end
  end

  local function store_tasks(topic, kept)
    local added = 0
    for task, value in pairs(topic.last_of_task) do
      added = added + redis.call('HSET', topic.tasks, task, value)
    end
    if added > 0 then forget_oldest_tasks(topic, kept) end
  end

  return {
    read_news = read_news, is_stale = is_stale, is_own = is_own, counts_of = counts_of,
    fold_own = fold_own, fold_job = fold_job,
    store_own = store_own, store_jobs = store_jobs, store_tasks = store_tasks,
  }
end

