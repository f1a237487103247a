"""The other side of main.go: faiss's IndexBinaryMultiHash on the same codes and
queries, which it makes by itself. It reads commands, a line each, and answers
each with a line of numbers:

    build             seconds, bytes of memory that the process grew by
    search FROM TO    seconds, and how many entries were found
"""

import sys
import time

try:
    import faiss
    import numpy
except ImportError as missing:
    sys.exit(f"{missing}; on Debian: apt-get install python3-faiss")

N, QUERIES = int(sys.argv[1]), int(sys.argv[2])
WORDS = 64  # of random numbers for each query, as in main.go


def splitmix(seed, start, count):
    """Words start to start+count of the sequence that begins with seed."""
    i = numpy.arange(start + 1, start + count + 1, dtype=numpy.uint64)
    z = numpy.uint64(seed) + i * numpy.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))


codes = splitmix(1, 0, 4 * N).reshape(N, 4)
queries = splitmix(2, 0, 4 * QUERIES).reshape(QUERIES, 4)
for q in range(0, QUERIES, 2):  # every other one is near a code
    r = splitmix(3, WORDS * q, WORDS)
    queries[q] = codes[int(splitmix(8, q, 1)[0]) % N]
    for bit in r[1 : 1 + int(r[0]) % 32]:
        bit = int(bit) % 256
        queries[q, bit // 64] ^= numpy.uint64(1 << (bit % 64))
codes, queries = codes.view(numpy.uint8), queries.view(numpy.uint8)

faiss.omp_set_num_threads(1)
print("ready", flush=True)
index = None
for line in sys.stdin:
    command = line.split()
    if command[0] == "build":
        index = None
        before, start = resident(), time.perf_counter()
        index = faiss.IndexBinaryMultiHash(256, 16, 16)
        index.nflip = 1
        index.add(codes)
        print(time.perf_counter() - start, resident() - before, flush=True)
    else:
        batch = queries[int(command[1]) : int(command[2])]
        start = time.perf_counter()
        limits, _, _ = index.range_search(batch, 32)  # nearer than 32: at most 31
        print(time.perf_counter() - start, limits[-1], flush=True)
