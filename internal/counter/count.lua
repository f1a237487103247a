-- Adds to one count and reads it. KEYS[1] is the count: a sorted set of its
-- elements by time, exact. A crowd has beside it, in the same slot, since the
-- name in braces is the same:
--   :f      the floor: the set has exactly what is after it
--   :h<n>   a HyperLogLog of the hour n
--   :d<n>   a HyperLogLog of the day n, if more than 49 hours are held
--   :s      their names by time, so that they can be found to be removed
--   :m      what was read last, by span; any change of a sketch ends it
-- ARGV: now, hold, exact, number of adds, then time and element of each add,
-- then from and to of each read. Times and spans are in seconds.
local set = KEYS[1]
local now, hold, exact, adds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local hour, day, hourly = 3600, 86400, 48 * 3600
local floor = tonumber(redis.call('GET', set .. ':f') or '-1')

local function newest()
	local last = redis.call('ZRANGE', set, -1, -1, 'WITHSCORES')[2]
	return math.max(tonumber(last or '-1'), floor)
end

local function sketch(name, ends, held, element)
	local changed = redis.call('PFADD', set .. name, element) == 1
	redis.call('EXPIRE', set .. name, math.max(ends, now) - now + held)
	if changed then
		redis.call('ZADD', set .. ':s', ends, name)
	end
	return changed
end

local function into_sketches(t, element)
	local h, d = math.floor(t / hour), math.floor(t / day)
	local changed = sketch(':h' .. h, (h + 1) * hour, math.min(hold, hourly + hour), element)
	if hold > hourly + hour then
		changed = sketch(':d' .. d, (d + 1) * day, hold, element) or changed
	end
	if changed then
		redis.call('DEL', set .. ':m')
	end
end

if adds > 0 then
	local last = newest()
	for i = 5, 4 + 2 * adds, 2 do
		local t, element = tonumber(ARGV[i]), ARGV[i + 1]
		if last < 0 or t + hold >= math.min(last, now) then
			if floor >= 0 then
				into_sketches(t, element)
			end
			if t > floor then
				redis.call('ZADD', set, 'GT', t, element)
			end
			last = math.max(last, t)
		end
	end
	local over = math.min(last, now) - hold
	redis.call('ZREMRANGEBYSCORE', set, '-inf', '(' .. over)
	if floor >= 0 and floor < over then
		redis.call('DEL', set .. ':f', set .. ':m') -- what was left out has expired: it is exact again
		floor = -1
	end
	local size = redis.call('ZCARD', set)
	if size > exact then
		if floor < 0 then
			local all = redis.call('ZRANGE', set, 0, -1, 'WITHSCORES')
			for i = 1, #all, 2 do
				into_sketches(tonumber(all[i + 1]), all[i])
			end
		end
		local middle = size - math.ceil(exact / 2)
		floor = tonumber(redis.call('ZRANGE', set, middle, middle, 'WITHSCORES')[2])
		redis.call('ZREMRANGEBYSCORE', set, '-inf', floor)
	end
	local ttl = math.max(last, now) - now + hold
	redis.call('EXPIRE', set, ttl)
	if floor >= 0 then
		redis.call('SET', set .. ':f', floor, 'EX', ttl)
		redis.call('ZREMRANGEBYSCORE', set .. ':s', '-inf', '(' .. over)
		redis.call('EXPIRE', set .. ':s', ttl + day)
	end
end

local function sketched(from, to)
	local unit, kind = hour, ':h'
	if to - from > hourly then
		unit, kind = day, ':d'
	end
	local first, last = math.floor((from + 1) / unit), math.floor(to / unit)
	local memo = kind .. first .. ':' .. last
	local known = redis.call('HGET', set .. ':m', memo)
	if known then
		return tonumber(known)
	end
	local names = {}
	for n = first, last do
		names[#names + 1] = set .. kind .. n
	end
	local n = redis.call('PFCOUNT', unpack(names))
	redis.call('HSET', set .. ':m', memo, n)
	redis.call('EXPIRE', set .. ':m', hour)
	return n
end

local counts = {}
for i = 5 + 2 * adds, #ARGV, 2 do
	local from, to = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
	local n = redis.call('ZCOUNT', set, '(' .. from, to)
	if from < floor then
		n = math.max(n, sketched(from, to))
	end
	counts[#counts + 1] = n
end
return counts
