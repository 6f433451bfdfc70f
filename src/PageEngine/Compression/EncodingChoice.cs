namespace PageEngine.Compression;

// Owns: the decision how the next batch of a stream goes out. Pure: it is told what the link and the encoders did, and what the
// user wants. A page costs the longer of two times, that of its encoder and that of its bytes on the link, because the socket's
// buffer lets both go on at once.

/// <summary>Compares what is sent and what encoding costs, with rates measured on this stream. One thread.</summary>
internal sealed class EncodingChoice
{
    /// <summary>An encoder must make the batch at least this much faster: it costs processor time that the guest could have.</summary>
    internal const double MinGain = 0.9;

    /// <summary>Nanoseconds of sending between two samples at first, and after the answer changed.</summary>
    internal const double FirstSampleInterval = 40e6;

    /// <summary>The most between two samples: what a guest's pages hold changes along its memory. The interval is doubled while
    /// the answer stays the same.</summary>
    internal const double MaxSampleInterval = 1e9;

    /// <summary>Samples before the interval grows: the runtime compiles an encoder better once it was used for a while.</summary>
    internal const int FirstSamples = 12;

    /// <summary>Pages after which a comparison that found nothing is given up.</summary>
    internal const int CacheTrialPages = 16_384;

    /// <summary>Rounds until it is tried again.</summary>
    internal const int RoundsWithoutCache = 8;

    // What comparing and keeping a page costs at worst, until it is measured: two copies, in nanoseconds a byte.
    private const double AssumedCacheCost = 0.5;

    // Nanoseconds a byte: 1.6 GB/s and 0.8 GB/s, above all that was measured on pages that do compress.
    private const double MinLz4Cost = 0.6;
    private const double MinZstdCost = 1.2;

    // An encoder that keeps the link waiting hides how fast the link is: after so many batches, some go out as they are.
    private const int IdleBatches = 8;
    private const int MaxIdleBatches = 256;
    private const int PlainBatches = 2;

    private const double Smoothing = 0.3;
    private const double SlowSmoothing = 0.1;

    private readonly PageCompression _compression;
    private readonly bool _hasCache;
    private readonly double _minLinkNanoseconds;
    private Estimate _lz4;
    private Estimate _zstd;
    private Estimate _cache;
    private double _linkNanoseconds; // for a byte; 0: not known
    private BlockCodec _codec;
    private double _clock; // time spent sending, in nanoseconds
    private double _nextSample;
    private double _interval = FirstSampleInterval;
    private int _samples;
    private long _comparedBytes;
    private long _savedBytes;
    private int _idle;
    private int _maxIdle = IdleBatches;
    private int _plainLeft;
    private int _cacheFrom;
    private int _comparedFrom = -1;

    /// <param name="compression">What the user wants.</param>
    /// <param name="hasCache">Whether pages can be compared.</param>
    /// <param name="linkLimitBytesPerSecond">The most that this stream may use of the link; 0: no limit.</param>
    internal EncodingChoice(PageCompression compression, bool hasCache, double linkLimitBytesPerSecond = 0)
    {
        _minLinkNanoseconds = linkLimitBytesPerSecond > 0 ? 1e9 / linkLimitBytesPerSecond : 0;
        _compression = compression;
        _hasCache = hasCache;
        _codec = compression switch
        {
            PageCompression.Lz4 => BlockCodec.Lz4,
            PageCompression.Zstd => BlockCodec.Zstd,
            _ => BlockCodec.Stored,
        };
    }

    /// <summary>Gets the link's rate in bytes per second; 0: not known yet.</summary>
    internal double LinkBytesPerSecond => _linkNanoseconds > 0 ? 1e9 / _linkNanoseconds : 0;

    /// <summary>Decides about the next batch.</summary>
    /// <param name="round">The round it belongs to.</param>
    /// <param name="isFirst">Whether this round sends every page for the first time: nothing to compare with, and too much to
    /// keep.</param>
    internal EncodingPlan Next(int round, bool isFirst)
    {
        if (_compression == PageCompression.Auto && IsLinkToBeMeasured())
        {
            return default;
        }

        bool cache = _hasCache && !isFirst && round >= _cacheFrom && (_compression != PageCompression.Auto || CacheGains());
        bool samples = false;
        if (_compression == PageCompression.Auto && _linkNanoseconds > 0 && IsWorthASample(BlockCodec.Lz4) && _clock >= _nextSample)
        {
            samples = true;
            _nextSample = _clock + _interval;
        }

        return new EncodingPlan(_codec, cache, samples);
    }

    /// <summary>Takes note of what the link took.</summary>
    /// <param name="bytes">Bytes that left the socket's buffer; above 0.</param>
    /// <param name="nanoseconds">In this time; above 0.</param>
    /// <param name="wasBusy">Whether the link had work all the time. If not, it is at least as fast as this.</param>
    internal void AddLink(long bytes, double nanoseconds, bool wasBusy)
    {
        _clock += nanoseconds;
        double cost = Math.Max(nanoseconds / bytes, _minLinkNanoseconds);
        if (_linkNanoseconds == 0)
        {
            _linkNanoseconds = cost;
        }
        else if (wasBusy)
        {
            _linkNanoseconds += Smoothing * (cost - _linkNanoseconds);
        }
        else
        {
            _linkNanoseconds = Math.Min(_linkNanoseconds, cost);
        }

        _idle = wasBusy ? 0 : _idle + 1;
    }

