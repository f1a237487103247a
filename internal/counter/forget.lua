-- Removes one count, KEYS[1], and all that count.lua keeps beside it.
local set = KEYS[1]
for _, name in ipairs(redis.call('ZRANGE', set .. ':s', 0, -1)) do
	redis.call('UNLINK', set .. name)
end
redis.call('UNLINK', set, set .. ':f', set .. ':s', set .. ':m')
