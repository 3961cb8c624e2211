-- What the rules of a log are: a part of the scripts that say them.

-- Rules with what was set by hand: JSON both, put together as text, for servers of two
-- versions must write the same.
local function with_set(said, set)
  if set == '' then return said end
  return string.sub(said, 1, -2) .. ',"set":' .. set .. '}'
end

