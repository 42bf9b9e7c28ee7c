-- One question for one window: how many places does this provider have now, under every limit that counts?
-- KEYS: circuit, pace, then the limits. ARGV: want, overdraw (0 or 1), probe size, probe seconds, then for each limit
-- its kind ("rate" or "quota"), amount and seconds. Answer: places, seconds to wait, why, 1 for a probe.
-- Nothing is taken unless something is granted; grants below a twentieth of a second's worth are not given, or four
-- workers would cut a rate into windows of one message each.
local LEAST_SHARE, EARN_SECONDS, EARN_FACTOR, FLOW_SECONDS, LATE_SECONDS = 0.05, 10, 1.25, 10, 3600

local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local want, overdraw = tonumber(ARGV[1]), tonumber(ARGV[2])
local probe_size, probe_seconds = tonumber(ARGV[3]), tonumber(ARGV[4])
local room, wait, why, probe = want, 0, '', 0
local writes = {}

local function deny(seconds, reason)
    room = 0
    if seconds > wait then wait, why = seconds, reason end
end

-- a token bucket: what it holds after the time that went by, or a denial. It never owes more than a second's worth:
-- what was borrowed at a high rate would else be paid back for hours at a low one
local function bucket(key, tokens, at, rate, reason)
    local burst = math.max(1, rate)
    tokens = math.min(burst, math.max(-burst, tokens) + math.max(0, now - at) * rate)
    local least = math.min(want, math.max(1, math.floor(rate * LEAST_SHARE)))
    local usable = tokens + overdraw * burst
    if usable < least then
        deny((least - usable) / rate, reason)
    else
        room = math.min(room, math.floor(usable))
    end
    -- who was told to wait may come back late: a bucket that was forgotten meanwhile would start empty again
    writes[#writes + 1] = { key = key, tokens = tokens, ttl = math.ceil(burst / rate) + LATE_SECONDS }
end

local circuit = redis.call('HMGET', KEYS[1], 'state', 'until')
if circuit[1] == 'open' or circuit[1] == 'half' then
    local shut = tonumber(circuit[2]) or 0
    if now < shut then return { 0, tostring(shut - now), 'circuit', 0 } end
    want = math.min(want, probe_size)
    room, probe = want, 1
end

local pace = redis.call('HMGET', KEYS[2], 'until', 'rate', 'tokens', 'at', 'flow', 'flow_at', 'changed_at', 'top')
local silent = tonumber(pace[1]) or 0
if now < silent then return { 0, tostring(silent - now), 'silence', 0 } end
local pace_rate = tonumber(pace[2])
if pace_rate and now - (tonumber(pace[7]) or now) >= EARN_SECONDS then
    pace_rate = pace_rate * EARN_FACTOR
    if pace_rate >= (tonumber(pace[8]) or 0) then
        pace_rate = nil
        redis.call('HDEL', KEYS[2], 'rate', 'tokens', 'at', 'changed_at', 'top', 'until')
    else
        redis.call('HSET', KEYS[2], 'rate', tostring(pace_rate), 'changed_at', tostring(now))
    end
end
if pace_rate then bucket(KEYS[2], tonumber(pace[3]) or 0, tonumber(pace[4]) or now, pace_rate, 'slowed') end

local quotas = {}
for i = 3, #KEYS do
    local place = 5 + (i - 3) * 3
    local kind, amount, seconds = ARGV[place], tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
    if kind == 'rate' then
        local state = redis.call('HMGET', KEYS[i], 'tokens', 'at')
        -- a bucket that is missing starts empty: after a restart of Redis nobody gets a burst for free
        bucket(KEYS[i], tonumber(state[1]) or 0, tonumber(state[2]) or now, amount / seconds, 'rate')
    else
        local period = math.floor(now / seconds)
        local state = redis.call('HMGET', KEYS[i], 'period', 'used')
        if not state[1] then return { 0, '0', 'unseeded:' .. (i - 3), 0 } end
        local used = 0
        if tonumber(state[1]) == period then used = tonumber(state[2]) or 0 end
        if used >= amount then
            deny((period + 1) * seconds - now, 'quota')
        else
            room = math.min(room, math.floor(amount - used))
        end
        quotas[#quotas + 1] = { key = KEYS[i], period = period, used = used, ttl = 2 * seconds }
    end
end

for _, one in ipairs(writes) do
    redis.call('HSET', one.key, 'tokens', tostring(one.tokens - room), 'at', tostring(now))
    if one.key ~= KEYS[2] then redis.call('EXPIRE', one.key, one.ttl) end
end
if room <= 0 then return { 0, tostring(wait), why, 0 } end
for _, one in ipairs(quotas) do
    redis.call('HSET', one.key, 'period', one.period, 'used', one.used + room)
    redis.call('EXPIRE', one.key, one.ttl)
end
-- the flow of late, so that "half of it" has a meaning where no rate is set
local flow = (tonumber(pace[5]) or 0) * math.exp(((tonumber(pace[6]) or now) - now) / FLOW_SECONDS) + room / FLOW_SECONDS
redis.call('HSET', KEYS[2], 'flow', tostring(flow), 'flow_at', tostring(now))
redis.call('EXPIRE', KEYS[2], 86400)
if probe == 1 then
    redis.call('HSET', KEYS[1], 'state', 'half', 'until', tostring(now + probe_seconds))
end
return { room, '0', '', probe }
