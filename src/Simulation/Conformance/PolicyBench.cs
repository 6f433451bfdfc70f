using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using PageEngine.Planning;

namespace PageEngine.Simulation.Conformance;

// Owns: drawing cases for a policy, and shrinking the one that breaks a rule.

/// <summary>A policy and the settings of its suite.</summary>
internal sealed class PolicyBench(Func<IMigrationPolicy> create, PolicyConformanceOptions options) : IAsyncDisposable
{
    internal PolicyConformanceOptions Options => options;

    internal IMigrationPolicy Create()
    {
        IMigrationPolicy? policy = create();
        CheckVerdict.Require(policy is not null, "Making the policy gave nothing.");
        return policy;
    }

    /// <summary>Tries a rule on random migrations; the rule throws a <see cref="CheckVerdict"/> where it is broken.</summary>
    internal Task<string> ForAllAsync(Func<PlanningCase, PlanningCase> shape, Action<PlanningCase> rule)
    {
        var runner = new Findings();
        Config config = Config.Quick.WithMaxTest(options.Cases).WithRunner(runner)
            .WithReplay((ulong)(uint)options.Seed, 1); // The second number of a seed must be odd.
        Prop.ForAll(PlanningCase.Arbitrary, drawn => rule(shape(drawn))).Check(config);
        if (runner.Broken is { } broken)
        {
            CheckVerdict.Fail(broken, runner.Cause);
        }

        return Task.FromResult($"{options.Cases} random cases (seed {options.Seed}).");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Keeps what the property found instead of printing it.</summary>
    private sealed class Findings : IRunner
    {
        internal string? Broken { get; private set; }

        internal Exception? Cause { get; private set; }

        public void OnStartFixture(Type value)
        {
        }

        public void OnArguments(int value1, FSharpList<object> value2, FSharpFunc<int, FSharpFunc<FSharpList<object>, string>> value3)
        {
        }

        public void OnShrink(FSharpList<object> value1, FSharpFunc<FSharpList<object>, string> value2)
        {
        }

        public void OnFinished(string value1, TestResult value2)
        {
            if (value2 is TestResult.Failed failed)
            {
                Cause = failed.Item4 is Outcome.Failed outcome ? Innermost(outcome.Item) : null;
                string what = Cause is CheckVerdict or null ? Cause?.Message ?? "The rule is broken." : $"Deciding threw {Cause.GetType().Name}: {Cause.Message}";
                Broken = $"{what} The smallest case found: {string.Join(", ", failed.Item3)}";
            }
            else if (value2 is not TestResult.Passed)
            {
                Broken = $"The random cases ran out: {value2}";
            }
        }

        private static Exception Innermost(Exception e) =>
            e is AggregateException or System.Reflection.TargetInvocationException && e.InnerException is { } inner ? Innermost(inner) : e;
    }
}
