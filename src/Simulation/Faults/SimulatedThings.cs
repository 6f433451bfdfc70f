namespace PageEngine.Simulation.Faults;

// Owns: what faults are asked about: each thing with its kind and its number among those of its kind.

/// <summary>A kind of message between the hosts.</summary>
public enum SimulatedMessageKind
{
    /// <summary>Not a message.</summary>
    None = 0,

    /// <summary>A batch of pages.</summary>
    Pages = 1,

    /// <summary>The end of a round's pages.</summary>
    RoundEnd = 2,

    /// <summary>The destination has every page of a round.</summary>
    RoundAcknowledged = 3,

    /// <summary>A sign of life, either way.</summary>
    SignOfLife = 4,

    /// <summary>Everything was sent: check, load, and answer.</summary>
    Prepare = 5,

    /// <summary>The answer: the copy is complete.</summary>
    Prepared = 6,

    /// <summary>The destination may run.</summary>
    Commit = 7,

    /// <summary>The guest runs at the destination.</summary>
    Running = 8,

    /// <summary>The destination gave the guest back.</summary>
    HandedBack = 9,

    /// <summary>The source ended the attempt.</summary>
    Abort = 10,

    /// <summary>The destination ended the attempt and is not prepared.</summary>
    Refused = 11,
}

/// <summary>A message that is being sent.</summary>
/// <param name="Kind">What it says.</param>
/// <param name="From">Who sends it.</param>
/// <param name="Attempt">The attempt, from 0.</param>
/// <param name="Number">How many of this kind were sent before, in the whole run.</param>
public readonly record struct SimulatedMessage(SimulatedMessageKind Kind, SimulatedSide From, int Attempt, int Number);

/// <summary>What becomes of a message.</summary>
public record struct MessageFate
{
    /// <summary>Gets or sets whether it never arrives.</summary>
    public bool IsLost { get; set; }

    /// <summary>Gets or sets how much longer it is under way; others overtake it.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Gets or sets how many more times it arrives.</summary>
    public int Copies { get; set; }

    /// <summary>Gets or sets how much later than the one before each further copy arrives.</summary>
    public TimeSpan CopyDelay { get; set; }
}

/// <summary>A kind of request to the store.</summary>
public enum SimulatedStoreRequestKind
{
    /// <summary>Not a request.</summary>
    None = 0,

    /// <summary>Create an epoch.</summary>
    Create = 1,

    /// <summary>Read the highest epoch and the mark of the next one.</summary>
    Read = 2,

    /// <summary>Mark an epoch.</summary>
    Mark = 3,
}

/// <summary>A request to the store.</summary>
/// <param name="Kind">What is asked for.</param>
/// <param name="From">Who asks.</param>
/// <param name="Number">How many of this kind were made before by this side.</param>
public readonly record struct SimulatedStoreRequest(SimulatedStoreRequestKind Kind, SimulatedSide From, int Number);

/// <summary>What becomes of a request to the store.</summary>
public record struct StoreFate
{
    /// <summary>Gets or sets whether it is never carried out; who asked is told that the outcome is not known.</summary>
    public bool Fails { get; set; }

    /// <summary>Gets or sets whether it is carried out and the answer lost.</summary>
    public bool LosesAnswer { get; set; }

    /// <summary>Gets or sets how much longer it takes. Beyond the time allowed for a request the outcome is not known to who
    /// asked, and it is carried out all the same, late.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Gets or sets how many epochs a read lags behind; never behind the one that the attempt began from.</summary>
    public int StaleBy { get; set; }

    /// <summary>Gets or sets how many marks a read lags behind; never behind what its reader's own journal knows.</summary>
    public int StaleMarksBy { get; set; }
}

/// <summary>A kind of work of a host's own.</summary>
public enum SimulatedHostWorkKind
{
    /// <summary>Not a kind of work.</summary>
    None = 0,

    /// <summary>Write a journal entry.</summary>
    Journal = 1,

    /// <summary>Pause the guest.</summary>
    PauseGuest = 2,

    /// <summary>Resume the guest.</summary>
    ResumeGuest = 3,

    /// <summary>Raise the epoch at the guarded resources.</summary>
    RaiseGuards = 4,

    /// <summary>Check and load the copy.</summary>
    Restore = 5,

    /// <summary>Collect what was written.</summary>
    Collect = 6,
}

/// <summary>Work of a host's own that is about to begin.</summary>
/// <param name="Kind">What.</param>
/// <param name="On">Where.</param>
/// <param name="Number">How many of this kind were begun before on this side.</param>
public readonly record struct SimulatedHostWork(SimulatedHostWorkKind Kind, SimulatedSide On, int Number);

/// <summary>What becomes of a host's own work.</summary>
public record struct HostFate
{
    /// <summary>Gets or sets whether it fails without effect.</summary>
    public bool Fails { get; set; }

    /// <summary>Gets or sets, for a journal entry, whether it is written and reported as failed.</summary>
    public bool FailsAfterEffect { get; set; }

    /// <summary>Gets or sets how much longer it takes.</summary>
    public TimeSpan Delay { get; set; }
}

/// <summary>An effect that a side's table asked for and that is about to be carried out.</summary>
/// <param name="Name">Its name in the table.</param>
/// <param name="On">Which side.</param>
/// <param name="Attempt">The attempt, from 0.</param>
/// <param name="Number">How many effects this side carried out before, over all attempts and restarts.</param>
public readonly record struct SimulatedEffect(string Name, SimulatedSide On, int Attempt, int Number);

/// <summary>What becomes of a process before its next effect.</summary>
public record struct ProcessFate
{
    /// <summary>Gets or sets whether it dies instead.</summary>
    public bool Crashes { get; set; }

    /// <summary>Gets or sets whether the guest's memory outlives it.</summary>
    public bool KeepsMemory { get; set; }

    /// <summary>Gets or sets whether journal entries that were not flushed are gone too.</summary>
    public bool LosesPower { get; set; }

    /// <summary>Gets or sets when it comes back; null for never.</summary>
    public TimeSpan? RestartsAfter { get; set; }

    /// <summary>Gets or sets for how long it stands still first.</summary>
    public TimeSpan Pause { get; set; }
}
