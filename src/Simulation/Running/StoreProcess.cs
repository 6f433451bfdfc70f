using PageEngine.Ownership;
using PageEngine.Simulation.Faults;

namespace PageEngine.Simulation.Running;

// Owns: the ownership store: one record an epoch, marks that grow. A request is carried out in the middle of the time it
// takes; whoever asked hears nothing more after the time allowed, while the request may still be carried out. Invariant:
// a record, once created, never changes (a test may break that on purpose).

internal sealed class StoreProcess(World world, OwnershipRecord first)
{
    private readonly List<OwnershipRecord> _records = [first];
    private readonly List<OwnershipMark> _marks = [OwnershipMark.Running];
    private TimeSpan _downUntil;
    private TimeSpan _pausedUntil;

    public OwnershipRecord Head => _records[^1];

    public void TakeAway(TimeSpan duration) => _downUntil = world.Clock.Now + duration > _downUntil ? world.Clock.Now + duration : _downUntil;

    public void Pause(TimeSpan duration) => _pausedUntil = world.Clock.Now + duration > _pausedUntil ? world.Clock.Now + duration : _pausedUntil;

    public OwnershipMark MarkOf(ulong epoch) => epoch <= (ulong)_marks.Count ? _marks[(int)epoch - 1] : OwnershipMark.None;

    public void Create(SimulatedProcess client, OwnershipRecord record, Action<CreateOutcome> answer)
    {
        StoreFate fate = world.Faults.Of(SimulatedStoreRequestKind.Create, client.Side);
        var call = new Call<CreateOutcome>(client, CreateOutcome.Unknown, answer);
        Say(client, "asks the store to create", record);
        CarryOut(fate, call, () => Create(record));
    }

    public void Mark(SimulatedProcess client, ulong epoch, OwnershipMark mark, Action<bool> answer)
    {
        StoreFate fate = world.Faults.Of(SimulatedStoreRequestKind.Mark, client.Side);
        CarryOut(fate, new Call<bool>(client, false, answer), () => Mark(epoch, mark));
    }

    /// <summary>Reads the highest record, then the mark of the epoch after <paramref name="baseEpoch"/>. Null: unreadable.</summary>
    public void Read(SimulatedProcess client, ulong baseEpoch, OwnershipMark known, Action<(OwnershipRecord Record, OwnershipMark Mark)?> answer)
    {
        StoreFate fate = world.Faults.Of(SimulatedStoreRequestKind.Read, client.Side);
        var call = new Call<(OwnershipRecord, OwnershipMark)?>(client, null, answer);
        int stale = fate.StaleBy;
        int staleMarks = fate.StaleMarksBy;

        // Two reads: the record may be granted between them, the mark cannot be older than the record then.
        Timeout(call);
        TimeSpan third = world.Options.Costs.Store / 3;
        bool fails = fate.Fails;
        bool losesAnswer = fate.LosesAnswer;
        AtStore(fate.Delay + third, () =>
        {
            if (fails || IsDown)
            {
                return;
            }

            // Nobody reads behind the epoch that he began from: it was read before the attempt.
            OwnershipRecord record = _records[(int)Math.Max((long)Math.Min(baseEpoch, Head.Epoch) - 1, _records.Count - 1 - stale)];
            AtStore(third, () =>
            {
                if (IsDown)
                {
                    return;
                }

                OwnershipMark mark = (OwnershipMark)Math.Max((int)known, (int)MarkOf(baseEpoch + 1) - staleMarks);
                if (!losesAnswer)
                {
                    At(third, () => call.Answer((record, mark)));
                }
            });
        });
    }

    private bool IsDown => world.Clock.Now < _downUntil;

    private CreateOutcome Create(OwnershipRecord record)
    {
        if (record.Epoch == Head.Epoch + 1)
        {
            _records.Add(record);
            _marks.Add(OwnershipMark.None);
            world.RecordCreated(record);
            return CreateOutcome.Created;
        }

        if (record.Epoch > Head.Epoch)
        {
            return CreateOutcome.Conflict;
        }

        if (world.Options.Rules.EpochsCanBeCreatedTwice && _records[(int)record.Epoch - 1] != record)
        {
            _records[(int)record.Epoch - 1] = record;
            return CreateOutcome.Created;
        }

        return _records[(int)record.Epoch - 1] == record ? CreateOutcome.Created : CreateOutcome.Conflict;
    }

    private bool Mark(ulong epoch, OwnershipMark mark)
    {
        if (epoch > (ulong)_marks.Count)
        {
            return false;
        }

        _marks[(int)epoch - 1] = (OwnershipMark)Math.Max((int)_marks[(int)epoch - 1], (int)mark);
        if (world.IsTracing)
        {
            world.Say("Store", $"epoch {epoch} is marked {_marks[(int)epoch - 1]}");
        }

        return true;
    }

    private void CarryOut<T>(in StoreFate fate, Call<T> call, Func<T> act)
    {
        Timeout(call);
        if (fate.Fails)
        {
            return;
        }

        bool losesAnswer = fate.LosesAnswer;
        TimeSpan half = world.Options.Costs.Store / 2;
        AtStore(fate.Delay + half, () =>
        {
            if (IsDown)
            {
                return;
            }

            T result = act();
            if (!losesAnswer)
            {
                At(half, () => call.Answer(result));
            }
        });
    }

    // A store that stands still does later what it was asked to.
    private void AtStore(TimeSpan after, Action act) => At(after, () =>
    {
        if (world.Clock.Now < _pausedUntil)
        {
            AtStore(_pausedUntil - world.Clock.Now, act);
        }
        else
        {
            act();
        }
    });

    private void Timeout<T>(Call<T> call) => At(world.Options.Timers.Store, call.GiveUp);

    private void At(TimeSpan after, Action act) => world.Clock.Schedule(world.Clock.Now + after, new VirtualAct(null, 0, act));

    private void Say(SimulatedProcess client, string what, OwnershipRecord record)
    {
        if (world.IsTracing)
        {
            world.Say(client.Name, $"{what} epoch {record.Epoch} for {world.NameOf(record.Holder)}");
        }
    }

    // The answer reaches the process that asked, in the life in which it asked, once.
    private sealed class Call<T>(SimulatedProcess client, T unknown, Action<T> answer)
    {
        private readonly int _incarnation = client.Incarnation;
        private bool _done;

        public void Answer(T result)
        {
            if (!_done)
            {
                _done = true;
                if (client.Incarnation == _incarnation)
                {
                    client.After(TimeSpan.Zero, () => answer(result));
                }
            }
        }

        public void GiveUp() => Answer(unknown);
    }
}
