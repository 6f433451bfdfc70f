namespace PageEngine.Cli.Commands;

// Owns: what is thrown when the arguments are wrong in a way that only the command itself can see.

/// <summary>The arguments are wrong. The message says what is wrong and gives an example that is right.</summary>
internal sealed class UsageException(string message) : Exception(message);
