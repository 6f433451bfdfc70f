using PageEngine.Planning;
using PageEngine.Simulation.Faults;

namespace PageEngine.Simulation.Running;

// Owns: the rounds of one attempt at the source: what is pending, batch after batch over the streams, the barrier, the
// collect, the numbers, the policy's decision. A page is read when its batch leaves, after it was armed again.

internal sealed class PreCopyRounds
{
    private readonly World _world;
    private readonly SourceProcess _source;
    private readonly PageSet _pending;
    private readonly List<RoundStatistics> _rounds = [];
    private readonly IMigrationPolicy _policy;
    private readonly SwitchoverFixedCosts _fixed;
    private readonly TimeSpan[] _streamFree;
    private readonly TimeSpan _began;
    private int[] _toSend = [];
    private int _next;
    private int _round;
    private int _batches;
    private long _wireBytes;
    private int _zeroPages;
    private int _offered;
    private TimeSpan _roundBegan;
    private Action<bool>? _allSent;
    private bool _stops;

    public PreCopyRounds(World world, SourceProcess source)
    {
        _world = world;
        _source = source;
        _policy = world.Options.Policy();
        _fixed = world.Options.Costs.Fixed(world.Options.Link);
        _pending = new PageSet(world.Options.Guest.Pages);
        _streamFree = new TimeSpan[world.Options.Link.Streams];
        _began = world.Clock.Now;
    }

    public IReadOnlyList<RoundStatistics> Rounds => _rounds;

    public int Batches => _batches;

    public int Round => _round;

    public long RemainingPages { get; private set; }

    public double Throttle { get; private set; }

    public MigrationDecision? Decision { get; private set; }

    public SwitchoverPrediction? Predicted { get; private set; }

    public void Begin()
    {
        _world.Pages.StartTracing();
        _pending.AddAll();
        BeginRound();
    }

    public void End()
    {
        _world.Pages.StopTracing();
        Throttle = 0;
    }

    /// <summary>Collects, saves the device state, collects again, and sends what is left.</summary>
    /// <param name="collect">How long a collect takes.</param>
    /// <param name="done">Called when every batch has left, or with false when it was stopped.</param>
    public void RunLastPass(TimeSpan collect, Action<bool> done)
    {
        _stops = false;
        _source.After(collect, () =>
        {
            _world.Pages.CollectInto(_pending);
            _source.After(_world.Options.Costs.StateSave + collect, () =>
            {
                // Saving devices writes memory: the last collect comes after it.
                if (_source.Copy.IsHere)
                {
                    _world.Pages.Write(_source.Copy, 0);
                    _world.Pages.ChangeDevices(_source.Copy);
                }

                if (!_world.Options.Rules.CollectsBeforeSave)
                {
                    _world.Pages.CollectInto(_pending);
                }

                RemainingPages = _pending.Count;
                _round++;
                Send(done);
            });
        });
    }

    public void StopLastPass() => _stops = true;

    public void Acknowledged(int round)
    {
        if (round != _round || !_source.IsCopying)
        {
            return;
        }

        TimeSpan duration = _world.Clock.Now - _roundBegan;
        HostFate fate = _world.Faults.Of(SimulatedHostWorkKind.Collect, SimulatedSide.Source);
        TimeSpan harvest = _world.Options.Costs.HarvestOf(round) + fate.Delay;
        _world.LetGuestRun();
        int dirtied = _world.Pages.CollectInto(_pending);
        _rounds.Add(new RoundStatistics
        {
            Index = round,
            DirtyPages = _offered,
            SentPages = _offered - _zeroPages,
            ZeroPages = _zeroPages,
            WireBytes = _wireBytes,
            Duration = duration,
            HarvestDuration = harvest,
            DirtiedPages = dirtied,
            Throttle = Throttle,
        });
        if (_world.IsTracing)
        {
            _world.Say(_source.Name, $"round {round}: {_offered} pages in {duration.TotalMilliseconds:0.000} ms, {dirtied} written meanwhile");
        }

        // Twice the same acknowledgement must not end two rounds.
        _round++;
        _source.After(harvest, Decide);
    }

