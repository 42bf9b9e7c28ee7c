-- Places that were granted and not used. KEYS: pace, then the limits. ARGV: places, then for each limit kind, amount,
-- seconds.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local places = tonumber(ARGV[1])
local pace = redis.call('HMGET', KEYS[1], 'rate', 'tokens')
if pace[1] and pace[2] then
    local burst = math.max(1, tonumber(pace[1]))
    redis.call('HSET', KEYS[1], 'tokens', tostring(math.min(burst, tonumber(pace[2]) + places)))
end
for i = 2, #KEYS do
    local place = 2 + (i - 2) * 3
    local kind, amount, seconds = ARGV[place], tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
    if kind == 'rate' then
        local tokens = redis.call('HGET', KEYS[i], 'tokens')
        if tokens then
            local burst = math.max(1, amount / seconds)
            redis.call('HSET', KEYS[i], 'tokens', tostring(math.min(burst, tonumber(tokens) + places)))
        end
    else
        local state = redis.call('HMGET', KEYS[i], 'period', 'used')
        if state[1] and tonumber(state[1]) == math.floor(now / seconds) then
            redis.call('HSET', KEYS[i], 'used', math.max(0, tonumber(state[2]) - places))
        end
    end
end
return 1
