-- What became of a window at one provider. KEYS: circuit. ARGV: messages that the provider answered, messages for which
-- it could not be reached or fell silent, least failures, span of counting, first and longest time open (seconds).
-- Answer: "opened", "closed" or "". A closed circuit that is well has no key at all.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local good, bad, least, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local first, longest = tonumber(ARGV[5]), tonumber(ARGV[6])
local state = redis.call('HMGET', KEYS[1], 'state', 'until', 'since', 'good', 'bad', 'row', 'pause')
local pause = tonumber(state[7]) or 0

local function open()
    pause = math.min(longest, math.max(first, pause * 2))
    redis.call('HSET', KEYS[1], 'state', 'open', 'until', tostring(now + pause), 'pause', tostring(pause),
        'since', tostring(now), 'good', 0, 'bad', 0, 'row', 0)
    redis.call('EXPIRE', KEYS[1], 86400)
    return 'opened'
end

if state[1] == 'half' then
    if good > 0 and bad == 0 then
        redis.call('DEL', KEYS[1])
        return 'closed'
    end
    if bad > 0 then
        open()
    end
    return ''
end
-- what was under way when it opened tells nothing new
if state[1] == 'open' then return '' end

local since = tonumber(state[3]) or now
local total_good, total_bad, row = tonumber(state[4]) or 0, tonumber(state[5]) or 0, tonumber(state[6]) or 0
if now - since > span then since, total_good, total_bad = now, 0, 0 end
total_good, total_bad = total_good + good, total_bad + bad
row = good > 0 and 0 or row + 1
if (total_bad >= least and total_bad >= total_good) or row >= 3 then return open() end
redis.call('HSET', KEYS[1], 'state', 'closed', 'since', tostring(since), 'good', total_good, 'bad', total_bad, 'row', row)
redis.call('EXPIRE', KEYS[1], math.ceil(span) * 2)
return ''