    /// <summary>Takes note of what an encoder did, in earnest or as a sample.</summary>
    internal void AddBlocks(BlockCodec codec, long before, long after, double nanoseconds)
    {
        if (codec == BlockCodec.Lz4)
        {
            _lz4.Add(before, after, nanoseconds);
        }
        else if (codec == BlockCodec.Zstd)
        {
            _zstd.Add(before, after, nanoseconds);
        }
    }

    /// <summary>Takes note of what comparing pages did.</summary>
    /// <param name="before">The bytes of all pages that were looked up.</param>
    /// <param name="after">What is left to be sent of them, before compression.</param>
    /// <param name="nanoseconds">What it took.</param>
    /// <param name="round">The round.</param>
    internal void AddCompared(long before, long after, double nanoseconds, int round)
    {
        _cache.Add(before, after, nanoseconds);
        _comparedFrom = _comparedFrom < 0 ? round + 1 : _comparedFrom; // Before that, nothing was kept.
        _comparedBytes += round >= _comparedFrom ? before : 0;
        _savedBytes += before - after;
        if (_compression == PageCompression.Auto && _comparedBytes > CacheTrialPages * (long)Memory.MemoryLayout.PageBytes)
        {
            if (_savedBytes < _comparedBytes * (1 - MinGain))
            {
                _cacheFrom = round + RoundsWithoutCache;
                _comparedFrom = -1;
            }

            _comparedBytes = 0;
            _savedBytes = 0;
        }
    }

    /// <summary>Gets whether a codec is worth a sample: none is faster than these on anything but pages that do not compress.</summary>
    internal bool IsWorthASample(BlockCodec codec) => _linkNanoseconds > (codec == BlockCodec.Lz4 ? MinLz4Cost : MinZstdCost);

    /// <summary>Chooses the codec anew, after samples.</summary>
    /// <param name="plan">What was decided before.</param>
    internal EncodingPlan Decide(EncodingPlan plan)
    {
        BlockCodec before = _codec;
        double best = _linkNanoseconds * MinGain;
        _codec = BlockCodec.Stored;
        Offer(BlockCodec.Lz4, _lz4, ref best);

        // Much more work than LZ4: it must gain as much again.
        best = _codec == BlockCodec.Stored ? best : best * MinGain;
        Offer(BlockCodec.Zstd, _zstd, ref best);
        _maxIdle = before == _codec ? _maxIdle : IdleBatches;
        bool isSettled = before == _codec && ++_samples > FirstSamples;
        _interval = isSettled ? Math.Min(_interval * 2, MaxSampleInterval) : FirstSampleInterval;
        _nextSample = _clock + _interval;
        return plan with { Codec = _codec };
    }

    private bool IsLinkToBeMeasured()
    {
        if (_plainLeft > 0)
        {
            _plainLeft--;
            _nextSample = _clock; // and then decide anew
            return _plainLeft > 0;
        }

        if (_codec == BlockCodec.Stored || _idle < _maxIdle)
        {
            return false;
        }

        _idle = 0;
        _maxIdle = Math.Min(_maxIdle * 2, MaxIdleBatches);
        _plainLeft = PlainBatches;
        return true;
    }

    private void Offer(BlockCodec codec, in Estimate estimate, ref double best)
    {
        if (estimate.IsKnown)
        {
            double cost = Math.Max(estimate.NanosecondsPerByte, estimate.Ratio * _linkNanoseconds);
            if (cost < best)
            {
                best = cost;
                _codec = codec;
            }
        }
    }

    private bool CacheGains()
    {
        if (_linkNanoseconds == 0)
        {
            return false;
        }

        double cost = _cache.IsKnown ? _cache.NanosecondsPerByte : AssumedCacheCost;

        // Where the link is the slower one, comparing costs no time, and only so it can be found out what it saves.
        return cost < _linkNanoseconds * MinGain;
    }

    private struct Estimate
    {
        internal double NanosecondsPerByte;
        internal double Ratio;

        internal readonly bool IsKnown => NanosecondsPerByte > 0;

        internal void Add(long before, long after, double nanoseconds)
        {
            if (before <= 0)
            {
                return;
            }

            // A faster run shows what the encoder can do; a slower one may have been interrupted.
            double weight = IsKnown ? Smoothing : 1;
            double cost = nanoseconds / before;
            NanosecondsPerByte = IsKnown && cost > NanosecondsPerByte ? NanosecondsPerByte + (SlowSmoothing * (cost - NanosecondsPerByte)) : cost;
            Ratio += weight * ((after / (double)before) - Ratio);
        }
    }
}
