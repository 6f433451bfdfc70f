namespace PageEngine.Switchover;

// Owns: the answer of a transition table. A value of at most four effects, so that the happy path allocates nothing.

/// <summary>The next state and what the driver must do, in this order. The default value says "unexpected".</summary>
/// <typeparam name="TState">The machine's states; its zero is no state.</typeparam>
/// <typeparam name="TEffect">The machine's effects; its zero is no effect.</typeparam>
internal readonly record struct Transition<TState, TEffect>
    where TState : struct, Enum
    where TEffect : struct, Enum
{
    private readonly TEffect _first;
    private readonly TEffect _second;
    private readonly TEffect _third;
    private readonly TEffect _fourth;

    /// <summary>Makes an answer without effects.</summary>
    public Transition(TState state) => State = state;

    /// <summary>Makes an answer with one effect.</summary>
    public Transition(TState state, TEffect first)
    {
        State = state;
        _first = first;
        Count = 1;
    }

    /// <summary>Makes an answer with two effects.</summary>
    public Transition(TState state, TEffect first, TEffect second)
        : this(state, first)
    {
        _second = second;
        Count = 2;
    }

    /// <summary>Makes an answer with three effects.</summary>
    public Transition(TState state, TEffect first, TEffect second, TEffect third)
        : this(state, first, second)
    {
        _third = third;
        Count = 3;
    }

    /// <summary>Makes an answer with four effects.</summary>
    public Transition(TState state, TEffect first, TEffect second, TEffect third, TEffect fourth)
        : this(state, first, second, third)
    {
        _fourth = fourth;
        Count = 4;
    }

    /// <summary>Gets the state after the event.</summary>
    public TState State { get; }

    /// <summary>Gets the number of effects.</summary>
    public int Count { get; }

    /// <summary>Gets whether the event cannot occur in the state: a bug here, or a peer that breaks the protocol.</summary>
    public bool IsUnexpected => EqualityComparer<TState>.Default.Equals(State, default);

    /// <summary>Gets an effect, in the order in which they are to be carried out.</summary>
    public TEffect this[int index] => (uint)index >= (uint)Count
        ? throw new ArgumentOutOfRangeException(nameof(index))
        : index switch { 0 => _first, 1 => _second, 2 => _third, _ => _fourth };

    /// <summary>Tells whether an effect is among them.</summary>
    public bool Has(TEffect effect)
    {
        for (int i = 0; i < Count; i++)
        {
            if (EqualityComparer<TEffect>.Default.Equals(this[i], effect))
            {
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        if (IsUnexpected)
        {
            return "unexpected";
        }

        string effects = string.Join(", ", Enumerable.Range(0, Count).Select(Effect));
        return $"{State} [{effects}]";
    }

    private TEffect Effect(int index) => this[index];
}
