using System.CommandLine;
using System.CommandLine.Parsing;

namespace PageEngine.Cli.Commands;

// Owns: options of one word that has its own grammar, and the sentence said about a word that breaks it.

/// <summary>Parses a word.</summary>
/// <param name="text">The word.</param>
/// <returns>The value, or why it is none: the error continues the sentence "'word' ...".</returns>
internal delegate (T? Value, string? Error) WordParser<T>(string text);

/// <summary>An option of one word.</summary>
internal sealed class WordOption<T> : Option<T>
{
    private readonly T _otherwise;

    /// <summary>Makes an option.</summary>
    /// <param name="name">The name with its dashes.</param>
    /// <param name="helpName">What the help shows for the value.</param>
    /// <param name="description">What it does, with its default in words: the framework would print the parsed value.</param>
    /// <param name="otherwise">The value when the option is not given.</param>
    /// <param name="parser">Parses the word.</param>
    public WordOption(string name, string helpName, string description, T otherwise, WordParser<T> parser)
        : base(name)
    {
        _otherwise = otherwise;
        Description = description;
        HelpName = helpName;
        Arity = ArgumentArity.ExactlyOne;
        CustomParser = result => Parse(result, parser);
    }

    /// <summary>Gets the value of a command line.</summary>
    public T Read(ParseResult parsed) => parsed.GetResult(this) is null ? _otherwise : parsed.GetValue(this)!;

    /// <summary>Tells whether the option was given.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetResult(this) is not null;

    private T Parse(ArgumentResult result, WordParser<T> parser)
    {
        string word = result.Tokens[^1].Value;
        (T? value, string? error) = parser(word);
        if (error is not null)
        {
            result.AddError($"{Name}: '{word}' {error}.");
            return _otherwise;
        }

        return value!;
    }
}