    private void Decide()
    {
        if (!_source.IsCopying)
        {
            return;
        }

        PlanningState state = SwitchoverEstimator.Assess(
            _rounds, _pending.Count, _world.Options.Guest.Pages, _fixed, _world.Clock.Now - _began,
            _world.Options.Guest.CanBeThrottled, Throttle);
        Predicted = state.Prediction;
        Decision = _policy.Decide(state);
        _world.Say(_source.Name, $"decides {Decision.Kind}: {Decision.Reason}");
        switch (Decision.Kind)
        {
            case DecisionKind.NextRound:
                BeginRound();
                break;
            case DecisionKind.Throttle when _world.Options.Guest.CanBeThrottled:
                _world.LetGuestRun();
                Throttle = Math.Clamp(Decision.Throttle, 0, 1);
                BeginRound();
                break;
            case DecisionKind.SwitchOver:
                _source.Decided();
                break;
            case DecisionKind.GiveUp:
                _source.GivesUp();
                break;
            default:
                throw new MigrationException(
                    MigrationErrorKind.Internal,
                    $"The policy decided {Decision.Kind}, which the simulated guest cannot do. A policy may only choose what PlanningState offers.");
        }
    }

    private void BeginRound()
    {
        _roundBegan = _world.Clock.Now;
        int round = _round;
        Send(_ =>
        {
            // Nothing that was sent can stay under way for longer than the network's own limit: then it is lost.
            _source.After(_world.Options.Timers.Network, () =>
            {
                if (_round == round)
                {
                    _source.TimesOut();
                }
            });
        });
    }

    private void Send(Action<bool> allSent)
    {
        _allSent = allSent;
        _toSend = _pending.Drain();
        _offered = _toSend.Length;
        _next = 0;
        _wireBytes = 0;
        _zeroPages = 0;
        Array.Fill(_streamFree, _world.Clock.Now);
        SendBatch();
    }

    private void SendBatch()
    {
        if (_stops || !_world.Network.IsConnected(SimulatedSide.Source, _source.Attempt) || !_source.Copy.IsHere)
        {
            _allSent!(false);
            return;
        }

        int stream = Array.IndexOf(_streamFree, _streamFree.Min());
        if (_streamFree[stream] > _world.Clock.Now)
        {
            _source.After(_streamFree[stream] - _world.Clock.Now, SendBatch);
            return;
        }

        if (_next == _toSend.Length)
        {
            EndRound();
            return;
        }

        _world.LetGuestRun();
        SimulatedLink link = _world.Options.Link;
        int[] pages = _toSend.AsSpan(_next, Math.Min(link.PagesPerBatch, _toSend.Length - _next)).ToArray();
        var versions = new uint[pages.Length];
        int zeros = 0;
        for (int i = 0; i < pages.Length; i++)
        {
            versions[i] = _source.Copy.Versions![pages[i]];
            zeros += versions[i] == 0 ? 1 : 0;
        }

        _next += pages.Length;
        _zeroPages += zeros;
        long bytes = ((long)(pages.Length - zeros) * link.WireBytesPerPage) + ((long)zeros * link.WireBytesPerZeroPage);
        _wireBytes += bytes;
        TimeSpan time = TimeSpan.FromSeconds(bytes * link.Streams / link.BandwidthOf(_round));
        _streamFree[stream] += time;
        _world.Network.Send(_source, SimulatedMessageKind.Pages, new Packet(_round, _batches++, 0, 0, pages, versions), time);
        SendBatch();
    }

    private void EndRound()
    {
        TimeSpan rest = _streamFree.Max() - _world.Clock.Now;
        _world.Network.Send(_source, SimulatedMessageKind.RoundEnd, new Packet(_round, 0, _batches, 0, null, null), rest);
        _source.After(rest, () => _allSent!(true));
    }
}
