namespace PageEngine.Cli.Commands;

// Owns: the end of a process whose parent is gone. Whatever way the parent ends, the kernel closes its end of our stdin.

/// <summary>Ends this process when its stdin closes.</summary>
internal static class ParentWatch
{
    /// <summary>Starts watching on a thread of its own.</summary>
    public static void Start()
    {
        Thread thread = new(WaitForEnd) { IsBackground = true, Name = "parent watch" };
        thread.Start();
    }

    private static void WaitForEnd()
    {
        using Stream input = Console.OpenStandardInput();
        Span<byte> ignored = stackalloc byte[64];
        while (input.Read(ignored) > 0)
        {
            // Nobody is expected to write here.
        }

        Environment.Exit(ExitCodes.Failed);
    }
}
