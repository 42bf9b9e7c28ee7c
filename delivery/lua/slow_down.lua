-- A receiver asks for less: halve the pace of this provider to this group, or be silent for a while and begin anew at a
-- tenth. KEYS: pace. ARGV: seconds of silence (0: none). Answer: the pace from now on, "" where nothing was changed.
-- What was under way comes back throttled together: one slow-down in HOLD_SECONDS.
-- A flow that has just begun is known too little to be halved to next to nothing.
local HOLD_SECONDS, LEAST_RATE, LEAST_FLOW, FLOW_SECONDS = 5, 0.1, 10, 10
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local silence = tonumber(ARGV[1])
local pace = redis.call('HMGET', KEYS[1], 'rate', 'flow', 'flow_at', 'changed_at', 'top', 'until')
local rate, changed = tonumber(pace[1]), tonumber(pace[4])
if silence == 0 and rate and changed and now - changed < HOLD_SECONDS then return '' end
if silence > 0 and (tonumber(pace[6]) or 0) > now then return '' end
local flow = (tonumber(pace[2]) or 0) * math.exp(((tonumber(pace[3]) or now) - now) / FLOW_SECONDS)
local base = rate or math.max(flow, LEAST_FLOW)
local top = tonumber(pace[5]) or base
local slower = math.max(LEAST_RATE, silence > 0 and base / 10 or base / 2)
redis.call('HSET', KEYS[1], 'rate', tostring(slower), 'tokens', '0', 'at', tostring(now + silence),
    'changed_at', tostring(now + silence), 'top', tostring(top))
if silence > 0 then redis.call('HSET', KEYS[1], 'until', tostring(now + silence)) end
redis.call('EXPIRE', KEYS[1], 86400)
return tostring(slower)
