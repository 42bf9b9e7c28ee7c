-- May this key make one more request? KEYS: its bucket, its day. ARGV: requests a second (0: no limit), burst,
-- requests a day (0: no limit). Answer: 1 or 0, places left in the bucket, seconds until there is one, used today.
-- A bucket that Redis does not know is full, and a day that it does not know is unused.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local rate, burst, per_day = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local today, used = math.floor(now / 86400), 0

if per_day > 0 then
    local day = redis.call('HMGET', KEYS[2], 'day', 'used')
    if tonumber(day[1]) == today then used = tonumber(day[2]) end
    if used >= per_day then return { 0, '0', tostring((today + 1) * 86400 - now), used } end
end
local tokens = burst
if rate > 0 then
    local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
    if state[1] then tokens = math.min(burst, tonumber(state[1]) + math.max(0, now - tonumber(state[2])) * rate) end
    if tokens < 1 then return { 0, '0', tostring((1 - tokens) / rate), used } end
    tokens = tokens - 1
    redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
    redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
end
if per_day > 0 then
    redis.call('HSET', KEYS[2], 'day', today, 'used', used + 1)
    redis.call('EXPIRE', KEYS[2], 86400)
end
return { 1, tostring(tokens), '0', used + 1 }
