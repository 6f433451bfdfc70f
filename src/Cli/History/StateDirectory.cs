namespace PageEngine.Cli.History;

// Owns: where this host keeps what outlives a run of the program: the history, who is migrating, the journals.

/// <summary>The directory of this user's (or this host's) migration state.</summary>
internal sealed class StateDirectory(string path)
{
    /// <summary>Gets the directory.</summary>
    public string Root { get; } = path;

    /// <summary>Gets where reports of ended migrations are.</summary>
    public string History => Path.Combine(Root, "history");

    /// <summary>Gets where the markers of running migrations are.</summary>
    public string Active => Path.Combine(Root, "active");

    /// <summary>Gets where the sessions keep their journals and locks.</summary>
    public string Journal => Path.Combine(Root, "journal");

    /// <summary>Gets where guests are that are held for an operator.</summary>
    public string Held => Path.Combine(Root, "held");

    /// <summary>Gets where it is noted which processes have guests of migrations that have not ended.</summary>
    public string Processes => Path.Combine(Root, "processes");

    /// <summary>Gets where this host's rights to run guests are that outlive a run of the program.</summary>
    public string Rights => Path.Combine(Root, "rights");

    /// <summary>Chooses the directory. Pure.</summary>
    /// <param name="variable">The environment.</param>
    /// <param name="isRoot">Whether the user is root, who keeps the state of the host.</param>
    public static StateDirectory Choose(Func<string, string?> variable, bool isRoot)
    {
        if (variable("PAGEENGINE_STATE") is { Length: > 0 } given)
        {
            return new StateDirectory(Path.GetFullPath(given));
        }

        if (isRoot)
        {
            return new StateDirectory("/var/lib/pageengine");
        }

        // The XDG rules: a relative path in the variable is to be ignored.
        if (variable("XDG_STATE_HOME") is { Length: > 0 } state && Path.IsPathRooted(state))
        {
            return new StateDirectory(Path.Combine(state, "pageengine"));
        }

        string home = variable("HOME") is { Length: > 0 } given2 ? given2 : Path.GetTempPath();
        return new StateDirectory(Path.Combine(home, ".local", "state", "pageengine"));
    }

    /// <summary>Makes the directories. Readable by their owner only: reports name hosts and guests.</summary>
    /// <exception cref="MigrationException">They cannot be made.</exception>
    public void Create()
    {
        try
        {
            foreach (string directory in (ReadOnlySpan<string>)[Root, History, Active, Journal, Processes, Rights])
            {
                Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException(
                MigrationErrorKind.Refused,
                $"The state directory {Root} cannot be made ({exception.Message}). Set PAGEENGINE_STATE to a directory that you can write.",
                exception);
        }
    }
}
