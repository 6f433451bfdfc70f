using PageEngine.Reporting;

namespace PageEngine.Transport.Sessions;

// Owns: the three roles of one side: where each is, what each noticed and in which order, and that only the supervisor
// begins the handling of a failure, once. Any thread may report; the supervisor's own task begins and ends roles.

/// <summary>Supervisor, monitor and transport of one side of one migration.</summary>
internal sealed class SessionRoles
{
    // A broken peer can make every stream report; the first few tell the story.
    private const int MaxObservations = 16;

    private readonly Lock _gate = new();
    private readonly RoleState[] _states = new RoleState[(int)DetectedBy.Transport + 1];
    private readonly List<FailureObservation> _observations = [];
    private readonly List<Exception> _seen = [];
    private readonly TimeProvider _time;
    private readonly long _began;
    private MigrationIdentity _identity;
    private bool _initiated;

    internal SessionRoles(MigrationIdentity identity, TimeProvider time)
    {
        _identity = identity;
        _time = time;
        _began = time.GetTimestamp();
        Begin(DetectedBy.Supervisor);
    }

    /// <summary>Gets what was noticed, in order; the first is the cause.</summary>
    internal IReadOnlyList<FailureObservation> Observations
    {
        get
        {
            lock (_gate)
            {
                return [.. _observations];
            }
        }
    }

    /// <summary>Gets where a role is.</summary>
    internal RoleState this[DetectedBy role]
    {
        get
        {
            lock (_gate)
            {
                return _states[(int)role];
            }
        }
    }

    /// <summary>Takes over the identity that the handshake brought.</summary>
    internal void Identify(MigrationIdentity identity) => Volatile.Write(ref _identity, identity);

    /// <summary>A role begins.</summary>
    internal void Begin(DetectedBy role) => Move(role, RoleEvent.Began);

    /// <summary>A role noticed a failure. What was noticed twice counts once; after the end nobody listens.</summary>
    internal void Detect(MigrationException failure)
    {
        DetectedBy by = failure.DetectedBy == DetectedBy.None ? DetectedBy.Supervisor : failure.DetectedBy;
        lock (_gate)
        {
            if (_states[(int)DetectedBy.Supervisor] == RoleState.Ended || _seen.Contains(failure) || _seen.Count == MaxObservations)
            {
                return;
            }

            _seen.Add(failure);
            _observations.Add(new FailureObservation(_time.GetElapsedTime(_began), by, failure.Kind, failure.Phase, failure.Message, failure.FromPeer));

            // The guest has no role of its own: whoever called it is at a loss, and that is the supervisor.
            DetectedBy role = by == DetectedBy.Guest ? DetectedBy.Supervisor : by;
            if (RoleLifecycle.Next(_states[(int)role], RoleEvent.Detected) is { } next)
            {
                _states[(int)role] = next;
            }
        }

        MigrationIdentity identity = Volatile.Read(ref _identity);
        identity.Logger.Detected(identity.Id, identity.Side, by, failure.FromPeer ? "peer" : "this side", failure.Kind, failure.Message);
    }

    /// <summary>The supervisor begins to handle a failure. Only the first time counts.</summary>
    internal void Initiate(MigrationException cause)
    {
        Detect(cause);
        lock (_gate)
        {
            if (_initiated)
            {
                return;
            }

            _initiated = true;
        }

        MigrationIdentity identity = Volatile.Read(ref _identity);
        identity.Logger.HandlingBegins(identity.Id, identity.Side, cause.Kind, cause.Phase);
    }

    /// <summary>The supervisor ends a role, whether or not anything failed.</summary>
    /// <param name="role">The role.</param>
    /// <param name="cleanUp">Frees what it holds; called once, and never when it had not begun.</param>
    /// <param name="what">What that is, for the log.</param>
    internal async Task EndAsync(DetectedBy role, Func<Task> cleanUp, string what)
    {
        if (Move(role, RoleEvent.EndOrdered) != RoleState.Ending)
        {
            return;
        }

        try
        {
            await cleanUp().ConfigureAwait(false);
        }
        finally
        {
            Move(role, RoleEvent.CleanedUp);
            MigrationIdentity identity = Volatile.Read(ref _identity);
            identity.Logger.RoleEnded(identity.Id, identity.Side, role, what);
        }
    }

    /// <summary>The supervisor ends last: what comes later is not heard any more.</summary>
    internal Task EndSupervisorAsync() => EndAsync(DetectedBy.Supervisor, static () => Task.CompletedTask, "nothing is left to do");

    private RoleState Move(DetectedBy role, RoleEvent e)
    {
        lock (_gate)
        {
            RoleState before = _states[(int)role];
            RoleState next = RoleLifecycle.Next(before, e)
                ?? throw new MigrationException(MigrationErrorKind.Internal, $"The role {role} cannot take {e} while it is {before}.");
            _states[(int)role] = next;

            // Ended already, or somebody else is about to end it: the caller has nothing to do.
            return e == RoleEvent.EndOrdered && before == RoleState.Ending ? RoleState.Ended : next;
        }
    }
}
