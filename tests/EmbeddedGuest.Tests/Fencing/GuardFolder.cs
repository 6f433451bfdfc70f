using System.Net;
using PageEngine.EmbeddedGuest.Fencing;

namespace PageEngine.EmbeddedGuest.Tests.Fencing;

/// <summary>A guard's log in a directory of its own.</summary>
internal sealed class GuardFolder : IDisposable
{
    internal static readonly TimeSpan Short = TimeSpan.FromMilliseconds(1);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("guard-");

    internal string Log => Path.Combine(_directory.FullName, "effects.log");

    internal string Root => _directory.FullName;

    internal EffectGuard Start(int port = 0) => EffectGuard.Start(new IPEndPoint(IPAddress.Loopback, port), Log);

    public void Dispose() => _directory.Delete(recursive: true);

    /// <summary>Waits for something that must come, however slow the machine is.</summary>
    internal static async Task UntilAsync(Func<bool> condition, string otherwise)
    {
        for (int i = 0; i < 3000 && !condition(); i++)
        {
            await Task.Delay(5);
        }

        Xunit.Assert.True(condition(), otherwise);
    }
}
