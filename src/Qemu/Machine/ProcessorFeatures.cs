using System.Globalization;
using System.Text.Json;
using PageEngine.Qemu.Monitor;

namespace PageEngine.Qemu.Machine;

// Owns: the names of a virtual CPU's features. QEMU gives all CPUID words in one answer; asked by name, feature by feature, it
// takes 150 ms for its 400. Bits that are not named here are told by where they are, which compares as well. Pure.

/// <summary>Names the features in CPUID words.</summary>
internal static class ProcessorFeatures
{
    // By leaf, subleaf and register, from bit 0 on, as QEMU and Linux spell them; '-' where a bit has no name or no meaning
    // that a guest could use.
    private static readonly Dictionary<(long Leaf, long Subleaf, string Register), string[]> _names = new()
    {
        [(1, 0, "EDX")] = Words("fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"),
        [(1, 0, "ECX")] = Words("pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave - avx f16c rdrand hypervisor"),
        [(7, 0, "EBX")] = Words("fsgsbase tsc-adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm - - mpx - avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl"),
        [(7, 0, "ECX")] = Words("- avx512vbmi umip pku - waitpkg avx512vbmi2 - gfni vaes vpclmulqdq avx512vnni avx512bitalg - avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - movdiri movdir64b - sgxlc pks"),
        [(6, 0, "EAX")] = Words("- - arat"),
        [(13, 1, "EAX")] = Words("xsaveopt xsavec xgetbv1 xsaves"),
        [(0x80000001, 0, "EDX")] = Words("- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - fxsr-opt pdpe1gb rdtscp - lm 3dnowext 3dnow"),
        [(0x80000001, 0, "ECX")] = Words("lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid-msr - tbm topoext perfctr-core perfctr-nb"),
    };

    /// <summary>Gets the names of the features in an answer to <c>qom-get feature-words</c>.</summary>
    internal static IEnumerable<string> Of(JsonElement words)
    {
        foreach (JsonElement word in QmpElement.Items(words))
        {
            (long leaf, long subleaf, string register) place =
                (QmpElement.NumberOrNull(word, "cpuid-input-eax") ?? 0, QmpElement.NumberOrNull(word, "cpuid-input-ecx") ?? 0, QmpElement.TextOrNull(word, "cpuid-register") ?? "");
            string[] names = _names.GetValueOrDefault(place) ?? [];
            ulong features = (ulong)(QmpElement.NumberOrNull(word, "features") ?? 0);
            for (int bit = 0; bit < 32; bit++)
            {
                if ((features >> bit & 1) != 0)
                {
                    yield return bit < names.Length && names[bit] != "-"
                        ? names[bit]
                        : string.Create(CultureInfo.InvariantCulture, $"cpuid-{place.leaf:x}-{place.subleaf:x}-{place.register.ToLowerInvariant()}-{bit}");
                }
            }
        }
    }

    private static string[] Words(string names) => names.Split(' ');
}
