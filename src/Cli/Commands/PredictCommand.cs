using System.CommandLine;
using System.Globalization;
using PageEngine.Cli.Output;
using PageEngine.Planning;
using Spectre.Console;

namespace PageEngine.Cli.Commands;

// Owns: `predict`: rounds, total time and blackout from four numbers, without moving anything.

/// <summary>Forecasts a migration.</summary>
internal static class PredictCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        WordOption<long> memory = new("--memory", "SIZE", "The guest's memory.", 0, text => OptionParsers.Size(text) switch
        {
            (0, null) => (0, "is no memory; for example 2GiB"),
            var parsed => parsed,
        })
        { Required = true };
        WordOption<long> bandwidth = new("--bandwidth", "RATE", "The rate at which pages reach the destination.", 0, OptionParsers.PositiveRate) { Required = true };
        WordOption<long> dirtyRate = new("--dirty-rate", "RATE", "The rate at which the guest writes pages that were clean; 0B/s for an idle one.", 0, OptionParsers.Rate) { Required = true };
        WordOption<long?> workingSet = new(
            "--working-set", "SIZE", "The most that is dirty at once, however long a round takes. Default all of the memory.", null,
            text => OptionParsers.Size(text) is var (size, error) ? (size, error) : default);
        WordOption<TimeSpan> goal = new(
            "--goal", "TIME", "The longest blackout that is acceptable. Default 500ms.", TimeSpan.FromMilliseconds(500),
            text => OptionParsers.Duration(text) is var (time, error) && error is null && time == TimeSpan.Zero ? (time, "is no time; for example 500ms") : OptionParsers.Duration(text));
        WordOption<TimeSpan> fixedPart = new(
            "--fixed", "TIME", "The part of the blackout that does not depend on how much is left; a report of `demo` shows it. Default 0ms.",
            TimeSpan.Zero, OptionParsers.Duration);
        WordOption<int> maxRounds = new("--max-rounds", "N", "The most pre-copy rounds. Default 30.", 30, OptionParsers.Integer(1, 10_000));
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "predict",
            "Forecasts rounds, total time and blackout of a migration from the guest's size and the rates.",
            "pageengine predict --memory 2GiB --bandwidth 128MiB/s --dirty-rate 32MiB/s --goal 100ms",
            "pageengine predict --memory 64GiB --bandwidth 10Gbit/s --dirty-rate 500MiB/s --working-set 2GiB",
            "pageengine predict --memory 2GiB --bandwidth 1Gbit/s --dirty-rate 200MiB/s --json -")
        {
            memory, bandwidth, dirtyRate, workingSet, goal, fixedPart, maxRounds, json,
        };
        command.SetAction(parsed => Run(
            host,
            new PreCopyModelInput
            {
                MemoryBytes = memory.Read(parsed),
                BandwidthBytesPerSecond = bandwidth.Read(parsed),
                DirtyBytesPerSecond = dirtyRate.Read(parsed),
                WorkingSetBytes = workingSet.Read(parsed),
                Goal = goal.Read(parsed),
                Fixed = fixedPart.Read(parsed),
                MaxRounds = maxRounds.Read(parsed),
            },
            parsed.GetValue(json)));
        return command;
    }

    private static int Run(Host host, PreCopyModelInput input, string? json)
    {
        PreCopyForecast forecast = PreCopyModel.Predict(input);
        if (json is not null)
        {
            JsonOutput.Write(host, json, PredictionDocument.From(input, forecast), JsonContext.Documents.PredictionDocument);
        }

        if (json != JsonOutput.ToStdout)
        {
            Draw(Terminal.ForResults(host), input, forecast);
        }

        return ExitCodes.Done;
    }

    private static void Draw(IAnsiConsole console, PreCopyModelInput input, PreCopyForecast forecast)
    {
        Table table = TerminalReport.NewTable("round", "to send", "takes", "dirtied meanwhile");
        foreach (PreCopyForecastRound round in forecast.Rounds)
        {
            AddRow(table, round.Index.ToString(CultureInfo.InvariantCulture), round.SentBytes, round.Duration, MiB(round.LeftBytes));
        }

        AddRow(table, "paused", forecast.LastPassBytes, forecast.LastPass, "");
        console.Write(table);
        console.WriteLine($"total     {Seconds(forecast.Total)}, {MiB(forecast.TotalBytes)} sent");
        string fixedPart = input.Fixed > TimeSpan.Zero ? $", {Seconds(input.Fixed)} of it fixed" : "";
        console.WriteLine($"blackout  {Seconds(forecast.Blackout)}{fixedPart}");
        console.WriteLine(Verdict(input, forecast));
    }

    private static string Verdict(PreCopyModelInput input, PreCopyForecast forecast) => forecast.Outcome switch
    {
        PreCopyForecastOutcome.GoalMet => $"The goal of {Seconds(input.Goal)} is met after {Rounds(forecast.Rounds.Count)}.",
        PreCopyForecastOutcome.Stalled =>
            $"The goal of {Seconds(input.Goal)} cannot be met: what is left stops shrinking. Give it more bandwidth, a calmer guest or a longer goal.",
        _ => $"The goal of {Seconds(input.Goal)} is not met within {Rounds(forecast.Rounds.Count)}, but what is left still shrinks.",
    };

    private static void AddRow(Table table, string name, long bytes, TimeSpan time, string left) =>
        table.AddRow(new Text(name), new Text(MiB(bytes)), new Text(Seconds(time)), new Text(left));

    // A forecast is arithmetic: its digits are exact, and rounding would hide where they come from.
    private static string MiB(long bytes) => (bytes / 1048576.0).ToString("#,0.####", CultureInfo.InvariantCulture) + " MiB";

    private static string Seconds(TimeSpan time) => time == TimeSpan.MaxValue
        ? "for ever"
        : time.TotalSeconds.ToString("#,0.######", CultureInfo.InvariantCulture) + " s";

    private static string Rounds(int count) => count == 1 ? "1 round" : $"{count.ToString(CultureInfo.InvariantCulture)} rounds";
}
