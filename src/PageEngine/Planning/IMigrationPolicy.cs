namespace PageEngine.Planning;

// Owns: the seam between the facts of the rounds and what to do next.

/// <summary>Decides after each round. Implementations are pure: the same state gives the same decision.</summary>
public interface IMigrationPolicy
{
    /// <summary>Decides what to do after the newest round of <paramref name="state"/>.</summary>
    MigrationDecision Decide(PlanningState state);
}
