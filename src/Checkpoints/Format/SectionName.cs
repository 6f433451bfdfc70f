using System.Text;

namespace PageEngine.Checkpoints.Format;

// Owns: the names of sections and which payload versions of each are known. A name is eight bytes; what is not known is
// decided by the section's own flag: optional ones are skipped, required ones refused by their name.

/// <summary>A section's name as the eight bytes of the file.</summary>
/// <param name="Value">The bytes, the first one lowest.</param>
internal readonly record struct SectionName(ulong Value)
{
    internal static readonly SectionName Guest = Of("guest");
    internal static readonly SectionName Layout = Of("layout");
    internal static readonly SectionName Parent = Of("parent");
    internal static readonly SectionName Memory = Of("memory");
    internal static readonly SectionName Devices = Of("devices");
    internal static readonly SectionName Index = Of("index");
    internal static readonly SectionName End = Of("end");

    private static readonly SectionName[] _known = [Guest, Layout, Parent, Memory, Devices, Index, End];

    /// <summary>Gets whether this program knows the name; it knows version 1 of each.</summary>
    internal bool IsKnown
    {
        get
        {
            foreach (SectionName name in _known)
            {
                if (name.Value == Value)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Gets whether the name is one: lower-case letters, digits and dashes, then zeros.</summary>
    internal bool IsValid
    {
        get
        {
            ulong rest = Value;
            for (; (rest & 0xFF) != 0; rest >>= 8)
            {
                char letter = (char)(rest & 0xFF);
                if (!char.IsAsciiLetterLower(letter) && !char.IsAsciiDigit(letter) && letter != '-')
                {
                    return false;
                }
            }

            return rest == 0 && Value != 0;
        }
    }

    internal static SectionName Of(string name)
    {
        if (name.Length is 0 or > 8 || !Ascii.IsValid(name))
        {
            throw new ArgumentException("A section's name is 1 to 8 ASCII characters.", nameof(name));
        }

        ulong value = 0;
        for (int i = name.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | name[i];
        }

        return new SectionName(value);
    }

    public override string ToString()
    {
        var text = new StringBuilder(8);
        for (ulong rest = Value; rest != 0; rest >>= 8)
        {
            char letter = (char)(rest & 0xFF);
            text.Append(letter is > ' ' and < (char)127 ? letter : '?');
        }

        return text.ToString();
    }
}
