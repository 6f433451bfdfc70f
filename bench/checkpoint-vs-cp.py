"""The measurements of bench/checkpoint-vs-cp, which starts this."""
import json, os, resource, statistics, subprocess, sys, time

program, bench, work, size, pairs, parts, files_root = sys.argv[1:8]
pairs = int(pairs)
mib = int(size[:-3]) << (10 if size.endswith('GiB') else 0)


def at(name):
    return os.path.join(work, name)


def checkpoint(*words):
    began = time.monotonic()
    subprocess.run([program, 'checkpoint', *words, '--json', at('json')], check=True, stdout=subprocess.DEVNULL)
    return json.load(open(at('json'))) | {'commandMs': (time.monotonic() - began) * 1000}


def timed(command):
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, shell=True, check=True)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def lines_of(*words):
    text = subprocess.run([bench, *words], check=True, capture_output=True, text=True).stdout
    return [list(map(float, line.split())) for line in text.split('\n') if line]


def remove(*names):
    for name in names:
        if os.path.exists(at(name)):
            os.remove(at(name))


def show(name, ratios):
    print(f'{name}: min {min(ratios):.3f} / median {statistics.median(ratios):.3f} / max {max(ratios):.3f}', flush=True)


def warm(mib):
    # A virtual machine that reports free memory to its host gets it back page by page, at up to ten times the cost of a copy: have it
    # given back before the clock runs.
    block = b'x' * (1 << 20)
    with open(at('warm'), 'wb', buffering=0) as file:
        for _ in range(mib):
            file.write(block)
    remove('warm')


def raw():
    guest = ['--memory', size, '--fill', '50', '--workload', 'idle', '--warmup', '0ms', '--run-for', '0ms', '--paused', '--seed', '7']
    saves, restores, commands, cpus = [], [], [], []
    for pair in range(pairs):
        remove('raw', 'copy')
        warm(2 * mib)
        saved = checkpoint('save', at('raw'), *guest)
        warm(mib)
        cp, cpu = timed(f'cp {at("raw")} {at("copy")}')
        remove('copy')
        warm(2 * mib)
        restored = checkpoint('restore', at('raw'), '--run-for', '0ms')
        saves.append(cp * 1000 / saved['totalMs'])
        restores.append(cp * 1000 / restored['totalMs'])
        commands.append(cp * 1000 / restored['commandMs'])
        cpus.append(restored['cpuSeconds'] / cpu)
        print(f'pair {pair}: save {saved["totalMs"]:.0f} ms, restore {restored["totalMs"]:.0f} ms (whole command {restored["commandMs"]:.0f}), '
              f'cp {cp*1000:.0f} ms ({cpu:.2f} CPU s), {saved["fileBytes"]/2**20:.0f} MiB', flush=True)
    remove('raw')
    show('raw save, rate over cp', saves)
    show('raw restore, rate over cp', restores)
    show('raw restore, the whole command, rate over cp', commands)
    show('raw restore, processor seconds over cp', cpus)


def compressed():
    # Memory of programs: code and data as they stand in files, and as much that is empty.
    image, files = at('image'), []
    for folder, _, names in sorted(os.walk(files_root)):
        files += [os.path.join(folder, name) for name in sorted(names)]
    half = 256 << 20
    with open(image, 'wb') as out:
        for path in files:
            if out.tell() < half and not os.path.islink(path):
                data = open(path, 'rb').read(half - out.tell())
                out.write(data + b'\0' * (-len(data) % 4096))
        content = out.tell()
        out.truncate(2 * content)
    print(f'image: {content/2**20:.0f} MiB of files, as much zero')
    sizes, rates, peer_bytes = {}, {'lz4': [], 'zstd': []}, 0
    for pair in range(pairs):
        remove('peer')
        warm(1024)
        one, _ = timed(f'zstd -q -1 {image} -o {at("peer")}')
        peer_bytes = os.path.getsize(at('peer'))
        remove('peer')
        two, _ = timed(f'zstd -q -1 -T2 {image} -o {at("peer")}')
        for kind in ('lz4', 'zstd'):
            file_bytes, seconds = lines_of('checkpoint', image, at('out'), kind, '1')[0]
            sizes[kind] = file_bytes
            rates[kind].append(two / seconds)
        print(f'pair {pair}: zstd -1 {one:.2f} s, zstd -1 -T2 {two:.2f} s; lz4 {two/rates["lz4"][-1]:.2f} s, zstd {two/rates["zstd"][-1]:.2f} s', flush=True)
    print(f'zstd bytes over zstd -1: {sizes["zstd"]/peer_bytes:.3f} ({sizes["zstd"]/2**20:.1f} and {peer_bytes/2**20:.1f} MiB); lz4 {sizes["lz4"]/2**20:.1f} MiB')
    show('lz4 rate over zstd -1 -T2', rates['lz4'])
    show('zstd rate over zstd -1 -T2', rates['zstd'])
    remove('image', 'peer', 'out')


def increment():
    warm(6 << 10)
    parts = lines_of('increment', '1024', at('out'), str(pairs))
    show('increment of 1 %, bytes over the whole', [p[2] / p[0] for p in parts])
    show('increment of 1 %, time over the whole', [p[3] / p[1] for p in parts])


def lazy():
    # The same guest in memories of four sizes: what the first operation waits for, from when the command begins to work. What comes
    # before that is the start of any command: .NET's, and reading the command line; --version does that and little else.
    for memory in ('64MiB', '1GiB', '4GiB', '8GiB'):
        remove('lazy')
        checkpoint('save', at('lazy'), '--memory', memory, '--workload', 'hot:32MiB@200MiB/s', '--warmup', '0ms', '--run-for', '0ms', '--paused', '--seed', '7')
        first, startup = [], []
        for _ in range(pairs):
            warm(min(2 * {'64MiB': 64, '1GiB': 1024, '4GiB': 4096, '8GiB': 8192}[memory], 8 << 10) + 512)
            startup.append(timed(f'{program} --version >/dev/null')[0] * 1000)
            first.append(checkpoint('restore', at('lazy'), '--lazy', '--run-for', '0ms')['firstOperationMs'])
        print(f'lazy restore of {memory}, first operation: min {min(first):.1f} / median {statistics.median(first):.1f} / max {max(first):.1f} ms'
              f' from when the command begins; `--version` takes {min(startup):.1f} / {statistics.median(startup):.1f} / {max(startup):.1f} ms in all', flush=True)
    remove('lazy')


for part in parts.split(','):
    {'raw': raw, 'compressed': compressed, 'increment': increment, 'lazy': lazy}[part]()
